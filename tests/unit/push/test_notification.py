"""The parser of SendNotification: odd but valid messages, invalid ones, hostile ones, and exchangelib's parser of the same message."""

from datetime import UTC, datetime

import pytest
from exchangelib.services import SendNotification
from hypothesis import given
from hypothesis import strategies as st

from mailhooks.push.answer import SubscriptionStatus, build_answer
from mailhooks.push.notification import MAX_EVENTS, MAX_OCTETS, Id, InvalidNotification, Message, parse_message
from tests.support.push import SUBSCRIPTION_ID, event_xml, message_xml, post_xml

KINDS = ("NewMail", "Created", "Modified", "Moved", "Deleted", "Copied", "Status")


def test_each_kind_of_event_is_read() -> None:
    [notification] = parse_message(post_xml(message_xml(event_xml(kind, f"w{kind}") for kind in KINDS))).notifications
    assert notification.subscription_id == SUBSCRIPTION_ID
    assert [(event.kind, event.watermark) for event in notification.events] == [(kind, f"w{kind}") for kind in KINDS]
    moved = notification.events[3]
    assert moved.time == datetime(2026, 11, 30, 8, 15, tzinfo=UTC)
    assert moved.ids["ItemId"] == Id("item-1", "CK1")
    assert moved.ids["OldParentFolderId"] == Id("old-folder", "")
    assert notification.events[-1].is_heartbeat
    assert notification.events[-1].time is None


def test_exchangelib_reads_the_same_events() -> None:
    content = post_xml(message_xml([event_xml("Modified", "w1", unread="3"), event_xml("Moved", "w2"), event_xml("Status", "w3")])).encode()
    [theirs] = SendNotification(protocol=None).parse(content)
    [ours] = parse_message(content).notifications
    assert theirs.subscription_id == ours.subscription_id
    assert [type(each).__name__ for each in theirs.events] == [f"{each.kind}Event" for each in ours.events]
    assert [each.watermark for each in theirs.events] == [each.watermark for each in ours.events]
    assert theirs.events[0].timestamp == ours.events[0].time
    assert theirs.events[0].unread_count == ours.events[0].unread == 3
    assert theirs.events[1].old_item_id.id == ours.events[1].ids["OldItemId"].id


@pytest.mark.parametrize("status", list(SubscriptionStatus))
def test_the_answer_is_the_message_that_exchangelib_builds(status: SubscriptionStatus) -> None:
    import lxml.etree

    expected = SendNotification(protocol=None).wrap(SendNotification(protocol=None).get_payload(status=str(status)))

    def elements(content: bytes) -> list[tuple[str, str]]:
        body = lxml.etree.fromstring(content)[-1]
        return [(element.tag, (element.text or "").strip()) for element in body.iter()]

    assert elements(build_answer(status).encode()) == elements(expected)


@pytest.mark.parametrize(
    "old, new",
    [
        ("soap:", "S:"),
        ("<t:", "<types:"),
        ("2006/types", "2006/messages"),
    ],
)
def test_prefixes_and_the_namespace_of_an_element_make_no_difference(old: str, new: str) -> None:
    content = post_xml()
    changed = content.replace(old, new)
    if old == "soap:":
        changed = changed.replace("xmlns:soap", "xmlns:S")
    if old == "<t:":
        changed = changed.replace("</t:", "</types:").replace("xmlns:t=", "xmlns:types=")
    assert parse_message(changed) == parse_message(content)


def test_white_space_comments_and_missing_headers_make_no_difference() -> None:
    content = post_xml()
    start, end = content.index("<soap:Header>"), content.index("<soap:Body>")
    without_header = content[:start] + content[end:]
    spaced = content.replace("<t:Watermark>w1<", "<t:Watermark>\r\n\t w1 <!-- a comment --><").replace("?>\n", "?>\n\n<?odd thing?>")
    assert parse_message(without_header) == parse_message(spaced) == parse_message(content)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "iso-8859-1", "windows-1252"])
def test_each_encoding_of_xml_is_read(encoding: str) -> None:
    declared = encoding.removesuffix("-sig")
    text = post_xml(message_xml([event_xml(item="Gr\u00fc\u00dfe")])).replace("utf-8", declared)
    [notification] = parse_message(text.encode(encoding)).notifications
    assert notification.events[0].ids["ItemId"].id == "Gr\u00fc\u00dfe"


def test_the_declaration_of_a_text_is_ignored_because_lambda_has_decoded_it() -> None:
    assert parse_message(post_xml().replace("utf-8", "utf-16")) == parse_message(post_xml())


def test_several_response_messages_are_read_and_those_with_an_error_are_named() -> None:
    error = (
        '<m:SendNotificationResponseMessage ResponseClass="Error"><m:ResponseCode>{}</m:ResponseCode></m:SendNotificationResponseMessage>'
    )
    message = parse_message(post_xml(message_xml(), error.format("ErrorMissedNotificationEvents"), error.format("a@example.com")))
    assert [each.subscription_id for each in message.notifications] == [SUBSCRIPTION_ID]
    assert message.error_codes == ("ErrorMissedNotificationEvents", "unknown")


def test_an_event_of_an_unknown_kind_keeps_its_name() -> None:
    [notification] = parse_message(post_xml(message_xml([event_xml("FreeBusyChanged"), event_xml("Archived", "w2")]))).notifications
    assert [event.kind for event in notification.events] == ["FreeBusyChanged", "Archived"]


@pytest.mark.parametrize("time", ["", "soon", "2026-02-30T00:00:00Z", "99999-01-01T00:00:00Z"])
def test_a_time_that_is_none_does_not_keep_the_event_from_the_bus(time: str) -> None:
    [notification] = parse_message(post_xml(message_xml([event_xml(time=time)]))).notifications
    assert notification.events[0].time is None


LOL = '<!DOCTYPE l [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;">]>'

INVALID = {
    "": "well-formed",
    "hello": "well-formed",
    "{}": "well-formed",
    post_xml()[:-20]: "well-formed",
    post_xml() + "<more/>": "well-formed",
    post_xml().replace("w1<", "&b;<"): "well-formed",
    post_xml().replace("w1<", "\x00<"): "well-formed",
    post_xml().replace("?>", f"?>{LOL}").replace("w1<", "&b;<"): "document type",
    post_xml().replace("?>", '?><!DOCTYPE a SYSTEM "http://192.0.2.1/a.dtd">'): "document type",
    "<html/>": "SOAP 1.1 envelope",
    post_xml().replace("http://schemas.xmlsoap.org/soap/envelope/", "http://www.w3.org/2003/05/soap-envelope"): "SOAP 1.1 envelope",
    post_xml().replace("SendNotification ", "GetEvents ").replace("SendNotification>", "GetEvents>"): "SendNotificationResponseMessage",
    post_xml().replace("2006/messages", "2026/messages"): "SendNotificationResponseMessage",
    post_xml().replace("m:Notification>", "m:Other>"): "Notification in",
    post_xml(message_xml(subscription=" ")): "SubscriptionId",
    post_xml(message_xml(subscription="x" * 2049)): "SubscriptionId is longer",
    post_xml(message_xml([event_xml(watermark="")])): "Watermark",
    post_xml(message_xml([event_xml(item="x" * 2049)])): "ItemId is longer",
    post_xml(message_xml(["<t:Odd/>"])): "an event",
    post_xml(message_xml(["<t:NewMailEvent><t:Watermark>1</t:Watermark></t:NewMailEvent>"] * (MAX_EVENTS + 1))): "more than 500 events",
    "<a>" * 31 + "</a>" * 31: "nested deeper",
    f"<a>{'<b/>' * 10_000}</a>": "more than 10,000 elements",
}


@pytest.mark.parametrize("number", range(len(INVALID)))
def test_an_invalid_message_is_refused_with_its_reason(number: int) -> None:
    content, reason = list(INVALID.items())[number]
    for form in (content, content.encode()):
        with pytest.raises(InvalidNotification, match=reason):
            parse_message(form)


@pytest.mark.parametrize("encoding", ["utf-7", "utf-32", "shift_jis", "no-such-encoding", "idna", "zlib", "undefined"])
def test_an_encoding_that_the_parser_does_not_know_is_refused(encoding: str) -> None:
    with pytest.raises(InvalidNotification, match="well-formed"):
        parse_message(post_xml().replace("utf-8", encoding).encode())


def test_no_reason_quotes_the_message() -> None:
    with pytest.raises(InvalidNotification) as caught:
        parse_message(post_xml().replace("m:Notification>", "ben@example.com>"))
    assert caught.value.__cause__ is None
    assert "ben" not in str(caught.value)


@pytest.mark.fuzz
@given(st.binary(max_size=400))
def test_any_octets_are_a_message_or_refused(content: bytes) -> None:
    with pytest.raises(InvalidNotification):
        parse_message(content)


@pytest.mark.fuzz
@given(st.data())
def test_a_damaged_message_is_a_message_or_refused(data: st.DataObject) -> None:
    content = bytearray(post_xml(message_xml([event_xml(), event_xml("Moved", "w2")])), "utf-8")
    for _ in range(data.draw(st.integers(1, 5))):
        start = data.draw(st.integers(0, len(content)))
        content[start : start + data.draw(st.integers(0, 30))] = data.draw(st.binary(max_size=20))
    try:
        message = parse_message(bytes(content))
    except InvalidNotification:
        return
    assert isinstance(message, Message)
    assert message.notifications or message.error_codes
    assert all(event.watermark and event.kind.isalpha() for each in message.notifications for event in each.events)


TEXT = st.text(st.characters(exclude_categories=("Cs", "Cc"), exclude_characters="\ufffe\uffff<&>\"'"), min_size=1, max_size=40).filter(
    str.strip
)


@pytest.mark.fuzz
@given(st.lists(st.tuples(st.sampled_from(KINDS[:-1]), TEXT, TEXT), min_size=1, max_size=8), st.sampled_from(["utf-8", "utf-16"]))
def test_what_is_written_is_read(events: list[tuple[str, str, str]], encoding: str) -> None:
    text = post_xml(message_xml(event_xml(kind, watermark, item=item) for kind, watermark, item in events)).replace("utf-8", encoding)
    [notification] = parse_message(text.encode(encoding)).notifications
    read = [(event.kind, event.watermark, event.ids["ItemId"].id) for event in notification.events]
    assert read == [(kind, watermark.strip(), item) for kind, watermark, item in events]


def test_the_limits_are_far_above_a_real_message() -> None:
    content = post_xml(message_xml(event_xml("Moved", f"w{number}", item="x" * 200) for number in range(300)))
    assert len(content) < MAX_OCTETS
    assert len(parse_message(content).notifications[0].events) == 300
