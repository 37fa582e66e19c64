"""The mailboxes in header fields such as From with the display names that mail programs show (RFC 5322 section 3.4)."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Final

from mailhooks.mime import encoded_words
from mailhooks.mime.addresses import ESCAPED, decode_raw, find_comment_end, parse_addresses
from mailhooks.mime.message import Message
from mailhooks.patterns import compile_late

_TOKEN: Final = compile_late(
    r'=\?[!->@-~]{1,60}\?[BbQq]\?(?:[^?=\r\n"]|\?(?!=)|=(?!\?[^=]))*+\?=|"((?:[^"\\]|\\.)*+)"|\\.'
    r'|@\[[!-Z^-~]*+\]|(?:[^"\\<>,;:()=@]|@(?!\[))+|.',
    re.DOTALL,
)
"""QUIRK: some mailers write commas and parentheses into encoded words."""

_MAX_OCTETS: Final = 100_000
_MAX_MAILBOXES: Final = 2000
_LONGEST_NAME: Final = 1000


@dataclass(frozen=True, slots=True)
class Mailbox:
    """A mailbox of a field.

    Attributes:
        names: the texts that mail programs show as its name: the text before the address, and its comments. Empty if there are none.
        addresses: its address, in each reading of `parse_addresses`; empty if the text has none.
    """

    names: tuple[str, ...]
    addresses: tuple[str, ...]


@dataclass
class _Draft:
    """A mailbox while its text is read."""

    phrase: list[str] = field(default_factory=list)
    address: list[str] = field(default_factory=list)
    comments: list[str] = field(default_factory=list)
    in_brackets: bool = False
    has_brackets: bool = False

    def add(self, text: str, written: str) -> None:
        if self.in_brackets:
            self.address.append(written)
        else:
            self.phrase.append(text)
            if not self.has_brackets:
                self.address.append(written)


def find_mailboxes(message: Message, name: str) -> list[Mailbox]:
    """Return the mailboxes in all fields with a name, given in lower case. Linear in the length of the fields, for any content.

    A text without an address is a mailbox, too, because mail programs show it.
    """
    values = [field.displayed_value(message.raw) for field in message.header.named(name)]
    charset = "" if all(map(bytes.isascii, values)) else message.text_charset
    found = (mailbox for value in values for mailbox in parse_mailboxes(value, charset))
    return list(islice(found, _MAX_MAILBOXES))


def parse_mailboxes(value: bytes, charset: str = "") -> Iterator[Mailbox]:
    """Yield the mailboxes in a list of mailboxes and groups. Encoded words are decoded in names, also within quotes.

    Raw text that is not UTF-8 is in `charset`, the one of the message's text.

    QUIRK: in `Silva, Ana <ana@example.com>` without quotes, both "Ana" and "Silva, Ana" are names.

    >>> [mailbox.names for mailbox in parse_mailboxes(b'"Silva, Ana" <ana@example.com>, ben@example.net (Ben)')]
    [('Silva, Ana',), ('Ben',)]
    """
    before = ""
    for draft in _split(value[:_MAX_OCTETS].decode("latin-1")):
        addresses = tuple(parse_addresses(decode_raw("".join(draft.address).encode("latin-1"))))
        text = _decode("".join(draft.phrase), charset)
        texts = [text] if draft.has_brackets or " " in text or not addresses else []
        names = [
            *texts,
            *(f"{before}, {text}" for text in texts if before and addresses),
            *(_decode(each, charset) for each in draft.comments),
        ]
        if names := [name for name in dict.fromkeys(names) if name]:
            yield Mailbox(tuple(names), addresses)
        elif addresses:
            yield Mailbox((), addresses)
        before = texts[0] if texts and not addresses else ""


def _split(value: str) -> Iterator[_Draft]:
    draft, at, comments = _Draft(), 0, True
    while token := _TOKEN.match(value, at):
        text, at = token[0], token.end()
        if text == "(" and comments and not draft.in_brackets:
            end = find_comment_end(value, at)
            comments = end > 0
            if end:
                draft.comments.append(ESCAPED.sub(r"\1", value[at : end - 1]))
                at = end
        elif token[1] is not None:
            draft.add(ESCAPED.sub(r"\1", token[1]), text)
        elif text == "<" and not draft.in_brackets:
            draft.address, draft.in_brackets, draft.has_brackets = [], True, True
        elif text == ">":
            draft.in_brackets = False
        elif text in {",", ";"} and not draft.in_brackets:
            yield draft
            draft = _Draft()
        elif text == ":" and not draft.has_brackets:
            draft = _Draft(comments=["".join(draft.phrase)])  # the name of a group
        else:
            draft.add(ESCAPED.sub(r"\1", text), text)
    yield draft


def _decode(text: str, charset: str) -> str:
    return encoded_words.decode(text.encode("latin-1"), charset)[:_LONGEST_NAME].strip()
