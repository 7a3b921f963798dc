// Finds cells by what stands in their names; without scripts the page shows all of them.
const search = document.getElementById("search");
const found = document.getElementById("found");
const nothing = document.getElementById("nothing");
const tiles = [...document.querySelectorAll("[data-search]")];
const families = [...document.querySelectorAll(".family")];

function filter() {
  const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
  let count = 0;
  for (const tile of tiles) {
    const shown = words.every((word) => tile.dataset.search.includes(word));
    tile.hidden = !shown;
    count += shown;
  }
  for (const family of families) family.hidden = !family.querySelector("[data-search]:not([hidden])");
  nothing.hidden = count > 0;
  found.textContent = words.length ? `${count} of ${tiles.length} cells` : `${tiles.length} cells`;
}

search.addEventListener("input", filter);
search.form.addEventListener("submit", (event) => {
  event.preventDefault();
  const shown = tiles.filter((tile) => !tile.hidden);
  if (shown.length === 1) shown[0].querySelector("a").click();
});
filter();
