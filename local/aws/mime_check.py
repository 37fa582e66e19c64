"""The parts of a MIME message, with a check that its multiparts are well-formed (RFC 2046 section 5.1).

The local WorkMail has its own check: one that shared the library's code for parts could not find the library's mistakes.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from email.errors import HeaderParseError
from email.header import decode_header
from email.message import Message
from email.parser import BytesHeaderParser
from email.utils import collapse_rfc2231_value

MAX_DEPTH = 50
_HEADERS_END = re.compile(rb"(?:\A|\r?\n)\r?\n")


@dataclass(frozen=True, slots=True)
class Part:
    """A part that is no multipart.

    Attributes:
        place: "2.1" is the first part of the second part; "" is the message itself.
        filename: of the attachment; "" when it has none.
    """

    place: str
    filename: str


class MalformedMultipart(ValueError):
    """A multipart that is not well-formed. The text names its place and the defect, and never quotes content."""


def walk_leaf_parts(raw: bytes, place: str = "", depth: int = 0) -> Iterator[Part]:
    """Yield the parts that are no multiparts, in order. An attached message is one part, whose own parts are not checked.

    Raises:
        MalformedMultipart: a multipart without boundary, without parts, without its closing delimiter, or nested too deeply.
    """
    headers, body = _split_header(raw)
    if headers.get_content_maintype() != "multipart":
        yield Part(place, _attachment_name(headers))
        return
    if depth >= MAX_DEPTH:
        raise MalformedMultipart(f"multiparts are nested over {MAX_DEPTH} deep")
    for number, part in enumerate(_split_multipart(headers, body, place), start=1):
        yield from walk_leaf_parts(part, f"{place}.{number}".lstrip("."), depth + 1)


def _split_header(raw: bytes) -> tuple[Message, bytes]:
    end = _HEADERS_END.search(raw)
    if end is None:
        return BytesHeaderParser().parsebytes(raw), b""
    return BytesHeaderParser().parsebytes(raw[: end.start()] + b"\r\n\r\n"), raw[end.end() :]


def _split_multipart(headers: Message, body: bytes, place: str) -> list[bytes]:
    """Return the parts between the delimiters, each without the line end that belongs to the delimiter after it."""
    where = f"part {place}" if place else "the message"
    boundary = (headers.get_boundary() or "").encode("utf-8", "surrogateescape")
    no_parts = f"{where} is a multipart without parts: its boundary is not in its body"
    if not boundary:
        raise MalformedMultipart(f"{where} is a multipart without a boundary")
    delimiter = re.compile(rb"^--" + re.escape(boundary) + rb"(--)?[ \t]*\r?$\n?", re.MULTILINE)
    pieces = delimiter.split(body)
    parts: list[bytes] = []
    for closing, part in zip(pieces[1::2], pieces[2::2], strict=True):
        if closing:
            break
        parts.append(part.removesuffix(b"\n").removesuffix(b"\r"))
    else:
        raise MalformedMultipart(f"{where} is a multipart without its closing delimiter" if parts else no_parts)
    if not parts:
        raise MalformedMultipart(no_parts)
    return parts


def _attachment_name(headers: Message) -> str:
    """Return the attachment's name from Content-Disposition or Content-Type, decoded (RFC 2231, RFC 2047)."""
    value = headers.get_param("filename", "", "content-disposition") or headers.get_param("name", "")
    name = collapse_rfc2231_value(value) if value else ""
    try:
        words = decode_header(name)
        return "".join(word if isinstance(word, str) else word.decode(charset or "ascii", "replace") for word, charset in words)
    except (LookupError, ValueError, HeaderParseError):
        return name
