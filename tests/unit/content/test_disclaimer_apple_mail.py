"""A text that Apple's programs split at an attachment: the disclaimer is displayed at its position."""

from email import message_from_bytes

import pytest

from mailhooks.content.disclaimer import Disclaimer, Position
from mailhooks.mime.edits import splice
from mailhooks.mime.message import Message, scan
from mailhooks.mime.text.wrapping import Image

APPLE = b"X-Mailer: Apple Mail (2.3774.600.62)\r\n"
IMAGE = b'Content-Type: image/jpeg; name="a.jpg"\r\nContent-Disposition: inline\r\nContent-Transfer-Encoding: base64\r\n\r\nAAAA'


def plain(text: str, fields: str = "") -> bytes:
    return f"Content-Type: text/plain; charset=us-ascii\r\n{fields}\r\n{text}".encode()


def html(text: str) -> bytes:
    return f"Content-Type: text/html; charset=us-ascii\r\n\r\n<html><body>{text}</body></html>".encode()


def multipart(kind: str, *parts: bytes) -> bytes:
    boundary = f"Apple-Mail={kind}".encode()
    head = f'Content-Type: multipart/{kind}; boundary="'.encode() + boundary + b'"\r\n\r\n'
    return head + b"".join(b"--" + boundary + b"\r\n" + part + b"\r\n" for part in parts) + b"--" + boundary + b"--\r\n"


def has_it(entity: bytes, position: str = "append", fields: bytes = APPLE) -> list[int]:
    """Return the indexes of the leaves with the text."""
    raw = b"From: a@example.com\r\nMIME-Version: 1.0\r\n" + fields + entity
    changed = splice(raw, Disclaimer(text="SAID", position=Position(position)).change(Message(raw)).edits)
    assert [part.content_type for part in scan(changed).root.walk()] == [part.content_type for part in scan(raw).root.walk()]
    leaves = [part for part in message_from_bytes(changed).walk() if not part.is_multipart()]
    return [index for index, leaf in enumerate(leaves) if b"SAID" in leaf.get_payload(decode=True)]


QUOTE = "On Mon, 4 May 2026 at 08:00, Ana <a@example.com> wrote:\r\n> Really?\r\n"


@pytest.mark.parametrize("fields", [APPLE, b"X-Mailer: iPad Mail (20E252)\r\n", b"x-user-agent: APPLE\r\n"])
def test_the_disclaimer_is_in_the_last_or_the_first_text(fields: bytes):
    entity = multipart("mixed", plain("One"), IMAGE, plain("Two"), IMAGE, plain("Three"))
    assert has_it(entity, "append", fields) == [4]
    assert has_it(entity, "after-reply", fields) == [4]
    assert has_it(entity, "prepend", fields) == [0]


def test_a_blank_piece_is_the_first_text():
    entity = multipart("mixed", plain(" \r\n"), IMAGE, plain("Sent from my iPhone"))
    assert has_it(entity) == [2]
    assert has_it(entity, "prepend") == [0]


def test_each_form_has_the_disclaimer_in_its_last_text():
    entity = multipart("alternative", plain("One Two"), multipart("mixed", html("One"), IMAGE, html("Two")))
    assert has_it(entity) == [0, 3]
    assert has_it(entity, "prepend") == [0, 1]


def test_the_disclaimer_is_above_the_quote_in_any_text():
    assert has_it(multipart("mixed", plain("Yes"), IMAGE, plain(f"Ben\r\n\r\n{QUOTE}")), "after-reply") == [2]
    assert has_it(multipart("mixed", plain(f"Yes\r\n\r\n{QUOTE}"), IMAGE, plain("> What is this?")), "after-reply") == [0]


def test_a_token_is_replaced_in_any_text():
    assert has_it(multipart("mixed", plain("One"), IMAGE, plain("_DISCLAIMER_"), IMAGE, plain("Three"))) == [2]


@pytest.mark.parametrize(
    "fields, last",
    [
        (b"", plain("Two")),
        (b"X-Mailer: Microsoft Outlook 16.0\r\n", plain("Two")),
        (APPLE + b"List-Id: <l.example.org>\r\n", plain("A list's footer")),
        (APPLE, html("Two")),
        (APPLE, plain("a log", "Content-Disposition: attachment\r\n")),
        (APPLE, plain("a log", "Content-Disposition: inline; filename=a.log\r\n")),
    ],
)
def test_later_texts_of_others_do_not_count(fields: bytes, last: bytes):
    assert has_it(multipart("mixed", plain("One"), IMAGE, last), "append", fields) == [0]


def test_once_per_thread_reads_all_texts():
    text = "This message is for its addressee only.\nExample Ltd, Cologne"
    raw = (
        b"From: a@example.com\r\n"
        + APPLE
        + multipart("mixed", plain("One"), IMAGE, plain("> " + text.replace("\n", "\r\n> ")), IMAGE, plain("x"))
    )
    assert Disclaimer(text=text, once_per_thread=True).change(Message(raw)).edits == []


def test_images_are_added_to_the_text_that_displays_them():
    disclaimer = Disclaimer(html='<img src="cid:logo.png">', text="SAID", images=(Image("logo.png", "png", b"\x89PNG"),))
    raw = b"From: a@example.com\r\nMIME-Version: 1.0\r\n" + APPLE + multipart("mixed", html("One"), IMAGE, html("Two"))
    change = disclaimer.change(Message(raw))
    kinds = [part.content_type for part in scan(splice(raw, change.edits)).root.walk()]
    assert kinds == ["multipart/mixed", "text/html", "image/jpeg", "multipart/related", "text/html", "image/png"]
    assert change.added_parts == 2
