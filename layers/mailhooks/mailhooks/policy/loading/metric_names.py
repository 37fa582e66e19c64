"""Metric names that the action `count` must not use, because the metrics of each message have them already."""

import re
from typing import Final

_RESERVED: Final = frozenset(
    "Messages Changed Permanent Passing Failed Duration MessageSize Recipients "
    "PolicyRefused RulesMatched RulesReported ContentMixed RuleFailures "
    # Keys of the same JSON object (embedded metric format): dimensions and metadata.
    "hook direction service messageId invocationId".split()
)
_RESERVED_PREFIXES: Final = re.compile("(?:Verdict|Reason)[A-Z]")
"""Prefixes of generated names: the rest is the type of an action or of an error."""


def is_reserved(name: str) -> bool:
    """Return whether a metric name is in use."""
    return name in _RESERVED or _RESERVED_PREFIXES.match(name) is not None
