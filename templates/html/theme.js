// Runs before the first paint: without scripts the page shows everything, with them the explorer takes over.
const root = document.documentElement;
root.classList.add("scripted");
const dark = matchMedia("(prefers-color-scheme: dark)");
let chosen = null;
try {
  chosen = localStorage.getItem("theme");
} catch {
  // A browser may refuse storage to a local file: the theme is then that of the system.
}
if (chosen === "light" || chosen === "dark") root.dataset.theme = chosen;

const shown = () => root.dataset.theme ?? (dark.matches ? "dark" : "light");
document.addEventListener("click", (event) => {
  if (!event.target.closest("[data-action=theme]")) return;
  root.dataset.theme = shown() === "dark" ? "light" : "dark";
  try {
    localStorage.setItem("theme", root.dataset.theme);
  } catch {
    // Kept for this page alone.
  }
});
