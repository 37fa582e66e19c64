"""Regular expressions of a policy, compiled by RE2: its time is linear in the text, and senders choose the text."""

import re
from contextlib import suppress
from typing import Any, Final, Protocol

from mailhooks.policy.facts.text_normalization import compose

_MAX_MEMORY: Final = 8 * 1024 * 1024
"""Octets that one expression may use; a larger one is rejected when the policy is loaded."""
_UNSUPPORTED: Final = re.compile(r"invalid perl operator: \(\?<?[=!]|invalid escape sequence: \\[1-9k]")
"""RE2's errors for look-around and for back-references."""


_TURKISH: Final = str.maketrans("\u0130\u0131", "Ii")
"""The capital I with a dot, and the small one without: RE2 has no other case of these."""


class Regex(Protocol):
    """A compiled expression."""

    def search(self, text: str, /) -> Any: ...


def compile_regex(pattern: str) -> Regex:
    """Compile an expression in RE2's syntax (https://github.com/google/re2/wiki/Syntax).

    Case matters only after `(?-i)`; else the four letters I of Turkish are equal, too. The expression is composed like the texts that it
    is searched in (see `compose`).

    Raises:
        ValueError: RE2 rejects the expression; the error has the reason.
    """
    composed = compose(pattern)
    compiled = _compile(composed)
    if "(?-i" in pattern:
        return compiled
    folded = composed.translate(_TURKISH)
    with suppress(ValueError):  # The folded form of a range, such as from y to the dotless i, may be none.
        return _AnyCaseRegex(compiled, _compile(folded) if folded != composed else compiled, searches_all=folded != composed)
    return compiled


def _compile(pattern: str) -> Regex:
    import re2  # Late: a policy without expressions does not load it at its cold start.

    options = re2.Options()
    options.log_errors = False
    options.max_mem = _MAX_MEMORY
    options.case_sensitive = False
    try:
        compiled: Regex = re2.compile(pattern, options=options)
    except re2.error as error:
        reason = error.args[0] if error.args else ""
        reason = reason.decode("utf-8", "replace") if isinstance(reason, bytes) else str(reason)
        hint = " (RE2 has no look-around and no back-references, because these can take for ever)" if _UNSUPPORTED.search(reason) else ""
        raise ValueError(f"a regular expression in RE2's syntax, which this is not: {reason}{hint}") from None
    return compiled


class _AnyCaseRegex:
    """An expression that is searched with the letters of Turkish as they are, then folded."""

    def __init__(self, regex: Regex, folded: Regex, *, searches_all: bool) -> None:
        self._regex = regex
        self._folded = folded
        self._searches_all = searches_all
        """Whether the folded expression differs, so that it may match each text."""

    def search(self, text: str, /) -> Any:
        found = self._regex.search(text)
        if found is None and (self._searches_all or (not text.isascii() and ("\u0130" in text or "\u0131" in text))):
            return self._folded.search(text.translate(_TURKISH))
        return found


class LineRegex:
    """An expression for many short texts of one line each, such as addresses: one search covers all of them first."""

    def __init__(self, pattern: str) -> None:
        """Compile the expression. Raises as `compile_regex`."""
        self._line = compile_regex(pattern)
        # In the joined lines `^` and `$` match at each line. An expression with \A, \z or flags could differ there: it is not searched so.
        self._joined = None if "(?" in pattern or "\\" in pattern.replace("\\.", "") else compile_regex(f"(?m:{pattern})")

    def search(self, line: str, /) -> bool:
        """Return whether a line matches."""
        return self._line.search(line) is not None

    def may_match_a_line(self, joined: str) -> bool:
        """Return False if no line of a text matches. True means that one may."""
        return self._joined is None or self._joined.search(joined) is not None
