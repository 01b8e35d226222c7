import numpy as np
import pytest
from scipy import integrate, stats

from casestudies import identify, scenarios
from casestudies.sampling.montecarlo import replicate

KNOBS = [
    {},
    {
        "share_deploys": 0.3,
        "deploy_on_latency": -15.0,
        "traffic_on_latency": 8.0,
        "noise": 6.0,
        "threshold": 105.0,
    },
]


def contrast(data, column="latency"):
    groups = data.groupby("deploy")[column].agg(["mean", "var", "size"])
    estimate = groups["mean"].diff().iloc[-1]
    error = np.sqrt((groups["var"] / groups["size"]).sum())
    margin = 1.96 * error
    return {
        "estimate": estimate,
        "std_error": error,
        "ci_low": estimate - margin,
        "ci_high": estimate + margin,
    }


@pytest.mark.parametrize("knobs", KNOBS)
def test_the_truncated_means_agree_with_quadrature_over_traffic(knobs):
    world = scenarios.postmortems(**knobs)
    effect, slope = knobs.get("deploy_on_latency", 10.0), knobs.get("traffic_on_latency", 20.0)
    noise, cut = knobs.get("noise", 10.0), knobs.get("threshold", 130.0)

    def integral(function, d):
        def height(z):
            gap = (cut - 100 - effect * d - slope * z) / noise
            return function(z, gap) * stats.norm.pdf(z)

        return integrate.quad(height, -9, 9, epsabs=1e-13, limit=200)[0]

    means, traffic = [], []
    for d in (0, 1):
        share = integral(lambda z, gap: stats.norm.sf(gap), d)
        assert world.truth[f"P(reviewed | deploy={d})"] == pytest.approx(share)

        def above(z, gap, d=d):
            middle = 100 + effect * d + slope * z
            return middle * stats.norm.sf(gap) + noise * stats.norm.pdf(gap)

        means.append(integral(above, d) / share)
        traffic.append(integral(lambda z, gap: z * stats.norm.sf(gap), d) / share)
    assert world.truth["ATE"] == effect
    stated = world.truth["difference among the reviewed"]
    assert stated == pytest.approx(means[1] - means[0])
    stated = world.truth["difference in traffic among the reviewed"]
    assert stated == pytest.approx(traffic[1] - traffic[0])


@pytest.mark.parametrize("knobs", KNOBS)
def test_a_million_simulated_hours_agree_with_every_stated_truth(knobs):
    n, world = 1_000_000, scenarios.postmortems(**knobs)
    data = world.sample(n, rng=4)
    reviewed = data[data["reviewed"] == 1]
    for answer, key in [
        (contrast(data), "ATE"),
        (contrast(reviewed), "difference among the reviewed"),
        (contrast(reviewed, "traffic"), "difference in traffic among the reviewed"),
    ]:
        assert abs(answer["estimate"] - world.truth[key]) < 4 * answer["std_error"], key
    for d, hours in data.groupby("deploy"):
        p = world.truth[f"P(reviewed | deploy={d})"]
        assert abs(hours["reviewed"].mean() - p) < 4 * np.sqrt(p * (1 - p) / len(hours))
    share = knobs.get("share_deploys", 0.5)
    assert abs(data["deploy"].mean() - share) < 4 * np.sqrt(share * (1 - share) / n)


def test_over_many_worlds_all_hours_give_the_effect_and_the_reviewed_do_not():
    analyses = {
        "all hours": contrast,
        "reviewed hours": lambda data: contrast(data[data["reviewed"] == 1]),
    }
    worlds = replicate(scenarios.postmortems(), analyses, n=1_000, replications=150, rng=11)
    assert abs(worlds.loc["all hours", "bias"]) < 4 * worlds.loc["all hours", "bias_error"]
    assert worlds.loc["reviewed hours", "bias"] < -5


def test_the_review_is_a_common_effect_that_opens_a_path():
    graph = scenarios.postmortems().model.graph
    ask = {"treatment": "deploy", "outcome": "latency"}
    assert identify.backdoor(graph, **ask, adjust_for=[]).valid
    assert not identify.backdoor(graph, **ask, adjust_for=["reviewed"]).valid


def test_refusals_name_what_was_wrong():
    with pytest.raises(ValueError, match="share_deploys must lie between 0 and 1, got 1"):
        scenarios.postmortems(share_deploys=1)
    with pytest.raises(ValueError, match="noise must be above 0, got 0"):
        scenarios.postmortems(noise=0)


def test_most_of_the_fall_is_selection_on_the_outcome_and_not_the_opened_path():
    # Among reviewed hours with traffic z, latency is a truncated normal. The least-squares
    # coefficient of a deploy, traffic held fixed, by sums over a fine grid of traffic:
    z = np.linspace(-8, 10, 18_001)
    weight, mean = [], []
    for deploy in (0, 1):
        cut = (130 - 100 - 10 * deploy - 20 * z) / 10
        weight.append(stats.norm.pdf(z) * stats.norm.sf(cut))
        mean.append(130 - 10 * cut + 10 * np.exp(stats.norm.logpdf(cut) - stats.norm.logsf(cut)))
    rows = [np.column_stack([np.ones_like(z), np.full_like(z, d), z]) for d in (0, 1)]
    left = sum((x.T * w) @ x for x, w in zip(rows, weight, strict=True))
    right = sum((x.T * w) @ m for x, w, m in zip(rows, weight, mean, strict=True))
    adjusted = np.linalg.solve(left, right)[1]
    assert adjusted == pytest.approx(5.44, abs=5e-3)  # of 10, although the path is closed
    # the straight line in traffic is no part of it: differences at equal traffic, averaged
    averaged = np.average(mean[1] - mean[0], weights=weight[0] + weight[1])
    assert averaged == pytest.approx(4.69, abs=5e-3)
    # and with no arrow from traffic to latency, as much noise in all: no path, the same fall
    truth = scenarios.postmortems().truth["difference among the reviewed"]
    no_path = scenarios.postmortems(traffic_on_latency=0.0, noise=np.hypot(20, 10)).truth
    assert no_path["difference among the reviewed"] == pytest.approx(truth)
    assert truth == pytest.approx(1.86, abs=5e-3)
