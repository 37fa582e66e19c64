import pytest

from mailhooks.content.attachments import AttachmentRules, edits
from mailhooks.content.disclaimer import add_disclaimer
from mailhooks.mime.edits import splice
from mailhooks.mime.message import Message
from tests.support.mail import CORPUS
from workmail_local.viewer.diff import LineDiff, LineKind
from workmail_local.viewer.part_changes import Mark, PartRow, compare_parts, describe_changes
from workmail_local.viewer.rendered import mark_headers, mark_texts

HEADER = b"From: Ana <ana@example.com>\r\nDate: Mon, 4 May 2026 08:00:00 +0000\r\nMIME-Version: 1.0\r\n"
MIXED = (
    HEADER + b"Content-Type: multipart/mixed; boundary=m\r\n\r\n--m\r\nContent-Type: text/plain\r\n\r\nHello\r\n"
    b'--m\r\nContent-Type: application/pdf; name="plan.pdf"\r\nContent-Transfer-Encoding: base64\r\n\r\nAAAA\r\n--m--\r\n'
)


def compare(before: bytes, after: bytes) -> tuple[list[PartRow], list[PartRow]]:
    return compare_parts(Message(before), Message(after))


def test_changed_added_and_removed_parts_are_marked_on_their_side() -> None:
    before, after = compare(MIXED, MIXED.replace(b"Hello", b"Hello there"))
    assert [(row.number, row.mark) for row in before] == [("", Mark.KEPT), ("1", Mark.CHANGED), ("2", Mark.KEPT)]
    assert [(row.number, row.mark) for row in after] == [("", Mark.KEPT), ("1", Mark.CHANGED), ("2", Mark.KEPT)]
    without = MIXED[: MIXED.index(b"--m\r\nContent-Type: application")] + b"--m--\r\n"
    assert [row.mark for row in compare(MIXED, without)[0]] == [Mark.KEPT, Mark.KEPT, Mark.REMOVED]
    assert [row.mark for row in compare(without, MIXED)[1]] == [Mark.KEPT, Mark.KEPT, Mark.ADDED]
    assert before[2].notes == ('"plan.pdf"',)


def test_a_message_that_a_program_writes_again_with_other_boundaries_keeps_its_parts() -> None:
    rewritten = (
        MIXED.replace(b"boundary=m", b'boundary="===1=="').replace(b"--m", b"--===1==").replace(b"MIME-Version: 1.0", b"Mime-Version:  1.0")
    )
    assert [row.mark for row in compare(MIXED, rewritten)[1]] == [Mark.CHANGED, Mark.KEPT, Mark.KEPT]


def test_an_unchanged_message_has_one_side() -> None:
    message = Message(MIXED)
    before, after = compare_parts(message, message)
    assert before is after
    assert [row.mark for row in before] == [Mark.KEPT] * 3


def test_different_fields_and_lines_are_marked() -> None:
    before, after = Message(MIXED), Message(MIXED.replace(b"Hello\r\n", b"Hello\r\nBye\r\n").replace(b"From:", b"Subject: Hi\r\nFrom:"))
    fields_before, fields_after = mark_headers(before, after)
    assert [name for name, _, differs in fields_after.items if differs] == ["Subject"]
    assert not any(differs for _, _, differs in fields_before.items)
    texts_after = mark_texts(before, after, 5)[1]
    assert [(line.kind, line.text) for line in texts_after.items[0]] == [(LineKind.SAME, "Hello"), (LineKind.ADDED, "Bye")]
    lines = LineDiff(before.raw, after.raw).unified().items
    assert [line.text for line in lines if line.kind is LineKind.ADDED] == ["+Subject: Hi", "+Bye"]


def mark(before: bytes, after: bytes) -> list[list[list[tuple[LineKind, str]]]]:
    """Return the marked lines of each text, before and after."""
    one, other = Message(before), Message(after)
    return [[[tuple(line) for line in text] for text in side.items] for side in mark_texts(one, other, 5)]


NOTICE = b"--m\r\nContent-Type: text/plain\r\n\r\nplan.pdf was removed\r\n"


@pytest.mark.parametrize("is_first", [True, False])
def test_added_text_leaves_the_other_texts_unmarked(is_first: bool) -> None:
    head, text, attachment = MIXED.partition(b"--m\r\n")[0], *(b"--m\r\n" + part for part in MIXED.split(b"--m\r\n")[1:3])
    after = head + (NOTICE + text if is_first else text + NOTICE) + b"--m--\r\n"
    hello, notice = [(LineKind.SAME, "Hello")], [(LineKind.ADDED, "plan.pdf was removed")]
    assert mark(head + text + attachment, after) == [[hello], [notice, hello] if is_first else [hello, notice]]


def test_removed_text_is_marked_and_a_text_in_a_wrapped_original_is_not() -> None:
    two = MIXED.replace(b"--m\r\nContent-Type: application/pdf", NOTICE + b"--m\r\nContent-Type: application/pdf")
    assert mark(two, MIXED) == [[[(LineKind.SAME, "Hello")], [(LineKind.REMOVED, "plan.pdf was removed")]], [[(LineKind.SAME, "Hello")]]]
    wrapped = HEADER + b"Content-Type: multipart/mixed; boundary=w\r\n\r\n--w\r\n\r\nNew\r\n--w\r\nContent-Type: message/rfc822\r\n\r\n"
    assert mark(MIXED, wrapped + MIXED + b"--w--\r\n") == [[[(LineKind.SAME, "Hello")]], [[(LineKind.ADDED, "New")]]]


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.stem)
def test_a_disclaimer_removes_no_part_of_real_mail(path) -> None:
    raw = path.read_bytes()
    before, _ = compare(raw, add_disclaimer(raw, text="Example GmbH", html="<p>Example GmbH</p>"))
    assert not any(row.mark is Mark.REMOVED for row in before)


def test_a_removed_attachment_is_the_only_changed_part() -> None:
    named = b"--m\r\nContent-Type: text/plain\r\nContent-Disposition: attachment; filename=a.exe\r\n\r\nHello\r\n"
    two = MIXED.replace(b"--m\r\nContent-Type: application/pdf", named + NOTICE + b"--m\r\nContent-Type: application/pdf")
    before = Message(two)
    changes = edits(before, AttachmentRules.checked(extensions=["exe"]))
    after = Message(splice(two, changes))
    rows = describe_changes(before, after, changes)
    assert [(row.number, row.notes) for row in rows if row.mark is not Mark.KEPT] == [("2", ("replaced as a whole",))]
    assert [[row.number for row in side if row.mark is not Mark.KEPT] for side in compare_parts(before, after)] == [["2"], ["2"]]
