"""A dashboard on which CPU load and latency rise together: three worlds, one cloud of points."""

import numpy as np

from casestudies.scenarios.scenario import Scenario
from casestudies.scm import SCM, Normal

DRIVERS = ("traffic", "cpu", "latency")
CPU, LATENCY, TRAFFIC = (
    60.0,
    150.0,
    10.0,
)  # means: percent, milliseconds, thousand requests a second


def latency(*, driver="traffic", cpu_on_latency=0.5, traffic_on_cpu=5.0, traffic_on_latency=10.0):
    r"""World of servers whose CPU load and latency share an upstream that no dashboard shows.

    With traffic :math:`Z`, CPU load :math:`X` and latency :math:`Y`,

    .. math::

        Z &\sim N(10, 1.5^2) \\
        X &= 60 + 5 (Z - 10) + 4 \varepsilon_X \\
        Y &= 150 + 0.5 (X - 60) + 10 (Z - 10) + 10 \varepsilon_Y

    so that :math:`Var(X) = 25 \cdot 2.25 + 16` and the slope of latency on CPU load is
    :math:`0.5 + 10 \cdot 5 \cdot 2.25 / Var(X)`: the effect, plus what traffic does to both.
    Two more worlds have the same bivariate normal distribution of CPU load and latency. In
    ``driver="cpu"`` the load alone drives latency, by the whole slope; in
    ``driver="latency"`` slow requests pile up and drive the load, which causes nothing.

    Parameters
    ----------
    driver : {"traffic", "cpu", "latency"}, default "traffic"
        What drives the other columns. The coefficients below fix the distribution of CPU
        load and latency in all three worlds.
    cpu_on_latency : float
        Milliseconds per percentage point of CPU load.
    traffic_on_cpu, traffic_on_latency : float
        Percentage points, and milliseconds, per thousand requests a second.

    Returns
    -------
    Scenario
        observed: traffic (thousand requests a second; only in ``driver="traffic"``), cpu
        (percent), latency (ms). adjust_for: traffic; empty in the other two worlds, where
        one needs nothing and in the other CPU load has no effect that a set could isolate.
        truth: ATE (ms per percentage point of CPU load), the raw slope (the same in each
        driver's world), the correlation, E[latency | cpu=80] and E[latency | do(cpu=80)] (ms).

    Raises
    ------
    ValueError
        If `driver` is none of the three, or a coefficient is not a finite number.

    References
    ----------
    Pearl (2009), Causality, 2nd edition, Cambridge University Press, section 3.3.

    Examples
    --------
    >>> world = latency()
    >>> round(world.truth["raw slope"], 3), world.truth["ATE"]
    (2.057, 0.5)
    """
    if driver not in DRIVERS:
        raise ValueError(f"driver must be one of {DRIVERS}, got {driver!r}")
    for coefficient in (cpu_on_latency, traffic_on_cpu, traffic_on_latency):
        if not np.isfinite(coefficient):
            raise ValueError(f"a coefficient of latency is {coefficient}; give a finite number")
    var_z = 1.5**2
    var_x = traffic_on_cpu**2 * var_z + 4.0**2
    cov = cpu_on_latency * var_x + traffic_on_latency * traffic_on_cpu * var_z
    var_y = cpu_on_latency * (2 * cov - cpu_on_latency * var_x)
    var_y += traffic_on_latency**2 * var_z + 10.0**2
    slope = cov / var_x
    as_told = {
        "traffic": Normal(TRAFFIC, 1.5),
        "cpu": Normal(lambda traffic: CPU + traffic_on_cpu * (traffic - TRAFFIC), 4.0),
        "latency": Normal(
            lambda cpu, traffic: (
                LATENCY + cpu_on_latency * (cpu - CPU) + traffic_on_latency * (traffic - TRAFFIC)
            ),
            10.0,
        ),
    }
    cpu_drives = {
        "cpu": Normal(CPU, np.sqrt(var_x)),
        "latency": Normal(lambda cpu: LATENCY + slope * (cpu - CPU), np.sqrt(var_y - slope * cov)),
    }
    latency_drives = {
        "cpu": Normal(
            lambda latency: CPU + cov / var_y * (latency - LATENCY), np.sqrt(var_x - cov**2 / var_y)
        ),
        "latency": Normal(LATENCY, np.sqrt(var_y)),
    }
    model = SCM(dict(zip(DRIVERS, [as_told, cpu_drives, latency_drives], strict=True))[driver])
    effect = {"traffic": cpu_on_latency, "cpu": slope, "latency": 0.0}[driver]
    return Scenario(
        name="latency",
        model=model,
        treatment="cpu",
        outcome="latency",
        observed=tuple(model.mechanisms),
        adjust_for=("traffic",) if driver == "traffic" else (),
        truth={
            "ATE": effect,
            "raw slope": slope,
            "correlation": cov / np.sqrt(var_x * var_y),
            "E[latency | cpu=80]": LATENCY + 20 * slope,
            "E[latency | do(cpu=80)]": LATENCY + 20 * effect,
        },
        source="explainer_day36",
    )
