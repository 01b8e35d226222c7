"""The style sheets lose what no page has, and nothing that a page or a script can ask for."""

from types import SimpleNamespace

import pytest
import tinycss2
from trim import is_used, trim_sheets, trimmed, words

PAGE = '<main id="top" class="box wide"><p class="note">A word such as lead.</p></main>'
SCRIPT = 'e.classList.add("is-open", `bs-${name}`, `w-${1}`)'
KNOWN = words([PAGE], [SCRIPT])


@pytest.mark.parametrize(
    "selector",
    [
        *("p", "*", "html[data-theme=dark] p", ".box", "#top > .note", ".box.wide::before"),
        *(".is-open p", ".bs-tooltip-auto .note", ".box:not(.gone)", "main:has(.gone, #gone)"),
        *("p[class*='.gone']", ":is(:not(.gone), .gone) p", ":root"),
    ],
)
def test_a_selector_that_a_page_or_a_script_can_meet_is_used(selector):
    assert is_used(selector, KNOWN)


@pytest.mark.parametrize(
    "selector", [".gone", "#gone p", ".box .gone", ".box:not(.note).gone", ".lead", ".w-50", ".bs"]
)
def test_a_selector_of_a_class_that_nothing_has_is_not_used(selector):
    assert not is_used(selector, KNOWN)


def rules(sheet):
    return trimmed(
        tinycss2.parse_stylesheet(sheet, skip_comments=True, skip_whitespace=True), KNOWN
    )


def test_rules_lose_unused_selectors_and_comments_and_keep_their_order():
    sheet = """.gone, .box:is(.a, :not(.gone)) , p { color: red; /* why */
      margin: 0 }
    @media (width > 1px) { .gone { top: 0 } .note { top: 1px } }
    @media print { .gone { top: 0 } }
    @font-face { font-family: Gone }
    @keyframes turn { 0.5% { top: 0 } }
    .box { --gap: "a;b" }"""
    assert rules(sheet).split("\n") == [
        ".box:is(.a, :not(.gone)),p{color: red; margin: 0}",
        "@media (width > 1px){.note{top: 1px}}",
        "@font-face { font-family: Gone }",
        "@keyframes turn { 0.5% { top: 0 } }",
        '.box{--gap: "a;b"}',
    ]


def test_a_built_books_sheets_are_written_anew_unless_the_build_failed(tmp_path):
    sheet = tmp_path / "_static" / "theme.css"
    sheet.parent.mkdir()
    (tmp_path / "index.html").write_text(PAGE)
    (sheet.parent / "searchindex.js").write_text('Search.setIndex({"lead": 1})')
    sheet.write_text(".lead { top: 0 }\n.note { top: 0 }")
    app = SimpleNamespace(outdir=tmp_path, builder=SimpleNamespace(format="html"))
    trim_sheets(app, RuntimeError("broken"))
    assert ".lead" in sheet.read_text()
    trim_sheets(app, None)
    assert sheet.read_text() == ".note{top: 0}"
