"""A stored message that is sent again, and an attempt that starts at once."""

from functools import partial

import pytest

from mailhooks.contract import FlowDirection
from tests.integration.workmail_local.queue.conftest import Hook
from tests.integration.workmail_local.queue.test_mail_flow import ANA, BEN, CHANGE, DEFAULT, NORA, RAW, destinations
from tests.support.waiting import wait_until
from workmail_local.errors import HookFailed, InvalidArgument, UnknownMessage
from workmail_local.mail.history import Destination
from workmail_local.mail.submission import Submission
from workmail_local.workmail import LocalWorkMail


def test_a_message_is_sent_again_as_it_was_accepted(wm: LocalWorkMail, hook: Hook) -> None:
    hook.write(CHANGE + DEFAULT)
    wm.reset(hook.configuration())
    first = wm.send(RAW, mail_from="bounces@example.net", to=[ANA, BEN]).summary
    second = wm.send_again(first.number).summary
    assert second.number > first.number
    assert (second.direction, second.mail_from, second.recipients) == (first.direction, "bounces@example.net", (ANA, BEN))
    assert wm.history.original(second.number) == RAW
    assert [copy.raw.count(b"[X]") for copy in wm.delivered(ANA)] == [1, 1]
    assert hook.calls()[0]["messageId"] != hook.calls()[1]["messageId"]


def test_a_message_is_sent_again_with_another_envelope(wm: LocalWorkMail) -> None:
    first = wm.send(RAW, to=[ANA]).summary
    second = wm.send_again(first.number, mail_from="", to=[BEN])
    assert (second.summary.mail_from, destinations(second)) == ("", {BEN: Destination.INBOX})
    assert len(wm.delivered(ANA)) == len(wm.delivered(BEN)) == 1


def test_a_text_is_one_recipient(wm: LocalWorkMail) -> None:
    first = wm.send(RAW, to=ANA).summary
    assert first.recipients == (ANA,)
    assert wm.send_again(first.number, to=BEN).summary.recipients == (BEN,)


def test_an_unknown_direction_is_an_error_in_words(wm: LocalWorkMail) -> None:
    for act in (partial(wm.send, RAW, direction="sideways"), partial(wm.smtp_port, "sideways")):
        with pytest.raises(InvalidArgument, match="direction must be INBOUND or OUTBOUND"):
            act()


def test_a_function_that_fails_again_is_an_error_as_in_send(wm: LocalWorkMail, hook: Hook) -> None:
    hook.write("    raise ValueError('odd')\n")
    wm.reset(hook.configuration(rule="timeout-minutes = 0"))
    number = wm.send(RAW, to=[ANA], expect_failure=True).summary.number
    with pytest.raises(HookFailed, match="ValueError: odd"):
        wm.send_again(number)
    assert wm.send_again(number, expect_failure=True).rule_runs[0].failures


def test_an_unknown_message_is_an_error(wm: LocalWorkMail) -> None:
    for act in (wm.send_again, wm.retry_now):
        with pytest.raises(UnknownMessage, match="there is no message 7"):
            act(7)


def test_the_next_attempt_starts_at_once(hook: Hook) -> None:
    hook.write("    if n == 1:\n        raise ValueError('odd')\n" + DEFAULT)
    with LocalWorkMail(hook.configuration(), speed=0.001) as wm:
        number = wm.accept(Submission(FlowDirection.INBOUND, NORA, (ANA,), RAW))
        wait_until(lambda: wm.retry_now(number))
        trace = wm.wait_for(number, 30)
    assert [attempt.number for attempt in trace.rule_runs[0].attempts] == [1, 2]
