"""The search finds a subject first where it lives, over http and from a folder alike."""

from urllib.parse import quote

import pytest

QUERIES = {
    "parallel trends": (
        "notebooks/card_krueger_did",
        "notebooks/hospital_upgrade_did",
        "notebooks/more_counties_did",
    ),
    "quarter of birth": ("notebooks/quarter_of_birth_iv",),
    "mediator": ("notebooks/staffing_mediator_trap",),
    "propensity score": ("notebooks/hospital_confounding",),
    "overlap": ("notebooks/hospital_confounding",),
    "instrument": ("notebooks/quarter_of_birth_iv", "notebooks/canary_flag_iv"),
    "difference in differences": ("notebooks/hospital_upgrade_did", "notebooks/card_krueger_did"),
    "ladder": ("notebooks/ladder_of_causation",),
    "minimum wage": ("notebooks/card_krueger_did", "notebooks/more_counties_did"),
    "LATE": ("notebooks/canary_flag_iv",),
    "Simpson": ("notebooks/seeing_and_doing",),
}
PLACES = "e => e.map(a => new URL(a.href).pathname)"


def found(page):
    """Return the pages that a search shows, best first, without their ending."""
    page.wait_for_function("/found/.test(document.querySelector('#search-results').innerText)")
    page.wait_for_selector("#search-results li a")
    paths = page.eval_on_selector_all("#search-results li > a:first-child", PLACES)
    return ["/".join(path.split("/")[-2:]).removesuffix(".html") for path in paths]


@pytest.mark.parametrize("query", QUERIES)
def test_a_subject_is_found_first_in_the_chapter_where_it_lives(visit, query):
    page = visit(f"search.html?q={quote(query)}")
    assert found(page)[0] in QUERIES[query]
    assert page.elsewhere == []


def test_recipes_come_before_the_glossary_and_reference_pages_last(visit):
    order = found(visit("search.html?q=parallel+trends"))
    recipe = order.index("recipes/difference_in_differences")
    assert order.index("notebooks/hospital_upgrade_did") < recipe < order.index("book/glossary")
    assert order.index("book/glossary") < order.index("book/claims")


def test_a_person_is_found_where_the_work_is_used(visit):
    used = {"notebooks/more_counties_did", "notebooks/hospital_upgrade_did"}
    assert found(visit("search.html?q=Rambachan"))[0] in used


def test_a_hit_names_the_section_and_leads_there(visit):
    page = visit("search.html?q=propensity+score")
    found(page)
    hits = page.locator("#search-results li > a:first-child").all_inner_texts()
    assert hits[0] == "The hospital that treats its sickest > Propensity scores and overlap"
    assert "Glossary > propensity score" in hits
    assert len(set(hits)) == len(hits)
    page.click("#search-results li a >> nth=0")
    page.wait_for_load_state("load")
    assert page.url.endswith("hospital_confounding.html#propensity-scores-and-overlap")


def test_nonsense_is_not_found_and_says_so(visit):
    page = visit("search.html?q=zzyzx")
    page.wait_for_function("/did not match/.test(document.body.innerText)")
    assert page.locator("#search-results li").count() == 0


def test_the_search_works_from_a_folder_without_a_server(browser, html):
    page = browser.new_page()
    complaints = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda m: m.type == "error" and complaints.append(m.text))
    page.goto((html / "search.html").as_uri() + "?q=quarter%20of%20birth")
    assert found(page)[0] == "notebooks/quarter_of_birth_iv"
    assert "By how much does a year of schooling" in page.inner_text("#search-results li >> nth=0")
    assert complaints == []
    page.close()
