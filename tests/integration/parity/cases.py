"""Messages, each with an envelope and the policy of a recipe, for which all mail paths have the same result."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any, Final

import yaml

from mailhooks.envelope import FlowDirection
from mailhooks.policy import Policy, Services, load
from mailhooks.report_names import HoldState
from tests.support.mail import CORPUS
from tests.support.policies import PLAIN, make_policy
from workmail_local.mail.event_builder import with_crlf
from workmail_local.policy_tools.memory_services import MemoryContacts, MemoryDirectory, MemoryHolds, MemoryRates

RECIPES: Final = Path(__file__).parents[3] / "docs" / "recipes"
NOON: Final = datetime.fromisoformat("2026-11-24T12:00:00+01:00")


@dataclass(frozen=True)
class TimedPolicy(Policy):
    """A policy for whose schedules the time is always the same."""

    now: datetime = NOON

    def start_evaluation(self, *arguments: Any, **options: Any) -> Any:
        return super().start_evaluation(*arguments, **{"now": self.now} | options)


@dataclass(frozen=True)
class Case:
    """A message with the policy of a recipe, and the services that the policy has.

    Attributes:
        name: of the recipe and the message.
        sender: `""` for the null reverse-path.
        row: the case in expected.yaml that the envelope comes from.
        rules: the policy, in place of the recipe's.
        raw: the message as a server receives it by SMTP, with the line end that DATA needs.
    """

    name: str
    recipe: str
    sender: str
    recipients: tuple[str, ...]
    direction: FlowDirection
    raw: bytes = field(repr=False)
    row: dict[str, Any] = field(default_factory=dict, repr=False)
    rules: tuple[dict[str, Any], ...] = ()

    @property
    def policy(self) -> Policy:
        return make_policy(*self.rules) if self.rules else load_policy(self.recipe, self.row.get("at", ""))

    def make_services(self) -> Services:
        """Return the services as they are before the message."""
        directory = MemoryDirectory({}, self.policy.domains, self.row.get("people", {}))
        contacts = MemoryContacts([*self.row.get("known", ()), *([self.sender] if self.row.get("times", 1) > 1 else [])])
        return Services(MemoryRates(lambda: 0.0, self.row.get("times", 1) - 1), directory, contacts)

    def make_holds(self) -> MemoryHolds:
        """Return the decision on a message that a rule holds."""
        return MemoryHolds(HoldState(self.row.get("decision", "pending")), "no")


@cache
def load_policy(recipe: str, at: str) -> Policy:
    policy = load(RECIPES / recipe / "policy.yaml")
    values = {name: getattr(policy, name) for name in Policy.__dataclass_fields__}
    return TimedPolicy(**values, now=datetime.fromisoformat(at) if at else NOON)


@cache
def read_rows(recipe: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = yaml.safe_load((RECIPES / recipe / "expected.yaml").read_text("utf-8"))
    return rows


def list_recipes() -> list[str]:
    return sorted(path.parent.name for path in RECIPES.glob("*/expected.yaml"))


def _read_message(recipe: str, row: dict[str, Any]) -> bytes:
    raw = (RECIPES / recipe / "message.eml").read_bytes()
    if "replace" in row:
        old, new = (text.replace("\\r\\n", "\r\n").encode() for text in row["replace"])
        raw = raw.replace(old, new)
    return raw


def _make_case(recipe: str, name: str, raw: bytes, row: dict[str, Any]) -> Case:
    sent = with_crlf(raw)
    ended = sent if sent.endswith(b"\r\n") else sent + b"\r\n"
    return Case(f"{recipe}: {name}", recipe, row["from"], tuple(row["to"]), FlowDirection(row["direction"].upper()), ended, row)


def list_recipe_cases() -> list[Case]:
    """Return each recipe's own message in each case of its expected.yaml."""
    return [
        _make_case(recipe, f"case {number}", _read_message(recipe, row), row)
        for recipe in list_recipes()
        for number, row in enumerate(read_rows(recipe), start=1)
    ]


def iterate_corpus_cases(recipe: str) -> Iterator[Case]:
    """Yield each message of the corpus under a recipe, with the envelopes and services of the recipe's cases in turn."""
    rows = read_rows(recipe)
    for number, path in enumerate(CORPUS):
        yield _make_case(recipe, path.name, path.read_bytes(), rows[number % len(rows)])


_FOR_ONE: Final = {"recipient": "bo@example.com"}
_JUNK: Final = {"when": _FOR_ONE, "do": "junk"}
_BOUNCE: Final = {"when": _FOR_ONE, "do": {"bounce": "5.7.2 Kein Zutritt f\u00fcr %%Subject%%."}}
_ADD: Final = {"do": {"add_recipients": "cy@example.com"}}
_RULES: Final[dict[str, tuple[dict[str, Any], ...]]] = {
    "junk for one": (_JUNK,),
    "junk for one, bypass for the others": (_JUNK, {"do": "bypass_spam_check"}),
    "junk for all, and one is added": ({"do": "junk"}, _ADD),
    "a bounce for one": (_BOUNCE,),
    "a bounce for one, junk for the others": (_BOUNCE, {"do": ["junk", {"subject_tag": "[TAG]"}]}),
    "a bounce for one, the others are dropped": (_BOUNCE, {"do": "drop"}),
    "a bounce for all, and one is added": ({"do": {"bounce": "No."}}, _ADD),
    "a drop for all, and one is added": ({"do": "drop"}, _ADD),
    "a drop for all": ({"do": "drop"},),
    "one is removed": ({"do": [{"remove_recipients": "bo@example.com"}, {"subject_tag": "[TAG]"}]},),
}


def list_mixed_cases() -> list[Case]:
    """Return a message with different verdicts for its recipients, from a sender and from the null reverse-path."""
    return [
        Case(f"{name}, from <{sender}>", "", sender, ("ana@example.com", "Bo@example.com"), FlowDirection.INBOUND, PLAIN, rules=rules)
        for name, rules in _RULES.items()
        for sender in ("ana@example.net", "")
    ]
