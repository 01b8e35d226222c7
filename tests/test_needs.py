"""What is missing skips a test, and fails it where nothing may be missing."""

import needs
import pytest


@pytest.mark.parametrize(("strict", "outcome"), [(False, "Skipped"), (True, "Failed")])
def test_what_is_missing_skips_a_test_or_fails_it_and_is_named(
    monkeypatch, tmp_path, strict, outcome
):
    monkeypatch.setattr(needs, "STRICT", strict)
    monkeypatch.setattr(needs, "CHROMIUM", tmp_path / "chromium")
    monkeypatch.setenv("CASESTUDIES_DATA", str(tmp_path))
    for call, word in [(needs.chromium, "no Chromium at"), (lambda: needs.original("a"), "file a")]:
        with pytest.raises(BaseException, match=word) as stop:
            call()
        assert type(stop.value).__name__ == outcome
    for name in ("chromium", "a"):
        (tmp_path / name).touch()
    assert needs.chromium() == tmp_path / "chromium"
    assert needs.original("a") == tmp_path / "a"
