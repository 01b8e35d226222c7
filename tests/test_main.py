"""The command line, on a small made-up package and on the real one."""

import dataclasses
import inspect
import os
import re
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

import pytest

from casestudies import __main__ as command_line
from casestudies import archives, copying, scenarios
from casestudies.__main__ import SYNONYMS, catalogue, main

FILES = {
    "scenarios/__init__.py": "",
    "scenarios/scenario.py": '"""What worlds share."""\nclass Scenario: ...\n',
    "scenarios/staffing.py": '"""File."""\n'
    'def staffing(*, knob=1.5):\n    """World of matches.\n\n    More."""\n'
    'def other():\n    """Not a world."""\n',
    "archives/__init__.py": "",
    "archives/wages.py": 'def wages(*, original=False):\n    """Wages of 1992.\n\n    Rows."""\n',
    "archives/births.py": 'def births():\n    """Births by quarter."""\n',
    "archives/moments.py": 'def microdata(cells):\n    """Make microdata."""\n',
    "recipes/__init__.py": '"""Estimators."""\n',
    "recipes/_distances.py": '"""Distances."""\n\nimport numpy as np\n\n\n'
    'def _distance(a, b):\n    """Hidden."""\n    return np.abs(a - b)\n',
    "recipes/matching.py": '"""Matching: pairs of units.\n\nIn two steps.\n"""\n\n'
    "from casestudies.recipes._distances import _distance\n\n\n"
    "def nearest(data, *, outcome, level=0.95):\n"
    '    """Match each unit.\n\n    In full.\n    """\n'
    "    import statsmodels.api\n\n    return _distance(data[outcome], 0)\n\n\n"
    'def pairs(data):\n    """Pair."""\n    return data\n',
    "recipes/pairing.py": '"""Pairing."""\n\n\n'
    'def pairs(data):\n    """Pair anew."""\n    return data\n',
}


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package in which every file is known."""
    folder = tmp_path / "package"
    for name, text in FILES.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    monkeypatch.setattr(command_line, "PACKAGE", folder)
    monkeypatch.setattr(copying, "RECIPES", folder / "recipes")
    return folder


@pytest.fixture
def project(tmp_path, monkeypatch):
    """An empty folder to work in."""
    folder = tmp_path / "project"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def run(*arguments, cwd=None, encoding="utf-8"):
    command = [sys.executable, *arguments]
    environment = {**os.environ, "PYTHONIOENCODING": encoding}
    return subprocess.run(
        command, cwd=cwd, capture_output=True, encoding=encoding, env=environment, check=False
    )


def test_list_gives_scenarios_archives_and_recipes_with_their_functions(package, capsys):
    assert main(["list"]) == 0
    assert capsys.readouterr().out == (
        "Scenarios: simulated worlds with known truth\n"
        "  staffing  World of matches.\n"
        "\n"
        "Archives: published data sets\n"
        "  births    Births by quarter.\n"
        "  wages     Wages of 1992.\n"
        "\n"
        "Recipes: estimators made to be copied, by family or by function\n"
        "  matching  Matching: pairs of units.\n"
        "            nearest, pairs\n"
        "  pairing   Pairing.\n"
        "            pairs\n"
        "\n"
        "More about one: casestudies show NAME\n"
    )


def test_a_kind_that_has_nothing_yet_is_left_out_of_the_list(package, capsys):
    for file in (package / "archives").iterdir():
        file.unlink()
    main(["list"])
    assert "Archives" not in capsys.readouterr().out


def test_show_of_a_family_gives_its_functions_its_packages_and_the_copy_command(package, capsys):
    assert main(["show", "matching"]) == 0
    assert capsys.readouterr().out == (
        "matching (recipe)\n"
        "\n"
        "Matching: pairs of units.\n"
        "\n"
        "In two steps.\n"
        "\n"
        "nearest(data, *, outcome, level=0.95)\n"
        "    Match each unit.\n"
        "\n"
        "pairs(data)\n"
        "    Pair.\n"
        "\n"
        "Needs numpy, statsmodels.\n"
        "Copy it: casestudies copy matching\n"
    )


def test_show_of_a_function_gives_its_docstring_and_what_its_own_copy_needs(package, capsys):
    assert main(["show", "nearest"]) == 0
    assert capsys.readouterr().out == (
        "nearest(data, *, outcome, level=0.95)\n\nMatch each unit.\n\nIn full.\n\n"
        "Needs numpy, statsmodels.\nCopy it: casestudies copy nearest\n"
    )
    assert main(["show", "matching.pairs"]) == 0
    assert capsys.readouterr().out == (
        "pairs(data)\n\nPair.\n\n"
        "Needs the standard library only.\nCopy it: casestudies copy matching.pairs\n"
    )


def test_show_of_a_function_of_two_families_gives_both(package, capsys):
    assert main(["show", "pairs"]) == 0
    shown = capsys.readouterr().out
    assert shown.index("Pair.\n") < shown.index("copy matching.pairs")
    assert shown.index("Pair anew.\n") < shown.index("copy pairing.pairs")


def test_show_of_an_archive_gives_its_call_and_docstring(package, capsys):
    assert main(["show", "wages"]) == 0
    assert capsys.readouterr().out == (
        "archives.wages(*, original=False)\n\nWages of 1992.\n\nRows.\n\n"
        "Use it: from casestudies import archives\n"
    )


def test_show_of_a_scenario_gives_call_docstring_columns_graph_and_truth(capsys):
    assert main(["show", "staffing"]) == 0
    shown = capsys.readouterr().out
    world = scenarios.staffing()
    assert shown.startswith("scenarios.staffing(*, talent_on_mismatch=1.5, ")
    assert inspect.getdoc(scenarios.staffing) in shown
    assert "\nEffect of mismatch on exit, adjusting for talent.\n" in shown
    assert f"\nObserved: {', '.join(world.observed)}.\n" in shown
    for cause, effect in world.model.graph.edges:
        assert f"\n  {cause} -> {effect}\n" in shown
    assert shown.count(" -> ") == world.model.graph.number_of_edges()
    truth = shown.partition("Truth, with the default parameters:\n")[2].splitlines()
    assert [line.rsplit(None, 1)[0].strip() for line in truth[: len(world.truth)]] == [*world.truth]
    assert "  0.29346" in truth[0]  # the exact effect, by quadrature, independent of this package


def test_show_says_so_where_no_observed_set_would_do(monkeypatch, capsys):
    world = dataclasses.replace(scenarios.staffing(), adjust_for=())
    monkeypatch.setattr(scenarios, "staffing", lambda: world)
    main(["show", "staffing"])
    assert "Effect of mismatch on exit, adjusting for nothing.\n" in capsys.readouterr().out


def test_an_archive_and_a_recipe_of_the_same_name_are_both_shown(package, capsys):
    text = '"""Wage equations."""\n\n\ndef equation(data):\n    """Fit."""\n'
    (package / "recipes" / "wages.py").write_text(text, encoding="utf-8")
    main(["show", "wages"])
    shown = capsys.readouterr().out
    assert "archives.wages(" in shown
    assert "wages (recipe)" in shown


def test_copy_writes_the_assembled_file_and_says_where_and_what_it_needs(package, project, capsys):
    assert main(["copy", "matching"]) == 0
    text = (project / "matching.py").read_text(encoding="utf-8")
    assert text == copying.assemble("matching")
    assert "def _distance(a, b):" in text
    assert capsys.readouterr().out == "Wrote matching.py\nIt needs numpy, statsmodels.\n"


def test_copy_takes_a_folder_or_the_path_of_a_file(package, project, capsys):
    (project / "lib").mkdir()
    assert main(["copy", "matching", "lib"]) == 0
    assert main(["copy", "matching", "lib/mine.py"]) == 0
    assert sorted(file.name for file in (project / "lib").iterdir()) == ["matching.py", "mine.py"]
    assert f"Wrote {Path('lib', 'mine.py')}\n" in capsys.readouterr().out


def test_several_names_become_several_files_or_one(package, project, capsys):
    (project / "lib").mkdir()
    assert main(["copy", "nearest", "matching.pairs", "lib"]) == 0
    assert capsys.readouterr().out == (
        f"Wrote {Path('lib', 'nearest.py')}\nWrote {Path('lib', 'matching_pairs.py')}\n"
        "They need numpy, statsmodels.\n"
    )
    assert main(["copy", "nearest", "matching"]) == 0
    assert sorted(file.name for file in project.glob("*.py")) == ["matching.py", "nearest.py"]
    for arguments in (["-o", "one.py", "nearest", "pairing"], ["nearest", "pairing", "two.py"]):
        assert main(["copy", *arguments]) == 0
    assert main(["copy", "nearest", "-o", "two.py", "--force", "pairing"]) == 0
    assert (project / "one.py").read_text() == copying.assemble("nearest", "pairing")
    assert (project / "two.py").read_text() == (project / "one.py").read_text()


def test_two_functions_of_one_name_become_two_files(project):
    names = ["difference_in_differences.event_study", "staggered_adoption.event_study"]
    assert main(["copy", *names]) == 0
    for name in names:
        file = project / f"{name.replace('.', '_')}.py"
        assert file.read_text(encoding="utf-8") == copying.assemble(name)
    assert len(list(project.iterdir())) == 2


def test_copy_overwrites_only_when_forced_and_writes_all_or_nothing(package, project, capsys):
    (project / "pairing.py").write_text("mine", encoding="utf-8")
    assert main(["copy", "matching", "pairing"]) == 2
    assert (project / "pairing.py").read_text(encoding="utf-8") == "mine"
    assert not (project / "matching.py").exists()
    assert "pairing.py exists; pass --force" in capsys.readouterr().err
    assert main(["copy", "matching", "pairing", "--force"]) == 0
    assert "Pair anew." in (project / "pairing.py").read_text(encoding="utf-8")


NO_NAME = "no scenario, archive, recipe or function"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["show", "matchin"], rf"{NO_NAME} 'matchin'; did you mean matching\?"),
        (["show", "Wage"], r"'Wage'; did you mean wages\?"),
        (["copy", "matching.py"], r"no function of one called .* did you mean matching\?"),
        (["copy", "neerest"], r"did you mean nearest\?"),
        (["show", "STAFFING"], r"did you mean staffing\?"),
        (["show", "pair"], r"did you mean matching\.pairs or pairing\.pairs or pairing\?"),
        (["show", "s"], "function 's'; casestudies list shows all"),
        (["show", "quantum"], "function 'quantum'; casestudies list shows all"),
        (["copy", "staffin"], "called 'staffin'; casestudies list shows all"),
        (["show", "moments"], f"{NO_NAME} 'moments'"),
        (["show", "_distances"], f"{NO_NAME} '_distances'"),
        (["copy", "_distance"], "no recipe and no function of one called '_distance'"),
        (["copy", "pairing.nearest"], "no function of one called 'pairing.nearest'; did you mean"),
        (["copy", "nearest", "quantum", "one.py"], "no function of one called 'quantum'"),
        (["copy", "pairs"], "in 2 families; ask for matching.pairs or pairing.pairs"),
        (["copy", "matching", "pairing", "-o", "a.py"], "pairs is one thing in matching and anoth"),
        (["copy", "staffing"], "staffing is a scenario, and only recipes are made to be copied"),
        (["copy", "staffing"], r"from casestudies import scenarios\n +scenarios.staffing\(...\)"),
        (["copy", "wages"], r"an archive, .*\n +from casestudies import archives\n +archives.wag"),
        (["copy", "matching", "lib"], "no folder lib; create it first, or give a path that ends"),
        (["copy", "matching", "lib/pairs.py"], "no folder lib; create it first\n"),
        (["copy", "matching", "neerest"], r"no folder neerest; did you mean nearest\?"),
        (["copy", "matching", "-o", "lib"], "-o lib names no .py file; give a path that ends in"),
        (["copy", "matching", "x" * 300], r"cannot write x+: File name too long; give another"),
        (["copy", "matching", "x" * 300 + ".py"], r"cannot write x+.py: File name too long"),
        (["copy", "matching", "class.py"], "class.py is no name .* take class_recipe.py"),
        (["copy", "matching", "2sls.py"], "2sls.py is no name .* take _2sls_recipe.py"),
        (["copy", "matching", "my-file.py"], "my-file.py is no name .* take my_file_recipe.py"),
        (["copy", "matching", "my.file.py"], "my.file.py is no name .* take my_file_recipe.py"),
        (["copy", "matching", "json.py"], "'import json' would no longer .* take json_recipe.py"),
        (["copy", "matching", "numpy.py"], "'import numpy' would .* take numpy_recipe.py"),
        (["copy", "matching", "six.py"], "'import six' would no longer"),  # pandas imports it
        (["copy", "nearest", "casestudies.py"], "'import casestudies' would no longer"),
    ],
)
def test_what_cannot_be_done_is_refused_with_the_remedy(
    arguments, message, package, project, capsys
):
    assert main(arguments) == 2
    answer = capsys.readouterr()
    assert answer.out == ""
    assert re.search(message, answer.err)
    assert list(project.iterdir()) == []
    if remedy := re.search(r"take (\w+\.py)", answer.err):
        assert main(["copy", "matching", remedy[1]]) == 0
        assert (project / remedy[1]).exists()


def test_a_package_that_only_the_copy_imports_is_not_covered_by_it(package, project, capsys):
    recipe = package / "recipes" / "pairing.py"
    text = recipe.read_text(encoding="utf-8").replace("return", "import polars_x\n\n    return")
    recipe.write_text(text, encoding="utf-8")
    copying._read_file.cache_clear()
    assert main(["copy", "pairing", "polars_x.py"]) == 2
    assert main(["copy", "nearest", "polars_x.py"]) == 0


def test_a_name_that_is_a_folder_too_is_not_guessed_at(package, project, capsys):
    (project / "pairing").mkdir()
    assert main(["copy", "nearest", "pairing"]) == 2
    assert (
        "pairing is a folder here and a recipe too; write pairing/ for" in capsys.readouterr().err
    )
    assert main(["copy", "nearest", "pairing/"]) == 0
    assert main(["copy", "nearest", "pairing", "."]) == 0
    assert main(["copy", "pairing", "--force"]) == 0
    files = sorted(str(file.relative_to(project)) for file in project.rglob("*.py"))
    assert files == ["nearest.py", "pairing.py", str(Path("pairing", "nearest.py"))]


@pytest.mark.parametrize(
    ("word", "name"),
    [
        ("did", "difference_in_differences"),
        ("psm", "matching"),
        ("ipw", "weighting"),
        ("IPTW", "weighting"),
        ("iv", "instrumental_variables"),
        ("2sls", "two_stage_least_squares"),
        ("rct", "randomized_experiment"),
        ("ab_test", "randomized_experiment"),
        ("aipw", "doubly_robust"),
        ("liml", "limited_information"),
        ("ancova", "adjusted"),
        ("att", "weight"),
        ("staggered", "staggered_adoption"),
        ("event-study", "staggered_adoption.event_study"),
        ("weak instruments", "weak_instruments"),
        ("wild bootstrap", "wild_bootstrap"),
        ("e-value", "e_value"),
        ("g-formula", "standardization"),
        ("G-Computation", "standardization"),
        ("gformula", "regime_mean"),
        ("msm", "marginal_structural_model"),
        ("SNM", "g_estimation"),
        ("parallel trends", "difference_in_differences"),
        ("HonestDiD", "honest_bounds"),
    ],
)
def test_the_words_that_people_use_lead_to_the_name(word, name, project, capsys):
    for command in ("show", "copy"):
        assert main([command, word]) == 2
        near = re.search(r"did you mean (.+)\?", capsys.readouterr().err)[1].split(" or ")
        assert name in near
        assert len(near) <= 3
    assert main(["copy", name]) == 0  # the hint can be followed


def test_every_other_word_leads_to_a_name_that_exists_and_is_no_name_itself():
    names = command_line._to_copy()
    assert set(SYNONYMS) <= set(names)
    others = [word for words in SYNONYMS.values() for word in words.split(", ")]
    assert not {command_line._letters(word) for word in others} & {
        *map(command_line._letters, names)
    }
    assert all(len(words.split(", ")) == len(set(words.split(", "))) for words in SYNONYMS.values())


def test_a_reader_who_has_seen_enough_is_not_an_error():
    command = [sys.executable, "-m", "casestudies"]
    for arguments in (["list"], ["--help"], ["show", "weak_instruments"]):
        with subprocess.Popen(
            [*command, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0
        ) as process:
            process.stdout.close()
            assert process.stderr.read() == b""
        assert process.returncode == 0


def test_a_console_that_lacks_a_character_gets_a_question_mark(tmp_path):
    recipes = tmp_path / "recipes"
    recipes.mkdir()
    text = '"""Pairs – of τ."""\n\n\ndef pairs(data):\n    """Pair."""\n'
    (recipes / "pairing.py").write_text(text, encoding="utf-8")
    code = (
        "import sys; from pathlib import Path; from casestudies import __main__, copying\n"
        f"copying.RECIPES, __main__.PACKAGE = Path({str(recipes)!r}), Path({str(tmp_path)!r})\n"
        "sys.exit(__main__.main(['list']))"
    )
    for encoding, shown in (("cp437", "Pairs ? of τ."), ("ascii", "Pairs ? of ?.")):
        answer = run("-c", code, encoding=encoding)
        assert answer.returncode == 0, answer.stderr
        assert shown in answer.stdout
    answer = run(
        "-m", "casestudies", "show", "d\N{LATIN SMALL LETTER I WITH OGONEK}d", encoding="utf-8"
    )
    assert answer.returncode == 2
    assert "Traceback" not in answer.stderr


def test_a_part_of_a_name_is_enough_for_a_hint_and_three_hints_are_enough(package, capsys):
    for word in ("one", "two", "six", "ten"):
        file = package / "recipes" / f"adjustment_of_estimates_in_{word}_steps.py"
        text = f'"""Adjust."""\n\n\ndef {word}(data):\n    """Adjust."""\n'
        file.write_text(text, encoding="utf-8")
    main(["show", "six_steps"])
    assert "did you mean adjustment_of_estimates_in_six_steps? " in capsys.readouterr().err
    main(["show", "adjustment"])
    assert capsys.readouterr().err.count("adjustment_of_estimates_in_") == 3


def test_a_destination_that_cannot_be_written_is_refused(package, project, capsys):
    (project / "matching.py").mkdir()
    assert main(["copy", "matching", "--force"]) == 2
    assert "cannot write matching.py: " in capsys.readouterr().err


def test_without_a_command_the_help_is_shown(capsys):
    assert main([]) == 0
    shown = capsys.readouterr().out
    assert "casestudies copy weight analysis/" in shown
    assert all(f"    {command} " in shown for command in ("list", "show", "copy"))


def test_an_unknown_command_ends_with_status_two_and_names_the_known_ones(capsys):
    with pytest.raises(SystemExit) as ending:
        main(["cpy", "matching"])
    assert ending.value.code == 2
    assert "'list', 'show', 'copy'" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [["list", "all"], ["copy", "matching", "--forse"]])
def test_an_argument_too_many_is_an_error(arguments, package, project, capsys):
    with pytest.raises(SystemExit) as ending:
        main(arguments)
    assert ending.value.code == 2
    assert f"unrecognized arguments: {arguments[-1]}" in capsys.readouterr().err
    assert list(project.iterdir()) == []


def test_the_catalogue_holds_every_scenario_archive_and_recipe_of_the_package():
    listed = {
        kind: [e.name for e in catalogue() if e.kind == kind] for kind in command_line.SECTIONS
    }
    assert listed["scenario"] == scenarios.names()
    assert listed["archive"] == ["card_krueger", "email_experiment", "quarter_of_birth"]
    assert set(listed["archive"]) <= set(archives.__all__)
    folder = Path(command_line.__file__).parent / "recipes"
    assert listed["recipe"] == sorted(file.stem for file in folder.glob("[a-z]*.py"))
    assert all(entry.summary.endswith(".") for entry in catalogue())
    assert list(dict.fromkeys(entry.kind for entry in catalogue())) == [*command_line.SECTIONS]


def test_every_item_of_the_package_can_be_shown(capsys):
    for entry in catalogue():
        assert main(["show", entry.name]) == 0
        assert entry.docstring in capsys.readouterr().out


def test_listing_and_copying_import_none_of_the_heavy_packages(tmp_path):
    code = (
        "import sys; from casestudies.__main__ import main\n"
        "main(['list']); main(['show', 'standardization']); main(['show', 'weight'])\n"
        "main(['copy', 'standardization', 'weight']); main(['copy', 'weight', 'a.py'])\n"
        "print(sorted({'numpy', 'pandas', 'scipy', 'networkx', 'matplotlib'} & set(sys.modules)))"
    )
    assert run("-c", code, cwd=tmp_path).stdout.splitlines()[-1] == "[]"


def test_the_module_and_the_console_script_are_the_same_command(tmp_path):
    (script,) = entry_points(group="console_scripts", name="casestudies")
    assert script.value == "casestudies.__main__:main"
    answer = run("-m", "casestudies", "show", "standardisation", cwd=tmp_path)
    assert answer.returncode == 2
    assert answer.stderr.splitlines() == [
        "casestudies: no scenario, archive, recipe or function 'standardisation'; did you mean "
        "standardization or standardize? casestudies list shows all"
    ]
