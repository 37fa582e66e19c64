"""Checks that mail reached every mailbox exactly once."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from mailhooks.address_patterns import canonical
from workmail_local.config.configuration import Configuration
from workmail_local.mail.history import Destination, History, MessageTrace, RuleRun
from workmail_local.storage.maildir import directory_name

_FOLDERS = {
    Destination.INBOX: "mailboxes/{}",
    Destination.JUNK: "mailboxes/{}/.Junk",
    Destination.OUTGOING: "outgoing/{}",
    Destination.GATEWAY: "gateway/{}",
}
_NO_BOUNCE = "no bounce was sent"


class Copy(NamedTuple):
    """A copy of a message: its folder, and its bytes."""

    folder: str
    raw: bytes


def verify_delivered_once(history: History, configuration: Configuration, folder: Path) -> None:
    """Assert that every message is on disk as in its trace, once for each recipient and byte for byte, and that nothing else is.

    Args:
        history: of the local WorkMail.
        configuration: the one that was in force.
        folder: of the local WorkMail.
    """
    problems: list[str] = []
    expected: Counter[Copy] = Counter()
    bounces = 0
    for summary in history.summaries(limit=1_000_000):
        trace = history.trace(summary.number)
        assert trace is not None
        problems += _recipient_problems(trace)
        for run in trace.rule_runs:
            content = history.content(run.message_id) or b""
            expected.update(Copy(place, content) for place in _places(run, configuration))
            bounced = any(result.destination is Destination.BOUNCED for result in run.results)
            bounces += bounced and not any(_NO_BOUNCE in note for note in run.notes)
    found, found_bounces = _copies(folder)
    problems += [f"missing: a copy in {copy.folder}" for copy in (expected - found).elements()]
    problems += [f"surplus: a copy in {copy.folder}" for copy in (found - expected).elements()]
    if found_bounces != bounces:
        problems.append(f"{found_bounces} bounces instead of {bounces}")
    assert not problems, "\n".join(problems)


def _recipient_problems(trace: MessageTrace) -> Iterator[str]:
    times = Counter(canonical(result.recipient) for run in trace.rule_runs for result in run.results)
    for address in sorted({canonical(address) for address in trace.summary.recipients} - times.keys()):
        yield f"message {trace.summary.number}: no result for {address}"
    for address, count in times.items():
        if count > 1:
            yield f"message {trace.summary.number}: {count} results for {address}"


def _places(run: RuleRun, configuration: Configuration) -> set[str]:
    """The folders with a copy: a mailbox that several recipients share gets one."""
    found: set[str] = set()
    for result in run.results:
        if result.destination in _FOLDERS:
            in_mailbox = result.destination in {Destination.INBOX, Destination.JUNK}
            owners = configuration.mailboxes(result.recipient) if in_mailbox else (result.recipient,)
            found.update(_FOLDERS[result.destination].format(directory_name(owner)) for owner in owners)
    return found


def _copies(folder: Path) -> tuple[Counter[Copy], int]:
    """All copies on disk, and the number of bounces among them, which are not copies."""
    found: Counter[Copy] = Counter()
    bounces = 0
    for file in (*folder.glob("*/*/new/*"), *folder.glob("*/*/cur/*"), *folder.glob("*/*/.Junk/new/*")):
        if ".bounce." in file.name:
            bounces += 1
        else:
            found[Copy(file.parent.parent.relative_to(folder).as_posix(), file.read_bytes())] += 1
    return found, bounces
