"""The decoded header of a message."""

from mailhooks.mime.displayed_text import read_field
from mailhooks.mime.message import Message


class DecodedHeaders:
    """The decoded values of a message's header fields, by name."""

    def __init__(self, message: Message) -> None:
        self._values: dict[str, list[str]] = {}
        for field in message.header.fields:
            self._values.setdefault(field.lname, []).append(read_field(message, field))

    def all(self, name: str) -> list[str]:
        """Return the values of all fields with a name, in any case."""
        return self._values.get(name.lower(), [])

    def has_any(self, names: frozenset[str]) -> bool:
        """Return whether there is a field with one of these names, given in lower case."""
        return not names.isdisjoint(self._values)

    def first(self, name: str) -> str:
        """Return the value of the first field with a name; `""` if there is none."""
        return next(iter(self.all(name)), "")

    def word(self, name: str) -> str:
        """Return the value of the first field with a name, in lower case, up to its parameters and comments."""
        return self.first(name).partition(";")[0].partition("(")[0].strip().lower()
