// What is shown of the state, said and kept in the address.

function place(element) {
  const number = Number(element.dataset.route);
  element.classList.toggle("current", number === current());
  element.classList.toggle("coming", number > state.lit);
  if (element.classList.contains("card")) {
    const link = element.querySelector("a");
    if (number === current()) link?.setAttribute("aria-current", "step");
    else link?.removeAttribute("aria-current");
  }
}

function say() {
  const count = total();
  const what = state.depth === "loss" ? "complete route" : "route";
  const plural = count === 1 ? what : `${what}s`;
  if (current() === null) return `All ${count} ${plural} of ${spoken(state.name, 0)}.`;
  if (current() === 0) return `${count} ${plural} of ${spoken(state.name, 0)}.`;
  const edges = state.depth === "loss" ? route(current()) : [[leaving.get(state.name)[current() - 1], 0]];
  const [edge] = edges[0];
  const way = edges.map(([item, step]) => spoken(item.target, step + item.lag)).join(", to ");
  const occurrence = edge.count > 1 && edges.length === 1 ? `, occurrence ${edge.occurrence} of ${edge.count}` : "";
  const [initial, ...others] = what;
  return `${initial.toUpperCase()}${others.join("")} ${current()} of ${count}: ${spoken(state.name, 0)} to ${way}${occurrence}.`;
}

function show({ keep = false } = {}) {
  state.lit = state.lit === Infinity ? Infinity : Math.max(0, Math.min(state.lit, total()));
  const following = state.depth === "loss";
  if (following) fillComplete();
  complete.hidden = !following;
  for (const article of findAll(".variable")) article.hidden = following || article.dataset.variable !== state.name;
  for (const radio of findAll("[name=variable]")) radio.checked = radio.value === state.name;
  const shown = following ? complete : findAll(".variable").find((item) => !item.hidden);
  shown.querySelectorAll("[data-route]").forEach(place);
  for (const depth of ["hop", "loss"]) find(`[data-action=${depth}]`).setAttribute("aria-pressed", String(state.depth === depth));
  find("[data-label=play]").textContent = timer ? "Pause" : "Play";
  draw();
  status.textContent = say();
  if (!keep) history.replaceState(null, "", `#${hash(state)}`);
}

function hash({ name, lit, depth }) {
  const number = lit === Infinity ? "all" : lit;
  return `v=${encodeURIComponent(name)}&i=${number}${depth === "loss" ? "&to=loss" : ""}`;
}

// Takes the state from the address; says whether the address holds one.
function restore() {
  const asked = new URLSearchParams(location.hash.slice(1));
  const name = asked.get("v");
  if (!names.includes(name)) return false;
  state.name = name;
  state.depth = asked.get("to") === "loss" ? "loss" : "hop";
  const number = asked.get("i");
  state.lit = number === "all" ? Infinity : Math.max(0, Number.parseInt(number, 10) || 0);
  return true;
}
