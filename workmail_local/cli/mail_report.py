"""Prints the results of samples: at most 100 columns, colour only on a terminal."""

from collections.abc import Iterable, Iterator
from functools import partial
from typing import Final

from workmail_local.cli.sample_runner import SampleResult
from workmail_local.console.rows import format_cell, label_rows, limit_rows, wrap
from workmail_local.console.style import WIDTH, Style, format_count
from workmail_local.console.text_columns import escape_controls
from workmail_local.mail.history import Destination, RecipientResult
from workmail_local.mail.verdict import Origin
from workmail_local.runtime.logs import find_traceback, format_metrics
from workmail_local.viewer.diff import LineDiff

_LABEL: Final = 10
_show: Final = partial(label_rows, label_width=_LABEL)
_ADDRESS: Final = 40
_MAX_RECIPIENTS: Final = 20

_ORIGINS: Final = {Origin.FALLBACK: "fallback", Origin.ADDED: "added (Bcc)"}
_DESTINATIONS: Final = {
    Destination.OUTGOING: "sent",
    Destination.BOUNCED: "not delivered",
    Destination.DROPPED: "not delivered",
}


def format_result(result: SampleResult, style: Style, *, verbose: bool = False) -> Iterator[str]:
    """Yield the lines about one sample; `verbose` adds the function's log."""
    event, sample = result.event, result.sample
    direction = event.flow_direction if event else "?"
    kind = "async" if result.asynchronous else "sync"
    yield f"{style.bold(escape_controls(sample.stem))}  ({direction}, function {sample.function}, {kind})"
    if event:
        on_behalf = f", sent by {event.sender} on their behalf" if event.sender else ""
        yield from _show("Subject", [event.subject or "(none)"])
        yield from _show("From", [f"{event.mail_from or '(none)'}{on_behalf}"])
    yield from _recipients(result)
    yield from _content(result)
    if result.asynchronous and (found := format_metrics(result.log)):
        yield from _show("Metrics", [found], wrapped=True)
    yield from _show("Time", [", ".join(_times(result)) or "not called"])
    yield from _show("Note", result.notes, wrapped=True)
    for problem in result.problems:
        for number, line in enumerate(wrap(escape_controls(problem), WIDTH - _LABEL - 2)):
            yield f"  {style.bad('FAILED') if not number else '      '}    {line}"
    if result.problems and (traceback := find_traceback(result.log)) and not verbose:
        yield from (f"            {escape_controls(line)}" for line in traceback.splitlines())
    if verbose:
        yield from (f"  | {escape_controls(line)}" for line in result.log.splitlines())


def format_summary(results: Iterable[SampleResult], seconds: float, style: Style) -> Iterator[str]:
    """Yield the closing lines: counts over all samples, and the samples with problems."""
    results = list(results)
    failed = [result.sample.stem for result in results if result.problems]
    destinations = [each.destination for result in results if result.run for each in result.run.results]
    bounced, dropped = (destinations.count(each) for each in (Destination.BOUNCED, Destination.DROPPED))
    changed = sum(result.run is not None and result.run.puts > 0 for result in results)
    counts = (
        f"{format_count(len(results), 'message')}, {changed} changed: "
        f"{format_count(len(destinations) - bounced - dropped, 'copy', 'copies')} delivered, {bounced} bounced, "
        f"{dropped} dropped ({seconds:.1f} s)"
    )
    if failed:
        yield f"{style.bad('FAILED')}  {format_count(len(failed), 'message')} of {len(results)} with a problem: {', '.join(failed)}"
        yield counts
    else:
        yield f"{style.good('OK')}  {counts}"


def _recipients(result: SampleResult) -> Iterator[str]:
    if result.run is None:
        return
    results = result.run.results
    rows = list(limit_rows([_recipient(each) for each in results], _MAX_RECIPIENTS, "recipients"))
    if result.event and result.event.truncated:
        rows.append("(the event is truncated: it does not list all recipients)")
    yield from _show("To", rows)
    texts = dict.fromkeys(each.note for each in results[:_MAX_RECIPIENTS] if each.destination is Destination.BOUNCED and each.note)
    yield from _show("Bounce", [f'"{text}"' for text in texts])


def _recipient(result: RecipientResult) -> str:
    where = _DESTINATIONS.get(result.destination, result.destination.value)
    return f"{format_cell(result.recipient, _ADDRESS + 2)}{result.action:<17}  {where:<13}  {_ORIGINS.get(result.origin, '')}".rstrip()


def _content(result: SampleResult) -> Iterator[str]:
    if result.run is None:
        return
    before, after = result.sample.raw, result.content
    lines = LineDiff(before, after).excerpt(WIDTH - _LABEL - 2)
    puts = {0: "nothing put", 1: "put once"}.get(result.run.puts, f"put {result.run.puts} times")
    change = f"{len(before):,} -> {len(after):,} bytes" if lines else f"{len(before):,} bytes, unchanged"
    yield from _show("Content", [f"{change}, {puts}", *lines])


def _times(result: SampleResult) -> Iterator[str]:
    for attempt in result.run.attempts if result.run else ():
        yield f"{attempt.milliseconds:,.0f} ms{' (cold)' if attempt.cold else ''}{' failed' if attempt.problem else ''}"
