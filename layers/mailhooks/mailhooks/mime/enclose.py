"""Parts built around what is there: a message inside of a new one, a text beside a body that has none, images beside an HTML part.

As everywhere, by splices: what is enclosed keeps its octets and its order, and the new lines stand around it.
"""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from . import transfer
from .edit import Edit, splice
from .headers import HeaderBlock
from .headers import scan as scan_header
from .scan import Part

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


def text_part(text: str, html: str, newline: bytes, boundaries: Sequence[bytes], images: Sequence[Image] = ()) -> bytes:
    """A part, header and all, that shows `text` and `html` as alternatives (RFC 2046 section 5.1.4), the latter with its images. Ends
    without a line end.

    Args:
        boundaries: two, for the alternative and for the images.
    """
    alternative, related = boundaries
    shown = _leaf("html", html, newline)
    if images:
        head = b'Content-Type: multipart/related; type="text/html"; boundary="' + related + b'"'
        attached = b"".join(image_parts(images, related, newline))
        shown = newline.join([head, b"", b"--" + related, shown + attached, b"--" + related + b"--"])
    head = b'Content-Type: multipart/alternative; boundary="' + alternative + b'"'
    delimiter = b"--" + alternative
    return newline.join([head, b"", delimiter, _leaf("plain", text, newline), delimiter, shown, delimiter + b"--"])


def _leaf(subtype: str, content: str, newline: bytes) -> bytes:
    fields = f"Content-Type: text/{subtype}; charset=utf-8\nContent-Transfer-Encoding: quoted-printable\n\n".encode()
    octets = content.replace("\n", newline.decode("ascii")).encode("utf-8")
    return fields.replace(b"\n", newline) + transfer.encode(octets, "quoted-printable", newline)


def in_a_message(raw: bytes, root: Part, cover: bytes, boundary: bytes) -> list[Edit]:
    """A new message with the fields of the original, but for those of its content: first the part `cover`, then the original as
    `message/rfc822`, octet for octet.
    """
    encoding = "7bit" if raw.isascii() else "8bit"
    inner = f"Content-Type: message/rfc822\nContent-Disposition: inline\nContent-Transfer-Encoding: {encoding}\n\n"
    return _enclosed(raw, root, cover, inner.encode().replace(b"\n", root.header.newline) + raw[: root.body], boundary)


def beside(raw: bytes, root: Part, cover: bytes, boundary: bytes) -> list[Edit]:
    """The part `cover`, then the message's own body as a part of its own, which takes the Content- fields along."""
    inner = b"".join(raw[field.start : field.end] for field in root.header.fields if field.lname.startswith(_CONTENT))
    return _enclosed(raw, root, cover, inner + root.header.newline, boundary)


def _enclosed(raw: bytes, root: Part, cover: bytes, inner: bytes, boundary: bytes) -> list[Edit]:
    newline = root.header.newline
    delimiter = b"--" + boundary
    before = newline.join([delimiter, cover, delimiter, b""]) + inner
    blank = b"" if root.body > root.header.end else newline
    return [
        *_without_content_fields(root.header),
        root.header.appended(_fields(root.header, b'multipart/mixed; boundary="' + boundary + b'"')),
        Edit(root.body, root.body, blank + before),
        Edit(len(raw), len(raw), newline + delimiter + b"--" + newline),
    ]


def with_images(raw: bytes, part: Part, edits: Sequence[Edit], images: Sequence[Image], boundary: bytes) -> list[Edit]:
    """`edits` of an HTML part, and images beside it in a `multipart/related` (RFC 2387) that takes the part's place."""
    newline = part.header.newline
    of_header = [Edit(e.start - part.start, e.end - part.start, e.new) for e in edits if e.start < part.body]
    of_body = [edit for edit in edits if edit.start >= part.body]
    header = splice(raw[part.start : part.header.end], of_header)
    block = scan_header(header)
    content = [header[field.start : field.end] for field in block.fields if field.lname.startswith(_CONTENT)]
    outer = [header[field.start : field.end] for field in block.fields if not field.lname.startswith(_CONTENT)]
    kind = b'multipart/related; type="text/html"; boundary="' + boundary + b'"'
    delimiter = b"--" + boundary
    blank = b"" if part.body > part.header.end else newline
    return [
        Edit(part.start, part.header.end, b"".join([*outer, _fields(block, kind, of_message=part.start == 0)])),
        Edit(part.body, part.body, blank + delimiter + newline + b"".join(content) + newline),
        *of_body,
        Edit(part.end, part.end, b"".join(image_parts(images, boundary, newline)) + newline + delimiter + b"--" + newline),
    ]


def image_parts(images: Iterable[Image], boundary: bytes, newline: bytes) -> Iterator[bytes]:
    """Each image as a part, from the line end before its delimiter to its last octet."""
    for image in images:
        yield newline + b"--" + boundary + newline
        yield f"Content-Type: image/{image.subtype}\nContent-ID: <{image.content_id}>\n".encode().replace(b"\n", newline)
        yield b"Content-Disposition: inline" + newline + b"Content-Transfer-Encoding: base64" + newline + newline
        yield transfer.encode(image.content, "base64", newline)


def boundary_for(raw: bytes, purpose: str) -> bytes:
    """A boundary that is nowhere in `raw`; the same for the same message, so that a second run writes the same octets."""
    digest = hashlib.sha256(purpose.encode() + raw[:65536] + str(len(raw)).encode()).hexdigest()
    boundary = f"=_mailhooks_{digest[:24]}".encode()
    while boundary in raw:
        boundary += b"_"
    return boundary


def _without_content_fields(header: HeaderBlock) -> list[Edit]:
    return [Edit(field.start, field.end, b"") for field in header.fields if field.lname.startswith(_CONTENT)]


def _fields(header: HeaderBlock, kind: bytes, *, of_message: bool = True) -> bytes:
    version = b"" if any(header.named("mime-version")) or not of_message else b"MIME-Version: 1.0" + header.newline
    return version + b"Content-Type: " + kind + header.newline
