"""How the spool writes down what it keeps: stories as JSON, and back."""

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

SUMMARY: Final = "number, received, direction, mail_from, recipients, written_by, subject, size, state, rules, places, changed, trouble"
"""The columns that `message_summary` reads."""

JOB: Final = "SELECT number, received, mail_from, told, leg FROM passages JOIN messages USING (number) WHERE passages.state <> 'done'"
"""The rows that `job` reads."""


def searchable(text: str) -> str:
    """The text as it is kept for searching: case does not matter."""
    return valid_unicode(text.casefold())


def message_summary(row: tuple[Any, ...]) -> MessageSummary:
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
    """Return the columns state, rules, places, changed and trouble of a message with these rule runs."""
    states = {run.state for run in runs}
    waiting = next((state for state in (State.RETRYING, State.ACCEPTED, State.DECIDED) if state in states), State.DONE)
    destinations = Counter(result.destination for run in runs for result in run.results)
    rules = list(dict.fromkeys(run.rule for run in runs))
    has_problems = any(run.problems for run in runs)
    return waiting, json.dumps(rules), json.dumps(list(destinations.items())), any(run.changed for run in runs), has_problems


def as_text(job: DeliveryJob) -> tuple[str, str]:
    """Return a job's rule run, and the rest of it, as JSON. Attempts and content have tables of their own."""
    told = asdict(job.run) | {"attempts": []}
    kept = {
        "event": job.event,
        "fallback": asdict(job.fallback),
        "action": asdict(job.action),
        "timeout_s": job.timeout_s,
        "elapsed_s": job.elapsed_s,
        "delivered": job.delivered,
        "gateway": job.gateway,
    }
    return json.dumps(told), json.dumps(kept)


def rule_run(text: str) -> RuleRun:
    told = json.loads(text)
    told |= {
        "direction": FlowDirection(told["direction"]),
        "state": State(told["state"]),
        "attempts": (),
        "results": tuple(map(_result, told["results"])),
    }
    return RuleRun(**told | {name: tuple(told[name]) for name in ("recipients", "notes", "problems")})


def job(row: tuple[Any, ...]) -> DeliveryJob:
    """Read a row of `JOB`."""
    number, received, mail_from, told, text = row
    kept = json.loads(text)
    actions = {name: _action(kept[name]) for name in ("fallback", "action")}
    return DeliveryJob(number, received, mail_from, rule_run(told), **kept | actions)


def attempt_as_text(attempt: Attempt) -> str:
    return json.dumps(asdict(attempt))


def attempt(text: str) -> Attempt:
    return Attempt(**json.loads(text))


def _result(told: Mapping[str, Any]) -> RecipientResult:
    destination = Destination(told["destination"])
    return RecipientResult(told["recipient"], ActionType(told["action"]), Origin(told["origin"]), destination, told["note"])


def _action(kept: Mapping[str, str]) -> Action:
    return Action(ActionType(kept["type"]), kept["bounce_message"])
