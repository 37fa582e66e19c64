"""A TOML file read strictly: each key is known, each value is of its type, each complaint says file, line, place and key."""

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

from local.console.text_columns import escape_controls
from local.errors import LocalError

T = TypeVar("T")

_TYPES: Final = {str: "a string", bool: "true or false", int: "a whole number", float: "a number", list: "a list", dict: "a table"}
_LINE: Final = re.compile(r"\(at line (\d+), ")
_SHOWN: Final = 80
"""Characters of a value that a complaint shows."""


class ConfigurationError(LocalError):
    """A configuration cannot be used.

    Attributes:
        file: its name; "" when it is not read from one.
        line: of the table or of the key; 0 where it was not found.
        place: the table, by its name where it has one, such as `rule "Offers"`.
        key: in the table; "" for the table itself.
        found, expected: in words.
    """

    def __init__(self, file: str, line: int, place: str, key: str, *, found: str, expected: str) -> None:
        where = [f"{file}:{line}" if file and line else file, place, key]
        super().__init__(escape_controls(f"{': '.join(filter(None, where))}: expected {expected}, found {found}"))
        self.file, self.line, self.place, self.key, self.found, self.expected = file, line, place, key, found, expected


@dataclass(frozen=True, slots=True)
class Source:
    """A configuration's text.

    Attributes:
        name: of its file; a word that stands for it when it has none.
        folder: against which its paths are.
    """

    name: str
    folder: Path
    text: str

    def document(self) -> "Table":
        """All of it.

        Raises:
            ConfigurationError: it is not TOML.
        """
        try:
            return Table(self, tomllib.loads(self.text))
        except tomllib.TOMLDecodeError as error:
            line = _LINE.search(str(error))
            raise ConfigurationError(self.name, int(line[1]) if line else 0, "", "", found=str(error), expected="TOML") from None
        except RecursionError:
            raise ConfigurationError(self.name, 0, "", "", found="brackets in brackets without end", expected="TOML") from None

    def line(self, header: str, number: int, key: str) -> int:
        """Where a key stands, or else its table; by a search, as tomllib does not say.

        Args:
            header: the table's full name; "" for the document's own keys.
            number: which table of this name, from 0.
        """
        dotted = r"\s*\.\s*".join(rf"[\"']?{re.escape(part)}[\"']?" for part in (header or key).split("."))
        opening = re.compile(rf"\s*\[\[?\s*{dotted}\s*{']' if header else '[].]'}")
        assignment = re.compile(rf"\s*[\"']?{re.escape(key)}[\"']?\s*[.=]") if key else None
        at, tables = 0, -1
        inside = not header
        for count, line in enumerate(self.text.splitlines(), 1):
            if opening.match(line):
                tables += 1
                inside = bool(header) and tables == number
                at = count if tables == number else at
            elif line.lstrip().startswith("["):
                inside = False
            elif inside and assignment and assignment.match(line):
                return count
        # A table may stand in braces, as a value of the one that it is in.
        parent, _, name = header.rpartition(".")
        return at or (self.line(parent, 0, name) if parent else 0)


class Table:
    """A table of a file.

    Attributes:
        place: what complaints call it; may be set once its name is known.
    """

    def __init__(self, source: Source, data: Mapping[str, Any], header: str = "", number: int = 0, place: str = "") -> None:
        self._source = source
        self._data = data
        self._header = header
        self._number = number
        self.place = place or (f"[{header}]" if header else "")

    def __contains__(self, key: str) -> bool:
        return key in self._data

    def __iter__(self) -> Iterator[str]:
        return iter(self._data)

    @property
    def folder(self) -> Path:
        """Against which paths are."""
        return self._source.folder

    def bad(self, key: str, *, found: str, expected: str) -> ConfigurationError:
        """A complaint about a key, to be raised."""
        line = self._source.line(self._header, self._number, key)
        return ConfigurationError(self._source.name, line, self.place, key, found=found, expected=expected)

    def only(self, *keys: str) -> None:
        """Refuses every other key. Raises ConfigurationError."""
        for key in self._data:
            if key not in keys:
                raise self.bad(key, found=f"the key {_shown(key)}", expected=f"one of {', '.join(keys)}")

    def text(self, key: str, default: str | None = None, *, allow_empty: bool = False) -> str:
        """A string, or the default; without a default it must be there. Raises ConfigurationError, as all of these do."""
        value = self._value(key, str, default)
        if not value.strip() and key in self._data and not allow_empty:
            raise self.bad(key, found="an empty one", expected="some text")
        return value

    def texts(self, key: str, default: tuple[str, ...] | None = None) -> tuple[str, ...]:
        """A list of strings."""
        values = self._value(key, list, None if default is None else list(default))
        for value in values:
            if not isinstance(value, str):
                raise self.bad(key, found=_kind(value), expected="a list of strings")
        return tuple(values)

    def integer(self, key: str, default: int, least: int, most: int) -> int:
        """A whole number between two others."""
        value = self._value(key, int, default)
        if not least <= value <= most:
            raise self.bad(key, found=str(value), expected=f"{least:,} to {most:,}")
        return value

    def flag(self, key: str, *, default: bool) -> bool:
        return self._value(key, bool, default)

    def word(self, key: str, words: Mapping[str, T], default: str | None = None) -> T:
        """What one of some words stands for. Capitals and `_` for `-` are taken as well: that is how WorkMail's JSON spells them."""
        value = self.text(key, default)
        word = value.lower().replace("_", "-")
        if word not in words:
            raise self.bad(key, found=_shown(value), expected=f"one of {', '.join(words)}")
        return words[word]

    def table(self, key: str) -> "Table":
        """A table in this one; an empty one when it is not there."""
        header = f"{self._header}.{key}" if self._header else key
        return Table(self._source, self._value(key, dict, {}), header)

    def tables(self, key: str) -> list["Table"]:
        """A list of tables; empty when it is not there."""
        values = self._value(key, list, [])
        for value in values:
            if not isinstance(value, dict):
                raise self.bad(key, found=f"a list with {_kind(value)}", expected=f"tables, as [[{key}]]")
        return [Table(self._source, value, key, number, f"[[{key}]] {number + 1}") for number, value in enumerate(values)]

    def _value(self, key: str, kind: type[T], default: T | None) -> T:
        if key not in self._data:
            if default is None:
                raise self.bad(key, found="none", expected=_TYPES[kind])
            return default
        value = self._data[key]
        # Not isinstance: to Python, true is a whole number.
        if type(value) is not kind:
            raise self.bad(key, found=_kind(value), expected=_TYPES[kind])
        return value


def _kind(value: object) -> str:
    return _TYPES.get(type(value), "a date or a time")


def _shown(text: str) -> str:
    quoted = repr(text)
    return quoted if len(quoted) <= _SHOWN else quoted[: _SHOWN - 3] + "..."
