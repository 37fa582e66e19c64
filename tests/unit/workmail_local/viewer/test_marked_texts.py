"""The Text view marks only what changed, however a program writes the changed message."""

import base64
import quopri
from email import message_from_bytes
from email.message import EmailMessage
from email.message import Message as ParsedMessage
from email.policy import SMTP
from typing import Final

import pytest

from mailhooks.content.attachments import AttachmentRules, strip
from mailhooks.content.disclaimer import Disclaimer
from mailhooks.mime.edits import splice
from mailhooks.mime.message import Message
from tests.support.messages import mail, multipart, part
from workmail_local.viewer.diff import LineKind
from workmail_local.viewer.part_changes import Mark, compare_parts
from workmail_local.viewer.rendered import mark_texts

LINES: Final = ("Dear Ana,", "here is the plan for Köln.", "", "Regards, Nora")
TEXT: Final = "\r\n".join(LINES)
NOTICE: Final = "plan.exe was removed"
FILE: Final = part("application/octet-stream", "plan.exe", b"MZ\x90\0" * 100)
PICTURE: Final = part("image/png", "logo.png", b"\x89PNG\r\n\x1a\n" + bytes(200))


def plain(charset: str = "utf-8", encoding: str = "8bit", text: str = TEXT) -> bytes:
    octets = text.encode(charset)
    encoded = {"8bit": octets, "base64": base64.encodebytes(octets), "quoted-printable": quopri.encodestring(octets)}[encoding]
    return f"Content-Type: text/plain; charset={charset}\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n".encode() + encoded


def mark(before: bytes, after: bytes) -> list[list[str]]:
    """The marked lines of all texts, before and after."""
    sides = mark_texts(Message(before), Message(after), 10)
    return [[line.text for text in side.items for line in text if line.kind is not LineKind.SAME and line.text] for side in sides]


BEFORE: Final = mail(multipart("mixed", plain(), FILE, PICTURE))
NOTICE_PART: Final = plain(text=NOTICE)


def rewrite(raw: bytes, *, notice_first: bool) -> bytes:
    """Replace the file by a notice with Python's email package, which writes everything again, with other boundaries."""
    parsed = message_from_bytes(raw, policy=SMTP)
    notice = EmailMessage(SMTP)
    notice.set_content(NOTICE)
    payload = parsed.get_payload()
    assert isinstance(payload, list)
    kept = [each for each in payload if isinstance(each, ParsedMessage) and each.get_filename() != "plan.exe"]
    parsed.set_boundary("another")
    parsed.set_payload([notice, *kept] if notice_first else [*kept, notice])
    return parsed.as_bytes()


@pytest.mark.parametrize(
    "after",
    [
        pytest.param(mail(multipart("mixed", plain(), NOTICE_PART, PICTURE)), id="in place"),
        pytest.param(mail(multipart("mixed", plain(), NOTICE_PART, PICTURE, boundary=b"other")), id="other boundary"),
        pytest.param(mail(multipart("mixed", NOTICE_PART, plain(), PICTURE, boundary=b"other")), id="notice first"),
        pytest.param(mail(multipart("mixed", PICTURE, NOTICE_PART, plain())), id="other order"),
        pytest.param(mail(multipart("mixed", multipart("mixed", plain(), PICTURE, boundary=b"i"), NOTICE_PART)), id="wrapped"),
        pytest.param(
            mail(multipart("mixed", NOTICE_PART, multipart("related", plain(), PICTURE, boundary=b"i"))), id="wrapped, notice first"
        ),
        pytest.param(mail(multipart("mixed", NOTICE_PART, plain(encoding="base64"), PICTURE)), id="base64"),
        pytest.param(mail(multipart("mixed", NOTICE_PART, plain(encoding="quoted-printable"), PICTURE)), id="quoted-printable"),
        pytest.param(mail(multipart("mixed", NOTICE_PART, plain("iso-8859-1"), PICTURE)), id="charset"),
        pytest.param(mail(multipart("mixed", NOTICE_PART, plain("utf-16", "base64"), PICTURE)), id="wide charset"),
        pytest.param(rewrite(BEFORE, notice_first=True), id="email package, notice first"),
        pytest.param(rewrite(BEFORE, notice_first=False), id="email package"),
    ],
)
def test_only_the_notice_of_a_replaced_attachment_is_marked(after: bytes) -> None:
    assert mark(BEFORE, after) == [[], [NOTICE]]


def test_our_own_notice_is_all_that_is_marked() -> None:
    removed, added = mark(BEFORE, strip(BEFORE, AttachmentRules.checked(extensions=["exe"])))
    assert removed == []
    assert added[:2] == ["An attachment was removed from this message.", "Name: plan.exe"]
    assert not set(added) & set(LINES)


def test_text_in_an_original_that_is_wrapped_is_not_removed() -> None:
    before = mail(multipart("mixed", plain(), PICTURE))
    wrapped = Disclaimer(text="Example GmbH").wrap(Message(before)).edits
    assert mark(before, splice(before, wrapped)) == [[], ["Example GmbH"]]


def test_a_changed_line_is_marked_in_a_text_at_another_place_and_in_another_encoding() -> None:
    changed = plain(encoding="base64", text=TEXT.replace("plan", "offer"))
    after = mail(multipart("mixed", NOTICE_PART, changed))
    assert mark(BEFORE, after) == [["here is the plan for Köln."], [NOTICE, "here is the offer for Köln."]]


def test_equal_texts_and_texts_with_common_lines_are_compared_with_the_nearest() -> None:
    one, other = plain(text="same\r\none"), plain(text="same\r\nother")
    before = mail(multipart("mixed", one, other, one))
    assert mark(before, mail(multipart("mixed", other, one, one, plain(text="same\r\nnew")))) == [[], ["same", "new"]]


def test_an_unrelated_text_is_marked_as_a_whole() -> None:
    assert mark(mail(plain()), mail(plain(text="Something else"))) == [[line for line in LINES if line], ["Something else"]]


def test_moved_and_encoded_parts_are_kept_in_the_list_of_parts() -> None:
    after = mail(multipart("mixed", NOTICE_PART, PICTURE, plain(), boundary=b"other"))
    _, rows = compare_parts(Message(BEFORE), Message(after))
    assert [(row.part.content_type, row.mark) for row in rows[1:]] == [
        ("text/plain", Mark.ADDED),
        ("image/png", Mark.KEPT),
        ("text/plain", Mark.KEPT),
    ]
