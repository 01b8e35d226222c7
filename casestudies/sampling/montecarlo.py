"""The same analysis in many worlds: bias, RMSE and coverage, each with its own error."""

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from tqdm import tqdm


def replicate(world, analyses, *, n, replications, rng, n_jobs=1, estimand="ATE"):
    """Run analyses on many fresh samples of a world and hold them against its truth.

    Parameters
    ----------
    world : Scenario
        Anything with ``sample(n, rng=...)`` and a ``truth`` keyed by estimand.
    analyses : mapping of str to callable
        Each takes one sample and returns a Series (or mapping) with ``estimate`` and, for
        coverage, ``ci_low`` and ``ci_high``. All analyses see the same samples.
    n : int
        Units in each sample.
    replications : int
        Number of samples, at least 2.
    rng : int or numpy.random.Generator
        Seed of all samples. Sample i is the same whatever `n_jobs` is.
    n_jobs : int, default 1
        Workers, as in joblib; any joblib backend that is active is used.
    estimand : str or mapping of str to str, default "ATE"
        Key of ``world.truth`` that each analysis is held against; a mapping gives each
        analysis its own.

    Returns
    -------
    pandas.DataFrame
        A row an analysis: estimand, truth, mean_estimate, bias, bias_error, rmse, rmse_error,
        coverage, coverage_error, mean_width (of the intervals) and replications. The errors
        are Monte Carlo standard errors; coverage is missing where there are no intervals.

    Raises
    ------
    ValueError
        If an estimand is not in ``world.truth``, there are fewer than 2 replications, or an
        analysis fails or returns a value that is not finite: no sample is left out.

    References
    ----------
    Morris, White and Crowther (2019), Statistics in Medicine 38(11), 2074-2102, table 6.

    Examples
    --------
    >>> from casestudies import scenarios
    >>> def raw(data):
    ...     means = data.groupby("mismatch")["exit"].mean()
    ...     return {"estimate": means[1] - means[0]}
    >>> table = replicate(scenarios.staffing(), {"raw": raw}, n=2_000, replications=50, rng=1)
    >>> bool(table.loc["raw", "bias"] > 0.05)
    True
    """
    estimands = {
        name: estimand if isinstance(estimand, str) else estimand[name] for name in analyses
    }
    for key in estimands.values():
        if key not in world.truth:
            raise ValueError(f"the world has no truth for {key!r}; it has {list(world.truth)}")
    if replications < 2:
        raise ValueError(f"replications must be at least 2, got {replications}")
    streams = np.random.default_rng(rng).spawn(replications)
    tasks = (delayed(_once)(world, analyses, n, stream) for stream in streams)
    runs = Parallel(n_jobs=n_jobs, return_as="generator")(tasks)
    results = list(tqdm(runs, total=replications, disable=None, leave=False))
    rows = {
        name: _summary(np.array([run[name] for run in results]), world.truth[key], name)
        for name, key in estimands.items()
    }
    table = pd.DataFrame.from_dict(rows, orient="index")
    table.insert(0, "estimand", pd.Series(estimands))
    return table


def _once(world, analyses, n, rng):
    """Return estimate, ci_low and ci_high of every analysis on one sample."""
    data = world.sample(n, rng=rng)
    answers = {name: analysis(data) for name, analysis in analyses.items()}
    keys = ("estimate", "ci_low", "ci_high")
    return {name: [answer.get(k, np.nan) for k in keys] for name, answer in answers.items()}


def _summary(runs, truth, name):
    """Bias, RMSE and coverage of one analysis, with Monte Carlo standard errors."""
    estimate, low, high = runs.T
    if not np.isfinite(estimate).all():
        bad = int((~np.isfinite(estimate)).sum())
        raise ValueError(f"analysis {name!r} gave no finite estimate in {bad} samples; mend it")
    count, error = len(estimate), estimate - truth
    mse = np.mean(error**2)
    unknown = np.isnan(low) | np.isnan(high)
    covered = np.where(unknown, np.nan, (low <= truth) & (truth <= high))
    coverage = covered.mean()
    return {
        "truth": truth,
        "mean_estimate": estimate.mean(),
        "bias": error.mean(),
        "bias_error": error.std(ddof=1) / np.sqrt(count),
        "rmse": np.sqrt(mse),
        "rmse_error": np.std(error**2, ddof=1) / np.sqrt(count) / (2 * np.sqrt(mse))
        if mse
        else 0.0,
        "coverage": coverage,
        "coverage_error": np.sqrt(coverage * (1 - coverage) / count),
        "mean_width": np.mean(high - low),
        "replications": count,
    }
