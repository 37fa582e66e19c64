"""`workmail-hooks export`: exports all mailboxes of an organization by a deployed stack, shows the progress, verifies and downloads."""

import argparse
import sys
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path

from mailhooks.address_patterns import canonical
from mailhooks.deadline import Deadline
from mailhooks.mailbox_export.manifest import File, Mailbox, Manifest, State
from mailhooks.mailbox_export.plan import plan_mailboxes
from mailhooks.mailbox_export.schedule import MAX_JOBS, find_start
from mailhooks.mailbox_export.verification import DamagedExport
from workmail_local.console.rows import format_cell
from workmail_local.console.style import Style, format_count
from workmail_local.errors import InvalidArgument
from workmail_local.mailbox_export.files import download_file, name_files, verify_file
from workmail_local.mailbox_export.progress import format_progress, format_size
from workmail_local.mailbox_export.stack import ExportStack, explain_errors

_CALLS_S = 600.0


def export(options: argparse.Namespace) -> int:
    """Run one of the actions of the command.

    Returns:
        0 when it succeeded; 1 when mailboxes failed, a file differs, or an export runs already.

    Raises:
        NotConnected: AWS rejects a call, or the stack, the region or credentials are missing.
        InvalidArgument: no export was started yet, or a mailbox is not in it.
    """
    stack = ExportStack(options.stack, options.region)
    if options.dry_run:
        return _show_plan(stack, options)
    if options.status:
        return _show_status(stack)
    if options.verify:
        return _verify(stack, options.mailbox)
    if options.download:
        return _download(stack, options.mailbox, options.download)
    return _start(stack, options)


def _start(stack: ExportStack, options: argparse.Namespace) -> int:
    if running := stack.find_running():
        print(f"An export runs already ({running}). See: workmail-hooks export --status")
        return 1
    document = ({"mailboxes": options.mailbox} if options.mailbox else {}) | ({"again": True} if options.again else {})
    name = stack.start(document)
    print(f"Started ({name}). It continues in AWS without this command. See: workmail-hooks export --status")
    return 0


def _show_plan(stack: ExportStack, options: argparse.Namespace) -> int:
    now = datetime.now(UTC)
    deadline = Deadline.after(_CALLS_S)
    with explain_errors("the plan"):
        listed, jobs = stack.jobs.list_mailboxes(deadline), stack.jobs.list_jobs(deadline)
        known = stack.store.read(deadline) or stack.store.make_empty()
        plan = plan_mailboxes(known, listed, options.mailbox, execution="dry run", again=options.again, now=now)
        pending = plan.in_state(State.PENDING)
        sizes = {each.entity_id: stack.jobs.read_size(each.entity_id, deadline) for each in pending if each.kind == "user"}
    style = Style.of(sys.stdout)
    print(style.bold(f"{format_cell('MAILBOX', 40)}{format_cell('SIZE', 12)}START, OR REASON"))
    for mailbox in sorted(pending, key=lambda each: (-(sizes.get(each.entity_id) or 0), each.label)):
        start, size = find_start(mailbox, jobs, now), sizes.get(mailbox.entity_id)
        when = "as soon as a job is free" if start <= now else f"not before {start:%Y-%m-%d %H:%M} UTC: exported within 24 hours"
        print(f"{format_cell(mailbox.label, 40)}{format_cell('' if size is None else format_size(size * 1e6), 12)}{when}")
    for mailbox in plan.in_state(State.SKIPPED):
        print(f"{format_cell(mailbox.label, 52)}skipped: {mailbox.reason}")
    total = format_size(1e6 * sum(filter(None, sizes.values())))
    rounds = format_count(-(-len(pending) // MAX_JOBS), "round")
    print(f"{format_count(len(pending), 'mailbox', 'mailboxes')}, {total}: {rounds} of {MAX_JOBS} jobs at once, the largest first.")
    done = len(plan.in_state(State.EXPORTED))
    if done:
        print(f"{format_count(done, 'mailbox is', 'mailboxes are')} exported already: --again exports them again.")
    print("Nothing was started. WorkMail documents no speed of a job: --status estimates the end once jobs run.")
    return 0


def _show_status(stack: ExportStack) -> int:
    manifest = _read_manifest(stack)
    for line in format_progress(manifest, datetime.now(UTC), Style.of(sys.stdout)):
        print(line)
    running = stack.find_running()
    if not running and manifest.in_state(State.PENDING, State.STARTING, State.RUNNING, State.CHECKING):
        print("No execution runs: workmail-hooks export continues it.")
    return 1 if manifest.in_state(State.FAILED, State.CANCELLED) else 0


def _verify(stack: ExportStack, wanted: list[str]) -> int:
    def verify(mailbox: Mailbox, file: File) -> Iterator[str]:
        yield f"reading {format_size(file.bytes)}"
        yield verify_file(stack.bucket, stack.store, mailbox, file)

    return _for_each_file(_read_manifest(stack), wanted, verify)


def _download(stack: ExportStack, wanted: list[str], folder: Path) -> int:
    folder.mkdir(parents=True, exist_ok=True)
    manifest = _read_manifest(stack)
    names = name_files(manifest.mailboxes.values())

    def download(mailbox: Mailbox, file: File) -> Iterator[str]:
        target = folder / names[mailbox.entity_id]
        for done in download_file(stack.bucket, file, target):
            yield f"{done / file.bytes:.0%} of {format_size(file.bytes)}"
        yield str(target)

    return _for_each_file(manifest, wanted, download)


def _for_each_file(manifest: Manifest, wanted: list[str], work: Callable[[Mailbox, File], Iterator[str]]) -> int:
    """Run work for each exported mailbox, and print its last text. On a terminal, print also the texts before it."""
    code = 0
    for mailbox, file in _list_files(manifest, wanted):
        text = ""
        try:
            with explain_errors(mailbox.label):
                for text in work(mailbox, file):
                    if sys.stdout.isatty():
                        print(f"\r\x1b[K{format_cell(mailbox.label, 40)}{text}", end="", flush=True)
        except DamagedExport as error:
            text = f"DAMAGED: {error}. Export it again: --again --mailbox {mailbox.label}"
            code = 1
        print(f"{chr(13) + chr(27) + '[K' if sys.stdout.isatty() else ''}{format_cell(mailbox.label, 40)}{text}")
    return code


def _list_files(manifest: Manifest, wanted: Iterable[str]) -> Iterator[tuple[Mailbox, File]]:
    keys = {canonical(each): each for each in wanted}
    found = [
        (each, each.file)
        for each in manifest.mailboxes.values()
        if each.file and (not keys or keys.keys() & {canonical(each.address), canonical(each.name), each.entity_id})
    ]
    if len(found) < len(keys):
        raise InvalidArgument("a mailbox is not exported yet: workmail-hooks export --status")
    yield from sorted(found, key=lambda each: each[0].label)


def _read_manifest(stack: ExportStack) -> Manifest:
    with explain_errors("the manifest"):
        manifest = stack.store.read(Deadline.after(_CALLS_S))
    if manifest is None:
        raise InvalidArgument(f"no export of the stack {stack.name} was started yet: workmail-hooks export starts it")
    return manifest
