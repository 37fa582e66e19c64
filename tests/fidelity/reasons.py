"""Reasons for which a message may stay unchanged, by the standard library and not by `mailhooks.mime`."""

import re
from collections.abc import Iterator
from email.message import Message

from tests.fidelity.reading import ENCODINGS, Leaf, disposition, filename, leaves, shown, walk
from tests.fidelity.visible import squeezed

_ARMOUR = "-----BEGIN PGP"
_OPAQUE = frozenset("pkcs7-mime x-pkcs7-mime pgp-encrypted x-microsoft-rpmsg-message".split())
_WHOLE = frozenset("signed encrypted report".split())


def reason(message: Message) -> str:
    """Return why a disclaimer must not be added, or `""`."""
    return next(_reasons(message), "")


def _reasons(message: Message) -> Iterator[str]:
    everything = leaves(message)
    own = [(part, within) for _, part, within in walk(message) if "rfc822" not in within]
    for part, within in own:
        if part.get_content_subtype() in _OPAQUE:
            yield "encrypted, or signed and opaque"
        if part.get_content_maintype() == "multipart" and part.get_content_subtype() in _WHOLE:
            yield part.get_content_subtype()
        if part.get_content_type() in {"message/partial", "message/external-body"} and not within:
            yield part.get_content_type()
    yield from _oddities(own)
    by_part = {id(leaf.part): leaf for leaf in everything}
    bodies = {id(part): by_part[id(part)] for prefer in ("plain", "html") for part in shown(message, prefer) if id(part) in by_part}
    if any(_ARMOUR in body.text for body in bodies.values()):
        yield "inline PGP"
    if not any(squeezed(body.visible) for body in bodies.values()):
        yield "no displayed text"
    if all(filename(body.part) for body in bodies.values()):
        yield "all text parts have a file name"
    for body in bodies.values():
        yield from _unreadable(body)


def _oddities(own: list[tuple[Message, tuple[str, ...]]]) -> Iterator[str]:
    """Yield defects with which programs read a message differently."""
    for part, _ in own:
        if part.defects:
            yield f"ambiguous: {type(part.defects[0]).__name__}"
        for name in ("content-type", "content-transfer-encoding"):
            if len(part.get_all(name, [])) > 1:
                yield f"ambiguous: two fields {name}"
        declared = str(part.get("content-type", "text/plain"))
        if not re.match(r"\s*[\w!#$&^.+-]+/[\w!#$&^.+-]+\s*(;|\(|$)", declared):
            yield "ambiguous: an invalid content type"
        if part.get_content_maintype() == "multipart" and not re.fullmatch(r"7bit|8bit|binary|", Leaf("", part, ()).encoding):
            yield "ambiguous: an encoded multipart"


def _unreadable(body: Leaf) -> Iterator[str]:
    if body.encoding not in ENCODINGS or "uu" in body.encoding:
        yield f"unreadable: an encoding named {body.encoding!r}"
    if body.charset in {"", "ascii", "us-ascii"} and not body.octets.isascii():
        yield "unreadable: 8-bit text in US-ASCII"
    if not body.readings():
        yield f"unreadable: not in the charset {body.charset or 'us-ascii'!r}"
    if disposition(body.part) not in {"", "inline"}:
        yield f"unreadable: a disposition {disposition(body.part)!r}"
    if body.is_html and re.search(r"<frameset", body.text, re.IGNORECASE):
        yield "frames"
