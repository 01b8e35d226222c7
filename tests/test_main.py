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
from casestudies import archives, scenarios
from casestudies.__main__ import catalogue, main

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
    "recipes/_draft.py": '"""Unfinished."""\n',
    "recipes/matching.py": '"""Matching: pairs of units.\n\nIn two steps.\n"""\n'
    "import difflib\nimport numpy as np\nfrom scipy.stats import norm\n"
    "def nearest(data, *, outcome, level=0.95):\n"
    '    """Match each unit.\n\n    In full."""\n    import statsmodels.api\n'
    'def _distance(a, b):\n    """Hidden."""\n',
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
    return folder


@pytest.fixture
def project(tmp_path, monkeypatch):
    """An empty folder to work in."""
    folder = tmp_path / "project"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def run(*arguments, cwd=None):
    command = [sys.executable, *arguments]
    utf8 = {**os.environ, "PYTHONIOENCODING": "utf-8"}
    return subprocess.run(
        command, cwd=cwd, capture_output=True, encoding="utf-8", env=utf8, check=False
    )


def test_list_gives_scenarios_archives_and_recipes_one_line_each(package, capsys):
    assert main(["list"]) == 0
    assert capsys.readouterr().out == (
        "Scenarios: simulated worlds with known truth\n"
        "  staffing  World of matches.\n"
        "\n"
        "Archives: published data sets\n"
        "  births    Births by quarter.\n"
        "  wages     Wages of 1992.\n"
        "\n"
        "Recipes: estimators made to be copied\n"
        "  matching  Matching: pairs of units.\n"
        "\n"
        "More about one: casestudies show NAME\n"
    )


def test_a_kind_that_has_nothing_yet_is_left_out_of_the_list(package, capsys):
    for file in (package / "archives").iterdir():
        file.unlink()
    main(["list"])
    assert "Archives" not in capsys.readouterr().out


def test_show_of_a_recipe_gives_its_functions_its_packages_and_the_copy_command(package, capsys):
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
        "Needs numpy, scipy, statsmodels.\n"
        "Copy it: casestudies copy matching\n"
    )


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
    (package / "recipes" / "wages.py").write_text('"""Wage equations."""\n', encoding="utf-8")
    main(["show", "wages"])
    shown = capsys.readouterr().out
    assert "archives.wages(" in shown
    assert "wages (recipe)" in shown


def test_copy_writes_the_file_and_says_where_and_what_it_needs(package, project, capsys):
    assert main(["copy", "matching"]) == 0
    original = (package / "recipes" / "matching.py").read_bytes()
    assert (project / "matching.py").read_bytes() == original
    assert capsys.readouterr().out == "Wrote matching.py\nIt needs numpy, scipy, statsmodels.\n"


def test_copy_takes_a_folder_or_the_path_of_a_file(package, project, capsys):
    (project / "lib").mkdir()
    assert main(["copy", "matching", "lib"]) == 0
    assert main(["copy", "matching", "lib/pairs.py"]) == 0
    assert sorted(file.name for file in (project / "lib").iterdir()) == ["matching.py", "pairs.py"]
    assert f"Wrote {Path('lib', 'pairs.py')}\n" in capsys.readouterr().out


def test_copy_overwrites_only_when_forced(package, project, capsys):
    (project / "matching.py").write_text("mine", encoding="utf-8")
    assert main(["copy", "matching"]) == 2
    assert (project / "matching.py").read_text(encoding="utf-8") == "mine"
    assert "matching.py exists; pass --force" in capsys.readouterr().err
    assert main(["copy", "matching", "--force"]) == 0
    assert (project / "matching.py").read_text(encoding="utf-8") == FILES["recipes/matching.py"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["show", "matchin"], r"no scenario, archive or recipe 'matchin'; did you mean matching\?"),
        (["copy", "Wage"], r"'Wage'; did you mean wages\?"),
        (["copy", "matching.py"], r"did you mean matching\?"),
        (["copy", "nearest"], r"did you mean matching \(which holds nearest\)\?"),
        (["show", "STAFFING"], r"did you mean staffing\?"),
        (["show", "s"], "recipe 's'; casestudies list shows all"),
        (["show", "quantum"], "recipe 'quantum'; casestudies list shows all"),
        (["show", "moments"], "no scenario, archive or recipe 'moments'"),
        (["copy", "staffing"], "staffing is a scenario, and only recipes are made to be copied"),
        (["copy", "staffing"], r"from casestudies import scenarios\n +scenarios.staffing\(...\)"),
        (["copy", "wages"], r"an archive, .*\n +from casestudies import archives\n +archives.wag"),
        (["copy", "matching", "lib"], "no folder lib; create it first, or give a path that ends"),
        (["copy", "matching", "lib/pairs.py"], "no folder lib; create it first\n"),
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


def test_a_part_of_a_name_is_enough_for_a_hint_and_three_hints_are_enough(package, capsys):
    for word in ("one", "two", "six", "ten"):
        file = package / "recipes" / f"adjustment_of_estimates_in_{word}_steps.py"
        file.write_text('"""Adjust."""\n', encoding="utf-8")
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
    assert "casestudies copy standardization analysis/" in shown
    assert all(f"    {command} " in shown for command in ("list", "show", "copy"))


def test_an_unknown_command_ends_with_status_two_and_names_the_known_ones(capsys):
    with pytest.raises(SystemExit) as ending:
        main(["cpy", "matching"])
    assert ending.value.code == 2
    assert "'list', 'show', 'copy'" in capsys.readouterr().err


def test_the_catalogue_holds_every_scenario_archive_and_recipe_of_the_package():
    listed = {
        kind: [e.name for e in catalogue() if e.kind == kind] for kind in command_line.SECTIONS
    }
    assert listed["scenario"] == scenarios.names()
    assert listed["archive"] == ["card_krueger", "quarter_of_birth"]
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
        "main(['list']); main(['show', 'standardization']); main(['copy', 'standardization'])\n"
        "print(sorted({'numpy', 'pandas', 'scipy', 'networkx', 'matplotlib'} & set(sys.modules)))"
    )
    assert run("-c", code, cwd=tmp_path).stdout.splitlines()[-1] == "[]"


def test_each_copied_recipe_is_importable_where_casestudies_is_not(project, capsys):
    names = [entry.name for entry in catalogue() if entry.kind == "recipe"]
    for name in names:
        assert main(["copy", name]) == 0
        assert "It needs " in capsys.readouterr().out
    code = f"import sys; sys.modules['casestudies'] = None\nimport {', '.join(names)}\n"
    code += f"print([{', '.join(f'{name}.__file__' for name in names)}])"
    answer = run("-c", code, cwd=project)
    assert answer.returncode == 0, answer.stderr
    assert answer.stdout.strip() == str([str(project / f"{name}.py") for name in names])


def test_the_module_and_the_console_script_are_the_same_command(tmp_path):
    (script,) = entry_points(group="console_scripts", name="casestudies")
    assert script.value == "casestudies.__main__:main"
    answer = run("-m", "casestudies", "show", "standardisation", cwd=tmp_path)
    assert answer.returncode == 2
    assert answer.stderr.splitlines() == [
        "casestudies: no scenario, archive or recipe 'standardisation'; did you mean "
        "standardization? casestudies list shows all"
    ]
