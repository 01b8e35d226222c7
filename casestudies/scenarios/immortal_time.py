"""New hires who may join a mentoring programme while they are still there to join it."""

import numpy as np
import pandas as pd
from scipy.special import expit

from casestudies.mechanisms import renamed
from casestudies.scenarios.scenario import Scenario
from casestudies.scm import SCM, Bernoulli

COLUMNS = ("person", "month", "keen", "mentored", "exit")


def immortal_time(
    *,
    months=12,
    follow=6,
    join_intercept=-2.5,
    keen_on_joining=1.0,
    exit_intercept=-2.6,
    keen_on_exit=-0.6,
    mentored_on_exit=0.3,
):
    r"""World of a programme that one can join in any month, but only while one is there.

    A new hire is keen, :math:`K \sim` Bernoulli(1/2), or not. At the start of month :math:`t`
    those who are there and not yet mentored may join, and stay mentored, :math:`A_t = 1`. During
    the month some leave, :math:`Y_t`, for good:

    .. math::

        P(A_t = 1 \mid A_{t-1} = 0, Y_{t-1} = 0) &= \sigma(-2.5 + K) \\
        P(Y_t = 1 \mid Y_{t-1} = 0) &= \sigma(-2.6 - 0.6 K + 0.3 A_t)

    Mentoring takes evenings and makes people leave a little more often. Whoever ever joins has
    stayed until then: the months before it are immortal, and credited to the programme by every
    comparison of those who ever joined with those who never did.

    Truths are exact, by recursion over who is still there, by keen and mentored.

    Parameters
    ----------
    months : int, default 12
        Length of the records, at least 2.
    follow : int, default 6
        Months for which a trial that starts in the records is followed, at most `months`; trials
        start in months 1 to months - follow + 1.
    join_intercept, keen_on_joining, exit_intercept, keen_on_exit, mentored_on_exit : float
        Coefficients of the two equations, on the logit scale.

    Returns
    -------
    Scenario
        Units are people. observed, a row per person and month until the person leaves: person,
        month (from 1), keen, mentored (this month) and exit (0/1). treatment is mentoring in the
        first month, outcome to be gone at the end. truth, in probability: ``E[exit]`` by the end
        of the records, ``E[exit | at once]`` and ``E[exit | never]``, and their difference ``ATE``;
        ``ITT``, joining in month 1 instead of not, with the later months as they come; ``ever``
        and ``never``, the exits of those who ever and never join, ``naive: ever - never``
        and the same standardized by keen, ``naive: ever - never, by keen``, and for each month k
        ``naive: joined within k``, against all others, clock from month 1; and of the trials that
        start month by month, within `follow` months and averaged over their entrants:
        ``ITT(trials)`` and ``ATE(trials)`` (joining at the start instead of never).

    Raises
    ------
    ValueError
        If months or follow is not a whole number in its range, or a coefficient is not finite.

    References
    ----------
    Suissa (2008), American Journal of Epidemiology 167(4), 492-499 (immortal time).
    Hernan and Robins (2016), American Journal of Epidemiology 183(8), 758-764 (target trials).

    Examples
    --------
    >>> truth = immortal_time().truth
    >>> round(truth["naive: ever - never"], 3), round(truth["ATE"], 3)
    (-0.276, 0.099)
    """
    _check_months(months, follow)
    slopes = join_intercept, keen_on_joining, exit_intercept, keen_on_exit, mentored_on_exit
    if not np.isfinite(slopes).all():
        raise ValueError(f"the coefficients are {slopes}; give finite numbers")

    def joins(keen):
        return expit(join_intercept + keen_on_joining * keen)

    def leaves(keen, mentored):
        return expit(exit_intercept + keen_on_exit * keen + mentored_on_exit * mentored)

    return Scenario(
        name="immortal_time",
        model=_month_by_month(months, joins, leaves),
        treatment="mentored_1",
        outcome=f"left_{months}",
        observed=COLUMNS,
        adjust_for=("keen",),
        truth=_truth(months, follow, joins, leaves),
        source="hernan2016",
        arrange=_person_months,
    )


def _check_months(months, follow):
    """Raise unless records and trials have a length."""
    for name, value, least, most in (("months", months, 2, np.inf), ("follow", follow, 1, months)):
        whole = isinstance(value, int | np.integer) and not isinstance(value, bool)
        if not whole or not least <= value <= most:
            raise ValueError(f"{name} is {value!r}; give a whole number from {least} to {most}")


def _month_by_month(months, joins, leaves):
    """Return the structural equations."""

    def joins_later(keen, mentored, left):
        return np.where(mentored == 1, 1.0, joins(keen) * (1 - left))

    def leaves_later(keen, mentored, left):
        return np.where(left == 1, 1.0, leaves(keen, mentored))

    mechanisms = {
        "keen": Bernoulli(0.5),
        "mentored_1": Bernoulli(joins),
        "left_1": Bernoulli(renamed(leaves, mentored="mentored_1")),
    }
    for t in range(2, months + 1):
        past = {"mentored": f"mentored_{t - 1}", "left": f"left_{t - 1}"}
        mechanisms[f"mentored_{t}"] = Bernoulli(renamed(joins_later, **past))
        now = past | {"mentored": f"mentored_{t}"}
        mechanisms[f"left_{t}"] = Bernoulli(renamed(leaves_later, **now))
    return SCM(mechanisms)


def _person_months(people):
    """Turn a row per person into a row per person and month, until the person leaves."""
    mentored, left = (people.filter(regex=f"^{name}_").to_numpy() for name in ("mentored", "left"))
    there = np.column_stack([np.ones(len(left), dtype=bool), left[:, :-1] == 0])
    person, month = np.nonzero(there)
    return pd.DataFrame(
        {
            "person": person + 1,
            "month": month + 1,
            "keen": people["keen"].to_numpy()[person],
            "mentored": mentored[there],
            "exit": left[there],
        }
    )


def _truth(months, follow, joins, leaves):
    """Carry who is there from month to month, as it comes and under each way to join."""
    keen = np.array([0, 1])
    hazards = np.column_stack([leaves(keen, a) for a in (0, 1)])

    def carried(length, first=None, later=None):
        """Return P(there, mentored or not) after each month and P(left from there), by keen."""
        there, gone, path = np.column_stack([[1.0, 1.0], [0.0, 0.0]]), np.zeros((2, 2)), []
        for month in range(length):
            now = first if month == 0 and first is not None else later
            chance = joins(keen) if now is None else now
            path.append(there)
            moved = there[:, 0] * chance
            there = there + np.column_stack([-moved, moved])
            gone, there = gone + there * hazards, there * (1 - hazards)
        return np.array(path), there, gone

    def exits(length, **how):
        return carried(length, **how)[2].sum(axis=1)

    at_once, never = exits(months, first=1, later=0), exits(months, first=0, later=0)
    path, there, gone = carried(months)
    groups, rates = there + gone, gone / (there + gone)
    marginal = gone.sum(axis=0) / groups.sum(axis=0)

    def looking_ahead(k):
        """Return the exits of those who join within k months less those of all others."""
        _, there, gone = carried(k)
        rest = np.column_stack([exits(months - k), exits(months - k, first=1)])
        rates = (gone + there * rest).sum(axis=0) / (gone + there).sum(axis=0)
        return rates[1] - rates[0]

    starters = path[: months - follow + 1, :, 0].sum(axis=0)
    joined, waits, stays = (
        exits(follow, first=1),
        exits(follow, first=0),
        exits(follow, first=0, later=0),
    )
    return {
        "E[exit]": gone.sum() / 2,
        "E[exit | at once]": at_once.mean(),
        "E[exit | never]": never.mean(),
        "ATE": np.mean(at_once - never),
        "ITT": np.mean(exits(months, first=1) - exits(months, first=0)),
        "ever": marginal[1],
        "never": marginal[0],
        "naive: ever - never": marginal[1] - marginal[0],
        "naive: ever - never, by keen": np.mean(rates[:, 1] - rates[:, 0]),
        **{f"naive: joined within {k}": looking_ahead(k) for k in range(1, months + 1)},
        "ITT(trials)": np.average(joined - waits, weights=starters),
        "ATE(trials)": np.average(joined - stays, weights=starters),
    }
