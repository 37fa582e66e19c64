"""Explains an evaluation in words: to whom each rule applies, what each condition observed, and what the actions did.

The command `try`, and the log of a function with LOG_DECISION, have the same explanation. It quotes the message.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from enum import StrEnum
from typing import Any, Final, NamedTuple

from mailhooks.policy.evaluation.action_words import describe_action
from mailhooks.policy.evaluation.outcome import ConditionTrace, Outcome, RuleTrace, Trace, WantedChange
from mailhooks.policy.facts.recipients import NO_RECIPIENTS, RecipientSet
from mailhooks.policy.rules.conditions import one_line
from mailhooks.policy.rules.rule import Action, ContentChange, Hold, Mixed, Rule, SetVerdict

UNLISTED_WORDS: Final = "(recipients not listed)"

_SEARCHES: Final = frozenset({"subject", "body", "own_text", "subject_or_body"})
"""Conditions whose texts are searched for; the texts of the others are compared."""

_SEARCHED: Final = frozenset({"words", "contains", "regex"})
"""Keys of a search."""

_MAX_VALUES: Final = 3
_MAX_RECIPIENTS: Final = 50
_MAX_RULES: Final = 300


class RuleState(StrEnum):
    """Whether a rule applies."""

    APPLIES = "applies"
    REPORTED = "reported"
    """It would apply, and is in report mode."""
    FAILS = "fails"
    """It does not apply."""
    SKIPPED = "skipped"


class ConditionExplanation(NamedTuple):
    """One condition of a rule.

    Attributes:
        condition: its name.
        wanted: the condition in words, such as `subject contains "invoice"`.
        observed: the value in the message; "" if there is none to show, as of a group.
        answer: for whom it is true, such as `yes` or `yes for 1 of 2: ana@example.com`.
        depth: the number of groups around it.
    """

    condition: str
    wanted: str
    observed: str
    answer: str
    depth: int


class RuleExplanation(NamedTuple):
    """One rule of a policy.

    Attributes:
        result: for whom it applies, or why it was skipped, such as `applies to all recipients`.
        recipients: the first of those to whom it applies; UNLISTED_WORDS for those that a truncated event omits.
        actions: what it did, one text for each action; empty if it does not apply.
        conditions: in the order of their evaluation. Of a rule that does not apply, the one that failed and those in it.
    """

    rule: str
    state: RuleState
    result: str
    recipients: tuple[str, ...] = ()
    actions: tuple[str, ...] = ()
    conditions: tuple[ConditionExplanation, ...] = ()


def explain_rules(
    rules: Sequence[Rule], trace: Trace, outcome: Outcome, applied: Collection[WantedChange] = (), error: Exception | None = None
) -> list[RuleExplanation]:
    """Explain the rules of a policy, at most 300: those that apply first, if there are more.

    Args:
        rules: of the policy, in the order of the trace.
        applied: the changes that were made.
        error: why no change was made although one was wanted.
    """
    decided = NO_RECIPIENTS
    found = []
    for rule, traced in zip(rules, trace.rules, strict=True):
        state = _find_state(rule, traced)
        actions: tuple[str, ...] = ()
        if state is RuleState.APPLIES:
            before, decided = decided, decided | (traced.matching if _sets_verdict(rule) else NO_RECIPIENTS)
            open_recipients = traced.matching - before
            actions = tuple(_explain_action(rule, action, outcome, applied, error, open_recipients) for action in rule.actions)
        elif state is RuleState.REPORTED:
            actions = tuple(f"{describe_action(action)} (not done)" for action in rule.actions)
        conditions = tuple(explain_conditions(traced.conditions, outcome))
        names = [address or UNLISTED_WORDS for address in outcome.recipients.list_addresses(traced.matching)]
        found.append(
            RuleExplanation(
                rule.name,
                state,
                describe_result(traced, outcome),
                tuple(names[:_MAX_RECIPIENTS]),
                actions,
                conditions if traced.matching else _find_failed(conditions),
            )
        )
    return sorted(found, key=lambda each: not each.recipients)[:_MAX_RULES] if len(found) > _MAX_RULES else found


def _find_state(rule: Rule, traced: RuleTrace) -> RuleState:
    if traced.skipped:
        return RuleState.SKIPPED
    if not traced.matching:
        return RuleState.FAILS
    return RuleState.REPORTED if rule.report else RuleState.APPLIES


def _sets_verdict(rule: Rule) -> bool:
    return any(isinstance(action, SetVerdict) for action in rule.actions)


def _find_failed(conditions: tuple[ConditionExplanation, ...]) -> tuple[ConditionExplanation, ...]:
    """Return the last condition that is in no group, and those in it: after it, nothing was evaluated."""
    last = max((position for position, each in enumerate(conditions) if not each.depth), default=0)
    return conditions[last:]


def describe_result(traced: RuleTrace, outcome: Outcome) -> str:
    """Describe to whom a rule applies, or why it was skipped."""
    if traced.skipped:
        return f"skipped: {traced.skipped}"
    if not traced.matching:
        return "does not apply"
    applies = f"applies to {describe_recipients(outcome, traced.matching)}"
    return f"{applies} (report mode: it changes nothing)" if traced.name in outcome.reported else applies


def explain_conditions(conditions: Sequence[ConditionTrace], outcome: Outcome) -> Iterator[ConditionExplanation]:
    """Explain the conditions of a rule, without the groups that the policy file does not show."""
    # The conditions of `when` are in a group of their own, which has no value to show.
    within = bool(conditions) and conditions[0].condition == "when"
    conditions = conditions[within:]
    depth = 0
    for before, seen in zip([None, *conditions], conditions, strict=False):
        if before is not None and before.condition == seen.condition == "unless" and before.depth < seen.depth:
            depth = seen.depth  # several exceptions also have a group without a value
            continue
        if not seen.depth > depth > 0:
            depth = 0
        shown_depth = seen.depth - within - bool(depth)
        wanted = describe_condition(seen.condition, seen.written)
        yield ConditionExplanation(seen.condition, wanted, seen.observed, _describe_answer(seen, outcome), shown_depth)


def _describe_answer(seen: ConditionTrace, outcome: Outcome) -> str:
    """Describe for which recipients a condition is true."""
    if seen.error:
        return f"not evaluated: {seen.error}" if seen.error != "not evaluated" else "not evaluated"
    exception = seen.condition == "unless"
    if seen.matching == seen.candidates:
        return "no exception" if exception else "yes"
    if not seen.matching:
        return "an exception" if exception else "no"
    word = "no exception for" if exception else "yes for"
    return f"{word} {len(seen.matching)} of {len(seen.candidates)}: {describe_recipients(outcome, seen.matching, 2)}"


def describe_recipients(outcome: Outcome, recipients: RecipientSet, limit: int = 3) -> str:
    """Name a set of recipients; at most `limit` by their address."""
    if recipients == outcome.recipients.all:
        return "all recipients" if len(recipients) > 1 else "the recipient"
    names = [address or UNLISTED_WORDS for address in outcome.recipients.list_addresses(recipients)]
    more = f" and {len(names) - limit} more" if len(names) > limit else ""
    return ", ".join(names[:limit]) + more


def describe_condition(name: str, written: Any) -> str:
    """Describe a condition by its name and its value in the policy.

    >>> describe_condition("subject", ["invoice", "bill"]), describe_condition("recipient_count", {"over": 20})
    ('subject contains "invoice" or "bill"', 'recipient_count over 20')
    """
    if written is None:
        return name
    if isinstance(written, Mapping):
        return one_line(f"{name} {_describe_keys(written)}")
    values = written if isinstance(written, list) else [written]
    if any(isinstance(value, Mapping) for value in values):
        return one_line(f"{name} {' or '.join(_describe_keys(value) for value in values[:_MAX_VALUES])}")
    if name in _SEARCHES:
        return one_line(f"{name} contains {_join_values(values, quoted=True)}")
    return one_line(f"{name} is {_join_values(values)}")


def _describe_keys(value: Mapping[str, Any]) -> str:
    return ", ".join(
        f"{key} {_join_values(each if isinstance(each, list) else [each], quoted=key in _SEARCHED)}" for key, each in value.items()
    )


def _join_values(values: Sequence[Any], *, quoted: bool = False) -> str:
    texts = [_describe_value(value, quoted=quoted) for value in values[:_MAX_VALUES]]
    more = [f"{len(values) - _MAX_VALUES} more"] if len(values) > _MAX_VALUES else []
    return " or ".join([*texts, *more])


def _describe_value(value: Any, *, quoted: bool) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Mapping):
        return f"({_describe_keys(value)})"
    text = str(value)
    return f'"{text}"' if quoted and not text.startswith("list:") else text


def _explain_action(
    rule: Rule,
    action: Action,
    outcome: Outcome,
    applied: Collection[WantedChange],
    error: Exception | None,
    open_recipients: RecipientSet,
) -> str:
    """Describe an action of a rule that applies, and what kept it from having an effect.

    Args:
        open_recipients: those for whom no earlier rule has decided.
    """
    text = describe_action(action)
    if isinstance(action, SetVerdict):
        if not open_recipients:
            return f"{text} (no effect: an earlier rule decided for these recipients)"
        bounce = outcome.by_recipient[next(outcome.recipients.list_addresses(open_recipients))].bounce_message
        return f'bounce "{one_line(bounce)}"' if action.text and bounce else text
    if isinstance(action, Hold):
        state = outcome.hold_states.get(rule.name)
        if not any(wanted.rule is rule and wanted.recipients for wanted in outcome.holds):
            return f"{text} (no effect: none of these recipients gets the message)"
        return f"{text} ({state.replace('-', ' ')})" if state else text
    if isinstance(action, ContentChange):
        why = _why_not_made(rule, action, outcome, applied, error)
        return f"{text} ({why})" if why else text
    return text


def _why_not_made(rule: Rule, change: ContentChange, outcome: Outcome, applied: Collection[WantedChange], error: Exception | None) -> str:
    """Return why a change was not made; `""` if it was."""
    if any(wanted.rule is rule and wanted.change is change for wanted in applied):
        return ""
    failure = next((each for each in outcome.failures if (each.rule, each.what) == (rule.name, change.name)), None)
    if failure or error:
        return f"not made: {failure.detail or failure.error if failure else error}"
    if not any(wanted.rule is rule and wanted.change is change for wanted in outcome.changes):
        mixed = rule.mixed is Mixed.NONE and rule.name in outcome.mixed
        return "not made: not all recipients want it, and mixed is none" if mixed else "not made: none of these recipients gets the message"
    return "no effect: the message has it already, or nothing matches"
