"""The lines that `run` and `send` print about a message."""

from typing import Any

from mailhooks.contract import ActionType, FlowDirection
from tests.support.mail import event, parsed
from workmail_local.cli.mail_report import format_result, format_summary
from workmail_local.cli.sample_runner import SampleResult
from workmail_local.config.samples import Sample
from workmail_local.console.style import Style
from workmail_local.mail.history import Attempt, Destination, RecipientResult, RuleRun, State
from workmail_local.mail.verdict import Origin

RAW = b"From: from@example.net\r\nDate: today\r\n\r\nHello\r\n"
ANA, BEN = "ana@example.com", "ben@example.com"


def result(*results: RecipientResult, content: bytes = RAW, asynchronous: bool = False, log: str = "", **changes: Any) -> SampleResult:
    given = {name: changes.pop(name) for name in ("problems", "notes") if name in changes}
    puts = changes.pop("puts", 0)
    recipients = tuple(each.recipient for each in results)
    attempt = Attempt(1, 0.0, 12.3, True, "; ".join(given.get("problems", ())), "", log)
    run = RuleRun("m", "i", FlowDirection.INBOUND, "Run", "", "hook", True, recipients, State.DONE, None, (attempt,), results, puts=puts)
    sample = Sample("sample", "hook", event(*recipients, **changes), RAW)
    return SampleResult(sample, asynchronous, parsed(*recipients, **changes), run, content, **given)


def delivered(address: str, destination: Destination = Destination.INBOX, origin: Origin = Origin.ALL, note: str = "") -> RecipientResult:
    actions = {Destination.BOUNCED: ActionType.BOUNCE, Destination.DROPPED: ActionType.DROP, Destination.JUNK: ActionType.MOVE_TO_JUNK}
    return RecipientResult(address, actions.get(destination, ActionType.DEFAULT), origin, destination, note)


def test_a_block_has_a_row_for_each_recipient_and_what_happened_to_the_content() -> None:
    bounced = delivered("x@example.com", Destination.BOUNCED, Origin.NAMED, "No.")
    results = (delivered(ANA), delivered(BEN, Destination.JUNK, Origin.FALLBACK), bounced, delivered("n@example.org", origin=Origin.ADDED))
    assert list(format_result(result(*results, content=RAW + b"!", puts=2), Style())) == [
        "sample  (INBOUND, function hook, sync)",
        "  Subject   A subject",
        "  From      from@example.net",
        "  To        ana@example.com                           DEFAULT            Inbox",
        "            ben@example.com                           MOVE_TO_JUNK       Junk           fallback",
        "            x@example.com                             BOUNCE             not delivered",
        "            n@example.org                             DEFAULT            Inbox          added (Bcc)",
        '  Bounce    "No."',
        "  Content   46 -> 47 bytes, put 2 times",
        "            @@ line 5",
        "            + !",
        "  Time      12 ms (cold)",
    ]


def test_an_event_that_breaks_the_contract_is_a_failure_and_calls_no_function() -> None:
    broken = SampleResult(Sample("sample", "hook", {}, RAW), False, problems=("contract broken, in the event: no messageId",))
    assert list(format_result(broken, Style())) == [
        "sample  (?, function hook, sync)",
        "  Time      not called",
        "  FAILED    contract broken, in the event: no messageId",
    ]


def test_a_block_is_at_most_100_columns_wide_and_sends_no_command_to_the_terminal() -> None:
    long = "x" * 90 + "@example.com"
    results = [delivered(long, Destination.BOUNCED, Origin.NAMED, "Nope. \x1b[31m" * 40)]
    results += [delivered(f"p{number}@example.com") for number in range(30)]
    hostile = {"subject": "Süßes \x1b]0;x " * 40, "sender": "\u202eevil@example.com"}
    shown = result(*results, log="log \x07 line", problems=("failed: " + "word \x1b[2J" * 60,), notes=("note \x07",), **hostile)
    lines = list(format_result(shown, Style(), verbose=True))
    assert max(map(len, lines)) <= 100
    assert all(line.isprintable() for line in lines)
    assert any("... and 11 more recipients" in line for line in lines)
    assert any("FAILED" in line for line in lines)


def test_a_truncated_event_is_marked() -> None:
    assert any("(the event is truncated" in line for line in format_result(result(delivered(ANA), truncated=True), Style()))


def test_the_summary_counts_messages_and_names_those_that_failed() -> None:
    good = result(delivered(ANA), delivered(BEN), puts=1)
    bad = result(delivered(ANA, Destination.DROPPED), delivered(BEN, Destination.BOUNCED), problems=("odd",))
    assert list(format_summary([good], 1.0, Style())) == ["OK  1 message, 1 changed: 2 copies delivered, 0 bounced, 0 dropped (1.0 s)"]
    assert list(format_summary([good, bad], 1.0, Style())) == [
        "FAILED  1 message of 2 with a problem: sample",
        "2 messages, 1 changed: 2 copies delivered, 1 bounced, 1 dropped (1.0 s)",
    ]
