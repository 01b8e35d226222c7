"""Counties that raise their minimum wage at different times, and jobs counted every quarter."""

from functools import partial
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import pandas as pd

from casestudies.scenarios.scenario import Scenario
from casestudies.scm import SCM, Deterministic, Normal, Uniform

SIZE = (30.0, 50.0)  # hundred jobs in the first quarter, counties that never raise


class _LogNormal(Normal):
    """Exponential of a normal variable: mean and sd are those of its logarithm."""

    def value(self, noise, mean, sd):
        return np.exp(super().value(noise, mean, sd))

    def abduct(self, value, rng, mean, sd):
        return super().abduct(np.log(value), rng, mean, sd)


def minimum_wage_panel(
    *,
    periods=12,
    first_raises=(5, 9),
    shares=(0.4, 0.4),
    effect=-0.5,
    effect_growth=-0.5,
    growth=2.0,
    drift=0.0,
    size_gap=12.0,
    noise=1.0,
    proportional=False,
):
    r"""World of counties, some of which raise their minimum wage, observed as a panel.

    Politics, which nobody records, decides when a county raises its minimum wage
    (:math:`g`, 0 for never) and how large it is: size :math:`S` is uniform between 30 and
    50, and `size_gap` higher where the county raises sooner or later (:math:`R = 1`).
    Employment in quarter :math:`t` is

    .. math::

        Y_t = S + \text{growth}\,(t-1) + \text{drift}\, R\,(t-1)
              + \tau_{g,t} + \text{noise}\;\varepsilon_t, \qquad
        \tau_{g,t} = 1[t \ge g > 0]\,\{\text{effect} + \text{effect\_growth}\,(t-g)\}.

    In the proportional world the same terms are percentages: :math:`Y_t = S
    \exp(\{\dots\}/100)`, so that trends are parallel in logs and not in levels, unless the
    groups are equally large. A drift breaks parallel trends in either world; it comes with
    politics, not with the wage.

    Truths are exact, from the means of the adoption groups in each quarter and their
    shares :math:`p_g`. The ATT averages :math:`E[Y_t(g) - Y_t(0) \mid g]` over treated
    counties and quarters. Two-way fixed effects converge to :math:`\sum p_g \tilde D_{gt}
    E[Y_t \mid g] / \sum p_g \tilde D_{gt} D_{gt}`, with :math:`\tilde D` the treatment less
    its group and quarter means; they fail here because effects grow and early counties
    serve as comparison for late ones.

    Parameters
    ----------
    periods : int, default 12
        Number of quarters, at least 2.
    first_raises : sequence of int
        Quarters in which groups of counties begin, increasing, from 2 to `periods`.
    shares : sequence of float
        Population share of each of these groups; the remainder never begins.
    effect, effect_growth : float
        Effect in the first quarter, and what each later quarter adds to it.
    growth : float
        Change per quarter that all counties share.
    drift : float, default 0
        Additional change per quarter in counties that ever raise.
    size_gap : float, default 12
        By how many hundred jobs these counties are larger; above -30.
    noise : float, default 1
        Standard deviation of each county's quarterly noise.
    proportional : bool, default False
        Whether effect, effect_growth, growth, drift and noise are in percent (log points)
        instead of hundred jobs.

    Returns
    -------
    Scenario
        Units are counties. observed, a row per county and quarter: county, quarter (from
        1), employment (hundred jobs), first_raised (a quarter, 0 for never), adopter
        (first_raised is not 0) and raised (0/1, in this quarter). adjust_for is empty: the
        design, not a covariate, does the work. truth, in hundred jobs: ATT, ATT(e=0),
        ATT(e=1), ... by quarters since the raise, raw difference (raised against all other
        rows) and two-way fixed effects; in the proportional world also ATT of log
        employment and two-way fixed effects of log employment.

    Raises
    ------
    ValueError
        If a knob is out of its range, or no county is left that never raises.

    References
    ----------
    Goodman-Bacon (2021), Journal of Econometrics 225(2), 254-277.
    Roth and Sant'Anna (2023), Econometrica 91(2), 737-747.

    Examples
    --------
    >>> world = minimum_wage_panel()
    >>> round(world.truth["ATT"], 3), round(world.truth["two-way fixed effects"], 3)
    (-1.917, -1.0)
    >>> list(world.sample(50, rng=0))
    ['county', 'quarter', 'employment', 'first_raised', 'adopter', 'raised']
    """
    knobs = _Knobs(
        periods,
        tuple(first_raises),
        tuple(shares),
        effect,
        effect_growth,
        growth,
        drift,
        size_gap,
        noise,
        proportional,
    )
    _check(knobs)
    return Scenario(
        name="minimum_wage_panel",
        model=_model(knobs),
        treatment="first_raised",
        outcome=f"employment_{periods}",
        observed=("county", "quarter", "employment", "first_raised", "adopter", "raised"),
        adjust_for=(),
        truth=_truth(knobs),
        source="explainer_day36",
        arrange=_panel,
    )


class _Knobs(NamedTuple):
    """The parameters, in the order of the signature."""

    periods: int
    first_raises: tuple
    shares: tuple
    effect: float
    effect_growth: float
    growth: float
    drift: float
    size_gap: float
    noise: float
    proportional: bool

    @property
    def never(self):
        """Return the share that never raises, which is also where politics turns in favour."""
        return 1 - sum(self.shares)

    def gain(self, quarter, first_raised):
        """Return the effect in a quarter of a first raise in another, 0 before and for never."""
        since = quarter - first_raised
        begun = (first_raised > 0) & (since >= 0)
        return np.where(begun, self.effect + self.effect_growth * since, 0.0)

    def moved(self, quarter, adopter, first_raised):
        """Return what a quarter adds to the size, or to its logarithm."""
        slope = self.growth + self.drift * adopter
        total = slope * (quarter - 1) + self.gain(quarter, first_raised)
        return total / 100 if self.proportional else total


def _model(knobs):
    """Return the structural equations; an arrow that carries nothing is left out.

    They are functions of the module with their knobs filled in, so that a world is quickly
    sent to another process.
    """
    mechanisms = {
        "politics": Uniform(),
        "size": Uniform(partial(_lowest, knobs=knobs), partial(_highest, knobs=knobs)),
        "first_raised": Deterministic(partial(_begins, knobs=knobs)),
    }
    means = {  # by whether a law can be in force, and whether politics has a trend of its own
        (False, False): _mean_of_size,
        (False, True): _mean_with_politics,
        (True, False): _mean_with_law,
        (True, True): _mean_with_both,
    }
    for quarter in range(1, knobs.periods + 1):
        chosen = means[quarter >= knobs.first_raises[0], knobs.drift != 0]
        mean = partial(chosen, knobs=knobs, quarter=quarter)
        mechanisms[f"employment_{quarter}"] = (
            _LogNormal(mean, knobs.noise / 100) if knobs.proportional else Normal(mean, knobs.noise)
        )
    return SCM(mechanisms)


def _lowest(politics, *, knobs):
    return SIZE[0] + knobs.size_gap * (politics >= knobs.never)


def _highest(politics, *, knobs):
    return SIZE[1] + knobs.size_gap * (politics >= knobs.never)


def _begins(politics, *, knobs):
    groups = [politics >= 1 - total for total in np.cumsum(knobs.shares)]
    return np.select(groups, knobs.first_raises, 0)  # the first that holds counts


def _mean_of_size(size, *, knobs, quarter):
    return _mean_with_both(size, 0.0, np.zeros(1), knobs=knobs, quarter=quarter)


def _mean_with_politics(size, politics, *, knobs, quarter):
    return _mean_with_both(size, politics, np.zeros(1), knobs=knobs, quarter=quarter)


def _mean_with_law(size, first_raised, *, knobs, quarter):
    return _mean_with_both(size, 0.0, first_raised, knobs=knobs, quarter=quarter)


def _mean_with_both(size, politics, first_raised, *, knobs, quarter):
    moved = knobs.moved(quarter, politics >= knobs.never, np.asarray(first_raised))
    return (np.log(size) if knobs.proportional else size) + moved


def _panel(units):
    """Turn a row per county into a row per county and quarter."""
    quarters = units.filter(like="employment_")
    n, periods = quarters.shape
    first = np.repeat(units["first_raised"].to_numpy(), periods)
    quarter = np.tile(np.arange(1, periods + 1), n)
    return pd.DataFrame(
        {
            "county": np.repeat(np.arange(1, n + 1), periods),
            "quarter": quarter,
            "employment": quarters.to_numpy().ravel(),
            "first_raised": first,
            "adopter": (first > 0).astype(int),
            "raised": ((first > 0) & (quarter >= first)).astype(int),
        }
    )


def _truth(knobs):
    """Return population values from the means of each adoption group in each quarter."""
    first = np.array([0, *knobs.first_raises])[:, None]
    share = np.array([knobs.never, *knobs.shares])[:, None]
    quarter = np.arange(1, knobs.periods + 1)
    raised, since = (first > 0) & (quarter >= first), quarter - first
    with_law = knobs.moved(quarter, first > 0, first)
    without = knobs.moved(quarter, first > 0, 0 * first)
    size = np.mean(SIZE) + knobs.size_gap * (first > 0)
    if knobs.proportional:
        spread = np.exp((knobs.noise / 100) ** 2 / 2)
        seen, unseen = size * np.exp(with_law) * spread, size * np.exp(without) * spread
    else:
        seen, unseen = size + with_law, size + without
    truth = {"ATT": _mean(seen - unseen, share * raised)}
    for event in range(knobs.periods - knobs.first_raises[0] + 1):
        rows = share * (raised & (since == event))
        truth[f"ATT(e={event})"] = _mean(seen - unseen, rows)
    truth["raw difference"] = _mean(seen, share * raised) - _mean(seen, share * ~raised)
    truth["two-way fixed effects"] = _two_way(seen, raised, share)
    if knobs.proportional:
        truth["ATT of log employment"] = _mean(with_law - without, share * raised)
        # The logarithm of the size is constant in a county and drops out.
        truth["two-way fixed effects of log employment"] = _two_way(with_law, raised, share)
    return truth


def _mean(values, weights):
    return np.sum(values * weights) / np.sum(weights * np.ones_like(values))


def _two_way(means, raised, share):
    """Return the population coefficient of the treatment beside group and quarter effects."""
    rest = raised - raised.mean(axis=1, keepdims=True) - np.sum(share * raised, axis=0)
    rest = rest + np.sum(share * raised) / means.shape[1]
    return np.sum(share * rest * means) / np.sum(share * rest * raised)


def _check(knobs):
    """Raise on a knob out of its range, before anything is drawn."""
    for name in ("effect", "effect_growth", "growth", "drift", "size_gap", "noise"):
        value = getattr(knobs, name)
        if not np.isfinite(value):
            raise ValueError(f"{name} is {value}; give a finite number")
    if knobs.noise <= 0:
        raise ValueError(f"noise is {knobs.noise}, a standard deviation; give a number above 0")
    if knobs.size_gap <= -SIZE[0]:
        raise ValueError(
            f"size_gap is {knobs.size_gap}, which leaves counties without jobs; "
            f"give a number above {-SIZE[0]:g}"
        )
    if knobs.periods != int(knobs.periods) or knobs.periods < 2:
        raise ValueError(f"periods is {knobs.periods}; give a whole number of at least 2")
    _check_groups(knobs)


def _check_groups(knobs):
    first, shares = knobs.first_raises, knobs.shares
    order = [1, *first, knobs.periods + 1]
    whole = all(quarter == int(quarter) for quarter in first)
    if not first or not whole or any(b <= a for a, b in pairwise(order)):
        raise ValueError(
            f"first_raises is {first}; give whole quarters in increasing order, "
            f"from 2 to periods = {knobs.periods}"
        )
    if len(shares) != len(first):
        raise ValueError(
            f"{len(first)} first_raises but {len(shares)} shares; give one share to each group"
        )
    if min(shares) <= 0 or knobs.never <= 1e-9:
        raise ValueError(
            f"shares is {shares}; give positive numbers that sum to less than 1, "
            "so that some counties never raise"
        )
