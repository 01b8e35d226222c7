import numpy as np
import pandas as pd
import pytest

from casestudies import scenarios
from casestudies.recipes.standardization import standardize
from casestudies.recipes.target_trials import nested_trials

COLUMNS = {"unit": "person", "time": "month", "event": "exit", "treatment": "mentored"}


def by_hand(log, follow):
    """List the starters of every trial with a loop over persons and months."""
    rows = []
    for person, life in log.groupby("person"):
        life = life.set_index("month")
        for start in range(1, log["month"].max() - follow + 2):
            if start not in life.index or (life["mentored"].loc[: start - 1] == 1).any():
                continue
            event = life["exit"].loc[start : start + follow - 1].max()
            arm, keen = life.loc[start, ["mentored", "keen"]]
            rows.append((person, start, keen, arm, event))
    names = ["person", "month", "keen", "mentored", "exit"]
    return pd.DataFrame(rows, columns=names)


@pytest.mark.parametrize("follow", [1, 4, 7])
def test_the_starters_are_those_of_a_loop_over_persons_and_months(follow):
    log = scenarios.immortal_time(months=7, follow=3).sample(150, rng=4)
    found = nested_trials(log, **COLUMNS, follow=follow, baseline="keen")
    expected = by_hand(log, follow).sort_values(["month", "person"], ignore_index=True)
    pd.testing.assert_frame_equal(found, expected, check_dtype=False)


def test_order_index_dates_and_other_columns_change_nothing():
    log = scenarios.immortal_time(months=7, follow=3).sample(80, rng=5)
    plain = nested_trials(log, **COLUMNS, follow=3, baseline=["keen"])
    before = log.copy()
    turned = log.assign(month=pd.Timestamp("2025-12-01"), other=np.nan)
    turned["month"] = [pd.Timestamp(2025 + (m > 1), (m + 10) % 12 + 1, 1) for m in log["month"]]
    turned = turned.sample(frac=1, random_state=1).set_axis(range(500, 500 + len(log)))
    found = nested_trials(turned, **COLUMNS, follow=3, baseline=["keen"])
    dates = sorted(turned["month"].unique())
    found["month"] = [dates.index(day) + 1 for day in found["month"]]
    found = found.sort_values(["month", "person"], ignore_index=True)
    pd.testing.assert_frame_equal(found, plain, check_dtype=False)
    pd.testing.assert_frame_equal(log, before)


def test_a_treatment_that_stops_still_ends_eligibility():
    log = pd.DataFrame({"person": [1, 1, 1, 2, 2, 2], "month": [1, 2, 3] * 2, "keen": 0})
    log = log.assign(mentored=[1, 0, 0, 0, 0, 1], exit=[0, 0, 0, 0, 0, 1])
    found = nested_trials(log, **COLUMNS, follow=1)
    assert found[["person", "month"]].to_numpy().tolist() == [[1, 1], [2, 1], [2, 2], [2, 3]]


def test_the_trials_find_their_itt_in_many_worlds_and_ever_against_never_does_not():
    world = scenarios.immortal_time()
    rng, found = np.random.default_rng(3), []
    for _ in range(60):
        log = world.sample(1_500, rng=rng)
        trials = nested_trials(log, **COLUMNS, follow=6, baseline="keen")
        people = log.groupby("person").agg(ever=("mentored", "max"), exit=("exit", "max"))
        naive = people.groupby("ever")["exit"].mean().diff().iloc[-1]
        ask = {"outcome": "exit", "treatment": "mentored", "adjust_for": "keen"}
        found.append((standardize(trials, **ask)["estimate"], naive))
    mean, error = np.mean(found, axis=0), np.std(found, axis=0) / np.sqrt(len(found))
    assert abs(mean[0] - world.truth["ITT(trials)"]) < 4 * error[0]
    assert abs(mean[1] - world.truth["naive: ever - never"]) < 4 * error[1]
    assert mean[1] < -0.2 < 0 < mean[0]


def refused(message, log, **changes):
    with pytest.raises(ValueError, match=message):
        nested_trials(log, **{**COLUMNS, "follow": 3, **changes})


def test_what_cannot_be_followed_is_refused_by_name():
    log = scenarios.immortal_time(months=6, follow=3).sample(60, rng=6)
    refused(r"follow is 7, but column 'month' has 6 period\(s\)", log, follow=7)
    refused("follow must be 1 or more", log, follow=0)
    refused("follow must be a whole number", log, follow=2.5)
    refused("no column 'mentor' in data; did you mean 'mentored'", log, treatment="mentor")
    refused("column 'mentored' is given more than one role", log, baseline="mentored")
    refused("unit must name a column, as a string, got 3", log, unit=3)
    refused("baseline must name a column, as a string, got 3", log, baseline=["keen", 3])
    refused(
        "'exit' must be 0 or 1, found 2; .* 1 for the period of the event and 0 for a period at",
        log.assign(exit=log["exit"] * 2),
    )
    refused(
        "'mentored' must be 0 or 1, found 2; .* 1 for one with it and 0 for a period without tr",
        log.assign(mentored=log["mentored"] * 2),
    )
    lives = log.groupby("person")["month"].transform("size")
    stays = log[lives == 6]
    who = stays["person"].iloc[0]
    cut = log[(log["person"] != who) | (log["month"] < 5)]
    refused(
        f"person = {who} has no event and no row for each of the 3 period.s. from month = 3", cut
    )
    assert len(nested_trials(cut[cut["person"] != who], **COLUMNS, follow=3))  # the remedy
    nobody = log.groupby("person")["mentored"].transform("max") == 0
    late = log[nobody].copy()
    late.loc[late["month"] == 6, "mentored"] = 1
    refused("column 'mentored' is 0 for all", late)
    assert nested_trials(late, **COLUMNS, follow=1)["mentored"].nunique() == 2  # the remedy
