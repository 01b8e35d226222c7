"""A trial for each period in which a treatment could begin, out of a log of units and periods.

Everybody enters a trial on the same day for all arms: when they are eligible and do, or do not,
begin. Nobody is sorted by what they did later.
"""

import numpy as np

from casestudies.recipes._columns import _count, _names, _read, _zero_one
from casestudies.recipes._panel import _follow, _periods, _shown


def nested_trials(data, *, unit, time, event, treatment, follow, baseline=()):
    r"""Return the entrants of a sequence of trials, one trial in each period of a log.

    In the trial that begins in period :math:`t`, a unit is eligible if it is still at risk and was
    treated in no period before :math:`t`. Its arm is what it does in :math:`t`, and its outcome
    whether the event comes in the periods :math:`t` to :math:`t + k - 1`, :math:`k` = `follow`.
    The arm is known when the clock starts, so nobody has to survive into it.

    The difference between arms is that of starting now instead of not now, whatever follows (the
    analogue of an intention-to-treat effect), averaged over the entrants. It is causal if, among
    entrants with the same `baseline` and period, some begin and some do not, who begins now has
    nothing to do with who would have the event, and nobody's beginning changes another's event:
    estimate it with any recipe for adjustment, with this frame as its data, `baseline` and the
    period in ``adjust_for`` and ``cluster`` the unit, because a unit may enter many trials.

    Parameters
    ----------
    data : pandas.DataFrame
        A row per unit and period at risk, from the first period up to the event, complete in the
        columns named below; it is not changed. Leave out units treated before the first period,
        whose start is not in the log.
    unit, time : str
        Who, and in which period: numbers or dates. Trials count periods of the log.
    event : str
        1 in the period of the event, the unit's last, else 0.
    treatment : str
        1 in the periods with treatment, else 0. What happens in a period begins with it.
    follow : int
        Number of periods for which each trial is followed, its first one included.
    baseline : str or list of str, optional
        Columns to take along as they stand when the trial begins, known before treatment.

    Returns
    -------
    pandas.DataFrame
        A row per trial and starter: the unit, the period in which the trial begins (under the
        name of `time`), the baseline columns, the treatment (0/1) and the event within `follow`
        periods (0/1), under their names.

    Raises
    ------
    ValueError
        If a column is unfit, a unit's periods repeat, have gaps or go on after its event, the log
        is shorter than `follow`, a unit is lost within a trial, or no starter begins.

    References
    ----------
    Hernan and Robins (2016), American Journal of Epidemiology 183(8), 758-764.
    Danaei, Garcia Rodriguez, Cantero, Logan and Hernan (2013), Statistical Methods in Medical
    Research 22(1), 70-96 (a trial in each period).

    Examples
    --------
    Two periods of follow-up leave two trials; person 3 joins in month 2, so not in the first.

    >>> import pandas as pd
    >>> log = pd.DataFrame({"who": [1, 1, 1, 2, 3, 3, 3], "month": [1, 2, 3, 1, 1, 2, 3]})
    >>> log = log.assign(joined=[1, 1, 1, 0, 0, 1, 1], quit=[0, 0, 0, 1, 0, 0, 1])
    >>> columns = {"unit": "who", "time": "month", "event": "quit", "treatment": "joined"}
    >>> nested_trials(log, **columns, follow=2)
       who  month  joined  quit
    0    1      1       1     0
    1    2      1       0     1
    2    3      1       0     0
    3    3      2       1     1
    """
    names = _names("baseline", baseline)
    roles = {"unit": unit, "time": time, "event": event, "treatment": treatment}
    table = _read(data, several={"baseline": names}, **roles)
    left = _zero_one(table, event, ("a period at risk", "the period of the event"))
    treated = _zero_one(table, treatment, ("a period without treatment", "one with it"))
    periods, month = _periods(table, time)
    length, trials = _count("follow", follow), len(periods)
    if length > trials:
        raise ValueError(
            f"follow is {length}, but column {time!r} has {trials} period(s); give at most that "
            "many"
        )
    grid = _follow(table, unit, periods, month, left)
    entries = [_entries(grid, treated, t, length) for t in range(trials - length + 1)]
    first, last, whole = (np.concatenate(part) for part in zip(*entries, strict=True))
    lost = first[~whole & (left[last] == 0)]
    _check_followed(table[unit].iloc[lost], periods[month[lost]], length)
    found = table.iloc[first][[unit, time, *names, treatment]].reset_index(drop=True)
    found[event] = table[event].to_numpy()[last]
    _check_begun(found, treatment)
    return found


def _entries(grid, treated, t, length):
    """Return the rows in which the entrants of a trial enter and end, and if that is the last."""
    past = grid[:, :t]
    eligible = (grid[:, t] >= 0) & ~(treated[past] == 1).any(axis=1)
    span = grid[eligible, t : t + length]
    months = (span >= 0).sum(axis=1)
    return span[:, 0], span[np.arange(len(span)), months - 1], months == length


def _check_followed(lost, starts, length):
    """Raise if a unit is lost before its trial ends."""
    for who, start in zip(lost, starts, strict=True):
        raise ValueError(
            f"{lost.name} = {who} has no event and no row for each of the {length} period(s) from "
            f"{starts.name} = {_shown(start)} on ({len(lost)} such entries); follow for fewer "
            "periods, or get the missing rows from the source"
        )


def _check_begun(found, treatment):
    """Raise unless some entrants begin and some do not."""
    if found[treatment].nunique() < 2:
        raise ValueError(
            f"column {treatment!r} is {found[treatment].iloc[0]} for all {len(found)} entrants of "
            "the trials, so there is nobody to compare; use a longer log or follow for fewer "
            "periods"
        )
