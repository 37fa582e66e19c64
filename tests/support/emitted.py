"""What the functions print: each kind of log line and metric, from real handlers."""

import contextlib
import io
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any, Final

from mailhooks.availability.errors import MailboxNotFound, Unreachable
from mailhooks.availability.function import report as availability_report
from mailhooks.availability.provider import LookupStats
from mailhooks.aws.hold_table import HoldKey, HoldRecord
from mailhooks.contract import MailFlowEvent, Verdict
from mailhooks.core.evaluator import FixedPolicy
from mailhooks.core.policy_source import PolicySource
from mailhooks.errors import (
    CannotChangeSafely,
    InvalidContentLocation,
    MessageFrozen,
    MessageRejected,
    Misconfigured,
    ResourceNotFoundException,
    SettingsError,
    StillHeld,
    Throttled,
)
from mailhooks.hooks import approval_report
from mailhooks.hooks.approval_report import RequestRecord
from mailhooks.hooks.invocation import Mail, Record
from mailhooks.hooks.policy_hook import PolicyHook
from mailhooks.hooks.report import Reporter
from mailhooks.hooks.runtime import async_hook, sync_hook
from mailhooks.report_names import HoldState
from mailhooks.settings import Settings
from tests.support.holds import START, Company
from tests.support.hooks import Memory, broken, shout
from tests.support.mail import event
from tests.support.policies import make_policy

STACK: Final = "mail"
"""The name of the stack whose functions print the lines."""

MESSAGE: Final = (
    b"From: from@example.net\r\nTo: user@example.com\r\nDate: Mon, 4 May 2026 08:00:00 +0000\r\nMessage-ID: <1@example.net>\r\n\r\nBody\r\n"
)
SUBJECT: Final = "Task timed out after 3.00 seconds"

_IDS: Final = count(1)


def _printed(function: Callable[[], object]) -> str:
    with contextlib.redirect_stdout(io.StringIO()) as text, contextlib.suppress(Exception):
        function()
    return text.getvalue()


def _report(reporter: Callable[[Settings], Any], *arguments: Any, stack: str = STACK) -> str:
    """Return the lines of a report. Its logger is its own, because a logger of Powertools keeps its first output stream."""
    settings = Settings(service=f"{stack}/{next(_IDS)}", log_addresses=True)
    return _printed(lambda: reporter(settings).report(*arguments)).replace(settings.service, stack)


def _handle(
    hook: Any, *, wraps: Any = sync_hook, direction: str = "INBOUND", stack: str = STACK, error: dict[str, Exception] | None = None
) -> str:
    """Return the lines of one message.

    Args:
        error: see `tests.support.hooks.Memory`.
    """
    number = next(_IDS)
    message_id = f"0a1b2c3d-0000-4000-8000-{number:012}"
    settings = Settings(service=f"{stack}/{number}", log_addresses=True)
    content = Memory({message_id: MESSAGE}, **error or {})
    message = event(direction=direction, messageId=message_id, invocationId=f"{number:032}", subject=SUBJECT)
    # The logger of a handler keeps the output stream of the time when it was made.
    return _printed(lambda: wraps(hook, content=content, settings=settings)(message, None)).replace(settings.service, stack)


def ordinary(stack: str = STACK) -> str:
    """A changed message."""
    return _handle(shout, stack=stack)


def unexpected(stack: str = STACK) -> str:
    """A defect in a hook; the mail is delivered."""
    return _handle(broken, stack=stack)


def misconfigured() -> str:
    """A missing permission to read the message."""
    return _handle(shout, error={"get_error": Misconfigured("GetRawMessageContent: AccessDenied")})


def wrong_bucket() -> str:
    """A bucket policy that excludes WorkMail."""
    return _handle(shout, error={"put_error": InvalidContentLocation("PutRawMessageContent: the bucket")})


def transient() -> str:
    """A service that throttles, so that WorkMail retries."""
    return _handle(shout, error={"get_error": Throttled("GetRawMessageContent: too many calls")})


def rejected() -> str:
    """A changed message that WorkMail rejects."""
    return _handle(shout, error={"put_error": MessageRejected("PutRawMessageContent: invalid MIME")})


def frozen() -> str:
    """A message that WorkMail has frozen."""
    return _handle(shout, error={"put_error": MessageFrozen("PutRawMessageContent: frozen")})


def unsafe() -> str:
    """A message that a hook cannot change safely."""
    return _handle(_refuse)


def _refuse(_mail: Mail) -> None:
    raise CannotChangeSafely("the message is signed")


def unacceptable() -> str:
    """A change by a hook that the check before each Put rejects."""
    return _handle(_lengthen)


def _lengthen(mail: Mail) -> None:
    mail.replace(mail.raw + b"x" * 2000 + b"\r\n")


def verdicts() -> str:
    """A message for each type of verdict and each direction that allows it."""
    inbound = (Verdict.bounce, Verdict.drop, Verdict.move_to_junk, Verdict.bypass_spam_check)
    given = [*((act, "INBOUND") for act in inbound), (Verdict.bounce, "OUTBOUND"), (Verdict.drop, "OUTBOUND")]
    return "".join(_handle(lambda mail, act=act: act(mail.verdict()), direction=direction) for act, direction in given)


def by_policy() -> str:
    """Messages under policies: rules that match, that only report, and that fail."""
    policy = make_policy(
        {"name": "External mail", "do": {"subject_tag": "[EXTERNAL]"}},
        {"name": "Try", "mode": "report", "do": "junk"},
        {"name": "Flood", "when": {"rate": {"more_than": 100, "minutes": 60, "per": "sender"}}, "do": "junk"},
    )
    return _handle(PolicyHook(FixedPolicy(policy)))


def refused() -> str:
    """A message while the newest policy is refused: the packaged one is used."""
    source = PolicySource(lambda: "no policy", "ssm:/mail", 300, fallback=Path("functions/mailflow/policy.yaml"))
    return _handle(PolicyHook(source))


def slow(milliseconds: float = 13_000, hook: str = "rewrite") -> str:
    """A message that needed a long time."""
    record = Record(None, MailFlowEvent.parse(event()))
    record.started = time.perf_counter() - milliseconds / 1000
    return _report(lambda settings: Reporter(hook, settings), record)


def observed() -> str:
    """A message that observe reads for a long time: WorkMail does not wait."""

    def observe(mail: Mail) -> None:
        assert mail.raw

    return _handle(observe, wraps=async_hook)


def unknown_version() -> str:
    """An event of a version that the library does not know."""
    return _report(lambda settings: Reporter("observe", settings), Record(None, MailFlowEvent.parse(event(summaryVersion="2031-01-01"))))


def availability() -> str:
    """A request for free/busy times at two backends, one of them not reachable."""
    mailboxes = {"a@example.net": "exchange", "b@example.net": "exchange", "c@example.net": "google"}
    failed = {"b@example.net": MailboxNotFound("unknown"), "c@example.net": Unreachable("no connection")}
    stats = LookupStats(Counter(mailboxes.values()), mailboxes, failed=failed)
    response = {"mailboxes": [{"mailbox": each, **({"error": "x"} if each in failed else {})} for each in mailboxes]}
    return _report(availability_report.Reporter, response, stats, None, 1.5)


def no_configuration() -> str:
    """A request for free/busy times without a valid configuration."""
    response = {"mailboxes": [{"mailbox": "a@example.net", "error": "x"}]}
    return _report(availability_report.Reporter, response, LookupStats(), SettingsError("AVAILABILITY_SECRET: not JSON"), 0.1)


def held() -> str:
    """A message that waits for an approver, and asks another one."""
    return _attempt_hold(START)


def held_too_long() -> str:
    """A message on which no approver has decided in time."""
    return _attempt_hold(START, START + 3 * 3600)


def _attempt_hold(*times: float) -> str:
    """Return the lines of the attempts of one held message at some times."""
    company = Company()
    number = next(_IDS)
    settings = Settings(service=f"{STACK}/{number}", log_addresses=True)
    message = event(messageId=f"0a1b2c3d-0000-4000-8000-{number:012}", invocationId=f"{number:032}", subject=SUBJECT)
    content = Memory({message["messageId"]: MESSAGE})

    def attempt() -> None:
        handler = sync_hook(PolicyHook(FixedPolicy(company.policy), make_holds=company.make_holds), content=content, settings=settings)
        for company.now in times:
            with contextlib.suppress(StillHeld):
                handler(message, None)

    return _printed(attempt).replace(settings.service, STACK)


def decided() -> str:
    """The requests of approvers: a decision of each kind, a page without its message, and a forged link."""
    record = HoldRecord(
        key=HoldKey("0" * 32, "rule"),
        rule="four eyes",
        message_id="0a1b2c3d-0000-4000-8000-000000000000",
        direction="OUTBOUND",
        mail_from="ana@example.com",
        recipients=("ben@example.net",),
        approvers=("boss@example.com",),
        created_at=START,
        timeout_at=START + 7200,
        on_timeout="bounce",
        decided_by="boss@example.com",
        decided_at=START + 600,
    )
    found = {"method": "POST", "status": 200, "approver": 0, "approver_name": "boss@example.com"}
    requests = [
        RequestRecord(**found, record=replace(record, state=state), decision=state)  # type: ignore[arg-type]
        for state in (HoldState.APPROVED, HoldState.REJECTED)
    ]
    requests.append(RequestRecord("GET", 200, record=record, preview_error=ResourceNotFoundException("GetRawMessageContent: gone")))
    requests.append(RequestRecord("GET", 403, link_refused=True))
    return "".join(_report(approval_report.Reporter, request) for request in requests)


def no_secret() -> str:
    """A request to the approval page without a secret."""
    return _report(approval_report.Reporter, RequestRecord("GET", 500, error=SettingsError("APPROVAL_SECRET: set it")))


KINDS: Final[Mapping[str, Callable[[], str]]] = {
    function.__name__: function
    for function in (
        ordinary,
        unexpected,
        misconfigured,
        wrong_bucket,
        transient,
        rejected,
        frozen,
        unsafe,
        unacceptable,
        verdicts,
        by_policy,
        refused,
        slow,
        observed,
        unknown_version,
        availability,
        no_configuration,
        held,
        held_too_long,
        decided,
        no_secret,
    )
}
