"""Describes messages and their rule runs as text, for the report of a failed test."""

from collections.abc import Iterator
from typing import Final

from workmail_local.console.style import format_count
from workmail_local.mail.history import MessageTrace, RuleRun
from workmail_local.runtime.logs import shorten_log, split_traceback
from workmail_local.workmail import LocalWorkMail

_MESSAGES: Final = 5
"""Messages that are described, at most."""

_LOG_LINES: Final = 30
"""Lines of the log of an attempt, at most."""


def describe_messages(wm: LocalWorkMail) -> Iterator[str]:
    """Yield lines about the newest messages, oldest first; none if no message was sent."""
    if not wm.has_history or not (count := wm.history.count()):
        return
    if count > _MESSAGES:
        yield f"({format_count(count - _MESSAGES, 'earlier message')} left out)"
    for summary in reversed(wm.history.summaries(limit=_MESSAGES)):
        trace = wm.history.trace(summary.number)
        if trace is not None:
            yield from _describe_message(trace)


def _describe_message(trace: MessageTrace) -> Iterator[str]:
    summary = trace.summary
    people = f"{summary.mail_from or '(no sender)'} -> {', '.join(summary.recipients)}"
    yield f'message {summary.number}  {summary.direction}  {people}  "{summary.subject}"  {summary.state}'
    for run in trace.rule_runs:
        yield from (f"  {line}" for line in _describe_run(run))


def _describe_run(run: RuleRun) -> Iterator[str]:
    function = f", function {run.function}" if run.function else ""
    yield f'rule "{run.rule}"{function}' if run.rule else "no rule"
    for attempt in run.attempts:
        yield f"attempt {attempt.number}  {attempt.milliseconds:,.0f} ms  {attempt.problem or attempt.response}"
        log, traceback = split_traceback(attempt.log)
        yield from (f"  | {line}" for line in (*shorten_log(log, _LOG_LINES), *traceback.splitlines()))
    for result in run.results:
        note = f"  ({result.note})" if result.note else ""
        yield f"{result.recipient}  {result.action}  {result.destination}{note}"
    yield from (f"problem: {problem}" for problem in run.problems)
