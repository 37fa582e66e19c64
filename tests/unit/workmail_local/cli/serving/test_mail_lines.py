"""The lines about a message on the screen of `serve`."""

import re
import time
from typing import Any

import pytest

from mailhooks.contract import ActionType, FlowDirection
from workmail_local.cli.serving.mail_lines import MailLines
from workmail_local.console.style import Style
from workmail_local.console.text_columns import count_columns
from workmail_local.mail.history import Attempt, Destination, MessageSummary, MessageTrace, RecipientResult, RuleRun, State
from workmail_local.mail.job import DeliveryJob
from workmail_local.mail.verdict import Origin

ANA, BEN, NORA = "ana@example.com", "ben@example.com", "nora@example.net"
PAGE = "http://127.0.0.1:8025"
NOW = time.mktime((2026, 11, 29, 12, 3, 4, 0, 0, -1))
FAILURE = "the function failed: ValueError: odd"


def result(recipient: str, destination: Destination, note: str = "") -> RecipientResult:
    return RecipientResult(recipient, ActionType.DEFAULT, Origin.NAMED, destination, note)


def job(*results: RecipientResult, mail_from: str = NORA, elapsed: float = 0.024, **run: Any) -> DeliveryJob:
    values: dict[str, Any] = {"recipients": tuple(each.recipient for each in results) or (ANA,), "state": State.DONE, "rule": "Tag"} | run
    known: dict[str, Any] = {"message_id": "m1", "invocation_id": "i1", "why": "", "function": "tag", "synchronous": True}
    rule_run = RuleRun(direction=FlowDirection.INBOUND, results=results, **known | values)
    return DeliveryJob(7, NOW - elapsed, mail_from, rule_run, timeout_s=60.0)


def lines(
    advanced: DeliveryJob,
    *,
    subject: str = "Offer",
    attempts: int = 1,
    width: int | None = None,
    log: str = "",
    printer: MailLines | None = None,
) -> list[str]:
    summary = MessageSummary(7, 0.0, FlowDirection.INBOUND, NORA, (ANA,), NORA, subject, 100, advanced.run.state)
    done = tuple(Attempt(number, 0.0, 12.0, number == 1, "", "{}", log) for number in range(1, attempts + 1))
    trace = MessageTrace(summary, (advanced.run._replace(attempts=done),))
    return list((printer or MailLines(Style(), PAGE)).format(advanced, trace, NOW, width))


def test_a_message_is_one_line_without_its_id():
    assert lines(job(result(ANA, Destination.INBOX))) == [f'12:03:04  {NORA} -> {ANA}  "Offer"  Tag  Inbox  24 ms']


@pytest.mark.parametrize(
    "advanced, end",
    [
        (job(result(ANA, Destination.INBOX), changed=True), "Tag  Inbox (changed)  24 ms"),
        (job(result(ANA, Destination.INBOX), rule=""), "no rule  Inbox  24 ms"),
        (job(result(ANA, Destination.INBOX), result(BEN, Destination.INBOX)), "Inbox  24 ms"),
        (job(result(ANA, Destination.INBOX), result(BEN, Destination.BOUNCED, "No.")), f'Inbox {ANA}, Bounced {BEN} "No."  24 ms'),
        (job(*(result(f"{n}@x.org", Destination.JUNK) for n in "abc"), result(BEN, Destination.DROPPED)), f"Junk 3, Dropped {BEN}  24 ms"),
        (job(result(ANA, Destination.BOUNCED, "No.")), 'Bounced "No."  24 ms'),
        (job(result(NORA, Destination.OUTGOING), elapsed=3.21), "Outgoing  3.2 s"),
        (job(result(NORA, Destination.OUTGOING), elapsed=4000), "Outgoing  1 h"),
    ],
)
def test_the_line_ends_with_the_outcome_and_the_time(advanced: DeliveryJob, end: str):
    [line] = lines(advanced)
    assert line.endswith(end)


def test_many_recipients_are_counted_and_the_null_sender_is_visible():
    advanced = job(*(result(f"u{n}@example.com", Destination.INBOX) for n in range(50)), mail_from="")
    assert '<> -> u0@example.com, u1@example.com and 48 more  "Offer"' in lines(advanced)[0]


def test_a_failed_attempt_shows_the_next_one_and_once_why_it_failed_and_where_its_log_is():
    printer = MailLines(Style(), PAGE)
    waiting = job(state=State.RETRYING, due=NOW + 2, problems=(FAILURE,))._replace(elapsed_s=3.0)
    first, why, where = lines(waiting, attempts=2, printer=printer)
    assert first.endswith('"Offer"  Tag  failed, retry 2/6 in 2 s  24 ms')
    assert (why.strip(), where.strip()) == (FAILURE, f"Log: {PAGE}/messages/7")
    [again] = lines(waiting, attempts=3, printer=printer)
    assert "retry 3" in again
    [end] = lines(job(result(ANA, Destination.INBOX), problems=(FAILURE,)), attempts=4, printer=printer)
    assert end.endswith("Inbox after 4 attempts  24 ms")


def test_an_asynchronous_function_that_fails_is_shown_after_the_delivery():
    advanced = job(result(ANA, Destination.INBOX), synchronous=False, state=State.RETRYING, due=NOW + 60, problems=(FAILURE,))
    assert lines(advanced)[0].endswith("Inbox, then failed, retry 1/2 in 1 min  24 ms")


def test_problems_are_red_on_a_terminal_and_nothing_else_is():
    printer = MailLines(Style(colour=True), PAGE)
    [good] = lines(job(result(ANA, Destination.INBOX)), printer=printer)
    bad, why, _ = lines(job(result(ANA, Destination.INBOX), problems=(FAILURE,)), printer=printer)
    assert "\x1b" not in good
    assert bad.startswith("12:03:04  \x1b[31;1m")
    assert f"\x1b[31;1m{FAILURE}\x1b[0m" in why


def test_control_characters_are_visible():
    advanced = job(result(ANA, Destination.BOUNCED, "a\x1b[2Jb"), problems=("c\x07\u202ed",), rule="e\x9bf")
    shown = "\n".join(lines(advanced, subject="Red\x1b[31m\r\nnext\u2028line"))
    assert [char for char in shown if not char.isprintable() and char != "\n"] == []
    assert r"Red\x1b[31m\r\nnext\u2028line" in shown


@pytest.mark.parametrize("width", [20, 40, 80, 120])
def test_no_line_is_wider_than_the_terminal_and_the_outcome_stays(width: int):
    advanced = job(result(ANA, Destination.INBOX), problems=("x" * 300,), rule="A rule with a long name")
    shown = lines(advanced, subject="件名 " * 100, width=width)
    assert all(count_columns(line) <= max(width, 34) for line in shown if "Log:" not in line)
    if width >= 80:
        assert shown[0].endswith("  Inbox  24 ms")


@pytest.mark.parametrize("width", [80, 90, 100])
def test_a_narrow_terminal_shows_the_whole_outcome_and_the_end_of_the_reason(width: int):
    why = "the function cannot be loaded: Runtime.ImportModuleError: Unable to import module 'app': No module named 'reportlab'"
    waiting = job(state=State.RETRYING, due=NOW + 0.01, problems=(why,), rule="Offers of our partners")._replace(timeout_s=1800.0)
    first, *reason, _ = lines(waiting, width=width)
    assert re.search(r"  failed, retry 1/\d+ in 10 ms  24 ms$", first)
    assert first.startswith(f"12:03:04  {NORA} -> ana")
    assert " ".join(line.strip() for line in reason) == why


def test_verbose_adds_the_id_and_the_log_of_new_attempts():
    printer = MailLines(Style(), PAGE, verbose=True)
    _, ids, attempt, log = lines(job(result(ANA, Destination.INBOX)), log="odd\x1bline\n", printer=printer)
    assert "messageId m1, invocationId i1" in ids
    assert attempt.strip() == "attempt 1: tag, 12 ms, cold"
    assert log.strip() == r"| odd\x1bline"
