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

LINE: Final = "number, received, direction, mail_from, recipients, written_by, subject, size, state, rules, places, changed, trouble"
"""The columns that `line` reads."""

LEG: Final = "SELECT number, received, mail_from, told, leg FROM passages JOIN messages USING (number) WHERE passages.state <> 'done'"
"""The rows that `leg` reads."""


def searchable(text: str) -> str:
    """The text as it is kept for searching: case does not matter."""
    return valid_unicode(text.casefold())


def line(row: tuple[Any, ...]) -> MessageSummary:
    number, received, direction, mail_from, recipients, author, subject, size, state, rules, places, changed, trouble = row
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
        tuple((Destination(name), count) for name, count in json.loads(places)),
        bool(changed),
        bool(trouble),
    )


def summary(passages: Sequence[RuleRun]) -> tuple[Any, ...]:
    """state, rules, places, changed, trouble: what the list shows of a message with these passages."""
    states = {passage.state for passage in passages}
    waiting = next((state for state in (State.RETRYING, State.ACCEPTED, State.DECIDED) if state in states), State.DONE)
    places = Counter(fate.place for passage in passages for fate in passage.fates)
    rules = list(dict.fromkeys(passage.rule for passage in passages))
    trouble = any(passage.problems for passage in passages)
    return waiting, json.dumps(rules), json.dumps(list(places.items())), any(passage.changed for passage in passages), trouble


def as_text(leg: DeliveryJob) -> tuple[str, str]:
    """What is told of it, and the rest. Its content is kept elsewhere."""
    told = asdict(leg.passage) | {"attempts": []}
    kept = {
        "event": leg.event,
        "fallback": asdict(leg.fallback),
        "action": asdict(leg.action),
        "timeout_s": leg.timeout_s,
        "elapsed_s": leg.elapsed_s,
        "delivered": leg.delivered,
        "gateway": leg.gateway,
    }
    return json.dumps(told), json.dumps(kept)


def passage(text: str) -> RuleRun:
    told = json.loads(text)
    told |= {
        "direction": FlowDirection(told["direction"]),
        "state": State(told["state"]),
        "attempts": (),
        "fates": tuple(map(_fate, told["fates"])),
    }
    return RuleRun(**told | {name: tuple(told[name]) for name in ("recipients", "notes", "problems")})


def leg(row: tuple[Any, ...]) -> DeliveryJob:
    """From a row of `LEG`."""
    number, received, mail_from, told, text = row
    kept = json.loads(text)
    actions = {name: _action(kept[name]) for name in ("fallback", "action")}
    return DeliveryJob(number, received, mail_from, passage(told), **kept | actions)


def attempt_as_text(attempt: Attempt) -> str:
    return json.dumps(asdict(attempt))


def attempt(text: str) -> Attempt:
    return Attempt(**json.loads(text))


def _fate(told: Mapping[str, Any]) -> RecipientResult:
    return RecipientResult(told["recipient"], ActionType(told["action"]), Origin(told["origin"]), Destination(told["place"]), told["note"])


def _action(kept: Mapping[str, str]) -> Action:
    return Action(ActionType(kept["type"]), kept["bounce_message"])
