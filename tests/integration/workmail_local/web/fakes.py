"""Fakes of the history and the actions, for tests of the pages."""

import threading
import uuid
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from email.parser import BytesParser
from email.policy import default
from email.utils import parseaddr
from itertools import islice
from pathlib import Path
from typing import Any

from mailhooks.contract import ActionType, FlowDirection
from workmail_local.config.problems import FileProblem
from workmail_local.config.release import ReleaseServer
from workmail_local.errors import InvalidArgument, LocalError, NotNow, SpoolError, UnknownMessage
from workmail_local.mail.history import Attempt, Destination, MessageSummary, MessageTrace, RecipientResult, RuleRun, State
from workmail_local.mail.release import Release, ReleaseOutcome, ReleaseResult
from workmail_local.mail.search_query import ALL, Condition, Kind, SearchQuery, fold_text
from workmail_local.mail.verdict import Origin
from workmail_local.queue.holds import Decision, Hold
from workmail_local.queue.release import AlreadyReleased, ReleaseFailed, check_recipients
from workmail_local.queue.webhook import WebhookFailure
from workmail_local.rules.matching import Match, match_rules
from workmail_local.rules.rule import Rule, RuleAction
from workmail_local.runtime.invocation import Invocation
from workmail_local.web.actions import Actions, Addresses

NOW = 1_777_881_600.0
"""4 May 2026, 08:00 UTC."""

RULES = (
    Rule("Scan all mail", FlowDirection.INBOUND, RuleAction.LAMBDA, ("*",), function="mailflow", fallback=RuleAction.DEFAULT),
    Rule("No lottery", FlowDirection.INBOUND, RuleAction.DROP, ("lottery.example.net",)),
    Rule("Newsletters", FlowDirection.INBOUND, RuleAction.JUNK, ("*.example.net", "news.example.org"), ("ana@example.com",)),
    Rule(
        "Disclaimer",
        FlowDirection.OUTBOUND,
        RuleAction.LAMBDA,
        ("example.com",),
        function="disclaimer",
        fallback=RuleAction.GATEWAY,
        timeout_minutes=5,
        gateway="relay",
    ),
    Rule("Archive", FlowDirection.OUTBOUND, RuleAction.LAMBDA, ("*",), function="observe", synchronous=False),
)
REFUSED = "refused@example.org"
RESPONSE = '{"actions":[{"action":{"type":"DEFAULT"},"allRecipients":true}]}'
LOG = 'START\n{"level":"INFO","message":"changed","by":"disclaimer"}\nEND\n'


@dataclass
class FakeHistory:
    """A history in lists.

    Attributes:
        changes: the version.
    """

    traces: list[MessageTrace] = field(default_factory=list)
    originals: list[bytes] = field(default_factory=list)
    contents: dict[str, bytes] = field(default_factory=dict)
    changes: int = 0

    def __post_init__(self) -> None:
        self._lock = threading.Lock()

    def add(self, raw: bytes, after: bytes | None = None, **changes: Any) -> int:
        """Add a message with one rule run that has the given attributes."""
        return self.add_trace(raw, (self.rule_run(raw, after, **changes),))

    def add_trace(self, raw: bytes, runs: tuple[RuleRun, ...], **of_line: Any) -> int:
        """Add a message whose summary has the given attributes."""
        headers = BytesParser(policy=default).parsebytes(raw, headersonly=True)
        results = [result for run in runs for result in run.results]
        with self._lock:
            number = len(self.traces) + 1
            line = MessageSummary(
                number=number,
                received=NOW + number * 97,
                direction=runs[0].direction if runs else FlowDirection.INBOUND,
                mail_from=parseaddr(str(headers["From"] or ""))[1],
                recipients=tuple(dict.fromkeys(address for run in runs for address in run.recipients)) or ("ana@example.com",),
                author=str(headers["From"] or ""),
                subject=str(headers["Subject"] or ""),
                size=len(raw),
                state=State.DONE if all(run.state is State.DONE for run in runs) else State.RETRYING,
                rules=tuple(run.rule for run in runs if run.rule),
                destinations=tuple(Counter(result.destination for result in results).items()),
                changed=any(run.changed for run in runs),
                has_problems=any(run.problems for run in runs),
            )
            self.traces.append(MessageTrace(line._replace(**of_line), runs))
            self.originals.append(raw)
            self.changes += 1
        return number

    def rule_run(self, raw: bytes, after: bytes | None = None, **changes: Any) -> RuleRun:
        message_id = str(uuid.uuid5(uuid.NAMESPACE_URL, f"message:{len(self.contents)}"))
        self.contents[message_id] = raw if after is None else after
        recipients = changes.get("recipients", ("ana@example.com",))
        destination = changes.pop("destination", Destination.INBOX)
        run = RuleRun(
            message_id=message_id,
            invocation_id=message_id.replace("-", ""),
            direction=FlowDirection.INBOUND,
            rule="Scan all mail",
            why="From matches * and the recipient *; no other rule matches as specifically.",
            function="mailflow",
            synchronous=True,
            recipients=recipients,
            state=State.DONE,
            attempts=(Attempt(1, NOW + 1, 23.4, True, "", RESPONSE, LOG),),
            results=tuple(RecipientResult(address, ActionType.DEFAULT, Origin.ALL, destination) for address in recipients),
            changed=after is not None and after != raw,
        )
        return run._replace(**changes)

    def finish(self, number: int, after: bytes) -> None:
        """Mark a message as done, with changed content."""
        with self._lock:
            trace = self.traces[number - 1]
            runs = tuple(run._replace(state=State.DONE, due=None, changed=True) for run in trace.rule_runs)
            self.contents.update({run.message_id: after for run in runs})
            self.traces[number - 1] = MessageTrace(trace.summary._replace(state=State.DONE, changed=True), runs)
            self.changes += 1

    def clear(self) -> None:
        """Remove all messages."""
        with self._lock:
            self.traces.clear()
            self.originals.clear()
            self.contents.clear()
            self.changes += 1

    def count(self, query: SearchQuery = ALL) -> int:
        return len(self.summaries(limit=len(self.traces), query=query))

    def count_unindexed(self) -> int:
        return 0

    def summaries(self, *, before: int | None = None, limit: int = 50, query: SearchQuery = ALL) -> Sequence[MessageSummary]:
        """Return messages; of the conditions, only those on a word in subject or addresses, on the state and on problems."""
        found = (trace.summary for trace in reversed(self.traces) if before is None or trace.summary.number < before)
        some = (
            line
            for line in found
            if line.number > query.since
            and (query.until is None or line.number <= query.until)
            and all(_matches(line, each) for each in query.conditions)
        )
        return list(islice(some, limit))

    def find_neighbours(self, number: int) -> tuple[int | None, int | None]:
        numbers = [trace.summary.number for trace in self.traces]
        return max((each for each in numbers if each < number), default=None), min(
            (each for each in numbers if each > number), default=None
        )

    def trace(self, number: int) -> MessageTrace | None:
        return next((trace for trace in self.traces if trace.summary.number == number), None)

    def original(self, number: int) -> bytes | None:
        return self.originals[number - 1] if 0 < number <= len(self.originals) else None

    def content(self, message_id: str) -> bytes | None:
        return self.contents.get(message_id)

    def version(self) -> int:
        return self.changes


def _matches(line: MessageSummary, condition: Condition) -> bool:
    if condition.kind is Kind.IS and condition.value == "problem":
        return line.has_problems is not condition.negated
    if condition.value == "done":
        return (line.state is State.DONE) is not condition.negated
    if condition.value == "problem":
        return line.has_problems is not condition.negated
    return str(condition.value) in fold_text(f"{line.subject} {line.author} {line.mail_from} {' '.join(line.recipients)}")


def answered(response: Any, milliseconds: float, log: str = "", error: str | None = None) -> Invocation:
    """Make the result of a call of the availability function."""
    return Invocation(response, error, milliseconds, cold=False, log=log)


@dataclass
class FakeActions(Actions):
    """Actions that record their calls.

    Attributes:
        refusal: the error of `send`; "" to accept.
        server: the SMTP server for released messages.
        releases: those that `release` made; it fails for `REFUSED` alone.
        waiting: how many jobs wait for an attempt.
        held: the holds of each message.
    """

    history: FakeHistory
    files: dict[str, bytes] = field(default_factory=dict)
    sent: list[tuple[FlowDirection, str, tuple[str, ...], bytes]] = field(default_factory=list)
    asked: list[Mapping[str, Any]] = field(default_factory=list)
    answer: Invocation = field(default_factory=lambda: answered({"mailboxes": []}, 31.0))
    refusal: str = ""
    file_problems: list[FileProblem] = field(default_factory=list)
    server: ReleaseServer | None = None
    releases: list[Release] = field(default_factory=list)
    waiting: int = 0
    retried: list[int] = field(default_factory=list)
    webhook_failure: WebhookFailure | None = None
    held: tuple[Hold, ...] = ()
    decided: list[tuple[int, str, str, str]] = field(default_factory=list)

    def clear(self) -> None:
        """Forget all calls and settings."""
        vars(self).update(vars(FakeActions(self.history)))

    def list_file_problems(self) -> Sequence[FileProblem]:
        return self.file_problems

    def list_rules(self) -> Sequence[Rule]:
        return RULES

    def test_rule(self, direction: FlowDirection, author: str, sender: str, recipients: Sequence[str]) -> Sequence[Match]:
        return match_rules(RULES, direction, author=author, sender=sender, recipients=recipients)

    def send(self, direction: FlowDirection, mail_from: str, recipients: Sequence[str], raw: bytes) -> int:
        if self.refusal:
            raise LocalError(self.refusal)
        self.sent.append((direction, mail_from, tuple(recipients), raw))
        return self.history.add(raw, direction=direction, recipients=tuple(recipients))

    def delete(self, number: int | None = None, *, search: str | None = None, until: int | None = None) -> int:
        if self.refusal:
            raise SpoolError(self.refusal)
        query = ALL if search is None else SearchQuery.parse_clear(search)
        found = self.history.summaries(limit=1000, query=query.narrow_until(until).narrow_to_done())
        if number is not None:
            trace = self.history.trace(number)
            if not trace:
                raise UnknownMessage(str(number))
            if trace.summary not in found:
                raise NotNow(str(number))
            found = [trace.summary]
        self.history.traces = [trace for trace in self.history.traces if trace.summary not in found]
        self.history.changes += 1
        return len(found)

    def send_again(self, number: int, mail_from: str | None = None, recipients: Sequence[str] = ()) -> int:
        trace = self._find(number)
        sender = trace.summary.mail_from if mail_from is None else mail_from
        return self.send(trace.summary.direction, sender, recipients or trace.summary.recipients, self.history.originals[number - 1])

    def retry_now(self, number: int) -> int:
        self._find(number)
        if not self.waiting:
            raise NotNow(f"message {number} does not wait for an attempt")
        self.retried.append(number)
        return self.waiting

    def list_holds(self, number: int) -> Sequence[Hold]:
        self._find(number)
        return self.held

    def decide(self, number: int, decision: str, hold: str, reason: str) -> None:
        self._find(number)
        if decision not in list(Decision):
            raise InvalidArgument("decision must be approve, reject or timeout")
        if not self.held:
            raise NotNow(f"message {number} has no hold without a decision")
        self.decided.append((number, decision, hold, reason))

    def find_release_server(self) -> ReleaseServer | None:
        return self.server

    def list_releases(self, trace: MessageTrace) -> Sequence[Release]:
        return [release for release in self.releases if release.message_id in {run.message_id for run in trace.rule_runs}]

    def release(self, number: int, recipients: Sequence[str], run_number: int, known: int) -> Release:
        if self.server is None:
            raise NotNow("there is no SMTP server for released messages: add [release] to workmail.toml")
        trace = self._find(number)
        checked = check_recipients(self.server, recipients)
        if len(self.list_releases(trace)) > known:
            raise AlreadyReleased(f"message {number} was released before: confirm to send it again")
        outcomes = (
            ReleaseResult(address, ReleaseOutcome.REFUSED, "550 No") if address == REFUSED else ReleaseResult(address, ReleaseOutcome.SENT)
            for address in checked
        )
        found = Release(uuid.uuid4().hex, trace.rule_runs[run_number - 1].message_id, NOW, self.server.name, "", tuple(outcomes))
        self.releases.append(found)
        if not found.may_have_arrived:
            raise ReleaseFailed(found, "550 No")
        return found

    def _find(self, number: int) -> MessageTrace:
        trace = self.history.trace(number)
        if trace is None:
            raise UnknownMessage(f"there is no message {number}")
        return trace

    def find_webhook_failure(self) -> WebhookFailure | None:
        return self.webhook_failure

    def list_samples(self) -> Mapping[str, bytes]:
        return self.files

    def get_addresses(self) -> Addresses:
        return Addresses(
            "127.0.0.1:2525",
            "127.0.0.1:2587",
            {"AWS_ENDPOINT_URL_WORKMAILMESSAGEFLOW": "http://127.0.0.1:4510", "AWS_ENDPOINT_URL_S3": "http://127.0.0.1:4511"},
            submission="STARTTLS offered, every password is accepted",
            certificate=Path("/home/ana/projects/hooks/.local/workmail/smtp-certificate.pem"),
        )

    def ask_availability(self, request: Mapping[str, Any]) -> Invocation:
        self.asked.append(request)
        return self.answer
