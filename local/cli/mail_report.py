"""What a walk looks like on a screen: at most 100 columns, colour only on a terminal."""

from collections.abc import Iterable, Iterator

from local.cli.transit import Walk
from local.console.style import WIDTH, Style, number_of
from local.console.text_columns import columns, fit, printable
from local.mail.verdict import Origin, RecipientOutcome
from local.runtime.logs import metrics
from local.viewer.diff import diff_messages
from mailhooks.contract import FlowDirection

_LABEL = 10
_ADDRESS = 40
_MAX_FATES = 20

_ORIGINS = {
    Origin.NAMED: "",
    Origin.ALL: "",
    Origin.FALLBACK: "fallback action",
    Origin.ADDED: "added, as Bcc",
    Origin.RULE: "",
}


def block(walk: Walk, style: Style, *, verbose: bool = False) -> Iterator[str]:
    """One message, as lines."""
    direction = walk.event.flow_direction if walk.event else "?"
    how = "async" if walk.function.asynchronous else "sync"
    yield f"{style.bold(printable(walk.sample.stem))}  ({direction}, function {walk.function.name}, {how})"
    if walk.event:
        yield _row("Subject", walk.event.subject or "(none)")
        yield _row("From", _sender(walk))
    yield from _fates(walk)
    yield from _content(walk)
    if shown := metrics(walk.log):
        yield from _rows("Metrics", _wrapped(shown)) if walk.function.asynchronous else ()
    yield _row("Time", ", ".join(_times(walk)) or "not called")
    yield from _rows("Note", walk.notes)
    for problem in walk.problems:
        for number, line in enumerate(_wrapped(printable(problem))):
            yield f"  {style.bad('FAILED') if not number else '      '}    {line}"
    if verbose:
        yield from (f"  | {printable(line)}" for line in walk.log.splitlines())


def summary(walks: Iterable[Walk], mailbox_problems: Iterable[str], seconds: float, style: Style) -> Iterator[str]:
    """The last words: what came of all messages."""
    walks, mailbox_problems = list(walks), list(mailbox_problems)
    failed = [walk.sample.stem for walk in walks if walk.problems]
    fates = [fate for walk in walks if walk.delivery for fate in walk.delivery.fates]
    delivered = sum(fate.folder is not None for fate in fates)
    bounced = sum(fate.action.type == "BOUNCE" for fate in fates)
    counts = (
        f"{number_of(len(walks), 'message')}, {sum(walk.puts > 0 for walk in walks)} changed: "
        f"{number_of(delivered, 'copy', 'copies')} delivered, {bounced} bounced, "
        f"{len(fates) - delivered - bounced} dropped ({seconds:.1f} s)"
    )
    for problem in mailbox_problems:
        yield f"{style.bad('FAILED')}  {printable(problem)}"
    if failed or mailbox_problems:
        names = f": {', '.join(failed)}" if failed else ""
        yield f"{style.bad('FAILED')}  {number_of(len(failed), 'message')} of {len(walks)} with a problem{names}"
        yield counts
    else:
        yield f"{style.good('OK')}  {counts}"


def _sender(walk: Walk) -> str:
    event = walk.event
    if event is None:
        return ""
    on_behalf = f", sent by {event.sender} on their behalf" if event.sender else ""
    return f"{event.mail_from or '(nobody)'}{on_behalf}"


def _fates(walk: Walk) -> Iterator[str]:
    if walk.delivery is None:
        return
    fates = list(walk.delivery.fates[:_MAX_FATES])
    rows = [_fate(fate, outbound=_is_outbound(walk)) for fate in fates]
    if more := len(walk.delivery.fates) - len(fates):
        rows.append(f"... and {more} more recipients")
    if walk.delivery.unlisted:
        rows.append(_fate(walk.delivery.unlisted, outbound=_is_outbound(walk)))
    elif walk.event and walk.event.truncated:
        rows.append("(the event is truncated: it does not list all recipients)")
    yield from _rows("To", rows)
    # Said once for each text, however many recipients it goes out for.
    texts = dict.fromkeys(fate.action.bounce_message for fate in fates if fate.action.bounce_message)
    yield from _rows("Bounce", [f'"{text}"' for text in texts])


def _is_outbound(walk: Walk) -> bool:
    return walk.event is not None and walk.event.flow_direction is FlowDirection.OUTBOUND


def _fate(fate: RecipientOutcome, *, outbound: bool) -> str:
    address = fit(printable(fate.recipient), _ADDRESS)
    where = fate.folder or "not delivered"
    where = "sent" if outbound and fate.folder == "Inbox" else where
    padding = " " * (_ADDRESS - columns(address))
    return f"{address}{padding}  {fate.action.type:<17}  {where:<13}  {_ORIGINS[fate.origin]}".rstrip()


def _content(walk: Walk) -> Iterator[str]:
    if walk.delivery is None:
        return
    before, after = len(walk.sample.raw), len(walk.after)
    lines = diff_messages(walk.sample.raw, walk.after).excerpt(WIDTH - _LABEL - 2)
    puts = {0: "nothing put", 1: "put once"}.get(walk.puts, f"put {walk.puts} times")
    change = f"{before:,} -> {after:,} bytes" if lines else f"{before:,} bytes, unchanged"
    yield _row("Content", f"{change}, {puts}")
    yield from (f"  {'':<{_LABEL}}{line}" for line in lines)


def _times(walk: Walk) -> Iterator[str]:
    for attempt in walk.attempts:
        yield f"{attempt.milliseconds:,.0f} ms{' (cold)' if attempt.cold else ''}{' failed' if attempt.error else ''}"


def _row(label: str, text: str) -> str:
    return fit(f"  {label:<{_LABEL}}{printable(text)}", WIDTH)


def _rows(label: str, texts: Iterable[str]) -> Iterator[str]:
    """Rows with the label before the first."""
    for number, text in enumerate(texts):
        yield _row("" if number else label, text)


def _wrapped(text: str) -> list[str]:
    """The text in lines of what is left of the width after a label."""
    lines = [""]
    for word in text.split(" "):
        if lines[-1] and columns(lines[-1]) + 1 + columns(word) > WIDTH - _LABEL - 2:
            lines.append(word)
        else:
            lines[-1] = f"{lines[-1]} {word}".lstrip()
    return [fit(line, WIDTH - _LABEL - 2) for line in lines]
