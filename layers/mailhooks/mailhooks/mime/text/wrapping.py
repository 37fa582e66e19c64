"""Wraps a message into a new one, adds a text part to a body without text, adds images, and closes multiparts.

These are edits too: the wrapped parts keep their octets and their order. A new multipart declares 8-bit content (RFC 2045 section 6.4).
"""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from mailhooks.mime import transfer_encoding
from mailhooks.mime.edits import Edit, splice
from mailhooks.mime.headers import HeaderBlock
from mailhooks.mime.headers import scan as scan_header
from mailhooks.mime.message import Message, Part

_CONTENT: Final = "content-"


@dataclass(frozen=True, slots=True)
class Image:
    """An image of type `image/` and `subtype`, which HTML references by `cid:` and `content_id` (without angle brackets)."""

    content_id: str
    subtype: str
    content: bytes


def write_text_part(text: str, html: str, newline: bytes, boundaries: Sequence[bytes], images: Sequence[Image] = ()) -> bytes:
    """Return a part with plain text and HTML as alternatives (RFC 2046 section 5.1.4), without a line end after it.

    The boundaries are of the alternative, and of the HTML with its images.
    """
    alternative, related = boundaries
    displayed = _write_leaf("html", html, newline)
    if images:
        head = b'Content-Type: multipart/related; type="text/html"; boundary="' + related + b'"'
        attached = b"".join(write_image_parts(images, related, newline))
        displayed = newline.join([head, b"", b"--" + related, displayed + attached, b"--" + related + b"--"])
    head = b'Content-Type: multipart/alternative; boundary="' + alternative + b'"'
    delimiter = b"--" + alternative
    return newline.join([head, b"", delimiter, _write_leaf("plain", text, newline), delimiter, displayed, delimiter + b"--"])


def _write_leaf(subtype: str, content: str, newline: bytes) -> bytes:
    fields = f"Content-Type: text/{subtype}; charset=utf-8\nContent-Transfer-Encoding: quoted-printable\n\n".encode()
    octets = content.replace("\n", newline.decode("ascii")).encode("utf-8")
    return fields.replace(b"\n", newline) + transfer_encoding.encode(octets, "quoted-printable", newline)


def wrap_message(message: Message, cover: bytes, boundary: bytes) -> list[Edit]:
    """Return the edits that wrap a message into a new one: first the part `cover`, then the original as `message/rfc822`.

    The new message has the header fields of the original, except those of its content.
    """
    raw, root = message.raw, message.structure.root
    inner = b"Content-Type: message/rfc822\nContent-Disposition: inline\nContent-Transfer-Encoding: " + _outer_encoding(raw, root) + b"\n\n"
    return _wrap(message, cover, inner.replace(b"\n", root.header.newline) + raw[: root.body], boundary)


def wrap_body(message: Message, cover: bytes, boundary: bytes) -> list[Edit]:
    """Return the edits that make the body of a message a part with its Content- fields, after the part `cover`."""
    header = message.header
    inner = b"".join(message.raw[field.start : field.end] for field in header.fields if field.lname.startswith(_CONTENT))
    return _wrap(message, cover, inner + header.newline, boundary)


def _wrap(message: Message, cover: bytes, inner: bytes, boundary: bytes) -> list[Edit]:
    raw, root = message.raw, message.structure.root
    newline = root.header.newline
    delimiter = b"--" + boundary
    before = newline.join([delimiter, cover, delimiter, b""]) + inner
    blank = b"" if root.body > root.header.end else newline
    encoding = _outer_encoding(inner if raw.isascii() else inner + raw[root.body :], root)
    fields = _content_fields(root.header, b'multipart/mixed; boundary="' + boundary + b'"', encoding)
    return [
        *(Edit(field.start, field.end, b"") for field in root.header.fields if field.lname.startswith(_CONTENT)),
        root.header.appended(fields),
        Edit(root.body, root.body, blank + before),
        Edit(len(raw), len(raw), newline + delimiter + b"--" + newline),
    ]


def add_images(message: Message, part: Part, edits: Sequence[Edit], images: Sequence[Image]) -> tuple[list[Edit], int]:
    """Return the edits of a message together with those that add images to an HTML part, and the number of added parts.

    The images become the last parts of the nearest `multipart/related` around the HTML, or of a new one. Its root (RFC 2387 section 3.2)
    is or contains the HTML, because its other parts are not displayed. An image that is there is not added again: a reply may have the
    images that it quotes.
    """
    raw = message.raw
    related = _find_related(message.structure.root, part)
    if related is None:
        of_part = [edit for edit in edits if part.start <= edit.start and edit.end <= part.end]
        others = [edit for edit in edits if not (part.start <= edit.start and edit.end <= part.end)]
        return [*others, *_wrap_in_related(raw, part, of_part, images, make_boundary(raw, "images"))], len(images) + 1
    present = {value for each in related.walk() if not each.embedded for value in each.values(raw, "content-id")}
    missing = [image for image in images if f"<{image.content_id}>".encode() not in present]
    return [*edits, *_add_to_related(raw, related, missing)], len(missing)


def _find_related(root: Part, part: Part) -> Part | None:
    """Return the nearest `multipart/related` around a part.

    None if its last part is or ends with a multipart without closing delimiter: `close_multiparts` would add the delimiter at the place of
    the images, and after them.
    """
    around = [each for each in root.walk() if each.children and each.start <= part.start and part.end <= each.end]
    related = next((each for each in reversed(around) if each.content_type == "multipart/related"), None)
    if related is None:
        return None
    last = related.children[-1]
    unclosed = any(each.boundary and each.end == last.end and not (each.closed or each.embedded) for each in last.walk())
    return None if unclosed else related


def _add_to_related(raw: bytes, related: Part, images: Sequence[Image]) -> list[Edit]:
    newline, last = related.header.newline, related.children[-1]
    attached = b"".join(write_image_parts(images, related.boundary, newline))
    return [Edit(last.end, last.end, attached + (newline if last.shares_line_end(raw) else b""))] if images else []


def _wrap_in_related(raw: bytes, part: Part, edits: Sequence[Edit], images: Sequence[Image], boundary: bytes) -> list[Edit]:
    """Return the edits of an HTML part together with those that wrap it and images into a `multipart/related` (RFC 2387)."""
    newline = part.header.newline
    changed = splice(raw[part.start : part.end], (Edit(e.start - part.start, e.end - part.start, e.new) for e in edits))
    block = scan_header(changed)
    content = b"".join(changed[field.start : field.end] for field in block.fields if field.lname.startswith(_CONTENT))
    outer = b"".join(changed[field.start : field.end] for field in block.fields if not field.lname.startswith(_CONTENT))
    kind = b'multipart/related; type="text/html"; boundary="' + boundary + b'"'
    fields = _content_fields(block, kind, _outer_encoding(content + changed[block.end :], part), of_message=part.start == 0)
    delimiter = b"--" + boundary
    blank = b"" if part.body > part.header.end else newline
    return [
        Edit(part.start, part.header.end, outer + fields),
        Edit(part.body, part.body, blank + delimiter + newline + content + newline),
        *(edit for edit in edits if edit.start >= part.body),
        Edit(part.end, part.end, b"".join(write_image_parts(images, boundary, newline)) + newline + delimiter + b"--" + newline),
    ]


def write_image_parts(images: Iterable[Image], boundary: bytes, newline: bytes) -> Iterator[bytes]:
    """Yield each image as a part, from the line end before its delimiter to its last octet."""
    for image in images:
        yield newline + b"--" + boundary + newline
        yield f"Content-Type: image/{image.subtype}\nContent-ID: <{image.content_id}>\n".encode().replace(b"\n", newline)
        yield b"Content-Disposition: inline" + newline + b"Content-Transfer-Encoding: base64" + newline + newline
        yield transfer_encoding.encode(image.content, "base64", newline)


def make_boundary(raw: bytes, purpose: str) -> bytes:
    """Return a boundary that does not occur in a message. It depends only on the message, so a retry writes the same octets."""
    digest = hashlib.sha256(purpose.encode() + raw[:65536] + str(len(raw)).encode()).hexdigest()
    boundary = f"=_mailhooks_{digest[:24]}".encode()
    while boundary in raw:
        boundary += b"_"
    return boundary


def _outer_encoding(content: bytes, part: Part) -> bytes:
    """Return the content-transfer-encoding of a multipart with this content, which contains a part (RFC 2045 section 6.4)."""
    if content.isascii():
        return b"7bit"
    return b"binary" if any(each.encoding == "binary" for each in part.walk()) else b"8bit"


def _content_fields(header: HeaderBlock, kind: bytes, encoding: bytes, *, of_message: bool = True) -> bytes:
    version = b"" if any(header.named("mime-version")) or not of_message else b"MIME-Version: 1.0" + header.newline
    # 7bit is the default.
    declared = b"" if encoding == b"7bit" else b"Content-Transfer-Encoding: " + encoding + header.newline
    return version + b"Content-Type: " + kind + header.newline + declared


def close_multiparts(message: Message, edits: Iterable[Edit]) -> list[Edit]:
    """Return the edits together with those that add missing closing delimiters.

    QUIRK: mail that was cut, and mail from some mailing lists and gateways, lacks closing delimiters. All programs end such a part at the
    next delimiter of an outer multipart, or at the end of the message. Adding the delimiter there does not change how they read the
    message. It begins with its own line end, so that the part before it keeps all octets. Forwarded messages stay as they are, and so
    does a multipart that the edits replace.

    >>> cut_short = Message(b"Content-Type: multipart/mixed; boundary=b\\n\\n--b\\n\\nHello\\n")
    >>> [edit.new for edit in close_multiparts(cut_short, [])]
    [b'\\n--b--\\n']
    """
    edits, root = list(edits), message.structure.root
    replaced = [(edit.start, edit.end) for edit in edits if edit.end > edit.start]
    return edits + [
        _close_multipart(message.raw, part, root.header.newline)
        # In reverse, so that the delimiters of inner multiparts come first.
        for part in reversed([part for part in root.walk() if part.children and part.boundary and not part.closed])
        if not part.embedded and not any(start <= part.start and part.end <= end for start, end in replaced)
    ]


def _close_multipart(raw: bytes, part: Part, newline: bytes) -> Edit:
    # A part that begins at the end of the message, after a delimiter without line end, has not even an empty header.
    child = part.children[-1]
    first = newline if child.start == len(raw) and not raw.endswith(b"\n") else b""
    last = newline if part.shares_line_end(raw) or (part.end == len(raw) and part.start == 0) else b""
    return Edit(part.end, part.end, first + newline + b"--" + part.boundary + b"--" + last)
