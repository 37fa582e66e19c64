"""`LocalWorkMail.reset`, by which tests share one instance."""

import socket
from contextlib import closing
from pathlib import Path

import pytest

from workmail_local.storage.message_store import S3Reference
from workmail_local.workmail import LocalWorkMail

ANA = "ana@example.com"
RAW = b"From: nora@example.net\r\nTo: ana@example.com\r\nSubject: x\r\n\r\nHello\r\n"


def test_a_reset_removes_mail_history_messages_faults_directory_and_objects() -> None:
    with LocalWorkMail() as wm, closing(wm.client("s3")) as s3:
        urls = {name: url for name, url in wm.environment.items() if name.startswith("AWS_ENDPOINT_URL_")}
        bucket, port = wm.bucket, wm.smtp_port("INBOUND")
        wm.send(RAW)
        message_id = wm.store.add(RAW)
        wm.faults.add("get", error="ThrottlingException", times=None)
        wm.organization.add_user(ANA)
        s3.put_object(Bucket=bucket, Key="x", Body=b"x")

        wm.reset()

        assert (wm.delivered(ANA), wm.history.count()) == ([], 0)
        assert message_id not in wm.store
        assert wm.faults.next("get") is None
        assert wm.organization.find(ANA) is None
        assert wm.bucket in {each["Name"] for each in s3.list_buckets()["Buckets"]} - {bucket}
        assert urls.items() <= wm.environment.items()
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port), timeout=5)
        wm.send(RAW)
        assert len(wm.delivered(ANA)) == 1


def test_a_reset_may_change_the_configuration() -> None:
    drop = '[[rules]]\nname = "No"\ndirection = "inbound"\naction = "drop"\nsenders = ["*"]\n'
    with LocalWorkMail() as wm:
        wm.send(RAW)
        wm.reset('organization = { domains = ["example.com"] }\n' + drop)
        wm.send(RAW)
        assert (len(wm.delivered(ANA)), len(wm.dropped())) == (0, 1)


def test_a_folder_of_the_callers_is_not_reset(tmp_path: Path) -> None:
    with LocalWorkMail(folder=tmp_path) as wm:
        wm.send(RAW)
        with pytest.raises(ValueError, match="folder"):
            wm.reset()
        assert len(wm.delivered(ANA)) == 1


def test_old_objects_leave_the_rewrite_bucket_so_that_memory_stays_flat(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workmail_local.aws.rewritten_objects._KEPT_OBJECTS", 2)
    with LocalWorkMail() as wm:
        s3 = wm.client("s3")
        for number in range(5):
            s3.put_object(Bucket=wm.bucket, Key=f"rewritten/{number}", Body=b"x")
            message_id = wm.store.add(b"Subject: a\r\n\r\nb\r\n")
            wm.store.replace(message_id, b"Subject: b\r\n\r\nb\r\n", S3Reference(wm.bucket, f"rewritten/{number}"))
            wm.store.remove(message_id)
        left = [each["Key"] for each in s3.list_objects_v2(Bucket=wm.bucket)["Contents"]]
        s3.close()
    assert left == ["rewritten/2", "rewritten/3", "rewritten/4"]


def test_the_objects_that_stay_are_bounded_by_their_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workmail_local.aws.rewritten_objects._KEPT_BYTES", 2500)
    with LocalWorkMail() as wm, closing(wm.client("s3")) as s3:
        for number in range(12):
            s3.put_object(Bucket=wm.bucket, Key=f"rewritten/{number:02}", Body=b"x" * 1000)
            message_id = wm.store.add(RAW)
            wm.store.replace(message_id, RAW, S3Reference(wm.bucket, f"rewritten/{number:02}", size=1000))
            wm.store.remove(message_id)
            assert len(s3.list_objects_v2(Bucket=wm.bucket)["Contents"]) <= 5
        left = [each["Key"] for each in s3.list_objects_v2(Bucket=wm.bucket)["Contents"]]
    assert left[-1] == "rewritten/11"


def test_other_users_of_the_machine_cannot_open_the_folder_of_the_mail(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "mail"
    with LocalWorkMail(folder=folder) as wm:
        assert wm.history.count() == 0
        assert folder.stat().st_mode & 0o077 == 0
