"""CloudWatch's filter patterns of one regular expression, between percent signs."""

import re
from typing import Final

_ALLOWED: Final = re.compile(r"(?:[A-Za-z0-9:_#=@/;,^$?\[\]{}|*+.-]|\\[\[\]{}.*+?^$|sdwSDW\\])+")
"""Characters and operators of the guide "Supported regular expressions (regex) syntax". There are no round brackets."""


def compile_pattern(pattern: str) -> re.Pattern[str]:
    """Return the regular expression of a filter pattern; search it in a log event.

    Raises:
        ValueError: CloudWatch would reject it.
    """
    if not (pattern.startswith("%") and pattern.endswith("%") and _ALLOWED.fullmatch(pattern[1:-1])):
        raise ValueError(f"not a filter pattern of one regular expression: {pattern}")
    return re.compile(pattern[1:-1])
