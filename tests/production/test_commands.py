import pytest

from casestudies.__main__ import main


def said(capsys, *words, status=0):
    assert main(["production", *map(str, words)]) == status
    captured = capsys.readouterr()
    return captured.out if status == 0 else captured.err


def test_from_a_new_company_to_a_decision_by_commands_alone(tmp_path, capsys):
    path = tmp_path / "company"
    assert "12 files lie in" in said(
        capsys, "simulate", path, "--weeks", 12, "--people", 3000, "--scenario", "draw_breaks"
    )
    out = said(capsys, "run", path, "--today", "2026-06-01")
    assert "Batches accepted: 12; files refused: 0." in out
    assert "May not be widened: Incident 1 is open" in out
    assert "dashboard/index.html" in out
    assert "Incident 1, opened by batch" in said(capsys, "status", path)
    assert "since-alarm" in said(capsys, "reestimate", path)
    head = said(capsys, "verify", path).split()[-1]
    closing = ["--action", "carry on", "--reason", "The draw was mended", "--name", "Ada"]
    assert "closed" in said(capsys, "decide", path, *closing)
    assert "as they were entered" in said(capsys, "verify", path, "--head", head)
    assert "the same" in said(capsys, "backtest", path, "--years", 1)


def test_new_lays_a_record_that_runs(tmp_path, capsys):
    assert "fill it in and sign it" in said(capsys, "new", tmp_path / "own")
    assert "Batches accepted: 0" in said(capsys, "run", tmp_path / "own")


@pytest.mark.parametrize(
    ("words", "match"),
    [
        (["run"], "has no estimand.toml"),
        (["status"], "has no estimand.toml"),
        (["verify"], "has no estimand.toml"),
    ],
)
def test_a_refusal_says_why_and_exits_with_two(tmp_path, capsys, words, match):
    assert match in said(capsys, *words, tmp_path, status=2)


def test_a_second_new_and_a_status_before_a_run_are_refused(tmp_path, capsys):
    said(capsys, "new", tmp_path / "own")
    assert "holds a record already" in said(capsys, "new", tmp_path / "own", status=2)
    assert "nothing has run yet" in said(capsys, "status", tmp_path / "own", status=2)


def test_tampering_makes_verify_exit_with_two_and_name_it(tmp_path, capsys):
    path = tmp_path / "company"
    said(capsys, "simulate", path, "--weeks", 2, "--people", 100)
    said(capsys, "run", path)
    next((path / "accepted").iterdir()).write_text("x")
    assert "was changed" in said(capsys, "verify", path, status=2)


def test_production_without_an_action_shows_what_it_can_do(capsys):
    assert "simulate" in said(capsys)
