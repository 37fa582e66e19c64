"""The text in attachments: text files, HTML, attached messages, RTF, Office files, OpenDocument, and these in a zip archive.

The content decides what a file is. PDFs and Office files up to 2003 are not read.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Final

from mailhooks.content import filetypes
from mailhooks.content.zip_archives import ArchiveReader, File
from mailhooks.deadline import Deadline
from mailhooks.mime import displayed_charset, filenames
from mailhooks.mime.html import unescape
from mailhooks.mime.html_text import extract_searchable_text
from mailhooks.mime.message import Message
from mailhooks.policy.facts.visible_text import read_visible_text

_MAX_OCTETS: Final = 16 * 1024 * 1024
"""Octets of all attachments of a message that are decoded and unpacked for their text: about a second."""
_MAX_XML: Final = 4 * 1024 * 1024
"""Octets of one part of an Office file, such as a worksheet."""
_MAX_FILES: Final = 1000
"""Files of one archive, and parts of one Office file, that are read."""

_MARK_OCTETS: Final = 100
"""Octets in which an XML declaration with a charset begins."""

_ZIP: Final = b"PK"
_RTF: Final = b"{\\rt"
_MESSAGES: Final = frozenset({".eml", ".mht", ".mhtml"})
_XML: Final = re.compile(r"\s*<\?xml\b|\s*<[\w:.-]+[^<>]*\bxmlns\b")
_XHTML: Final = re.compile(r"<(?:!doctype\s+)?html\b", re.IGNORECASE)
_CONTROLS: Final = re.compile(r"[\0-\x08\x0e-\x1a\x1c-\x1f]")
"""Characters that no text has (WHATWG, "MIME Sniffing", section 3)."""
_FIRST: Final = 4096
"""Characters of the beginning."""


@dataclass(frozen=True, slots=True)
class FileDescription:
    """The names and types that a message or an archive gives a file: extensions in lower case with their dot, type, charset."""

    extensions: frozenset[str]
    content_type: str = ""
    charset: str = ""


class TextReader:
    """Reads the texts of the attachments of one message, within bounds for all of them.

    Attributes:
        is_cut: whether a text was not read to its end.
    """

    def __init__(self, archives: ArchiveReader, limit: int, deadline: Deadline | None = None) -> None:
        """Make a reader of `limit` octets of each text, or characters of each Office file, until the deadline."""
        self._archives = archives
        self._limit = limit
        self._deadline = deadline
        self._left = _MAX_OCTETS
        self.is_cut = False

    def read(self, file: File, described: FileDescription) -> str:
        """Return the text of a file: `""` if it has none that is read. Never raises; time is linear, for any content."""
        return "\n".join(self._read(file, described, is_packed=False))

    def _read(self, file: File, described: FileDescription, *, is_packed: bool) -> Iterator[str]:
        if self._is_over():
            self.is_cut = True
            return
        beginning = file.beginning(filetypes.PREFIX_OCTETS)
        self._left -= len(beginning)
        if beginning.startswith(_ZIP):
            yield from self._read_archive(file, is_packed=is_packed)
        elif beginning.startswith(_RTF):
            from mailhooks.policy.facts.rtf_text import read_rtf  # Late: rare.

            yield read_rtf(self._take(file, self._limit))
        elif described.extensions & _MESSAGES or described.content_type.startswith("message/"):
            yield read_visible_text(Message(self._take(file, self._limit)), self._limit)
        elif not filetypes.is_binary(beginning, is_wide=True):
            yield self._read_text(file, beginning, described)

    def _is_over(self) -> bool:
        """Return whether no more octets are read, or the time is over."""
        return self._left <= 0 or (self._deadline is not None and not self._deadline.left())

    def _take(self, file: File, limit: int) -> bytes:
        """Return the first octets of a file, and count them."""
        limit = max(min(limit, self._left), 0)
        octets = file.beginning(limit + 1)
        self._left -= len(octets)
        self.is_cut = self.is_cut or len(octets) > limit
        return octets[:limit]

    def _read_text(self, file: File, beginning: bytes, described: FileDescription) -> str:
        octets = self._take(file, self._limit)
        is_html = "text/html" in filetypes.identify_all(beginning, described.extensions, described.content_type)
        declares_itself = is_html or b"<?xml" in octets[:_MARK_OCTETS]
        text = displayed_charset.decode(octets, described.charset, is_html=declares_itself, is_cut=len(octets) == self._limit)
        if _CONTROLS.search(text, 0, _FIRST):
            return ""
        if _XML.match(text) and not _XHTML.search(text, 0, _FIRST):
            # Data is in attributes, too, and elements do not split words.
            return unescape(text)
        return extract_searchable_text(text) if is_html else text

    def _read_archive(self, file: File, *, is_packed: bool) -> Iterator[str]:
        """Yield the text of an Office file or an OpenDocument, or the texts of the files in an archive that is in no other archive."""
        from mailhooks.policy.facts.office_text import LAST, OFFICE, OPEN_DOCUMENT  # Late: with the parser of XML.

        files = list(islice(self._archives.open_files(file), _MAX_FILES + 1))
        self.is_cut = self.is_cut or len(files) > _MAX_FILES
        names = {name for name, _ in files}
        if "[Content_Types].xml" in names:
            files.sort(key=lambda named: LAST.fullmatch(named[0]) is not None)
            yield self._read_parts([inner for name, inner in files if OFFICE.fullmatch(name)], in_paragraphs=False)
        elif "mimetype" in names and "content.xml" in names:
            yield self._read_parts([inner for name, inner in files if OPEN_DOCUMENT.fullmatch(name)], in_paragraphs=True)
        elif not is_packed:
            for name, inner in files[:_MAX_FILES]:
                yield from self._read(inner, FileDescription(filenames.find_extensions(name).last), is_packed=True)

    def _read_parts(self, parts: list[File], *, in_paragraphs: bool) -> str:
        from mailhooks.policy.facts.office_text import read_xml

        texts: list[str] = []
        left = self._limit
        for part in parts:
            if left <= 0 or self._is_over():
                self.is_cut = True
                break
            octets = self._take(part, _MAX_XML)
            # XML needs about twice the time of other texts.
            self._left -= len(octets)
            xml = displayed_charset.decode(octets, "", is_html=True, is_cut=True)
            text, is_whole = read_xml(xml, left, in_paragraphs=in_paragraphs)
            self.is_cut = self.is_cut or not is_whole
            left -= len(text)
            texts.append(text)
        return "\n".join(texts)
