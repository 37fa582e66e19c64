"""The progress of an export as a table, and an estimate of its end. Pure."""

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from statistics import fmean
from typing import Final

from mailhooks.mailbox_export.manifest import FINAL, Check, Mailbox, Manifest, State
from workmail_local.console.rows import format_cell
from workmail_local.console.style import Style, format_count

_ORDER: Final = (
    *(State.RUNNING, State.STARTING, State.CHECKING, State.PENDING),
    *(State.FAILED, State.CANCELLED, State.EXPORTED, State.SKIPPED),
)
_COLUMNS: Final = (34, 11, 10, 7, 10)
_HEAD: Final = ("MAILBOX", "STATE", "SIZE", "DONE", "MESSAGES")


def format_progress(manifest: Manifest, now: datetime, style: Style) -> Iterator[str]:
    """Yield the lines of the table, those with something to do first, and a line with the total."""
    yield style.bold("".join(map(format_cell, _HEAD, _COLUMNS)) + "FILE, OR REASON")
    for mailbox in sorted(manifest.mailboxes.values(), key=lambda each: (_ORDER.index(each.state), each.label)):
        yield _format_row(mailbox, style)
    yield format_total(manifest, now)


def format_total(manifest: Manifest, now: datetime) -> str:
    """Return the line with the total: counts, bytes, percent, and the time left."""
    counts = Counter(each.state for each in manifest.mailboxes.values())
    size = sum(each.file.bytes for each in manifest.in_state(State.EXPORTED) if each.file)
    states = ", ".join(f"{counts[state]:,} {state}" for state in _ORDER if counts[state])
    total = f"{format_count(len(manifest.mailboxes), 'mailbox', 'mailboxes')}: {states or 'none'}; {format_size(size)} exported"
    if all(each.state in FINAL for each in manifest.mailboxes.values()):
        return f"{total}; done"
    left = estimate_time_left(manifest, now)
    end = f"about {format_duration(left)} left" if left else "time left: unknown until the first jobs are on their way"
    return f"{total}; {measure_done(manifest):.0%}, {end}"


def measure_done(manifest: Manifest) -> float:
    """Return the part of the export that is done, by the sizes of the mailboxes; WorkMail estimates that of a running job."""
    weights = _weigh(manifest)
    total = sum(weights.values())
    done = sum(weights[entity] * _measure(manifest.mailboxes[entity]) for entity in weights)
    return done / total if total else 1.0


def estimate_time_left(manifest: Manifest, now: datetime) -> timedelta | None:
    """Return the time until the end at the speed so far; None if nothing is done yet. Pauses without jobs, as of a day, are not in it."""
    done = measure_done(manifest)
    worked = _measure_work(manifest, now)
    return worked * (1 - done) / done if worked and done else None


def _measure_work(manifest: Manifest, now: datetime) -> timedelta:
    """Return the time in which at least one of the jobs ran."""
    attempts = [each.last for each in manifest.mailboxes.values() if each.attempts]
    worked, until = timedelta(), datetime.min.replace(tzinfo=UTC)
    for start, end in sorted((each.started_at, each.ended_at or now) for each in attempts if each.started_at):
        worked += max(timedelta(), end - max(start, until))
        until = max(until, end)
    return worked


def format_size(size: float) -> str:
    """Return a number of bytes in a unit that people read."""
    for unit in ("bytes", "kB", "MB"):
        if size < 1000:
            return f"{size:.0f} {unit}"
        size /= 1000
    return f"{size:,.1f} GB"


def format_duration(duration: timedelta) -> str:
    """Return a duration in minutes, hours or days."""
    minutes = max(1, round(duration.total_seconds() / 60))
    if minutes < 120:
        return format_count(minutes, "minute")
    return format_count(round(minutes / 60), "hour") if minutes < 48 * 60 else format_count(round(minutes / 1440), "day")


def _format_row(mailbox: Mailbox, style: Style) -> str:
    file = mailbox.file
    size = file.bytes if file and mailbox.state is State.EXPORTED else None if mailbox.size_mb is None else mailbox.size_mb * 1_000_000
    done = f"{_measure(mailbox):.0%}" if mailbox.state not in {State.SKIPPED, State.PENDING} else ""
    messages = file.report.get("totalMessages", f"{file.entries}") if file else ""
    cells = (mailbox.label, mailbox.state, "" if size is None else format_size(size), done, messages)
    text = "".join(map(format_cell, cells, _COLUMNS))
    colour = {State.EXPORTED: style.good, State.FAILED: style.bad, State.CANCELLED: style.bad}.get(mailbox.state, str)
    return text.replace(mailbox.state, colour(mailbox.state), 1) + _describe(mailbox)


def _describe(mailbox: Mailbox) -> str:
    if mailbox.state is State.EXPORTED and mailbox.file:
        note = {Check.MATCHES: "", Check.NO_REPORT: " (no report of the job)", Check.TOO_LARGE: " (not verified: --verify)"}
        return mailbox.file.key.rpartition("/")[2] + note[mailbox.file.check]
    wait = f"not before {mailbox.not_before:%Y-%m-%d %H:%M} UTC" if mailbox.not_before else ""
    return "; ".join(filter(None, (mailbox.reason, wait)))


def _weigh(manifest: Manifest) -> dict[str, float]:
    """Return the weight of each mailbox: its size, or the mean of the others if WorkMail does not return it."""
    wanted = [each for each in manifest.mailboxes.values() if each.state is not State.SKIPPED]
    known = [each.size_mb for each in wanted if each.size_mb]
    mean = fmean(known) if known else 1.0
    # A mailbox without mail needs a job, too.
    return {each.entity_id: max(1.0, each.size_mb if each.size_mb is not None else mean) for each in wanted}


def _measure(mailbox: Mailbox) -> float:
    if mailbox.state in FINAL:
        return 1.0
    return mailbox.last.progress / 100 if mailbox.state in {State.RUNNING, State.CHECKING} else 0.0
