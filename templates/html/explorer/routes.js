// The route explorer: which value, how far its routes are followed, and how many of them are lit.
const explorer = document.getElementById("explorer");
const data = JSON.parse(document.getElementById("data").textContent);
const LOSS = "J";
const LAST = 1; // The window holds the steps t (0) and t+1 (1).

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
