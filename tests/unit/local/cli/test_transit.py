import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from local.cli.mail_report import block, summary
from local.cli.transit import Transit, Walk, lost_or_doubled
from local.config.functions import Function
from local.config.samples import Sample
from local.console.style import Style
from local.runtime.sandbox import Invocation
from local.storage.mailboxes import Mailboxes
from local.storage.message_store import MessageStore
from mailhooks.contract import Action, ActionType
from tests.support.mail import event

RAW = b"From: from@example.net\r\nDate: today\r\n\r\nHello\r\n"
ALL = {"actions": [{"action": {"type": "DEFAULT"}, "allRecipients": True}]}
ANA, BEN = "ana@example.com", "ben@example.com"
Answer = Callable[[], Any]


class Scripted:
    """A function that answers as told: an exception fails, anything else is returned; the last answer stays."""

    def __init__(self, *answers: Any) -> None:
        self._answers = list(answers)
        self.events: list[Mapping[str, Any]] = []

    def invoke(self, event: Mapping[str, Any], request_id: str, timeout_s: float) -> Invocation:
        self.events.append(event)
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        log = ""
        if isinstance(answer, tuple):
            answer, log = answer
        if callable(answer):
            answer = answer()
        error = f"{type(answer).__name__}: {answer}" if isinstance(answer, Exception) else None
        return Invocation(None if error else answer, error, 1.0, len(self.events) == 1, log)


class Setting:
    def __init__(self, folder: Path, *answers: Any, fallback: ActionType = ActionType.DEFAULT) -> None:
        self.store = MessageStore()
        self.mailboxes = Mailboxes(folder / "mail")
        self.function = Scripted(*answers)
        self._transit = Transit(self.store, self.mailboxes, lambda _: self.function, Action(fallback), {"example.com"})

    def walk(self, document: dict[str, Any] | None = None, *, asynchronous: bool = False) -> Walk:
        sample = Sample("sample", "hook", document or event(ANA, BEN), RAW)
        return self._transit.walk(sample, Function("hook", Path("app.py"), asynchronous))

    def copies(self) -> dict[str, int]:
        return {copy.mailbox: count for copy, count in self.mailboxes.copies().items()}


def test_a_good_response_delivers_once_to_each_recipient(tmp_path: Path) -> None:
    setting = Setting(tmp_path, ALL)
    walk = setting.walk()
    assert walk.problems == walk.notes == []
    assert setting.copies() == {ANA: 1, BEN: 1}
    assert lost_or_doubled([walk], setting.mailboxes) == []


def test_a_failure_is_tried_again_with_the_same_event_and_counts_as_a_problem(tmp_path: Path) -> None:
    setting = Setting(tmp_path, ValueError("odd"), ALL)
    walk = setting.walk()
    assert walk.problems == ["the function failed: ValueError: odd"]
    assert setting.function.events == [event(ANA, BEN)] * 2
    assert setting.copies() == {ANA: 1, BEN: 1}


@pytest.mark.parametrize(
    "answer", [ValueError("odd"), None, {}, {"actions": []}, {"actions": [{"action": {"type": "NO"}, "allRecipients": True}]}]
)
def test_when_every_attempt_fails_the_fallback_action_applies_to_all(answer: Any, tmp_path: Path) -> None:
    setting = Setting(tmp_path, answer, fallback=ActionType.DROP)
    walk = setting.walk()
    assert len(walk.attempts) == 3
    assert walk.problems[-1] == "no valid response in 3 attempts: the fallback action applies to all"
    assert setting.copies() == {}
    assert lost_or_doubled([walk], setting.mailboxes) == []


def test_an_inbound_action_on_outbound_mail_breaks_the_contract(tmp_path: Path) -> None:
    junk = {"actions": [{"action": {"type": "MOVE_TO_JUNK"}, "allRecipients": True}]}
    walk = Setting(tmp_path, junk, ALL).walk(event(ANA, direction="OUTBOUND"))
    assert walk.problems[0].startswith("contract broken, in the response: at /actions/0/action/type")


def test_more_than_ten_actions_are_a_problem_but_ten_of_them_count(tmp_path: Path) -> None:
    people = [f"p{number}@example.com" for number in range(11)]
    setting = Setting(tmp_path, {"actions": [{"action": {"type": "DROP"}, "recipients": [person]} for person in people]})
    walk = setting.walk(event(*people))
    assert walk.problems == ["contract broken, in the response: more than 10 actions"]
    assert setting.copies() == {"p10@example.com": 1}


def test_content_that_was_put_is_what_is_delivered(tmp_path: Path) -> None:
    setting = Setting(tmp_path, ALL)
    message_id = event()["messageId"]
    setting.function = Scripted(lambda: (setting.store.replace(message_id, RAW + b"!"), ALL)[1])
    walk = setting.walk()
    assert (walk.puts, walk.after) == (1, RAW + b"!")
    assert lost_or_doubled([walk], setting.mailboxes) == []


def test_a_refused_put_is_a_problem_even_if_the_hook_goes_on(tmp_path: Path) -> None:
    setting = Setting(tmp_path, ALL)
    message_id = event()["messageId"]
    setting.function = Scripted(lambda: (setting.store.refuse(message_id, "MessageRejected: line 3 ..."), ALL)[1])
    assert setting.walk().problems == ["Put refused: MessageRejected: line 3 ..."]


def test_an_error_in_the_log_is_a_problem_and_a_warning_a_note(tmp_path: Path) -> None:
    lines = [json.dumps({"level": level, "message": level.lower()}) for level in ("ERROR", "WARNING", "INFO")]
    walk = Setting(tmp_path, (ALL, "\n".join(lines))).walk()
    assert walk.problems == ["logged: error"]
    assert walk.notes == ["logged: warning"]


def test_an_event_that_breaks_the_contract_reaches_no_function(tmp_path: Path) -> None:
    setting = Setting(tmp_path, ALL)
    walk = setting.walk(event() | {"flowDirection": "SIDEWAYS"})
    assert walk.problems[0].startswith("contract broken, in the event: at /flowDirection")
    assert setting.function.events == []


def test_an_asynchronous_function_has_no_say_in_delivery(tmp_path: Path) -> None:
    setting = Setting(tmp_path, ValueError("odd"), {"actions": []})
    walk = setting.walk(asynchronous=True)
    assert walk.problems == ["the function failed: ValueError: odd"]
    assert setting.copies() == {ANA: 1, BEN: 1}


def test_what_an_asynchronous_function_puts_is_not_delivered_and_a_problem(tmp_path: Path) -> None:
    setting = Setting(tmp_path, None)
    setting.function = Scripted(lambda: setting.store.replace(event()["messageId"], b"late"))
    walk = setting.walk(asynchronous=True)
    assert walk.after == RAW
    assert "delivered already" in walk.problems[0]


def test_lost_doubled_and_changed_copies_are_found(tmp_path: Path) -> None:
    setting = Setting(tmp_path, ALL)
    walk = setting.walk()
    [ana] = (tmp_path / "mail" / ANA / "new").iterdir()
    ana.unlink()
    setting.mailboxes.deliver(BEN, "Inbox", RAW)
    setting.mailboxes.deliver("stranger@example.com", "Junk", RAW)
    assert sorted(lost_or_doubled([walk], setting.mailboxes)) == [
        f"lost: a copy for {ANA}, Inbox",
        f"too many: a copy for {BEN}, Inbox",
        "too many: a copy for stranger@example.com, Junk",
    ]


def test_a_block_is_at_most_100_columns_wide_and_sends_no_command_to_the_terminal(tmp_path: Path) -> None:
    long = "x" * 90 + "@example.com"
    bounce = {"action": {"type": "BOUNCE", "parameters": {"bounceMessage": "Nope. \x1b[31m" * 40}}, "recipients": [long]}
    walk = Setting(tmp_path, (ValueError("word \x1b[2J" * 60), "log \x07 line"), {"actions": [bounce, *ALL["actions"]]}).walk(
        event(long, *(f"p{number}@example.com" for number in range(30)), subject="Süßes \x1b]0;x " * 40, sender="\u202eevil@example.com")
    )
    lines = list(block(walk, Style(), verbose=True))
    assert max(map(len, lines)) <= 100
    assert all(line.isprintable() for line in lines)
    assert any("... and 11 more recipients" in line for line in lines)
    assert any("FAILED" in line for line in lines)


def test_the_summary_names_what_failed(tmp_path: Path) -> None:
    good = Setting(tmp_path / "a", ALL).walk()
    bad = Setting(tmp_path / "b", ValueError("odd"), ALL).walk()
    assert list(summary([good], [], 1.0, Style())) == ["OK  1 message, 0 changed: 2 copies delivered, 0 bounced, 0 dropped (1.0 s)"]
    assert next(iter(summary([good, bad], [], 1.0, Style()))) == "FAILED  1 message of 2 with a problem: sample"
    assert next(iter(summary([good], ["lost: x"], 1.0, Style()))) == "FAILED  lost: x"
