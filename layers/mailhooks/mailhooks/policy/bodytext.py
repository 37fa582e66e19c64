"""The text that a message shows, decoded, to look for words in: plain text, and HTML as text. Linear in its length, whatever it holds."""

import html
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from ..mime import charset, peek
from ..mime.names import disposition
from ..mime.scan import Part

_SPACES: Final = re.compile(r"\s+")
_DIGITS: Final = re.compile(r"(?<![\d.])\d(?:[ -]?\d){11,18}(?![\d.])")

_HIDDEN: Final = r"(?is)<!--.*?-->|<(?:script|style|title)\b[^>]*>.*?</(?:script|style|title)\s*>"
_BREAKS: Final = r"(?i)</?(?:p|div|br|tr|td|th|li|ul|ol|table|h[1-6]|blockquote|pre|hr|section|article)\b[^>]*>"
_TAGS: Final = r"(?s)</?[A-Za-z!?][^>]*>"
"""Replaced by RE2, for which a comment that never ends is no reason to begin anew at each `<`."""

_MAX_TEXTS: Final = 50
"""Text parts of a message that are read; mail of people has two."""


def normal(text: str) -> str:
    """For comparing: every stretch of white space is one space, and case does not matter."""
    return _SPACES.sub(" ", text).casefold()


def shown_text(raw: bytes, root: Part, limit: int) -> str:
    """What the message's text parts show, one after the other, each at most `limit` octets of it. Attachments and forwarded messages are no
    part of it.
    """
    return "\n".join(_texts(raw, root, limit))


def _texts(raw: bytes, root: Part, limit: int) -> Iterator[str]:
    waiting, read = [root], 0
    while waiting and read < _MAX_TEXTS:
        part = waiting.pop()
        if part.maintype == "multipart":
            waiting.extend(reversed(part.children))
        elif part.content_type in {"text/plain", "text/html"} and disposition(raw, part) != "attachment":
            read += 1
            text = charset.decode_loosely(peek.prefix(raw, part, limit), part.charset)
            yield of_html(text) if part.subtype == "html" else text


def of_html(source: str) -> str:
    """HTML as the text it shows, so far as words are looked for in it."""
    import re2  # late: no other condition needs it

    text = source.encode("utf-8", "replace").decode("utf-8")
    for pattern, replacement in ((_HIDDEN, " "), (_BREAKS, "\n"), (_TAGS, "")):
        text = re2.sub(pattern, replacement, text)
    return html.unescape(text)


@dataclass(frozen=True, slots=True)
class Words:
    """Words and phrases, looked for as whole words in any case; `parts` are looked for anywhere, inside of words too."""

    words: tuple[str, ...] = ()
    parts: tuple[str, ...] = ()

    @classmethod
    def of(cls, words: tuple[str, ...], parts: tuple[str, ...]) -> "Words":
        return cls(tuple(map(normal, words)), tuple(map(normal, parts)))

    def found(self, text: str) -> bool:
        """Whether one of them is in a text (see `normal`)."""
        return any(part in text for part in self.parts) or any(word in text and _is_whole(word, text) for word in self.words)


def _is_whole(word: str, text: str) -> bool:
    """Whether a word that is in a text stands there by itself, without a letter or digit around it."""
    at = text.find(word)
    while at >= 0:
        end = at + len(word)
        before = at > 0 and word[0].isalnum() and text[at - 1].isalnum()
        after = end < len(text) and word[-1].isalnum() and text[end].isalnum()
        if not before and not after:
            return True
        at = text.find(word, at + 1)
    return False


def has_card_number(text: str) -> bool:
    """Whether a text has a payment card's number: 12 to 19 digits, spaces or hyphens between them, with a right check digit (ISO/IEC
    7812-1, annex B: Luhn's formula), of which not all are the same.
    """
    for found in _DIGITS.finditer(text):
        digits = [int(char) for char in found[0] if char.isdigit()]
        if len(set(digits)) > 1 and _luhn(digits):
            return True
    return False


def _luhn(digits: list[int]) -> bool:
    doubled = [digit if index % 2 == 0 else sum(divmod(2 * digit, 10)) for index, digit in enumerate(reversed(digits))]
    return sum(doubled) % 10 == 0
