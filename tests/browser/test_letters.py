"""Figures are legible on a phone: letters of 11 pixels, exponents apart, no label cut."""

import pytest
from pages import CHAPTERS

SMALLEST = 11
READ = r"""async () => {
  const sizes = [], faults = [];
  for (const image of document.querySelectorAll('article img[src$=".svg"]')) {
    const text = await (await fetch(image.src)).text();
    const parsed = new DOMParser().parseFromString(text, 'image/svg+xml').documentElement;
    if (!parsed.querySelector('#figure_1')) continue;  // an icon
    image.loading = 'eager';
    await image.decode();
    if (!image.getBoundingClientRect().width) continue;  // a figure that moves has its place
    const zoom = image.getBoundingClientRect().width / parsed.viewBox.baseVal.width;
    for (const line of parsed.querySelectorAll('[id^="text_"] > g[transform*="scale("]')) {
      const scale = /scale\(([\d.]+) /.exec(line.getAttribute('transform'));
      sizes.push([100 * scale[1] * zoom, image.alt]);
    }
    const svg = document.body.appendChild(document.importNode(parsed, true));
    const edge = svg.getBoundingClientRect();
    const boxes = [...svg.querySelectorAll('[id^="text_"]')]
      .map(label => label.getBoundingClientRect())
      .filter(box => box.width);
    boxes.forEach((a, i) => {
      if (a.left < edge.left || a.right > edge.right || a.top < edge.top || a.bottom > edge.bottom)
        faults.push(['cut', i, image.alt]);
      for (const b of boxes.slice(0, i))
        if (Math.min(a.right, b.right) - Math.max(a.left, b.left) > 1
            && Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 2)
          faults.push(['on another label', i, image.alt]);
    });
    svg.remove();
  }
  return {sizes, faults};
}"""


@pytest.mark.parametrize("path", [page for page in CHAPTERS if page.startswith("notebooks/")])
def test_letters_of_figures_are_large_enough_on_a_phone_and_none_is_cut_or_covered(visit, path):
    page = visit(path, width=390, height=844)
    found = page.evaluate(READ)
    assert found["faults"] == []
    smallest = min(found["sizes"])
    assert smallest[0] >= SMALLEST, smallest
