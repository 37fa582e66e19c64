"""The addresses in a header field such as From. By the standard library's parser, brackets within brackets end in a RecursionError, and
whether a name holds an address depends on its version. Linear in the text's length, whatever it holds.
"""

import re
from typing import Final

_TOKEN: Final = re.compile(r'"((?:[^"\\]|\\.)*+)"|\\.|[^"\\<>,;:()]+|.', re.DOTALL)
_IN_COMMENT: Final = re.compile(r"\\.|[()]", re.DOTALL)
_ESCAPED: Final = re.compile(r"\\(.)", re.DOTALL)
_UNQUOTABLE: Final = re.compile(r"[\s@]")


def addresses(value: str) -> list[str]:
    """The addresses in a list of mailboxes and groups (RFC 5322 section 3.4), in lower case, quotes and comments taken away.

    Encoded words have to be in it as they are (RFC 2047 section 5): what a name shows is no address. QUIRK: quotes and brackets that
    nobody closes are text, lest one hide what comes after it.

    White space around dots is none of an address (RFC 5322 section 4.4: obs-domain, obs-local-part), nor is one dot behind its domain. As
    a dot may also end what stands around the address, it is given as it is written too.

    >>> addresses('"ceo@example.com" <A@Example.net>, (of) b@example.org')
    ['a@example.net', 'b@example.org']
    """
    reader = _Reader()
    at, comments = 0, True
    while token := _TOKEN.match(value, at):
        at = token.end()
        if token[0] == "(" and comments:
            end = _comment_end(value, at)
            comments, at = end > 0, end or at
        elif token[1] is not None:
            # A quoted local part (RFC 5321 section 4.1.2) is the same without its quotes; a quoted name is no address.
            reader.text(_UNQUOTABLE.sub("_", _ESCAPED.sub(r"\1", token[1])) if value.startswith("@", at) else " ")
        else:
            reader.take(token[0])
    reader.flush()
    return reader.found


def _comment_end(value: str, at: int) -> int:
    depth = 1
    for mark in _IN_COMMENT.finditer(value, at):
        depth += {"(": 1, ")": -1}.get(mark[0], 0)
        if not depth:
            return mark.end()
    return 0


def _without_spaces(text: str, mark: str) -> str:
    return mark.join(piece.strip() for piece in text.split(mark))


class _Reader:
    """Mailboxes as they are read."""

    def __init__(self) -> None:
        self.found: list[str] = []
        self._pieces: list[str] = []
        self._is_route = False

    def take(self, piece: str) -> None:
        if piece in {">", ";"} or (piece in {","} and not self._is_route):
            self.flush()
        elif piece in {"<", ":"}:
            # Before a bracket stands a name; before a colon a group's, or the route of old (RFC 5322 section 4.4).
            self._pieces, self._is_route = [], False
        elif piece.startswith("@") and not self._pieces:
            self._is_route = True
        else:
            self.text(piece)

    def text(self, text: str) -> None:
        self._pieces.append(text)

    def flush(self) -> None:
        text = _without_spaces("".join(self._pieces), "@")
        for reading in dict.fromkeys((text, _without_spaces(text, "."))):
            self.found += [word.lower().removesuffix(".") for word in reading.split() if "@" in word]
        self._pieces, self._is_route = [], False
