"use strict";
// The route explorer: which value, how far its routes are followed, and how many of them are lit.
(() => {
  const explorer = document.getElementById("explorer");
  const data = JSON.parse(document.getElementById("data").textContent);
  const LOSS = "J";
  const LAST = 1; // The window holds the steps t (0) and t+1 (1).
  const BATCH = 20;
  const PACE = 1600;

  const names = data.variables.map((variable) => variable.name);
  const leaving = new Map([...names, LOSS].map((name) => [name, []]));
  for (const edge of data.edges) leaving.get(edge.source).push(edge);
  const find = (selector) => explorer.querySelector(selector);
  const findAll = (selector) => [...explorer.querySelectorAll(selector)];
  const status = find("[role=status]");
  const complete = find(".complete");

  // `lit` counts the routes that are shown, the last of them as the current one; all of them is Infinity.
  const state = { name: names.find((name) => leaving.get(name).some((edge) => edge.lag)) ?? names[0], lit: 1, depth: "hop" };
  let timer = null;

  // --- Routes ---------------------------------------------------------------------------------------------------------

  // Complete routes one after another; a route is a list of [edge, step of its source].
  function* completeRoutes(name, step = 0) {
    for (const edge of leaving.get(name)) {
      const next = step + edge.lag;
      if (next > LAST) continue;
      if (edge.target === LOSS) yield [[edge, step]];
      else for (const rest of completeRoutes(edge.target, next)) yield [[edge, step], ...rest];
    }
  }

  // The routes of the value that have been asked for so far; more are made when they are needed.
  let known = { name: null, found: [], source: null };
  function route(number) {
    if (known.name !== state.name) known = { name: state.name, found: [], source: completeRoutes(state.name) };
    while (known.found.length < number) {
      const { value, done } = known.source.next();
      if (done) return undefined;
      known.found.push(value);
    }
    return known.found[number - 1];
  }

  const variable = () => data.variables.find((item) => item.name === state.name);
  const total = () => (state.depth === "loss" ? variable().complete : leaving.get(state.name).length);
  const current = () => (state.lit === Infinity ? null : state.lit);

  // Everything that a value's error already holds: the edges behind it, each with the step of its source.
  function behind(name, step) {
    const found = new Map();
    const waiting = [[name, step]];
    while (waiting.length) {
      const [source, at] = waiting.pop();
      for (const edge of leaving.get(source) ?? []) {
        const key = `${data.edges.indexOf(edge)}@${at}`;
        if (found.has(key)) continue;
        found.set(key, [edge, at]);
        if (edge.target !== LOSS && at + edge.lag <= LAST) waiting.push([edge.target, at + edge.lag]);
      }
    }
    return [...found.values()];
  }

  // --- Formulas -------------------------------------------------------------------------------------------------------

  const symbol = (name, step) => `<math>${data.symbols[name][step]}</math>`;
  const bracketed = (inner) => `<mrow><mo>(</mo>${inner}<mo>)</mo></mrow>`;

  // What a complete route adds: its factors, from the error at its end back to its source.
  function product(edges) {
    const [last, at] = edges.at(-1);
    let [text, form, negative] = [data.errors[last.source][at], "single", false];
    for (const [edge, step] of edges.slice(0, -1).reverse()) {
      for (const factor of edge.factors[step]) {
        negative = negative !== factor.negative;
        if (factor.kind === "matrix") {
          text = `${factor.math}${form === "single" ? text : bracketed(text)}`;
          form = "matrix";
        } else if (factor.math) {
          const joint = factor.kind === "scalar" ? '<mspace width="0.1667em"/>' : "<mo>⊙</mo>";
          text = `${factor.math}${joint}${form === "matrix" ? bracketed(text) : text}`;
          form = "product";
        }
      }
    }
    return `<math display="block">${negative ? "<mo>−</mo>" : ""}${text}</math>`;
  }

  const spoken = (name, step) => {
    const value = data.variables.find((item) => item.name === name)?.spoken ?? "the loss";
    return `${value} at t${step ? " plus 1" : ""}`;
  };

  function card(number, edges) {
    const made = document.createElement("li");
    made.className = "card";
    made.dataset.route = number;
    const nodes = [symbol(state.name, 0), ...edges.map(([edge, step]) => symbol(edge.target, step + edge.lag))];
    const arrow = ' <span class="arrow" role="img" aria-label="to">→</span> ';
    made.innerHTML =
      `<a class="badge-number" href="#${hash({ ...state, lit: number })}" aria-label="Route ${number}">${number}</a>` +
      `<span class="way">${nodes.join(arrow)}</span><span class="formula">${product(edges)}</span>`;
    return made;
  }

  function fillComplete() {
    const list = complete.querySelector("ol");
    if (complete.dataset.variable !== state.name) {
      list.replaceChildren();
      complete.dataset.variable = state.name;
      const heading = `All ${total()} routes from ${symbol(state.name, 0)} to the loss, in two steps`;
      complete.querySelector("h3").innerHTML = total() === 1 ? `The one route from ${symbol(state.name, 0)} to the loss, in two steps` : heading;
    }
    extend(Math.max(BATCH, list.childElementCount, Math.ceil((current() ?? 1) / BATCH) * BATCH));
  }

  function extend(wanted) {
    const list = complete.querySelector("ol");
    while (list.childElementCount < Math.min(wanted, total())) {
      const number = list.childElementCount + 1;
      const made = card(number, route(number));
      list.append(made);
      cut.observe(made.querySelector(".formula"));
    }
    const left = total() - list.childElementCount;
    const more = complete.querySelector("[data-action=more]");
    more.hidden = left <= 0;
    more.textContent = `Show ${Math.min(BATCH, left)} more of ${left}`;
  }

  // --- The circuit ----------------------------------------------------------------------------------------------------

  // The figure of the page once more, without its ids, and a layer above its wires for those that are lit.
  const stage = find(".stage");
  const figure = document.querySelector("#circuit .circuit").cloneNode(true);
  for (const element of figure.querySelectorAll("[id]")) element.removeAttribute("id");
  figure.querySelectorAll("title, desc").forEach((element) => element.remove());
  figure.setAttribute("aria-label", "The circuit of two steps; its values are picked by the buttons above as well.");
  figure.removeAttribute("aria-labelledby");
  figure.classList.add("dim");
  const overlay = svgElement("g", { class: "overlay" });
  figure.append(overlay);
  stage.append(figure);
  const firstNode = figure.querySelector(".node");
  for (const node of figure.querySelectorAll(".node")) {
    if (names.includes(node.dataset.node)) node.dataset.value = node.dataset.node;
  }

  function svgElement(tag, attributes = {}) {
    const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
    return made;
  }

  const drawn = (wire, step) => figure.querySelector(`.wire[data-wire="${wire}"][data-step="${step}"]`);
  const light = (node, step, kind = "lit") =>
    figure.querySelector(`.node[data-node="${node}"][data-step="${step}"]`)?.classList.add("lit", kind);

  // Marks wires, given by id and step, and lights the nodes at their ends. What is marked later lies above.
  function mark(wires, ...kinds) {
    for (const [wire, step] of wires) {
      const element = drawn(wire, step);
      if (!element) continue;
      element.classList.remove("known", "factor", "route", "now");
      element.classList.add(...kinds);
      const path = element.querySelector("path");
      if (kinds.includes("now")) path.setAttribute("pathLength", "1");
      else path.removeAttribute("pathLength");
      firstNode.before(element);
      const [source, target, lag] = data.wires[wire] ?? [wire.replace("exit-", ""), null, 0];
      light(source, step - lag);
      if (target) light(target, step);
    }
  }

  const wiresOf = ([edge, step], which) => edge[which].map((wire) => [wire, step + edge.lag]);
  const onward = ([edge, step]) => (step + edge.lag > LAST ? [[`exit-${edge.source}`, LAST]] : wiresOf([edge, step], "wires"));

  // A round number on a route, and the parameters it is multiplied by beside it.
  function tag(number, [edge, step]) {
    const path = edge.wires.length ? drawn(edge.wires[0], step + edge.lag)?.querySelector("path") : null;
    if (!path) return;
    const { x, y } = path.getPointAtLength(path.getTotalLength() * 0.62);
    const made = svgElement("g", { class: "tag" });
    made.append(svgElement("circle", { cx: x, cy: y, r: 7.5 }), svgElement("text", { x, y: y + 3.6 }));
    made.lastChild.textContent = number;
    if (edge.weights.length) {
      const label = svgElement("foreignObject", { class: "weight", x: x + 9, y: y - 25, width: 110, height: 24 });
      label.innerHTML = `<span xmlns="http://www.w3.org/1999/xhtml"><math>${edge.weights.join("<mo>,</mo>")}</math></span>`;
      made.append(label);
    }
    overlay.append(made);
  }

  function draw() {
    overlay.replaceChildren();
    for (const node of figure.querySelectorAll(".node.lit")) node.classList.remove("lit", "end");
    for (const wire of figure.querySelectorAll(".wire")) wire.classList.remove("known", "factor", "route", "now");
    light(state.name, 0, "end");
    const following = state.depth === "loss";
    const hops = leaving.get(state.name).map((edge) => [edge, 0]);
    if (current() === null) {
      mark((following ? behind(state.name, 0) : hops).flatMap(onward), "route");
      if (!following) hops.forEach((hop, index) => tag(index + 1, hop));
    } else if (current() > 0) {
      const edges = following ? route(current()) : [hops[current() - 1]];
      const [edge, step] = edges.at(-1);
      if (!following) mark(behind(edge.target, step + edge.lag).flatMap(onward), "known");
      mark(edges.flatMap((item) => wiresOf(item, "beside")), "factor");
      mark(edges.flatMap((item) => wiresOf(item, "wires")), "route", "now");
      if (!following) tag(current(), edges[0]);
      light(edge.target === LOSS ? `${LOSS}-${edge.source}` : edge.target, step + edge.lag, "end");
    }
    follow();
  }

  // Where the figure is wider than the screen, its lit part comes into view.
  function follow() {
    const lit = overlay.firstElementChild ?? figure.querySelector(".node.end");
    if (!lit || stage.scrollWidth <= stage.clientWidth) return;
    const [here, frame] = [lit.getBoundingClientRect(), stage.getBoundingClientRect()];
    stage.scrollBy({ left: here.left + here.width / 2 - frame.left - frame.width / 2 });
  }

  // What stands below the figure knows how high it is, since it stays in view.
  const frame = stage.closest("figure");
  new ResizeObserver(() => explorer.style.setProperty("--figure", `${frame.offsetHeight}px`)).observe(frame);

  stage.addEventListener("click", (event) => {
    const name = event.target.closest("[data-value]")?.dataset.value;
    if (name) act(() => go({ name, lit: 1 }));
  });

  // --- What is shown --------------------------------------------------------------------------------------------------

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

  // --- Links ----------------------------------------------------------------------------------------------------------

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

  // --- What a reader can do -------------------------------------------------------------------------------------------

  function stop() {
    clearInterval(timer);
    timer = null;
  }

  function go(change) {
    Object.assign(state, change);
    show();
    const lit = findAll(".card.current").find((item) => item.offsetParent !== null);
    lit?.scrollIntoView({ block: "nearest" });
  }

  const step = (by) => go({ lit: Math.max(1, Math.min(total(), current() === null ? (by > 0 ? 1 : total()) : current() + by)) });
  const choose = (by) => go({ name: names[(names.indexOf(state.name) + by + names.length) % names.length], lit: 1 });

  function play() {
    if (timer) {
      stop();
      show();
      return;
    }
    const tick = () => {
      if (current() !== null && current() < total()) step(1);
      else stop();
      show();
    };
    timer = setInterval(tick, PACE);
    if (current() === null || current() >= total()) state.lit = 1;
    show();
  }

  const actions = {
    previous: () => step(-1),
    next: () => step(1),
    play,
    all: () => go({ lit: Infinity }),
    hop: () => go({ depth: "hop", lit: 1 }),
    loss: () => go({ depth: "loss", lit: 1 }),
    more: () => {
      extend(complete.querySelector("ol").childElementCount + BATCH);
      show();
    },
  };

  const keys = {
    ArrowLeft: actions.previous,
    ArrowRight: actions.next,
    ArrowUp: () => choose(-1),
    ArrowDown: () => choose(1),
    a: actions.all,
    f: () => actions[state.depth === "hop" ? "loss" : "hop"](),
    " ": actions.play,
  };

  function act(action) {
    if (action !== actions.play && action !== actions.more) stop();
    action();
  }

  explorer.addEventListener("keydown", (event) => {
    const action = keys[event.key.length === 1 ? event.key.toLowerCase() : event.key];
    if (!action || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === " " && event.target.closest("button, a")) return;
    event.preventDefault();
    act(action);
    if (event.target.name === "variable") find("[name=variable]:checked").focus();
  });
  explorer.addEventListener("click", (event) => {
    const action = actions[event.target.closest("[data-action]")?.dataset.action];
    if (action) act(action);
  });
  explorer.addEventListener("change", (event) => {
    if (event.target.name === "variable") act(() => go({ name: event.target.value, lit: 1 }));
  });
  addEventListener("hashchange", () => {
    if (!restore()) return;
    act(() => show({ keep: true }));
    const { top, bottom } = explorer.getBoundingClientRect();
    if (top > innerHeight / 2 || bottom < 0) explorer.scrollIntoView();
  });

  // What is cut off by a narrow screen can be reached, and scrolled, by the keyboard.
  const cut = new ResizeObserver((entries) => {
    for (const { target } of entries) {
      if (target.scrollWidth > target.clientWidth) target.tabIndex = 0;
      else target.removeAttribute("tabindex");
    }
  });
  for (const element of document.querySelectorAll(".term, .formula, .growing")) cut.observe(element);

  // The data of the page as a file.
  const file = document.querySelector("[data-download]");
  file.href = URL.createObjectURL(new Blob([document.getElementById("data").textContent], { type: "application/json" }));

  const linked = restore();
  show({ keep: true });
  if (linked) {
    explorer.scrollIntoView({ behavior: "instant" });
    explorer.focus({ preventScroll: true });
  }
})();
