// What the page does once it is there.

// What is cut off by a narrow screen can be reached, and scrolled, by the keyboard.
const cut = new ResizeObserver((entries) => {
  for (const { target } of entries) {
    if (target.scrollWidth > target.clientWidth) target.tabIndex = 0;
    else target.removeAttribute("tabindex");
  }
});
for (const element of document.querySelectorAll("p:has(> math), .term, .formula, .growing")) cut.observe(element);

// The data of the page as a file.
const file = document.querySelector("[data-download]");
file.href = URL.createObjectURL(new Blob([document.getElementById("data").textContent], { type: "application/json" }));

const linked = restore();
show({ keep: true });
if (linked) {
  explorer.scrollIntoView({ behavior: "instant" });
  explorer.focus({ preventScroll: true });
}
