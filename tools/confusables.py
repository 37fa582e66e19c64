"""Write the table of letters that look alike, `mailhooks/policy/facts/confusables.py`, from the data of ICU (Debian: `libicu72` or newer):

    python -m tools.confusables

ICU has Unicode's `confusables.txt` (Unicode Technical Standard 39) compiled in. The table has letters, digits and marks whose prototype is
written in the alphabets Latin, Greek, Cyrillic and their extensions, because names of people and companies are imitated in these.
"""

import ctypes
import re
import unicodedata
from collections import defaultdict
from ctypes.util import find_library
from pathlib import Path
from typing import Any, Final

TABLE: Final = Path(__file__).parents[1] / "layers/mailhooks/mailhooks/policy/facts/confusables.py"

_PROTOTYPE: Final = re.compile(r"[\x21-\u052f\u1d00-\u1dbf\u2c60-\u2c7f\ua720-\ua7ff]+")
"""Latin, IPA, combining marks, Greek, Cyrillic; phonetic and other extensions of Latin."""

_HEADER: Final = '''"""Letters that look like others: a table that `python -m tools.confusables` writes.

The source is `confusables.txt` of Unicode {version} (https://www.unicode.org/Public/security/), Copyright 1991-{year} Unicode, Inc.,
under the Unicode License V3 (https://www.unicode.org/license.txt).
"""

from typing import Final

TABLE: Final = """
{rows}
"""
"""Each line has a prototype and the letters that look like it, all as code points in hexadecimal."""
'''


class Icu:
    """ICU's detection of look-alike texts (`unicode/uspoof.h`)."""

    def __init__(self) -> None:
        name, common = find_library("icui18n"), find_library("icuuc")
        if name is None or common is None:
            raise SystemExit("ICU is not installed: apt-get install libicu-dev")
        self._library, self._common, self._suffix = ctypes.CDLL(name), ctypes.CDLL(common), name.rpartition(".")[2]
        self._checker = ctypes.c_void_p(self._call(self._library, "uspoof_open", ctypes.c_void_p))

    def _call(self, library: ctypes.CDLL, name: str, result: Any, *arguments: Any) -> Any:
        function = getattr(library, f"{name}_{self._suffix}")
        function.restype = result
        error = ctypes.c_int(0)
        found = function(*arguments, ctypes.byref(error))
        if error.value > 0:
            raise RuntimeError(f"{name}: error {error.value} of ICU")
        return found

    def skeleton(self, text: str) -> str:
        """Return the skeleton of a short text."""
        given, room = text.encode(), ctypes.create_string_buffer(1000)
        arguments = (self._checker, ctypes.c_uint32(0), given, ctypes.c_int32(len(given)), room, ctypes.c_int32(len(room)))
        length = self._call(self._library, "uspoof_getSkeletonUTF8", ctypes.c_int32, *arguments)
        return room.raw[:length].decode()

    def unicode_version(self) -> str:
        version = (ctypes.c_uint8 * 4)()
        getattr(self._common, f"u_getUnicodeVersion_{self._suffix}")(version)
        return f"{version[0]}.{version[1]}"


def batched(texts: list[str], size: int) -> list[list[str]]:
    """Split a list into lists of at most `size` texts."""
    return [texts[first : first + size] for first in range(0, len(texts), size)]


def find_confusables(icu: Icu) -> dict[str, list[str]]:
    """Return the letters that look like each prototype."""
    found = defaultdict(list)
    for char in map(chr, (*range(0x80, 0xD800), *range(0xE000, 0x20000))):
        if unicodedata.category(char)[0] in "LN" and unicodedata.normalize("NFKD", char) == char:
            prototype = icu.skeleton(char)
            if prototype != char and _PROTOTYPE.fullmatch(prototype):
                found[prototype].append(char)
    return found


def main() -> None:
    """Write the table."""
    icu = Icu()
    rows = []
    for prototype, letters in sorted(find_confusables(icu).items()):
        points = [f"{ord(letter):x}" for letter in letters]
        rows += [" ".join(["+".join(f"{ord(char):x}" for char in prototype), *row]) for row in batched(points, 20)]
    TABLE.write_text(_HEADER.format(version=icu.unicode_version(), year=2022, rows="\n".join(rows)), "utf-8")


if __name__ == "__main__":
    main()
