"""Only slow hours get a review: what selection on the outcome does to the comparison."""

import numpy as np
from scipy import stats

from casestudies.scenarios.scenario import Scenario
from casestudies.scm import SCM, Bernoulli, Deterministic, Normal


def postmortems(
    *,
    share_deploys=0.5,
    deploy_on_latency=10.0,
    traffic_on_latency=20.0,
    noise=10.0,
    threshold=130.0,
):
    r"""World of hours in which deploys fall at random and only slow hours are reviewed.

    With deploy :math:`D \sim Bernoulli(0.5)`, traffic :math:`Z \sim N(0, 1)` and latency

    .. math:: Y = 100 + 10 D + 20 Z + 10 \varepsilon, \quad \varepsilon \sim N(0, 1),

    an hour is reviewed if :math:`Y > 130`. Deploys and traffic are independent, so the
    difference of all hours is the effect. Among reviewed hours it is a difference of
    truncated normal means, :math:`\mu_d + \sigma \lambda((130 - \mu_d) / \sigma)` with
    :math:`\mu_d = 100 + 10 d`, :math:`\sigma^2 = 20^2 + 10^2` and :math:`\lambda = \phi / (1
    - \Phi)`; and traffic, which has mean :math:`20 / \sigma \cdot \lambda(\cdot)` there, is
    lower in the reviewed hours with a deploy: either cause is enough for a review.

    Parameters
    ----------
    share_deploys : float
        Probability of a deploy, above 0 and below 1.
    deploy_on_latency : float
        Effect of a deploy, in milliseconds.
    traffic_on_latency : float
        Milliseconds per standard deviation of traffic.
    noise : float
        Standard deviation of the rest, in milliseconds, above 0.
    threshold : float
        Latency above which an hour is reviewed, in milliseconds.

    Returns
    -------
    Scenario
        observed: deploy (0/1), traffic (standard deviations), latency (ms), reviewed (0/1).
        adjust_for: empty, nothing needs adjusting as long as all hours are kept. truth: ATE
        (ms), the difference among the reviewed (ms), the difference in traffic among the
        reviewed (standard deviations), and P(reviewed | deploy=0), P(reviewed | deploy=1).

    Raises
    ------
    ValueError
        If the share or the noise is out of range.

    References
    ----------
    Hernán, Hernández-Díaz and Robins (2004), Epidemiology 15(5), 615-625.
    Berkson (1946), Biometrics Bulletin 2(3), 47-53.

    Examples
    --------
    >>> world = postmortems()
    >>> world.truth["ATE"], round(world.truth["difference among the reviewed"], 2)
    (10.0, 1.86)
    """
    if not 0 < share_deploys < 1:
        raise ValueError(f"share_deploys must lie between 0 and 1, got {share_deploys}")
    if not noise > 0:
        raise ValueError(f"noise must be above 0, got {noise}")
    mean = 100.0 + np.array([0.0, deploy_on_latency])
    spread = np.hypot(traffic_on_latency, noise)
    cut = (threshold - mean) / spread
    excess = np.exp(stats.norm.logpdf(cut) - stats.norm.logsf(cut))
    no_deploy, with_deploy = stats.norm.sf(cut)
    model = SCM(
        {
            "deploy": Bernoulli(share_deploys),
            "traffic": Normal(),
            "latency": Normal(
                lambda deploy, traffic: (
                    100.0 + deploy_on_latency * deploy + traffic_on_latency * traffic
                ),
                noise,
            ),
            "reviewed": Deterministic(lambda latency: latency > threshold),
        }
    )
    return Scenario(
        name="postmortems",
        model=model,
        treatment="deploy",
        outcome="latency",
        observed=("deploy", "traffic", "latency", "reviewed"),
        adjust_for=(),
        truth={
            "ATE": deploy_on_latency,
            "difference among the reviewed": np.diff(mean + spread * excess)[0],
            "difference in traffic among the reviewed": (
                traffic_on_latency / spread * np.diff(excess)[0]
            ),
            "P(reviewed | deploy=0)": no_deploy,
            "P(reviewed | deploy=1)": with_deploy,
        },
        source="explainer_day36",
    )
