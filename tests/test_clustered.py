"""Covariances by cluster, in one and in two ways, against R, pyfixest and brute force."""

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from matrices import by_matrices
from scipy import stats

from casestudies.recipes._clusters import _by_leverage, _clustered
from casestudies.recipes.difference_in_differences import two_by_two
from casestudies.recipes.instrumental_variables import least_squares, wald

SIZES = [3, 5, 8, 4, 10, 6, 12]


def rows():
    """Return 48 rows in 7 clusters of unequal sizes, and 6 others across them; by formula."""
    i, g = np.arange(48), np.repeat(range(7), SIZES)
    x = np.sin(i) + np.array([0, 1, 0, 2, 1, 0, 1])[g]
    frame = {"g": g, "h": i * i % 11, "x": x, "w": np.cos(2 * i), "y": 2 * np.sin(3 * i) + i / 20}
    return pd.DataFrame(frame)


def regression(data, regressors=("x", "w"), by="g"):
    """Return coefficients as columns of the errors, residuals and an orthonormal basis."""
    design = sm.add_constant(data[list(regressors)].to_numpy())
    fit = sm.OLS(data["y"].to_numpy(), design).fit()
    columns = design @ np.linalg.inv(design.T @ design)
    return columns, fit.resid, np.linalg.qr(design)[0], data[by]


def errors(cov, place=1, **options):
    found, df = _by_leverage(cov, *regression(rows(), **options))
    return np.sqrt(found[place, place]), df[place]


def test_errors_by_leverage_are_those_of_r_and_pyfixest():
    # R 4.5, sandwich 3.0-2: sqrt(vcovCL(lm(y ~ x + w), ~g, type = "HC2")["x", "x"])
    assert errors("CR2")[0] == pytest.approx(0.158366742398, rel=1e-10)
    # pyfixest 0.60: feols("y~x+w", vcov={"CRV3": "g"}, ssc=ssc(k_adj=False, G_adj=False)); and
    # in R type = "HC3"
    assert errors("CR3")[0] == pytest.approx(0.1970260441748705, rel=1e-10)
    # degrees: sum(diag(GG))^2 / sum(GG^2) with GG by Bell and McCaffrey's matrices, in R
    assert errors("CR2")[1] == pytest.approx(4.34761606158, rel=1e-10)


@pytest.mark.parametrize("regressors", [["x", "w"], ["x", "own"]], ids=["all", "a dummy of one"])
@pytest.mark.parametrize("cov", ["CR2", "CR3"])
def test_errors_and_degrees_by_leverage_are_those_of_full_matrices(cov, regressors):
    data = rows().assign(own=lambda f: (f["g"] == 2) * 1)  # one cluster alone decides `own`
    columns, residual, basis, cluster = regression(data, regressors)
    expected, degrees = by_matrices(cov, columns[:, :2], residual, basis, cluster)
    covariance, df = _by_leverage(cov, columns[:, :2], residual, basis, cluster)
    np.testing.assert_allclose(df, degrees, rtol=1e-9)
    np.testing.assert_allclose(covariance, expected, rtol=1e-9)


def test_cr3_is_the_jackknife_over_clusters():
    data = rows()
    full = sm.OLS(data["y"], sm.add_constant(data[["x", "w"]])).fit().params
    apart = [
        sm.OLS(part["y"], sm.add_constant(part[["x", "w"]])).fit().params - full
        for part in (data[data["g"] != name] for name in range(7))
    ]
    expected = np.einsum("gi,gj->ij", apart, apart)
    np.testing.assert_allclose(_by_leverage("CR3", *regression(data))[0], expected, rtol=1e-9)


def test_means_taken_out_count_as_the_dummies_that_they_replace():
    data = rows()
    dummies = pd.get_dummies(data["h"], dtype=float).iloc[:, 1:].add_prefix("h")
    wide = pd.concat([data, dummies], axis=1)
    columns, residual, _, cluster = regression(wide, ["x", *dummies])
    expected = _by_leverage("CR2", *regression(wide, ["x", *dummies]))
    group, size = data["h"].to_numpy(), data["h"].map(data["h"].value_counts()).to_numpy()
    net = (data["x"] - data["x"].groupby(data["h"]).transform("mean")).to_numpy()[:, np.newaxis]
    basis, absorbed = net / np.linalg.norm(net), (group, 1 / np.sqrt(size))
    parts = columns[:, [1]], residual, basis, cluster
    covariance, df = _by_leverage("CR2", *parts, absorbed=absorbed)
    np.testing.assert_allclose(covariance[0, 0], expected[0][1, 1], rtol=1e-10)
    np.testing.assert_allclose(df[0], expected[1][1], rtol=1e-10)


def test_with_equal_variances_cr2_is_unbiased_and_the_usual_error_is_too_small():
    columns, _, basis, cluster = regression(rows())
    left = np.eye(48) - basis @ basis.T
    truth = (columns[:, 1] ** 2).sum()
    means = {}
    for cov in ("clustered", "CR2"):
        drawn = []
        for column in left:  # the mean over errors is linear in the covariance of the residuals
            if cov == "clustered":
                drawn.append(_clustered(columns * column[:, np.newaxis], cluster, 6 / 7)[0][1, 1])
            else:
                drawn.append(_by_leverage(cov, columns, column, basis, cluster)[0][1, 1])
        means[cov] = sum(drawn)
    assert means["CR2"] == pytest.approx(truth, rel=1e-9)
    assert means["clustered"] < 0.9 * truth


def test_two_ways_add_and_what_both_share_is_taken_off():
    data = rows()
    columns, residual, _, _ = regression(data)
    scores = columns[:, [1]] * residual[:, np.newaxis]
    # R 4.5, sandwich 3.0-2: vcovCL(lm(y ~ x + w), ~g, type = "HC0", cadjust = FALSE)["x", "x"],
    # ~h, ~g + h
    by_g, by_h, by_both = 0.0164633077863, 0.109804260143, 0.0243702855616
    for names, published in ((["g"], by_g), (["h"], by_h), (["g", "h"], by_both)):
        covariance, df = _clustered(scores, data[names], 1.5)
        fewest = data[names].nunique().min()
        assert df == fewest - 1
        expected = 1.5 * fewest / (fewest - 1) * published
        np.testing.assert_allclose(covariance[0, 0], expected, rtol=1e-10)
    # pyfixest 0.60: feols("y~x+w", vcov={"CRV1": "g+h"}, ssc=ssc(k_adj=False, G_df="min"))
    covariance, _ = _clustered(scores, data[["h", "g"]])
    np.testing.assert_allclose(np.sqrt(covariance[0, 0]), 0.17100977362116593, rtol=1e-10)


def test_two_ways_without_a_variance_are_refused_and_the_larger_one_is_named():
    scores = np.array([[1.0], [-1.0], [-1.0], [1.0]])
    ways = pd.DataFrame({"a": [0, 0, 1, 1], "b": [0, 1, 0, 1]})
    with pytest.raises(ValueError, match=r"'a' and 'b'.*not positive.*cluster by 'a' alone"):
        _clustered(scores, ways)
    scores = scores + np.array([[0.0], [0.3], [0.0], [0.3]])
    with pytest.raises(ValueError, match="cluster by 'b' alone"):
        _clustered(scores, ways)
    assert _clustered(scores, ways["b"])[0] > 0


def test_clusters_are_matched_by_place_not_by_label():
    columns, residual, basis, cluster = regression(rows())
    names = cluster.map(dict(enumerate("gbafced"))).set_axis(range(48, 0, -1))
    for cov in ("CR2", "CR3"):
        plain = _by_leverage(cov, columns, residual, basis, cluster)
        for found, expected in zip(
            _by_leverage(cov, columns, residual, basis, names), plain, strict=True
        ):
            np.testing.assert_allclose(found, expected, rtol=1e-12)


STORES = {"outcome": "y", "unit": "unit", "treated": "treated", "post": "post"}


def stores():
    """Return forty stores of eight towns before and after, three towns treated."""
    i = np.arange(80)
    unit, post = i // 2, i % 2
    town = unit * unit % 41 % 8
    treated = (town < 3) * 1
    y = 3 * treated * post + np.sin(3 * i) + np.cos(town * 5.0 * post) + town / 4
    frame = {"y": y, "unit": unit, "town": town, "treated": treated, "post": post}
    return pd.DataFrame({**frame, "x": np.sin(i * i)})


@pytest.mark.parametrize("cov", ["CR2", "CR3"])
def test_differences_by_leverage_are_those_of_the_regression(cov):
    data = stores().assign(product=lambda f: f["treated"] * f["post"])
    found = two_by_two(data, **STORES, controls="x", cluster="town", cov=cov)
    regressors = ["product", "treated", "post", "x"]
    covariance, df = _by_leverage(cov, *regression(data, regressors, "town"))
    error, quantile = np.sqrt(covariance[1, 1]), stats.t.ppf(0.975, df[1])
    assert found["std_error"] == pytest.approx(error, rel=1e-9)
    assert found["ci_high"] - found["estimate"] == pytest.approx(quantile * error, rel=1e-9)
    plain = two_by_two(data, **STORES, controls="x", cluster="town")
    assert found["estimate"] == plain["estimate"]
    assert found["std_error"] > plain["std_error"]
    with pytest.raises(ValueError, match="cov must be one of 'clustered', 'CR2', 'CR3', got"):
        two_by_two(data, **STORES, cov="robust")


def covers(answer, truth=1):
    return answer["ci_low"] <= truth <= answer["ci_high"]


def test_with_few_clusters_in_one_arm_cr2_covers_and_the_usual_interval_does_not():
    rng, town, held = np.random.default_rng(7), np.repeat(np.arange(12), 10), []
    for _ in range(200):
        u = rng.normal(size=12)[town] + rng.normal(size=120)
        d = (town < 3) + 0.5 * u + rng.normal(size=120)
        data = pd.DataFrame({"z": (town < 3) * 1, "d": d, "y": d + u, "town": town})
        columns = {"outcome": "y", "treatment": "d", "instrument": "z", "cluster": "town"}
        held.append([covers(wald(data, **columns, cov=cov)) for cov in ("clustered", "CR2")])
    usual, by_leverage = np.mean(held, axis=0)
    margin = 4 * np.sqrt(0.0475 / 200)
    assert abs(by_leverage - 0.95) < margin
    assert usual < by_leverage - 0.02


def test_two_ways_cover_shocks_of_both_and_one_way_does_not():
    rng, n, held = np.random.default_rng(7), 14, []
    a, b = np.divmod(np.arange(n * n), n)
    for _ in range(200):
        x, u = (
            rng.normal(size=n)[a] + rng.normal(size=n)[b] + rng.normal(size=n * n) for _ in "xu"
        )
        data = pd.DataFrame({"a": a, "b": b, "x": x, "y": x + u})
        columns = {"outcome": "y", "treatment": "x", "cov": "clustered"}
        held.append(
            [covers(least_squares(data, **columns, cluster=by)) for by in ("a", ["a", "b"])]
        )
    one, both = np.mean(held, axis=0)
    assert abs(both - 0.95) < 4 * np.sqrt(0.0475 / 200)
    assert one < both - 0.04
