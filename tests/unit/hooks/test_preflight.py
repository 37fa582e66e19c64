import base64
import time
from pathlib import Path
from unittest.mock import patch

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from mailhooks.content.header_changes import tag_edits
from mailhooks.contract.limits import SES_SINGLE_HEADERS
from mailhooks.hooks import preflight
from mailhooks.hooks.preflight import Code, Rejection, blocking, rejections, rejections_of_edits
from mailhooks.mail_limits import UNIQUE_HEADERS
from mailhooks.mime.edits import Edit, splice
from mailhooks.mime.message import Message, scan
from mailhooks.mime.part_content import total_size
from tests.support.mail import CORPUS
from tests.support.messages import forwarded, mixed, multipart, part, text
from tests.unit.content.test_attachments import MESSAGES
from workmail_local.aws.content_rules import find_defects

GOOD = b"From: a@example.com\r\nDate: Mon, 4 May 2026 08:00:00 +0000\r\nMessage-ID: <1@example.com>\r\nSubject: s\r\n\r\nBody\r\n"


def codes(original: bytes, changed: bytes, **named: int) -> list[Code]:
    return [refusal.code for refusal in rejections(original, changed, **named)]


def test_a_valid_change_of_a_valid_message_has_no_rejection():
    assert rejections(GOOD, GOOD.replace(b"Subject: s", b"Subject: [X] s")) == []
    assert rejections(GOOD, GOOD) == []


@pytest.mark.parametrize(
    "changed, refusal",
    [
        (GOOD.replace(b"Date: Mon", b"Dated: Mon"), Rejection(Code.MISSING_HEADER, "date")),
        (GOOD.replace(b"Subject: s", b"Subject: s\r\nSUBJECT: t"), Rejection(Code.REPEATED_HEADER, "subject")),
        (GOOD.replace(b"Subject: s", b"Importance: high\r\nImportance: low"), Rejection(Code.REPEATED_SES_HEADER, "importance")),
        (GOOD.replace(b"<1@", b"<2@"), Rejection(Code.CHANGED_HEADER, "message-id")),
        (GOOD.replace(b"Message-ID", b"X-Message-ID"), Rejection(Code.CHANGED_HEADER, "message-id")),
        (GOOD.replace(b"Subject", b"Sender: b@example.com\r\nSubject"), Rejection(Code.CHANGED_HEADER, "sender")),
        (GOOD.replace(b"Subject: s", b"Subject: \xc3\xbc"), Rejection(Code.EIGHT_BIT_HEADER, "subject")),
        (GOOD + b"x" * 999 + b"\r\n", Rejection(Code.LONG_LINE, "line 7")),
        (GOOD.replace(b"Body", b"Bo\ndy"), Rejection(Code.BARE_LF)),
        (GOOD.replace(b"Body\r\n", b"Body\n"), Rejection(Code.BARE_LF)),
        (GOOD.replace(b"Subject: s", b"Subject: s\r\nContent-Type: multipart/mixed; boundary=b"), None),
    ],
)
def test_a_defect_that_a_change_causes_is_rejected_and_named(changed: bytes, refusal: Rejection | None):
    found = rejections(GOOD, changed)
    assert blocking(found) == tuple(found)
    if refusal is not None:
        assert refusal in found
    else:
        assert {one.code for one in found} == {Code.MALFORMED}


INSERTED = [
    b"X-A: b\r\n",
    b"X-A: b\n",
    b"X-A: b\r\n --b\r\n",
    b"X-A: b\r\n\r\n--b\r\n",
    b"Content-Type: text/html\r\n",
    b"Content-Type : multipart/mixed; boundary=b\r\n",
    b"content-transfer-encoding: base64\r\n",
    b"Content-Disposition: attachment; filename=a.exe\r\n",
    b"MIME-Version: 1.0\r\n",
    b"--b\r\n",
    b"\xa0X: y\r\n",
    b"X: \xe9\r\n",
    b"no field\r\n",
    b"\r\n",
    b" fold\r\n",
    b"X-\r--b: c\r\n",
    b"X: \0\r\n",
    b"From x\r\n",
    b"x",
]


@pytest.mark.fuzz
@given(
    raw=st.sampled_from(
        [
            GOOD,
            GOOD.replace(b"\r\n", b"\n"),
            GOOD.replace(b"\r\n\r\n", b"\r\n"),
            b"From x\r\n" + GOOD,
            mixed(part("application/x", "a.exe")),
            mixed(part("application/x", "a.exe")).replace(b"mixed;", b"mixed;\r\n"),
            forwarded(part("application/x", "a.exe")),
        ]
    ),
    inserted=st.lists(st.tuples(st.integers(0, 20), st.sampled_from(INSERTED)), max_size=3),
    added_parts=st.integers(0, 1),
)
def test_a_change_of_only_the_header_has_the_rejections_of_the_whole_message(
    raw: bytes, inserted: list[tuple[int, bytes]], added_parts: int
):
    message = Message(raw)
    header = message.header
    inserts = [*(field.start for field in header.fields), header.end]
    places = [*zip(inserts, inserts, strict=True), *((field.start, field.end) for field in header.fields)]
    edits = [Edit(*places[index], lines) for index, lines in {index % len(places): lines for index, lines in inserted}.items()]
    with patch.object(preflight, "_change_only_header", return_value=None):
        expected = rejections_of_edits(message, edits, added_parts=added_parts)
    assert rejections_of_edits(message, edits, added_parts=added_parts) == expected


def test_place_case_and_folding_of_a_header_field_do_not_matter():
    moved = GOOD.replace(b"Message-ID: <1@example.com>\r\n", b"").replace(b"\r\n\r\n", b"\r\nmessage-id:  <1@example.com>\r\n\r\n")
    assert rejections(GOOD, moved) == []


@pytest.mark.parametrize("octets, refused", [(998, False), (999, True), (5000, True)])
@pytest.mark.parametrize("lead", [b"", b"y\r\n", b"z" * 997 + b"\r\n", b"\n" * 3, (b"w" * 76 + b"\r\n") * 100])
@pytest.mark.parametrize("end", [b"", b"\r\n", b"\r\nmore\r\n"])
def test_a_line_may_have_998_octets_at_any_place(octets: int, refused: bool, lead: bytes, end: bytes):
    octets -= len(lead) if lead.endswith(b"\n") and not lead.endswith(b"\r\n") else 0  # bare LF is an octet of the line
    changed = GOOD + lead + b"x" * octets + end
    assert (Code.LONG_LINE in codes(GOOD, changed)) == refused


def test_lines_are_measured_across_edits():
    at = len(GOOD) - 2  # before the line end of the last line, which has 4 octets
    for inserted, refused in ((994, False), (995, True)):
        found = rejections_of_edits(Message(GOOD), [Edit(at, at, b"x" * 500), Edit(at, at, b"y" * (inserted - 500))])
        assert [refusal.code for refusal in found] == [Code.LONG_LINE] * refused
    halves = [Edit(at, at + 1, b"x" * 900 + b"\r"), Edit(at + 1, at + 2, b"\n" + b"z" * 900 + b"\r\n")]
    assert rejections_of_edits(Message(GOOD), halves) == []


@pytest.mark.parametrize(
    "original, code",
    [
        (GOOD + b"x" * 2000, Code.LONG_LINE),
        (GOOD.replace(b"Date", b"Dated"), Code.MISSING_HEADER),
        (GOOD.replace(b"Subject: s", b"Subject: s\r\nCc: a@example.com\r\nCc: b@example.com"), Code.REPEATED_HEADER),
        (mixed(part("a/b", "a.crt")), Code.UNSUPPORTED_ATTACHMENT),
        (mixed(part("a/b", "a.pdf")).replace(b"--b--", b""), Code.MALFORMED),
    ],
)
def test_a_published_rule_rejects_defects_of_the_received_message(original: bytes, code: Code):
    [refusal] = blocking(rejections(original, b"X-Tag: 1\r\n" + original))
    assert (refusal.code, refusal.before) == (code, True)
    assert str(refusal).endswith("also before the change")


@pytest.mark.parametrize(
    "original, code",
    [
        (b"DKIM-Signature: a\r\nDKIM-Signature: b\r\n" + GOOD, Code.REPEATED_SES_HEADER),
        (GOOD.replace(b"Subject: s", b"Subject: \xfc"), Code.EIGHT_BIT_HEADER),
        (mixed(forwarded(multipart("mixed", text(), part("a/b", "a.exe"), boundary=b"i"))), Code.UNSUPPORTED_FORWARDED),
    ],
)
def test_an_assumed_rule_warns_of_defects_of_the_received_message(original: bytes, code: Code):
    found = rejections(original, b"X-Tag: 1\r\n" + original)
    assert [refusal.code for refusal in found if refusal.warning] == [code]
    assert blocking(found) == ()


def test_a_change_of_mail_with_bare_lfs_may_add_bare_lfs():
    bare = GOOD.replace(b"\r\n", b"\n")
    for found in (rejections(bare, b"X-Tag: 1\n" + bare), rejections_of_edits(Message(bare), [Edit(0, 0, b"X-Tag: 1\n")])):
        assert [refusal.code for refusal in found] == [Code.BARE_LF]
        assert blocking(found) == ()


def test_a_half_line_end_is_judged_with_its_other_half():
    half = GOOD.replace(b"Body", b"Bo\rdy")
    at = half.index(b"\rdy")
    assert rejections_of_edits(Message(half), [Edit(at + 1, at + 1, b"\n")]) == []
    assert rejections_of_edits(Message(GOOD), [Edit(len(GOOD) - 1, len(GOOD), b"\n")]) == []
    assert [refusal.code for refusal in rejections_of_edits(Message(GOOD), [Edit(len(GOOD) - 2, len(GOOD) - 1, b"")])] == [Code.BARE_LF]


def test_a_change_that_removes_a_defect_has_no_rejection():
    original = GOOD + b"x" * 2000 + b"\r\n"
    assert rejections(original, GOOD) == []
    bare = GOOD.replace(b"\r\n", b"\n")
    assert Code.BARE_LF not in codes(bare, GOOD)


@pytest.mark.parametrize(
    "name, refused",
    [("a.exe", True), ("a.EXE ", True), ("a.pdf", False), ("exe", False), ("a.exe.pdf", False), ("=?utf-8?q?a=2Eexe?=", True)],
)
def test_attachments_are_checked_by_their_decoded_names(name: str, refused: bool):
    raw = mixed(part("a/b", name))
    assert [(refusal.code, refusal.place) for refusal in rejections(raw, raw)] == [(Code.UNSUPPORTED_ATTACHMENT, "part 2")] * refused


def test_the_number_of_parts_must_be_the_announced_one():
    before, after = mixed(), mixed(part("a/b", "a.pdf"))
    assert codes(before, after) == [Code.PART_COUNT]
    assert codes(before, after, added_parts=1) == []
    assert codes(after, before) == [Code.PART_COUNT]


def test_a_removed_forwarded_message_is_one_part():
    before, after = mixed(forwarded(multipart("mixed", text(), text(), boundary=b"i"))), mixed(text())
    assert codes(before, after) == []


def test_more_than_500_attachments_are_rejected():
    for number in (500, 501):
        raw = mixed(*[part("a/b", "a.pdf", b"x")] * number)
        assert codes(raw, raw) == [Code.TOO_MANY_ATTACHMENTS] * (number - 500)


def test_a_message_over_40_mb_is_rejected():
    body = (b"x" * 998 + b"\r\n") * 41_942
    raw = GOOD + body
    room = 40 * 1024 * 1024 - len(raw)
    assert blocking(rejections_of_edits(Message(raw), [Edit(0, 0, b"X: " + b"y" * (room - 5) + b"\r\n")])) == ()
    [refusal] = blocking(rejections_of_edits(Message(raw), [Edit(0, 0, b"X: " + b"y" * (room - 4) + b"\r\n")]))
    assert refusal.code is Code.TOO_LARGE


MB = 1024 * 1024


def of_size(octets: int, encoding: str = "7bit") -> bytes:
    """Return a multipart message with a text of 5 octets and a part with so many octets before they are encoded."""
    line = b"x" * 998 + b"\r\n"
    body = (line * (octets // len(line) + 1))[:octets]
    if encoding == "base64":
        body = base64.encodebytes(body).replace(b"\n", b"\r\n").removesuffix(b"\r\n")
    header = f"Content-Type: a/b\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n"
    return mixed(header.encode() + body)


@pytest.mark.parametrize("encoding", ["7bit", "base64"])
def test_a_change_after_which_the_parts_are_over_29_mb_before_they_are_encoded_is_rejected(encoding: str):
    raw = of_size(29 * MB - 100, encoding)
    message, at = Message(raw), raw.index(b"Hello") + len(b"Hello")
    room = 29 * MB - total_size(message)
    assert 0 < room < 100
    header = Edit(0, 0, b"X-Tag: 1\r\n" * 100)
    assert rejections_of_edits(message, [header, Edit(at, at, b"x" * room)]) == []
    for found in (
        rejections_of_edits(message, [header, Edit(at, at, b"x" * (room + 1))]),
        rejections(raw, raw[:at] + b"x" * (room + 1) + raw[at:]),
    ):
        assert [(one.code, one.before, one.warning) for one in found] == [(Code.TOO_MUCH_CONTENT, False, False)]


def test_a_message_that_came_with_more_than_29_mb_is_changed_with_a_warning():
    """WorkMail has accepted it, so that our measure is not WorkMail's; a rejected Put would do no harm."""
    raw = of_size(29 * MB + 1)
    at = raw.index(b"Hello")
    for edit in (Edit(0, 0, b"X-Tag: 1\r\n"), Edit(at, at, b"New ")):
        [found] = rejections_of_edits(Message(raw), [edit])
        assert (found.code, found.before, found.warning) == (Code.TOO_MUCH_CONTENT, True, True)


def test_a_message_that_is_wrapped_counts_as_its_parts():
    raw = of_size(28 * MB, "base64")
    head, tail = b"From: from@example.net\r\n", b"\r\n--w--\r\n"
    outer = head + b'Content-Type: multipart/mixed; boundary="w"\r\n\r\n--w\r\n\r\nNote\r\n--w\r\nContent-Type: message/rfc822\r\n\r\n'
    edits = [Edit(0, 0, outer), Edit(len(raw), len(raw), tail)]
    assert len(raw) > 38 * MB
    assert Code.TOO_MUCH_CONTENT not in {one.code for one in rejections_of_edits(Message(raw), edits, added_parts=3)}


def test_a_message_below_29_mb_is_not_decoded_or_counted(monkeypatch):
    monkeypatch.setattr("mailhooks.mime.part_content.size", None)
    raw = of_size(20 * MB)
    assert rejections_of_edits(Message(raw), [Edit(raw.index(b"Hello"), raw.index(b"Hello"), b"New ")]) == []


def test_a_boundary_that_a_change_adds_is_checked():
    raw = mixed(part("a/b", "a.pdf", bytes(20_000)))
    at = raw.index(b"Hello")
    found = rejections_of_edits(Message(raw), [Edit(at, at, b"\r\n--b--\r\n")])
    assert Code.PART_COUNT in {refusal.code for refusal in found}


def test_the_sketch_of_an_ambiguous_message_has_all_bodies():
    raw = mixed(*[b"\r\nx"] * 12_000)
    [refusal] = blocking(rejections_of_edits(Message(raw), [Edit(0, 0, b"X-Tag: 1\r\n")]))
    assert (refusal.code, refusal.place, refusal.before) == (Code.MALFORMED, "too many parts", True)


def test_ses_names_59_headers():
    assert len(SES_SINGLE_HEADERS) == 59
    assert {"dkim-signature", "content-md5", "vbr-info"} < SES_SINGLE_HEADERS
    assert {"to", "cc", "bcc"} == UNIQUE_HEADERS - SES_SINGLE_HEADERS


def test_a_large_message_is_checked_in_the_time_of_some_copies():
    raw = mixed(part("application/pdf", "a.pdf", bytes(20_000_000)))
    changes = [Edit(0, 0, b"X-Tag: 1\r\n"), Edit(raw.index(b"Hello"), raw.index(b"Hello"), b"New ")]
    message = Message(raw)
    assert message.structure.root.children

    def seconds(work) -> float:
        begun = time.perf_counter()
        work()
        return time.perf_counter() - begun

    copy = min(seconds(lambda: bytes(bytearray(raw))) for _ in range(3))
    look = min(seconds(lambda: rejections_of_edits(message, changes)) for _ in range(3))
    assert look < 5 * copy + 0.02


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.stem)
def test_real_mail_is_rejected_as_by_the_local_workmail(path: Path):
    raw = path.read_bytes().replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    changed = b"X-Tag: 1\r\n" + raw
    # On ambiguous mail, such as a delimiter after the closing delimiter, the two may differ.
    if not scan(raw).ambiguous and not raw.startswith((b"From ", b">From ")):
        assert bool(blocking(rejections(raw, changed))) == bool(find_defects(raw, changed))


_CHANGES = st.lists(
    st.tuples(
        st.integers(0, 2000), st.integers(0, 30), st.one_of(st.binary(max_size=30), st.sampled_from([b"\r\n", b"\r", b"\n", b"x" * 999]))
    ),
    max_size=4,
)


@pytest.mark.fuzz
@given(st.one_of(MESSAGES, st.sampled_from(CORPUS).map(Path.read_bytes), st.binary(max_size=300)), _CHANGES)
def test_a_change_has_the_same_rejections_before_and_after_it_is_applied(raw: bytes, changes: list[tuple[int, int, bytes]]):
    edits, done = [], 0
    for start, length, new in sorted(changes):
        start = max(min(start, len(raw)), done)
        done = min(start + length, len(raw))
        edits.append(Edit(start, done, new))
    with patch.object(preflight, "_SHORT", 1):  # so that the sketch omits small bodies too
        early = rejections_of_edits(Message(raw), edits)
    late = rejections(raw, splice(raw, edits))
    # The two count bare LFs differently if one edit removes some and another adds some, and where two edits touch.
    assert {one for one in late if one.code is not Code.BARE_LF} == {one for one in early if one.code is not Code.BARE_LF}


@pytest.mark.fuzz
@given(MESSAGES, st.lists(st.integers(0, 1000), min_size=1, max_size=3), st.integers(0, 600))
def test_the_content_of_parts_is_counted_alike_before_and_after_a_change_is_applied(raw: bytes, numbers: list[int], limit: int):
    message = Message(raw)
    bodies = [part for part in message.structure.root.walk() if not part.children and part.end > part.body]
    assume(bodies)
    places = {bodies[number % len(bodies)].body + 1 for number in numbers}
    edits = [Edit(place, place, b"word") for place in sorted(places)]

    def is_too_much(found: list[Rejection]) -> bool:
        return Code.TOO_MUCH_CONTENT in {one.code for one in found}

    with patch.object(preflight, "MAX_CONTENT_BYTES", limit):
        with patch.object(preflight, "_SHORT", 1):
            early = rejections_of_edits(message, edits)
        assert is_too_much(early) == is_too_much(rejections(raw, splice(raw, edits)))


@pytest.mark.fuzz
@given(st.binary(max_size=400), st.binary(max_size=400))
def test_any_two_messages_can_be_compared(original: bytes, changed: bytes):
    for refusal in rejections(original, changed):
        assert str(refusal)


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.stem)
def test_a_tag_causes_no_rejection_in_real_mail(path: Path):
    raw = path.read_bytes()
    message = Message(raw)
    if not message.structure.ambiguous:
        edits = tag_edits(message, "[EXTERNAL]")
        assert all(refusal.before for refusal in rejections_of_edits(message, edits))
