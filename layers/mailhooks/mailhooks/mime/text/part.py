"""Puts text into one text part: in its own charset and encoding when those can say it, else in UTF-8, with just its own fields changed."""

import html as entities
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Self

from mailhooks.mime import charset, transfer_encoding
from mailhooks.mime.edits import Edit
from mailhooks.mime.errors import CannotEdit, Reason
from mailhooks.mime.structure import Part

_PARAMETER: Final = re.compile(rb";\s*([^\s=;]+)\s*=\s*(\"(?:[^\"\\]|\\.)*\"|[^\s;]*)")
_NEWLINE: Final = re.compile(rb"\r?\n")
_LONG_HEADER_LINE: Final = 200
"""Octets after which a parameter goes on a line of its own."""

_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class TextPart:
    """A text part, decoded as far as octets.

    Attributes:
        octets: its content without the transfer encoding.
        newline: the line end that its content has.
    """

    raw: bytes
    part: Part
    octets: bytes
    newline: bytes

    @classmethod
    def open(cls, raw: bytes, part: Part) -> Self:
        """Raises:
        CannotEdit: the transfer encoding is unknown, or the charset one in which markup cannot be found.
        """
        octets = transfer_encoding.decode(raw[part.body : part.end], part.encoding)
        if not charset.is_ascii_superset(part.charset) and not charset.is_stateful(part.charset):
            raise CannotEdit(Reason.CHARSET)
        found = _NEWLINE.search(octets)
        return cls(
            raw, part, octets, found[0] if found else part.header.newline if part.encoding in transfer_encoding.IDENTITY else b"\r\n"
        )

    @property
    def is_html(self) -> bool:
        return self.part.subtype == "html"

    @property
    def is_flowed(self) -> bool:
        """RFC 3676: a line that ends in a space goes on in the next."""
        return self.part.params.get("format", "").strip().lower() == "flowed"

    @property
    def start(self) -> int:
        """Where content begins: behind a byte order mark."""
        return len(_BYTE_ORDER_MARK) if self.octets.startswith(_BYTE_ORDER_MARK) else 0

    def view(self) -> str:
        """A character for each octet: places in it are places in `octets`."""
        return charset.view(self.octets, self.part.charset)

    def decode(self, view: str) -> str:
        """A piece of `view` as real text, to look at."""
        return charset.decode_loosely(view.encode("latin-1"), self.part.charset)

    def lines(self) -> Iterator[str]:
        """The lines as real text, without their ends, each decoded when it is asked for."""
        start = 0
        for end in _NEWLINE.finditer(self.octets):
            yield charset.decode_loosely(self.octets[start : end.start()], self.part.charset)
            start = end.end()
        yield charset.decode_loosely(self.octets[start:], self.part.charset)

    def line_start(self, index: int) -> int:
        """The offset in `octets` of the line that `lines` has at `index`."""
        position = 0
        for _ in range(index):
            position = self.octets.index(b"\n", position) + 1
        return position

    def replace(self, start: int, end: int, text: str) -> list[Edit]:
        """The edits that put `text` (lines ended by LF) in place of the octets from `start` to `end`.

        Raises:
            CannotEdit: neither the part's charset nor UTF-8 can say it without guessing what is there.
        """
        return [*self._replacement(start, end, text), *self._ensure_line_break()]

    def _replacement(self, start: int, end: int, text: str) -> list[Edit]:
        lead, trail = charset.find_shifts(self.octets[:start], self.octets[end:], self.part.charset)
        said = self._encode(text, self.part.charset)
        said = None if said is None else lead + said + trail
        if said is not None and transfer_encoding.fits(said, self.part.encoding) and not self._breaks_line_rules(start, end, said):
            if start == end:
                part = self.part
                return [transfer_encoding.insert(self.raw, part.body, part.end, part.encoding, start, said, self._newline_of_header)]
            return self._reencode_body(self.octets[:start] + said + self.octets[end:], self.part.charset, self.part.encoding)
        if said is not None:
            return self._reencode_body(self.octets[:start] + said + self.octets[end:], self.part.charset, "quoted-printable")
        before, after = self._to_utf8(self.octets[:start]), self._to_utf8(trail + self.octets[end:])
        said = self._encode(text, "utf-8") or b""
        return self._reencode_body(before + said + after, "utf-8", "base64" if self.part.encoding == "base64" else "quoted-printable")

    def insert(self, at: int, text: str) -> list[Edit]:
        """The edits that put `text` (lines ended by LF) at an offset of `octets`. Raises as `replaced`."""
        return self.replace(at, at, text)

    def _breaks_line_rules(self, start: int, end: int, said: bytes) -> bool:
        """Whether a line of an identity encoding would become longer than mail may have, and than it was; or a delimiter, as of
        `--boundary<!--` in front of whose comment the text goes.
        """
        if self.part.encoding not in transfer_encoding.IDENTITY:
            return False
        before = self.octets[self.octets.rfind(b"\n", 0, start) + 1 : start]
        after = self.octets[end:].split(b"\n", 1)[0]
        old, new = before + self.octets[start:end] + after, before + said + after
        longest = max(map(len, _NEWLINE.split(new)))
        return longest > max(transfer_encoding.MAX_LINE, len(old)) or transfer_encoding.makes_delimiter(self.raw, self.part.body, old, new)

    def _ensure_line_break(self) -> list[Edit]:
        """A part without content has no line end of its own before the delimiter: the empty line behind its header serves for both."""
        end = self.part.end
        needs_line_break = end < len(self.raw) and not self.raw.startswith((b"\r\n", b"\n"), end)
        return [Edit(end, end, self._newline_of_header)] if needs_line_break else []

    @property
    def _newline_of_header(self) -> bytes:
        """Of the message, for encoded lines."""
        return self.part.header.newline

    def _encode(self, text: str, name: str) -> bytes | None:
        """The text in a charset, or None. HTML can say all in ASCII, by character references."""
        text = text.replace("\n", self.newline.decode("ascii"))
        codec = charset.find_codec(name)
        if self.is_html:
            if codec is not None and not charset.is_stateful(name):
                return text.encode(codec.name, "xmlcharrefreplace")
            # Even ASCII is not always said by its own octets: `~~` in HZ, `+-` in UTF-7.
            return text.encode("ascii", "xmlcharrefreplace").decode("ascii").encode(codec.name if codec else "ascii")
        if text.isascii() and not charset.is_stateful(name):
            return text.encode("ascii")
        if codec is None:
            return None
        try:
            said = text.encode(codec.name)
            # QUIRK: some codecs take a yen sign for a backslash, and say nothing.
            return said if said.decode(codec.name) == text else None
        except ValueError:
            return None

    def _to_utf8(self, octets: bytes) -> bytes:
        text = charset.decode(octets, self.part.charset)
        if text is None:
            raise CannotEdit(Reason.CHARSET)
        return text.encode("utf-8")

    def _reencode_body(self, octets: bytes, name: str, encoding: str) -> list[Edit]:
        """The whole body written again, and what its fields then must say."""
        part = self.part
        edits: list[Edit] = []
        body = octets if encoding in transfer_encoding.IDENTITY else transfer_encoding.encode(octets, encoding, self._newline_of_header)
        if encoding == "base64" and self.raw.endswith(b"\n", part.body, part.end):
            body += self._newline_of_header
        fields = b""
        if name != part.charset:
            edits, fields = self._charset_edits(name)
        if encoding != part.encoding:
            field = next(part.header.named("content-transfer-encoding"), None)
            if field is None:
                fields += b"Content-Transfer-Encoding: " + encoding.encode() + self._newline_of_header
            else:
                end = field.end - (2 if self.raw.endswith(b"\r\n", 0, field.end) else 1)
                edits.append(Edit(field.body, max(end, field.body), b" " + encoding.encode()))
        if fields:
            if part.start == 0 and not any(part.header.named("mime-version")):
                fields = b"MIME-Version: 1.0" + self._newline_of_header + fields
            edits.append(part.header.appended(fields))
        return [*edits, Edit(part.body, part.end, body)]

    def _charset_edits(self, name: str) -> tuple[list[Edit], bytes]:
        """Edits of the Content-Type field, or the field to add."""
        field = next(self.part.header.named("content-type"), None)
        if field is None:
            return [], b"Content-Type: text/plain; charset=" + name.encode() + self._newline_of_header
        value = self.raw[field.body : field.end]
        for parameter in _PARAMETER.finditer(value):
            if re.fullmatch(rb"charset\*?(\d+\*?)?", parameter[1], re.IGNORECASE):
                start = field.body + parameter.start(1)
                line = start - self.raw.rfind(b"\n", 0, start)
                fold = self._newline_of_header + b" " if line > _LONG_HEADER_LINE else b""
                return [Edit(start, field.body + parameter.end(2), fold + b"charset=" + name.encode())], b""
        end = field.body + len(value.rstrip(b" \t\r\n;"))
        # On a line of its own where the last one is long (RFC 5322 section 2.1.1).
        line = end - max(self.raw.rfind(b"\n", 0, end) + 1, field.start)
        fold = self._newline_of_header if line + len(name) > _LONG_HEADER_LINE else b""
        return [Edit(end, end, b";" + fold + b" charset=" + name.encode())], b""


def convert_to_html(text: str) -> str:
    """Plain text as an HTML fragment.

    >>> convert_to_html("a < b\\nc")
    'a &lt; b<br>\\nc'
    """
    return entities.escape(text, quote=False).replace("\n", "<br>\n")


def convert_to_flowed(text: str) -> str:
    """Plain text as fixed lines of a format=flowed part: none ends in a space, and those that might be taken for a quote or for an mbox
    separator are stuffed with one (RFC 3676 sections 4.2 and 4.4).
    """
    lines = (line if line == "-- " else line.rstrip(" ") for line in text.split("\n"))
    return "\n".join(f" {line}" if line.startswith((" ", ">", "From ")) else line for line in lines)
