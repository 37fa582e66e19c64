"""Compiles regular expressions at their first use, for a short cold start.

Use `compile_late` for constant patterns that most messages do not need, and `re.compile` for the others: Lambda loads a function at full
speed before the first message, and a call of a late pattern costs some 0.1 microseconds more.
"""

import re
from typing import Any, AnyStr, cast


def compile_late(pattern: AnyStr, flags: int = 0) -> re.Pattern[AnyStr]:
    """Return a pattern that is compiled at its first use.

    It has all methods and attributes of `re.Pattern`. It cannot be an argument of the functions of `re`.

    Raises:
        re.error: at the first use, if the pattern is invalid.
    """
    return cast("re.Pattern[AnyStr]", _LatePattern(pattern, flags))


class _LatePattern:
    def __init__(self, pattern: Any, flags: int) -> None:
        self._given = pattern, flags

    def __getattr__(self, name: str) -> Any:
        """Return an attribute of the compiled pattern, and set it here, so that this method is called once for each name."""
        value = getattr(re.compile(*self._given), name)
        setattr(self, name, value)
        return value
