"""Unstructured text in header fields: RFC 2047 encoded words, both ways, by the standard library's codecs."""

import binascii
import re
from email.charset import QP, Charset
from email.header import Header
from typing import Final

from mailhooks.mime import charset as charsets

_ENCODED_WORD: Final = re.compile(rb"=\?([!->@-~]{1,60})\?([BbQq])\?([^?\r\n]*)\?=")
"""QUIRK: mailers write spaces and 8-bit text into encoded words, and clients decode those too."""

_UTF8: Final = Charset("utf-8")
_UTF8.header_encoding = QP  # legible for the ASCII part of a tag, unlike base64


def decode(value: bytes) -> str:
    """The text that a mail client shows for an unfolded field body. Never raises; linear time.

    White space between encoded words is not shown, and a character may be torn over two of them (RFC 2047 section 6.2; QUIRK: section 5
    forbids the tearing, and mailers do it). QUIRK: raw 8-bit text (RFC 6532, and mailers that know no RFC) is read as UTF-8, or else as
    Latin-1; a word in an unknown charset likewise.
    """
    pieces: list[str] = []
    octets = charset = b""
    end = 0
    for word in _ENCODED_WORD.finditer(value):
        between = value[end : word.start()]
        content = _octets(word[2], word[3])
        name = word[1].partition(b"*")[0].lower()  # RFC 2231 section 5: charset*language
        if end and not between.strip() and name == charset:
            octets += content
        else:
            pieces += (_decoded(octets, charset), "" if end and not between.strip() else _text(between))
            octets, charset = content, name
        end = word.end()
    return "".join((*pieces, _decoded(octets, charset), _text(value[end:])))


def _octets(encoding: bytes, content: bytes) -> bytes:
    if encoding in b"Qq":
        return binascii.a2b_qp(content, header=True)
    letters = re.sub(rb"[^A-Za-z0-9+/]", b"", content)
    return binascii.a2b_base64(letters[: len(letters) - (len(letters) % 4 == 1)] + b"===")


def _decoded(octets: bytes, charset: bytes) -> str:
    # No client reads UTF-7 any more, as too much has been hidden in it.
    if not octets:
        return ""
    found = charsets.find_codec(charset.decode("ascii"))
    text = charsets.decode(octets, found.name) if found is not None and found.name != "utf-7" else None
    return _text(octets) if text is None else text


def _text(value: bytes) -> str:
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        return value.decode("latin-1")


def starts_encoded(value: bytes) -> bool:
    """Whether a field body begins with an encoded word: white space between two of them is not shown (RFC 2047 section 6.2)."""
    return _ENCODED_WORD.match(value) is not None


def is_plain(text: str) -> bool:
    """Whether text can stand in a field as it is: printable US-ASCII that nobody takes for an encoded word."""
    return text.isascii() and text.isprintable() and "=?" not in text


def encode(text: str, name: str, newline: bytes) -> bytes:
    """Text as the body of the field `name`: as it is when plain, else as encoded words; folded with `newline` so that no line is over 78
    characters where a space allows (RFC 5322 section 2.1.1).

    `text` has no line ends; the result begins right behind "name: ".
    """
    header = Header(text, charset="us-ascii" if is_plain(text) else _UTF8, maxlinelen=78, header_name=name)
    return header.encode(linesep=newline.decode("ascii"), splitchars=" ").encode("ascii")
