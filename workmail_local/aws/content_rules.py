"""The rules for content that PutRawMessageContent accepts, after the shape `RawMessageContent` in the service's model. Pure.

A reason names a header, a line or a part, and never quotes content. The check of multiparts (RFC 2046 section 5.1) shares no code with the
library: one that did could not find the library's mistakes.
"""

import re
from binascii import a2b_base64, a2b_qp
from collections.abc import Iterator
from email.errors import HeaderParseError
from email.header import decode_header
from email.message import Message
from email.parser import BytesHeaderParser
from email.utils import collapse_rfc2231_value
from pathlib import PurePosixPath

from mailhooks.contract.limits import (
    IMMUTABLE_HEADERS,
    MAX_CONTENT_BYTES,
    MAX_LINE_OCTETS,
    MAX_MESSAGE_BYTES,
    REQUIRED_HEADERS,
)
from mailhooks.mail_limits import SES_UNSUPPORTED_EXTENSIONS, UNIQUE_HEADERS
from mailhooks.mime.headers import scan

MAX_DEPTH = 50
"""Maximum nesting depth of multiparts."""

_HEADERS_END = re.compile(rb"(?:\A|\r?\n)\r?\n")


class MalformedMultipart(ValueError):
    """A multipart that is not well-formed. The text names its place and the defect, and never quotes content."""


def find_defects(original: bytes, content: bytes) -> list[str]:
    """Return why WorkMail would reject new content for a message; empty when it would accept it.

    A defect that the original has too counts: mail that arrives need not follow the rules, mail that is put must.
    """
    if len(content) > MAX_MESSAGE_BYTES:
        return [f"the message has {len(content):,} bytes; at most {MAX_MESSAGE_BYTES:,} are accepted"]
    return [*_line_defects(content), *_header_defects(original, content), *_part_defects(content), *_size_defects(original, content)]


def _size_defects(original: bytes, content: bytes) -> Iterator[str]:
    """Report content that is too large before it is encoded, unless the original is too: WorkMail accepted that."""
    if len(content) > MAX_CONTENT_BYTES and (size := _decoded_size(content)) > MAX_CONTENT_BYTES >= _decoded_size(original):
        yield f"the message has {size:,} bytes before it is encoded; at most {MAX_CONTENT_BYTES:,} are accepted"


def _decoded_size(raw: bytes) -> int:
    """Return the bytes of all parts before they are encoded, also in attached messages."""
    headers, body = _split_header(raw)
    encoding = str(headers.get("Content-Transfer-Encoding", "")).strip().lower()
    if headers.get_content_maintype() == "multipart":
        try:
            return sum(map(_decoded_size, _split_multipart(headers, body, "")))
        except MalformedMultipart:
            return len(body)
    if headers.get_content_type() == "message/rfc822" and encoding not in {"base64", "quoted-printable"}:
        return _decoded_size(body)
    if encoding == "quoted-printable":
        return len(a2b_qp(body))
    try:
        return len(a2b_base64(body)) if encoding == "base64" else len(body)
    except ValueError:
        return len(body)


def _split_header(raw: bytes) -> tuple[Message, bytes]:
    end = _HEADERS_END.search(raw)
    head, body = (raw[: end.start()] + b"\r\n\r\n", raw[end.end() :]) if end else (raw, b"")
    return BytesHeaderParser().parsebytes(head), body


def _line_defects(content: bytes) -> Iterator[str]:
    """Report the first line that is too long; a message often has thousands of them.

    QUIRK: content may be put with bare LF as line ends, as Python's `Message.as_bytes` writes them and as the guide's own example puts
    them ("Updating message content with AWS Lambda"). Such a line gets a CRLF when it is sent, so that it counts as one octet more.
    """
    start = number = 0
    while start < len(content):
        end = content.find(b"\n", start)
        end = len(content) if end < 0 else end
        number += 1
        octets = end - start + (1 if content[end - 1 : end] == b"\r" and end > start else 2)
        if octets > MAX_LINE_OCTETS:
            yield f"line {number} has {octets:,} octets with its CRLF; at most {MAX_LINE_OCTETS:,} are accepted"
            return
        start = end + 1


def _header_defects(original: bytes, content: bytes) -> Iterator[str]:
    before, after = _header_values(original), _header_values(content)
    for name in sorted(REQUIRED_HEADERS - after.keys()):
        yield f"the required header {_title(name)} is missing"
    for name in sorted(UNIQUE_HEADERS):
        if (count := len(after.get(name, ()))) > 1:
            yield f"the header {_title(name)} may occur once and occurs {count} times"
    for name in sorted(IMMUTABLE_HEADERS):
        if before.get(name) != after.get(name):
            yield f"the immutable header {_title(name)} was changed"


def _header_values(raw: bytes) -> dict[str, list[bytes]]:
    """Return values by lower-case name. Folding does not count (RFC 5322 section 2.2.3): white space is one space."""
    values: dict[str, list[bytes]] = {}
    for field in scan(raw).fields:
        values.setdefault(field.lname, []).append(b" ".join(field.value(raw).split()))
    return values


def _title(name: str) -> str:
    return "-".join({"id": "ID", "mime": "MIME"}.get(word, word.capitalize()) for word in name.split("-"))


def _part_defects(content: bytes) -> Iterator[str]:
    try:
        for place, filename in _leaf_parts(content, "", 0):
            extension = PurePosixPath(filename.rstrip(" .").lower()).suffix
            if extension in SES_UNSUPPORTED_EXTENSIONS:
                yield f"part {place or 1} is an attachment of the type {extension}, which Amazon SES does not support"
    except MalformedMultipart as error:
        yield str(error)


def _leaf_parts(raw: bytes, place: str, depth: int) -> Iterator[tuple[str, str]]:
    """Yield the place and the file name of each part that is no multipart; "2.1" is the first part of the second part.

    An attached message is one part, whose own parts are not checked.

    Raises:
        MalformedMultipart: a multipart without boundary, without parts, without its closing delimiter, or nested too deeply.
    """
    headers, body = _split_header(raw)
    if headers.get_content_maintype() != "multipart":
        yield place, _attachment_name(headers)
        return
    if depth >= MAX_DEPTH:
        raise MalformedMultipart(f"multiparts are nested over {MAX_DEPTH} deep")
    for number, part in enumerate(_split_multipart(headers, body, f"part {place}" if place else "the message"), start=1):
        yield from _leaf_parts(part, f"{place}.{number}".lstrip("."), depth + 1)


def _split_multipart(headers: Message, body: bytes, where: str) -> list[bytes]:
    """Return the parts between the delimiters, each without the line end that belongs to the delimiter after it."""
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
