"""Delivery jobs, with a function with prepared responses."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from mailhooks.contract import ContractError, FlowDirection
from tests.support.deliveries import verify_delivered_once
from tests.support.mail import event
from tests.support.queue import ALL, ANA, BEN, NORA, RAW, RULE, Queue, Scripted, action, destinations
from tests.unit.workmail_local.queue.conftest import Start
from workmail_local.config.configuration import load_configuration
from workmail_local.errors import InvalidArgument
from workmail_local.mail.history import Destination, State
from workmail_local.mail.submission import Submission

ASYNC = "synchronous = false\n"


def test_a_valid_response_delivers_to_each_recipient(start: Start) -> None:
    trace = start().send()
    assert destinations(trace) == {ANA: Destination.INBOX, BEN: Destination.INBOX}
    [run] = trace.rule_runs
    assert (run.problems, run.notes, run.state, run.puts, len(run.attempts)) == ((), (), State.DONE, 0, 1)


def test_a_failed_attempt_is_repeated_with_the_same_event(start: Start) -> None:
    queue = start(ValueError("odd"), ALL)
    [run] = queue.send().rule_runs
    assert run.problems == ("the function failed: ValueError: odd",)
    assert len(queue.function.events) == 2
    assert queue.function.events[0] == queue.function.events[1]


@pytest.mark.parametrize(
    "response",
    [
        ValueError("odd"),
        None,
        {},
        {"actions": []},
        {"actions": [{"action": {"type": "NO"}, "allRecipients": True}]},
        {"actions": [action("BOUNCE", text="x" * 300_000)]},
    ],
)
def test_when_every_attempt_fails_the_fallback_action_applies_to_all(response: Any, start: Start) -> None:
    trace = start(response, rule='fallback = "drop"\ntimeout-minutes = 1\n').send()
    # After 1, 2, 4, 8 and 16 seconds, and for the last time when the minute is over.
    assert len(trace.rule_runs[0].attempts) == 7
    assert all(attempt.problem for attempt in trace.rule_runs[0].attempts)
    assert trace.rule_runs[0].problems[-1] == "no valid response in 7 attempts: the fallback action applies to all"
    assert destinations(trace) == {ANA: Destination.DROPPED, BEN: Destination.DROPPED}


def test_a_rule_without_a_timeout_does_not_retry(start: Start) -> None:
    [run] = start(ValueError("odd"), rule="timeout-minutes = 0\n").send().rule_runs
    assert len(run.attempts) == 1


def test_an_unknown_function_is_a_failed_attempt(start: Start) -> None:
    queue = start(rule="timeout-minutes = 0\n")
    object.__setattr__(queue.configuration, "functions", {})
    trace = queue.send()
    assert "rewrite" in trace.rule_runs[0].attempts[0].problem
    assert destinations(trace) == {ANA: Destination.INBOX, BEN: Destination.INBOX}


def test_an_inbound_action_on_outbound_mail_breaks_the_contract(start: Start) -> None:
    junk = {"actions": [{"action": {"type": "MOVE_TO_JUNK"}, "allRecipients": True}]}
    trace = start(junk, ALL, direction="outbound").send(NORA, mail_from=ANA)
    assert trace.rule_runs[0].problems[0].startswith("contract broken, in the response: at /actions/0/action/type")


def test_more_than_ten_actions_are_a_problem_but_ten_of_them_apply(start: Start) -> None:
    people = [f"p{number}@example.com" for number in range(11)]
    trace = start({"actions": [{"action": {"type": "DROP"}, "recipients": [person]} for person in people]}).send(*people)
    assert trace.rule_runs[0].problems == (
        "contract broken, in the response: more than 10 actions",
        "the response leaves out 1 of 11 recipients: they get the fallback action",
    )
    assert [each for each, where in destinations(trace).items() if where is Destination.INBOX] == ["p10@example.com"]


@pytest.mark.parametrize("second", [{"recipients": ["ANA@example.com"]}, {"allRecipients": True}])
def test_two_actions_for_one_recipient_or_for_all_are_an_invalid_response(second: dict[str, Any], start: Start) -> None:
    actions = [{"action": {"type": "DROP"}, "recipients": [ANA]}, action("DROP"), {"action": {"type": "DEFAULT"}} | second]
    trace = start({"actions": actions}, rule='fallback = "bounce"\ntimeout-minutes = 0\n').send()
    assert destinations(trace) == {ANA: Destination.BOUNCED, BEN: Destination.BOUNCED}
    assert trace.rule_runs[0].problems[0].endswith("one named twice")


def test_a_response_that_adds_recipients_beyond_500_is_invalid_for_outbound_mail(start: Start) -> None:
    added = [f"p{number}@example.net" for number in range(500)]
    response = {"actions": [{"action": {"type": "DEFAULT"}, "recipients": added}, action("DEFAULT")]}
    trace = start(response, ALL, direction="outbound", rule="timeout-minutes = 0\n").send(NORA, mail_from=ANA)
    assert trace.rule_runs[0].problems[0].startswith("contract broken, in the response: at /actions/-/recipients: expected at most 500")
    assert destinations(trace) == {NORA: Destination.OUTGOING}


def test_the_content_of_a_put_is_delivered(start: Start) -> None:
    queue = start()
    queue.function = Scripted(queue.replace(RAW + b"!"))
    [run] = queue.send().rule_runs
    assert (run.puts, run.changed, queue.spool.content(run.message_id)) == (1, True, RAW + b"!")
    assert {copy.raw for copy in queue.maildirs.delivered(ANA)} == {RAW + b"!"}


def test_a_retry_reads_the_content_of_the_put_before_it(start: Start) -> None:
    queue = start()
    queue.function = Scripted(queue.replace(RAW + b"!", ValueError("odd")), ALL)
    [run] = queue.send().rule_runs
    assert (len(run.attempts), run.puts, queue.spool.content(run.message_id)) == (2, 1, RAW + b"!")


def test_a_rejected_put_is_a_problem_even_if_the_function_succeeds(start: Start) -> None:
    queue = start()
    queue.function = Scripted(
        lambda: (queue.store.get(queue.function.events[0]["messageId"]).rejections.append("MessageRejected: line 3 ..."), ALL)[1]
    )
    assert queue.send().rule_runs[0].problems == ("Put refused: MessageRejected: line 3 ...",)


def test_an_error_in_the_log_is_a_problem_and_a_warning_a_note(start: Start) -> None:
    lines = [json.dumps({"level": level, "message": level.lower()}) for level in ("ERROR", "WARNING", "INFO")]
    [run] = start((ALL, "\n".join(lines))).send().rule_runs
    assert (run.problems, run.notes) == (("logged: error",), ("logged: warning",))


def test_an_asynchronous_function_does_not_decide_delivery(start: Start) -> None:
    trace = start(ValueError("odd"), {"actions": []}, rule=ASYNC).send()
    assert trace.rule_runs[0].problems == ("the function failed: ValueError: odd",)
    assert destinations(trace) == {ANA: Destination.INBOX, BEN: Destination.INBOX}


def test_the_content_that_an_asynchronous_function_puts_is_not_delivered(start: Start) -> None:
    queue = start(rule=ASYNC)
    queue.function = Scripted(queue.replace(b"late", None))
    [run] = queue.send().rule_runs
    assert (run.changed, run.puts, queue.spool.content(run.message_id)) == (False, 1, RAW)
    assert "delivered already" in run.problems[0]


def test_an_asynchronous_invocation_that_fails_three_times_goes_to_the_dead_letter_queue(start: Start) -> None:
    queue = start(ValueError("never"), rule=ASYNC)
    [run] = queue.send().rule_runs
    assert len(run.attempts) == 3
    [(function, letter, error)] = queue.dead_letters
    assert (function, letter["messageId"], error) == ("rewrite", run.message_id, "ValueError: never")


def test_addresses_of_one_mailbox_get_one_copy_and_one_action_in_any_spelling(start: Start) -> None:
    drop = {"action": {"type": "DROP"}, "recipients": ["ana@xn--bcher-kva.example"]}
    queue = start({"actions": [drop, *ALL["actions"]]})
    queue.configuration = load_configuration('organization = { domains = ["bücher.example"] }\n' + RULE.format("inbound"))
    assert destinations(queue.send("ana@bücher.example", "ben@BÜCHER.example")) == {
        "ana@bücher.example": Destination.DROPPED,
        "ben@BÜCHER.example": Destination.INBOX,
    }


def test_a_message_is_served_in_transit_and_afterwards(start: Start) -> None:
    queue = start()
    [run] = queue.send().rule_runs
    assert run.message_id not in queue.store
    stored = queue.spool.load_message(run.message_id)
    assert stored is not None
    assert stored.content == RAW
    assert queue.spool.load_message("unknown") is None


def test_an_asynchronous_function_gets_what_it_put_before(start: Start) -> None:
    queue = start(rule=ASYNC)
    seen: list[bytes] = []
    queue.function = Scripted(
        queue.replace(b"late", ValueError("odd")), lambda: seen.append(queue.store.content(queue.function.events[0]["messageId"]))
    )
    [run] = queue.send().rule_runs
    assert (run.changed, queue.spool.content(run.message_id)) == (False, RAW)
    assert [*seen, queue.store.content(run.message_id)] == [b"late", b"late"]
    assert {copy.raw for copy in queue.maildirs.delivered(ANA)} == {RAW}


DROP = {"action": {"type": "DROP"}, "recipients": []}


@pytest.mark.parametrize(
    "actions, expected, attempts",
    [
        ([DROP, action("DEFAULT")], Destination.INBOX, 1),  # AWS's sample workmail-stop-mail-storm
        ([action("DEFAULT"), DROP], Destination.INBOX, 1),
        ([DROP | {"allRecipients": False}, action("DEFAULT")], Destination.INBOX, 1),
        ([DROP, DROP, action("MOVE_TO_JUNK")], Destination.JUNK, 1),
        ([DROP | {"allRecipients": True}], Destination.DROPPED, 1),
        ([DROP | {"allRecipients": "true"}], Destination.DROPPED, 1),
        ([DROP], Destination.BOUNCED, 1),  # all recipients are left out: the fallback action
        ([{"action": {"type": "NO"}, "recipients": []}, action("DEFAULT")], Destination.BOUNCED, 2),
        ([{"recipients": []}, action("DEFAULT")], Destination.BOUNCED, 2),
    ],
)
def test_an_action_for_an_empty_list_applies_to_no_recipient(
    actions: list[Any], expected: Destination, attempts: int, start: Start
) -> None:
    trace = start({"actions": actions}, rule='fallback = "bounce"\ntimeout-minutes = 1\n').send()
    assert destinations(trace) == {ANA: expected, BEN: expected}
    assert (len(trace.rule_runs[0].attempts) > 1) == (attempts > 1)


class TestAnEventOfTheCallers:
    def test_replaces_the_event_that_workmail_would_build(self, start: Start) -> None:
        queue = start()
        own = event(ANA, BEN, subject="Another one")
        trace = queue.trace(queue.workers.accept_with_event(Submission(FlowDirection.INBOUND, NORA, (ANA, BEN), RAW), own))
        assert queue.function.events == [own]
        [run] = trace.rule_runs
        assert (run.message_id, run.invocation_id) == (own["messageId"], own["invocationId"])

    def test_that_is_truncated_gets_a_note_about_the_recipients_that_it_omits(self, start: Start) -> None:
        queue = start()
        own = event(ANA, truncated=True)
        trace = queue.trace(queue.workers.accept_with_event(Submission(FlowDirection.INBOUND, NORA, (ANA,), RAW), own))
        assert trace.rule_runs[0].notes == ("recipients that the truncated event omits get DEFAULT",)

    @pytest.mark.parametrize("rule", ['[[rules]]\nname = "Ben"\ndirection = "inbound"\naction = "drop"\nsenders = ["example.net"]\n'])
    def test_needs_one_rule_with_a_function(self, rule: str, start: Start) -> None:
        queue = start(more=rule + 'recipients = ["ben@example.com"]\n')
        with pytest.raises(InvalidArgument, match="needs one rule"):
            queue.workers.accept_with_event(Submission(FlowDirection.INBOUND, NORA, (ANA, BEN), RAW), event(ANA, BEN))
        assert queue.spool.count() == 0

    def test_has_to_keep_the_contract(self, start: Start) -> None:
        queue = start()
        with pytest.raises(ContractError, match="at /flowDirection"):
            queue.workers.accept_with_event(
                Submission(FlowDirection.INBOUND, NORA, (ANA,), RAW), event(ANA) | {"flowDirection": "SIDEWAYS"}
            )
        assert (queue.spool.count(), queue.function.events) == (0, [])


class TestVerification:
    """`verify_delivered_once` itself."""

    @contextmanager
    def fails(self, queue: Queue, problem: str) -> Iterator[None]:
        yield
        with pytest.raises(AssertionError, match=problem):
            verify_delivered_once(queue.spool, queue.configuration, queue.folder)

    def test_finds_a_copy_that_is_lost(self, start: Start) -> None:
        queue = start()
        queue.send()
        with self.fails(queue, f"missing: a copy in mailboxes/{ANA}"):
            queue.maildirs.delivered(ANA)[0].path.unlink()

    def test_finds_a_copy_too_many(self, start: Start) -> None:
        queue = start()
        queue.send()
        with self.fails(queue, f"surplus: a copy in mailboxes/{BEN}"):
            queue.maildirs.deliver(Destination.INBOX, BEN, "again", RAW)

    def test_finds_a_copy_that_was_changed_or_is_for_another_mailbox(self, start: Start) -> None:
        queue = start()
        queue.send(ANA)
        with self.fails(queue, f"missing: a copy in mailboxes/{ANA}\nsurplus: a copy in mailboxes/{ANA}\nsurplus: .*stranger"):
            queue.maildirs.delivered(ANA)[0].path.write_bytes(RAW + b"!")
            queue.maildirs.deliver(Destination.JUNK, "stranger@example.com", "again", RAW)
