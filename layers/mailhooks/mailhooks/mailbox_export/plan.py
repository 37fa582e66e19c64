"""Which mailboxes an execution exports, and why it skips the others. Pure."""

import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from mailhooks.address_patterns import canonical
from mailhooks.aws.export_jobs import ListedMailbox
from mailhooks.mailbox_export.manifest import Mailbox, Manifest, State

KEPT_AFTER_DISABLING: Final = timedelta(days=30)
"""How long WorkMail keeps the mailbox of a disabled or deleted user (API reference, DeregisterFromWorkMail and DeleteUser)."""

_UNKNOWN: Final = "unknown"
"""The kind of a wanted mailbox that the organization does not have."""

_UNSAFE: Final = re.compile("[^A-Za-z0-9._-]+")


def plan_mailboxes(
    manifest: Manifest, listed: Iterable[ListedMailbox], wanted: Collection[str], *, execution: str, again: bool, now: datetime
) -> Manifest:
    """Return the manifest with all wanted mailboxes. A mailbox that is exported already stays as it is; a failed one is pending again.

    Args:
        wanted: addresses, names or entity IDs; empty for all.
        execution: a second call for the same execution changes no mailbox that is in the manifest already.
        again: export also what is exported already.
    """
    keys = {canonical(each): each for each in wanted}
    found: list[Mailbox] = []
    known: set[str] = set()
    for each in listed:
        names = {canonical(name) for name in (each.entity_id, each.name, each.address) if name}
        if keys and not names & keys.keys():
            continue
        known |= names
        found.append(_plan(manifest.mailboxes.get(each.entity_id), each, is_new_run=manifest.execution != execution, again=again, now=now))
    found += _list_unknown(name for key, name in keys.items() if key not in known)
    kept = {entity_id: each for entity_id, each in manifest.mailboxes.items() if each.kind != _UNKNOWN}
    return replace(manifest, mailboxes=kept, execution=execution).with_mailboxes(found)


def reopen(mailbox: Mailbox) -> Mailbox:
    """Return a mailbox as pending, with its attempts and its last file."""
    return replace(mailbox, state=State.PENDING, reason="", not_before=None, tries=0, refusals=0, checks=0)


def find_obstacle(listed: ListedMailbox, now: datetime) -> str:
    """Return why a user or resource has no mailbox to export; "" if it may have one."""
    if listed.role == "SYSTEM_USER":
        return "a system user of the directory, which has no mailbox"
    if listed.role == "REMOTE_USER":
        return "a remote user: the mailbox is not in WorkMail"
    if listed.state == "ENABLED":
        return ""
    if listed.disabled_at is None:
        return "never enabled, so there is no mailbox" if listed.state == "DISABLED" else "deleted"
    if now - listed.disabled_at > KEPT_AFTER_DISABLING:
        return f"{listed.state.lower()} for more than 30 days: WorkMail has deleted the mailbox"
    return ""


def make_folder(mailbox: Mailbox) -> str:
    """Return the folder of a mailbox in the bucket, readable without the manifest (API reference, S3Prefix)."""
    return f"mailboxes/{_UNSAFE.sub('_', mailbox.label)}/"


def _plan(known: Mailbox | None, listed: ListedMailbox, *, is_new_run: bool, again: bool, now: datetime) -> Mailbox:
    mailbox = replace(
        known or Mailbox(listed.entity_id, listed.kind, listed.name, listed.address),
        name=listed.name,
        # WorkMail returns no address of a user who is disabled.
        address=listed.address or (known.address if known else ""),
        is_uncertain=listed.state != "ENABLED",
    )
    is_open = known is not None and known.state in {State.STARTING, State.RUNNING, State.CHECKING}
    if is_open or (known is not None and not is_new_run):
        return mailbox
    if mailbox.state is State.EXPORTED and not again:
        return mailbox
    if obstacle := find_obstacle(listed, now):
        return mailbox if mailbox.state is State.EXPORTED else replace(mailbox, state=State.SKIPPED, reason=obstacle)
    return reopen(mailbox)


def _list_unknown(names: Iterable[str]) -> Iterator[Mailbox]:
    for name in names:
        yield Mailbox(name, _UNKNOWN, "", name, state=State.SKIPPED, reason="the organization has no such user or resource")
