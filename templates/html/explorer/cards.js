// The cards of complete routes: each route with its product.
const BATCH = 20;

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
