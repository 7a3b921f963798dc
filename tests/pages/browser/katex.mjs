// Parses every formula strictly: node katex.mjs PACKAGES < FORMULAS, a JSON list of texts in LaTeX.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";

const katex = createRequire(path.resolve(process.argv[2], "package.json"))("katex");
const formulas = JSON.parse(readFileSync(0, "utf-8"));
let failed = 0;
for (const latex of formulas) {
  try {
    katex.renderToString(latex, { displayMode: true, throwOnError: true, strict: "error", trust: false });
  } catch (error) {
    failed += 1;
    console.log(`FAILED: ${latex}\n  ${error.message}`);
  }
}
console.log(`${formulas.length - failed} passed, ${failed} failed`);
process.exitCode = failed || !formulas.length ? 1 : 0;
