"""Descriptions of a policy's outcome, for `try`, `replay` and `preview --policy`."""

from collections import Counter
from collections.abc import Iterator

from mailhooks.policy import Outcome


def count_verdicts(outcome: Outcome) -> str:
    """Describe how many recipients have each verdict, most frequent verdict first."""
    counts = Counter(str(action.type) for action in outcome.by_recipient.values())
    return ", ".join(f"{number} {kind}" for kind, number in counts.most_common())


def describe_failures(outcome: Outcome) -> Iterator[str]:
    """Describe the conditions that could not be evaluated and the actions that could not be carried out."""
    for each in outcome.failures:
        yield f'rule "{each.rule}": {each.what}: {each.error}' + (f": {each.detail}" if each.detail else "")
