"""Years under watch a second time: drawn from binomials, watched by the formulas as printed."""

import numpy as np
from scipy import integrate, stats
from scipy.special import betaln, expit

WEEKS = np.arange(52)
LATE = WEEKS >= 26
NEVER = 99


def rate(arm, *, shift=0.0, base=0.0, effect=-0.06):
    """Return the chance of an exit by adaptive quadrature on both sides of the clip."""

    def chance(x):
        return stats.norm.pdf(x - shift) * max(expit(-0.85 + 0.6 * x) + base + effect * arm, 0)

    clip = (np.log(0.06 / 0.94) + 0.85) / 0.6
    return sum(integrate.quad(chance, *ends, epsabs=1e-12)[0] for ends in ((-9, clip), (clip, 10)))


BEFORE = [rate(0), rate(1)]
AFTER = {
    "quiet": BEFORE,
    "inputs drift": [rate(0, shift=0.8), rate(1, shift=0.8)],
    "programme dies": [rate(0, base=-0.06), rate(1, base=-0.06, effect=0.0)],
    "log breaks": BEFORE,
}


def drawn(name, years, rng):
    """Draw the people and exits of each week and arm, and the mean workload."""
    held, given = (np.where(LATE, AFTER[name][arm], BEFORE[arm]) for arm in (0, 1))
    treated = rng.binomial(600, 0.9, (years, 52))
    exits = [rng.binomial(600 - treated, held), rng.binomial(treated, given)]
    lost = rng.binomial(exits[0], 0.5 * LATE) if name == "log breaks" else 0
    size = np.stack([600 - treated - lost, treated], axis=-1)
    shift = 0.8 * LATE if name == "inputs drift" else 0.0 * LATE
    workload = rng.normal(shift, 1 / np.sqrt(600), (years, 52))
    return size, np.stack([exits[0] - lost, exits[1]], axis=-1), workload


def since_each(values):
    return np.cumsum(values[:, ::-1], axis=1)[:, ::-1]


def normal(s, v, change):
    """Return the likelihood ratios of normal changes with this standard deviation."""
    rho = change**-2
    return np.sqrt(rho / (v + rho)) * np.exp(np.minimum(s**2 / (v + rho) / 2, 600))


def effect(size, exits):
    """Return the detector of the effect, and the likeliest start of a change."""
    share = exits / size
    gap = share[..., 1] - share[..., 0] + 0.06
    variance = np.cumsum(size * share * (1 - share), axis=1) / np.cumsum(size - 1, axis=1)
    evidence, start = np.empty(gap.shape), np.empty(gap.shape, int)
    for k in WEEKS:
        precise = 1 / (variance[:, [k]] / size[:, : k + 1]).sum(axis=-1)
        ratios = normal(since_each(precise * gap[:, : k + 1]), since_each(precise), 0.06)
        evidence[:, k], start[:, k] = ratios.sum(axis=1), ratios.argmax(axis=1)
    return evidence, start


def ratio(size):
    """Return the detector of the share treated, 0.9, with changes of 0.01."""
    a, b = 0.9 * 899, 0.1 * 899
    evidence = np.empty(size.shape[:2])
    for k in WEEKS:
        held, given = np.moveaxis(since_each(size[:, : k + 1]), -1, 0)
        log = betaln(a + given, b + held) - betaln(a, b) - given * np.log(0.9) - held * np.log(0.1)
        evidence[:, k] = np.exp(np.minimum(log, 600)).sum(axis=1)
    return evidence


def inputs(workload):
    """Return the detector of a mean, 0 with standard deviation 1, and changes of 0.2."""
    evidence = np.empty(workload.shape)
    for k in WEEKS:
        part = 600 * workload[:, : k + 1]
        evidence[:, k] = normal(since_each(part), 600.0 * (k + 1 - WEEKS[: k + 1]), 0.2).sum(axis=1)
    return evidence


def first(evidence, limit=1_000):
    """Return the first week in which a detector rings."""
    rings = evidence >= limit
    return np.where(rings.any(axis=1), rings.argmax(axis=1), NEVER)


def caught(rung):
    return (rung >= 26) & (rung < NEVER)


def earned(name, rung):
    """Return millions of euros in a year whose programme runs through the week that rings."""
    dead = LATE & (name == "programme dies")
    gain = np.where(dead, 0, 10_000 * (BEFORE[0] - BEFORE[1])) - 300
    return ((rung[:, np.newaxis] >= WEEKS) * gain).sum(axis=1) * 540 / 1e6


def windows(size, exits, rung, start):
    """Return the estimates of eight weeks after the alarm over three windows."""
    share = exits / size
    gap, weight = share[..., 1] - share[..., 0], size.prod(axis=-1) / size.sum(axis=-1)
    opens = {"all": 0 * rung, "since": start, "after": rung + 1}
    for name, week in opens.items():
        inside = weight * ((week[:, np.newaxis] <= WEEKS) & (rung[:, np.newaxis] + 8 >= WEEKS))
        yield name, (inside * gap).sum(axis=1) / inside.sum(axis=1)


def study(years, rng):
    """Return what becomes of each year: chances as zeros and ones, weeks, euros, estimates."""
    found = {}
    size, exits, _ = drawn("quiet", years, rng)
    evidence, _ = effect(size, exits)
    long, short = first(evidence), first(evidence, 100)
    found["effect-quiet"], found["short-quiet"] = long < NEVER, short < NEVER
    found["short-cost"] = earned("quiet", long) - earned("quiet", short)

    size, exits, workload = drawn("programme dies", years, rng)
    evidence, start = effect(size, exits)
    long, short = first(evidence), first(evidence, 100)
    found["caught"] = caught(long)
    found["caught-weeks"], found["short-weeks"] = (r[caught(r)] - 25 for r in (long, short))
    found["short-gain"] = earned("programme dies", short) - earned("programme dies", long)
    found["verdict-dies"] = (long < NEVER) & (first(ratio(size)) == NEVER)
    late = caught(long) & (long + 8 < 52)
    long = long[late]
    for name, estimate in windows(size[late], exits[late], long, start[late, long]):
        found[f"window-{name}"] = estimate

    size, exits, workload = drawn("inputs drift", years, rng)
    rung, quiet = first(inputs(workload)), first(effect(size, exits)[0]) == NEVER
    found["input-inputs"] = caught(rung)
    found["verdict-inputs"] = (rung < NEVER) & quiet & (first(ratio(size)) == NEVER)

    size, exits, _ = drawn("log breaks", years, rng)
    rung, told = first(effect(size, exits)[0]), first(ratio(size))
    found["effect-log"], found["effect-first"] = caught(rung), rung < told
    found["ratio-weeks"] = told[caught(told)] - 25
    return found
