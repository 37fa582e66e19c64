"""A local WorkMail with nothing behind it, for tests of its pages: lists of messages, and actions that only remember."""

import threading
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from email.parser import BytesParser
from email.policy import default
from email.utils import parseaddr
from typing import Any

from local.errors import LocalError
from local.mail.history import Attempt, Destination, MessageSummary, MessageTrace, RecipientResult, RuleRun, State
from local.mail.verdict import Origin
from local.rules.matching import Match, Rule, RuleAction, match
from local.web import Addresses, Answer
from mailhooks.contract import Action, ActionType, FlowDirection

NOW = 1_777_881_600.0
"""4 May 2026, 08:00 UTC."""

RULES = (
    Rule("Scan all mail", FlowDirection.INBOUND, RuleAction.LAMBDA, ("*",), function="mailflow", fallback=Action(ActionType.DEFAULT)),
    Rule("No lottery", FlowDirection.INBOUND, RuleAction.DROP, ("lottery.example.net",)),
    Rule("Newsletters", FlowDirection.INBOUND, RuleAction.JUNK, ("*.example.net", "news.example.org"), ("ana@example.com",)),
    Rule("Disclaimer", FlowDirection.OUTBOUND, RuleAction.LAMBDA, ("example.com",), function="disclaimer", timeout_minutes=5),
    Rule("Archive", FlowDirection.OUTBOUND, RuleAction.LAMBDA, ("*",), function="observe", synchronous=False),
)
RESPONSE = '{"actions":[{"action":{"type":"DEFAULT"},"allRecipients":true}]}'
LOG = 'START\n{"level":"INFO","message":"changed","by":"disclaimer"}\nEND\n'


@dataclass
class Lists:
    """A history over plain lists."""

    stories: list[MessageTrace] = field(default_factory=list)
    originals: list[bytes] = field(default_factory=list)
    contents: dict[str, bytes] = field(default_factory=dict)
    changes: int = 0

    def __post_init__(self) -> None:
        self._lock = threading.Lock()

    def add(self, raw: bytes, after: bytes | None = None, **changes: Any) -> int:
        """A message that went through one function; `changes` are attributes of the passage."""
        return self.add_story(raw, (self.passage(raw, after, **changes),))

    def add_story(self, raw: bytes, passages: tuple[RuleRun, ...], **of_line: Any) -> int:
        headers = BytesParser(policy=default).parsebytes(raw, headersonly=True)
        fates = [fate for passage in passages for fate in passage.fates]
        with self._lock:
            number = len(self.stories) + 1
            line = MessageSummary(
                number=number,
                received=NOW + number * 97,
                direction=passages[0].direction if passages else FlowDirection.INBOUND,
                mail_from=parseaddr(str(headers["From"] or ""))[1],
                recipients=tuple(dict.fromkeys(address for passage in passages for address in passage.recipients)) or ("ana@example.com",),
                author=str(headers["From"] or ""),
                subject=str(headers["Subject"] or ""),
                size=len(raw),
                state=State.DONE if all(passage.state is State.DONE for passage in passages) else State.RETRYING,
                rules=tuple(passage.rule for passage in passages if passage.rule),
                places=tuple((place, sum(fate.place is place for fate in fates)) for place in dict.fromkeys(fate.place for fate in fates)),
                changed=any(passage.changed for passage in passages),
                trouble=any(passage.problems for passage in passages),
            )
            self.stories.append(MessageTrace(replace(line, **of_line), passages))
            self.originals.append(raw)
            self.changes += 1
        return number

    def passage(self, raw: bytes, after: bytes | None = None, **changes: Any) -> RuleRun:
        message_id = str(uuid.uuid4())
        self.contents[message_id] = raw if after is None else after
        recipients = changes.get("recipients", ("ana@example.com",))
        place = changes.pop("place", Destination.INBOX)
        passage = RuleRun(
            message_id=message_id,
            invocation_id=uuid.uuid4().hex,
            direction=FlowDirection.INBOUND,
            rule="Scan all mail",
            why="From matches * and the recipient *; no other rule matches as specifically.",
            function="mailflow",
            synchronous=True,
            recipients=recipients,
            state=State.DONE,
            attempts=(Attempt(1, NOW + 1, 23.4, True, "", RESPONSE, LOG),),
            fates=tuple(RecipientResult(address, ActionType.DEFAULT, Origin.ALL, place) for address in recipients),
            changed=after is not None and after != raw,
        )
        return replace(passage, **changes)

    def settle(self, number: int, after: bytes) -> None:
        """What was open is done, and the content another one."""
        with self._lock:
            story = self.stories[number - 1]
            passages = tuple(replace(passage, state=State.DONE, due=None, changed=True) for passage in story.passages)
            self.contents.update({passage.message_id: after for passage in passages})
            self.stories[number - 1] = MessageTrace(replace(story.line, state=State.DONE, changed=True), passages)
            self.changes += 1

    def count(self) -> int:
        return len(self.stories)

    def lines(self, *, before: int | None = None, limit: int = 50, text: str = "") -> Sequence[MessageSummary]:
        found = (story.line for story in reversed(self.stories[: before - 1] if before else self.stories))
        wanted = text.lower()
        some = (line for line in found if wanted in f"{line.subject} {line.author} {line.mail_from} {' '.join(line.recipients)}".lower())
        return [line for _, line in zip(range(limit), some, strict=False)]

    def story(self, number: int) -> MessageTrace | None:
        return self.stories[number - 1] if 0 < number <= len(self.stories) else None

    def original(self, number: int) -> bytes | None:
        return self.originals[number - 1] if 0 < number <= len(self.originals) else None

    def content(self, message_id: str) -> bytes | None:
        return self.contents.get(message_id)

    def version(self) -> int:
        return self.changes


@dataclass
class Desk:
    """The actions, on lists."""

    history: Lists
    files: dict[str, bytes] = field(default_factory=dict)
    sent: list[tuple[FlowDirection, str, tuple[str, ...], bytes]] = field(default_factory=list)
    asked: list[Mapping[str, Any]] = field(default_factory=list)
    answer: Answer = field(default_factory=lambda: Answer({"mailboxes": []}, 31.0))
    refusal: str = ""

    def rules(self) -> Sequence[Rule]:
        return RULES

    def test_rule(self, direction: FlowDirection, author: str, sender: str, recipients: Sequence[str]) -> Sequence[Match]:
        return match(RULES, direction, author=author, sender=sender, recipients=recipients)

    def send(self, direction: FlowDirection, mail_from: str, recipients: Sequence[str], raw: bytes) -> int:
        if self.refusal:
            raise LocalError(self.refusal)
        self.sent.append((direction, mail_from, tuple(recipients), raw))
        return self.history.add(raw, direction=direction, recipients=tuple(recipients))

    def samples(self) -> Mapping[str, bytes]:
        return self.files

    def addresses(self) -> Addresses:
        return Addresses(
            "127.0.0.1:2525",
            "127.0.0.1:2587",
            {"Message Flow API": "http://127.0.0.1:4510", "S3": "http://127.0.0.1:4511"},
            {"AWS_ENDPOINT_URL_WORKMAILMESSAGEFLOW": "http://127.0.0.1:4510", "AWS_ENDPOINT_URL_S3": "http://127.0.0.1:4511"},
        )

    def ask_availability(self, request: Mapping[str, Any]) -> Answer:
        self.asked.append(request)
        return self.answer
