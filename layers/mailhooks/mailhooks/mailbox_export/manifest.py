"""The manifest of an export: each mailbox with its state, its attempts and its exported file. Pure.

It is one JSON object in the bucket, for the state machine and for people. Times are UTC.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime
from enum import StrEnum
from functools import cache
from typing import Any, Final, Self

from mailhooks.errors import MailhooksError

KEY: Final = "manifest.json"
"""The name of the manifest in the bucket."""

VERSION: Final = 1


class InvalidManifest(MailhooksError):
    """The manifest cannot be read."""


class State(StrEnum):
    """The state of a mailbox. The last four are final for an execution."""

    PENDING = "pending"
    STARTING = "starting"
    """The manifest has the token of a job that may have started."""
    RUNNING = "running"
    CHECKING = "checking"
    """The job is complete; its file is not verified yet."""
    EXPORTED = "exported"
    FAILED = "failed"
    CANCELLED = "cancelled"
    SKIPPED = "skipped"
    """It has no mailbox that WorkMail could export."""


FINAL: Final = frozenset({State.EXPORTED, State.FAILED, State.CANCELLED, State.SKIPPED})


class Check(StrEnum):
    """The result of verifying an exported file."""

    MATCHES = "matches"
    """The file has the SHA-384 of the job's own report."""
    NO_REPORT = "no report"
    """The file is a complete zip file; no report of the job with a SHA-384 was found."""
    TOO_LARGE = "not verified"
    """The function has no time to read it: the command `export --verify` does."""


@dataclass(frozen=True, slots=True)
class File:
    """An exported file.

    Attributes:
        entries: of the zip file: messages, calendar items and folders.
        sha384: in hexadecimal digits, of the object as we read it; "" if it was too large.
        report: the report of the job, as WorkMail wrote it; empty if none was found.
    """

    key: str
    bytes: int
    entries: int
    check: Check
    sha384: str = ""
    report: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Attempt:
    """One export job of a mailbox, or the intention to start one.

    Attributes:
        token: the ClientToken; also in the job's description, by which a job is found whose ID was lost.
        prefix: where the job writes.
        job_id: "" until it is known.
        state: the job's: STARTING, REFUSED, RUNNING, COMPLETED, FAILED or CANCELLED.
    """

    token: str
    prefix: str
    prepared_at: datetime
    job_id: str = ""
    state: str = "STARTING"
    progress: int = 0
    started_at: datetime | None = None
    ended_at: datetime | None = None
    error: str = ""


@dataclass(frozen=True, slots=True)
class Mailbox:
    """A mailbox of the manifest.

    Attributes:
        kind: `user` or `resource`.
        size_mb: when it was planned; None if WorkMail did not return it.
        reason: why it is in this state, for FAILED, CANCELLED and SKIPPED; or why it waits.
        not_before: when it can be started or verified next.
        tries: jobs that failed in this run.
        refusals: starts that WorkMail refused, one after the other.
        checks: begun verifications of the last attempt.
        file: the last export.
        is_uncertain: whether it may have no mailbox, as a disabled user's is deleted after 30 days.
    """

    entity_id: str
    kind: str
    name: str = ""
    address: str = ""
    state: State = State.PENDING
    size_mb: float | None = None
    reason: str = ""
    not_before: datetime | None = None
    tries: int = 0
    refusals: int = 0
    checks: int = 0
    is_uncertain: bool = False
    file: File | None = None
    attempts: tuple[Attempt, ...] = ()

    @property
    def label(self) -> str:
        """Return the address, or the name of a user without one."""
        return self.address or self.name or self.entity_id

    @property
    def last(self) -> Attempt:
        """Return the last attempt."""
        return self.attempts[-1]

    def with_last(self, **changes: Any) -> Self:
        """Return the mailbox with changes of its last attempt."""
        return replace(self, attempts=(*self.attempts[:-1], replace(self.last, **changes)))


@dataclass(frozen=True, slots=True)
class Manifest:
    """The state of an export.

    Attributes:
        execution: the last execution that planned.
        mailboxes: by entity ID.
    """

    organization_id: str
    created_at: datetime
    updated_at: datetime
    execution: str = ""
    mailboxes: Mapping[str, Mailbox] = field(default_factory=dict)

    def with_mailboxes(self, changed: Iterable[Mailbox]) -> Self:
        """Return the manifest with these mailboxes in place of those with the same entity ID."""
        return replace(self, mailboxes={**self.mailboxes, **{each.entity_id: each for each in changed}})

    def in_state(self, *states: State) -> list[Mailbox]:
        """Return the mailboxes in some states."""
        return [each for each in self.mailboxes.values() if each.state in states]


def write_manifest(manifest: Manifest) -> bytes:
    """Return the JSON of a manifest: each mailbox is a line, which people can search for."""
    head = {
        "version": VERSION,
        "organizationId": manifest.organization_id,
        "createdAt": manifest.created_at,
        "updatedAt": manifest.updated_at,
        "execution": manifest.execution,
    }
    mailboxes = ",\n".join(_dump(_write(each)) for each in manifest.mailboxes.values())
    return f'{_dump(head)[:-1]}, "mailboxes": [\n{mailboxes}\n]}}\n'.encode()


def read_manifest(content: bytes) -> Manifest:
    """Read the JSON of a manifest.

    Raises:
        InvalidManifest: it is not a manifest of this version.
    """
    try:
        document = json.loads(content)
        if document["version"] != VERSION:
            raise InvalidManifest(f"{KEY} has the version {document['version']}; this release reads version {VERSION}")
        mailboxes = [_read_mailbox(each) for each in document["mailboxes"]]
        return Manifest(
            organization_id=document["organizationId"],
            created_at=_read_time(document["createdAt"]),
            updated_at=_read_time(document["updatedAt"]),
            execution=document["execution"],
            mailboxes={each.entity_id: each for each in mailboxes},
        )
    except (ValueError, TypeError, LookupError, AttributeError):
        raise InvalidManifest(f"{KEY} is damaged: restore an earlier version of the object") from None


_COUNTS: Final = frozenset({"tries", "refusals", "checks", "is_uncertain"})
_TIMES: Final = frozenset({"prepared_at", "started_at", "ended_at", "not_before"})


def _dump(document: Mapping[str, Any]) -> str:
    return json.dumps(document, default=_write_time, ensure_ascii=False)


def _write(value: Any) -> Any:
    """Return a value for JSON: names in camel case, without those that have no value, or the count 0."""
    match value:
        case Mailbox() | Attempt() | File():
            found = {field.name: getattr(value, field.name) for field in fields(value)}
            present = {name: each for name, each in found.items() if each not in (None, "", (), {}) and (each or name not in _COUNTS)}
            return {_camel(name): _write(each) for name, each in present.items()}
        case tuple():
            return list(map(_write, value))
        case _:
            return value


def _write_time(value: datetime) -> str:
    return value.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _read_mailbox(document: Mapping[str, Any]) -> Mailbox:
    values = _read(document)
    if "file" in values:
        # The report has the names that WorkMail wrote.
        file = _read(values["file"])
        values["file"] = File(**file | {"check": Check(file["check"])})
    attempts = tuple(Attempt(**_read(each)) for each in values.pop("attempts", ()))
    return Mailbox(**values | {"state": State(values["state"]), "attempts": attempts})


def _read(document: Mapping[str, Any]) -> dict[str, Any]:
    names = {name: _snake(name) for name in document}
    return {names[name]: _read_time(value) if names[name] in _TIMES else value for name, value in document.items()}


def _read_time(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


@cache
def _camel(name: str) -> str:
    first, *words = name.split("_")
    return first + "".join(map(str.title, words))


@cache
def _snake(name: str) -> str:
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name)
