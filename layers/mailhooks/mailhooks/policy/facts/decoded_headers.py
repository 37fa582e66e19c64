"""The decoded header of a message."""

from mailhooks.mime.displayed_text import read_field
from mailhooks.mime.headers import Field
from mailhooks.mime.message import Message


class DecodedHeaders:
    """The decoded values of a message's header fields, by name, each decoded at its first use."""

    def __init__(self, message: Message) -> None:
        self._message = message
        self._fields: dict[str, list[Field]] = {}
        self._values: dict[str, list[str]] = {}
        for field in message.header.fields:
            self._fields.setdefault(field.lname, []).append(field)

    def all(self, name: str) -> list[str]:
        """Return the values of all fields with a name, in any case."""
        name = name.lower()
        if name in self._fields and name not in self._values:
            self._values[name] = [read_field(self._message, field) for field in self._fields[name]]
        return self._values.get(name, [])

    def has_any(self, names: frozenset[str]) -> bool:
        """Return whether there is a field with one of these names, given in lower case."""
        return not names.isdisjoint(self._fields)

    def first(self, name: str) -> str:
        """Return the value of the first field with a name; `""` if there is none."""
        return next(iter(self.all(name)), "")

    def word(self, name: str) -> str:
        """Return the value of the first field with a name, in lower case, up to its parameters and comments."""
        return self.first(name).partition(";")[0].partition("(")[0].strip().lower()
