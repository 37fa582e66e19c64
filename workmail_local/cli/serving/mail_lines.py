"""The line about a message that `workmail-hooks serve` prints when the message is done, or has to wait for another attempt."""

import time
from collections import Counter
from collections.abc import Iterator
from textwrap import wrap
from typing import Final

from workmail_local.console.style import Style
from workmail_local.console.text_columns import count_columns, escape_controls, fit
from workmail_local.mail.history import Attempt, Destination, MessageTrace, RecipientResult, RuleRun, State
from workmail_local.mail.job import DeliveryJob
from workmail_local.queue.retry_schedule import ASYNCHRONOUS_PAUSES_S, next_pause

INDENT: Final = " " * len("12:03:04  ")
_MAX_NAMED: Final = 2
"""Recipients that a line names."""

_GAP: Final = "  "
_LEAST_ADDRESSES: Final = 30
_LEAST_ROOM: Final = 24
_MAX_LINES: Final = 4
"""Lines of one problem on a terminal."""

_CUTS: Final = ((1, 8), (2, 8), (0, _LEAST_ADDRESSES))
"""The parts of a line that a narrow terminal cuts: index, and the columns that it leaves. The outcome is not cut."""


class MailLines:
    """Formats the progress of messages. A problem is shown once for each run through a rule. Not safe to use from several threads.

    Args:
        style: colours.
        page: the URL of the web page, where a message's log is.
        verbose: add the message's ID, and the log of each attempt.
    """

    def __init__(self, style: Style, page: str, *, verbose: bool = False) -> None:
        self._style = style
        self._page = page
        self._verbose = verbose
        self._shown: dict[str, tuple[int, frozenset[str]]] = {}

    def format(self, job: DeliveryJob, trace: MessageTrace, now: float, width: int | None) -> Iterator[str]:
        """Yield the lines about a job that was advanced.

        Args:
            trace: the trace of its message.
            now: seconds since the epoch.
            width: columns of the terminal; None for lines of any length.
        """
        room = None if width is None else max(width - len(INDENT), _LEAST_ROOM)
        run = job.run
        attempts = next((each.attempts for each in trace.rule_runs if each.message_id == run.message_id), ())
        known, earlier = self._shown.get(run.message_id, (0, frozenset()))
        problems = [problem for problem in run.problems if problem not in earlier]
        failed = bool(problems) or run.state is State.RETRYING
        line = _join_parts(
            [
                f"{job.mail_from or '<>'} -> {_join_recipients(run.recipients)}",
                f'"{trace.summary.subject or "(no subject)"}"',
                run.rule or "no rule",
                _describe_outcome(job, len(attempts), now),
                _format_time(max(now - job.received, 0.0)),
            ],
            room,
        )
        clock = f"{time.strftime('%H:%M:%S', time.localtime(now))}  "
        yield clock + (self._style.bad(line) if failed else line)
        for problem in problems:
            yield from (INDENT + self._style.bad(line) for line in _wrap(escape_controls(problem), room))
        if problems:
            yield f"{INDENT}Log: {self._page}/messages/{job.number}"
        if self._verbose:
            yield from self._details(run, attempts[known:])
        if run.state is State.DONE:
            self._shown.pop(run.message_id, None)
        else:
            self._shown[run.message_id] = len(attempts), frozenset(run.problems)

    def _details(self, run: RuleRun, attempts: tuple[Attempt, ...]) -> Iterator[str]:
        yield f"{INDENT}messageId {run.message_id}, invocationId {run.invocation_id}"
        for attempt in attempts:
            yield f"{INDENT}attempt {attempt.number}: {run.function}, {attempt.milliseconds:,.0f} ms{', cold' if attempt.cold else ''}"
            yield from (f"{INDENT}| {escape_controls(line)}" for line in attempt.log.splitlines())


def _join_parts(parts: list[str], room: int | None) -> str:
    """Join addresses, subject, rule, outcome and duration. When the room is short, the subject is cut first, then rule and addresses."""
    parts = [escape_controls(part) for part in parts]
    if room is None:
        return _GAP.join(parts)
    for index, least in _CUTS:
        excess = count_columns(_GAP.join(parts)) - room
        if excess > 0:
            parts[index] = fit(parts[index], max(count_columns(parts[index]) - excess, least))
    # The outcome and the duration stay whole if the terminal has room for them alone.
    head, tail = _GAP.join(parts[:3]), _GAP.join(parts[3:])
    left = room - count_columns(_GAP + tail)
    return f"{fit(head, left)}{_GAP}{tail}" if left > 0 else fit(tail, room)


def _wrap(text: str, room: int | None) -> list[str]:
    """Return the lines of a problem. Its end has the reason, such as the name of a module, so that it is cut late."""
    return [text] if room is None else wrap(text, room, max_lines=_MAX_LINES, placeholder=" ...") or [text]


def _join_recipients(recipients: tuple[str, ...]) -> str:
    more = len(recipients) - _MAX_NAMED
    return ", ".join(recipients[:_MAX_NAMED]) + (f" and {more:,} more" if more > 0 else "")


def _describe_outcome(job: DeliveryJob, attempts: int, now: float) -> str:
    """Describe where the message ended, and the next attempt if there is one."""
    run = job.run
    ended = _describe_results(run.results)
    if run.changed and ended:
        ended += " (changed)"
    if run.state is State.HELD and run.due is not None:
        return f"held, next attempt in {_format_time(max(run.due - now, 0.0))}"
    if run.state is State.RETRYING and run.due is not None:
        most = len(ASYNCHRONOUS_PAUSES_S) if job.is_asynchronous else attempts + _count_further_retries(job, attempts)
        retry = f"failed, retry {attempts}/{most:,} in {_format_time(max(run.due - now, 0.0))}"
        return f"{ended}, then {retry}" if ended else retry
    return f"{ended} after {attempts} attempts" if attempts > 1 else ended


def _count_further_retries(job: DeliveryJob, attempts: int) -> int:
    """Return how many retries may follow the next one until the rule's timeout, if the function fails at once each time."""
    count, elapsed_s = 0, job.elapsed_s
    while (pause := next_pause(attempts + count + 1, elapsed_s, job.timeout_s)) is not None:
        elapsed_s += pause
        count += 1
    return count


def _describe_results(results: tuple[RecipientResult, ...]) -> str:
    """Describe where the recipients' copies ended: `Inbox`, or for different ends `Inbox 2, Bounced ben@example.com "No."`."""
    counts = Counter(result.destination for result in results)
    return ", ".join(_describe_destination(each, results, alone=len(counts) == 1) for each in counts)


def _describe_destination(destination: Destination, results: tuple[RecipientResult, ...], *, alone: bool) -> str:
    found = [result for result in results if result.destination is destination]
    who = "" if alone else f" {found[0].recipient}" if len(found) == 1 else f" {len(found):,}"
    notes = list(dict.fromkeys(result.note for result in found if result.note))
    why = f' "{fit(notes[0], 60)}"' if destination is Destination.BOUNCED and len(notes) == 1 else ""
    return f"{destination}{who}{why}"


def _format_time(seconds: float) -> str:
    """Return a duration: `24 ms`, `3.2 s`, `2 s`, `5 min`, `2 h`."""
    if seconds < 0.95:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 60:
        return f"{round(seconds, 1):g} s"
    return f"{seconds / 60:.0f} min" if seconds < 3600 else f"{seconds / 3600:.0f} h"
