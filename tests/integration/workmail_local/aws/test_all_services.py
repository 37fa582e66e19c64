"""All local services at one URL, as functions in containers have it, called by boto3."""

import json
import urllib.request
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
from botocore.exceptions import ClientError

from workmail_local.aws_client import create_client
from workmail_local.free_busy import sample_calendars
from workmail_local.servers import HttpServer
from workmail_local.workmail import LocalWorkMail

RAW = b"From: nora@example.net\r\nTo: ana@example.com\r\nDate: Mon, 4 May 2026 08:00:00 +0000\r\nSubject: Minutes\r\n\r\nHello.\r\n"


@pytest.fixture
def wm() -> Iterator[LocalWorkMail]:
    with LocalWorkMail() as running:
        yield running


@pytest.fixture
def url(wm: LocalWorkMail) -> Iterator[str]:
    """The URL, with a name in which moto would find the name of a bucket."""
    server = HttpServer(wm.make_one_endpoint(), 0)
    server.start()
    yield server.url.replace("127.0.0.1", "local.services.localhost")
    server.stop()


@pytest.fixture(autouse=True)
def names(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let `*.localhost` lead here, as RFC 6761 section 6.3 demands and not every resolver does."""
    import socket

    resolve = socket.getaddrinfo
    monkeypatch.setattr(socket, "getaddrinfo", lambda host, *more, **options: resolve("127.0.0.1", *more, **options))


def call(url: str, service: str, operation: str, **parameters: Any) -> Any:
    with closing(create_client(service, url)) as client:
        return getattr(client, operation)(**parameters)


def test_a_message_is_read_and_changed(wm: LocalWorkMail, url: str) -> None:
    message_id, changed = wm.store.add(RAW), RAW.replace(b"Minutes", b"[EXTERNAL] Minutes")
    assert call(url, "workmailmessageflow", "get_raw_message_content", messageId=message_id)["messageContent"].read() == RAW

    call(url, "s3", "put_object", Bucket=wm.bucket, Key="rewritten/1", Body=changed)
    reference = {"bucket": wm.bucket, "key": "rewritten/1"}
    call(url, "workmailmessageflow", "put_raw_message_content", messageId=message_id, content={"s3Reference": reference})

    assert wm.store.content(message_id) == changed


def test_the_directory_answers(wm: LocalWorkMail, url: str) -> None:
    wm.organization.add_user("ana@example.com")
    users = call(url, "workmail", "list_users", OrganizationId=wm.organization.id)["Users"]
    assert [user["Email"] for user in users] == ["ana@example.com"]


def test_the_sample_calendars_are_read_without_a_signature(wm: LocalWorkMail, url: str) -> None:
    sample_calendars.publish(wm)
    sample_calendars.publish_configuration(wm, url, sample_calendars.SECRET_IN_CONTAINERS)

    secret = call(url, "secretsmanager", "get_secret_value", SecretId=sample_calendars.SECRET_IN_CONTAINERS)["SecretString"]
    feeds = {feed["mailbox"]: feed["url"] for feed in json.loads(secret)["backends"]["feeds"]["feeds"]}

    with urllib.request.urlopen(feeds["user2@external.example.com"], timeout=10) as answer:
        assert b"SUMMARY:Budget\r\n" in answer.read()


def test_another_service_is_refused(url: str) -> None:
    with pytest.raises(ClientError, match="does not emulate sts"):
        call(url, "sts", "get_caller_identity")
