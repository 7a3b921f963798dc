// What a reader can do: by buttons, by keys, by links.
const PACE = 1600;

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
