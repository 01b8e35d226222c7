"""Bounds on trends that need not be parallel, held against Rambachan and Roth's program."""

import io

import numpy as np
import pandas as pd
import pytest
from scipy import optimize, stats

from casestudies.recipes import difference_in_differences as did
from casestudies.recipes import honest_bounds as hb

# Benzarti and Carloni's (2019) event study and covariance, as printed in the examples of
# Rambachan and Roth's programs (2004-2007 before, 2008 the reference, 2009-2012 after).
BENZARTI_CARLONI = np.loadtxt(
    io.StringIO("""
  .006696352 .029345034 -.006472972 .073014989 .195961118 .312063903 .239541546 .126042500
  8.428358e-4 4.768687e-4 2.618051e-4 2.354220e-4 1.676371e-4 1.128708e-4 1.992816e-5 -1.368265e-4
  4.768687e-4 6.425420e-4 3.987425e-4 2.435515e-4 2.201960e-4 1.804591e-4 3.843765e-5 -2.960422e-5
  2.618051e-4 3.987425e-4 5.229950e-4 2.117686e-4 1.840722e-4 1.458528e-4 7.005197e-5 5.952995e-5
  2.354220e-4 2.435515e-4 2.117686e-4 3.089595e-4 1.197866e-4 1.334081e-4 1.016335e-4 1.079052e-4
  1.676371e-4 2.201960e-4 1.840722e-4 1.197866e-4 3.599704e-4 2.478819e-4 1.749579e-4 1.654257e-4
  1.128708e-4 1.804591e-4 1.458528e-4 1.334081e-4 2.478819e-4 4.263950e-4 2.171438e-4 2.892748e-4
  1.992816e-5 3.843765e-5 7.005197e-5 1.016335e-4 1.749579e-4 2.171438e-4 4.886698e-4 3.805322e-4
  -1.368265e-4 -2.960422e-5 5.952995e-5 1.079052e-4 1.654257e-4 2.892748e-4 3.805322e-4 7.617394e-4
""")
)


def study_of(estimate, covariance, times, df=np.inf):
    """An event study as a frame."""
    frame = pd.DataFrame({"estimate": estimate}, index=times, dtype=float)
    frame.attrs = {"covariance": pd.DataFrame(covariance, times, times).to_dict(), "df": df}
    return frame


def benzarti_carloni():
    return study_of(BENZARTI_CARLONI[0], BENZARTI_CARLONI[1:], [-5, -4, -3, -2, 0, 1, 2, 3])


def test_smoothness_intervals_are_those_of_rambachan_and_roths_program():
    # HonestDiD, test/unit-tests-consistency.md of its Stata version: FLCI for the first effect
    # and for the third, columns of R and Stata.
    bounds = hb.trend_bounds(benzarti_carloni(), smoothness=[0, 0.1, 0.2, 0.3], event_times=0)
    published = [[0.131, 0.216], [0.119, 0.419], [0.019, 0.519], [-0.081, 0.619]]
    intervals = bounds.loc["smoothness", ["ci_low", "ci_high"]]
    np.testing.assert_allclose(intervals, published, rtol=0, atol=0.0011)
    bounds = hb.trend_bounds(benzarti_carloni(), smoothness=[0, 0.1, 0.2, 0.3], event_times=2)
    published = [[0.144, 0.260], [-0.244, 1.161], [-0.844, 1.761], [-1.444, 2.361]]
    intervals = bounds.loc["smoothness", ["ci_low", "ci_high"]]
    np.testing.assert_allclose(intervals, published, rtol=0, atol=0.0011)


def test_relative_magnitude_intervals_hold_those_of_rambachan_and_roths_program():
    # The same source: C-LF intervals, sharper than the conservative ones here.
    values = [0, 0.2222, 0.4444, 0.6667, 0.8889, 1.1111, 1.3333, 1.5556]
    low = np.array([0.159, 0.143, 0.123, 0.101, 0.0786, 0.0551, 0.0308, 0.00722])
    high = np.array([0.233, 0.248, 0.267, 0.288, 0.309, 0.330, 0.352, 0.376])
    bounds = hb.trend_bounds(benzarti_carloni(), relative_magnitudes=values, event_times=[0])
    bounds = bounds.loc["relative magnitudes"]
    np.testing.assert_allclose(bounds.loc[0, ["ci_low", "ci_high"]], [low[0], high[0]], atol=6e-4)
    assert (bounds["ci_low"] < low + 6e-4).all()
    assert (bounds["ci_high"] > high - 6e-4).all()
    assert (bounds["ci_high"] - bounds["ci_low"] < 1.1 * (high - low)).all()


def extreme_violation(delta, shape, bound, weights):
    """Largest weighted sum of later violations allowed by a restriction, by linear programming."""
    later = len(weights)
    if shape == "relative magnitudes":
        rows = np.diff(np.vstack([np.zeros(later), np.eye(later)]), axis=0)
        limits = np.full(later, bound * np.abs(np.diff(delta)).max())
        offset = np.zeros(later)
    else:  # second differences of (delta[-2], delta[-1] = 0, later ones)
        full = np.vstack([np.zeros((2, later)), np.eye(later)])
        rows, offset = np.diff(full, n=2, axis=0), np.zeros(later)
        offset[0] = np.diff([delta[-2], delta[-1], 0, 0], n=2)[0]
        limits = np.full(later, bound)
    best = optimize.linprog(
        -np.asarray(weights),
        A_ub=np.vstack([rows, -rows]),
        b_ub=np.concatenate([limits - offset, limits + offset]),
        bounds=(None, None),
    )
    return -best.fun, best.x


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("event_times", [None, [0], [1, 3]])
@pytest.mark.parametrize("shape", ["relative magnitudes", "smoothness"])
def test_the_sets_are_those_of_a_linear_program(shape, event_times, sign):
    study = benzarti_carloni()
    study["estimate"] *= sign
    weights = np.isin(range(4), range(4) if event_times is None else event_times).astype(float)
    weights /= weights.sum()
    delta = np.append(study.loc[:-2, "estimate"], 0)
    effect = weights @ study.loc[0:, "estimate"]
    bounds = hb.trend_bounds(
        study, relative_magnitudes=[0.7], smoothness=[0.7], event_times=event_times
    ).loc[shape, 0.7]
    up, down = (extreme_violation(s * delta, shape, 0.7, weights)[0] for s in (1, -1))
    assert bounds["set_low"] == pytest.approx(effect - up, abs=1e-9)
    assert bounds["set_high"] == pytest.approx(effect + down, abs=1e-9)


@pytest.mark.parametrize("bound", [0.01, 0.05, 1.0])
def test_the_fixed_length_interval_covers_exactly_at_its_worst_case_and_more_elsewhere(bound):
    # The interval's middle is linear in the estimates and its length fixed, so that coverage
    # follows from the normal distribution, without simulation.
    study = benzarti_carloni()
    covariance = BENZARTI_CARLONI[1:]
    times = study.index

    def interval(estimate):
        one = study_of(estimate, covariance, times)
        row = hb.trend_bounds(one, relative_magnitudes=[], smoothness=[bound]).iloc[0]
        return row["ci_low"], row["ci_high"]

    contrast = np.array([np.mean(interval(unit)) for unit in np.eye(8)])
    low, high = interval(np.zeros(8))
    sd, half = np.sqrt(contrast @ covariance @ contrast), (high - low) / 2

    def coverage(bends, slope):
        steps = slope + np.concatenate([[0], np.cumsum(bends)])  # -5 to -4 up to 2 to 3
        path = np.concatenate([[0], np.cumsum(steps)])
        delta = np.delete(path - path[4], 4)
        bias = contrast @ delta
        return stats.norm.cdf((half - bias) / sd) - stats.norm.cdf((-half - bias) / sd)

    assert contrast[4:] == pytest.approx([0.25] * 4)
    signs = np.array(np.meshgrid(*[[-1, 1]] * 7)).reshape(7, -1).T
    covered = [coverage(bound * bends, slope=0.3) for bends in signs]
    assert min(covered) == pytest.approx(0.95, abs=1e-6)
    assert coverage(np.zeros(7), slope=-0.3) > 0.95


def test_relative_magnitude_intervals_cover_when_the_usual_one_does_not():
    rng = np.random.default_rng(15)
    covariance = 0.04 * (np.eye(5) + 1)
    times = [-4, -3, -2, 0, 1]
    delta = np.array([0.9, 0.6, 0.6, 0.6, 1.2])  # steps -0.3, 0, -0.6 before; 0.6, 0.6 after
    effect = np.array([0, 0, 0, 1, 1])
    covered = np.zeros((400, 2))
    for row in covered:
        estimate = rng.multivariate_normal(delta + effect, covariance)
        study = study_of(estimate, covariance, times)
        bounds = hb.trend_bounds(study, relative_magnitudes=[0, 1], smoothness=[])
        row[:] = (bounds["ci_low"] < 1) & (bounds["ci_high"] > 1)
    usual, robust = covered.mean(0)
    assert robust > 0.95 - 4 * np.sqrt(0.95 * 0.05 / 400)
    assert usual < 0.5


def test_bounds_are_given_up_to_twice_the_largest_step_and_for_a_straight_line():
    rows = hb.trend_bounds(benzarti_carloni()).index
    expected = [("relative magnitudes", bound) for bound in (0, 0.5, 1, 1.5, 2)]
    assert list(rows) == [*expected, ("smoothness", 0)]
    assert rows.names == ["restriction", "bound"]


def test_few_clusters_widen_the_bounds_by_the_t_distribution():
    study = benzarti_carloni()
    narrow = hb.trend_bounds(study, relative_magnitudes=[0])
    study.attrs["df"] = 6
    wide = hb.trend_bounds(study, relative_magnitudes=[0])
    length = [bounds["ci_high"] - bounds["ci_low"] for bounds in (wide, narrow)]
    ratio = stats.t.ppf(0.975, 6) / stats.norm.ppf(0.975)
    np.testing.assert_allclose(length[0] / length[1], ratio, rtol=1e-6)


def test_bounds_with_one_step_before_need_no_choice_of_weights():
    # One slope to extrapolate: effect less two and a half times the last step on average.
    study = study_of([0.2, 3.0, 4.0, 5.0, 6.0], np.diag([0.04, 1, 1, 1, 1]), [-2, 0, 1, 2, 3])
    bounds = hb.trend_bounds(study, relative_magnitudes=[], smoothness=[0])
    middle, sd = 4.5 + 2.5 * 0.2, np.sqrt(4 / 16 + 2.5**2 * 0.04)
    expected = [middle, middle, middle - 1.959964 * sd, middle + 1.959964 * sd]
    np.testing.assert_allclose(bounds.to_numpy()[0], expected, atol=1e-6)


@pytest.mark.parametrize("sign", [1, -1])
def test_at_the_breakdown_value_an_interval_ends_at_zero(sign):
    study = benzarti_carloni()
    study["estimate"] *= sign
    limits = hb.trend_breakdown(study, event_times=[0])
    bounds = hb.trend_bounds(
        study,
        relative_magnitudes=[limits["relative magnitudes"]],
        smoothness=[limits["smoothness"]],
        event_times=[0],
    )
    end = bounds["ci_low" if sign == 1 else "ci_high"]
    np.testing.assert_allclose(end, 0, atol=1e-8)
    assert (limits > 0.1).all()


def test_an_effect_that_is_not_significant_has_no_sign_to_lose():
    study = study_of([0.1, 0.3], np.eye(2), [-2, 0])
    assert (hb.trend_breakdown(study) == 0).all()


def rescaled(study, times, reference):
    """The same study with other event times and another reference."""
    table = pd.DataFrame(study.attrs["covariance"]).to_numpy()
    other = study_of(study["estimate"].to_numpy(), table, times, study.attrs["df"])
    other.attrs["reference"] = reference
    return other


@pytest.mark.parametrize("step", [2, 0.25, 1 / 3])
def test_bounds_are_per_step_whatever_the_unit_of_event_time(step):
    study = benzarti_carloni()
    other = rescaled(study, [step * k for k in (-5, -4, -3, -2, 0, 1, 2, 3)], -step)
    options = {"relative_magnitudes": [0.5], "smoothness": [0, 0.1]}
    expected = hb.trend_bounds(study, **options)
    pd.testing.assert_frame_equal(hb.trend_bounds(other, **options), expected)
    expected = hb.trend_breakdown(study, event_times=[0, 2])
    found = hb.trend_breakdown(other, event_times=[0, 2 * step])
    pd.testing.assert_series_equal(found, expected)


@pytest.mark.parametrize(
    ("times", "reference", "message", "keep"),
    [
        (
            [-6, -4, 0, 3, 5],
            -2,
            r"skips event time 2, for 0 is followed by 3 .*study.loc\[-6:0\]",
            0,
        ),
        ([-9, -3, -2, 0, 1], -1, r"skips event time -8, .* -3 .*study.loc\[-3:1\]", 1),
    ],
)
def test_waves_that_are_not_one_step_apart_are_refused_and_can_be_cut(
    times, reference, message, keep
):
    study = study_of([0.1, -0.1, 2.0, 2.5, 3.0], np.eye(5) * 0.04 + 0.01, times)
    study.attrs["reference"] = reference
    for call in (hb.trend_bounds, hb.trend_breakdown):
        with pytest.raises(ValueError, match=message):
            call(study)
    cut = study.loc[times[0] if keep == 0 else -3 : keep]
    assert np.isfinite(hb.trend_bounds(cut)).all(axis=None)
    study = study_of([0.1, 2.0], np.eye(2), [-3, 0])
    with pytest.raises(ValueError, match=r"so give the event study of periods equally far apart"):
        hb.trend_bounds(study)


def study_of_units(y):
    """The event study of outcomes by unit and period, the first half treated in the last."""
    frame = pd.DataFrame(y).rename_axis("unit").melt(ignore_index=False, var_name="time")
    frame = frame.reset_index().assign(treated=lambda f: (f["unit"] < len(y) / 2) * 1)
    names = {"outcome": "value", "unit": "unit", "time": "time", "treated": "treated"}
    return did.event_study(frame, **names, first_treated_time=y.shape[1] - 1)


def test_too_few_clusters_for_smoothness_are_refused_instead_of_given_no_length():
    study = study_of_units(np.random.default_rng(16).normal(size=(4, 8)))
    for call in (hb.trend_bounds, hb.trend_breakdown):
        with pytest.raises(
            ValueError, match=r"6 estimates .* too many for smoothness and 4 clusters"
        ):
            call(study)
    assert np.isfinite(hb.trend_bounds(study, smoothness=[])).all(axis=None)
    assert np.isfinite(hb.trend_bounds(study.loc[-3:])).all(axis=None)
    assert np.isfinite(hb.trend_breakdown(study.loc[-3:])).all()


def straight_line_intervals(rng, half, before, draws):
    """Middles and half-lengths at M = 0 in closed form, of samples of noise in two arms."""
    n, periods = 2 * half, before + 2
    y = rng.normal(size=(draws, n, periods))
    changes = np.delete(y, before, axis=2) - y[:, :, [before]]
    groups = changes[:, :half], changes[:, half:]
    gap = groups[0].mean(1) - groups[1].mean(1)
    off = np.concatenate([group - group.mean(1, keepdims=True) for group in groups], axis=1)
    factor = n / (n - 1) * (n * periods - 1) / (n * periods - 2 * periods)
    covariance = factor * np.einsum("rij,rik->rjk", off, off) / half**2
    levels = np.insert(np.eye(before + 1), before, 0, axis=0)
    steps = np.diff(levels, axis=0)[:before]
    line, bends = levels[-1] - steps[-1], np.diff(steps, axis=0)
    crossed, own = bends @ covariance @ line, bends @ covariance @ bends.T
    weights = np.linalg.solve(own, crossed[:, :, np.newaxis])[:, :, 0]
    contrast = line - weights @ bends  # of least variance among the unbiased
    sd = np.sqrt(np.einsum("rj,rjk,rk->r", contrast, covariance, contrast))
    return y, np.einsum("rj,rj->r", contrast, gap), stats.t.ppf(0.975, n - 1) * sd


@pytest.mark.parametrize(("half", "share"), [(5, 0.57), (10, 0.85), (20, 0.91)])
def test_smoothness_intervals_cover_too_seldom_with_few_clusters_as_said(half, share):
    y, middle, length = straight_line_intervals(np.random.default_rng(17), half, 6, 20_000)
    covered = np.mean(np.abs(middle) < length)
    assert abs(covered - share) < 4 * np.sqrt(share * (1 - share) / 20_000) + 0.005
    bounds = hb.trend_bounds(study_of_units(y[0]), relative_magnitudes=[])
    found = bounds.iloc[0][["ci_low", "ci_high"]]
    np.testing.assert_allclose(found, [middle[0] - length[0], middle[0] + length[0]], rtol=1e-5)


def test_options_are_checked_like_columns():
    study = benzarti_carloni()
    for options, message in [
        ({"relative_magnitudes": [], "smoothness": []}, "are both empty; give a bound of one"),
        ({"smoothness": np.inf}, "smoothness must be 0 or more, got inf"),
        ({"relative_magnitudes": "1"}, "relative_magnitudes must be 0 or more, got '1'"),
        ({"event_times": []}, "event_times is empty; give at least one number"),
        ({"event_times": [0, np.nan]}, "event_times must be a finite number, got nan"),
        ({"level": np.nan}, "level must lie between 0 and 1, got nan"),
    ]:
        with pytest.raises(ValueError, match=message):
            hb.trend_bounds(study, **options)
    one = hb.trend_bounds(study, relative_magnitudes=1, smoothness=())
    assert list(one.index) == [("relative magnitudes", 1)]


# refusals


def test_trend_bounds_refuse_studies_that_cannot_say():
    study = benzarti_carloni()
    with pytest.raises(ValueError, match="event time 7 is not among those with an effect"):
        hb.trend_bounds(study, event_times=[7])
    with pytest.raises(ValueError, match="event time -2 is not among those with an effect"):
        hb.trend_bounds(study, event_times=[-2])
    with pytest.raises(ValueError, match="smoothness must be 0 or more, got -1"):
        hb.trend_bounds(study, smoothness=[-1])
    with pytest.raises(ValueError, match="relative_magnitudes must be 0 or more, got nan"):
        hb.trend_bounds(study, relative_magnitudes=[np.nan])
    with pytest.raises(ValueError, match="has no event time below -1"):
        hb.trend_bounds(study.loc[0:])
    with pytest.raises(ValueError, match="skips event time -3"):
        hb.trend_bounds(study.drop(index=-3))
    with pytest.raises(ValueError, match="skips event time 2"):
        hb.trend_bounds(study.drop(index=2))
    with pytest.raises(ValueError, match="no event time from 0 on"):
        hb.trend_bounds(study.loc[:-1])
    with pytest.raises(ValueError, match="study carries no covariance"):
        hb.trend_bounds(pd.DataFrame({"estimate": [1.0]}))
    with pytest.raises(ValueError, match="the covariance has no event time 9"):
        hb.trend_bounds(study.rename(index={3: 9}))
    with pytest.raises(ValueError, match="level must lie between 0 and 1, got 0"):
        hb.trend_breakdown(study, level=0)
