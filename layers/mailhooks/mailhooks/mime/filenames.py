"""The file names of a part (RFC 2183), and the extensions of a name without the characters that hide them."""

import itertools
import re
import unicodedata
from collections.abc import Iterator
from typing import Final, NamedTuple
from urllib.parse import unquote

from mailhooks.mime import encoded_words
from mailhooks.mime.headers import UNDISPUTED, is_bounded, parse_parameters, parse_strictly, remove_comments
from mailhooks.mime.message import Part
from mailhooks.patterns import compile_late

_PLAIN: Final = compile_late(rb"(;\s*)(file)?name(\s*=)", re.IGNORECASE)
_NAMED: Final = compile_late(r"(?:file)?name(?:\W.*)?", re.DOTALL)
_ANYWHERE: Final = compile_late(rb"name[^=;]{0,20}=\s*\"?([^\";]+)", re.IGNORECASE)

_LOOSE: Final = compile_late(rb"(?<![\w*-])(?:file)?name\s*(?:\*[0-9*]*\s*)?=\s*\"?([^\";]+)", re.IGNORECASE)
_FIRST_PIECE: Final = compile_late(rb"name\*0+\*?\s*=\s*\"?([^\";]+)", re.IGNORECASE)

_LONGEST_NAME: Final = 255
"""Characters that are read, from the end of a name: file systems accept no more, and normalization of hostile text is not linear."""

_HIDDEN: Final = compile_late("[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0000-\U000e0fff]")
"""Invisible characters that are no control characters: Default_Ignorable_Code_Point of Unicode, and the empty braille pattern."""

_FULL_STOPS: Final = str.maketrans(dict.fromkeys("\u3002\u06d4\u0701\u0702\u0660\u06f0\ua4f8\ua60e\U00010a50\U0001d16d", "."))
"""Full stops of other scripts, and characters that look like one (UTS 39). NFKC replaces the full-width and small ones."""

_WORD: Final = compile_late(r"[^;,:\"?&#<>|@\u2018-\u201f]+")
"""The beginning of an extension that programs may cut at a special character: `exe` of `exe;x`."""

_STREAM: Final = compile_late(r"(?::[^\s:.]*)+$")
"""QUIRK: NTFS opens `a.exe::$DATA` and `a.exe:x` as streams of a.exe."""

_DOMAINS: Final = frozenset({".com", ".app", ".zip", ".sh", ".pl", ".py", ".ps", ".mov", ".md", ".rs"})
"""Extensions that also end host names: `example.com.pdf` is a report about a site, not a hidden program."""


class Extensions(NamedTuple):
    """The extensions of a name, in lower case, each with its dot.

    Attributes:
        last: the extension that programs use. A name with a NUL may have two, a name without a dot has none.
        inner: extensions before the last one, such as `.exe` in `invoice.exe.txt`, without those of host names.
    """

    last: frozenset[str]
    inner: frozenset[str]


def find_filename(raw: bytes, part: Part) -> str:
    """Return the file name of a part, decoded: `filename` of its disposition, or else `name` of its type; `""` if there is none.

    QUIRK: mailers use, apart from RFC 2231, RFC 2047 encoded words and raw UTF-8, which no RFC allows.
    """
    for name, parameter in (("content-disposition", "filename"), ("content-type", "name")):
        found = next(part.header.named(name), None)
        if found is not None and (called := parse_parameters(found.value(raw)).get(parameter)):
            return called
    return ""


def find_all_filenames(raw: bytes, part: Part) -> tuple[str, ...]:
    """Return every file name in the Content-Disposition and Content-Type fields of a part, decoded, each once.

    Mail programs differ over the name they use when there are several: `filename` and `name`, the plain and the extended form of either
    (RFC 2231 section 4), repeated parameters and repeated fields. They also differ over the end of a name: `a.exe (x)` is the name, or
    `a.exe` and a comment (RFC 2045 section 5.1). A rule about names has to check all of them.
    """
    found: dict[str, None] = {}
    values = part.header.values_with_name(raw)
    for value in dict.fromkeys((*values, *map(encoded_words.join_base64, values))):
        for reading in _readings(value):
            found.update(dict.fromkeys(_names(reading)))
        if b"\n" in value or not found:
            # Other text is between the name and the parameter before it, such as a line that some programs skip.
            found.update(dict.fromkeys(map(encoded_words.decode, _LOOSE.findall(value))))
        if b"*0" in value and b"*1" not in value:
            # Programs read a name in pieces up to the first piece that is missing.
            found.update((unquote(encoded_words.decode(piece)).rpartition("'")[2], None) for piece in _FIRST_PIECE.findall(value))
    return tuple(name for name in found if name)


def _readings(value: bytes) -> list[bytes]:
    """Return the field as it is and, if programs may read it differently, without comments, by the strict grammar, and both."""
    if UNDISPUTED.fullmatch(value):
        return [value]
    uncommented = remove_comments(value)
    return list(dict.fromkeys((value, uncommented, _strict(value), _strict(uncommented))))


def _strict(value: bytes) -> bytes:
    named = ((name, text) for name, text in parse_strictly(value) if b"name" in name)
    return b"strict" + b"".join(b'; %s="%s"' % (name, text.replace(b"\\", b"/").replace(b'"', b"")) for name, text in named)


def _names(value: bytes) -> list[str]:
    number = itertools.count()
    # Numbered, so that neither a repetition nor the extended form replaces the plain form.
    apart = _PLAIN.sub(lambda m: b"%s%sname-%d%s" % (m[1], m[2] or b"", next(number), m[3]), value)
    # In a field that is too long for `parse_parameters`, names are searched less exactly.
    read = parse_parameters(apart) if is_bounded(apart) else {}
    if not read:
        return [encoded_words.decode(name) for name in _ANYWHERE.findall(value)]
    return [text for name, text in read.items() if _NAMED.fullmatch(name)]


def find_fallback_names(raw: bytes, part: Part) -> tuple[str, ...]:
    """Return the names that some programs give to a part without a file name, from its Content-Location and Content-Description."""
    if part.header.values_with_name(raw):
        return ()
    names = []
    for field in part.header.fields:
        if field.lname == "content-location":
            # The last segment of the path (RFC 2557 section 4.2), and never the host.
            path = re.sub(rb"\A[a-z][a-z0-9+.-]*://[^/?#]*", b"", field.value(raw), flags=re.IGNORECASE)
            names.append(re.split(rb"[?#]", path)[0].rpartition(b"/")[2])
        elif field.lname == "content-description":
            names.append(field.value(raw))
    return tuple(filter(None, map(encoded_words.decode, names)))


def make_printable(name: str) -> str:
    """Return a name that can be displayed: one line of at most 120 characters, without control and direction characters.

    >>> make_printable("invoice\\u202efdp.exe")
    'invoicefdp.exe'
    """
    name = name if len(name) <= 1000 else f"{name[:500]}…{name[-500:]}"
    text = " ".join("".join(map(_visible, name)).split())
    return text if len(text) <= 120 else f"{text[:80]}…{text[-39:]}"


def _visible(char: str) -> str:
    if char.isprintable():
        return "" if _HIDDEN.match(char) else char
    return " " if unicodedata.category(char) in {"Cc", "Zs", "Zl", "Zp"} else ""


def find_extensions(name: str) -> Extensions:
    """Return the extensions of a name, as a program that opens the file reads them.

    Direction, zero-width and control characters are removed, and full-width letters and dots are replaced by ASCII. Dots and white space at
    the end do not count, as on Windows.

    >>> sorted(find_extensions("Invoice.PDF\\u200b.e\\u202exe. .").last)
    ['.exe']
    """
    # QUIRK: in a program written in C the name ends at the NUL. Browsers and web mail decode percent-encoding.
    names = {name, name.partition("\0")[0]}
    if "%" in name:
        names |= {unquote(each[-3 * _LONGEST_NAME :]) for each in names}
    if "=?" in name:
        # QUIRK: some programs decode encoded words once more.
        names.add(encoded_words.decode(name[-3 * _LONGEST_NAME :].encode("utf-8", "replace")))
    if "+A" in name:
        names.add(name[-3 * _LONGEST_NAME :].encode("utf-7" if not name.isascii() else "ascii").decode("utf-7", "replace"))
    readings = [_suffixes(reading) for reading in names]
    last = {suffix for suffixes in readings for suffix in _cut(suffixes[-1:])}
    inner = {suffix for suffixes in readings for suffix in _cut(suffixes[:-1])}
    return Extensions(frozenset(last), frozenset(inner - last - _DOMAINS))


def _cut(suffixes: list[str]) -> Iterator[str]:
    """Yield extensions, and their beginnings up to a character at which programs cut a name."""
    for suffix in suffixes:
        yield suffix
        if (word := _WORD.match(suffix)) and (cut := word[0].rstrip()) not in {suffix, "."}:
            yield cut


def _suffixes(name: str) -> list[str]:
    text = unicodedata.normalize("NFKC", name[-_LONGEST_NAME:]).translate(_FULL_STOPS)
    text = _HIDDEN.sub("", "".join(char for char in text if unicodedata.category(char) not in {"Cc", "Cf", "Cs"}))
    text = re.split(r"[/\\]", text.rstrip(" ./\\\"'"))[-1]
    pieces = _STREAM.sub("", text).rstrip(" .").lower().split(".")
    return [f".{piece.strip()}" for piece in pieces[1:] if piece.strip()]
