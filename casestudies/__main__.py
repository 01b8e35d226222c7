"""The command line: list what the package holds, show one item, copy recipes.

Names and summaries are read from the source files without importing them, so that
``casestudies list`` answers at once.
"""

import argparse
import ast
import difflib
import keyword
import os
import re
import sys
import sysconfig
import textwrap
from importlib.machinery import PathFinder
from pathlib import Path
from typing import NamedTuple

from casestudies import copying

PACKAGE = Path(__file__).parent
SECTIONS = {
    "scenario": "Scenarios: simulated worlds with known truth",
    "archive": "Archives: published data sets",
    "recipe": "Recipes: estimators made to be copied, by family or by function",
}
EPILOG = """examples:
  casestudies list
  casestudies show weight
  casestudies copy weight analysis/
  casestudies copy weight match doubly_robust -o analysis.py
"""
SYNONYMS = {  # other words for a name, told apart by letters and digits alone
    "randomized_experiment": "RCT, A/B test, randomized controlled trial, experiment, trial",
    "difference_in_means": "t-test, Welch, Neyman, ATE, A/B",
    "adjusted": "ANCOVA, CUPED, Lin, regression adjustment, covariate adjustment",
    "ratio_of_means": "ratio metric, click-through rate, CTR, delta method, lift, percent change",
    "randomization_test": "permutation test, Fisher, exact test, randomization inference",
    "sample_size": "power, power analysis, MDE, minimum detectable effect",
    "standardization": "g-formula, g-computation, backdoor, adjustment, back-door adjustment",
    "standardize": "OLS, regression, outcome model, ATE, ATT, S-learner, T-learner",
    "propensity": "propensity score, pscore, logit",
    "overlap": "common support, positivity",
    "balance": "SMD, standardized mean difference, Love plot, covariate balance",
    "trim": "trimming, Crump",
    "weighting": "IPW, IPTW, inverse probability weighting, inverse propensity weighting",
    "weight": "Hajek, Horvitz-Thompson, ATE, ATT",
    "matching": "PSM, propensity score matching, pair matching",
    "match": "nearest neighbour, nearest neighbor, Mahalanobis, Abadie-Imbens, ATT, caliper",
    "doubly_robust": "AIPW, DR, TMLE, cross-fitting, augmented",
    "double_machine_learning": "DML, debiased machine learning, Chernozhukov",
    "partially_linear": "PLR, Robinson, residuals on residuals",
    "interactive_iv": "IIVM",
    "heterogeneity": "CATE, HTE, subgroups, subgroup analysis, moderators",
    "best_linear_projection": "BLP",
    "targeting_curve": "TOC, Qini, uplift curve",
    "rank_weighted_effect": "RATE, AUTOC",
    "several_arms": "multi-arm, multiple treatments, multivalued treatment, multinomial",
    "dose_response": "continuous treatment, dose, GPS, generalized propensity score",
    "attribution": "PN, probability of necessity, causes of effects, blame",
    "excess_fraction": "attributable fraction, attributable risk, excess risk ratio",
    "front_door": "front-door criterion, mediator, mediation",
    "matched_pairs": "without replacement, optimal matching, pairs",
    "off_policy": "OPE, off-policy evaluation, counterfactual_evaluation, bandit, logged bandit",
    "policy_value": "IPS, SNIPS, inverse propensity score, importance sampling",
    "value_difference": "policy comparison, uplift of a policy, paired difference",
    "doubly_robust_value": "DR, doubly robust policy evaluation, direct method",
    "policy_bounds": "Manski bounds, partial identification, no support",
    "retention_curve": "survival, survival curve, Kaplan-Meier, churn, MSM, per-decision weighting",
    "support": "positivity, effective sample size, ESS",
    "logging_audit": "propensity audit, propensity calibration, sanity check, logging bug",
    "select_policy": "winner's curse, policy learning, policy selection, best policy",
    "estimate_propensities": "propensity score, behaviour policy, behavior policy",
    "sensitivity": "sensemakr, OVB, omitted variable bias, unmeasured confounding, Cinelli-Hazlett",
    "robustness_value": "RV",
    "bias_bounds": "benchmarking, benchmark bounds",
    "e_value": "VanderWeele, risk ratio",
    "monitoring": "sequential, always valid, anytime-valid, drift, online, production, holdout",
    "confidence_sequence": "SPRT, mSPRT, peeking, anytime-valid inference, asymptotic CS",
    "change_detector": "e-detector, changepoint, change point, CUSUM, Shiryaev-Roberts, alarm",
    "sample_ratio": "SRM, sample ratio mismatch, randomization check, allocation",
    "repeated_looks": "optional stopping, interim looks, Armitage",
    "group_sequential_boundary": "Pocock, O'Brien-Fleming, group sequential, interim analysis",
    "effect_change": "transport, transportability, Kitagawa, Oaxaca-Blinder, decomposition, mix",
    "missing_outcome": "attrition, missing data, MAR, IPCW, dropout, complete cases",
    "outcome_bounds": "Manski, Horowitz-Manski, worst case, partial identification",
    "difference_in_differences": "DiD, DD, diff-in-diff, diff-in-diffs, TWFE, parallel trends",
    "doubly_robust_did": "DRDID, Sant'Anna-Zhao, conditional parallel trends",
    "two_by_two": "2x2, two-way fixed effects",
    "difference_in_differences.event_study": "leads and lags, dynamic effects",
    "placebo": "placebo test, falsification",
    "pretrends": "parallel trends test, lead test",
    "honest_bounds": "HonestDiD, Rambachan-Roth, relative magnitudes, smoothness",
    "staggered_adoption": "staggered, staggered DiD, Callaway-Sant'Anna, csdid, rollout",
    "group_time": "ATT(g,t)",
    "few_clusters": "cluster, clustering, small number of clusters",
    "wild_bootstrap": "wild cluster bootstrap, boottest, Webb, bootstrap",
    "least_squares": "absorbed fixed effects, reghdfe, two-way clustering, fixed effects",
    "conditional_likelihood_ratio": "CLR, Moreira",
    "overidentification": "Sargan, Hansen, J test",
    "target_trials": "target trial emulation, immortal time, time zero, sequential trials",
    "instrumental_variables": "IV, instrument, instruments, LATE, encouragement",
    "wald": "CACE, complier, Wald ratio",
    "two_stage_least_squares": "2SLS, TSLS, two-stage, ivreg",
    "limited_information": "LIML, k-class",
    "weak_instruments": "weak IV, weak instrument, weak identification, many instruments",
    "first_stage": "F statistic, effective F, Olea-Pflueger, Stock-Yogo",
    "anderson_rubin": "AR, AR test, robust confidence set",
    "regression_discontinuity": "RD, RDD, rdrobust, discontinuity, threshold, cutoff",
    "sharp": "sharp RD, local linear, local polynomial, robust bias correction, Calonico",
    "fuzzy": "fuzzy RD, compliance at a cutoff",
    "bandwidth": "rdbwselect, MSE-optimal, mserd, Imbens-Kalyanaraman, IK, CCT",
    "density_test": "McCrary, rddensity, manipulation test, bunching, sorting",
    "placebo_cutoffs": "placebo cutoff, falsification",
    "donut": "donut hole, heaping",
    "honest": "RDHonest, Kolesar-Rothe, Armstrong-Kolesar, discrete running variable, bias-aware",
    "time_varying": "longitudinal, time-varying confounding, dynamic treatment regime, g-methods",
    "regime_mean": "g-formula, parametric g-formula, ICE, iterated conditional expectation",
    "weighted_regime_mean": "IPW, IPTW, inverse probability weighting",
    "doubly_robust_regime_mean": "LTMLE, longitudinal TMLE",
    "marginal_structural_model": "MSM, stabilized weights",
    "g_estimation": "SNM, SNMM, structural nested model, structural nested mean model",
    "regime_support": "positivity",
    "regime_bounds": "Manski bounds",
    "long_to_wide": "reshape, pivot",
    "t_f": "Lee-McCrary-Moreira-Porter",
}


class Refusal(ValueError):
    """A request that cannot be met; the message says why and what to do."""


class Entry(NamedTuple):
    """A scenario, an archive, a family of recipes or a function of one, as its file declares it."""

    kind: str
    name: str
    tree: ast.Module | ast.FunctionDef

    @property
    def docstring(self):
        """Return the docstring of the family's file or of the function."""
        return ast.get_docstring(self.tree) or ""

    @property
    def summary(self):
        """Return the docstring's first line."""
        return self.docstring.partition("\n")[0]


def catalogue():
    """Return everything that is listed, in this order.

    A scenario or an archive is a function with the name of its file, a recipe is a file.

    Returns
    -------
    list of Entry
        Scenarios, archives, then recipes, each in alphabetical order.

    Examples
    --------
    >>> [entry.kind for entry in catalogue() if entry.name == "standardization"]
    ['recipe']
    """
    functions = [
        Entry(kind, node.name, node)
        for kind in ("scenario", "archive")
        for name, tree in _modules(f"{kind}s")
        for node in tree.body
        if isinstance(node, ast.FunctionDef) and node.name == name
    ]
    return functions + [Entry("recipe", name, tree) for name, tree in _modules("recipes")]


def main(argv=None):
    """Run the command line.

    Parameters
    ----------
    argv : list of str, optional
        The arguments; by default those of the process.

    Returns
    -------
    int
        The exit status: 0, or 2 if the request was refused.

    Examples
    --------
    >>> main(["copy", "standardization", "no_such_folder"])
    2
    """
    try:
        try:
            arguments = _arguments(argv)
            _say(arguments.answer(arguments), sys.stdout)
        finally:
            print(end="", flush=True)
    except ValueError as error:
        _say(f"casestudies: {error}", sys.stderr)
        return 2
    except BrokenPipeError:  # who reads, as `head` does, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


def _arguments(argv):
    """Parse the command line, where names to copy may also follow an option."""
    argv = sys.argv[1:] if argv is None else list(argv)
    parser = _parser(argv)
    arguments, more = parser.parse_known_args(argv)
    if more and (arguments.answer is not _copy or any(word.startswith("-") for word in more)):
        parser.error(f"unrecognized arguments: {' '.join(more)}")
    if more:
        arguments.names += more
    return arguments


def _say(text, stream):
    """Print, with a question mark for what the console cannot show."""
    encoding = getattr(stream, "encoding", None) or "utf-8"
    print(text.encode(encoding, "replace").decode(encoding), file=stream)


def _parser(argv):
    parser = argparse.ArgumentParser(
        prog="casestudies",
        description="Simulated worlds, published data and estimators made to be copied.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(answer=lambda arguments: parser.format_help().rstrip())
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")

    if "production" in argv:  # here, because the other commands do without its imports
        try:
            from casestudies.production.commands import add_to
        except ModuleNotFoundError as error:
            raise Refusal(
                f"production needs {error.name}; install the package with it: "
                "pip install '.[production]'"
            ) from error
        add_to(commands)
    else:
        text = "keep an effect under watch: production --help"
        commands.add_parser("production", help=text, add_help=False)

    text = "list scenarios, archives and recipes"
    commands.add_parser("list", help=text, description=text).set_defaults(answer=_list)

    text = "show how one of them is called and what it holds"
    show = commands.add_parser("show", help=text, description=text)
    show.add_argument("name", metavar="NAME", help="a name from the list")
    show.set_defaults(answer=_show)

    text = "copy recipes, as files that run alone, into your own project"
    copy = commands.add_parser("copy", help=text, description=text)
    copy.usage = "casestudies copy [--force] [-o FILE] NAME [NAME ...] [DEST]"
    name = "a family, a function, or family.function where two families have one of that name"
    copy.add_argument("names", metavar="NAME", nargs="+", help=name)
    where = "last of all: a folder, or the path of one new .py file (default: the current folder)"
    copy.add_argument_group("destination", f"DEST: {where}")
    copy.add_argument("-o", dest="file", metavar="FILE", help="put all into this one .py file")
    copy.add_argument("--force", action="store_true", help="overwrite a file that exists")
    copy.set_defaults(answer=_copy)
    return parser


def _list(arguments):
    entries = catalogue()
    width = max(len(entry.name) for entry in entries)
    blocks = []
    for kind, title in SECTIONS.items():
        rows = []
        for entry in (entry for entry in entries if entry.kind == kind):
            rows.append(f"  {entry.name:<{width}}  {entry.summary}")
            if kind == "recipe":
                names = ", ".join(item.name for item in copying.find(entry.name))
                rows.append(textwrap.indent(textwrap.fill(names, 95 - width), " " * (width + 4)))
        if rows:
            blocks.append("\n".join([title, *rows]))
    return "\n\n".join([*blocks, "More about one: casestudies show NAME"])


def _show(arguments):
    show = {
        "scenario": _show_scenario,
        "archive": _show_archive,
        "recipe": _show_recipe,
        "function": _show_function,
    }
    return "\n\n".join(show[entry.kind](entry) for entry in _found(arguments.name))


def _show_recipe(entry):
    functions = [
        f"{_signature(item.node)}\n    {(ast.get_docstring(item.node) or '').partition(chr(10))[0]}"
        for item in copying.find(entry.name)
    ]
    head = [f"{entry.name} (recipe)", entry.docstring]
    return "\n\n".join([*head, *functions, _how_to_copy(entry.name)])


def _show_function(entry):
    return "\n\n".join([_signature(entry.tree), entry.docstring, _how_to_copy(entry.name)])


def _listed(packages):
    return ", ".join(sorted(packages)) or "the standard library only"


def _how_to_copy(name):
    needs = _listed(copying.packages(copying.assemble(name)))
    return f"Needs {needs}.\nCopy it: casestudies copy {name}"


def _show_archive(entry):
    call = _signature(entry.tree, prefix="archives.")
    return "\n\n".join([call, entry.docstring, "Use it: from casestudies import archives"])


def _show_scenario(entry):
    from casestudies import scenarios  # here, because the other commands do without its imports

    world = getattr(scenarios, entry.name)()
    adjust_for = ", ".join(world.adjust_for) or "nothing"
    facts = [
        f"Effect of {world.treatment} on {world.outcome}, adjusting for {adjust_for}.",
        f"Observed: {', '.join(world.observed)}.",
    ]
    edges = [f"  {cause} -> {effect}" for cause, effect in world.model.graph.edges]
    width = max(len(estimand) for estimand in world.truth)
    truth = [f"  {estimand:<{width}}  {value:.5f}" for estimand, value in world.truth.items()]
    blocks = [facts, ["Graph:", *edges], ["Truth, with the default parameters:", *truth]]
    call = _signature(entry.tree, prefix="scenarios.")
    body = [call, entry.docstring, *map("\n".join, blocks)]
    return "\n\n".join([*body, "Use it: from casestudies import scenarios"])


def _copy(arguments):
    names, dest = _names_and_destination(arguments)
    for name in names:
        if not copying.find(name):
            raise Refusal(_not_to_be_copied(name))
    try:
        copies = _copies(names, dest)
        _write(copies, arguments.force)
    except OSError as error:
        reason = f"{error.filename}: {error.strerror}"
        raise Refusal(f"cannot write {reason}; give another DEST") from error
    except ValueError as error:
        raise Refusal(str(error)) from error
    needs = {package for text in copies.values() for package in copying.packages(text)}
    verb = "It needs" if len(copies) == 1 else "They need"
    return "\n".join([*(f"Wrote {target}" for target in copies), f"{verb} {_listed(needs)}."])


def _write(copies, force):
    """Write all copies, or none if one of them may not be written."""
    for target, text in copies.items():
        _check_file_name(target, text)
        if target.exists() and not force:
            raise Refusal(f"{target} exists; pass --force to overwrite it, or give another DEST")
    for target, text in copies.items():
        target.write_text(text, encoding="utf-8")


def _names_and_destination(arguments):
    """Tell the names from the destination, which may come last."""
    *names, last = arguments.names
    if arguments.file is not None:
        if not arguments.file.endswith(".py"):
            raise Refusal(f"-o {arguments.file} names no .py file; give a path that ends in .py")
        return arguments.names, Path(arguments.file)
    if not names or copying.find(last):
        if names and Path(last).is_dir():
            raise Refusal(
                f"{last} is a folder here and a recipe too; write {last}/ for the folder, or end "
                "with . to copy the recipe into the current one"
            )
        return arguments.names, Path()
    return names, Path(last)


def _copies(names, dest):
    """Return the text of each new file: one for all names, or one a name in a folder."""
    if dest.is_dir():
        return {dest / copying.file_name(name): copying.assemble(name) for name in names}
    if dest.suffix != ".py":
        hint = _hint(dest.name, _to_copy()) or "create it first, or give a path that ends in .py"
        raise Refusal(f"no folder {dest}; {hint}")
    if not dest.parent.is_dir():
        raise Refusal(f"no folder {dest.parent}; create it first")
    return {dest: copying.assemble(*names)}


def _check_file_name(target, text):
    """Refuse a file that cannot be imported, or that would be imported for another."""
    stem = target.stem
    other = target.with_name(re.sub(r"\W|^(?=\d)", "_", stem) + "_recipe.py")
    if not stem.isidentifier() or keyword.iskeyword(stem):
        raise Refusal(f"{target.name} is no name that can be imported; take {other}, for example")
    installed = [sysconfig.get_path("purelib"), sysconfig.get_path("platlib")]
    taken = {"casestudies", *sys.stdlib_module_names, *copying.packages(text)}
    if stem in taken or PathFinder.find_spec(stem, installed):
        raise Refusal(
            f"beside {target.name}, 'import {stem}' would no longer find the package {stem}; take "
            f"{other}, for example"
        )


def _not_to_be_copied(name):
    """Say why nothing of this name can be copied, and what to do instead."""
    kinds = {entry.name: entry.kind for entry in catalogue()}
    if name not in kinds:
        hint = _hint(name, _to_copy())
        return f"no recipe and no function of one called {name!r}; {hint}casestudies list shows all"
    kind = {"scenario": "a scenario", "archive": "an archive"}[kinds[name]]
    return (
        f"{name} is {kind}, and only recipes are made to be copied; import it instead:\n"
        f"  from casestudies import {kinds[name]}s\n  {kinds[name]}s.{name}(...)"
    )


def _found(name):
    """Return the entries of that name, or refuse with the nearest names."""
    entries = catalogue()
    found = [entry for entry in entries if entry.name == name]
    if name not in copying.families():
        functions = copying.find(name)
        found += [Entry("function", copying.short_name(item), item.node) for item in functions]
    if found:
        return found
    hint = _hint(name, [*(entry.name for entry in entries), *_to_copy()])
    what = f"no scenario, archive, recipe or function {name!r}"
    raise Refusal(f"{what}; {hint}casestudies list shows all")


def _to_copy():
    """Return the names of all families and functions."""
    families = copying.families()
    functions = [item for family in families for item in copying.find(family)]
    return [*families, *map(copying.short_name, functions)]


def _hint(word, names):
    """Ask whether up to three names like this word were meant; empty without any."""
    words = [(_letters(name.rpartition(".")[2]), name) for name in names]
    for name, others in SYNONYMS.items():
        words += [(_letters(other), name) for other in others.split(", ") if name in names]
    key = _letters(word.removesuffix(".py").rpartition(".")[2])
    close = difflib.get_close_matches(key, [other for other, _ in words])
    near = [name for other, name in words if other == key] or [
        *(name for near in close for other, name in words if other == near),
        *(name for other, name in words if len(key) > 2 and key in other),
    ]
    near = list(dict.fromkeys(near))[:3]
    return f"did you mean {' or '.join(near)}? " if near else ""


def _letters(word):
    """Return the letters and digits of a word, in lower case."""
    return re.sub(r"[\W_]", "", word).lower()


def _modules(folder):
    """Return the public modules of a subpackage as (name, syntax tree), sorted."""
    files = sorted((PACKAGE / folder).glob("[!_]*.py"))
    return [(file.stem, ast.parse(file.read_text(encoding="utf-8"))) for file in files]


def _signature(function, *, prefix=""):
    call = f"{prefix}{function.name}({ast.unparse(function.args)})"
    return textwrap.fill(call, 100, subsequent_indent="        ", break_on_hyphens=False)


if __name__ == "__main__":
    sys.exit(main())
