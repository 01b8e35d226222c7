"""Covariances by cluster, in one and in two ways, against R, pyfixest and brute force."""

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from cells import moments
from scipy import stats
from surveyed import survey

from casestudies.recipes._clusters import _by_leverage, _clustered
from casestudies.recipes.difference_in_differences import two_by_two
from casestudies.recipes.instrumental_variables import least_squares, wald
from casestudies.recipes.randomized_experiment import adjusted, difference_in_means

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


def by_matrices(cov, columns, residual, basis, cluster):
    """Return the covariance and the degrees of freedom by matrices of all rows."""
    left, projected, sums = np.eye(len(basis)) - basis @ basis.T, [], []
    for name in np.unique(cluster):
        here = np.flatnonzero(cluster == name)
        values, axes = np.linalg.eigh(left[np.ix_(here, here)])
        values, axes = values[values > 1e-9], axes[:, values > 1e-9]
        power = -0.5 if cov == "CR2" else -1
        adjusted = (axes * values**power) @ axes.T @ columns[here]
        projected.append(left[:, here] @ adjusted)
        sums.append(residual[here] @ adjusted)
    products = np.einsum("gnj,hnj->jgh", projected, projected)
    degrees = [np.trace(form) ** 2 / (form**2).sum() for form in products]
    return np.transpose(sums) @ sums, degrees


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


DRAWN = {"outcome": "y", "treatment": "d", "cluster": "cluster"}
VILLAGES = survey()[lambda f: (f["cluster"] < 9) & (f.index % 7 > 0)].assign(
    w=lambda f: 1 + f["w"] % 2, x=lambda f: f["x"] // 1
)


@pytest.mark.parametrize("weights", [None, "w"])
@pytest.mark.parametrize("covariate", [None, "x"])
@pytest.mark.parametrize("cov", ["CR2", "CR3"])
def test_experiments_by_leverage_are_those_of_full_matrices(cov, covariate, weights):
    data = VILLAGES
    mass = np.ones(len(data)) if weights is None else data["w"].to_numpy(dtype=float)
    x = np.column_stack([np.ones(len(data)), data["d"]])
    if covariate is not None:
        centred = data["x"] - np.average(data["x"], weights=mass)
        x = np.column_stack([x, centred, centred * data["d"]])
    x, y = (np.sqrt(mass) * values.T for values in (x, data["y"].to_numpy()))
    columns, basis = np.linalg.pinv(x), np.linalg.qr(x.T)[0]
    effect, residual = y @ columns[:, 1], y - basis @ (basis.T @ y)
    square, (df,) = by_matrices(cov, columns[:, [1]], residual, basis, data["cluster"])
    error = np.sqrt(square.item())
    options = {**DRAWN, "cov": cov, "weights": weights}
    estimate = difference_in_means if covariate is None else adjusted
    options |= {} if covariate is None else {"adjust_for": covariate}
    found = estimate(data, **options)
    ends = effect + error * stats.t.ppf([0.025, 0.975], df)
    np.testing.assert_allclose(found, [effect, error, *ends, len(data)], rtol=1e-9)
    measured = moments(data, ["d", "x", "w", "cluster"])
    assert len(measured) < len(data)
    np.testing.assert_allclose(estimate(measured, **options, size="n"), found, rtol=1e-9)


def test_equal_clusters_have_the_cr2_error_of_their_means():
    data = survey()[lambda f: f["cluster"] < 13].assign(d=lambda f: (f["cluster"] < 4) * 1)
    means = data.groupby(["d", "cluster"])["y"].mean()
    apart = stats.ttest_ind(means[1], means[0], equal_var=False)
    found = difference_in_means(data, **DRAWN, cov="CR2")
    error = found["estimate"] / apart.statistic
    assert found["std_error"] == pytest.approx(error, rel=1e-10)
    # if both arms had one variance: (1 / 4 + 1 / 9)^2 over (1 / 4)^2 / 3 + (1 / 9)^2 / 8
    df = (13 / 36) ** 2 / (1 / 48 + 1 / 648)
    margin = stats.t.ppf(0.975, df) * error
    assert found["ci_high"] - found["estimate"] == pytest.approx(margin, rel=1e-10)


def test_with_three_villages_treated_cr2_covers_an_experiments_effect():
    rng, town, held = np.random.default_rng(11), np.repeat(np.arange(12), np.arange(12) + 4), []
    for _ in range(200):
        d = (rng.permutation(12) < 3)[town] * 1
        data = pd.DataFrame({"d": d, "cluster": town, "x": rng.normal(size=len(town))})
        data["y"] = d + data["x"] + rng.normal(size=12)[town] + rng.normal(size=len(town))
        answers = [difference_in_means(data, **DRAWN, cov=cov) for cov in ("HC2", "CR2")]
        answers += [adjusted(data, **DRAWN, adjust_for="x", cov=cov) for cov in ("HC2", "CR2")]
        held.append([covers(answer) for answer in answers])
    usual, by_leverage = np.mean(held, axis=0).reshape(2, 2).T
    margin = 4 * np.sqrt(0.0475 / 200)
    assert (by_leverage > 0.95 - margin).all()
    assert (usual < by_leverage - 0.05).all()


@pytest.mark.parametrize("cov", ["CR2", "CR3"])
def test_an_experiments_error_by_leverage_needs_clusters_and_no_blocks(cov):
    options = {"outcome": "y", "treatment": "d", "cov": cov}
    with pytest.raises(ValueError, match=f"cov='{cov}' is an error by clusters; name their column"):
        difference_in_means(VILLAGES, **options)
    with pytest.raises(ValueError, match=f"cov='{cov}' is an error by clusters; name their column"):
        adjusted(VILLAGES, **options, adjust_for="x")
    with pytest.raises(ValueError, match=f"cov='{cov}' is for clusters .*blocks='block'.*'HC2'"):
        difference_in_means(VILLAGES, **options, cluster="cluster", blocks="block")
    with pytest.raises(ValueError, match="cov must be one of 'HC2', 'CR2', 'CR3', got 'by_arm'"):
        difference_in_means(VILLAGES, **{**options, "cov": "by_arm"})


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
