"""The production commands: new, simulate, run, status, decide, reestimate, verify, backtest."""

import datetime
from pathlib import Path

from casestudies.production import folder as folders
from casestudies.production.backtest import backtest
from casestudies.production.decisions import ACTIONS, decide
from casestudies.production.incident import report
from casestudies.production.ledger import Ledger
from casestudies.production.simulate import SHOCKS, company
from casestudies.production.state import state
from casestudies.production.windows import pooled, price, window


def add_to(commands):
    """Add the command ``production`` and what it can do to a parser's commands."""
    text = "keep an effect under watch: a record, checks, a ledger, alarms, a dashboard"
    parser = commands.add_parser("production", help=text, description=text)
    parser.set_defaults(answer=lambda arguments: parser.format_help().rstrip())
    actions = parser.add_subparsers(title="what to do", metavar="ACTION")

    def add(name, text, answer):
        action = actions.add_parser(name, help=text, description=text)
        action.add_argument("folder", metavar="DIR", type=Path, help="the folder under watch")
        action.set_defaults(answer=answer)
        return action

    add("new", "lay an empty folder with a commented estimand.toml", _new)
    simulate = add("simulate", "lay a company to practise on, its inbox full", _simulate)
    simulate.add_argument("--weeks", type=int, default=52)
    simulate.add_argument("--people", type=int, default=600, help="people a week")
    simulate.add_argument(
        "--scenario", choices=SHOCKS, default="quiet", help="what breaks half-way"
    )
    simulate.add_argument("--seed", type=int, default=0)
    run = add("run", "take what lies in inbox/: check, estimate, test, show", _run)
    run.add_argument("--today", type=datetime.date.fromisoformat, help="the day, as 2026-01-05")
    add("status", "say what may be done today, and what rang", _status)
    close = add("decide", "close the open incident with a decision", _decide)
    close.add_argument("--action", choices=ACTIONS, required=True)
    close.add_argument("--reason", required=True, help="why, in words")
    close.add_argument("--name", required=True, help="who decides")
    again = add("reestimate", "estimate again over a window, with its price", _reestimate)
    again.add_argument("--window", default="since-alarm", help="all, since-alarm or last:K")
    proof = add("verify", "prove that entries, files and records are what they were", _verify)
    proof.add_argument("--head", help="the hash of an entry that you kept")
    drill = add("backtest", "replay the past through today's code and stress the alarms", _backtest)
    drill.add_argument("--years", type=int, default=100, help="simulated years a scenario")
    return parser


def _new(arguments):
    folders.new(arguments.folder)
    return (
        f"Wrote {arguments.folder}/estimand.toml; fill it in and sign it. Put one CSV file a batch "
        f"into {arguments.folder}/inbox/, then: casestudies production run {arguments.folder}"
    )


def _simulate(arguments):
    options = {"weeks": arguments.weeks, "people": arguments.people, "rng": arguments.seed}
    number = company(arguments.folder, scenario=arguments.scenario, **options)
    return (
        f"{number} files lie in {arguments.folder}/inbox/; now: casestudies production run "
        f"{arguments.folder}"
    )


def _run(arguments):
    current = folders.run(arguments.folder, today=arguments.today, progress=True)
    page = arguments.folder / "dashboard" / "index.html"
    return f"{_said(current, arguments.today)}\nDashboard: {page}"


def _status(arguments):
    with folders.opened(arguments.folder) as ledger:
        if not ledger.entries("record"):
            raise ValueError(
                f"nothing has run yet; do: casestudies production run {arguments.folder}"
            )
        return _said(state(ledger), None)


def _said(current, today):
    """Return where an effect stands, in a few lines."""
    taken, refused = len(current.accepted), len(current.refused)
    lines = [f"Batches accepted: {taken}; files refused: {refused}."]
    lines += [f"Refused {e['file']}: {'; '.join(e['reasons'])}" for e in current.refused[-5:]]
    if len(current.sequence):
        last = current.sequence.iloc[-1]
        lines.append(
            f"Effect to date {last['estimate']:.4f}, interval {last['ci_low']:.4f} to "
            f"{last['ci_high']:.4f}."
        )
    held = current.guardrails(today or datetime.date.today())
    lines += [f"May not be widened: {reason}" for reason in held] or ["May be widened."]
    return "\n".join([*lines, *filter(None, [report(current).rstrip()])])


def _decide(arguments):
    given = {"action": arguments.action, "reason": arguments.reason, "name": arguments.name}
    decide(arguments.folder, **given)
    return "The incident is closed; the detectors start again with the next batch."


def _reestimate(arguments):
    with folders.opened(arguments.folder) as ledger:
        current = state(ledger)
    chosen = window(current, arguments.window)
    result = pooled(chosen)
    return "\n".join(
        [
            f"{arguments.window}, {len(chosen)} batches from {chosen[0]['batch']} on:",
            result.round(4).to_string(),
            "What each window costs, if the effect has died, in simulated years:",
            price(current.record, estimates=current.estimates).round(4).to_string(),
            "To make it the reference, write it into [reference] of estimand.toml and sign.",
        ]
    )


def _verify(arguments):
    faults = folders.verify(arguments.folder, arguments.head)
    if faults:
        raise ValueError("\n  ".join(["this is not as it was entered:", *faults]))
    ledger = Ledger(arguments.folder / "ledger.sqlite")
    number, head = ledger.head
    ledger.close()
    return f"{number} entries, all files and records are as they were entered. Head: {head}"


def _backtest(arguments):
    replay, stress = backtest(arguments.folder, years=arguments.years)
    return "\n\n".join(
        [
            "The past through today's code:\n" + replay.to_string(),
            "The alarms in simulated years:\n" + stress.round(3).to_string(),
        ]
    )
