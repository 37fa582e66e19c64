"""Contacts are recorded for every message that its recipient sees, in both directions, once an invocation."""

from collections.abc import Collection
from typing import Any

import pytest

from mailhooks.deadline import Deadline
from mailhooks.errors import TransientError
from mailhooks.policy import Policy, RuleFailed, Services
from tests.support.policies import Mail, evaluate, mail_from, make_policy
from workmail_local.policy_tools.memory_services import MemoryContacts

ANA, EXT, BEN = "ana@example.com", "ext@example.net", "ben@example.com"
RULE = {"name": "First", "when": {"first_contact": True}, "do": "bypass_spam_check"}


class Table:
    """Contacts in memory that note the requests, and fail if `broken` or `cannot_withdraw`."""

    def __init__(self) -> None:
        self.broken = self.cannot_withdraw = False
        self.asked: list[frozenset[tuple[str, str]]] = []
        self.withdrawn: list[frozenset[tuple[str, str]]] = []
        self.kept: list[int] = []
        self._memory = MemoryContacts()

    def record(
        self, pairs: Collection[tuple[str, str]], invocation_id: str, *, keep_s: int, deadline: Deadline
    ) -> frozenset[tuple[str, str]]:
        self.asked.append(frozenset(pairs))
        self.kept.append(keep_s)
        if self.broken:
            raise TransientError("no answer")
        return self._memory.record(pairs, invocation_id, keep_s=keep_s, deadline=deadline)

    def withdraw(self, pairs: Collection[tuple[str, str]], invocation_id: str, *, deadline: Deadline) -> None:
        self.withdrawn.append(frozenset(pairs))
        if self.cannot_withdraw:
            raise TransientError("no answer")
        self._memory.withdraw(pairs, invocation_id, deadline=deadline)


class Flow:
    """Messages through one policy."""

    def __init__(self, *rules: dict[str, Any], **top: Any) -> None:
        self.table = Table()
        self.policy: Policy = make_policy(*(rules or (RULE,)), **top)
        self.number = 0

    def message(self, sender: str, *to: str, invocation: str = "", **event: Any) -> Mail:
        self.number += 1
        direction = (
            "OUTBOUND" if sender.endswith("@example.com") and "flowDirection" not in event else event.pop("flowDirection", "INBOUND")
        )
        sample = mail_from(sender, *to, invocationId=invocation or f"i{self.number}", flowDirection=direction, **event)
        return sample._replace(services=Services(contacts=self.table))

    def send(self, sender: str, *to: str, **more: Any) -> list[str]:
        return sorted(evaluate(self.policy, self.message(sender, *to, **more)).verdicts)


@pytest.fixture
def flow() -> Flow:
    return Flow()


def test_only_the_first_message_to_each_recipient_is_a_first_contact(flow: Flow) -> None:
    assert flow.send(EXT, ANA) == [ANA]
    assert flow.send(EXT, ANA, BEN) == [BEN]
    assert flow.send(EXT, ANA, BEN) == []
    assert flow.send("other@example.net", ANA) == [ANA]


def test_a_retry_has_the_same_result_also_after_another_message(flow: Flow) -> None:
    assert flow.send(EXT, ANA, invocation="one") == [ANA]
    assert flow.send(EXT, ANA, invocation="two") == []
    assert flow.send(EXT, ANA, invocation="one") == [ANA]
    assert flow.send(EXT, ANA, invocation="two") == []


def test_an_answer_to_our_mail_is_no_first_contact(flow: Flow) -> None:
    flow.send(ANA, EXT)
    assert flow.send(EXT, ANA, BEN) == [BEN]


def test_our_first_mail_to_an_address_is_a_first_contact() -> None:
    flow = Flow({**RULE, "do": {"headers": {"set": {"X-New": "yes"}}}})
    assert evaluate(flow.policy, flow.message(ANA, EXT)).matched == ("First",)
    assert evaluate(flow.policy, flow.message(ANA, EXT)).matched == ()
    flow.send(EXT, BEN)
    assert flow.send(BEN, EXT) == []


def test_mail_among_colleagues_is_recorded_when_it_comes_in(flow: Flow) -> None:
    flow.send(ANA, BEN)
    assert flow.send(ANA, BEN, flowDirection="INBOUND") == [BEN]
    assert flow.send(BEN, ANA, flowDirection="INBOUND") == []


def test_a_message_that_the_rule_does_not_match_counts() -> None:
    flow = Flow({**RULE, "when": {"subject": "money", "first_contact": True}})
    assert flow.send(EXT, ANA, subject="hello") == []
    assert flow.send(EXT, ANA, subject="money") == []
    assert flow.send("other@example.net", ANA, subject="money") == [ANA]


@pytest.mark.parametrize("verdict", ["drop", "junk", {"bounce": "No."}])
def test_a_message_that_its_recipient_does_not_see_makes_no_sender_known(verdict: Any) -> None:
    flow = Flow({"name": "Hide", "when": {"subject": "hide", "recipient": ANA}, "do": verdict, "stop": True}, RULE)
    assert flow.send(EXT, ANA, BEN, subject="hide") == [ANA, BEN]
    assert flow.table.withdrawn == [{(ANA, EXT)}]
    assert flow.send(EXT, ANA, BEN, invocation="seen") == [ANA]
    assert flow.send(EXT, ANA, BEN) == []
    # A known sender stays known.
    assert flow.send(EXT, ANA, BEN, subject="hide") == [ANA]
    assert flow.send(EXT, ANA, BEN) == []
    assert flow.send(EXT, ANA, BEN, invocation="seen") == [ANA]
    assert flow.table.withdrawn == [{(ANA, EXT)}]


def test_a_retry_of_a_withdrawn_message_has_the_same_result() -> None:
    flow = Flow({"name": "Hide", "when": {"subject": "hide", "first_contact": True}, "do": "junk", "stop": True}, RULE)
    for _ in range(2):
        assert evaluate(flow.policy, flow.message(EXT, ANA, invocation="hidden", subject="hide")).matched == ("Hide",)
    assert evaluate(flow.policy, flow.message(EXT, ANA, invocation="seen")).matched == ("First",)
    assert evaluate(flow.policy, flow.message(EXT, ANA, invocation="hidden", subject="hide")).matched == ("Hide",)
    assert evaluate(flow.policy, flow.message(EXT, ANA, invocation="seen")).matched == ("First",)
    assert evaluate(flow.policy, flow.message(EXT, ANA)).matched == ()


def test_a_rule_that_junks_first_contacts_does_so_until_the_recipient_writes() -> None:
    flow = Flow({**RULE, "when": {"direction": "inbound", "first_contact": True}, "do": "junk"})
    assert [flow.send(EXT, ANA) for _ in range(3)] == [[ANA]] * 3
    flow.send(ANA, EXT)
    assert flow.send(EXT, ANA) == []


def test_our_mail_that_is_not_sent_is_no_contact() -> None:
    flow = Flow({"name": "Stop", "when": {"direction": "outbound", "subject": "stop"}, "do": "drop"}, RULE)
    flow.send(ANA, EXT, subject="stop")
    assert flow.send(EXT, ANA) == [ANA]


@pytest.mark.parametrize(
    "results, known",
    [
        ("amazonses.com; spf=pass; dkim=fail; dmarc=fail header.from=example.net;", False),
        ("amazonses.com; spf=pass; dkim=pass; dmarc=pass header.from=example.net;", True),
        ("amazonses.com; spf=fail; dkim=fail; dmarc=none;", True),
        ("mx.example.org; dmarc=fail;", True),
    ],
)
def test_mail_that_fails_dmarc_makes_no_sender_known(results: str, known: bool) -> None:
    flow = Flow()
    first = flow.message(EXT, ANA)._replace(raw=f"Authentication-Results: {results}\r\nFrom: {EXT}\r\n\r\nHello\r\n".encode())
    assert evaluate(flow.policy, first).matched == ("First",)
    assert evaluate(flow.policy, first).matched == ("First",)
    assert flow.send(EXT, ANA) == ([] if known else [ANA])


def test_a_contact_that_cannot_be_withdrawn_is_noted_and_fails_no_rule() -> None:
    flow = Flow({**RULE, "do": "junk", "on_error": "retry"})
    flow.table.cannot_withdraw = True
    outcome = evaluate(flow.policy, flow.message(EXT, ANA))
    assert (outcome.matched, outcome.notes) == (("First",), ("the contact was not withdrawn: TransientError",))


def test_a_negated_condition_matches_known_contacts() -> None:
    flow = Flow({"name": "Known", "unless": {"first_contact": True}, "do": "bypass_spam_check"})
    assert flow.send(EXT, ANA) == []
    assert flow.send(EXT, ANA, BEN) == [ANA]


def test_several_rules_ask_once_a_message() -> None:
    flow = Flow(RULE, {**RULE, "name": "Other"}, {"when": {"any": [{"not": {"first_contact": True}}]}, "do": "drop"})
    flow.send(EXT, ANA, BEN)
    assert flow.table.asked == [{(ANA, EXT), (BEN, EXT)}]


def test_rules_in_report_mode_record_and_rules_that_are_not_enabled_do_not() -> None:
    flow = Flow({**RULE, "mode": "report"})
    assert evaluate(flow.policy, flow.message(EXT, ANA)).reported == ("First",)
    assert evaluate(flow.policy, flow.message(EXT, ANA)).reported == ()
    flow = Flow({**RULE, "enabled": False})
    flow.send(EXT, ANA)
    assert flow.table.asked == []


def test_a_policy_without_the_condition_records_nothing() -> None:
    flow = Flow({"when": {"direction": "inbound"}, "do": "junk"})
    flow.send(EXT, ANA)
    assert flow.table.asked == []


def test_tags_are_ignored_with_plus_addresses() -> None:
    flow = Flow(RULE, defaults={"plus_addresses": True})
    assert flow.send("shop+1@example.net", "ana+shop@example.com", ANA) == ["ana+shop@example.com", ANA]
    assert flow.send("shop+2@example.net", ANA) == []
    flow = Flow(RULE)
    assert flow.send("shop+1@example.net", ANA) == flow.send("shop+2@example.net", ANA) == [ANA]


def test_contacts_are_kept_for_the_days_of_the_policy() -> None:
    for defaults, days in (({}, 400), ({"contact_days": 30}, 30)):
        flow = Flow(RULE, defaults=defaults)
        flow.send(EXT, ANA)
        assert flow.table.kept == [days * 86_400]


@pytest.mark.parametrize("on_error, matched", [("skip", ()), ("apply", ("First",))])
def test_a_failure_is_handled_by_on_error_and_asks_once(on_error: str, matched: tuple[str, ...]) -> None:
    flow = Flow({**RULE, "on_error": on_error}, {**RULE, "name": "Other", "on_error": "skip"})
    flow.table.broken = True
    outcome = evaluate(flow.policy, flow.message(EXT, ANA))
    assert outcome.matched == matched
    assert [failure.error for failure in outcome.failures] == ["TransientError"] * 2
    assert len(flow.table.asked) == 1


def test_a_failure_is_retried_with_on_error_retry() -> None:
    flow = Flow({**RULE, "on_error": "retry"})
    flow.table.broken = True
    with pytest.raises(RuleFailed):
        evaluate(flow.policy, flow.message(EXT, ANA))


def test_a_contact_that_is_not_recorded_is_noted_and_fails_no_rule() -> None:
    flow = Flow({**RULE, "when": {"subject": "money", "first_contact": True}, "on_error": "retry"})
    flow.table.broken = True
    outcome = evaluate(flow.policy, flow.message(EXT, ANA, subject="hello"))
    assert (outcome.failures, outcome.notes) == ((), ("the contact was not recorded: TransientError",))


def test_without_a_table_the_condition_fails_and_other_mail_has_no_note(flow: Flow) -> None:
    outcome = evaluate(flow.policy, flow.message(EXT, ANA)._replace(services=Services()))
    assert ["set RATES_TABLE" in failure.detail for failure in outcome.failures] == [True]
    assert outcome.notes == ()


def test_recipients_beyond_the_event_are_not_recorded(flow: Flow) -> None:
    flow.send(EXT, ANA, truncated=True)
    assert flow.table.asked == [{(ANA, EXT)}]
