"""The recipes' pages: examples that run as written, figures that are the published ones."""

import importlib.util
import re
import sys
from functools import cache
from pathlib import Path
from types import SimpleNamespace

import pytest
from stored import ROOT

from casestudies import copying

FOLDER = ROOT / "book" / "recipes"
RECIPES = copying.families()
WITHOUT_PUBLISHED = {
    "doubly_robust",
    "dose_response",
    "front_door",
    "honest_bounds",
    "pretrends",
    "target_trials",
}
WITHOUT_CHAPTER = {
    "dose_response",
    "double_machine_learning",
    "front_door",
    "heterogeneity",
    "several_arms",
}


def loaded(path):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@cache
def examples():
    return loaded(ROOT / "tools" / "run_examples.py")


@cache
def pages():
    sys.path.insert(0, str(ROOT / "book" / "_ext"))
    try:
        return loaded(ROOT / "book" / "_ext" / "recipe_pages.py")
    finally:
        sys.path.pop(0)


@cache
def text_of(recipe):
    return (FOLDER / f"{recipe}.md").read_text(encoding="utf-8")


@cache
def run(recipe):
    return examples().run(text_of(recipe))


def test_every_recipe_has_a_page_a_row_in_the_table_and_a_place_in_the_contents():
    assert sorted(p.stem for p in FOLDER.glob("*.md")) == RECIPES
    table = (ROOT / "book" / "recipes.md").read_text(encoding="utf-8")
    assert sorted(re.findall(r"\{doc\}`recipes/(\w+)`", table)) == RECIPES
    contents = (ROOT / "_toc.yml").read_text(encoding="utf-8")
    rows = re.findall(r"\{doc\}`recipes/(\w+)`", table)
    assert re.findall(r"file: book/recipes/(\w+)", contents) == rows


@pytest.mark.parametrize("recipe", RECIPES)
def test_the_examples_print_what_the_page_says(recipe):
    renewed, _ = run(recipe)
    assert renewed == text_of(recipe), "run tools/run_examples.py and look at what changed"


@pytest.mark.parametrize("recipe", RECIPES)
def test_the_examples_use_the_copied_file_and_leave_no_trace(recipe):
    path, modules = list(sys.path), set(sys.modules)
    with examples().borrowed(examples().copied(text_of(recipe))):
        copied = importlib.import_module(recipe)
        assert copied.__file__ == f"{sys.path[0]}/{recipe}.py"
        assert ROOT not in (ROOT / copied.__file__).parents
        assert Path.cwd() == Path(copied.__file__).resolve().parent
    assert sys.path == path
    assert recipe not in set(sys.modules) - modules


@pytest.mark.parametrize("recipe", RECIPES)
def test_a_borrower_needs_one_copy_command_and_less_than_ten_lines(recipe):
    (names,) = examples().COPY.findall(text_of(recipe))
    assert names.split()[0] == recipe
    _, first, output = examples().EXAMPLE.search(text_of(recipe)).groups()
    assert len([line for line in first.splitlines() if line]) < 10
    assert f"from {recipe} import" in first
    assert output
    lines = [
        line
        for example in examples().EXAMPLE.findall(text_of(recipe))
        for line in example[1].splitlines()
    ]
    assert max(map(len, lines)) <= 88


@pytest.mark.parametrize("recipe", [r for r in RECIPES if r not in WITHOUT_PUBLISHED])
def test_the_figures_are_the_published_ones_to_their_last_digit(recipe):
    held = run(recipe)[1]["held"]
    assert list(held.columns) == ["published", "recipe"]
    for name, (published, got) in held.iterrows():
        shown = f"{published:.10f}".rstrip("0").rstrip(".")
        digits = len(shown.partition(".")[2])
        assert abs(got - published) <= 0.5 * 10.0**-digits + 1e-9, name


@pytest.mark.parametrize("recipe", RECIPES)
def test_a_page_shows_promises_checks_refusals_coverage_chapters_and_the_file(recipe):
    text = text_of(recipe)
    for directive in ("downloads", "summary", "checks", "reference", "source"):
        assert f"```{{recipe-{directive}}} {recipe}\n" in text
    measured = bool(pages().coverage(recipe))
    assert (f"```{{recipe-coverage}} {recipe}\n" in text) == measured
    assert "except ValueError as refusal" in text
    assert bool(pages().chapters_of(recipe)) == (recipe not in WITHOUT_CHAPTER)
    assert (f"```{{recipe-chapters}} {recipe}\n" in text) == (recipe not in WITHOUT_CHAPTER)


@pytest.mark.parametrize("recipe", RECIPES)
def test_estimand_and_assumptions_are_read_from_the_docstrings(recipe):
    functions = pages().functions_of(recipe)
    summary = pages().summary(recipe)
    for function in functions:
        assert f"{function.name}(" in summary
        first, *kept = pages().promises(function)
        for paragraph in (first, *kept):
            assert pages().NAME.sub(r"``\1``", paragraph) in summary
        assert "Parameters" not in "".join(kept)
    if recipe not in ("pretrends", "propensity", "sensitivity"):  # they estimate no effect
        assert re.search(r"[Ee]stimand", summary + text_of(recipe))
        assert re.search(r"[Aa]ssum|causal if|must be|restriction", summary)


def test_a_paragraph_brings_along_the_formula_before_it_and_the_list_after_it():
    code = '''def f(data):
    """Do it.

    With

    .. math:: x

    where x is. Estimand: the ATE if:

    - one
    - two

    Not this.

    Parameters
    ----------
    data : Estimand
    """
'''
    (function,) = pages().ast.parse(code).body
    kept = pages().promises(function)
    assert [p.strip() for p in kept] == [
        "Do it.",
        "With",
        ".. math:: x",
        "where x is. Estimand: the ATE if:",
        "- one\n- two",
    ]


@pytest.mark.parametrize("recipe", RECIPES)
def test_every_check_that_a_page_tells_is_a_test_of_that_recipe(recipe):
    block = re.search(r"```\{recipe-checks\} \w+\n(.*?)```", text_of(recipe), re.S)[1]
    told = [line.partition(": ")[0] for line in block.splitlines()]
    assert len(told) >= 4
    assert set(told) <= set(pages().tests_of(recipe))


def test_a_test_belongs_to_the_recipes_that_it_reaches_by_whatever_way(tmp_path):
    file = tmp_path / "test_matching.py"
    file.write_text(
        "from casestudies.recipes import weighting as ws\n"
        "from casestudies.recipes.matching import match\n"
        "CALLS = [match]\n"
        "def helped(data):\n    return ws.weight(data)\n"
        "def test_direct():\n    match(1)\n"
        "@mark('call', CALLS)\ndef test_by_a_list(call):\n    call(1)\n"
        "def test_by_a_helper(fixed):\n    assert helped(2)\n"
        "def fixed():\n    return match\n"
        "def test_of_nothing():\n    assert True\n",
        encoding="utf-8",
    )
    assert pages().tests_in(file) == {
        "test_direct": {"matching"},
        "test_by_a_list": {"matching"},
        "test_by_a_helper": {"matching", "weighting"},
        "test_of_nothing": set(),
    }


def test_tests_that_use_a_recipe_in_passing_can_be_told_and_are_not_listed():
    answers, _ = pages().checks("difference_in_differences")
    told = pages().tests_of("difference_in_differences")
    assert told["test_two_by_two_equals_first_differences_on_a_balanced_panel"] in (
        "test_difference_in_differences.py"
    )
    passing = {name for name, file in told.items() if file == "test_few_clusters.py"}
    assert passing
    assert not passing & set(answers)


def test_helpers_are_not_shown():
    names = [function.name for function in pages().functions_of("pretrends")]
    assert names == ["pretrend_test", "pretrend_power", "simultaneous_intervals"]


def test_checks_are_told_apart_from_refusals_and_read_as_sentences():
    answers, refusals = pages().checks("standardization")
    assert "test_without_covariates_it_is_the_difference_in_means" in answers
    assert "test_a_group_without_counterparts_is_refused" in refusals
    assert pages().sentence("test_the_set_covers") == "The set covers."


def test_every_measured_coverage_is_on_the_page_of_one_recipe():
    _, _, *rows = pages().COVERAGE.read_text(encoding="utf-8").strip().splitlines()
    shown = [row for recipe in RECIPES for row in pages().coverage(recipe)[2:]]
    assert sorted(shown) == sorted(rows)


def test_the_scoreboard_says_why_a_sound_interval_covers_too_seldom():
    _, _, *rows = pages().COVERAGE.read_text(encoding="utf-8").strip().splitlines()
    rows = [row.strip("| ").split(" | ") for row in rows]
    few = [r for r in rows if r[2].startswith("16 villages") and ", cluster" in r[0]]
    few = [float(r[4]) for r in few if "match" not in r[0]]  # its lines leave the cluster out
    found = {f"{r[0].strip('`')} in {r[2]}": float(r[4]) for r in rows}
    steep = found["sharp in cutoff, a House election"]
    doses = found["compare_arms in three doses, by need"]
    text = (ROOT / "book" / "scoreboard.md").read_text(encoding="utf-8")
    assert f"a clustered error ({min(few):.2f} to {max(few):.2f})" in text
    assert f"(`sharp`, {steep:.2f}; a conventional" in text
    assert f"(`compare_arms`, {doses:.2f})" in text
    told = ("no weights", "no clusters", "16 villages", "as in the chapter", "mean F about")
    told += ("lines in bent confounding", "conventional", "a House election", "by need")
    low = [name for name, share in found.items() if share < 0.93]
    assert [name for name in low if not any(word in name for word in told)] == []


def test_only_rows_of_the_recipes_own_functions_are_its_coverage():
    rows = "\n".join(pages().coverage("randomized_experiment"))
    assert "difference_in_means" in rows
    assert "adjusted" in rows
    assert "standardize" not in rows
    assert pages().coverage("pretrends") == []


def test_a_page_offers_the_family_and_each_function_as_the_command_writes_them():
    copies = pages().copies_of("staggered_adoption")
    names = ["staggered_adoption", "group_time", "staggered_adoption_event_study", "overall_att"]
    names += ["imputation", "imputation_study", "two_way_weights"]
    assert [*copies] == [f"{name}.py" for name in names]
    assert copies["group_time.py"] == copying.assemble("group_time")
    everything = [name for recipe in RECIPES for name in pages().copies_of(recipe)]
    assert len(set(everything)) == len(everything)


def test_the_build_puts_the_copies_beside_the_pages_and_only_in_html(tmp_path):
    builder = SimpleNamespace(format="html")
    pages().write_copies(SimpleNamespace(builder=builder, outdir=tmp_path), None)
    folder = tmp_path / "book" / "recipes"
    assert (folder / "weight.py").read_text(encoding="utf-8") == copying.assemble("weight")
    written = {file.name for file in folder.iterdir()}
    assert written == {name for recipe in RECIPES for name in pages().copies_of(recipe)}
    builder.format = "latex"
    pages().write_copies(SimpleNamespace(builder=builder, outdir=tmp_path / "other"), None)
    assert not (tmp_path / "other").exists()


def test_names_of_functions_are_set_as_code_and_formulas_left_alone():
    summary = pages().summary("standardization")
    assert "effect of ``standardize``" in summary
    assert ":math:`d = 1, 0`" in summary
