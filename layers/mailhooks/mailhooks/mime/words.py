"""Unstructured text in header fields: RFC 2047 encoded words, both ways, by the standard library's codecs."""

import re
from email.charset import QP, Charset
from email.errors import HeaderParseError
from email.header import Header, decode_header
from typing import Final

_ENCODED_WORD: Final = re.compile(rb"=\?[!-~]+?\?[BbQq]\?[!->@-~]*\?=")

_DECODED_OCTETS: Final = 4096
"""As much of a field is decoded: no client shows more, and the standard library's time for hostile text grows with its square."""

_UTF8: Final = Charset("utf-8")
_UTF8.header_encoding = QP  # legible for the ASCII part of a tag, unlike base64


def decode(value: bytes) -> str:
    """The text that a mail client shows for an unfolded field body. Never raises.

    QUIRK: raw 8-bit text (RFC 6532, and mailers that know no RFC) is read as UTF-8, or else as Latin-1; encoded words in a charset that
    Python does not know likewise.
    """
    text = _text(value[:_DECODED_OCTETS])
    if "=?" not in text:
        return text
    try:
        # Header wants surrogates for 8-bit octets among encoded words, which `_text` has avoided.
        pieces = decode_header(text)
    except (HeaderParseError, ValueError):  # damaged base64, for one
        return text
    return "".join(piece if isinstance(piece, str) else _decoded(piece, charset) for piece, charset in pieces)


def _decoded(piece: bytes, charset: str | None) -> str:
    try:
        # decode_header hands on what is outside of encoded words in this form
        return piece.decode(charset or "raw-unicode-escape")
    except (LookupError, ValueError):
        return _text(piece)


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
