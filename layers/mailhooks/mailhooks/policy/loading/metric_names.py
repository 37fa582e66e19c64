"""The names of metrics that a rule's `count` cannot have: in the message's one set of metrics they mean something already."""

import re
from typing import Final

_TAKEN: Final = frozenset(
    "Messages Changed Permanent Passing Failed Duration MessageSize Recipients "
    "PolicyRefused RulesMatched RulesReported ContentMixed RuleFailures "
    # Keys of the same JSON object (embedded metric format): dimensions and metadata.
    "hook direction service messageId invocationId".split()
)
_TAKEN_BEGINNINGS: Final = re.compile("(?:Verdict|Reason)[A-Z]")
"""Of those that are put together: of an action's type, of a kind of error."""


def is_reserved(name: str) -> bool:
    return name in _TAKEN or _TAKEN_BEGINNINGS.match(name) is not None
