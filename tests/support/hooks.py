"""Helpers for tests of hooks: content in memory, printed log lines, small hooks."""

import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from mailhooks.core.content_changes import apply_changes
from mailhooks.core.evaluator import FixedPolicy
from mailhooks.deadline import Deadline
from mailhooks.hooks.invocation import Mail, Reply, to_reply
from mailhooks.hooks.policy_hook import PolicyHook
from mailhooks.hooks.preflight import prepare_change
from mailhooks.hooks.runtime import Handler, sync_hook
from mailhooks.mime.message import Message
from mailhooks.policy import Policy
from mailhooks.settings import Settings
from tests.support.mail import event, parsed
from tests.support.policies import make_policy

DELIVER = {"actions": [{"action": {"type": "DEFAULT"}, "allRecipients": True}]}
HEADER = b"From: from@example.net\r\nDate: Mon, 4 May 2026 08:00:00 +0000\r\nSubject: a secret subject\r\n"
MESSAGE = HEADER + b"\r\nBody\r\n"
SHOUTED = HEADER + b"\r\nBODY\r\n"


@dataclass
class Memory:
    """Messages in a dictionary. `get_error` and `put_error` are raised if they are set."""

    messages: dict[str, bytes] = field(default_factory=lambda: {event()["messageId"]: MESSAGE})
    get_error: Exception | None = None
    put_error: Exception | None = None
    gets: int = 0
    puts: int = 0

    def get(self, message_id: str, deadline: Deadline) -> bytes:
        self.gets += 1
        if self.get_error:
            raise self.get_error
        return self.messages[message_id]

    def put(self, message_id: str, pieces: Sequence[bytes | memoryview], deadline: Deadline) -> None:
        self.puts += 1
        if self.put_error:
            raise self.put_error
        self.messages[message_id] = b"".join(pieces)


@dataclass
class Log:
    """The printed log lines and metrics of a handler."""

    lines: list[dict[str, Any]]
    metrics: list[dict[str, Any]]
    text: str


def shout(mail: Mail) -> None:
    mail.replace(mail.raw.replace(b"Body", b"BODY"))


_NUMBERS = itertools.count()


def settings(**changes: Any) -> Settings:
    """Return settings with a new service name, and so a new logger: a Powertools logger keeps the output stream of its first test."""
    return Settings(service=f"test-{next(_NUMBERS)}", **changes)


def handler_of(hook: Any, content: Any = None, **changes: Any) -> Handler:
    return sync_hook(hook, content=content or Memory(), settings=settings(**changes))


def reply_of(hook: Any, raw: bytes) -> Reply:
    """Return the reply of a hook to a message."""
    found = parsed()
    mail = Mail(found, lambda: Memory({found.message_id: raw}), Deadline.after(10), Settings(), writable=True)
    return to_reply(mail, hook(mail))


def changed_by(hook: Any, raw: bytes) -> bytes:
    """Return the message with the change that a hook wants, without the stamp of the invocation."""
    change = reply_of(hook, raw).change
    return without_stamp(b"".join(prepare_change(Message(raw), change).pieces())) if change else raw


def without_stamp(raw: bytes) -> bytes:
    """Return a message without its stamp, which differs from one invocation to the other."""
    changed, count = re.subn(rb"X-Mailhooks-Invocation: \w+ \w+\r?\n", b"", raw)
    assert count <= 1, "the message has been changed by two attempts"
    return changed


def hook_of(*actions: dict[str, Any]) -> PolicyHook:
    """Return the hook of a policy of one rule with these actions for every message."""
    return PolicyHook(FixedPolicy(make_policy({"do": list(actions)})))


def apply_policy(policy: Policy, raw: bytes) -> bytes:
    """Return a message with the changes of a policy, without the pre-flight, which rejects odd messages."""
    return apply_changes(Message(raw), policy.evaluate(parsed(), raw).changes, {}).content


class Context:
    """A Lambda context with 3 seconds left."""

    def get_remaining_time_in_millis(self) -> int:
        return 3000


def broken(mail: Mail) -> None:
    raise ValueError(f"cannot read {mail.raw!r} for {mail.event.recipients}")
