"""Unstructured text in header fields: RFC 2047 encoded words, with the codecs of the standard library."""

import binascii
import re
from typing import Final

from mailhooks.mime import charset as charsets
from mailhooks.patterns import compile_late

_ENCODED_WORD: Final = compile_late(rb"=\?([!->@-~]{1,60})\?([Qq]|[Bb](?=\?[^?\r\n]*\?=))\?((?:[^?=\r\n]|\?(?!=)|=(?!\?[^=]))*+)\?=")
"""QUIRK: some mailers write spaces, question marks and 8-bit text into encoded words, and mail programs decode them."""

_HAS_UTF8: Final = compile_late(rb"[\xc2-\xf4][\x80-\xbf]")

_BETWEEN_WORDS: Final = compile_late(rb"(?<=[A-Za-z0-9+/])\?=\s*+=\?[!->@-~]{1,60}\?[Bb]\?(?=[A-Za-z0-9+/])")


def decode(value: bytes, fallback: str = "") -> str:
    """Return the text that a mail program displays for an unfolded field body. Never raises; linear time.

    White space between two encoded words is not displayed (RFC 2047 section 6.2). QUIRK: some mailers split a character over two words,
    which section 5 forbids. QUIRK: raw 8-bit text (RFC 6532, and older mailers) and words in an unknown charset are read as
    `displayed_charset` reads them: as UTF-8, or else as Windows-1252.

    Args:
        fallback: the charset of the message's text, in which raw text may be written that is not UTF-8.
    """
    pieces: list[str] = []
    octets: list[bytes] = []
    charset = b""
    end = 0
    for word in _ENCODED_WORD.finditer(value):
        between = value[end : word.start()]
        content = _decode_content(word[2], word[3])
        name = word[1].partition(b"*")[0].lower()  # RFC 2231 section 5: charset*language
        if end and not between.strip() and name == charset:
            octets.append(content)
        else:
            pieces += (_decode_charset(b"".join(octets), charset), "" if end and not between.strip() else _decode_raw(between, fallback))
            octets, charset = [content], name
        end = word.end()
    return "".join((*pieces, _decode_charset(b"".join(octets), charset), _decode_raw(value[end:], fallback)))


def join_base64(value: bytes) -> bytes:
    """Return a field body with adjacent base64 words in the same charset as one word.

    QUIRK: some mailers split a group of four characters over two words, and some programs join the words before they decode them.

    >>> join_base64(b"=?utf-8?B?YS5l?= =?utf-8?b?eGU?=")
    b'=?utf-8?B?YS5leGU?='
    """
    return _BETWEEN_WORDS.sub(b"", value) if value.count(b"=?") > 1 else value


def _decode_content(encoding: bytes, content: bytes) -> bytes:
    if encoding in b"Qq":
        return binascii.a2b_qp(content, header=True)
    letters = re.sub(rb"[^A-Za-z0-9+/]", b"", content)
    return binascii.a2b_base64(letters[: len(letters) - (len(letters) % 4 == 1)] + b"===")


def _decode_charset(octets: bytes, charset: bytes) -> str:
    if not octets:
        return ""
    name = charset.decode("ascii")
    found = charsets.find_codec(name)
    # Mail programs no longer read UTF-7: it was used to hide markup.
    if found is not None and found.name in {"ascii", "utf-7"}:
        return _decode_raw(octets)
    # QUIRK: some mailers write "utf-8" before another charset.
    is_other = found is not None and found.name == "utf-8" and not _HAS_UTF8.search(octets)
    text = charsets.decode(octets, name)
    return _decode_leniently(octets, "" if is_other else name) if text is None else text


def _decode_raw(value: bytes, fallback: str = "") -> str:
    if b"\x1b" in value:
        return _decode_leniently(value, "")
    text = charsets.decode(value, "utf-8")
    text = charsets.decode(value, fallback) if text is None else text
    return _decode_leniently(value, "") if text is None else text


def _decode_leniently(octets: bytes, charset: str) -> str:
    # Late for the cold start: most fields are in ASCII or UTF-8.
    from mailhooks.mime import displayed_charset

    return displayed_charset.decode(octets, charset)


def starts_encoded(value: bytes) -> bool:
    """Return whether a field body begins with an encoded word."""
    return _ENCODED_WORD.match(value) is not None


def is_plain(text: str) -> bool:
    """Return whether text can be written without encoded words: printable US-ASCII that cannot be read as one."""
    return text.isascii() and text.isprintable() and "=?" not in text


def encode(text: str, name: str, newline: bytes) -> bytes:
    """Return text as the body of a field, with encoded words unless it is plain.

    It is folded at spaces, so that lines have at most 78 characters where possible (RFC 5322 section 2.1.1). The result follows "name: ".
    The text must have no line ends.
    """
    # Late for the cold start: a hook that adds no header field does not need the email package.
    from email.charset import QP, Charset
    from email.header import Header

    utf8 = Charset("utf-8")
    utf8.header_encoding = QP  # the ASCII part of a tag stays readable
    header = Header(text, charset="us-ascii" if is_plain(text) else utf8, maxlinelen=78, header_name=name)
    return header.encode(linesep=newline.decode("ascii"), splitchars=" ").encode("ascii")
