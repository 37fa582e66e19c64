"""The text of a document in Rich Text Format (Microsoft, "Rich Text Format Specification", version 1.9.1)."""

import re
from dataclasses import dataclass, replace
from typing import Final

from mailhooks.mime import charset

_TOKEN: Final = re.compile(
    rb"\\(?P<word>[a-zA-Z]{1,32})(?P<number>-?\d{1,10})?+ ?|\\'(?P<hex>[0-9a-fA-F]{2})|\\(?P<symbol>[^a-zA-Z'])|(?P<group>[{}])|"
    rb"(?P<text>[^\\{}\r\n]++)",
    re.DOTALL,
)

_NOT_DISPLAYED: Final = frozenset(
    rb"""fonttbl colortbl stylesheet info pict objdata fldinst themedata colorschememapping datastore latentstyles listtable
    listoverridetable rsidtbl generator xmlnstbl filetbl revtbl sp""".split()
)
"""Destinations without text for the reader. So is each one after `\\*`, but the text of shapes and of footnotes."""
_DISPLAYED: Final = frozenset({b"shptxt", b"footnote", b"annotation", b"shpinst"})

_CHARACTERS: Final = {
    **dict.fromkeys((b"par", b"line", b"cell", b"row", b"nestcell", b"nestrow", b"sect", b"page", b"column"), "\n"),
    **{b"tab": "\t", b"emdash": "\u2014", b"endash": "\u2013", b"bullet": "\u2022", b"emspace": " ", b"enspace": " "},
    **{b"lquote": "\u2018", b"rquote": "\u2019", b"ldblquote": "\u201c", b"rdblquote": "\u201d"},
}
_SYMBOLS: Final = {b"\\": "\\", b"{": "{", b"}": "}", b"~": " ", b"_": "-", b"\r": "\n", b"\n": "\n"}

_CHARSETS: Final = {
    77: "mac_roman", 128: "cp932", 129: "cp949", 134: "gbk", 136: "cp950", 161: "cp1253", 162: "cp1254", 163: "cp1258", 177: "cp1255",
    178: "cp1256", 186: "cp1257", 204: "cp1251", 222: "cp874", 238: "cp1250",
}  # fmt: skip
"""Codecs of fonts, by `\\fcharset`."""
_DEFAULT: Final = "cp1252"


@dataclass(frozen=True, slots=True)
class _State:
    """The state of a group, which its end restores."""

    is_displayed: bool = True
    in_fonts: bool = False
    codec: str = ""
    fallback: int = 1
    """Octets after a character of Unicode, for programs that do not know it."""


def read_rtf(octets: bytes) -> str:
    """Return the displayed text. Never raises; time is linear, for any content."""
    return _Reader().read(octets)


class _Reader:
    def __init__(self) -> None:
        self._pieces: list[str] = []
        self._octets = bytearray()
        """Octets of the text in one charset: a character may have two."""
        self._codec = _DEFAULT
        self._fonts: dict[int, str] = {}
        self._font = 0
        self._state = _State()
        self._stack: list[_State] = []
        self._left_out = 0
        self._is_optional = False
        """Whether `\\*` is before a destination."""

    def read(self, octets: bytes) -> str:
        at = 0
        while found := _TOKEN.search(octets, at):
            at = found.end()
            if found["word"] == b"bin" and found["number"]:
                at += max(int(found["number"]), 0)
            elif found["group"]:
                self._read_group(found["group"])
            elif found["word"]:
                self._read_word(found["word"], int(found["number"] or 1), has_number=found["number"] is not None)
            elif found["symbol"] == b"*":
                self._is_optional = True
            elif found["symbol"]:
                self._add(_SYMBOLS.get(found["symbol"], ""))
            else:
                self._add_octets(bytes.fromhex(found["hex"].decode()) if found["hex"] else found["text"])
        self._flush()
        return "".join(self._pieces).encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")

    def _read_group(self, bracket: bytes) -> None:
        self._flush()
        if bracket == b"{":
            self._stack.append(self._state)
        elif self._stack:
            self._state = self._stack.pop()
        self._is_optional, self._left_out = False, 0

    def _read_word(self, word: bytes, number: int, *, has_number: bool) -> None:
        state = self._state
        if word in _NOT_DISPLAYED or (self._is_optional and word not in _DISPLAYED):
            self._state = replace(state, is_displayed=False, in_fonts=word == b"fonttbl")
        elif word == b"f" and has_number:
            self._flush()
            if state.in_fonts:
                self._font = number
            else:
                self._state = replace(state, codec=self._fonts.get(number, ""))
        elif word == b"fcharset" and state.in_fonts:
            self._fonts[self._font] = _CHARSETS.get(number, "")
        elif word == b"ansicpg":
            self._codec = f"cp{number}" if charset.find_codec(f"cp{number}") else _DEFAULT
        elif word == b"uc":
            self._state = replace(state, fallback=max(min(number if has_number else 1, 10), 0))
        elif word == b"u" and has_number:
            self._add(chr(number & 0xFFFF))
            self._left_out = state.fallback
        elif word in _CHARACTERS:
            self._add(_CHARACTERS[word])
        self._is_optional = False

    def _add(self, text: str) -> None:
        self._flush()
        self._left_out = 0
        if self._state.is_displayed:
            self._pieces.append(text)

    def _add_octets(self, octets: bytes) -> None:
        left_out = min(self._left_out, len(octets))
        self._left_out -= left_out
        if self._state.is_displayed:
            self._octets += octets[left_out:]

    def _flush(self) -> None:
        if self._octets:
            self._pieces.append(self._octets.decode(self._state.codec or self._codec, "replace"))
            self._octets.clear()
