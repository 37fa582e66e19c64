"""Adds and removes header fields, and tags the subject, by edits: other fields are not refolded, reordered or encoded again."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from mailhooks.mail_limits import UNIQUE_HEADERS
from mailhooks.mime import encoded_words
from mailhooks.mime.case_folding import fold_subject
from mailhooks.mime.displayed_text import read_field
from mailhooks.mime.edits import Edit
from mailhooks.mime.headers import Field, HeaderBlock
from mailhooks.mime.message import Message
from mailhooks.patterns import compile_late

_NAME: Final = compile_late(r"(?=[!-~]*[A-Za-z])[A-Za-z0-9_.+-]{1,76}")
"""Names of real fields. RFC 5322 section 2.2 allows more, such as `X-*` and `X-A;X-B`: a name that no message has."""

VARIABLE: Final = compile_late(r"%%[\w ]{1,40}%%|%%\w{1,40}|\w{1,40}%%")
"""A variable, also without its end or with a space, such as `%%FromName` and `%%From Name%%`: it would be displayed as it is."""

_PROTECTED: Final = frozenset("message-id from sender date subject mime-version auto-submitted to cc bcc delivered-to".split())
_PROTECTED_PREFIXES: Final = ("content-", "received", "return-path", "resent-", "dkim-", "domainkey-", "arc-", "authentication-results")
"""Fields and prefixes of fields that must not be changed.

The fields that identify a message and its author, whose changes WorkMail rejects, too; the subject, which has a tag; fields of the body
and of the envelope; trace and authentication fields, which belong to servers (RFC 5321 section 4.4, RFC 8601 section 5); Auto-Submitted,
which RFC 5293 forbids to delete.
"""

_UNSTRUCTURED: Final = frozenset({"comments", "keywords", "organization", "content-description"})
"""Fields that may have encoded words anywhere, as X- fields may (RFC 2047 section 5). In fields such as Reply-To they break addresses."""

_LONGEST_VALUE: Final = 2000
"""Octets of an added value, encoded. A longer value could not be compared as a whole with the values of a message."""

_LINE: Final = 78
"""Characters of a header line (RFC 5322 section 2.1.1)."""

_MARK: Final = (
    r"(?> ?(?:[^\s:\[\]][^:\[\]]{0,59}(?:\[\d{1,3}\])? ?:"
    r"|[\[({<\u3010\uff08][^\[\](){}<>\u3010\u3011\uff08\uff09]{1,40}[\])}>\u3011\uff09]"
    r"|\*+[^*:\[\]]{1,40}\*+|([#=~_-])\1{1,9}[^:\[\]]{1,40}?\1{2,10}))"
)
"""A mark that a program puts before a subject: up to a colon (`Re:`, `AW[2]:`, `Automatic reply:`), in brackets, or in signs (`##SPAM##`).

The words before the colon are in any language, so a sender may write a mark too. After other text, a tag is part of the subject.
"""


@dataclass(frozen=True, slots=True)
class HeaderChanges:
    """Fields to add, and names of fields to remove. A name in both is set.

    A field is not added if the message has it with the same value, or has it and may have it only once. So a second run changes nothing.
    """

    add: tuple[tuple[str, str], ...] = ()
    remove: frozenset[str] = frozenset()

    @classmethod
    def checked(cls, add: Iterable[tuple[str, str]], remove: Iterable[str]) -> "HeaderChanges":
        """Check names and values.

        Raises:
            ValueError: a name is not a field name (RFC 5322 section 2.2) or must not be changed; a value has control characters, which
                would add fields, or cannot be folded to the line length of mail.
        """
        changes = cls(tuple(add), frozenset(name.lower() for name in remove))
        for name in [*(name for name, _ in changes.add), *changes.remove]:
            if not _NAME.fullmatch(name):
                raise ValueError("use whole header names, of letters, digits and hyphens")
            if name.lower() in _PROTECTED or name.lower().startswith(_PROTECTED_PREFIXES):
                raise ValueError(f"{name} must not be added or removed; use another name")
        for name, value in changes.add:
            if not value.strip() or not value.isprintable():
                raise ValueError(f"the value for {name} is empty, or has control characters or line ends")
            if VARIABLE.search(value):
                raise ValueError(f"the value for {name} has a variable: only bounces and disclaimers have them")
            if not value.isascii() and not name.lower().startswith("x-") and name.lower() not in _UNSTRUCTURED:
                raise ValueError(f"the value for {name} must be ASCII")
            if len(encoded_words.encode(value, name, b"\n")) > _LONGEST_VALUE:
                raise ValueError(f"the value for {name} is too long; use at most {_LONGEST_VALUE} bytes when encoded")
            if max(map(len, encoded_words.encode(value, name, b"\n").split(b"\n"))) + len(name) > 990:
                raise ValueError(f"the value for {name} has a word that is too long; add spaces")
        return changes

    def edits(self, message: Message) -> list[Edit]:
        """Return the edits that make the changes; none if the message has them already."""
        raw, block, edits = message.raw, message.header, []
        wanted = {(name.lower(), _collapse_spaces(value)) for name, value in self.add}
        touched = self.remove | {name for name, _ in wanted}
        kept: set[tuple[str, str]] = set()
        for field in block.fields:
            if field.lname not in touched:
                continue
            content = (field.lname, _collapse_spaces(encoded_words.decode(field.value(raw))))
            if field.lname in self.remove and (content not in wanted or content in kept):
                edits.append(Edit(field.start, field.end, b""))
            else:
                kept.add(content)
        present = {name for name, _ in kept}
        new = [
            name.encode("ascii") + b": " + encoded_words.encode(value, name, block.newline) + block.newline
            for name, value in self.add
            if (name.lower(), _collapse_spaces(value)) not in kept and name.lower() not in UNIQUE_HEADERS & present
        ]
        if new:
            edits.append(block.appended(b"".join(new)))
        return edits


def check_tag(tag: str) -> str:
    """Return a tag without surrounding white space.

    Raises:
        ValueError: it is too long, or has control characters or line ends, which would add header fields.
    """
    tag = tag.strip()
    if not tag.isprintable() or len(tag) > 60:
        raise ValueError("use at most 60 printable characters on one line")
    if VARIABLE.search(tag):
        raise ValueError("use a text without variables: only bounces and disclaimers have them")
    return tag


def tag_edits(message: Message, tag: str) -> list[Edit]:
    """Return the edit that adds a tag and a space before the subject. No edit if the tag is there, perhaps after marks such as `Re:`.

    The subject is read from the message, because the one in the event is cut at 256 characters.

    The octets of the subject, its encoded words and its folds, stay as they are. The first of several Subject fields is edited, because
    mail programs display it.
    """
    raw, block = message.raw, message.header
    subject = next(block.named("subject"), None)
    if subject is None:
        return [block.appended(b"Subject: " + encoded_words.encode(tag, "Subject", block.newline) + block.newline)]
    value = subject.value(raw)
    if _has_tag(read_field(message, subject), tag):
        return []
    return [_insert_before(raw, block, subject, value, tag)]


def _has_tag(subject: str, tag: str) -> bool:
    """Return whether a tag begins a subject or comes after its marks. `Ext` is not a tag of `Extra work`."""
    folded = fold_subject(tag)
    end = r"(?!\w)" if folded[-1:].isalnum() else ""
    return re.match(f"(?:{_MARK})*? ?{re.escape(folded)}{end}", fold_subject(subject)) is not None


def _insert_before(raw: bytes, block: HeaderBlock, subject: Field, value: bytes, tag: str) -> Edit:
    own = raw[subject.body : subject.end]
    gap = len(own) - len(own.lstrip(b" \t\r\n"))
    # White space between two encoded words is not displayed (RFC 2047 section 6.2), so the space is part of the encoded tag.
    inside = encoded_words.starts_encoded(value) and not encoded_words.is_plain(tag)
    encoded = encoded_words.encode(tag + " " * inside, "Subject", block.newline)
    if not value or b"\n" in own[:gap]:
        # The first line is empty: the tag is inserted there, and the fold after it, if any, is the space.
        return Edit(subject.body, subject.body, b" " + encoded)
    at = subject.body + gap
    first_line = own[gap:].split(b"\n", 1)[0].rstrip(b"\r")
    last_of_tag = encoded.rpartition(b"\n")[2]
    fits = len(b"Subject: ") + len(last_of_tag) + 1 + len(first_line) <= _LINE
    return Edit(at, at, (b"" if gap else b" ") + encoded + (b" " if fits else block.newline + b" "))


def _collapse_spaces(text: str) -> str:
    """Return a text with each white space as one space, because folding may have changed it."""
    return " ".join(text.split())
