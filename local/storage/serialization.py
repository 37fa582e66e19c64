"""Rows and JSON of the spool, to and from the values of `local.mail`."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, Final

from local.mail.event_builder import valid_unicode
from local.mail.history import Attempt, Destination, MessageSummary, RecipientResult, RuleRun, State
from local.mail.job import DeliveryJob
from local.mail.verdict import Origin
from mailhooks.contract import Action, ActionType, FlowDirection

SUMMARY: Final = (
    "number, received, direction, mail_from, recipients, from_text, subject, size, state, rules, destinations, changed, has_problems"
)
"""The columns that `load_summary` reads."""

JOB: Final = "SELECT number, received, mail_from, run, details FROM jobs JOIN messages USING (number) WHERE jobs.state <> 'done'"
"""The rows that `load_job` reads."""


def fold_case(text: str) -> str:
    """Return the text in the form in which messages are searched: case does not matter."""
    return valid_unicode(text.casefold())


def load_summary(row: tuple[Any, ...]) -> MessageSummary:
    """Read the columns `SUMMARY`."""
    number, received, direction, mail_from, recipients, author, subject, size, state, rules, destinations, changed, has_problems = row
    return MessageSummary(
        number,
        received,
        FlowDirection(direction),
        mail_from,
        tuple(json.loads(recipients)),
        author,
        subject,
        size,
        State(state),
        tuple(json.loads(rules)),
        tuple((Destination(name), count) for name, count in json.loads(destinations)),
        bool(changed),
        bool(has_problems),
    )


def summarize(runs: Sequence[RuleRun]) -> tuple[Any, ...]:
    """Return the columns state, rules, destinations, changed and has_problems of a message with these rule runs."""
    states = {run.state for run in runs}
    waiting = next((state for state in (State.RETRYING, State.ACCEPTED, State.DECIDED) if state in states), State.DONE)
    destinations = Counter(result.destination for run in runs for result in run.results)
    rules = list(dict.fromkeys(run.rule for run in runs))
    has_problems = any(run.problems for run in runs)
    return waiting, json.dumps(rules), json.dumps(list(destinations.items())), any(run.changed for run in runs), has_problems


def dump_job(job: DeliveryJob) -> tuple[str, str]:
    """Return a job's rule run, and the rest of it, as JSON. Attempts and content have tables of their own."""
    details = {
        "event": job.event,
        "fallback": asdict(job.fallback),
        "action": asdict(job.action),
        "timeout_s": job.timeout_s,
        "elapsed_s": job.elapsed_s,
        "delivered": job.delivered,
        "gateway": job.gateway,
    }
    return json.dumps(asdict(job.run) | {"attempts": []}), json.dumps(details)


def load_job(row: tuple[Any, ...]) -> DeliveryJob:
    """Read a row of `JOB`."""
    number, received, mail_from, run, text = row
    details = json.loads(text)
    actions = {name: _action(details[name]) for name in ("fallback", "action")}
    return DeliveryJob(number, received, mail_from, load_rule_run(run), **details | actions)


def load_rule_run(text: str) -> RuleRun:
    """Read a rule run, without its attempts."""
    values = json.loads(text)
    values |= {
        "direction": FlowDirection(values["direction"]),
        "state": State(values["state"]),
        "attempts": (),
        "results": tuple(map(_result, values["results"])),
    }
    return RuleRun(**values | {name: tuple(values[name]) for name in ("recipients", "notes", "problems")})


def dump_attempt(attempt: Attempt) -> str:
    """Return an attempt as JSON."""
    return json.dumps(asdict(attempt))


def load_attempt(text: str) -> Attempt:
    """Read an attempt."""
    return Attempt(**json.loads(text))


def _result(values: Mapping[str, Any]) -> RecipientResult:
    destination = Destination(values["destination"])
    return RecipientResult(values["recipient"], ActionType(values["action"]), Origin(values["origin"]), destination, values["note"])


def _action(values: Mapping[str, str]) -> Action:
    return Action(ActionType(values["type"]), values["bounce_message"])
