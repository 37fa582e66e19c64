"""The text of a message and of its header fields as a mail program displays it. Only for reading, never for an edit.

The one place where an encoded part becomes readable text: its transfer encoding is decoded as far as it can be, and then its charset is
the one of `mailhooks.mime.displayed_charset`.
"""

import codecs
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import chain
from typing import Final

from mailhooks.mime import encoded_words
from mailhooks.mime.headers import Field
from mailhooks.mime.message import Message, Part

_HTML: Final = frozenset({"html", "x-amp-html", "watch-html"})
_DISPLAYED: Final = _HTML | {"plain"}
_NOT_DISPLAYED: Final = frozenset("calendar csv css directory javascript rfc822-headers rtf vcard x-vcard xml".split())
"""Subtypes of `text` that mail programs offer as files, or read themselves."""

_BYTE_ORDER_MARKS: Final = (codecs.BOM_UTF8, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE, codecs.BOM_UTF32_BE)

_UNDISPUTED: Final = frozenset("utf-8 us-ascii iso-8859-1 iso-8859-15 windows-1252 windows-1251 gb2312 gbk big5 shift_jis euc-kr".split())
"""Common charsets that all programs know."""

_MOST_TEXTS: Final = 50
"""Whole texts of one message; mail of people has two."""


def find_text_parts(message: Message) -> Iterator[Part]:
    """Yield the parts that a mail program displays as plain text or as HTML, also of a message that must not be changed.

    Attachments and forwarded messages are not displayed. A multipart whose parts cannot be found is displayed as plain text, and so is a
    text of an unknown type (RFC 2046 section 4.1.4) without a file name.
    """
    waiting = [message.structure.root]
    while waiting:
        part = waiting.pop()
        if part.maintype == "multipart" and part.children:
            waiting.extend(reversed(part.children))
        elif _is_displayed(message.raw, part):
            yield part


def find_preferred_text_parts(message: Message) -> Iterator[Part]:
    """Yield the parts of `find_text_parts`; of the parts of a multipart/alternative only the last text (RFC 2046: programs prefer it)."""
    return iter(_find_preferred(message.raw, message.structure.root))


def _find_preferred(raw: bytes, part: Part) -> list[Part]:
    if not (part.maintype == "multipart" and part.children):
        return [part] if _is_displayed(raw, part) else []
    found = (_find_preferred(raw, child) for child in (reversed(part.children) if part.subtype == "alternative" else part.children))
    return next(filter(None, found), []) if part.subtype == "alternative" else list(chain.from_iterable(found))


def _is_displayed(raw: bytes, part: Part) -> bool:
    return _is_text(raw, part) and part.header.disposition(raw) != "attachment"


def _is_text(raw: bytes, part: Part) -> bool:
    if part.maintype == "text":
        return part.subtype in _DISPLAYED or (part.subtype not in _NOT_DISPLAYED and not part.header.values_with_name(raw))
    return part.maintype == "multipart"


def is_html(part: Part) -> bool:
    """Return whether a part of `find_text_parts` is displayed as HTML."""
    return part.maintype == "text" and part.subtype in _HTML


def read_every_text(
    message: Message, limit: int, find_parts: Callable[[Message], Iterator[Part]] = find_text_parts
) -> Iterator[tuple[str, bool]]:
    """Yield every text that some mail program displays, each once, and whether it is HTML. Linear time.

    These are the texts of each of `Message.readings`. If those cannot be enumerated, the whole body is a text too.

    Args:
        limit: at most these octets of each text are read, and fifty times as many of all.
        find_parts: finds the parts of a message whose texts are read.
    """
    left = limit * _MOST_TEXTS
    seen: set[str] = set()
    readings = message.readings
    for reading in readings or (message,):
        for part in find_parts(reading):
            for text in _read_variously(reading.raw, part, min(limit, left)):
                if text not in seen:
                    seen.add(text)
                    yield text, is_html(part)
            left -= min(part.end - part.body, limit)
            if left <= 0:
                return
    if readings is None:
        from mailhooks.mime import displayed_charset

        start = message.structure.root.body
        yield displayed_charset.decode(message.raw[start : start + left], "", is_cut=True), False


def _read_variously(raw: bytes, part: Part, limit: int) -> Iterator[str]:
    text = read_text(raw, part, limit)
    is_flowed = not is_html(part) and part.params.get("format", "").strip().lower() == "flowed"
    yield _join_flowed_lines(text, deletes_space=part.params.get("delsp", "").strip().lower() == "yes") if is_flowed else text
    if part.charset not in _UNDISPUTED:
        from mailhooks.mime import displayed_charset

        # A program without this charset shows the octets as they are.
        if displayed_charset.is_disputed(part.charset):
            octets = _read_octets(raw, part, limit)
            yield displayed_charset.decode(octets, "", is_html=is_html(part), is_cut=True)


def _join_flowed_lines(text: str, *, deletes_space: bool) -> str:
    """Return a `format=flowed` text with each of its paragraphs on one line (RFC 3676 section 4).

    Args:
        deletes_space: whether the space at the end of a flowed line is no part of the text: `DelSp=yes`.
    """
    pieces: list[str] = []
    joined: str | None = None
    for line in text.split("\n"):
        bare = line.removesuffix("\r")
        content = bare.lstrip(">")
        quote = bare[: len(bare) - len(content)]
        content = content.removeprefix(" ")
        if quote != joined or content == "-- ":
            pieces.append(f"\n{quote} " if quote else "\n")
        # A signature's mark ends in a space too.
        is_flowed = content.endswith(" ") and content != "-- "
        pieces.append(content[:-1] if is_flowed and deletes_space else content)
        joined = quote if is_flowed else None
    return "".join(pieces)[1:]


def read_text(raw: bytes, part: Part, limit: int | None = None) -> str:
    """Return the text of a part, at most `limit` octets of it. Markup stays markup. Never raises; linear time."""
    octets = _read_octets(raw, part, limit)
    is_cut = limit is not None and len(octets) >= limit
    if octets.isascii() and part.charset in {"utf-8", "us-ascii"} and b"\x1b" not in octets and b"\0" not in octets:
        return octets.decode("ascii")
    if part.charset == "utf-8" and not (is_cut or octets.startswith(_BYTE_ORDER_MARKS)):
        with suppress(UnicodeDecodeError):
            return octets.decode("utf-8")
    # Late for the cold start: most texts are in ASCII or UTF-8.
    from mailhooks.mime import displayed_charset

    return displayed_charset.decode(octets, part.charset, is_html=is_html(part), is_cut=is_cut)


def _read_octets(raw: bytes, part: Part, limit: int | None) -> bytes:
    # Late for the cold start: a hook that tags the subject reads no part.
    from mailhooks.mime import part_content

    return part_content.read_leniently(raw, part, limit)


def read_field(message: Message, field: Field, limit: int | None = None) -> str:
    """Return the text of a header field of the message: decoded, and with one space for a fold. Never raises; linear time.

    At most `limit` octets of the field are read.

    QUIRK: old mailers write raw text in the charset of the message's text.
    """
    value = field.displayed_value(message.raw)[:limit]
    return encoded_words.decode(value) if value.isascii() else encoded_words.decode(value, message.text_charset)
