"""Copies of messages in S3 (moto's, over HTTP)."""

import json
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from mailhooks.aws.archive import Archiver
from mailhooks.core.side_effects import make_envelope
from mailhooks.deadline import Deadline
from mailhooks.envelope import Envelope, FlowDirection
from mailhooks.errors import MailhooksError, Misconfigured, ServiceFailed, Throttled
from workmail_local.cli.main import main
from workmail_local.workmail import LocalWorkMail

RAW = b"From: ana@example.com\r\nSubject: \xff any octets\r\n\r\nHello\r\n"
ENVELOPE = {"mailFrom": "ana@example.com", "recipients": ["b\u00e4n@example.com"], "subject": "a \ud800 surrogate"}
INVOCATION = "0123456789abcdef0123456789abcdef"
MESSAGE, SHEET = f"mail/{INVOCATION}/message.eml", f"mail/{INVOCATION}/envelope.json"


@pytest.fixture
def s3(wm: LocalWorkMail) -> Any:
    return wm.client("s3")


def archive(bucket: str, raw: bytes = RAW, **more: Any) -> None:
    Archiver().archive(bucket, "mail/", INVOCATION, raw, ENVELOPE, deadline=Deadline.after(20), **more)


def read(s3: Any, bucket: str, key: str) -> bytes:
    content: bytes = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
    return content


def versions(s3: Any, bucket: str) -> list[str]:
    return sorted(item["Key"] for item in s3.list_object_versions(Bucket=bucket).get("Versions", ()))


def test_the_received_message_and_its_envelope_are_stored(wm: LocalWorkMail, s3: Any) -> None:
    archive(wm.bucket)
    assert read(s3, wm.bucket, MESSAGE) == RAW
    assert json.loads(read(s3, wm.bucket, SHEET)) == ENVELOPE | {"subject": "a ? surrogate"}
    types = [s3.head_object(Bucket=wm.bucket, Key=key)["ContentType"] for key in (MESSAGE, SHEET)]
    assert types == ["message/rfc822", "application/json"]


def test_a_stored_copy_can_be_replayed(wm: LocalWorkMail, s3: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    event = Envelope("ana@example.net", ("ben@example.com",), None, "Hello", "m-1", INVOCATION, FlowDirection.INBOUND)
    raw = b"From: list@example.org\r\nTo: everybody@example.org\r\nSubject: Hello\r\n\r\nHello\r\n"
    Archiver().archive(wm.bucket, "mail/", INVOCATION, raw, make_envelope(event), deadline=Deadline.after(20))
    for key in (MESSAGE, SHEET):
        (tmp_path / key).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / key).write_bytes(read(s3, wm.bucket, key))
    policy = tmp_path / "policy.yaml"
    policy.write_text(
        "version: 1\nrules: [{name: From Ana, when: {mail_from: ana@example.net, recipient: ben@example.com}, do: drop}]", "utf-8"
    )
    assert main(["replay", str(policy), str(tmp_path / "mail"), "--domains", "example.com"]) == 0
    assert "From Ana" in capsys.readouterr().out.splitlines()[1]


def test_a_retry_with_the_changed_message_does_not_overwrite_the_copy(wm: LocalWorkMail, s3: Any) -> None:
    archive(wm.bucket)
    archive(wm.bucket, b"Subject: [TAG] changed\r\n\r\n")
    assert read(s3, wm.bucket, MESSAGE) == RAW
    assert versions(s3, wm.bucket) == [SHEET, MESSAGE]


def test_concurrent_attempts_store_one_copy(wm: LocalWorkMail, s3: Any) -> None:
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(archive, [wm.bucket] * 2))
    assert read(s3, wm.bucket, MESSAGE) == RAW


def test_the_envelope_is_stored_last_and_a_retry_adds_a_missing_one(wm: LocalWorkMail, s3: Any) -> None:
    # As after an attempt that ended between the two writes.
    s3.put_object(Bucket=wm.bucket, Key=MESSAGE, Body=RAW)
    archive(wm.bucket, b"Subject: [TAG] changed\r\n\r\n")
    assert read(s3, wm.bucket, MESSAGE) == RAW
    assert json.loads(read(s3, wm.bucket, SHEET))["mailFrom"] == "ana@example.com"
    written = [s3.head_object(Bucket=wm.bucket, Key=key)["LastModified"] for key in (MESSAGE, SHEET)]
    assert written == sorted(written)


def test_no_envelope_is_stored_without_the_message(wm: LocalWorkMail) -> None:
    archiver = Archiver()
    asked: list[str] = []

    def note(params: dict[str, Any], **_: Any) -> None:
        asked.append(params["Key"])

    archiver._s3.meta.events.register("provide-client-params.s3.PutObject", note)
    with pytest.raises(Misconfigured):
        archiver.archive("no-such-bucket-anywhere", "mail/", INVOCATION, RAW, ENVELOPE, deadline=Deadline.after(20))
    assert asked == [MESSAGE]


@pytest.mark.parametrize("lock", ["governance", "compliance"])
def test_a_lock_has_its_date_and_mode(lock: str, s3: Any) -> None:
    bucket = f"locked-{uuid.uuid4().hex}"
    s3.create_bucket(Bucket=bucket, ObjectLockEnabledForBucket=True)
    archive(bucket, retain_days=30, lock=lock)
    assert versions(s3, bucket) == [SHEET, MESSAGE]
    for key in (MESSAGE, SHEET):
        held = s3.head_object(Bucket=bucket, Key=key)
        assert held["ObjectLockMode"] == lock.upper()
        assert abs(held["ObjectLockRetainUntilDate"] - datetime.now(UTC) - timedelta(days=30)) < timedelta(minutes=5)
    archive(bucket, retain_days=30, lock=lock)
    assert versions(s3, bucket) == [SHEET, MESSAGE]


def test_a_put_with_a_lock_has_a_checksum(wm: LocalWorkMail, s3: Any) -> None:
    bucket = f"locked-{uuid.uuid4().hex}"
    s3.create_bucket(Bucket=bucket, ObjectLockEnabledForBucket=True)
    archiver = Archiver()
    sent: list[Any] = []

    def note(request: Any, **_: Any) -> None:
        sent.append(request.headers)

    archiver._s3.meta.events.register("before-send.s3.PutObject", note)
    archiver.archive(bucket, "mail/", INVOCATION, RAW, ENVELOPE, retain_days=1, lock="governance", deadline=Deadline.after(20))
    assert len(sent) == 2
    assert all("x-amz-checksum-crc32" in headers and headers["If-None-Match"] == b"*" for headers in sent)


@pytest.mark.parametrize(
    "status, code, expected",
    [
        (409, "ConditionalRequestConflict", ServiceFailed),
        (503, "SlowDown", Throttled),
        (500, "InternalError", ServiceFailed),
        (403, "AccessDenied", Misconfigured),
        (400, "InvalidRequest", Misconfigured),
    ],
)
def test_an_error_of_s3_is_mapped(
    status: int,
    code: str,
    expected: type[MailhooksError],
    wm: LocalWorkMail,
    refusing_s3: Callable[[int, str], str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", refusing_s3(status, code))
    with pytest.raises(expected, match=f"PutObject: {code}") as caught:
        archive(wm.bucket)
    assert "@" not in str(caught.value)
    assert wm.bucket not in str(caught.value)


def test_a_bucket_without_object_lock_stores_no_locked_copy(wm: LocalWorkMail, s3: Any) -> None:
    with pytest.raises(Misconfigured):
        archive(wm.bucket, retain_days=30, lock="governance")
