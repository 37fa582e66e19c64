"""The mark of a listener: valid over what other servers do to a message, and for no other message and no other listener."""

import re
import tracemalloc
from collections.abc import Sequence

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from mailhooks.mime.edits import Edit, splice, splice_pieces
from mailhooks.mime.headers import scan
from mailhooks.mime.message import Message
from mailhooks.relay.mark import FIELD_NAME, Marker, digest_message, find_marks, read_header
from tests.support.mail import CORPUS, header_blocks

SECRET = b"a secret of the organization"
MARKER = Marker("inbound", [SECRET])
MAIL = (
    b"Received: from a.example.net by b.example.net; Mon, 2 Nov 2026 09:00:00 +0000\r\n"
    b"From: Ana <ana@example.net>\r\nTo: bo@example.com,\r\n cy@example.com\r\nSubject: The plan  for\r\n\t2027\r\n"
    b"Date: Mon, 2 Nov 2026 09:00:00 +0000\r\nMessage-ID: <1.x@example.net>\r\nMIME-Version: 1.0\r\n"
    b"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\nX-Mailer: m\r\n\r\n"
    b"Dear Bo,\r\n\r\nsee \xc3\xbcber  all.\r\n\r\n"
)


def add_mark(raw: bytes, marker: Marker = MARKER) -> bytes:
    """Return a message with its mark above all fields."""
    return splice(raw, [scan(raw).prepended(marker.make([raw], b"\r\n"))])


def is_valid(raw: bytes, marker: Marker = MARKER) -> bool:
    return marker.has_valid_mark(Message(raw))


def test_a_mark_is_one_field_with_version_listener_and_hmac() -> None:
    assert re.fullmatch(rb"X-Mailhooks-Checked: v=1; l=inbound; h=[A-Za-z0-9+/]{43}=\r\n", MARKER.make([MAIL], b"\r\n"))


def test_a_marked_message_is_valid() -> None:
    assert is_valid(add_mark(MAIL))
    assert not is_valid(MAIL)


def test_the_mark_of_each_message_of_the_corpus_is_valid() -> None:
    assert len(CORPUS) > 20
    assert [path.name for path in CORPUS if not is_valid(add_mark(path.read_bytes()))] == []


@pytest.mark.parametrize(
    "before, after",
    [
        (b"X-Mailhooks", b"Received: from x by y; Mon, 2 Nov 2026 09:00:00 +0000\r\nX-Mailhooks"),
        (b"X-Mailhooks", b"ARC-Seal: i=1;\r\n a=rsa-sha256\r\nAuthentication-Results: mx.example.net; spf=pass\r\nX-Mailhooks"),
        (b"X-Mailer: m\r\n", b"X-Mailer: m\r\nX-Spam-Flag: YES\r\n"),
        (b"X-Mailer: m\r\n", b""),
        (b"bo@example.com,\r\n cy", b"bo@example.com, cy"),
        (b"The plan  for\r\n\t2027", b"The plan for 2027"),
        (b"Subject: The", b"SUBJECT:\tThe"),
        (b"l=inbound; h=", b"l=inbound;\r\n\th="),
        (b"X-Mailhooks-Checked: ", b"x-mailHOOKS-checked:"),
        (b"all.\r\n\r\n", b"all.\r\n"),
        (b"see \xc3\xbcber  all.", b"see \xc3\xbcber all. \t"),
        (b"\r\n", b"\n"),
    ],
)
def test_a_mark_stays_valid_if_servers_add_trace_fields_or_fold_in_another_way(before: bytes, after: bytes) -> None:
    marked = add_mark(MAIL)
    assert marked.replace(before, after) != marked
    assert is_valid(marked.replace(before, after))


def test_a_mark_stays_valid_if_fields_with_different_names_change_places() -> None:
    assert digest_message([b"Subject: s\r\nFrom: a@example.net\r\n\r\ntext\r\n"]) == digest_message(
        [b"From: a@example.net\r\nSubject: s\r\n\r\ntext\r\n"]
    )


@pytest.mark.parametrize(
    "before, after",
    [
        (b"ana@example.net>", b"eva@example.net>"),
        (b"cy@example.com", b"di@example.com"),
        (b"2027", b"2028"),
        (b"Dear", b"Dead"),
        (b"<1.x@", b"<2.x@"),
        (b"text/plain", b"text/html"),
        (b"8bit", b"7bit"),
        (b"X-Mailer: m", b"From: Eva <eva@example.net>"),
        (b"X-Mailer: m", b"Content-Disposition: attachment"),
        (b"X-Mailer: m", b"Cc: di@example.com"),
        (b"MIME-Version: 1.0\r\n", b""),
        (b"Dear Bo,\r\n", b"Dear Bo,\r\n\r\n"),
        (b"Dear Bo", b"DearBo"),
        (b"l=inbound", b"l=outbound"),
        (b"v=1", b"v=2"),
        (b"; h=", b"; h=A"),
        (b"=\r\nReceived", b"\r\nReceived"),
    ],
)
def test_a_mark_is_invalid_on_a_message_that_was_changed(before: bytes, after: bytes) -> None:
    marked = add_mark(MAIL)
    assert marked.replace(before, after) != marked
    assert not is_valid(marked.replace(before, after))


@pytest.mark.parametrize(
    "before, after",
    [
        (b"The plan  for", b"The plan\rfor"),
        (b"X-Mailer: m", b"X-Mailer: m\rContent-Type: text/html"),
        (b"X-Mailer: m\r\n", b"X-Mailer: m\r\n \r\nX-Text: <p>another body</p>\r\n"),
        (b"X-Mailer: m\r\n", b'X-Mailer: m\r\nx="y: z"\r\n'),
        (b"X-Mailer: m\r\n", b":\r\n ; charset=utf-7\r\nX-Mailer: m\r\n"),
        (b"\r\n\r\nDear", b"\r\nDear"),
        (b"m\r\n\r\nDear", b"m\r\r\n\r\nDear"),
    ],
    ids=["CR", "CR in a new field", "white line", "parameter as a name", "fold after a skipped line", "no empty line", "CR before CRLF"],
)
def test_a_mark_is_invalid_if_a_change_makes_programs_read_the_header_in_different_ways(before: bytes, after: bytes) -> None:
    marked = add_mark(MAIL)
    assert marked.replace(before, after) != marked
    assert not is_valid(marked.replace(before, after))


def test_a_message_that_programs_read_in_different_ways_may_get_no_more_such_fields() -> None:
    odd = MAIL.replace(b"X-Mailer: m", b"X-Mailer: m\r\n \r\nX-Odd: yes")
    marked = add_mark(odd)
    assert is_valid(b"Received: from x by y; Mon, 2 Nov 2026 09:00:00 +0000\r\n" + marked)
    assert not is_valid(marked.replace(b"X-Odd: yes", b"X-Odd: yes\r\n \r\nX-Text: <p>another body</p>"))


def test_the_bypass_field_of_the_listener_is_covered() -> None:
    marker = Marker("inbound", [SECRET], "X-Clean")
    assert is_valid(add_mark(MAIL, marker), marker)
    assert not is_valid(add_mark(MAIL, marker).replace(b"X-Mailer", b"x-clean: YES\r\nX-Mailer"), marker)


def test_two_fields_with_one_name_may_not_change_places() -> None:
    raw = b"Subject: one\r\nSubject: two\r\n\r\ntext\r\n"
    assert digest_message([raw]) != digest_message([b"Subject: two\r\nSubject: one\r\n\r\ntext\r\n"])


def test_the_end_of_the_header_is_covered() -> None:
    assert digest_message([b"Subject: s\r\n\r\nCc: a@example.com\r\n"]) != digest_message([b"Subject: s\r\nCc: a@example.com\r\n"])


def test_a_mark_belongs_to_one_listener_and_one_secret() -> None:
    marked = add_mark(MAIL)
    assert not is_valid(marked, Marker("outbound", [SECRET]))
    assert not is_valid(marked, Marker("inbound", [b"another secret"]))
    # The name in the field alone does not make it a mark of the other listener.
    assert not is_valid(marked.replace(b"l=inbound", b"l=outbound"), Marker("outbound", [SECRET]))


def test_a_replaced_secret_verifies_while_it_is_listed_and_the_first_secret_makes_marks() -> None:
    old, both, new = Marker("in", [b"old"]), Marker("in", [b"new", b"old"]), Marker("in", [b"new"])
    assert is_valid(add_mark(MAIL, old), both)
    assert is_valid(add_mark(MAIL, both), new)
    assert not is_valid(add_mark(MAIL, both), old)
    assert not is_valid(add_mark(MAIL, old), new)


def test_without_a_secret_no_mark_is_made_and_none_is_valid() -> None:
    none = Marker("inbound", [])
    assert none.make([MAIL], b"\r\n") == b""
    assert not is_valid(add_mark(MAIL), none)


def test_a_valid_mark_among_forged_ones_counts() -> None:
    forged = b"X-Mailhooks-Checked: v=1; l=inbound; h=" + b"A" * 43 + b"=\r\n"
    assert is_valid(forged * 3 + add_mark(MAIL).replace(b"X-Mailer", forged + b"X-Mailer"))
    assert not is_valid(forged * 3 + MAIL)


@pytest.mark.parametrize(
    "field",
    [
        b"X-Mailhooks-Checked:\r\n",
        b"X-Mailhooks-Checked: \xe9\xff\0\r\n",
        b"X-Mailhooks-Checked: v=1; l=inbound; h=\r\n",
        b"X-Mailhooks-Checked: v=1; l=inbound; h=" + b"A" * 100_000 + b"\r\n",
        b"X-Mailhooks-Checked: v=1; l=\xc3\xa9; h=" + b"A" * 43 + b"=\r\n",
        b"X-Mailhooks-Checked " + b": v=1; l=inbound; h=" + b"A" * 43 + b"=\r\n",
        b"X-Mailhooks-Checked:\r\n v=1;\r\n l=inbound;\r\n h=" + b"A" * 43 + b"=\r\n",
    ],
)
@pytest.mark.parametrize("before", [b"Received: ", b"From: ", b"X-Mailer: "])
def test_a_forged_mark_is_found_anywhere_and_never_valid(field: bytes, before: bytes) -> None:
    forged = MAIL.replace(before, field + before)
    assert [forged[found.start : found.end] for found in find_marks(Message(forged).header)] == [field]
    assert not is_valid(forged)


def test_a_field_in_the_body_or_in_a_forwarded_message_is_no_mark() -> None:
    raw = b"Subject: s\r\nContent-Type: message/rfc822\r\n\r\n" + add_mark(MAIL)
    assert not is_valid(raw)
    assert list(find_marks(Message(raw).header)) == []


@given(header_blocks())
@example(b"")
@example(b"no header\r\n")
@example(b" white space\r\n")
@example(b"\r\nonly a body\r\n")
@example(b"Subject: no body")
def test_any_message_can_be_digested(raw: bytes) -> None:
    assert len(digest_message([raw])) == 32


@given(header_blocks(), st.binary(max_size=60), st.binary(max_size=60), st.binary(max_size=30), st.data())
def test_the_mark_of_a_changed_message_is_made_of_its_pieces(
    header: bytes, body: bytes, first: bytes, second: bytes, data: st.DataObject
) -> None:
    raw = header + body
    one, two = sorted(data.draw(st.tuples(st.integers(0, len(raw)), st.integers(0, len(raw)))))
    edits = [Edit(one, one, first), Edit(two, min(len(raw), two + data.draw(st.integers(0, 5))), second)]
    assume(one != two or edits[1].start == edits[1].end)
    changed = splice(raw, edits)
    pieces = splice_pieces(raw, edits)
    assert digest_message(pieces) == digest_message([changed])
    assert MARKER.make(pieces, b"\r\n") == MARKER.make([changed], b"\r\n")


@given(
    st.lists(st.sampled_from([b"A: b\r\n", b" fold\r\n", b"From x\r\n", b"\r\n", b"text\r\n", b"A: b\n", b"x" * 40, b":\r\n"]), max_size=8)
)
def test_the_header_is_the_same_however_little_of_the_message_is_read(lines: Sequence[bytes]) -> None:
    """A long field moves the lines over the end of the prefix that is read first."""
    for padding in range(64 * 1024 - 40, 64 * 1024 - 5):
        raw = b"X-Long: " + b"x" * (padding - 10) + b"\r\n" + b"".join(lines) + b"x" * 70
        prefix, header = read_header([raw[:100], memoryview(raw)[100:]])
        assert header == scan(raw)
        assert raw.startswith(prefix)


def test_a_mark_over_40_mb_needs_no_second_copy() -> None:
    raw = MAIL + b"0123456789abcdef" * 4 * (40 * 1024 * 1024 // 64)
    edits = [Edit(0, 0, b"Subject: more\r\n"), Edit(len(raw), len(raw), b"\r\nA disclaimer\r\n")]
    tracemalloc.start()
    try:
        mark = MARKER.make(splice_pieces(raw, edits), b"\r\n")
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert mark.startswith(FIELD_NAME.encode())
    assert peak < 2 * 1024 * 1024
