// Looks at pages in a real browser: node look.mjs PACKAGES SHOTS PAGE...
// PACKAGES is the folder in which package.json is installed; SHOTS is where screenshots go.
import { execFileSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import { pathToFileURL } from "node:url";

const [packages, shots, ...files] = process.argv.slice(2);
const require = createRequire(path.resolve(packages, "package.json"));
const puppeteer = require("puppeteer-core");
const axe = require("axe-core");

const WIDE = { width: 1280, height: 900 };
const PHONE = { width: 360, height: 760, isMobile: true, hasTouch: true };
const SMALLEST = 8;
const BROWSERS = 2;
const FLAGS = [
  ...["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"],
  ...["--disable-component-update", "--disable-sync"],
];

let passed = 0;
let failed = 0;

function expect(holds, what) {
  if (holds) passed += 1;
  else {
    failed += 1;
    console.log(`FAILED: ${what}`);
  }
}

// A page that notes every message, error and request that leaves its file.
async function open(browser, file, { view = WIDE, theme = "light", scripts = true, hash = "" } = {}) {
  const page = await browser.newPage();
  const url = pathToFileURL(path.resolve(file)).href;
  const noted = [];
  page.on("console", (message) => noted.push(`console: ${message.text()}`));
  page.on("pageerror", (error) => noted.push(`error: ${error.message}`));
  page.on("request", (request) => {
    const asked = request.url();
    if (asked.split("#")[0] !== url && !asked.startsWith("data:")) noted.push(`request: ${asked}`);
  });
  await page.setViewport(view);
  // What a reader chose on another page is forgotten: the theme is that of the system.
  await page.evaluateOnNewDocument(() => localStorage.clear());
  await page.setJavaScriptEnabled(scripts);
  await page.emulateMediaFeatures([
    { name: "prefers-color-scheme", value: theme },
    { name: "prefers-reduced-motion", value: "reduce" },
  ]);
  await page.goto(url + hash);
  return { page, noted };
}

async function accessible(page, what) {
  await page.evaluate(axe.source);
  const rules = { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"], resultTypes: ["violations"] };
  const { violations } = await page.evaluate((rules) => axe.run(rules), rules);
  const found = violations.map((item) => `${item.id} (${item.nodes.length}): ${item.nodes[0].html.slice(0, 160)}`);
  expect(found.length === 0, `${what}: ${found.join("; ")}`);
}

const measured = () => ({
  paper: getComputedStyle(document.body).backgroundColor,
  beyond: document.documentElement.scrollWidth - document.documentElement.clientWidth,
  letters: [...document.querySelectorAll(".plot text")].map((item) => {
    const { c, d } = item.ownerSVGElement.getScreenCTM();
    return parseFloat(getComputedStyle(item).fontSize) * Math.hypot(c, d);
  }),
});

const colours = () =>
  [...document.querySelectorAll("svg:is(.circuit, .plot), svg:is(.circuit, .plot) *")]
    .map((item) => getComputedStyle(item))
    .map(({ fill, stroke }) => `${fill} ${stroke}`)
    .join("; ");

async function looksRight(browser, file) {
  const name = path.basename(file, ".html");
  const drawn = {};
  const papers = {};
  for (const [kind, view] of Object.entries({ wide: WIDE, phone: PHONE })) {
    for (const theme of ["light", "dark"]) {
      const what = `${name}, ${kind}, ${theme}`;
      const { page, noted } = await open(browser, file, { view, theme });
      // The colours of a phone are those of a wide screen: there it is what is in sight that may differ.
      if (kind === "wide" || theme === "light") await accessible(page, what);
      const { paper, beyond, letters } = await page.evaluate(measured);
      papers[`${kind} ${theme}`] = paper;
      expect(beyond <= 0, `${what}: ${beyond} px wider than the screen`);
      expect(
        letters.every((size) => size >= SMALLEST),
        `${what}: letters of ${Math.min(...letters).toFixed(1)} px in a plot`,
      );
      await page.screenshot({ path: path.join(shots, `${name}-${kind}-${theme}.png`) });
      if (kind === "wide") {
        const before = await page.evaluate(colours);
        await page.click("[data-action=theme]");
        drawn[theme] = { before, after: await page.evaluate(colours) };
      }
      expect(noted.length === 0, `${what}: ${noted.join("; ")}`);
      await page.close();
    }
  }
  const themed = ["light", "dark"].every((theme) => papers[`wide ${theme}`] === papers[`phone ${theme}`]);
  expect(themed && papers["wide light"] !== papers["wide dark"], `${name}: not in the theme of the system`);
  const { light, dark } = drawn;
  expect(light.after === dark.before && dark.after === light.before, `${name}: pictures do not follow the theme button`);
  expect(!light.before || light.before !== dark.before, `${name}: pictures are the same in light and dark`);
}

const sections = () => [...document.querySelectorAll("main section[id]")].map((item) => item.id);
const hiddenBySelf = () =>
  [...document.querySelectorAll("main section[id], main article:not(.scripted-only)")]
    .filter((item) => !item.getClientRects().length)
    .map((item) => item.id || item.dataset.variable || item.className);

async function holdsWithoutScripts(browser, file) {
  const name = path.basename(file, ".html");
  const scripted = await open(browser, file);
  const plain = await open(browser, file, { scripts: false });
  const [wanted, found] = [await scripted.page.evaluate(sections), await plain.page.evaluate(sections)];
  expect(JSON.stringify(wanted) === JSON.stringify(found), `${name}, without scripts: sections ${found}, not ${wanted}`);
  const hidden = await plain.page.evaluate(hiddenBySelf);
  expect(hidden.length === 0, `${name}, without scripts: hidden are ${hidden}`);
  await plain.page.screenshot({ path: path.join(shots, `${name}-unscripted.png`) });
  await scripted.page.close();
  await plain.page.close();
}

const shown = () => ({
  variable: document.querySelector("#explorer [name=variable]:checked").value,
  said: document.querySelector("#explorer [role=status]").textContent,
  current: [...document.querySelectorAll("#explorer .card.current")]
    .filter((item) => item.offsetParent !== null)
    .map((item) => Number(item.dataset.route)),
  hash: location.hash,
});

// Walks every value and every route of its by keys, and opens the link of the last route of each.
async function walks(browser, file) {
  const name = path.basename(file, ".html");
  const { page, noted } = await open(browser, file);
  const { values, counts } = await page.evaluate(() => {
    const data = JSON.parse(document.getElementById("data").textContent);
    const values = data.variables.map((item) => item.name);
    return { values, counts: values.map((value) => data.edges.filter((edge) => edge.source === value).length) };
  });
  await page.focus("#explorer");
  const first = (await page.evaluate(shown)).variable;
  const visited = new Set();
  for (let turn = 0; turn < values.length; turn += 1) {
    const { variable } = await page.evaluate(shown);
    const count = counts[values.indexOf(variable)];
    visited.add(variable);
    let state = await page.evaluate(shown);
    for (let number = 1; number <= count; number += 1) {
      if (number > 1) await page.keyboard.press("ArrowRight");
      state = await page.evaluate(shown);
      const right = state.variable === variable && state.current.length === 1 && state.current[0] === number;
      expect(right && state.said.startsWith(`Route ${number} of ${count}:`), `${name}: ${variable} ${number}: ${JSON.stringify(state)}`);
    }
    if (count > 1) {
      const again = await open(browser, file, { hash: state.hash });
      const restored = await again.page.evaluate(shown);
      const same = restored.variable === variable && restored.current[0] === count && restored.hash === state.hash;
      expect(same, `${name}: the link ${state.hash} shows ${JSON.stringify(restored)}`);
      await again.page.close();
    }
    await page.keyboard.press("ArrowDown");
  }
  expect(visited.size === values.length, `${name}: the keys reach ${[...visited]} of ${values}`);
  expect((await page.evaluate(shown)).variable === first, `${name}: the keys do not come round`);
  await page.keyboard.press("a");
  expect((await page.evaluate(shown)).said.startsWith("All "), `${name}: A does not show all routes`);
  await page.keyboard.press("f");
  expect((await page.evaluate(shown)).hash.includes("to=loss"), `${name}: F does not follow to the loss`);
  await page.screenshot({ path: path.join(shots, `${name}-complete.png`) });
  expect(noted.length === 0, `${name}, walked: ${noted.join("; ")}`);
  await page.close();
}

async function searches(browser, file) {
  const { page, noted } = await open(browser, file);
  const visible = () => [...document.querySelectorAll("[data-search]")].filter((item) => item.offsetParent !== null).length;
  const all = await page.evaluate(visible);
  await page.type("#search", "peephole");
  const some = await page.evaluate(visible);
  expect(some > 0 && some < all, `index: a search finds ${some} of ${all} cells`);
  await page.type("#search", " nothing is called that");
  expect((await page.evaluate(visible)) === 0, "index: a search for what is not there finds cells");
  expect(noted.length === 0, `index, searched: ${noted.join("; ")}`);
  await page.close();
}

async function looksAt(browser, file) {
  const started = Date.now();
  await looksRight(browser, file);
  await holdsWithoutScripts(browser, file);
  const probe = await open(browser, file);
  const [explorer, search] = await probe.page.evaluate(() => [!!document.getElementById("explorer"), !!document.getElementById("search")]);
  await probe.page.close();
  if (explorer) await walks(browser, file);
  if (search) await searches(browser, file);
  console.log(`${path.basename(file)}: looked at in ${((Date.now() - started) / 1000).toFixed(1)} s`);
}

// Every browser takes one page after another, until none is left.
async function looksAtAll(executablePath, waiting) {
  const browser = await puppeteer.launch({ executablePath, headless: true, args: FLAGS });
  try {
    while (waiting.length) await looksAt(browser, waiting.shift());
  } finally {
    await browser.close();
  }
}

mkdirSync(shots, { recursive: true });
const executablePath = execFileSync("sh", ["-c", "command -v chromium"], { encoding: "utf-8" }).trim();
const waiting = [...files];
await Promise.all(Array.from({ length: BROWSERS }, () => looksAtAll(executablePath, waiting)));
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed ? 1 : 0;
