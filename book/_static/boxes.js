// A box that holds more than the screen shows says so, and the keyboard reaches it. A formula
// that nearly fits is set smaller instead, and a table more tightly.
(() => {
  const BOXES =
    ".table-scroll, .pst-scrollable-table-container, article div.highlight pre, " +
    'article mjx-container[display="true"], article span.math';
  const SMALLEST = 0.55; // of its size: a formula does not become smaller than that

  const wide = (box) => box.scrollWidth > box.clientWidth + 1;

  function fit(box) {
    const formula = box.matches("span.math") ? box.querySelector("mjx-container") : box;
    const share = box.clientWidth / box.scrollWidth;
    if (!formula || share < SMALLEST) return;
    const size = parseFloat(getComputedStyle(formula).fontSize);
    formula.dataset.size = formula.style.fontSize;
    formula.style.fontSize = `${Math.floor(10 * size * share) / 10}px`;
  }

  function reset(box) {
    box.removeAttribute("data-scrolls");
    box.classList.remove("tight");
    for (const formula of [box, ...box.querySelectorAll(":scope > mjx-container")]) {
      if (!("size" in formula.dataset)) continue;
      formula.style.fontSize = formula.dataset.size;
      delete formula.dataset.size;
    }
  }

  function mark(box) {
    reset(box);
    if (!wide(box)) return;
    if (box.matches("mjx-container, span.math")) fit(box);
    else if (box.matches(":has(> table)")) box.classList.add("tight");
    if (!wide(box)) return;
    box.setAttribute("data-scrolls", "");
    if (box.tabIndex < 0) box.tabIndex = 0; // the theme decides once, for one width
  }

  let later;

  function look() {
    document.querySelectorAll(BOXES).forEach(mark);
    document.documentElement.setAttribute("data-boxes", "");
  }

  // Twice: the theme moves its bars for a while, and sets tab stops of its own after 300 ms.
  function all() {
    look();
    clearTimeout(later);
    later = setTimeout(() => (look(), (later = setTimeout(look, 1500))), 400);
  }

  async function start() {
    if (window.MathJax && MathJax.startup) await Promise.allSettled([MathJax.startup.promise]);
    all();
    new ResizeObserver(all).observe(document.querySelector("main"));
    document.addEventListener("toggle", all, true);
  }

  if (document.readyState === "complete") start();
  else addEventListener("load", start);
})();
