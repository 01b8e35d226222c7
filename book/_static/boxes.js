// A box that holds more than the screen shows says so, and the keyboard reaches it. A formula
// that nearly fits is set smaller instead.
(() => {
  const BOXES =
    ".table-scroll, .pst-scrollable-table-container, article div.highlight pre, " +
    '.picture.wide, article mjx-container[display="true"]';
  const SMALLEST = 0.65; // of its size: a formula does not become smaller than that

  function fit(formula) {
    formula.style.removeProperty("font-size");
    const share = formula.clientWidth / formula.scrollWidth;
    if (share < 1 && share >= SMALLEST) {
      const size = parseFloat(getComputedStyle(formula).fontSize);
      formula.style.fontSize = `${Math.floor(10 * size * share) / 10}px`;
    }
  }

  function mark(box) {
    if (box.matches("mjx-container")) fit(box);
    const cut = box.scrollWidth > box.clientWidth + 1;
    box.toggleAttribute("data-scrolls", cut);
    if (cut && !box.hasAttribute("tabindex")) box.tabIndex = 0;
  }

  function all() {
    document.querySelectorAll(BOXES).forEach(mark);
    document.documentElement.setAttribute("data-boxes", "");
  }

  async function start() {
    if (window.MathJax && MathJax.startup) await MathJax.startup.promise;
    all();
    new ResizeObserver(all).observe(document.querySelector("article"));
    document.addEventListener("toggle", all, true);
  }

  if (document.readyState === "complete") start();
  else addEventListener("load", start);
})();
