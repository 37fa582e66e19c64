"""Inserts text into one text part: in its own charset and encoding if possible, else in UTF-8. Only its own fields change."""

import html as entities
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Final, Self

from mailhooks.mime import charset, transfer_encoding
from mailhooks.mime.edits import CannotEdit, Edit, Reason
from mailhooks.mime.headers import Field
from mailhooks.mime.message import Part
from mailhooks.patterns import compile_late

_PARAMETER: Final = compile_late(rb";\s*([^\s=;]+)\s*=\s*(\"(?:[^\"\\]|\\.)*\"|[^\s;]*)")
_NEWLINE: Final = compile_late(rb"\r?\n")
_ANY_NEWLINE: Final = compile_late(rb"\r\n?|\n")
_LONG_HEADER_LINE: Final = 200
"""Octets of a header line after which a parameter is folded to the next line."""

_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class TextPart:
    """A text part without its transfer encoding.

    Attributes:
        octets: its content, decoded from the transfer encoding but not from the charset. UTF-16 and UTF-32 are converted to UTF-8 here.
        newline: the line end of its content.
        charset: of `octets`, as `Part.charset`, which parses it at each call.
        wide: Python's codec of the content in UTF-16 or UTF-32; `""` for other charsets.
        same_start: whether all programs find the same start.
        same_header: whether all programs find the same Content- fields, which may then be edited.
        same_encoding: whether all programs decode what is added alike. If not, the body and its fields are written in quoted-printable.
        any_flowed: whether a program reads it as format=flowed.
    """

    raw: bytes
    part: Part
    octets: bytes
    newline: bytes
    charset: str
    wide: str = ""
    same_start: bool = True
    same_header: bool = True
    same_encoding: bool = True
    any_flowed: bool = False

    @classmethod
    def open(cls, raw: bytes, part: Part) -> Self:
        """Decode the transfer encoding of a text part.

        Raises:
            CannotEdit: the transfer encoding is unknown, or markup cannot be found in the charset.
        """
        octets = transfer_encoding.decode(raw[part.body : part.end], part.encoding)
        name, wide = part.charset, ""
        if not (charset.accepts_ascii(octets, name) or charset.is_stateful(name)):
            wide = charset.find_wide_codec(octets, name)
            octets, name = _convert_to_utf8(octets, wide), "utf-8"
        # QUIRK: programs encode the bare CR of old systems.
        has_cr = part.encoding not in transfer_encoding.IDENTITY and octets.count(b"\r") > octets.count(b"\r\n") + octets.count(b"\n")
        found = (_ANY_NEWLINE if has_cr else _NEWLINE).search(octets)
        if found and found[0] == b"\n" and part.encoding == "quoted-printable":
            # QUIRK: programs encode the LF of other systems. A line end that is not encoded is that of the message.
            found = _NEWLINE.search(raw, part.body, part.end)
        newline = found[0] if found else part.header.newline if part.encoding != "base64" else b"\r\n"
        return cls(raw, part, octets, newline, name, wide)

    @property
    def is_html(self) -> bool:
        return self.part.subtype == "html"

    @property
    def is_flowed(self) -> bool:
        """Whether it is format=flowed: a line that ends in a space continues on the next line (RFC 3676)."""
        return self.any_flowed or self.part.params.get("format", "").strip().lower() == "flowed"

    @property
    def start(self) -> int:
        """The offset of the content, after a byte order mark."""
        return len(_BYTE_ORDER_MARK) if self.octets.startswith(_BYTE_ORDER_MARK) else 0

    def view(self) -> str:
        """Return one character for each octet: an offset in it is an offset in `octets`."""
        return charset.view(self.octets, self.charset)

    def decode(self, view: str) -> str:
        """Decode a piece of `view` by the charset, with replacement characters where it cannot be decoded."""
        return charset.decode_loosely(view.encode("latin-1"), self.charset)

    def lines(self) -> Iterator[str]:
        """Yield the lines without their ends, decoded one by one."""
        start = 0
        for end in self._line_ends():
            yield charset.decode_loosely(self.octets[start : end.start()], self.charset)
            start = end.end()
        yield charset.decode_loosely(self.octets[start:], self.charset)

    def line_start(self, index: int) -> int:
        """Return the offset in `octets` of a line, by its index in `lines`."""
        return next(islice(self._line_ends(), index - 1, None)).end() if index else 0

    def _line_ends(self) -> Iterator[re.Match[bytes]]:
        return (_ANY_NEWLINE if self.newline == b"\r" else _NEWLINE).finditer(self.octets)

    def replace(self, start: int, end: int, text: str) -> list[Edit]:
        """Return the edits that replace the octets from `start` to `end` by text, whose lines end in LF.

        Raises:
            CannotEdit: the part's charset cannot encode the text, and its content cannot be converted to UTF-8.
        """
        edits, part = self._replacement(start, end, text), self.part
        return [*edits, Edit(part.end, part.end, self._line_end)] if part.shares_line_end(self.raw) else edits

    def _replacement(self, start: int, end: int, text: str) -> list[Edit]:
        if self.wide:
            return self._wide_replacement(start, end, text)
        lead, trail = charset.find_shifts(self.octets[:start], self.octets[end:], self.charset)
        encoded = self._encode(text, self.charset)
        encoded = None if encoded is None else lead + encoded + trail
        if encoded is not None:
            part = self.part
            fits = (
                self.same_encoding and transfer_encoding.fits(encoded, part.encoding) and not self._breaks_line_rules(start, end, encoded)
            )
            if fits and start == end:
                return [transfer_encoding.insert(self.raw, part.body, part.end, part.encoding, start, encoded, self._line_end)]
            encoding = part.encoding if fits else "quoted-printable"
            return self._reencode_body(self.octets[:start] + encoded + self.octets[end:], self.charset, encoding)
        before, after = self._to_utf8(self.octets[:start]), self._to_utf8(trail + self.octets[end:])
        encoded = self._encode(text, "utf-8") or b""
        return self._reencode_body(before + encoded + after, "utf-8", "base64" if self.part.encoding == "base64" else "quoted-printable")

    def _wide_replacement(self, start: int, end: int, text: str) -> list[Edit]:
        """Return the edits of a part in UTF-16 or UTF-32. An identity encoding gets octets, any other becomes base64."""
        before, after = (octets.decode("utf-8").encode(self.wide) for octets in (self.octets[:start], self.octets[end:]))
        encoded = text.replace("\n", self.newline.decode("ascii")).encode(self.wide, "replace")
        if self.part.encoding in transfer_encoding.IDENTITY:
            return [Edit(self.part.body + len(before), self.part.end - len(after), encoded)]
        return self._reencode_body(before + encoded + after, self.charset, "base64")

    def insert(self, at: int, text: str) -> list[Edit]:
        """Return the edits that insert text at an offset of `octets`. Raises as `replace`."""
        return self.replace(at, at, text)

    def _breaks_line_rules(self, start: int, end: int, encoded: bytes) -> bool:
        """Return whether inserted octets would make a line too long, or a delimiter. Only in an identity encoding.

        A line may already be too long before. A delimiter is possible where text is inserted before the comment of `--boundary<!--`.
        """
        if self.part.encoding not in transfer_encoding.IDENTITY:
            return False
        before = self.octets[self.octets.rfind(b"\n", 0, start) + 1 : start]
        after = self.octets[end:].split(b"\n", 1)[0]
        old, new = before + self.octets[start:end] + after, before + encoded + after
        longest = max(map(len, _NEWLINE.split(new)))
        return longest > max(transfer_encoding.MAX_LINE, len(old)) or transfer_encoding.makes_delimiter(self.raw, self.part.body, old, new)

    @property
    def _line_end(self) -> bytes:
        """The line end of the header, for encoded lines."""
        return self.part.header.newline

    def _encode(self, text: str, name: str) -> bytes | None:
        """Encode text in a charset, HTML with character references where necessary; None if the charset cannot encode it."""
        text = text.replace("\n", self.newline.decode("ascii"))
        codec = charset.find_codec(name)
        if self.is_html:
            if codec is not None and not charset.is_stateful(name):
                return text.encode(codec.name, "xmlcharrefreplace")
            # Some charsets encode ASCII characters by other octets: `~~` in HZ, `+-` in UTF-7.
            return text.encode("ascii", "xmlcharrefreplace").decode("ascii").encode(codec.name if codec else "ascii")
        if text.isascii() and not charset.is_stateful(name):
            return text.encode("ascii")
        if codec is None:
            return None
        try:
            encoded = text.encode(codec.name)
            # QUIRK: some codecs encode a yen sign as a backslash without an error.
            return encoded if encoded.decode(codec.name) == text else None
        except ValueError:
            return None

    def _to_utf8(self, octets: bytes) -> bytes:
        text = charset.decode(octets, self.charset)
        if text is None:
            raise CannotEdit(Reason.CHARSET)
        return text.encode("utf-8")

    def _reencode_body(self, octets: bytes, name: str, encoding: str) -> list[Edit]:
        """Return the edits that write the whole body again, with a charset and encoding, and update the fields."""
        part = self.part
        keeps_encoding = self.same_encoding and encoding == part.encoding
        if not self.same_header and not (keeps_encoding and name == self.charset):
            raise CannotEdit(Reason.HEADER)
        edits: list[Edit] = []
        body = octets if encoding in transfer_encoding.IDENTITY else transfer_encoding.encode(octets, encoding, self._line_end)
        if encoding == "base64" and self.raw.endswith(b"\n", part.body, part.end):
            body += self._line_end
        fields = b""
        if name != self.charset:
            edits, fields = self._charset_edits(name)
        if not keeps_encoding:
            present = list(part.header.named("content-transfer-encoding"))
            if not present:
                fields += b"Content-Transfer-Encoding: " + encoding.encode() + self._line_end
            for field in present:
                end = field.end - (2 if self.raw.endswith(b"\r\n", 0, field.end) else 1)
                edits.append(Edit(field.body, max(end, field.body), b" " + encoding.encode()))
        if fields:
            if part.start == 0 and not any(part.header.named("mime-version")):
                fields = b"MIME-Version: 1.0" + self._line_end + fields
            edits.append(part.header.appended(fields))
        return [*edits, Edit(part.body, part.end, body)]

    def _charset_edits(self, name: str) -> tuple[list[Edit], bytes]:
        """Return the edits of the Content-Type field, perhaps twice alike, or the field to add."""
        present = list(self.part.header.named("content-type"))
        if not present:
            return [], b"Content-Type: text/plain; charset=" + name.encode() + self._line_end
        return [self._charset_edit(field, name) for field in present], b""

    def _charset_edit(self, field: Field, name: str) -> Edit:
        value = self.raw[field.body : field.end]
        for parameter in _PARAMETER.finditer(value):
            if re.fullmatch(rb"charset\*?(\d+\*?)?", parameter[1], re.IGNORECASE):
                start = field.body + parameter.start(1)
                line = start - self.raw.rfind(b"\n", 0, start)
                fold = self._line_end + b" " if line > _LONG_HEADER_LINE else b""
                # An empty value has no end of its own.
                end = field.body + len(value[: parameter.end(2)].rstrip(b" \t\r\n"))
                return Edit(start, end, fold + b"charset=" + name.encode())
        end = field.body + len(value.rstrip(b" \t\r\n;"))
        # Folded if the last line is long (RFC 5322 section 2.1.1).
        line = end - max(self.raw.rfind(b"\n", 0, end) + 1, field.start)
        fold = self._line_end if line + len(name) > _LONG_HEADER_LINE else b""
        return Edit(end, end, b";" + fold + b" charset=" + name.encode())


def _convert_to_utf8(octets: bytes, codec: str) -> bytes:
    """Convert text in UTF-16 or UTF-32 to UTF-8, if that can be reversed."""
    try:
        text = octets.decode(codec)
        if text.encode(codec) == octets and not text.startswith("\ufffe"):
            return text.encode("utf-8")
    except (LookupError, ValueError):
        pass
    raise CannotEdit(Reason.CHARSET)


def convert_to_html(text: str) -> str:
    """Return plain text as an HTML fragment.

    >>> convert_to_html("a < b\\nc")
    'a &lt; b<br>\\nc'
    """
    return entities.escape(text, quote=False).replace("\n", "<br>\n")


def convert_to_flowed(text: str) -> str:
    """Return plain text as lines of a format=flowed part.

    No line ends in a space. A line that could be read as a quote or as an mbox separator begins with one (RFC 3676 sections 4.2 and 4.4).
    """
    lines = (line if line == "-- " else line.rstrip(" ") for line in text.split("\n"))
    return "\n".join(f" {line}" if line.startswith((" ", ">", "From ")) else line for line in lines)
