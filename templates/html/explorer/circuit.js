// The circuit: wires and nodes that a route runs through are lit.

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
