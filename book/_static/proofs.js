/* Shows what a number is held against when it is pointed at, focused or touched: its line of the
   list at the end of the page. Tab stops at one number in a section, the arrow keys go on. */
(() => {
  const numbers = [...document.querySelectorAll("article .proof")];
  const tip = document.createElement("div");
  Object.assign(tip, { id: "proof-tip", className: "proof-tip", hidden: true });
  tip.setAttribute("role", "tooltip");
  (document.querySelector("main") || document.body).append(tip);
  let shown = null, leaving = 0;

  const number = (event) => event.target instanceof Element && event.target.closest("article .proof");

  function hide() {
    clearTimeout(leaving);
    tip.hidden = true;
    if (shown) {
      shown.classList.remove("shown");
      shown.removeAttribute("aria-describedby");
    }
    shown = null;
  }

  function show(target) {
    clearTimeout(leaving);
    if (shown === target) return;
    const line = document.getElementById(target.classList[1]);
    if (!line) return;
    hide();
    tip.replaceChildren(...line.cloneNode(true).childNodes);
    tip.hidden = false;
    shown = target;
    target.classList.add("shown");
    target.setAttribute("aria-describedby", tip.id);
    place(target.getClientRects()[0]);
  }

  function place(at) {
    const column = shown.closest("article").getBoundingClientRect();
    const end = Math.min(column.right, document.documentElement.clientWidth - 8);
    const below = at.bottom + 6 + tip.offsetHeight < innerHeight || at.top < tip.offsetHeight + 6;
    const left = Math.min(at.left, end - tip.offsetWidth);
    tip.style.left = `${Math.max(left, 8) + scrollX}px`;
    tip.style.top = `${(below ? at.bottom + 6 : at.top - tip.offsetHeight - 6) + scrollY}px`;
  }

  function leave() {
    clearTimeout(leaving);
    leaving = setTimeout(() => { if (shown !== document.activeElement) hide(); }, 200);
  }

  function stop(target) {
    const section = target.closest("section");
    for (const other of numbers) {
      if (other.closest("section") === section) other.removeAttribute("tabindex");
    }
    target.tabIndex = 0;
  }

  const free = numbers.filter((target) => !target.closest("a, button, summary, label"));
  const seen = (target) => target.checkVisibility({ visibilityProperty: true });
  for (const target of [...free].reverse()) if (seen(target)) stop(target);

  document.addEventListener("pointerover", (event) => {
    if (event.pointerType === "touch") return;
    if (number(event)) show(number(event));
    else if (tip.contains(event.target)) clearTimeout(leaving);
    else if (shown) leave();
  });
  document.addEventListener("focusin", (event) => { if (number(event)) show(number(event)); });
  document.addEventListener("focusout", (event) => { if (number(event)) hide(); });
  document.addEventListener("click", (event) => {
    if (number(event)) show(number(event));
    else if (!tip.contains(event.target)) hide();
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") hide();
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    const at = free.indexOf(document.activeElement);
    if (!step || at < 0) return;
    const rest = step > 0 ? free.slice(at + 1) : free.slice(0, at).reverse();
    const next = rest.find(seen);
    event.preventDefault();
    event.stopPropagation();
    if (!next) return;
    stop(next);
    next.focus();
  }, true);
})();
