"""Policies, messages and services for the tests of the policy."""

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, NamedTuple

import pytest

from mailhooks.contract import MailFlowEvent
from mailhooks.deadline import Deadline
from mailhooks.errors import TransientError
from mailhooks.policy import Outcome, Policy, PolicyError, Services, load
from tests.support.mail import parsed

NOW = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
"""A Monday."""

HEAD = b"From: Ana <ana@example.net>\r\nTo: User <user@example.com>\r\nSubject: A subject\r\nDate: Mon, 4 May 2026 08:00:00 +0000\r\n"
PLAIN = HEAD + b"MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nHello world\r\n"


def made(*rules: dict[str, Any], **top: Any) -> Policy:
    """A policy of these rules, named if they are not; what they say goes through the text."""
    named = [{"name": f"rule {index}"} | rule for index, rule in enumerate(rules)]
    settings = {"version": 1, "organization": {"domains": ["example.com"]}, "defaults": {"mixed": "all"}}
    return load(json.dumps(settings | top | {"rules": named}))


def refused(text: str) -> PolicyError:
    with pytest.raises(PolicyError) as caught:
        load(text)
    return caught.value


def refused_rule(rule: dict[str, Any], **top: Any) -> str:
    """What is said of a rule that is refused, on one line."""
    [line] = refused(json.dumps({"version": 1, "rules": [{"name": "Rule", "do": "drop"} | rule]} | top)).lines()
    return line


@dataclass
class Counts:
    """Counts as `Rates` says, of which some have begun; broken where `broken`."""

    begun: dict[str, int] = field(default_factory=dict)
    broken: bool = False
    asked: list[tuple[str, str, int, int]] = field(default_factory=list)

    def increment(self, key: str, invocation_id: str, *, window_s: int, limit: int, deadline: Deadline) -> int:
        if self.broken:
            raise TransientError("no answer")
        self.asked.append((key, invocation_id, window_s, limit))
        return next((count for end, count in self.begun.items() if key.endswith(end)), 0) + 1


@dataclass
class Groups:
    """A directory of groups; broken where `broken`."""

    groups: dict[str, set[str]] = field(default_factory=dict)
    broken: bool = False

    def members(self, group: str, deadline: Deadline) -> frozenset[str]:
        if self.broken:
            raise TransientError("no answer")
        return frozenset(self.groups.get(group, ()))

    def domains(self, deadline: Deadline) -> frozenset[str]:
        return frozenset({"example.com"})


class Mail(NamedTuple):
    """A message, what WorkMail says of it, and what services know."""

    raw: bytes
    event: MailFlowEvent
    services: Services = Services()
    now: datetime = NOW


def mail(raw: bytes = PLAIN, *recipients: str, services: Services | None = None, now: datetime = NOW, **event: Any) -> Mail:
    return Mail(raw, parsed(*recipients, **event), services or Services(), now)


def sent_by(address: str | None, *recipients: str, raw: bytes = PLAIN, **event: Any) -> Mail:
    """A message from this address, or from nobody."""
    to = [{"address": recipient} for recipient in recipients or ("user@example.com",)]
    return mail(raw, envelope={"mailFrom": {"address": address} if address is not None else None, "recipients": to}, **event)


def nobody_listed(raw: bytes = PLAIN, **event: Any) -> Mail:
    """A message whose event was too long for any of its recipients."""
    return mail(raw, envelope={"mailFrom": {"address": "from@example.net"}, "recipients": []}, truncated=True, **event)


def evaluated(policy: Policy, of: Mail, **more: Any) -> Outcome:
    return policy.evaluate(of.event, of.raw, services=of.services, now=of.now, **more)


def answers(outcome: Outcome) -> dict[str, str]:
    """Each recipient's action in the answer to WorkMail, and under `"*"` that of all others."""
    found: dict[str, str] = {}
    for entry in outcome.verdict().to_response()["actions"]:
        for address in entry.get("recipients", ["*"]):
            assert address not in found
            found[address] = entry["action"]["type"]
    return found


def matching(when: dict[str, Any], of: Mail, **rule: Any) -> set[str]:
    """The recipients for whom conditions hold; `""` for those who are not listed. None of them may have failed."""
    outcome = evaluated(made({"when": when, "do": "drop", **rule}), of)
    assert outcome.failures == ()
    outcome.verdict().to_response()
    return set(outcome.verdicts)
