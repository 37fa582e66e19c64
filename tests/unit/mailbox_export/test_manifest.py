"""The manifest as JSON."""

import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from mailhooks.mailbox_export.manifest import (
    Attempt,
    Check,
    File,
    InvalidManifest,
    Mailbox,
    Manifest,
    State,
    read_manifest,
    write_manifest,
)

NOW = datetime(2026, 11, 30, 8, tzinfo=UTC)
FILE = File("mailboxes/a/1.zip", 12, 3, Check.MATCHES, "ab" * 48, {"sha384Hash": "ab" * 48, "totalMessages": "2"})
ATTEMPT = Attempt("t1", "mailboxes/a/", NOW, "job-1", "COMPLETED", 100, NOW, NOW)
MAILBOX = Mailbox("id-1", "user", "ana", "ana@example.com", State.EXPORTED, size_mb=0.0, file=FILE, attempts=(ATTEMPT,))
WAITING = Mailbox("id-2", "resource", "room", "", State.PENDING, not_before=NOW, tries=1, refusals=2, checks=1, is_uncertain=True)
MANIFEST = Manifest("m-1", NOW, NOW, "execution", {"id-1": MAILBOX, "id-2": WAITING})


def test_a_manifest_is_read_as_it_was_written() -> None:
    assert read_manifest(write_manifest(MANIFEST)) == MANIFEST


def test_people_read_the_names_of_the_api_and_no_empty_fields() -> None:
    [ana, room] = json.loads(write_manifest(MANIFEST))["mailboxes"]
    assert ana == {
        "entityId": "id-1",
        "kind": "user",
        "name": "ana",
        "address": "ana@example.com",
        "state": "exported",
        "sizeMb": 0.0,
        "file": {
            "key": "mailboxes/a/1.zip",
            "bytes": 12,
            "sha384": "ab" * 48,
            "entries": 3,
            "check": "matches",
            "report": {"sha384Hash": "ab" * 48, "totalMessages": "2"},
        },
        "attempts": [
            {
                "token": "t1",
                "prefix": "mailboxes/a/",
                "preparedAt": "2026-11-30T08:00:00Z",
                "jobId": "job-1",
                "state": "COMPLETED",
                "progress": 100,
                "startedAt": "2026-11-30T08:00:00Z",
                "endedAt": "2026-11-30T08:00:00Z",
            }
        ],
    }
    assert room["notBefore"] == "2026-11-30T08:00:00Z"
    assert not room.keys() & {"address", "reason", "attempts", "file", "sizeMb"}


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b"{}",
        b"null",
        b'{"version": 1}',
        write_manifest(MANIFEST).replace(b'"exported"', b'"lost"'),
        write_manifest(MANIFEST)[:-9],
    ],
)
def test_a_damaged_manifest_is_an_error_that_names_the_remedy(content: bytes) -> None:
    with pytest.raises(InvalidManifest, match="restore an earlier version"):
        read_manifest(content)


def test_a_manifest_of_another_version_is_not_read() -> None:
    with pytest.raises(InvalidManifest, match="reads version 1"):
        read_manifest(write_manifest(MANIFEST).replace(b'"version": 1', b'"version": 2'))


def test_a_user_without_an_address_is_named_by_name_or_id() -> None:
    assert [WAITING.label, replace(WAITING, name="").label] == ["room", "id-2"]
