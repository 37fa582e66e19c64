"""Properties of every message: only our fields are added, only forged ones are removed, and the mark that was made is valid."""

import email
from dataclasses import replace
from email.message import Message as ParsedMessage

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from mailhooks.mime.edits import Edit, splice
from mailhooks.mime.message import Message
from mailhooks.relay.mark import Marker, find_marks
from tests.support.mail import CORPUS, header_blocks
from tests.support.odd_mail import make_odd_message
from tests.support.relay import CLIENT, INBOUND, TAG, WHEN, Relay

DISCLAIMER = {"do": {"disclaimer": {"text": "A disclaimer", "on_unmodifiable": "wrap"}}}
RULES = {"tag": TAG, "disclaimer": DISCLAIMER, "count": {"do": {"count": "Mail"}}}
MARKED = {name: Relay([rule]) for name, rule in RULES.items()}
PLAIN = {name: Relay([rule], replace(INBOUND, mark_secrets=())) for name, rule in RULES.items()}
MARKER = Marker("inbound", INBOUND.mark_secrets)
FORGED = st.sampled_from(
    [
        b"X-Mailhooks-Checked: v=1; l=inbound; h=" + b"A" * 43 + b"=\r\n",
        b"x-mailhooks-CHECKED:\n\tv=1;\r\n l=inbound\r\n",
        b"X-Mailhooks-Checked : \xff\0\r\n",
        b"X-MAILHOOKS-CHECKED:\r\n",
        b"X-Skip-Filter: yes\r\n",
    ]
)


@st.composite
def messages(draw: st.DrawFn) -> bytes:
    """Generate messages with headers of any form, of any structure, or without a header."""
    kind = draw(st.integers(0, 2))
    if kind == 0:
        return draw(header_blocks()) + draw(st.sampled_from([b"", b"text\r\n", b"\r\n", b" white space\n", b"\xff\0.\r\n.\r\n"]))
    if kind == 1:
        return make_odd_message(lambda choices: draw(st.sampled_from(choices)))
    return draw(st.sampled_from(CORPUS)).read_bytes()


@given(messages(), st.sampled_from(sorted(RULES)), st.booleans())
@example(b"", "count", True)
@example(b"no header", "count", True)
@example(b" white space\r\n", "count", True)
@example(b"\r\nonly a body\r\n", "count", True)
@example(b"From ana Mon Nov  2 09:00:00 2026\r\n\r\nan mbox line alone\r\n", "count", True)
@example(b"From ana Mon Nov  2 09:00:00 2026\r\nSubject: s\r\n\r\ntext\r\n", "tag", True)
@example(b"Subject: no body", "tag", True)
@example(b"Subject: s\r\nnot a field\r\nbody\r\n", "tag", True)
def test_the_message_that_is_passed_on_has_a_valid_mark_and_our_fields_alone_are_added(raw: bytes, rule: str, received: bool) -> None:
    changed = PLAIN[rule].evaluate(raw)
    disposition = MARKED[rule].evaluate(raw, client=CLIENT if received else None)
    content = b"".join(disposition.pieces())
    assert content == splice(raw, disposition.edits)
    assert disposition.size == len(content)
    [mark] = find_marks(Message(content).header)
    assert MARKER.has_valid_mark(Message(content))
    # An mbox line at the start stays the first line. Then our fields follow, and an empty line if there is no other field.
    unchanged = b"".join(changed.pieces())
    before = content[: mark.start].rpartition(b"Received: ")[0] if received else content[: mark.start]
    after = content[mark.end :]
    assert before + after == unchanged or (before == b"" and after in {b"\r\n" + unchanged, b"\n" + unchanged})


@given(messages(), st.lists(st.tuples(st.integers(0, 10), FORGED), min_size=1, max_size=3), st.sampled_from(sorted(RULES)))
def test_forged_fields_between_any_fields_change_nothing(raw: bytes, forged: list[tuple[int, bytes]], rule: str) -> None:
    header = Message(raw).header
    places = [field.start for field in header.fields]
    assume(places and header.complete and not header.options and places[0] == 0)
    edits = [Edit(places[index % len(places)], places[index % len(places)], field) for index, field in forged]
    with_forged = splice(raw, edits)
    # What is inserted can make another line end the usual one, in which our own lines end.
    assume(Message(with_forged).header.newline == header.newline)
    assert b"".join(MARKED[rule].evaluate(with_forged).pieces()) == b"".join(MARKED[rule].evaluate(raw).pieces())


@given(messages(), st.sampled_from(sorted(RULES)))
def test_a_message_that_comes_back_is_passed_on_as_it_is(raw: bytes, rule: str) -> None:
    content = b"".join(MARKED[rule].evaluate(raw).pieces())
    again = MARKED[rule].evaluate(content)
    assert again.already_checked
    assert again.edits == ()
    assert again.copies(split=True)[0].size == len(content)


@given(messages())
def test_a_retry_has_the_same_ids_also_after_the_client_added_a_received_field(raw: bytes) -> None:
    header = Message(raw).header
    assume(header.fields and header.fields[0].start == 0)
    retried = splice(raw, [header.prepended(b"Received: from b by a; Mon, 2 Nov 2026 09:05:00 +0000\r\n")])
    relay = MARKED["count"]
    assert relay.evaluate(raw).invocation_id == relay.evaluate(retried).invocation_id


@pytest.mark.parametrize("rule", sorted(RULES))
def test_pythons_parser_finds_our_fields_above_those_of_the_message(rule: str) -> None:
    for path in CORPUS:
        raw = path.read_bytes()
        content = b"".join(MARKED[rule].evaluate(raw, client=CLIENT).pieces())
        before: ParsedMessage = email.message_from_bytes(b"".join(PLAIN[rule].evaluate(raw).pieces()))
        after: ParsedMessage = email.message_from_bytes(content)
        names = list(after.keys())
        assert names[:2] == ["Received", "X-Mailhooks-Checked"], path
        assert after.items()[2:] == before.items(), path
        assert after.get_unixfrom() == before.get_unixfrom(), path
        assert f"{WHEN:%d %b %Y}" in after["Received"]
