"""Policies, messages and services for the tests of the policy."""

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, NamedTuple

import pytest

from mailhooks.contract import MailFlowEvent
from mailhooks.deadline import Deadline
from mailhooks.errors import TransientError
from mailhooks.hooks.policy_hook import make_verdict
from mailhooks.hooks.workmail import WORKMAIL
from mailhooks.policy import Outcome, Policy, PolicyError, Services, load
from tests.support.mail import parsed
from workmail_local.policy_tools.memory_services import MemoryPerson

NOW = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
"""A Monday."""

HEAD = b"From: Ana <ana@example.net>\r\nTo: User <user@example.com>\r\nSubject: A subject\r\nDate: Mon, 4 May 2026 08:00:00 +0000\r\n"
PLAIN = HEAD + b"MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nHello world\r\n"


def make_policy(*rules: dict[str, Any], **top: Any) -> Policy:
    """Load a policy of these rules from JSON. A rule without a name gets one."""
    named = [{"name": f"rule {index}"} | rule for index, rule in enumerate(rules)]
    settings = {"version": 1, "organization": {"domains": ["example.com"]}, "defaults": {"mixed": "all"}}
    return load(json.dumps(settings | top | {"rules": named}))


def load_error(text: str) -> PolicyError:
    """Return the error of an invalid policy."""
    with pytest.raises(PolicyError) as caught:
        load(text)
    return caught.value


def rule_error(rule: dict[str, Any], **top: Any) -> str:
    """Return the one line of the error of an invalid rule."""
    [line] = load_error(json.dumps({"version": 1, "rules": [{"name": "Rule", "do": "drop"} | rule]} | top)).lines()
    return line


@dataclass
class Counts:
    """Counters that begin with some numbers, by the end of their keys; or that fail if `broken`."""

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
    """A directory of groups and people; it fails if `broken`."""

    groups: dict[str, set[str]] = field(default_factory=dict)
    broken: bool = False
    persons: dict[str, list[str]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    """The people whose addresses were asked for."""

    def members(self, group: str, deadline: Deadline) -> frozenset[str]:
        if self.broken:
            raise TransientError("no answer")
        return frozenset(self.groups.get(group, ()))

    def domains(self, deadline: Deadline) -> frozenset[str]:
        return frozenset({"example.com"})

    def people(self, deadline: Deadline) -> tuple[MemoryPerson, ...]:
        if self.broken:
            raise TransientError("no answer")
        return tuple(MemoryPerson(name, tuple(addresses)) for name, addresses in self.persons.items())

    def addresses(self, user: str, deadline: Deadline) -> frozenset[str]:
        self.asked.append(user)
        return frozenset(self.persons[user])


class Mail(NamedTuple):
    """A message with its event, the services and the time of its evaluation."""

    raw: bytes
    event: MailFlowEvent
    services: Services = Services()
    now: datetime = NOW


def mail(raw: bytes = PLAIN, *recipients: str, services: Services | None = None, now: datetime = NOW, **event: Any) -> Mail:
    return Mail(raw, parsed(*recipients, **event), services or Services(), now)


def mail_from(address: str | None, *recipients: str, raw: bytes = PLAIN, **event: Any) -> Mail:
    """Return a message from this address; None for a message without a sender."""
    to = [{"address": recipient} for recipient in recipients or ("user@example.com",)]
    return mail(raw, envelope={"mailFrom": {"address": address} if address is not None else None, "recipients": to}, **event)


def unlisted_mail(raw: bytes = PLAIN, **event: Any) -> Mail:
    """Return a message whose truncated event names no recipient."""
    return mail(raw, envelope={"mailFrom": {"address": "from@example.net"}, "recipients": []}, truncated=True, **event)


def evaluate(policy: Policy, sample: Mail, **more: Any) -> Outcome:
    return policy.evaluate(
        sample.event,
        sample.raw,
        platform=WORKMAIL,
        authserv_ids=WORKMAIL.authserv_ids,
        services=sample.services,
        now=sample.now,
        **more,
    )


def actions_by_recipient(outcome: Outcome) -> dict[str, str]:
    """Return each recipient's action in the response to WorkMail, and under `"*"` the action of all others."""
    found: dict[str, str] = {}
    for entry in make_verdict(outcome).to_response()["actions"]:
        for address in entry.get("recipients", ["*"]):
            assert address not in found
            found[address] = entry["action"]["type"]
    return found


def match_conditions(when: dict[str, Any], sample: Mail, **rule: Any) -> set[str]:
    """Return the recipients that conditions match; `""` for those that a truncated event omits. No condition may fail."""
    outcome = evaluate(make_policy({"when": when, "do": "drop", **rule}), sample)
    assert outcome.failures == ()
    make_verdict(outcome).to_response()
    return set(outcome.verdicts)
