"""Adds and removes header fields of a message, as splices: no other field is refolded, reordered or re-encoded."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from mailhooks.contract.limits import IMMUTABLE_HEADERS, UNIQUE_HEADERS
from mailhooks.errors import SettingsError
from mailhooks.mime import encoded_words
from mailhooks.mime.edits import Edit
from mailhooks.mime.message import Message

_NAME: Final = re.compile(r"[!-9;-~]{1,76}")

_UNTOUCHABLE: Final = IMMUTABLE_HEADERS | {"subject", "mime-version", "auto-submitted", "to", "cc", "bcc", "delivered-to"}
_UNTOUCHABLE_KINDS: Final = ("content-", "received", "return-path", "resent-", "dkim-", "domainkey-", "arc-", "authentication-results")
"""Immutable for WorkMail; the subject has its tag; the structure is the body's; who gets the message is the envelope's; what servers say of
its way and of its sender is theirs (RFC 5321 section 4.4, RFC 8601 section 5); RFC 5293 forbids to delete Auto-Submitted.
"""

_UNSTRUCTURED: Final = frozenset({"comments", "keywords", "organization", "content-description"})
"""Fields that, besides X- ones, may hold encoded words anywhere (RFC 2047 section 5); in others, such as Reply-To, they break addresses."""

_LONGEST_VALUE: Final = 2000
"""Octets of an added value, encoded. Longer ones are no longer compared whole with what a message has."""


@dataclass(frozen=True, slots=True)
class HeaderChanges:
    """Fields to add and names of fields to remove; a name in both is thereby set.

    A field is added unless the message has it with that very value, or may have it only once and has it; so a second run changes nothing.
    """

    add: tuple[tuple[str, str], ...] = ()
    remove: frozenset[str] = frozenset()

    @classmethod
    def checked(cls, add: Iterable[tuple[str, str]], remove: Iterable[str]) -> "HeaderChanges":
        """For names and values that somebody typed.

        Raises:
            SettingsError: a name is none (RFC 5322 section 2.2) or is not to be touched; a value has control characters, which would forge
                fields, or cannot be folded to lines that mail may have.
        """
        changes = cls(tuple(add), frozenset(name.lower() for name in remove))
        for name in [*(name for name, _ in changes.add), *changes.remove]:
            if not _NAME.fullmatch(name):
                raise SettingsError("ADD_HEADERS, REMOVE_HEADERS: a header's name is printable ASCII without space and colon")
            if name.lower() in _UNTOUCHABLE or name.lower().startswith(_UNTOUCHABLE_KINDS):
                raise SettingsError(f"ADD_HEADERS, REMOVE_HEADERS: {name} is not to be added or removed")
        for name, value in changes.add:
            if not value.strip() or not value.isprintable():
                raise SettingsError(f"ADD_HEADERS: the value for {name} is empty or has control characters or line ends")
            if not value.isascii() and not name.lower().startswith("x-") and name.lower() not in _UNSTRUCTURED:
                raise SettingsError(f"ADD_HEADERS: the value for {name} has to be ASCII")
            if len(encoded_words.encode(value, name, b"\n")) > _LONGEST_VALUE:
                raise SettingsError(f"ADD_HEADERS: the value for {name} is too long")
            if max(map(len, encoded_words.encode(value, name, b"\n").split(b"\n"))) + len(name) > 990:
                raise SettingsError(f"ADD_HEADERS: the value for {name} has too long a stretch without a space")
        return changes

    def edits(self, message: Message) -> list[Edit]:
        """The edits that make the changes; none where all is as it should be."""
        raw, block, edits = message.raw, message.header, []
        wanted = {(name.lower(), _collapsed(value)) for name, value in self.add}
        touched = self.remove | {name for name, _ in wanted}
        kept: set[tuple[str, str]] = set()
        for field in block.fields:
            if field.lname not in touched:
                continue
            content = (field.lname, _collapsed(encoded_words.decode(field.value(raw))))
            if field.lname in self.remove and (content not in wanted or content in kept):
                edits.append(Edit(field.start, field.end, b""))
            else:
                kept.add(content)
        present = {name for name, _ in kept}
        new = [
            name.encode("ascii") + b": " + encoded_words.encode(value, name, block.newline) + block.newline
            for name, value in self.add
            if (name.lower(), _collapsed(value)) not in kept and name.lower() not in UNIQUE_HEADERS & present
        ]
        if new:
            edits.append(block.appended(b"".join(new)))
        return edits


def _collapsed(text: str) -> str:
    """With every stretch of white space as one space: folding may have changed it on the way."""
    return " ".join(text.split())
