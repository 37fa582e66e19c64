"""The preview of a disclaimer: how each part changed, where and why."""

from pathlib import Path

import pytest

from mailhooks.content.change import OnUnmodifiable
from mailhooks.content.disclaimer import Disclaimer, OnNoText, Position
from mailhooks.mime.edits import splice
from mailhooks.mime.message import Message
from mailhooks.mime.text.wrapping import Image
from tests.support.mail import CORPUS
from tests.unit.workmail_local.viewer.messages import GERMAN, HEADER, PLAIN, REPLY, SIGNED, after_reply
from workmail_local.viewer.part_changes import Mark
from workmail_local.viewer.preview import Preview, preview_disclaimer


def notes(preview: Preview) -> dict[str, tuple[Mark, tuple[str, ...]]]:
    return {row.number: (row.mark, row.notes) for row in preview.rows_after}


def marks(preview: Preview) -> list[tuple[str, str]]:
    return [(row.number, row.mark.value) for row in preview.rows_after]


def test_each_part_has_its_change_with_the_place_and_the_reason() -> None:
    assert notes(preview_disclaimer("m.eml", REPLY, after_reply())) == {
        "": (Mark.CHANGED, ("header: added X-Mailhooks-Disclaimer",)),
        "1": (Mark.KEPT, ()),
        "1.1": (
            Mark.CHANGED,
            (
                "above the quote, line 3",
                "us-ascii lacks characters of the disclaimer: now utf-8",
                "7bit cannot encode the disclaimer: now quoted-printable",
            ),
        ),
        "1.2": (Mark.CHANGED, ('above the quote, before <div class="gmail_quote">, line 2',)),
        "2": (Mark.KEPT, ('untouched: attachment "plan.pdf"',)),
        "3": (Mark.KEPT, ("untouched: a message of its own",)),
        "3.1": (Mark.KEPT, ("untouched: in a forwarded message",)),
    }


def test_the_address_of_the_author_is_the_one_in_the_event() -> None:
    raw = b"From: nora@example . net\r\nTo: ana@example.com\r\n\r\nHello\r\n"
    preview = preview_disclaimer("m.eml", raw, Disclaimer(text="Sent by %%FromAddress%%."))
    assert preview.after.raw.endswith(b"Sent by nora@example.net.\r\n")


def test_the_place_in_plain_text() -> None:
    for body, position, where in (
        (b"Hello\r\n", Position.APPEND, "at the end, line 3"),
        (b"Hello\r\n", Position.AFTER_REPLY, "at the end: nothing is quoted, line 3"),
        (b"Hello\r\n", Position.PREPEND, "at the beginning, line 1"),
        (b"D, but not all of it\r\n", Position.PREPEND, "at the beginning, line 1"),
        (b"Hello\r\n\r\nDisclaimers\r\n", Position.APPEND, "at the end, line 5"),
        (b"A\r\n_DISCLAIMER_\r\nB\r\n", Position.APPEND, "replaces _DISCLAIMER_, line 2"),
        (b"A\r\n\r\nOn Mon, Clara wrote:\r\n> Hi\r\n", Position.AFTER_REPLY, "above the quote, line 3"),
    ):
        preview = preview_disclaimer("m.eml", HEADER + b"\r\n" + body, Disclaimer(text="D", position=position))
        assert notes(preview)[""][1][0] == where, body


@pytest.mark.parametrize("encoding", [b"7bit", b"quoted-printable"])
def test_the_place_in_html(encoding: bytes) -> None:
    for body, position, where in (
        (b"<html><body><p>A</p></body></html>", Position.APPEND, "at the end, before </body>, line 2"),
        (b"<html><body><p>A</p></body></html>", Position.PREPEND, "at the beginning, before <p>, line 2"),
        (b"<html><body><p>A</p></body></html>", Position.AFTER_REPLY, "at the end, before </body>: nothing is quoted, line 2"),
        (b"Just text", Position.APPEND, "at the end, line 3"),
        (b"<p>A</p>\r\n<p>_DISCLAIMER_</p>", Position.APPEND, "replaces _DISCLAIMER_, line 2"),
    ):
        raw = HEADER + b"Content-Type: text/html\r\nContent-Transfer-Encoding: " + encoding + b"\r\n\r\n" + body + b"\r\n"
        preview = preview_disclaimer("m.eml", raw, Disclaimer(text="D", position=position))
        assert notes(preview)[""][1][0] == where, (body, position)


def test_added_parts_have_their_purpose() -> None:
    html = HEADER + b"Content-Type: text/html\r\n\r\n<p>A</p>\r\n"
    logo = Disclaimer(html='<img src="cid:logo">', text="D", images=(Image("logo", "png", b"PNG"),))
    preview = preview_disclaimer("m.eml", html, logo)
    assert marks(preview) == [("", "added"), ("1", "changed"), ("2", "added")]
    assert notes(preview)["2"][1] == ("added: an image of the disclaimer",)
    assert notes(preview)[""][1][0] == "added: the HTML and its images"


def test_a_wrapped_message_is_whole_inside_the_new_message() -> None:
    preview = preview_disclaimer("m.eml", SIGNED, Disclaimer(text="D", on_unmodifiable=OnUnmodifiable.WRAP))
    rows = {row.number: row for row in preview.rows_after}
    assert preview.changed
    assert rows["2"].notes == ("added: the original, octet for octet",)
    assert [rows[number].mark for number in ("1", "1.1", "1.2")] == [Mark.ADDED] * 3
    assert (rows["2.1"].part.content_type, rows["2.1"].mark) == ("multipart/signed", Mark.KEPT)


def test_mail_without_text_gets_an_added_part() -> None:
    raw = HEADER + b"Content-Type: application/pdf\r\n\r\n%PDF\r\n"
    preview = preview_disclaimer("m.eml", raw, Disclaimer(text="D", on_no_text=OnNoText.ADD_PART))
    assert marks(preview) == [("", "added"), ("1", "added"), ("1.1", "added"), ("1.2", "added"), ("2", "kept")]


def test_an_unchanged_message_has_its_reason_and_is_the_same_object() -> None:
    for raw, disclaimer, outcome in (
        (SIGNED, GERMAN, "declined: it is signed"),
        (b"\x00\xff", GERMAN, "declined: its structure is broken, and programs read it differently"),
        (splice(PLAIN, GERMAN.change(Message(PLAIN)).edits), GERMAN, "nothing to do: the message has this disclaimer"),
        (PLAIN, Disclaimer(text="%%Title%%"), "nothing to do: the disclaimer is empty for this message"),
    ):
        preview = preview_disclaimer("m.eml", raw, disclaimer)
        assert (preview.outcome, preview.changed, preview.after.raw is raw) == (outcome, False, True)


def test_variables_have_the_message_s_values_and_those_of_the_directory_are_named() -> None:
    preview = preview_disclaimer("m.eml", PLAIN, Disclaimer(text="%%FromName%% at %%FromAddress%%\n%%Title%%"))
    assert preview.after.raw.endswith(b"Hello\r\n\r\nAna at ana@example.com\r\n")
    assert preview.notes == ["empty in this preview, because their values come from the policy's address book: title"]


def test_a_file_keeps_its_line_ends_and_they_are_no_reason_for_a_rejection() -> None:
    preview = preview_disclaimer("m.eml", b"From: ana@example.com\n\n" + b"Hello\n" * 400, Disclaimer(text="D"))
    assert b"\r" not in preview.after.raw
    assert [each.place for each in preview.rejections] == ["date"]
    assert preview.notes == ["the file has LF line ends, which were kept; WorkMail would receive CRLF"]


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.stem)
@pytest.mark.parametrize("disclaimer", [after_reply(), after_reply(on_unmodifiable=OnUnmodifiable.WRAP, on_no_text=OnNoText.ADD_PART)])
def test_each_part_of_real_mail_was_there_or_is_added_and_a_kept_part_has_its_octets(path: Path, disclaimer: Disclaimer) -> None:
    preview = preview_disclaimer(path.name, path.read_bytes(), disclaimer)
    leaves = [row for row in preview.rows_after if not row.part.children and not row.part.embedded]
    before = sum(not part.children and not part.embedded for part in preview.before.structure.root.walk())
    wrapped = any(row.part.content_type == "message/rfc822" and row.mark is Mark.ADDED for row in preview.rows_after)
    assert wrapped or before == sum(row.mark is not Mark.ADDED for row in leaves)
    for row in leaves:
        assert row.mark is not Mark.KEPT or preview.after.raw[row.part.body : row.part.end] in preview.before.raw


def test_parts_have_the_numbers_of_imap() -> None:
    assert [number for number, _ in Message(REPLY).structure.numbered()] == ["", "1", "1.1", "1.2", "2", "3", "3.1"]
