"""Evaluation of one rule's conditions, with the handling of their errors."""

from mailhooks.errors import Misconfigured, PermanentError
from mailhooks.policy.errors import RuleFailed
from mailhooks.policy.evaluation.outcome import ConditionTrace, Failure, RuleTrace
from mailhooks.policy.facts.message_facts import ContentUnavailable, Facts
from mailhooks.policy.facts.recipients import NO_RECIPIENTS, RecipientSet
from mailhooks.policy.rules.conditions import Condition
from mailhooks.policy.rules.rule import Rule, RuleErrorPolicy


class _RuleSkipped(Exception):
    """A condition failed, and its rule is skipped."""


class ConditionEvaluator:
    """Evaluates the conditions of one rule, and collects those that failed in `failures`."""

    __slots__ = ("_depth", "_negated", "_rule", "_trace", "failures")

    def __init__(self, rule: Rule, trace: RuleTrace | None) -> None:
        self.failures: list[Failure] = []
        self._rule = rule
        self._trace = trace
        self._negated = False
        self._depth = 0

    def find_matching(self, facts: Facts, candidates: RecipientSet) -> RecipientSet:
        """Return the candidates to whom the rule applies.

        Raises:
            RuleFailed: a condition failed, and the rule's `on_error` is retry.
            ContentUnavailable: the content is withheld, or could not be fetched because of a transient error.
        """
        try:
            return self._evaluate(self._rule.condition, facts, candidates)
        except _RuleSkipped:
            return NO_RECIPIENTS
        except ContentUnavailable as unavailable:
            # A rule in report mode must not fail the invocation.
            if not self._rule.report:
                raise
            self.failures.append(Failure(self._rule.name, "content", type(unavailable.__cause__).__name__, ""))
            return NO_RECIPIENTS

    def _evaluate(self, condition: Condition, facts: Facts, candidates: RecipientSet, *, negated: bool = False) -> RecipientSet:
        outer = self._negated
        self._negated = outer ^ negated
        self._depth += 1
        position = self._begin_trace(condition) if self._trace is not None else 0
        error = ""
        try:
            matching = condition.matching(facts, candidates, self._evaluate)
        except (_RuleSkipped, RuleFailed):
            raise
        except ContentUnavailable as unavailable:
            cause = unavailable.__cause__
            # After a transient error the invocation is retried. A permanent one is a failure of the condition.
            if self._rule.report or not isinstance(cause, PermanentError | Misconfigured):
                raise
            error = type(cause).__name__
            matching = self._handle_failure(condition, cause, candidates)
        except Exception as failure:  # noqa: BLE001 - the rule's on_error decides
            error = type(failure).__name__
            matching = self._handle_failure(condition, failure, candidates)
        finally:
            self._negated = outer
            self._depth -= 1
        if self._trace is not None:
            observed = "" if error else _observe(condition, facts)
            written = getattr(condition, "written", None)
            self._trace.conditions[position] = ConditionTrace(condition.name, self._depth, observed, matching, candidates, error, written)
        return matching

    def _begin_trace(self, condition: Condition) -> int:
        """Add an entry for a condition, above those of the conditions in it. An error leaves it as it is."""
        assert self._trace is not None
        self._trace.conditions.append(ConditionTrace(condition.name, self._depth - 1, "", NO_RECIPIENTS, NO_RECIPIENTS, "not evaluated"))
        return len(self._trace.conditions) - 1

    def _handle_failure(self, condition: Condition, error: Exception, candidates: RecipientSet) -> RecipientSet:
        """Record a failed condition, and return the recipients that it matches by the rule's `on_error: apply`."""
        rule = self._rule
        failure = Failure.of(rule.name, condition.name, error)
        self.failures.append(failure)
        if rule.on_error is RuleErrorPolicy.RETRY and not rule.report:
            raise RuleFailed(f'rule "{rule.name}": {failure.what}: {failure.error}: {failure.detail}'.rstrip(": ")) from None
        if rule.on_error is RuleErrorPolicy.SKIP or rule.report:
            raise _RuleSkipped
        return NO_RECIPIENTS if self._negated else candidates


def _observe(condition: Condition, facts: Facts) -> str:
    """Return the value that a condition was evaluated on. A trace must neither change the outcome nor fail the evaluation."""
    try:
        return condition.observed(facts)
    except Exception as error:  # noqa: BLE001 - the condition itself is evaluated
        return f"(not read: {type(error).__name__})"
