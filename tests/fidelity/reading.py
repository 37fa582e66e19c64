"""Reads a message like a mail program, by the standard library: its leaves, the displayed ones, their octets and text."""

import binascii
import email
import quopri
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from email.message import Message
from functools import cached_property

from tests.fidelity.visible import visible_text

ENCODINGS = frozenset("7bit 8bit binary quoted-printable base64 x-uuencode uuencode uue x-uue".split())

_KNOWN_AS = {
    "iso-8859-1": "cp1252",
    "latin-1": "cp1252",
    "iso-8859-9": "cp1254",
    "iso-8859-11": "cp874",
    "tis-620": "cp874",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "euc-kr": "cp949",
    "ks_c_5601-1987": "cp949",
    "shift_jis": "cp932",
    "iso-2022-jp": "iso2022_jp_ext",
}
"""Supersets that mail programs use for these names (WHATWG Encoding Standard, "Names and labels"). The name itself is tried first."""


@dataclass(frozen=True, eq=False)
class Leaf:
    """A part without parts, also in a forwarded message.

    Attributes:
        path: `1.2` is the second part of the first; `""` is the message itself.
        part: as parsed by the standard library.
        within: subtypes of the multiparts around it, the outermost first; `rfc822` for a forwarded message.
    """

    path: str
    part: Message
    within: tuple[str, ...]

    @cached_property
    def is_text(self) -> bool:
        """Whether a mail program displays it as text of the message."""
        if self.part.get_content_type() not in {"text/plain", "text/html"} or "rfc822" in self.within:
            return False
        return disposition(self.part) != "attachment"

    @property
    def is_html(self) -> bool:
        return self.part.get_content_subtype() == "html"

    @cached_property
    def source(self) -> str:
        """The body as it is in the message; octets over 127 as surrogates."""
        payload = self.part._payload  # QUIRK: get_payload() decodes 8-bit text, with replacement characters
        return payload if isinstance(payload, str) else ""

    @cached_property
    def encoding(self) -> str:
        """The first word of the field. QUIRK: `7-bit`, `quoted-printable;` and comments."""
        word = re.split(r"[\s;(]", str(self.part.get("content-transfer-encoding", "")).strip())[0].lower()
        return {"": "7bit", "7-bit": "7bit", "8-bit": "8bit"}.get(word, word)

    @cached_property
    def octets(self) -> bytes:
        """The decoded body; as it is if the encoding is unknown."""
        encoded = self.source.encode("ascii", "surrogateescape")
        if self.encoding == "quoted-printable":
            return quopri.decodestring(encoded)
        if self.encoding == "base64":
            return _from_base64(encoded)
        return encoded

    @cached_property
    def charset(self) -> str:
        """As declared, in lower case; `""` without declaration."""
        return re.split(r"[\s;(]", parameters(self.part).get("charset", "").strip(" \"'"))[0].lower()

    @cached_property
    def text(self) -> str:
        """The decoded text, with replacement characters where it cannot be decoded."""
        try:
            return self.octets.decode(self.charset or "ascii", "replace")
        except (LookupError, ValueError):
            return self.octets.decode("ascii", "replace")

    @cached_property
    def visible(self) -> str:
        return visible_text(self.text) if self.is_html else self.text

    def strict(self) -> str | None:
        """Return the text; None if it cannot be decoded by the declared charset."""
        return decoded(self.octets, self.charset or "ascii")

    def given(self, text: str) -> str:
        """Return a disclaimer in the form that this part gets: in ASCII if it is plain text in an unknown or undeclared charset."""
        is_known = self.charset not in {"", "ascii", "us-ascii"} and decoded(b"x", self.charset) is not None
        return text if self.is_html or is_known or self.strict() is not None else in_ascii(text)

    def readings(self) -> list[str]:
        """Return the texts that a mail program may display: by the declared charset, by its superset, by UTF-8 instead of ASCII."""
        names = [self.charset or "ascii", _KNOWN_AS.get(self.charset, "")]
        if self.charset in {"", "us-ascii", "ascii"}:
            names.append("utf-8")
        return [text for name in names if name and (text := decoded(self.octets, name)) is not None]


def in_ascii(text: str) -> str:
    return unicodedata.normalize("NFKD", text.replace("·", "*")).encode("ascii", "ignore").decode("ascii")


def decoded(octets: bytes, charset: str) -> str | None:
    try:
        return octets.decode(charset)
    except (LookupError, ValueError):
        return None


def _from_base64(encoded: bytes) -> bytes:
    """Decode base64 like mail programs: up to the first padding, without other characters."""
    wanted = re.sub(rb"[^A-Za-z0-9+/=]", b"", encoded)
    # CPython stops there too, but not since 3.13.5.
    letters = 0
    for found in re.finditer(rb"([^=]*)(=+)", wanted):
        letters += len(found[1])
        if letters % 4 >= 2 and letters % 4 + len(found[2]) >= 4:
            wanted = wanted[: found.end()]
            break
    wanted = wanted.replace(b"=", b"")
    try:
        return binascii.a2b_base64(wanted + b"===")
    except binascii.Error:  # one character more than whole groups
        return binascii.a2b_base64(wanted[:-1] + b"===")


def parse(raw: bytes) -> Message:
    return email.message_from_bytes(raw)


def walk(part: Message, path: str = "", within: tuple[str, ...] = ()) -> Iterator[tuple[str, Message, tuple[str, ...]]]:
    """Yield every part in the order of the message, with its path and the subtypes around it."""
    yield path, part, within
    payload = part.get_payload()
    if isinstance(payload, list):
        around = (*within, "rfc822" if part.get_content_maintype() == "message" else part.get_content_subtype())
        for number, child in enumerate(payload, 1):
            yield from walk(child, f"{path}.{number}".lstrip("."), around)


def leaves(message: Message) -> list[Leaf]:
    return [Leaf(*found) for found in walk(message) if not isinstance(found[1].get_payload(), list)]


def shown(part: Message, prefer: str) -> list[Message]:
    """Return the displayed text parts of a program that prefers `html` or `plain` in an alternative (RFC 2046 section 5.1.4)."""
    payload = part.get_payload()
    if not isinstance(payload, list):
        return [part] if Leaf("", part, ()).is_text else []
    if part.get_content_maintype() != "multipart":
        return []
    kind = part.get_content_subtype()
    if kind == "related":
        return shown(_root_of_related(part, payload), prefer)
    each = [shown(child, prefer) for child in payload]
    if kind == "alternative":
        return _chosen(each, prefer)
    if kind in {"signed", "report"}:
        return each[0] if each else []
    return [text for child in each for text in child]


def _chosen(alternatives: list[list[Message]], prefer: str) -> list[Message]:
    """Return the last alternative with the preferred kind, else the last one with text."""
    useful = [texts for texts in alternatives if texts]
    preferred = [texts for texts in useful if any(text.get_content_subtype() == prefer for text in texts)]
    return (preferred or useful or [[]])[-1]


def _root_of_related(part: Message, children: list[Message]) -> Message:
    start = parameters(part).get("start", "")
    return next((child for child in children if start and str(child.get("content-id", "")).strip() == start), children[0])


def disposition(part: Message) -> str:
    return str(part.get("content-disposition", "")).partition(";")[0].strip().lower()


def filename(part: Message) -> str:
    try:
        return part.get_filename("") or ""
    except (LookupError, ValueError, TypeError):
        return "?"


def parameters(part: Message) -> dict[str, str]:
    """Return the parameters of the content type, decoded only by RFC 2231; empty if the standard library fails."""
    try:
        found = part.get_params(failobj=[])
    except (LookupError, ValueError, TypeError):
        return {}
    return {name.lower(): value[2] if isinstance(value, tuple) else value for name, value in reversed(found[1:])}
