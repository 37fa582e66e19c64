"""Parts built around what is there: a message inside of a new one, a text beside a body that has none, images beside an HTML part.

As everywhere, by splices: what is enclosed keeps its octets and its order, and the new lines stand around it. A new multipart says of
itself when there is 8-bit content in it (RFC 2045 section 6.4).
"""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from mailhooks.mime import transfer_encoding
from mailhooks.mime.edits import Edit, splice
from mailhooks.mime.headers import HeaderBlock
from mailhooks.mime.headers import scan as scan_header
from mailhooks.mime.structure import Part

_CONTENT: Final = "content-"


@dataclass(frozen=True, slots=True)
class Image:
    """An image that HTML shows by `cid:` and its `content_id`.

    Attributes:
        content_id: without angle brackets.
        subtype: of `image/`, such as `png`.
        content: its octets.
    """

    content_id: str
    subtype: str
    content: bytes


def write_text_part(text: str, html: str, newline: bytes, boundaries: Sequence[bytes], images: Sequence[Image] = ()) -> bytes:
    """A part, header and all, that shows `text` and `html` as alternatives (RFC 2046 section 5.1.4), the latter with its images. Ends
    without a line end.

    Args:
        boundaries: two, for the alternative and for the images.
    """
    alternative, related = boundaries
    shown = _leaf("html", html, newline)
    if images:
        head = b'Content-Type: multipart/related; type="text/html"; boundary="' + related + b'"'
        attached = b"".join(write_image_parts(images, related, newline))
        shown = newline.join([head, b"", b"--" + related, shown + attached, b"--" + related + b"--"])
    head = b'Content-Type: multipart/alternative; boundary="' + alternative + b'"'
    delimiter = b"--" + alternative
    return newline.join([head, b"", delimiter, _leaf("plain", text, newline), delimiter, shown, delimiter + b"--"])


def _leaf(subtype: str, content: str, newline: bytes) -> bytes:
    fields = f"Content-Type: text/{subtype}; charset=utf-8\nContent-Transfer-Encoding: quoted-printable\n\n".encode()
    octets = content.replace("\n", newline.decode("ascii")).encode("utf-8")
    return fields.replace(b"\n", newline) + transfer_encoding.encode(octets, "quoted-printable", newline)


def wrap_message(raw: bytes, root: Part, cover: bytes, boundary: bytes) -> list[Edit]:
    """A new message with the fields of the original, but for those of its content: first the part `cover`, then the original as
    `message/rfc822`, octet for octet.
    """
    inner = b"Content-Type: message/rfc822\nContent-Disposition: inline\nContent-Transfer-Encoding: " + _encoding(raw, root) + b"\n\n"
    return _enclosed(raw, root, cover, inner.replace(b"\n", root.header.newline) + raw[: root.body], boundary)


def wrap_body(raw: bytes, root: Part, cover: bytes, boundary: bytes) -> list[Edit]:
    """The part `cover`, then the message's own body as a part of its own, which takes the Content- fields along."""
    inner = b"".join(raw[field.start : field.end] for field in root.header.fields if field.lname.startswith(_CONTENT))
    return _enclosed(raw, root, cover, inner + root.header.newline, boundary)


def _enclosed(raw: bytes, root: Part, cover: bytes, inner: bytes, boundary: bytes) -> list[Edit]:
    newline = root.header.newline
    delimiter = b"--" + boundary
    before = newline.join([delimiter, cover, delimiter, b""]) + inner
    blank = b"" if root.body > root.header.end else newline
    encoding = _encoding(inner if raw.isascii() else inner + raw[root.body :], root)
    fields = _fields(root.header, b'multipart/mixed; boundary="' + boundary + b'"', encoding)
    return [
        *_without_content_fields(root.header),
        root.header.appended(fields),
        Edit(root.body, root.body, blank + before),
        Edit(len(raw), len(raw), newline + delimiter + b"--" + newline),
    ]


def add_images(raw: bytes, root: Part, part: Part, edits: Sequence[Edit], images: Sequence[Image]) -> tuple[list[Edit], int]:
    """`edits` of a message, and those that put images beside the HTML part which shows them; and how many parts these add.

    The images become the last parts of the nearest `multipart/related` around the HTML, whose root (RFC 2387 section 3.2) is or has the
    HTML, as no other part of it is shown; or of a new one. An image that is there does not come again: a reply brings along what it quotes.
    """
    related = _related_around(root, part)
    if related is None:
        of_part = [edit for edit in edits if part.start <= edit.start and edit.end <= part.end]
        others = [edit for edit in edits if not (part.start <= edit.start and edit.end <= part.end)]
        return [*others, *_in_a_related(raw, part, of_part, images, make_boundary(raw, "images"))], len(images) + 1
    there = {value for each in related.walk() if not each.embedded for value in each.values(raw, "content-id")}
    missing = [image for image in images if f"<{image.content_id}>".encode() not in there]
    return [*edits, *_at_the_end(raw, related, missing)], len(missing)


def _related_around(root: Part, part: Part) -> Part | None:
    """The nearest `multipart/related` around a part.

    None where its last part is or ends with a multipart that was not closed: the closing delimiter (`mime.close`) would come to the very
    place where the images go, but behind them.
    """
    around = [each for each in root.walk() if each.children and each.start <= part.start and part.end <= each.end]
    related = next((each for each in reversed(around) if each.content_type == "multipart/related"), None)
    if related is None:
        return None
    last = related.children[-1]
    unclosed = any(each.boundary and each.end == last.end and not (each.closed or each.embedded) for each in last.walk())
    return None if unclosed else related


def _at_the_end(raw: bytes, related: Part, images: Sequence[Image]) -> list[Edit]:
    newline, end = related.header.newline, related.children[-1].end
    attached = b"".join(write_image_parts(images, related.boundary, newline))
    # A part without content has no line end of its own before the delimiter.
    glued = end < len(raw) and not raw.startswith((b"\r\n", b"\n"), end)
    return [Edit(end, end, attached + (newline if glued else b""))] if images else []


def _in_a_related(raw: bytes, part: Part, edits: Sequence[Edit], images: Sequence[Image], boundary: bytes) -> list[Edit]:
    """`edits` of an HTML part, and images beside it in a `multipart/related` (RFC 2387) that takes the part's place."""
    newline = part.header.newline
    changed = splice(raw[part.start : part.end], (Edit(e.start - part.start, e.end - part.start, e.new) for e in edits))
    block = scan_header(changed)
    content = b"".join(changed[field.start : field.end] for field in block.fields if field.lname.startswith(_CONTENT))
    outer = b"".join(changed[field.start : field.end] for field in block.fields if not field.lname.startswith(_CONTENT))
    kind = b'multipart/related; type="text/html"; boundary="' + boundary + b'"'
    fields = _fields(block, kind, _encoding(content + changed[block.end :], part), of_message=part.start == 0)
    delimiter = b"--" + boundary
    blank = b"" if part.body > part.header.end else newline
    return [
        Edit(part.start, part.header.end, outer + fields),
        Edit(part.body, part.body, blank + delimiter + newline + content + newline),
        *(edit for edit in edits if edit.start >= part.body),
        Edit(part.end, part.end, b"".join(write_image_parts(images, boundary, newline)) + newline + delimiter + b"--" + newline),
    ]


def write_image_parts(images: Iterable[Image], boundary: bytes, newline: bytes) -> Iterator[bytes]:
    """Each image as a part, from the line end before its delimiter to its last octet."""
    for image in images:
        yield newline + b"--" + boundary + newline
        yield f"Content-Type: image/{image.subtype}\nContent-ID: <{image.content_id}>\n".encode().replace(b"\n", newline)
        yield b"Content-Disposition: inline" + newline + b"Content-Transfer-Encoding: base64" + newline + newline
        yield transfer_encoding.encode(image.content, "base64", newline)


def make_boundary(raw: bytes, purpose: str) -> bytes:
    """A boundary that is nowhere in `raw`; the same for the same message, so that a second run writes the same octets."""
    digest = hashlib.sha256(purpose.encode() + raw[:65536] + str(len(raw)).encode()).hexdigest()
    boundary = f"=_mailhooks_{digest[:24]}".encode()
    while boundary in raw:
        boundary += b"_"
    return boundary


def _without_content_fields(header: HeaderBlock) -> list[Edit]:
    return [Edit(field.start, field.end, b"") for field in header.fields if field.lname.startswith(_CONTENT)]


def _encoding(content: bytes, part: Part) -> bytes:
    """The content-transfer-encoding of what encloses `part`, whose octets are in `content` (RFC 2045 section 6.4)."""
    if content.isascii():
        return b"7bit"
    return b"binary" if any(each.encoding == "binary" for each in part.walk()) else b"8bit"


def _fields(header: HeaderBlock, kind: bytes, encoding: bytes, *, of_message: bool = True) -> bytes:
    version = b"" if any(header.named("mime-version")) or not of_message else b"MIME-Version: 1.0" + header.newline
    # 7bit is what is meant where nothing is said.
    said = b"" if encoding == b"7bit" else b"Content-Transfer-Encoding: " + encoding + header.newline
    return version + b"Content-Type: " + kind + header.newline + said
