"""Mail that a policy holds, in the local WorkMail: the mail to approvers, decisions, several holds and state machines."""

from collections.abc import Iterator

import pytest

from mailhooks.contract import ActionType
from mailhooks.report_names import HoldState
from tests.support.holds import parse_mail, write_flow
from tests.support.waiting import wait_until
from workmail_local.errors import InvalidArgument, NotNow, UnknownMessage
from workmail_local.mail.history import Destination, MessageTrace, State
from workmail_local.mail.search_query import SearchQuery
from workmail_local.workmail import LocalWorkMail

POLICY = """
version: 1
rules:
  - name: Offers
    when: { subject: offer }
    do:
      hold: { approvers: [boss@example.com, deputy@example.com], timeout: 100m, on_timeout: drop }
  - name: To Ben
    when: { subject: offer, recipient: ben@example.com }
    do:
      hold: { approvers: [boss@example.com], timeout: 2h, on_timeout: bounce }
  - name: Contracts
    when: { subject: contract }
    do:
      hold: { state_machine: "arn:aws:states:us-east-1:123456789012:stateMachine:approve", timeout: 2h, on_timeout: bounce }
  - name: Tag
    do: { subject_tag: "[EXTERNAL]" }
"""


@pytest.fixture(scope="module")
def wm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalWorkMail]:
    folder = tmp_path_factory.mktemp("flow")
    with LocalWorkMail(write_flow(folder, POLICY)) as workmail:
        yield workmail


def send(wm: LocalWorkMail, subject: str, *recipients: str) -> MessageTrace:
    raw = f"From: nora@example.net\r\nTo: ana@example.com\r\nDate: Mon, 4 May 2026 08:00:00 +0000\r\nSubject: {subject}\r\n\r\nBody\r\n"
    return wm.send(raw, mail_from="nora@example.net", to=recipients or ("ana@example.com",))


def ends(trace: MessageTrace) -> dict[str, Destination]:
    return {result.recipient: result.destination for run in trace.rule_runs for result in run.results}


def subjects_for(wm: LocalWorkMail, address: str) -> list[str]:
    return [parse_mail(copy.raw)["Subject"] for copy in wm.delivered(address)]


def test_a_held_message_waits_without_being_a_failure_and_each_approver_gets_one_mail(wm: LocalWorkMail) -> None:
    before = {address: len(wm.delivered(address)) for address in ("boss@example.com", "deputy@example.com")}

    trace = send(wm, "first offer")

    number = trace.summary.number
    assert trace.summary.state is State.HELD
    assert trace.rule_runs[0].failures == ()
    assert [each.number for each in wm.history.summaries(query=SearchQuery.parse("is:held subject:first"))] == [number]
    assert [(hold.name, hold.state, hold.approvers) for hold in wm.holds(number)] == [
        ("Offers", HoldState.PENDING, ("boss@example.com", "deputy@example.com"))
    ]
    for address, count in before.items():
        wait_until(lambda address=address, count=count: len(wm.delivered(address)) > count)
        assert subjects_for(wm, address)[count:] == ["[EXTERNAL] Approve or reject: first offer"], "it is not held itself"
    wm.decide(number, "approve")


def test_an_approved_message_is_delivered_as_the_other_rules_change_it(wm: LocalWorkMail) -> None:
    number = send(wm, "second offer").summary.number

    trace = wm.decide(number, "approve")

    assert ends(trace) == {"ana@example.com": Destination.INBOX}
    assert subjects_for(wm, "ana@example.com")[-1] == "[EXTERNAL] second offer"
    assert not wm.history.count(SearchQuery.parse("is:held subject:second"))


def test_a_rejected_message_bounces_with_the_reason(wm: LocalWorkMail) -> None:
    number = send(wm, "third offer").summary.number

    trace = wm.decide(number, "reject", reason="The prices are of last year.")

    [result] = trace.rule_runs[0].results
    assert (result.action, result.destination) == (ActionType.BOUNCE, Destination.BOUNCED)
    assert "The prices are of last year." in result.note


def test_without_a_decision_the_rule_decides_before_the_fallback_action(wm: LocalWorkMail) -> None:
    number = send(wm, "fourth offer").summary.number

    trace = wm.decide(number, "timeout")

    assert ends(trace) == {"ana@example.com": Destination.DROPPED}
    assert "fallback" not in " ".join(trace.rule_runs[0].problems)


def test_each_hold_of_a_message_needs_its_own_decision(wm: LocalWorkMail) -> None:
    number = send(wm, "fifth offer", "ana@example.com", "ben@example.com").summary.number
    assert [hold.name for hold in wm.holds(number)] == ["Offers", "To Ben"]

    still = wm.decide(number, "approve", hold="Offers")
    assert still.summary.state is State.HELD
    trace = wm.decide(number, "reject", hold="To Ben", reason="not to Ben")

    assert ends(trace) == {"ana@example.com": Destination.INBOX, "ben@example.com": Destination.BOUNCED}


@pytest.mark.parametrize(
    "decision, end", [("approve", Destination.INBOX), ("reject", Destination.BOUNCED), ("timeout", Destination.BOUNCED)]
)
def test_a_state_machine_decides_by_its_output(wm: LocalWorkMail, decision: str, end: Destination) -> None:
    number = send(wm, "a contract").summary.number
    assert [(hold.name, hold.state) for hold in wm.holds(number)] == [("approve", HoldState.PENDING)]

    assert ends(wm.decide(number, decision)) == {"ana@example.com": end}


def test_a_decision_needs_a_held_message_and_a_known_word(wm: LocalWorkMail) -> None:
    number = send(wm, "hello").summary.number

    with pytest.raises(NotNow, match=f"message {number} has no hold without a decision"):
        wm.decide(number, "approve")
    with pytest.raises(InvalidArgument, match="approve, reject or timeout"):
        wm.decide(number, "perhaps")
    with pytest.raises(UnknownMessage):
        wm.decide(999_999, "approve")
    assert wm.holds(number) == []


def test_a_mail_by_ses_to_another_organization_is_outgoing_mail_and_does_not_enter_this_one(wm: LocalWorkMail) -> None:
    before = wm.history.count()
    client = wm.client("sesv2")
    raw = b"Subject: hello\r\n\r\nBody\r\n"

    for _ in range(2):
        client.send_email(
            FromEmailAddress="approvals@example.com", Destination={"ToAddresses": ["eve@example.org"]}, Content={"Raw": {"Data": raw}}
        )

    assert [(copy.destination, copy.raw) for copy in wm.delivered("eve@example.org")] == [(Destination.OUTGOING, raw)] * 2
    assert wm.history.count() == before
    with pytest.raises(client.exceptions.BadRequestException, match="raw content only"):
        client.send_email(
            FromEmailAddress="approvals@example.com",
            Destination={"ToAddresses": ["ana@example.com"]},
            Content={"Simple": {"Subject": {"Data": "hello"}, "Body": {"Text": {"Data": "Body"}}}},
        )
