"""Where mail ends: mailboxes, other organizations, bounces, and the inbound rules."""

from email import message_from_bytes, policy

import pytest

from tests.support.queue import ANA, BEN, NORA, RAW, action, destinations
from tests.unit.workmail_local.queue.conftest import Start
from workmail_local.mail.history import Destination

OUT = RAW.replace(b"Nora <nora@example.net>", b"ana@example.com").replace(b"To: ana@example.com", b"To: nora@example.net, ben@example.com")
GROUP = """
[[users]]
address = "ana@example.com"
aliases = ["ana.lima@example.com"]
[[users]]
address = "ben@example.com"
[[groups]]
address = "team@example.com"
members = ["ana@example.com", "ben@example.com"]
"""


def test_each_recipient_gets_its_own_action(start: Start) -> None:
    cem, dan = "cem@example.com", "dan@example.com"
    actions = [action("BOUNCE", BEN, text="Not here."), action("MOVE_TO_JUNK", cem), action("DROP", dan), action("DEFAULT")]
    queue = start({"actions": actions})
    trace = queue.send(ANA, BEN, cem, dan)
    assert destinations(trace) == {ANA: Destination.INBOX, BEN: Destination.BOUNCED, cem: Destination.JUNK, dan: Destination.DROPPED}
    assert [copy.destination for copy in queue.maildirs.delivered(cem)] == [Destination.JUNK]
    [(content, reason)] = queue.maildirs.dropped()
    assert (content, reason["recipients"], reason["rule"]) == (RAW, [dan], "Hook")


def test_a_bounce_goes_to_the_sender_as_a_delivery_status_notification(start: Start) -> None:
    queue = start({"actions": [action("BOUNCE", text="Not here.")]})
    queue.send(ANA)
    [copy] = queue.maildirs.delivered(NORA)
    assert copy.destination is Destination.OUTGOING
    report = message_from_bytes(copy.raw, policy=policy.default)
    assert report.get_content_type() == "multipart/report"
    assert "Not here." in report.get_payload(0).get_content()
    assert "Final-Recipient: rfc822; ana@example.com" in copy.raw.decode()


def test_a_bounce_to_a_colleague_goes_to_the_colleagues_inbox(start: Start) -> None:
    queue = start({"actions": [action("BOUNCE", text="No.")]}, direction="outbound")
    queue.send(NORA, mail_from=ANA, raw=OUT)
    assert [copy.destination for copy in queue.maildirs.delivered(ANA)] == [Destination.INBOX]


@pytest.mark.parametrize("mail_from", ["", "zz@example.com"])
def test_a_bounce_without_a_mailbox_to_return_to_is_stored_as_dropped(mail_from: str, start: Start) -> None:
    queue = start({"actions": [action("BOUNCE", text="Not here.")]}, more=GROUP, direction="outbound" if mail_from else "inbound")
    trace = queue.send(ANA, mail_from=mail_from)
    [(content, reason)] = queue.maildirs.dropped()
    assert (content, reason["bounceMessages"]) == (RAW, ["Not here."])
    assert any("no bounce" in note for note in trace.rule_runs[0].notes)
    assert queue.maildirs.delivered("zz@example.com") == []


def test_the_event_has_the_author_the_sender_and_all_recipients(start: Start) -> None:
    queue = start()
    queue.send(ANA, BEN, mail_from="bounces@example.net", raw=RAW.replace(b"To:", b"Sender: office@example.net\r\nTo:"))
    [event] = queue.function.events
    assert event["envelope"] == {"mailFrom": {"address": NORA}, "recipients": [{"address": ANA}, {"address": BEN}]}
    assert event["sender"] == {"address": "office@example.net"}
    assert (event["subject"], event["flowDirection"], event["truncated"]) == ("Offer", "INBOUND", False)


def test_recipients_that_the_response_leaves_out_get_the_fallback_action(start: Start) -> None:
    queue = start({"actions": [action("DEFAULT", ANA)]}, rule='fallback = "move-to-junk"\n')
    assert destinations(queue.send()) == {ANA: Destination.INBOX, BEN: Destination.JUNK}


def test_inbound_only_recipients_of_the_organization_are_added(start: Start) -> None:
    trace = start({"actions": [action("DEFAULT"), action("DEFAULT", BEN, NORA)]}).send(ANA)
    assert destinations(trace) == {ANA: Destination.INBOX, BEN: Destination.INBOX}
    assert any("not in a domain of the organization" in note for note in trace.rule_runs[0].notes)


def test_an_added_recipient_without_a_mailbox_bounces(start: Start) -> None:
    queue = start({"actions": [action("DEFAULT"), action("DEFAULT", "unknown@example.com")]}, more=GROUP)
    assert destinations(queue.send(ANA)) == {ANA: Destination.INBOX, "unknown@example.com": Destination.BOUNCED}


def test_outbound_mail_leaves_and_that_to_colleagues_enters_the_inbound_rules(start: Start) -> None:
    junk = '\n[[rules]]\nname = "Own"\ndirection = "inbound"\naction = "move-to-junk"\nsenders = ["example.com"]\n'
    queue = start(direction="outbound", more=junk)
    trace = queue.send(NORA, BEN, mail_from=ANA, raw=OUT)
    assert destinations(trace) == {NORA: Destination.OUTGOING, BEN: Destination.INBOUND}
    assert [copy.destination for copy in queue.maildirs.delivered(NORA)] == [Destination.OUTGOING]
    assert [copy.destination for copy in queue.maildirs.delivered(BEN)] == [Destination.JUNK]
    newest, _ = queue.spool.summaries()
    assert (newest.rules, newest.recipients) == (("Own",), (BEN,))


def test_mail_to_a_group_reaches_each_member_once_by_any_address(start: Start) -> None:
    queue = start(more=GROUP)
    queue.send("team@example.com", ANA, "ana.lima@example.com")
    assert len(queue.maildirs.delivered(ANA)) == len(queue.maildirs.delivered(BEN)) == 1


def test_recipients_that_meet_different_rules_have_different_events(start: Start) -> None:
    more = (
        '\n[[rules]]\nname = "Ben"\ndirection = "inbound"\naction = "drop"\nsenders = ["example.net"]\nrecipients = ["ben@example.com"]\n'
    )
    trace = start(more=more).send()
    assert [(run.rule, run.recipients) for run in trace.rule_runs] == [("Hook", (ANA,)), ("Ben", (BEN,))]
    assert destinations(trace) == {ANA: Destination.INBOX, BEN: Destination.DROPPED}


def test_an_event_that_is_too_large_omits_recipients_that_get_the_action_for_all(start: Start) -> None:
    people = [f"{'p' * 58}{n}@{'d' * 60}.{'d' * 60}.{'d' * 60}.example.com" for n in range(500)]
    # A drop writes one file; 500 mailboxes would be slow.
    queue = start({"actions": [action("DROP")]})
    trace = queue.send(*people)
    [event] = queue.function.events
    assert event["truncated"]
    assert len(event["envelope"]["recipients"]) < 500
    assert destinations(trace) == dict.fromkeys(people, Destination.DROPPED)
