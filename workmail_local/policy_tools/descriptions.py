"""Descriptions of a policy's outcome, for `try`, `replay` and `preview --policy`."""

from collections import Counter
from collections.abc import Iterator

from mailhooks.policy import Outcome
from mailhooks.policy.evaluation.action_words import describe_approvers, describe_timeout
from mailhooks.policy.evaluation.explanation import describe_recipients
from mailhooks.report_names import HoldState


def count_verdicts(outcome: Outcome) -> str:
    """Describe how many recipients have each verdict, most frequent verdict first."""
    counts = Counter(str(action.type) for action in outcome.by_recipient.values())
    return ", ".join(f"{number} {kind}" for kind, number in counts.most_common())


def describe_failures(outcome: Outcome) -> Iterator[str]:
    """Describe the conditions that could not be evaluated and the actions that could not be carried out."""
    for each in outcome.failures:
        yield f'rule "{each.rule}": {each.what}: {each.error}' + (f": {each.detail}" if each.detail else "")


def is_held(outcome: Outcome) -> bool:
    """Return whether a rule holds the message, without a decision."""
    return bool(outcome.holds) and not outcome.hold_states


def describe_holds(outcome: Outcome) -> Iterator[str]:
    """Describe each hold: its rule, its recipients, and its approvers or its decision."""
    for each in outcome.holds:
        state = outcome.hold_states.get(each.rule.name)
        if is_held(outcome):
            what = f"until {describe_approvers(each.hold)}, {describe_timeout(each.hold)}"
        elif state is HoldState.TIMED_OUT:
            what = f"no decision in time, {describe_timeout(each.hold)}"
        else:
            what = str(state) if state else "not needed: another rejection was enough"
        yield f'rule "{each.rule.name}" for {describe_recipients(outcome, each.recipients)}: {what}'
