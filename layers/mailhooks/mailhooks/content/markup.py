"""The type of a text that a web browser runs, by its beginning and its name: HTML, SVG and scripts in markup.

A browser opens a file by its extension (`.html`), and a file without such an extension by its first tag (WHATWG, "MIME Sniffing", section
7.1). It skips white space, comments, processing instructions and doctypes before the first tag, as in HTML (WHATWG, "HTML", section
13.2.6.4.1) or as in XML. Both readings count.
"""

import html
import re
from typing import Final

from mailhooks.patterns import compile_late

HTML: Final = "text/html"
SVG: Final = "image/svg+xml"
HTA: Final = "application/hta"
SCRIPTLET: Final = "text/scriptlet"

KNOWN: Final = frozenset({HTML, SVG, HTA, SCRIPTLET})

_BY_EXTENSION: Final = {
    **dict.fromkeys((".html", ".htm", ".shtml", ".shtm", ".ehtml", ".xhtml", ".xhtm", ".xht"), HTML),
    ".hta": HTA,
    ".svg": SVG,
    ".svgz": SVG,
}
_BY_DECLARED_TYPE: Final = {"text/html": HTML, "application/xhtml+xml": HTML, "image/svg+xml": SVG, "application/hta": HTA}

_ENCODINGS: Final = (
    (compile_late(rb"\xef\xbb\xbf"), "utf-8"),
    (compile_late(rb"(?s)\xff\xfe\0\0.\0\0\0"), "utf-32-le"),
    (compile_late(rb"\0\0\xfe\xff"), "utf-32-be"),
    (compile_late(rb"\xff\xfe|(?:[\t\n\f\r ]\0)*+<\0"), "utf-16-le"),
    (compile_late(rb"\xfe\xff|(?:\0[\t\n\f\r ])*+\0<"), "utf-16-be"),
)
"""Marks of an encoding, and the first tag in UTF-16 without a mark (WHATWG, "HTML", section 13.2.3.2)."""

_SPACE: Final = r"[\s\0\ufeff]++"
_COMMENT: Final = r"<!--(?:-?>|.*?(?:--!?>|\Z))"
_HTML_PROLOG: Final = compile_late(rf"(?:{_SPACE}|{_COMMENT}|<[!?/].*?(?:>|\Z))*+", re.DOTALL)
_XML_PROLOG: Final = compile_late(
    rf"(?:{_SPACE}|<!--.*?(?:-->|\Z)|<\?.*?(?:\?>|\Z)|"
    r"<!doctype(?:[^\[>\"']++|\"[^\"]*+\"?+|'[^']*+'?+)*+(?:\[(?:[^\]\"'<]++|\"[^\"]*+\"?+|'[^']*+'?+|<!--.*?(?:-->|\Z)|<)*+\]?+\s*+)?+>?+)*+",
    re.DOTALL | re.IGNORECASE,
)
_DOCTYPE: Final = compile_late(r"<!doctype\s+(?:[\w.-]+:)?(html|svg)\b", re.IGNORECASE)
_TAG: Final = compile_late(r"<(?:[\w.-]+:)?([a-z][a-z0-9:.-]*)(?=[\s/>]|\Z)", re.IGNORECASE)
_FIRST_TAG: Final = compile_late(r"[\s\0\ufeff]*+<(!--|[!?/a-z])", re.IGNORECASE)

_SNIFFED: Final = frozenset("html head script iframe h1 div font table a style title b body br p".split())
"""The first tags that make a file without a type HTML."""
_SNIFFED_BEGINNING: Final = compile_late(rf"[\s\0\ufeff]*+<(?:{'|'.join(sorted(_SNIFFED))})", re.IGNORECASE)
"""QUIRK: Chromium compares only the beginning of the first tag: `<project>` is `<p`. It does so for no file with these extensions."""
_NEVER_SNIFFED: Final = frozenset({".xml", ".xsd", ".xsl", ".xslt", ".txt", ".csv", ".json", ".md", ".log"})

_NAMESPACES: Final = (("http://www.w3.org/1999/xhtml", HTML), ("http://www.w3.org/2000/svg", SVG))
_TRANSFORMS: Final = ("<?xml-stylesheet", "http://www.w3.org/1999/XSL/Transform")
"""XML with a transformation in it, which may write HTML."""

_HTA_TAG: Final = compile_late(r"<hta:application\b", re.IGNORECASE)
_SCRIPT_TAG: Final = compile_late(r"<script[\s>]", re.IGNORECASE)
_SCRIPT_FILES: Final = frozenset("job package component public:component scriptlet".split())
"""The first tags of the files of the Windows Script Host."""


def identify(beginning: bytes, extensions: frozenset[str] = frozenset(), declared: str = "") -> tuple[str, ...]:
    """Return the types of a text, the best one first; none if it is not markup.

    >>> identify(b"<!-- saved from url -->\\n<html><script>")
    ('text/html',)
    >>> identify(b"Dear all,", frozenset({".htm"})), identify(b"Dear all, <b>")
    (('text/html',), ())

    Args:
        beginning: the first octets of the file.
        extensions: of its names, in lower case and with their dot.
        declared: its declared type.
    """
    named = [_BY_EXTENSION[extension] for extension in sorted(extensions & _BY_EXTENSION.keys())]
    text = _decode(beginning)
    sniffed = [] if extensions & _NEVER_SNIFFED or not _SNIFFED_BEGINNING.match(text) else [HTML]
    by_type = [_BY_DECLARED_TYPE[declared]] if declared in _BY_DECLARED_TYPE else []
    return tuple(dict.fromkeys([*_by_content(text), *sniffed, *named, *by_type]))


def _decode(beginning: bytes) -> str:
    encoding = next((encoding for mark, encoding in _ENCODINGS if mark.match(beginning)), "latin-1")
    return beginning.decode(encoding, "replace")


def _by_content(text: str) -> list[str]:
    first = _FIRST_TAG.match(text)
    if not first:
        return []
    found = []
    if _HTA_TAG.search(text):
        found.append(HTA)
    ends = [prolog.end() for pattern in (_XML_PROLOG, _HTML_PROLOG) if (prolog := pattern.match(text))]
    tags = {tag[1].lower() for end in ends if (tag := _TAG.match(text, end))}
    doctypes = {each[1].lower() for each in _DOCTYPE.finditer(text, 0, max(ends))}
    if tags & _SCRIPT_FILES and _SCRIPT_TAG.search(text):
        found.append(SCRIPTLET)
    if "svg" in tags | doctypes:
        found.append(SVG)
    if first[1] == "!--" or "html" in doctypes or tags & _SNIFFED:
        found.append(HTML)
    if not found:
        # Character references may hide the namespace.
        unescaped = html.unescape(text)
        found += [kind for namespace, kind in _NAMESPACES if namespace in unescaped]
        if all(part in unescaped for part in _TRANSFORMS):
            found.append(HTML)
    return found
