r"""Findings about expressions: classes of RE2 that know ASCII only, in expressions with letters beyond ASCII.

RE2's `\b`, `\w`, `\d`, `\s`, their negations and the classes of POSIX are ASCII only, also in Unicode text
(https://github.com/google/re2/wiki/Syntax). So `\bÜberweisung\b` never matches at the begin of a word.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final
from unicodedata import category

_TOKEN: Final = re.compile(
    r"""
    \\Q(?P<quoted>.*?)(?:\\E|\Z)
    |(?P<flags>\(\?[a-zA-Z-]+\))
    |(?P<open>\((?:\?(?:P?<\w+>|[a-zA-Z-]*:))?)
    |(?P<close>\))
    |(?P<bar>\|)
    |(?P<repeat>[*+?]\??|\{\d+(?:,\d*)?\}\??)
    |(?P<edge>[\^$]|\\[AzbB])
    |(?P<set>\[\^?\]?(?:\[:\^?\w+:\]|\\[pP]\{\^?\w+\}|\\x\{[0-9a-fA-F]+\}|\\.|[^\]\\])*\])
    |(?P<atom>\\x\{[0-9a-fA-F]+\}|\\x[0-9a-fA-F]{2}|\\[pP]\{\^?\w+\}|\\[pP].|\\.|.)
    """,
    re.VERBOSE | re.DOTALL,
)
_IN_SET: Final = re.compile(r"\[:\^?(\w+):\]|(\\(?:x\{[0-9a-fA-F]+\}|[pP]\{\^?\w+\}|[pP].|.)|.)", re.DOTALL)
_LETTERS: Final = re.compile(r"\\p(?:\{(?![PSZNC]\w?\})\w+\}|[LM])")
"""Classes of letters and marks, and scripts."""

_LETTER: Final = r"\pL\pM\pN_"
_INSTEAD: Final = {
    r"\b": rf"(?:^|[^{_LETTER}]) before and (?:[^{_LETTER}]|$) after a word, or use `words`",
    r"\B": rf"[{_LETTER}]",
    r"\w": rf"[{_LETTER}]",
    r"\W": rf"[^{_LETTER}]",
    "alpha": r"\pL",
    "alnum": r"[\pL\pN]",
    "lower": r"\p{Ll}",
    "upper": r"\p{Lu}",
    "word": rf"[{_LETTER}]",
}
"""Classes of letters, with what to write in their place."""
_INSTEAD_NEXT_TO_LETTERS: Final = {
    r"\d": r"\p{Nd}",
    r"\D": r"\P{Nd}",
    r"\s": r"[\s\pZ]",
    r"\S": r"[^\s\pZ]",
    "blank": r"[\t\p{Zs}]",
    "digit": r"\p{Nd}",
    "graph": r"[^\s\pZ\pC]",
    "print": r"[^\pC]",
    "punct": r"[\pP\pS]",
    "space": r"[\s\pZ]",
}
"""Other classes. They are often meant as they are, but for those that touch a letter beyond ASCII."""


@dataclass(frozen=True, slots=True)
class AsciiClass:
    """A class that knows ASCII only, in an expression with letters beyond ASCII.

    Attributes:
        name: such as `\\b` or `[:alpha:]`.
        instead: an expression to write in its place.
        touches_letter: whether a letter beyond ASCII is next to it.
    """

    name: str
    instead: str
    touches_letter: bool


def find_ascii_classes(pattern: str) -> list[AsciiClass]:
    """Return the classes in a valid expression that know ASCII only, if it has letters beyond ASCII."""
    expression = _Expression.of(pattern)
    if not any(token.beyond_ascii for token in expression.tokens):
        return []
    found: dict[str, AsciiClass] = {}
    for index, token in enumerate(expression.tokens):
        for name in token.classes:
            touches = any(expression.tokens[near].beyond_ascii for step in (1, -1) for near in expression.find_near(index, step))
            instead = _INSTEAD.get(name) or (_INSTEAD_NEXT_TO_LETTERS.get(name) if touches else None)
            if instead and (name not in found or touches):
                found[name] = AsciiClass(name if name.startswith("\\") else f"[:{name}:]", instead, touches)
    return list(found.values())


def iterate_expressions(conditions: Any) -> Iterator[str]:
    """Yield each expression in conditions of a policy file."""
    if isinstance(conditions, list):
        for each in conditions:
            yield from iterate_expressions(each)
    elif isinstance(conditions, dict):
        for key, value in conditions.items():
            if key in {"regex", "name_regex"}:
                yield from [value] if isinstance(value, str) else value
            else:
                yield from iterate_expressions(value)


@dataclass(slots=True)
class _Token:
    """A piece of an expression: a character or a set, an edge such as `^`, or syntax.

    Attributes:
        kind: the name of the group of `_TOKEN`.
        classes: the classes in it that know ASCII only.
        beyond_ascii: whether it names letters beyond ASCII.
        group: for the syntax of a group, the positions of its opening, its bars and its end.
    """

    kind: str
    text: str
    classes: tuple[str, ...] = ()
    beyond_ascii: bool = False
    group: list[int] = field(default_factory=list)


class _Expression:
    """An expression as a sequence of tokens."""

    def __init__(self, tokens: list[_Token]) -> None:
        self.tokens = tokens
        whole: list[int] = [-1]
        groups = [whole]
        for index, token in enumerate(tokens):
            if token.kind == "open":
                groups.append([])
            if token.kind in {"open", "bar", "close"}:
                token.group = groups[-1]
                token.group.append(index)
            if token.kind == "close":
                groups.pop()
        whole.append(len(tokens))

    @classmethod
    def of(cls, pattern: str) -> "_Expression":
        return cls([token for found in _TOKEN.finditer(pattern) for token in _make_tokens(found)])

    def find_near(self, index: int, step: int) -> set[int]:
        """Return the tokens that can be next to a token in a text, on its right (step 1) or left (step -1)."""
        near: set[int] = set()
        seen: set[int] = set()
        waiting = [index + step]
        while waiting:
            at = waiting.pop()
            if at in seen or not 0 <= at < len(self.tokens):
                continue
            seen.add(at)
            token = self.tokens[at]
            if token.kind in {"atom", "set"}:
                near.add(at)
                if step > 0 and self._is_optional(at):
                    waiting.append(at + step)
            elif token.kind == ("open" if step > 0 else "close"):
                # The begin, or end, of each alternative.
                waiting += [position + step for position in token.group if position != token.group[-1 if step > 0 else 0]]
                if step > 0 and self._is_optional(token.group[-1]):
                    waiting.append(token.group[-1] + step)
            elif token.kind == "bar":
                waiting.append(token.group[-1 if step > 0 else 0] + step)
            else:
                waiting.append(at + step)
                if step < 0 and self._is_optional(at - 1):
                    waiting.append(self._find_begin(at - 1) + step)
        return near

    def _is_optional(self, at: int) -> bool:
        """Return whether the repetition behind a token allows none."""
        after = self.tokens[at + 1] if 0 <= at < len(self.tokens) - 1 else None
        return after is not None and after.kind == "repeat" and after.text.startswith(("*", "?", "{0"))

    def _find_begin(self, at: int) -> int:
        """Return the begin of the group that ends at a token, or the token."""
        return self.tokens[at].group[0] if self.tokens[at].kind == "close" else at


def _make_tokens(found: re.Match[str]) -> Iterator[_Token]:
    kind = found.lastgroup or ""
    if kind == "quoted":
        for char in found["quoted"]:
            yield _Token("atom", char, beyond_ascii=_is_letter_beyond_ascii(char))
        return
    text = found[0]
    if kind == "set":
        pieces = [(piece[1] or piece[2], piece) for piece in _IN_SET.finditer(text, 1, len(text) - 1)]
        # A set such as [\wäöü] adds letters to the class: its author knows.
        beyond = not text.startswith("[^") and any(_names_letters(name) for name, _ in pieces)
        yield _Token(kind, text, () if beyond else tuple(name for name, _ in pieces if _is_ascii_class(name)), beyond)
    else:
        yield _Token(kind, text, (text,) if _is_ascii_class(text) else (), kind == "atom" and _names_letters(text))


def _is_ascii_class(name: str) -> bool:
    return len(name) > 1 and (name in _INSTEAD or name in _INSTEAD_NEXT_TO_LETTERS)


def _names_letters(text: str) -> bool:
    """Return whether an atom, or a piece of a set, names letters beyond ASCII."""
    if text.startswith("\\x"):
        return _is_letter_beyond_ascii(chr(int(text[2:].strip("{}"), 16)))
    return _LETTERS.fullmatch(text) is not None or _is_letter_beyond_ascii(text[-1])


def _is_letter_beyond_ascii(char: str) -> bool:
    return not char.isascii() and category(char)[0] in "LM"
