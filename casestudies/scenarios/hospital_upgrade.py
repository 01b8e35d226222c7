"""A grant pays for a drug, and perhaps for new equipment in the same month."""

import inspect
from functools import partial
from types import SimpleNamespace

import numpy as np
import pandas as pd
from scipy import special, stats

from casestudies.scenarios.scenario import Scenario
from casestudies.scm import SCM, Bernoulli, Deterministic, Normal


def hospital_upgrade(
    *,
    months=8,
    start=5,
    share_treated=0.5,
    selection=0.7,
    drug_effect=-2.0,
    drug_by_burden=-0.5,
    burden_effect=4.0,
    trend=-0.4,
    drift=0.0,
    upgrade_effect=-3.0,
    upgrade_overlap=0.0,
    upgrade_elsewhere=0.0,
    upgrade_delay=0,
    upgrade_on_surgery=1.0,
    frail_effect=0.1,
    composition_change=0.0,
    persistence=0.8,
    shock=1.0,
    noise=0.5,
):
    r"""World of hospitals over several months, some of which start a drug with a grant.

    Hospital :math:`i` has an unrecorded burden :math:`B`, and the heavily burdened win the
    grant :math:`G` more often. The grant starts the drug, :math:`D = G`, in month :math:`s`.
    With :math:`\Phi` the normal distribution function and :math:`\varepsilon` standard normal,

    .. math::

        B &\sim N(0, 1), \qquad
        P(G = 1) = \Phi\!\left(\frac{\Phi^{-1}(p) + \rho B}{\sqrt{1 - \rho^2}}\right) \\
        P(U = 1) &= o_1 G + o_0 (1 - G) \\
        F_t &= 30 + c\, G\, 1[t \ge s] + 4 \varepsilon^F_t \\
        S_t &= 20 + \lambda (t - 1) + \{\beta + \gamma (t - 1)\} B
               + (\tau + \tau_B B)\, D\, 1[t \ge s] + \upsilon\, U\, 1[t \ge s + l]
               + \phi (F_t - 30) + W_t + \varepsilon^S_t

    is severity in the medical department, with :math:`W_t` the hospital's shocks, an
    autoregression with correlation `persistence` from one month to the next. Surgery does
    not use the drug and shares burden, trend, shocks and the equipment:

    .. math:: Q_t = 12 + \lambda (t - 1) + \beta B + \kappa \upsilon\, U\, 1[t \ge s + l]
              + W_t + \varepsilon^Q_t

    Truths are exact. With :math:`z = \Phi^{-1}(p)`, :math:`E[B | G = 1] = \rho \phi(z) / p`
    and :math:`E[B | G = 0] = -\rho \phi(z) / (1 - p)`, their difference :math:`\Delta`,
    :math:`T` months and :math:`w` the share of months from :math:`s` on with the equipment,

    .. math::

        \text{ATT} &= \tau + \tau_B E[B | G = 1] \\
        \text{DiD} &= \text{ATT} + \upsilon (o_1 - o_0) w + \gamma \Delta T / 2 + \phi c

    is what the mean of the later months minus that of the earlier ones, treated minus
    others, converges to. It is the ATT by default; the knobs for the equipment, the drift
    and the composition make it wrong. The comparison of later months alone is always wrong.

    Parameters
    ----------
    months, start : int
        Number of months (at least 2), and the first with the drug (from 2 to `months`).
    share_treated : float
        Share p of hospitals with the grant, between 0 and 1.
    selection : float
        Correlation :math:`\rho` of the burden with what decides on the grant, above -1 and
        below 1; 0 makes the grant random.
    drug_effect, drug_by_burden : float
        :math:`\tau` and :math:`\tau_B`: the drug's mean effect, in points of severity, and its
        change per standard deviation of burden.
    burden_effect : float
        :math:`\beta`, points per standard deviation of burden: the fixed difference.
    trend : float
        :math:`\lambda`, points per month, shared by all hospitals.
    drift : float, default 0
        :math:`\gamma`, points per month and standard deviation of burden: the unrecorded
        burden's weight changes over time, in the medical department only.
    upgrade_effect : float
        :math:`\upsilon`, points, of new equipment.
    upgrade_overlap, upgrade_elsewhere : float, default 0
        :math:`o_1, o_0`: shares of hospitals with and without the grant that get it.
    upgrade_delay : int, default 0
        :math:`l`, months from `start` until the equipment arrives, at least 0.
    upgrade_on_surgery : float, default 1
        :math:`\kappa`: the equipment's effect in surgery over that in the medical department.
    frail_effect : float
        :math:`\phi`, points per percentage point of frail patients.
    composition_change : float, default 0
        :math:`c`: percentage points of frail patients more in hospitals with the grant,
        from `start` on.
    persistence : float
        Correlation of a hospital's shocks in neighbouring months, at least 0 and below 1.
    shock, noise : float
        Standard deviations of :math:`W_t` and of each department's own noise, in points.

    Returns
    -------
    Scenario
        A unit is a hospital; `sample` returns a row per hospital and month. observed:
        hospital, month, treated (1 in all months for hospitals with the drug), post (1 from
        `start` on), drug (their product), upgraded (1 from the equipment's arrival on),
        frail (percent of patients), severity and surgery (points). adjust_for: empty, since
        nothing observed would do. truth, in points: ATT, ATE, ATU (of the drug); the raw
        difference (later months, treated minus others), the before-after change (treated,
        later minus earlier), DiD, "DiD, surgery" (the same on surgery), and the triple
        difference (DiD minus that). In the model the variables of a month end in its number,
        and severity without a number is the mean of the later months.

    Raises
    ------
    ValueError
        If a knob is out of its range.

    References
    ----------
    Olden and Møen (2022), The Econometrics Journal 25(3), 531-553 (triple differences).

    Examples
    --------
    >>> world = hospital_upgrade(upgrade_overlap=1.0)
    >>> round(world.truth["ATT"], 2), round(world.truth["DiD"], 2)
    (-2.28, -5.28)
    """
    knobs = SimpleNamespace(**locals())
    _check(knobs)
    return Scenario(
        name="hospital_upgrade",
        model=SCM(_mechanisms(knobs)),
        treatment="drug",
        outcome="severity",
        observed=(
            "hospital",
            "month",
            "treated",
            "post",
            "drug",
            "upgraded",
            "frail",
            "severity",
            "surgery",
        ),
        adjust_for=(),
        truth=_truth(knobs),
        source="wael_causal_ml",
        arrange=partial(_panel, k=knobs),
    )


def _check(k):
    """Raise on the first knob that is out of its range."""
    for name, value in vars(k).items():
        _require(np.isfinite(value), name, value, "be a finite number")
    for name in ("months", "start", "upgrade_delay"):
        value = getattr(k, name)
        _require(isinstance(value, int | np.integer), name, value, "be a whole number")
    for name in ("upgrade_overlap", "upgrade_elsewhere"):
        value = getattr(k, name)
        _require(0 <= value <= 1, name, value, "lie between 0 and 1, both included")
    for name in ("shock", "noise"):
        _require(getattr(k, name) > 0, name, getattr(k, name), "be above 0")
    _require(0 < k.share_treated < 1, "share_treated", k.share_treated, "lie in (0, 1)")
    _require(-1 < k.selection < 1, "selection", k.selection, "lie in (-1, 1)")
    _require(0 <= k.persistence < 1, "persistence", k.persistence, "lie in [0, 1)")
    _require(2 <= k.start <= k.months, "start", k.start, f"lie from 2 to months, {k.months}")
    _require(k.upgrade_delay >= 0, "upgrade_delay", k.upgrade_delay, "be at least 0")


def _require(condition, name, value, what):
    if not condition:
        raise ValueError(f"{name} must {what}, got {value}")


def _mechanisms(k):
    """Return the structural equations, those of a month named after it.

    They are functions of the module with the knobs filled in, so that a world is quickly
    sent to another process.
    """
    equations = {
        "burden": Normal(),
        "grant": Bernoulli(partial(_chance_of_grant, k=k)),
        "drug": Deterministic(_same),
        "upgraded": Bernoulli(partial(_chance_of_equipment, k=k)),
    }
    for month in range(1, k.months + 1):
        equations |= _equations_of(month, k)
    later = {f"severity_{month}": f"severity_{month}" for month in range(k.start, k.months + 1)}
    return equations | {"severity": Deterministic(_Renamed(_mean, **later))}


def _equations_of(month, k):
    """Return the equations of one month; only from the start on can the grant have effects."""
    here = {"shock": f"shock_{month}", "frail": f"frail_{month}"}
    fixed = {"k": k, "past": month - 1}
    severity, surgery = partial(_severity, **fixed), partial(_surgery, **fixed)
    intake = 30
    if month >= k.start:
        fixed["arrived"] = month >= k.start + k.upgrade_delay
        severity, surgery = partial(_later_severity, **fixed), partial(_later_surgery, **fixed)
        intake = partial(_later_intake, k=k)
    carried_on = _Renamed(partial(_carried_on, k=k), before=f"shock_{month - 1}")
    new_shock = k.shock * np.sqrt(1 - k.persistence**2)
    return {
        here["shock"]: Normal(carried_on, new_shock) if month > 1 else Normal(0, k.shock),
        here["frail"]: Normal(intake, 4),
        f"severity_{month}": Normal(_Renamed(severity, **here), k.noise),
        f"surgery_{month}": Normal(_Renamed(surgery, shock=here["shock"]), k.noise),
    }


def _chance_of_grant(burden, *, k):
    z = stats.norm.ppf(k.share_treated)
    return special.ndtr((z + k.selection * burden) / np.sqrt(1 - k.selection**2))


def _chance_of_equipment(grant, *, k):
    return k.upgrade_overlap * grant + k.upgrade_elsewhere * (1 - grant)


def _same(grant):
    return grant


def _mean(**months):
    return np.mean(list(months.values()), axis=0)


def _carried_on(before, *, k):
    return k.persistence * before


def _severity(burden, frail, shock, *, k, past):
    level = 20 + k.trend * past + (k.burden_effect + k.drift * past) * burden
    return level + k.frail_effect * (frail - 30) + shock


def _surgery(burden, shock, *, k, past):
    return 12 + k.trend * past + k.burden_effect * burden + shock


def _later_intake(grant, *, k):
    return 30 + k.composition_change * grant


def _later_severity(burden, frail, shock, drug, upgraded, *, k, past, arrived):
    helped = (k.drug_effect + k.drug_by_burden * burden) * drug
    equipped = k.upgrade_effect * arrived * upgraded
    return _severity(burden, frail, shock, k=k, past=past) + helped + equipped


def _later_surgery(burden, shock, upgraded, *, k, past, arrived):
    equipped = k.upgrade_on_surgery * k.upgrade_effect * arrived * upgraded
    return _surgery(burden, shock, k=k, past=past) + equipped


class _Renamed:
    """A function some of whose parameters, and so of its parents, have other names."""

    def __init__(self, function, **names):
        own = inspect.signature(function).parameters.values()
        free = [p.name for p in own if p.default is p.empty and p.kind is not p.VAR_KEYWORD]
        self.function, self.parents = function, {name: name for name in free} | names

    @property
    def __signature__(self):
        kind = inspect.Parameter.KEYWORD_ONLY
        return inspect.Signature([inspect.Parameter(p, kind) for p in self.parents.values()])

    def __call__(self, **values):
        return self.function(**{name: values[parent] for name, parent in self.parents.items()})


def _panel(units, k):
    """Return the long table of a row per hospital and month."""
    months = np.arange(1, k.months + 1)
    treated, upgraded = (units[[name]].to_numpy() for name in ("drug", "upgraded"))
    columns = {
        "hospital": np.broadcast_to(np.arange(1, len(units) + 1)[:, None], (len(units), k.months)),
        "month": np.broadcast_to(months, (len(units), k.months)),
        "treated": np.broadcast_to(treated, (len(units), k.months)),
        "post": np.broadcast_to(months >= k.start, (len(units), k.months)) * 1,
        "drug": treated * (months >= k.start),
        "upgraded": upgraded * (months >= k.start + k.upgrade_delay),
    }
    for name in ("frail", "severity", "surgery"):
        columns[name] = np.stack([units[f"{name}_{month}"] for month in months], axis=1)
    return pd.DataFrame({name: values.ravel() for name, values in columns.items()})


def _truth(k):
    """Return the estimands and what the analyses converge to."""
    peak = k.selection * stats.norm.pdf(stats.norm.ppf(k.share_treated))
    burden = {1: peak / k.share_treated, 0: -peak / (1 - k.share_treated)}
    gap = burden[1] - burden[0]
    later = k.months - k.start + 1
    equipped = k.upgrade_effect * max(later - k.upgrade_delay, 0) / later
    difference = k.upgrade_overlap - k.upgrade_elsewhere
    half = k.months / 2  # the mean of the later months minus that of the earlier ones
    past = (k.start + k.months) / 2 - 1  # months passed before the mean later month
    treated = k.drug_effect + k.drug_by_burden * burden[1]
    mixed = k.frail_effect * k.composition_change
    did = treated + equipped * difference + k.drift * gap * half + mixed
    surgery = k.upgrade_on_surgery * equipped * difference + 0.0  # never minus zero
    change = treated + equipped * k.upgrade_overlap + k.drift * burden[1] * half + mixed
    raw = treated + equipped * difference + mixed
    return {
        "ATT": treated,
        "ATE": k.drug_effect,
        "ATU": k.drug_effect + k.drug_by_burden * burden[0],
        "raw difference": raw + (k.burden_effect + k.drift * past) * gap,
        "before-after change": change + k.trend * half,
        "DiD": did,
        "DiD, surgery": surgery,
        "triple difference": did - surgery,
    }
