"""The disposition of a message: who gets it, which octets, and what is answered after each kind of error."""

import email
import email.policy
import re
import tracemalloc
from dataclasses import replace
from email.message import EmailMessage
from typing import Any

import pytest

from mailhooks.core.evaluator import FixedPolicy, PolicyEvaluator
from mailhooks.core.mail import Mail
from mailhooks.errors import CannotChangeSafely, MessageRejected, Misconfigured, StillHeld, Throttled
from mailhooks.mime.message import Message
from mailhooks.policy import Policy
from mailhooks.policy.evaluation.outcome import Outcome
from mailhooks.relay.disposition import Disposition
from mailhooks.relay.errors import Refused, TryAgain
from mailhooks.relay.evaluate import MAX_HEADER_OCTETS
from mailhooks.relay.mark import Marker
from mailhooks.relay.platforms import GATEWAY
from mailhooks.settings import OnError
from tests.support.policies import make_policy
from tests.support.relay import CLIENT, INBOUND, OUTBOUND, TAG, Effects, Relay

MAIL = (
    b"From: Ana <ana@example.net>\r\nTo: bo@example.com\r\nSubject: The plan\r\nDate: Mon, 2 Nov 2026 09:00:00 +0000\r\n"
    b"Message-ID: <1.x@example.net>\r\n\r\nDear Bo\r\n"
)
MARK = re.compile(rb"X-Mailhooks-Checked: v=1; l=inbound; h=[A-Za-z0-9+/]{43}=\r\n")


def without_mark(content: bytes) -> bytes:
    """Return a message without its mark, which is its first field."""
    mark = MARK.match(content)
    assert mark
    return content[mark.end() :]


def bounce(text: str, *recipients: str) -> dict[str, Any]:
    return {"when": {"recipient": list(recipients)}, "do": {"bounce": text}}


def test_a_message_that_no_rule_changes_is_passed_on_with_a_mark_and_a_received_field() -> None:
    relay = Relay()
    disposition = relay.evaluate(MAIL, client=CLIENT)
    content = b"".join(disposition.pieces())
    received, rest = content[: content.index(b"X-Mailhooks")], content[content.index(b"X-Mailhooks") :]
    assert received.startswith(b"Received: from mail.example.net ([192.0.2.7])\r\n\tby gateway.example.com (mailhooks) with ESMTPS id ")
    assert without_mark(rest) == MAIL
    assert disposition.deliver == ("bo@example.com",)
    assert not disposition.is_changed
    assert disposition.size == len(content)


def test_a_change_of_a_rule_leaves_all_other_octets_and_the_mark_is_valid() -> None:
    content = Relay([TAG]).pass_on(MAIL, client=CLIENT)
    assert without_mark(content[content.index(b"X-Mailhooks") :]) == MAIL.replace(b"The plan", b"[EXT] The plan")
    assert Marker("inbound", INBOUND.mark_secrets).has_valid_mark(Message(content))


def test_edits_belong_to_the_received_octets() -> None:
    disposition = Relay([TAG]).evaluate(MAIL)
    assert disposition.is_changed
    assert [MAIL[edit.start : edit.end] for edit in disposition.edits] == [b"", b""]


def test_without_a_secret_and_a_client_nothing_is_added() -> None:
    assert Relay(listener=replace(INBOUND, mark_secrets=())).pass_on(MAIL) == MAIL


def test_a_message_that_comes_back_is_not_evaluated_twice() -> None:
    relay = Relay([TAG, {"do": {"headers": {"add": {"X-Seen": "yes"}}}}])
    once = relay.pass_on(MAIL)
    again = relay.evaluate(b"Received: from x by y; Mon, 2 Nov 2026 09:00:00 +0000\r\n" + once, client=CLIENT)
    again.finish()
    assert again.already_checked
    assert again.deliver == ("bo@example.com",)
    assert b"".join(again.pieces()).endswith(b"\r\nReceived: from x by y; Mon, 2 Nov 2026 09:00:00 +0000\r\n" + once)
    assert relay.reports.records[1].log == {"alreadyChecked": True}
    assert relay.reports.records[1].verdict == ("DEFAULT",)


def test_the_mark_of_another_listener_is_replaced_and_the_message_evaluated() -> None:
    out = Relay(listener=OUTBOUND).pass_on(MAIL)
    content = Relay([TAG]).pass_on(out)
    assert content.count(b"X-Mailhooks-Checked") == 1
    assert without_mark(content) == MAIL.replace(b"The plan", b"[EXT] The plan")


@pytest.mark.parametrize(
    "forged",
    [
        b"X-Mailhooks-Checked: v=1; l=inbound; h=" + b"A" * 43 + b"=\r\n",
        b"x-mailHOOKS-checked:\r\n\tv=1;\r\n l=inbound\r\n",
        b"X-Mailhooks-Checked: \xff\0\r\n",
        b"X-Mailhooks-Checked:\r\n",
        b"X-Skip-Filter: yes\r\n",
        b"x-skip-filter:\r\n no\r\n",
    ],
)
@pytest.mark.parametrize("before", [b"From", b"To", b"Message-ID"])
def test_a_forged_field_is_removed_and_no_other_octet(forged: bytes, before: bytes) -> None:
    relay = Relay(
        [TAG, {"when": {"header": [{"name": name, "present": True} for name in ("X-Mailhooks-Checked", "X-Skip-Filter")]}, "do": "drop"}]
    )
    raw = MAIL.replace(before, forged + before, 1)
    disposition = relay.evaluate(raw)
    assert disposition.deliver
    assert without_mark(b"".join(disposition.pieces())) == MAIL.replace(b"The plan", b"[EXT] The plan")
    assert not disposition.already_checked


def test_a_forged_mark_alone_is_no_change_of_a_rule() -> None:
    disposition = Relay().evaluate(b"X-Mailhooks-Checked: v=1\r\n" + MAIL)
    assert not disposition.is_changed
    assert without_mark(b"".join(disposition.pieces())) == MAIL


def test_a_message_with_more_than_50_received_fields_is_refused() -> None:
    relay = Relay()
    assert relay.evaluate(b"Received: x\r\n" * 50 + MAIL).deliver
    with pytest.raises(Refused) as caught:
        relay.evaluate(b"Received: x\r\n" * 51 + MAIL)
    assert str(caught.value) == "554 5.4.6 Too many hops: the message is in a loop."
    assert relay.record.refused is caught.value


def test_a_message_in_a_loop_is_refused_also_with_a_valid_mark() -> None:
    relay = Relay()
    marked = relay.pass_on(MAIL)
    with pytest.raises(Refused):
        relay.evaluate(b"Received: x\r\n" * 51 + marked)


@pytest.mark.parametrize("line", [b"A: b\r\n", b" fold\r\n", b"X-Mailhooks-Checked: v=1; l=inbound\r\n"])
def test_a_message_with_a_header_of_more_than_1_mb_is_refused(line: bytes) -> None:
    relay = Relay()
    raw = b"Subject: s\r\n" + line * (MAX_HEADER_OCTETS // len(line) + 1) + b"\r\n" + b"text\r\n" * 100_000
    with pytest.raises(Refused) as caught:
        relay.evaluate(raw)
    assert str(caught.value) == "552 5.3.4 The header of the message is too large."
    assert relay.record.refused is caught.value
    assert relay.record.bytes_read == len(raw)


@pytest.mark.parametrize(
    "raw",
    [
        b"Subject: " + b"x" * (MAX_HEADER_OCTETS - 100) + b"\r\n\r\ntext\r\n",
        b"no header " * MAX_HEADER_OCTETS,
        MAIL + b"x" * MAX_HEADER_OCTETS,
    ],
    ids=["field", "no header", "body"],
)
def test_a_long_field_or_body_is_no_large_header(raw: bytes) -> None:
    assert Relay().evaluate(raw).deliver


def test_each_recipient_gets_the_verdict_of_the_rules() -> None:
    relay = Relay([bounce("No such user.", "cy@example.com"), {"when": {"recipient": "di@example.com"}, "do": "drop"}])
    disposition = relay.evaluate(MAIL, "cy@example.com", "Bo@Example.com", "di@example.com", "eva@example.com")
    assert disposition.deliver == ("Bo@Example.com", "eva@example.com")
    assert disposition.bounced == {"cy@example.com": "No such user."}
    assert disposition.dropped == ("di@example.com",)


def test_a_message_that_all_recipients_lose_has_no_copy() -> None:
    disposition = Relay([bounce("No.", "*")]).evaluate(MAIL)
    assert disposition.deliver == ()
    assert disposition.copies(split=True) == disposition.copies(split=False) == ()


def test_recipients_that_differ_in_case_keep_their_spelling_and_repeated_ones_are_named_once() -> None:
    relay = Relay([bounce("No.", "CY@example.com")])
    disposition = relay.evaluate(MAIL, "bo@example.com", "BO@example.com", "bo@example.com", "Cy@example.com", "cy@EXAMPLE.com")
    assert disposition.deliver == ("bo@example.com", "BO@example.com")
    assert disposition.bounced == {"Cy@example.com": "No.", "cy@EXAMPLE.com": "No."}


def test_addresses_beyond_ascii_keep_their_spelling() -> None:
    relay = Relay([bounce("No.", "b\u00fccher.example")])
    disposition = relay.evaluate(MAIL, "\u00dcnal@example.com", "a@B\u00fccher.example", "a@xn--bcher-kva.example")
    assert disposition.deliver == ("\u00dcnal@example.com",)
    assert list(disposition.bounced) == ["a@B\u00fccher.example", "a@xn--bcher-kva.example"]


def test_added_recipients_are_the_last_and_none_is_doubled() -> None:
    relay = Relay([{"do": {"add_recipients": ["archive@example.com", "BO@example.com"]}}])
    disposition = relay.evaluate(MAIL, "cy@example.com", "Bo@example.com")
    assert disposition.deliver == ("cy@example.com", "Bo@example.com", "archive@example.com")


def test_an_inbound_rule_may_add_a_recipient_of_any_domain() -> None:
    disposition = Relay([{"do": {"add_recipients": "copy@example.org"}}]).evaluate(MAIL)
    assert disposition.deliver == ("bo@example.com", "copy@example.org")


REDIRECT = {"when": {"recipient": "bo@example.com"}, "do": ["drop", {"add_recipients": ["cy@example.com", "di@example.com"]}]}


@pytest.mark.parametrize(
    "refused, lost",
    [
        ([], ()),
        (["cy@example.com"], ()),
        (["cy@example.com", "di@example.com"], ("Bo@example.com",)),
        (["eva@example.com"], ("eva@example.com",)),
        (["eva@example.com", "di@example.com"], ("eva@example.com",)),
    ],
)
def test_a_recipient_has_lost_the_message_if_all_in_whose_favour_it_was_dropped_are_refused(
    refused: list[str], lost: tuple[str, ...]
) -> None:
    disposition = Relay([REDIRECT]).evaluate(MAIL, "Bo@example.com", "eva@example.com")
    assert disposition.deliver == ("eva@example.com", "cy@example.com", "di@example.com")
    assert disposition.list_lost(refused) == lost


def test_a_refused_copy_loses_no_recipient_who_gets_or_shall_not_get_the_message() -> None:
    rules = [{"when": {"recipient": "bo@example.com"}, "do": "drop"}, {"do": {"add_recipients": "archive@example.com"}}]
    disposition = Relay(rules).evaluate(MAIL, "bo@example.com", "eva@example.com")
    assert disposition.deliver == ("eva@example.com", "archive@example.com")
    assert disposition.list_lost(["archive@example.com"]) == ()


JUNK = {"when": {"recipient": ["junk@example.com"]}, "do": "junk"}
BYPASS = {"when": {"recipient": ["vip@example.com"]}, "do": "bypass_spam_check"}


def contents(disposition: Disposition, *, split: bool) -> dict[tuple[str, ...], bytes]:
    """Return each copy without its mark, by its recipients."""
    return {copy.recipients: without_mark(b"".join(copy.pieces())) for copy in disposition.copies(split)}


@pytest.mark.parametrize("split", [True, False])
def test_junk_for_all_recipients_is_the_field_of_the_listener_also_for_added_ones(split: bool) -> None:
    relay = Relay([JUNK, {"do": {"add_recipients": "archive@example.com"}}])
    disposition = relay.evaluate(MAIL, "Junk@example.com")
    copies = contents(disposition, split=split)
    if split:
        assert copies == {("Junk@example.com",): b"X-Spam-Flag: YES\r\n" + MAIL, ("archive@example.com",): MAIL}
    else:
        assert copies == {("Junk@example.com", "archive@example.com"): b"X-Spam-Flag: YES\r\n" + MAIL}
    disposition.finish(split=split)
    assert "notes" not in relay.record.log


def test_recipients_with_different_marks_get_copies_of_their_own() -> None:
    relay = Relay([JUNK, BYPASS, TAG])
    disposition = relay.evaluate(MAIL, "bo@example.com", "junk@example.com", "vip@example.com", "cy@example.com")
    tagged = MAIL.replace(b"The plan", b"[EXT] The plan")
    assert contents(disposition, split=True) == {
        ("bo@example.com", "cy@example.com"): tagged,
        ("junk@example.com",): b"X-Spam-Flag: YES\r\n" + tagged,
        ("vip@example.com",): b"X-Skip-Filter: yes\r\n" + tagged,
    }
    disposition.finish(split=True)
    assert "notes" not in relay.record.log


def test_a_copy_for_all_has_no_mark_that_is_not_for_all_and_the_log_notes_it() -> None:
    relay = Relay([JUNK])
    disposition = relay.evaluate(MAIL, "bo@example.com", "junk@example.com")
    assert contents(disposition, split=False) == {("bo@example.com", "junk@example.com"): MAIL}
    assert without_mark(b"".join(disposition.pieces())) == MAIL
    disposition.finish()
    assert relay.record.log["notes"] == ["junk or bypass_spam_check: not for all recipients, who get one copy: it is left out"]
    assert relay.record.verdict == ("DEFAULT", "MOVE_TO_JUNK")


def test_recipients_who_lose_the_message_do_not_count_for_the_mark() -> None:
    relay = Relay([JUNK, bounce("No.", "cy@example.com")])
    disposition = relay.evaluate(MAIL, "cy@example.com", "junk@example.com")
    assert contents(disposition, split=False) == {("junk@example.com",): b"X-Spam-Flag: YES\r\n" + MAIL}


def test_a_listener_without_a_field_for_junk_passes_the_message_on_unmarked_and_notes_it() -> None:
    relay = Relay([JUNK], replace(INBOUND, junk_field=None))
    disposition = relay.evaluate(MAIL, "junk@example.com", "bo@example.com")
    assert contents(disposition, split=True) == {("junk@example.com", "bo@example.com"): MAIL}
    disposition.finish()
    assert relay.record.log["notes"] == ["MOVE_TO_JUNK: the listener has no header field for it"]


@pytest.mark.parametrize(
    "before, recipient, after",
    [
        (b"X-Spam-Flag: NO\r\n", "junk@example.com", b"X-Spam-Flag: YES\r\n"),
        (b"X-Spam-Flag: YES\r\n", "junk@example.com", b"X-Spam-Flag: YES\r\n"),
        (b"X-Spam-Flag: YES\r\nx-spam-flag: no\r\n", "junk@example.com", b"X-Spam-Flag: YES\r\n"),
        (b"X-Spam-Flag: YES\r\n", "vip@example.com", b"X-Skip-Filter: yes\r\n"),
        (b"X-Spam-Flag: YES\r\n", "bo@example.com", b"X-Spam-Flag: YES\r\n"),
        (b"X-Skip-Filter: yes\r\n", "vip@example.com", b"X-Skip-Filter: yes\r\n"),
    ],
)
def test_the_verdict_decides_over_marks_of_other_filters(before: bytes, recipient: str, after: bytes) -> None:
    disposition = Relay([JUNK, BYPASS]).evaluate(before + MAIL, recipient)
    assert contents(disposition, split=False) == {(recipient,): after + MAIL}


def test_each_copy_has_a_mark_that_is_valid_for_it() -> None:
    disposition = Relay([JUNK, BYPASS]).evaluate(MAIL, "bo@example.com", "junk@example.com", "vip@example.com")
    marker = Marker("inbound", INBOUND.mark_secrets, "X-Skip-Filter")
    assert [marker.has_valid_mark(Message(b"".join(copy.pieces()))) for copy in disposition.copies(split=True)] == [True] * 3


def test_a_bypass_field_that_is_added_to_a_checked_message_makes_its_mark_invalid_and_is_removed() -> None:
    relay = Relay([BYPASS])
    [copy] = relay.evaluate(MAIL, "bo@example.com").copies(split=False)
    checked = b"".join(copy.pieces())
    forged = checked.replace(b"From:", b"x-skip-filter: yes\r\nFrom:")
    assert forged != checked
    again = relay.evaluate(forged, "bo@example.com")
    assert not again.already_checked
    assert b"".join(again.pieces()) == checked


def test_a_message_that_bypasses_the_spam_check_comes_back_as_it_is() -> None:
    relay = Relay([BYPASS])
    checked = b"".join(relay.evaluate(MAIL, "vip@example.com").pieces())
    assert b"X-Skip-Filter: yes" in checked
    again = relay.evaluate(checked, "vip@example.com")
    assert again.already_checked
    assert again.edits == ()


def report(raw: bytes | None) -> EmailMessage:
    assert raw is not None
    message = email.message_from_bytes(raw, policy=email.policy.default)
    assert isinstance(message, EmailMessage)
    return message


def test_a_bounce_report_names_the_recipients_and_their_texts() -> None:
    relay = Relay([bounce("No such user.", "cy@example.com"), bounce("5.2.2 Full.", "di@example.com")])
    disposition = relay.evaluate(MAIL, "cy@example.com", "bo@example.com", "di@example.com")
    message = report(disposition.bounce_report(["cy@example.com", "di@example.com"]))
    assert message["To"] == "ana@example.net"
    assert message["From"] == "Mail Delivery <postmaster@example.com>"
    assert message["In-Reply-To"] == "<1.x@example.net>"
    text = message.as_string()
    assert "Final-Recipient: rfc822; cy@example.com\nAction: failed\nStatus: 5.7.1\nDiagnostic-Code: smtp; 550 5.7.1 No such user." in text
    assert "Final-Recipient: rfc822; di@example.com\nAction: failed\nStatus: 5.2.2\n" in text
    assert "Reporting-MTA: dns; gateway.example.com" in text


def test_a_bounce_report_of_some_recipients_names_only_these() -> None:
    disposition = Relay([bounce("No.", "*")]).evaluate(MAIL, "bo@example.com", "cy@example.com")
    text = report(disposition.bounce_report(["cy@example.com", "eva@example.com"])).as_string()
    assert "cy@example.com" in text
    assert "bo@example.com\nAction" not in text
    assert "eva@example.com" not in text


def test_a_retry_sends_the_same_bounce_report() -> None:
    relay = Relay([bounce("No.", "*")])
    first, second = (relay.evaluate(raw, "bo@example.com", "cy@example.com") for raw in (MAIL, b"Received: again\r\n" + MAIL))
    ids = {str(report(each.bounce_report(each.bounced))["Message-ID"]) for each in (first, second)}
    assert len(ids) == 1
    assert ids != {str(report(first.bounce_report(["bo@example.com"]))["Message-ID"])}


@pytest.mark.parametrize(
    "raw, mail_from",
    [
        (MAIL, ""),
        (b"Auto-Submitted: auto-replied\r\n" + MAIL, "ana@example.net"),
        (b"Content-Type: multipart/report; boundary=b\r\n" + MAIL, "ana@example.net"),
        (MAIL, "no address"),
    ],
)
def test_a_null_sender_and_an_automatic_message_get_no_report(raw: bytes, mail_from: str) -> None:
    disposition = Relay([bounce("No.", "*")]).evaluate(raw, mail_from=mail_from)
    assert disposition.bounced
    assert disposition.bounce_report(disposition.bounced) is None


def test_there_is_no_report_without_a_bounce() -> None:
    assert Relay().evaluate(MAIL).bounce_report(["bo@example.com"]) is None


def test_our_own_report_gets_no_report() -> None:
    relay = Relay([bounce("No.", "*")])
    own = relay.evaluate(MAIL).bounce_report(["bo@example.com"])
    assert own is not None
    assert relay.evaluate(own, mail_from="postmaster@example.com").bounce_report(["bo@example.com"]) is None


NOTIFY = {"do": {"notify": {"sns": "arn:aws:sns:eu-west-1:111122223333:topic"}}}
ARCHIVE = {"do": {"archive": {"bucket": "archive"}}}


def test_notifications_are_sent_by_finish_with_the_final_verdicts() -> None:
    relay = Relay([NOTIFY, bounce("No.", "cy@example.com")])
    disposition = relay.evaluate(MAIL, "bo@example.com", "cy@example.com")
    assert relay.effects.notified == []
    assert relay.reports.records == []
    disposition.finish()
    assert relay.effects.notified == [(disposition.invocation_id, ["BOUNCE", "DEFAULT"])]
    assert relay.record.verdict == ("BOUNCE", "DEFAULT")


def test_a_message_is_archived_before_its_disposition() -> None:
    relay = Relay([ARCHIVE, TAG])
    disposition = relay.evaluate(MAIL)
    assert relay.effects.archived == [(disposition.invocation_id, MAIL)]


def test_a_retry_archives_and_notifies_with_the_same_ids() -> None:
    relay = Relay([ARCHIVE, NOTIFY])
    for raw in (MAIL, b"Received: from b by a; Mon, 2 Nov 2026 09:05:00 +0000\r\n" + MAIL):
        relay.evaluate(raw, "bo@example.com", "cy@example.com", client=CLIENT).finish()
    relay.evaluate(MAIL, "cy@example.com", "BO@example.com").finish()
    assert len({invocation for invocation, _ in relay.effects.archived}) == 1
    assert len({invocation for invocation, _ in relay.effects.notified}) == 1


@pytest.mark.parametrize("action", [ARCHIVE, NOTIFY])
def test_a_side_effect_that_a_rule_requires_makes_the_client_try_again(action: dict[str, Any]) -> None:
    relay = Relay([{"on_error": "retry"} | action], effects=Effects(Throttled("too many calls")))
    with pytest.raises(TryAgain) as caught:
        relay.evaluate(MAIL).finish()
    assert caught.value.text == "4.3.0 The message cannot be checked now. Try again later."
    assert not caught.value.held
    assert isinstance(relay.record.transient, Throttled)


@pytest.mark.parametrize("action", [ARCHIVE, NOTIFY])
def test_a_failed_side_effect_is_logged_and_the_message_passed_on(action: dict[str, Any]) -> None:
    relay = Relay([action], effects=Effects(Throttled("too many calls")))
    assert without_mark(relay.pass_on(MAIL)) == MAIL
    assert relay.record.log["failures"] == [
        {"rule": "rule 0", "what": next(iter(action["do"])), "error": "Throttled", "detail": "too many calls"}
    ]


def broken_relay(error: Exception, on_error: OnError) -> Relay:
    """Return a listener whose policy cannot be read."""

    class Unreadable(FixedPolicy):
        def current(self) -> Policy:
            raise error

    relay = Relay(listener=replace(INBOUND, on_error=on_error))
    relay.evaluator.evaluator = PolicyEvaluator(Unreadable(make_policy({"do": "drop"})), GATEWAY)
    return relay


def test_after_an_unexpected_error_on_error_deliver_passes_the_message_on_unchanged() -> None:
    error = RuntimeError("a secret")
    relay = broken_relay(error, OnError.DELIVER)
    forged = b"X-Mailhooks-Checked: v=1\r\n"
    assert without_mark(relay.pass_on(forged + MAIL)) == MAIL
    assert relay.record.unexpected is error
    assert relay.record.verdict == ("DEFAULT",)


def test_after_an_unexpected_error_on_error_retry_makes_the_client_try_again() -> None:
    error = Misconfigured("no such bucket")
    relay = broken_relay(error, OnError.RETRY)
    with pytest.raises(TryAgain) as caught:
        relay.evaluate(MAIL)
    assert caught.value.text == "4.3.0 The message cannot be checked now. Try again later."
    assert relay.record.unexpected is error


@pytest.mark.parametrize("on_error", OnError)
def test_a_transient_error_makes_the_client_try_again(on_error: OnError) -> None:
    relay = broken_relay(Throttled("too many calls"), on_error)
    with pytest.raises(TryAgain):
        relay.evaluate(MAIL)
    assert isinstance(relay.record.transient, Throttled)


@pytest.mark.parametrize("on_error", OnError)
def test_after_a_permanent_error_the_message_is_passed_on_unchanged(on_error: OnError) -> None:
    relay = broken_relay(CannotChangeSafely("odd"), on_error)
    assert without_mark(relay.pass_on(MAIL)) == MAIL
    assert isinstance(relay.record.permanent, CannotChangeSafely)


HOLD = {"do": {"hold": {"approvers": ["boss@example.com"], "timeout": "2h", "on_timeout": "bounce"}}}


def test_held_mail_makes_the_client_try_again() -> None:
    held = StillHeld({"rule 0": "pending"})

    class Pending:
        def resolve(self, mail: Mail, outcome: Outcome) -> Outcome:
            raise held

    relay = Relay([HOLD], make_holds=Pending)
    with pytest.raises(TryAgain) as caught:
        relay.evaluate(MAIL)
    assert caught.value.held
    assert caught.value.text == "4.7.1 The message waits for an approval. Try again later."
    assert relay.record.held is held
    assert relay.record.log["rules"] == ["rule 0"]


SIGNED = (
    b"From: ana@example.net\r\nSubject: s\r\nMIME-Version: 1.0\r\n"
    b'Content-Type: multipart/signed; protocol="application/pkcs7-signature"; micalg=sha-256; boundary=b\r\n\r\n'
    b"--b\r\n\r\ntext\r\n--b\r\nContent-Type: application/pkcs7-signature\r\n\r\nx\r\n--b--\r\n"
)


@pytest.mark.parametrize(
    "on_unmodifiable, deliver, bounced",
    [("pass", ("bo@example.com",), []), ("bounce", (), ["bo@example.com"])],
)
def test_a_message_that_cannot_be_changed_safely_is_passed_on_or_bounced(
    on_unmodifiable: str, deliver: tuple[str, ...], bounced: list[str]
) -> None:
    relay = Relay([{"do": {"disclaimer": {"text": "A disclaimer", "on_unmodifiable": on_unmodifiable}}}])
    disposition = relay.evaluate(SIGNED)
    assert (disposition.deliver, list(disposition.bounced)) == (deliver, bounced)
    assert not disposition.is_changed
    if deliver:
        assert without_mark(b"".join(disposition.pieces())) == SIGNED


def test_a_message_that_cannot_be_changed_is_wrapped_under_its_trace_fields() -> None:
    relay = Relay([{"do": {"disclaimer": {"text": "A disclaimer", "on_unmodifiable": "wrap"}}}])
    content = relay.pass_on(SIGNED, client=CLIENT)
    assert SIGNED in content
    assert content.startswith(b"Received: ")
    assert Marker("inbound", INBOUND.mark_secrets).has_valid_mark(Message(content))
    outer = Message(content).structure.root
    assert [part.content_type for part in outer.children] == ["multipart/alternative", "message/rfc822"]


def test_if_the_next_host_rejects_the_change_the_message_is_passed_on_unchanged() -> None:
    relay = Relay([TAG])
    disposition = relay.evaluate(MAIL, client=CLIENT).without_change(MessageRejected("larger than the next host accepts"))
    assert not disposition.is_changed
    assert b"".join(disposition.pieces()).endswith(b"=\r\n" + MAIL)
    disposition.finish()
    assert isinstance(relay.record.permanent, MessageRejected)
    assert relay.record.bytes_written is None
    assert relay.record.log["failures"] == [
        {"rule": "rule 0", "what": "subject_tag", "error": "MessageRejected", "detail": "larger than the next host accepts"}
    ]


def test_if_the_next_host_rejects_the_change_an_attachment_may_be_a_reason_to_bounce() -> None:
    raw = (
        b"From: ana@example.net\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\ntext\r\n--b\r\n"
        b'Content-Type: application/octet-stream\r\nContent-Disposition: attachment; filename="a.exe"\r\n\r\nx\r\n--b--\r\n'
    )
    relay = Relay([{"do": {"strip_attachments": {"extensions": ["exe"], "on_unmodifiable": "bounce"}}}])
    disposition = relay.evaluate(raw)
    assert disposition.is_changed
    rejected = disposition.without_change(MessageRejected("odd"))
    assert (rejected.deliver, list(rejected.bounced)) == ((), ["bo@example.com"])


def test_a_null_sender_has_no_sender_in_the_policy() -> None:
    relay = Relay([bounce("No.", "*") | {"when": {"sender": "*"}}])
    assert relay.evaluate(MAIL, mail_from="").deliver
    assert relay.evaluate(MAIL, mail_from="bounces+1@lists.example.org").bounced


@pytest.mark.parametrize(
    "header, mail_from, sender",
    [
        (b"From: Ana <Ana@example.net>\r\n", "Ana@example.net", None),
        (b"From: Ana <ana@example.net>\r\nSender: Ana <ANA@example.net>\r\n", "ana@example.net", None),
        (b"From: Ana <ana@example.net>\r\nSender: eva@example.org\r\n", "ana@example.net", "eva@example.org"),
        (b"From: undisclosed:;\r\n", "bounces+1@lists.example.org", None),
        (b"", "bounces+1@lists.example.org", None),
    ],
)
def test_a_policy_reads_the_author_as_in_the_event_of_workmail(header: bytes, mail_from: str, sender: str | None) -> None:
    relay = Relay()
    relay.pass_on(
        header + b"Subject: =?utf-8?q?caf=C3=A9?=\r\n and " + b"x" * 300 + b"\r\n\r\ntext\r\n", mail_from="bounces+1@lists.example.org"
    )
    envelope = relay.record.envelope
    assert envelope is not None
    assert (envelope.mail_from, envelope.sender) == (mail_from, sender)
    assert envelope.subject == "caf\u00e9 and " + "x" * 247


def test_the_results_of_the_named_servers_are_believed_and_of_no_others() -> None:
    rule = {"when": {"authentication": {"spf": "fail"}}, "do": "drop"}
    results = b"Authentication-Results: %s; spf=fail\r\n" + MAIL
    relay = Relay([rule], replace(INBOUND, authserv_ids=frozenset({"mx.example.com"})))
    assert relay.evaluate(results % b"mx.example.com").dropped
    assert not relay.evaluate(results % b"mx.example.net").dropped
    assert not relay.evaluate(results % b"amazonses.com").dropped


def test_a_message_of_40_mb_is_marked_without_a_second_copy() -> None:
    relay = Relay([TAG])
    raw = MAIL + b"0123456789abcdef" * 4 * (40 * 1024 * 1024 // 64)
    tracemalloc.start()
    try:
        disposition = relay.evaluate(raw, client=CLIENT)
        size = sum(map(len, disposition.pieces()))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert size == disposition.size > len(raw)
    assert peak < 4 * 1024 * 1024
