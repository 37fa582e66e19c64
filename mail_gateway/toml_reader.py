"""Reads a TOML file strictly: unknown keys and wrong types are errors with file, line, table and key."""

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

from mail_gateway.errors import CommandError
from mail_gateway.text import escape_controls
from mailhooks.suggestions import suggest

T = TypeVar("T")

_TYPES: Final = {str: "a string", bool: "true or false", int: "a whole number", float: "a number", list: "a list", dict: "a table"}
_LINE: Final = re.compile(r"\(at line (\d+), ")
_LARGEST_PORT: Final = 65_535
_SHOWN: Final = 80
"""Characters of a value in an error message."""


class ConfigurationError(CommandError):
    """A configuration is invalid.

    Attributes:
        file: the file's name; "" for none.
        line: the line of the key or the table; 0 when it is unknown.
        place: the table, by its name if it has one, such as `rule "Offers"`.
        key: the key in the table; "" for the table itself.
        found, expected: descriptions; `expected` is "" when `found` is a sentence.
    """

    def __init__(self, file: str, line: int, place: str, key: str, *, found: str, expected: str) -> None:
        where = [f"{file}:{line}" if file and line else file, place, key]
        what = f"expected {expected}, found {found}" if expected else found
        super().__init__(escape_controls(": ".join(filter(None, (*where, what)))))
        self.file, self.line, self.place, self.key, self.found, self.expected = file, line, place, key, found, expected


@dataclass(frozen=True, slots=True)
class Source:
    """The text of a configuration; relative paths in it start at `folder`."""

    name: str
    folder: Path
    text: str

    def parse(self) -> "Table":
        """Parse the text. Raises ConfigurationError when it is not TOML."""
        try:
            return Table(self, tomllib.loads(self.text))
        except ValueError as error:  # also a whole number with more digits than Python reads
            why = str(error)
            line = _LINE.search(why)
            found = f"invalid TOML: {why[:1].lower()}{why[1:]}"
            raise ConfigurationError(self.name, int(line[1]) if line else 0, "", "", found=found, expected="") from None
        except RecursionError:
            raise ConfigurationError(self.name, 0, "", "", found="invalid TOML: expected fewer nested brackets", expected="") from None

    def find_line(self, header: str, number: int, key: str) -> int:
        """Return the line of a key, or else of its table. It is searched for, because tomllib does not report lines.

        Args:
            header: the table's full name; "" for keys outside of tables.
            number: index among the tables of this name.
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
        # The table may be an inline table: a value of its parent.
        parent, _, name = header.rpartition(".")
        return at or (self.find_line(parent, 0, name) if parent else 0)


class Table:
    """A table of a file. Every method that reads a value raises ConfigurationError for an invalid one.

    Attributes:
        place: the table's name in error messages; set it once the table's own name is known.
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
        """The folder at which relative paths start."""
        return self._source.folder

    def error(self, key: str, *, found: str, expected: str) -> ConfigurationError:
        """Create the error about a key."""
        line = self._source.find_line(self._header, self._number, key)
        return ConfigurationError(self._source.name, line, self.place, key, found=found, expected=expected)

    def require(self, condition: object, key: str, *, found: str, expected: str) -> None:
        """Raise ConfigurationError about a key unless the condition is true."""
        if not condition:
            raise self.error(key, found=found, expected=expected)

    def require_both(self, first: str, second: str) -> None:
        """Raise ConfigurationError if one of two keys has a text and the other has none."""
        missing = [key for key in (first, second) if not self._data.get(key)]
        if len(missing) == 1:
            raise self.error(missing[0], found="none", expected=f"both {first} and {second}, or none")

    def reject_other_keys(self, *keys: str) -> None:
        """Raise ConfigurationError for every other key."""
        for key in self._data:
            self.require(key in keys, key, found=f"the key {_shorten(key)}{suggest(key, keys)}", expected=f"one of {', '.join(keys)}")

    def read_text(self, key: str, default: str | None = None, *, allow_empty: bool = False) -> str:
        """Return a string, or the default; without a default the key is required."""
        value = self._value(key, str, default)
        self.require(value.strip() or allow_empty or key not in self._data, key, found="an empty one", expected="some text")
        return value

    def read_texts(self, key: str, default: tuple[str, ...] | None = None) -> tuple[str, ...]:
        """Return a list of strings."""
        values = self._value(key, list, None if default is None else list(default))
        for value in values:
            self.require(isinstance(value, str), key, found=_describe_type(value), expected="a list of strings")
        return tuple(values)

    def read_integer(self, key: str, default: int, least: int, most: int) -> int:
        """Return an integer from `least` to `most`."""
        value = self._value(key, int, default)
        self.require(least <= value <= most, key, found=str(value), expected=f"{least:,} to {most:,}")
        return value

    def read_port(self, key: str, default: int) -> int:
        """Return a TCP port."""
        return self.read_integer(key, default, 1, _LARGEST_PORT)

    def read_flag(self, key: str, *, default: bool) -> bool:
        """Return a boolean."""
        return self._value(key, bool, default)

    def read_scalar(self, key: str) -> str:
        """Return a string, a whole number or a boolean as text."""
        value = self._data[key]
        self.require(
            type(value) in (str, int, bool), key, found=_describe_type(value), expected="a string, a whole number, or true or false"
        )
        return str(value).lower() if isinstance(value, bool) else str(value)

    def read_word(self, key: str, words: Mapping[str, T], default: str | None = None) -> T:
        """Return the value of one of several words. The spelling in WorkMail's JSON, in capitals and with `_`, is accepted too."""
        value = self.read_text(key, default)
        word = value.lower().replace("_", "-")
        self.require(word in words, key, found=_shorten(value) + suggest(word, words), expected=f"one of {', '.join(words)}")
        return words[word]

    def read_table(self, key: str, *keys: str) -> "Table":
        """Return a table in this table; an empty one when it is missing. It may have only these keys; any keys when none are given."""
        header = f"{self._header}.{key}" if self._header else key
        table = Table(self._source, self._value(key, dict, {}), header)
        if keys:
            table.reject_other_keys(*keys)
        return table

    def read_tables(self, key: str) -> list["Table"]:
        """Return a list of tables; empty when it is missing."""
        values = self._value(key, list, [])
        for value in values:
            self.require(isinstance(value, dict), key, found=f"a list with {_describe_type(value)}", expected=f"tables, as [[{key}]]")
        return [Table(self._source, value, key, number, f"[[{key}]] {number + 1}") for number, value in enumerate(values)]

    def _value(self, key: str, kind: type[T], default: T | None) -> T:
        if key not in self._data:
            if default is None:
                raise self.error(key, found="none", expected=_TYPES[kind])
            return default
        value = self._data[key]
        # Not isinstance: in Python, a boolean is an integer.
        if type(value) is not kind:
            raise self.error(key, found=_describe_type(value), expected=_TYPES[kind])
        return value


def _describe_type(value: object) -> str:
    return _TYPES.get(type(value), "a date or a time")


def _shorten(text: str) -> str:
    quoted = repr(text)
    return quoted if len(quoted) <= _SHOWN else quoted[: _SHOWN - 3] + "..."
