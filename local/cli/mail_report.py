"""Prints the results of samples: at most 100 columns, colour only on a terminal."""

from collections.abc import Iterable, Iterator
from typing import Final

from local.cli.sample_runner import SampleResult
from local.console.style import WIDTH, Style, number_of
from local.console.text_columns import columns, fit, printable
from local.mail.history import Destination, RecipientResult
from local.mail.verdict import Origin
from local.runtime.logs import metrics
from local.viewer.diff import diff_messages

_LABEL: Final = 10
_ADDRESS: Final = 40
_MAX_RECIPIENTS: Final = 20

_ORIGINS: Final = {Origin.FALLBACK: "fallback", Origin.ADDED: "added (Bcc)"}
_DESTINATIONS: Final = {
    Destination.OUTGOING: "sent",
    Destination.BOUNCED: "not delivered",
    Destination.DROPPED: "not delivered",
}


def block(result: SampleResult, style: Style, *, verbose: bool = False) -> Iterator[str]:
    """Yield the lines about one sample; `verbose` adds the function's log."""
    event, sample = result.event, result.sample
    direction = event.flow_direction if event else "?"
    kind = "async" if result.asynchronous else "sync"
    yield f"{style.bold(printable(sample.stem))}  ({direction}, function {sample.function}, {kind})"
    if event:
        on_behalf = f", sent by {event.sender} on their behalf" if event.sender else ""
        yield _row("Subject", event.subject or "(none)")
        yield _row("From", f"{event.mail_from or '(none)'}{on_behalf}")
    yield from _recipients(result)
    yield from _content(result)
    if result.asynchronous and (found := metrics(result.log)):
        yield from _rows("Metrics", _wrapped(found))
    yield _row("Time", ", ".join(_times(result)) or "not called")
    yield from _rows("Note", result.notes)
    for problem in result.problems:
        for number, line in enumerate(_wrapped(printable(problem))):
            yield f"  {style.bad('FAILED') if not number else '      '}    {line}"
    if verbose:
        yield from (f"  | {printable(line)}" for line in result.log.splitlines())


def summary(results: Iterable[SampleResult], seconds: float, style: Style) -> Iterator[str]:
    """Yield the closing lines: counts over all samples, and the samples with problems."""
    results = list(results)
    failed = [result.sample.stem for result in results if result.problems]
    destinations = [each.destination for result in results if result.run for each in result.run.results]
    bounced, dropped = (destinations.count(each) for each in (Destination.BOUNCED, Destination.DROPPED))
    changed = sum(result.run is not None and result.run.puts > 0 for result in results)
    counts = (
        f"{number_of(len(results), 'message')}, {changed} changed: "
        f"{number_of(len(destinations) - bounced - dropped, 'copy', 'copies')} delivered, {bounced} bounced, "
        f"{dropped} dropped ({seconds:.1f} s)"
    )
    if failed:
        yield f"{style.bad('FAILED')}  {number_of(len(failed), 'message')} of {len(results)} with a problem: {', '.join(failed)}"
        yield counts
    else:
        yield f"{style.good('OK')}  {counts}"


def _recipients(result: SampleResult) -> Iterator[str]:
    if result.run is None:
        return
    shown = list(result.run.results[:_MAX_RECIPIENTS])
    rows = [_recipient(each) for each in shown]
    if more := len(result.run.results) - len(shown):
        rows.append(f"... and {more} more recipients")
    if result.event and result.event.truncated:
        rows.append("(the event is truncated: it does not list all recipients)")
    yield from _rows("To", rows)
    texts = dict.fromkeys(each.note for each in shown if each.destination is Destination.BOUNCED and each.note)
    yield from _rows("Bounce", [f'"{text}"' for text in texts])


def _recipient(result: RecipientResult) -> str:
    address = fit(printable(result.recipient), _ADDRESS)
    padding = " " * (_ADDRESS - columns(address))
    where = _DESTINATIONS.get(result.destination, result.destination.value)
    return f"{address}{padding}  {result.action:<17}  {where:<13}  {_ORIGINS.get(result.origin, '')}".rstrip()


def _content(result: SampleResult) -> Iterator[str]:
    if result.run is None:
        return
    before, after = result.sample.raw, result.content
    lines = diff_messages(before, after).excerpt(WIDTH - _LABEL - 2)
    puts = {0: "nothing put", 1: "put once"}.get(result.run.puts, f"put {result.run.puts} times")
    change = f"{len(before):,} -> {len(after):,} bytes" if lines else f"{len(before):,} bytes, unchanged"
    yield _row("Content", f"{change}, {puts}")
    yield from (f"  {'':<{_LABEL}}{line}" for line in lines)


def _times(result: SampleResult) -> Iterator[str]:
    for attempt in result.run.attempts if result.run else ():
        yield f"{attempt.milliseconds:,.0f} ms{' (cold)' if attempt.cold else ''}{' failed' if attempt.problem else ''}"


def _row(label: str, text: str) -> str:
    return fit(f"  {label:<{_LABEL}}{printable(text)}", WIDTH)


def _rows(label: str, texts: Iterable[str]) -> Iterator[str]:
    """Yield a row for each text, the first with the label."""
    for number, text in enumerate(texts):
        yield _row("" if number else label, text)


def _wrapped(text: str) -> list[str]:
    """Break a text into lines that fit beside a label."""
    lines = [""]
    for word in text.split(" "):
        if lines[-1] and columns(lines[-1]) + 1 + columns(word) > WIDTH - _LABEL - 2:
            lines.append(word)
        else:
            lines[-1] = f"{lines[-1]} {word}".lstrip()
    return [fit(line, WIDTH - _LABEL - 2) for line in lines]
