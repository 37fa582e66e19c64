"""Regular expressions of those who write policies: RE2, whose time is linear in the text, as senders choose the text."""

import re
from typing import Any, Final, Protocol

from mailhooks.policy.facts.text_normalization import composed

_MAX_MEMORY: Final = 8 * 1024 * 1024
"""Octets that one expression may take; a larger one is refused when the policy is loaded."""
_NONE_SUCH: Final = re.compile(r"invalid perl operator: \(\?<?[=!]|invalid escape sequence: \\[1-9k]")
"""What RE2 says of look-around and of back-references."""


class Regex(Protocol):
    """A compiled expression."""

    def search(self, text: str, /) -> Any: ...


def compile_regex(pattern: str) -> Regex:
    """Compiles an expression in RE2's syntax (https://github.com/google/re2/wiki/Syntax). Case matters only if `(?-i)` says so.
    Composed letters are composed in it, as in the texts that it is looked for in (see `composed`).

    Raises:
        ValueError: RE2 cannot do it; says why.
    """
    import re2  # late: a policy without expressions has no use for it

    options = re2.Options()
    options.log_errors = False
    options.max_mem = _MAX_MEMORY
    options.case_sensitive = False
    try:
        compiled: Regex = re2.compile(composed(pattern), options=options)
    except re2.error as error:
        reason = error.args[0] if error.args else ""
        reason = reason.decode("utf-8", "replace") if isinstance(reason, bytes) else str(reason)
        hint = " (RE2 has no look-around and no back-references, as these can take for ever)" if _NONE_SUCH.search(reason) else ""
        raise ValueError(f"a regular expression in RE2's syntax, which this is not: {reason}{hint}") from None
    return compiled


class LineRegex:
    """An expression for texts of one line each, such as addresses, of which there may be many: looked for in all of them at once first."""

    def __init__(self, pattern: str) -> None:
        """Raises as `compile_regex`."""
        self._each = compile_regex(pattern)
        # In the joined lines `^` and `$` are the ends of each; what asks for the ends of the text, or sets flags, is asked line by line.
        self._joined = None if "(?" in pattern or "\\" in pattern.replace("\\.", "") else compile_regex(f"(?m:{pattern})")

    def search(self, line: str, /) -> bool:
        return self._each.search(line) is not None

    def may_be_in(self, joined: str) -> bool:
        """Whether one of the lines, joined by line ends, may have it; False only if none has."""
        return self._joined is None or self._joined.search(joined) is not None
