"""The local Message Flow API and S3, through real boto3."""

import http.client
import json
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any
from urllib.parse import urlsplit

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from tests.integration.workmail_local.conftest import Clock
from workmail_local.aws.faults import Fault
from workmail_local.errors import ServerError
from workmail_local.workmail import LocalWorkMail

RAW = (
    b"From: ana@example.com\r\nDate: Mon, 2 Nov 2026 09:00:00 +0000\r\nMessage-ID: <1@example.com>\r\n"
    b"Subject: Hello\r\n\r\nHello \xc3\xa4\r\n"
)
CHANGED = RAW.replace(b"Hello\r\n\r\n", b"[TAG] Hello\r\n\r\n")


def put(wm: LocalWorkMail, workmail: Any, s3: Any, message_id: str, content: bytes, **reference: str) -> None:
    s3.put_object(Bucket=wm.bucket, Key="rewritten/1", Body=content)
    location = {"bucket": wm.bucket, "key": "rewritten/1"} | reference
    workmail.put_raw_message_content(messageId=message_id, content={"s3Reference": location})


def get(workmail: Any, message_id: str) -> bytes:
    with workmail.get_raw_message_content(messageId=message_id)["messageContent"] as body:
        content: bytes = body.read()
        return content


@contextmanager
def service_error(name: str, status: int = 400, why: str = "") -> Iterator[None]:
    with pytest.raises(ClientError) as caught:
        yield
    response: Any = caught.value.response
    assert (response["Error"]["Code"], response["ResponseMetadata"]["HTTPStatusCode"]) == (name, status)
    assert why in response["Error"]["Message"]


def test_get_returns_the_bytes_as_they_arrived(wm: LocalWorkMail, workmail: Any) -> None:
    raw = bytes(range(256)) * 5000
    assert get(workmail, wm.store.add(raw)) == raw


def test_after_a_put_get_returns_the_new_content(wm: LocalWorkMail, workmail: Any, s3: Any) -> None:
    message_id = wm.store.add(RAW)
    put(wm, workmail, s3, message_id, CHANGED)
    assert get(workmail, message_id) == wm.store.content(message_id) == CHANGED
    assert wm.store.puts(message_id) == 1


def test_a_second_put_is_compared_with_the_original(wm: LocalWorkMail, workmail: Any, s3: Any) -> None:
    message_id = wm.store.add(RAW)
    put(wm, workmail, s3, message_id, CHANGED)
    put(wm, workmail, s3, message_id, RAW)
    assert (wm.store.content(message_id), wm.store.puts(message_id)) == (RAW, 2)


def test_the_given_object_version_is_read_although_a_newer_one_exists(wm: LocalWorkMail, workmail: Any, s3: Any) -> None:
    message_id = wm.store.add(RAW)
    version = s3.put_object(Bucket=wm.bucket, Key="rewritten/1", Body=CHANGED)["VersionId"]
    put(wm, workmail, s3, message_id, b"not a message", objectVersion=version)
    assert wm.store.content(message_id) == CHANGED


def test_the_error_classes_of_the_model_are_raised(wm: LocalWorkMail, workmail: Any) -> None:
    with pytest.raises(workmail.exceptions.ResourceNotFoundException):
        workmail.get_raw_message_content(messageId="no-such-message")


def test_get_and_put_fail_after_24_hours(wm: LocalWorkMail, workmail: Any, s3: Any, clock: Clock) -> None:
    message_id = wm.store.add(RAW)
    clock.now += 24 * 60 * 60
    assert get(workmail, message_id) == RAW
    clock.now += 1
    with service_error("ResourceNotFoundException", 404, "older than 24 hours"):
        get(workmail, message_id)
    with service_error("ResourceNotFoundException", 404, "older than 24 hours"):
        put(wm, workmail, s3, message_id, CHANGED)


def test_a_frozen_message_can_be_read_and_not_changed(wm: LocalWorkMail, workmail: Any, s3: Any) -> None:
    message_id = wm.store.add(RAW)
    wm.store.freeze(message_id)
    with service_error("MessageFrozen", why="not eligible"):
        put(wm, workmail, s3, message_id, CHANGED)
    assert get(workmail, message_id) == RAW
    assert wm.store.rejections(message_id)[0].startswith("MessageFrozen")
    assert wm.store.refusals(message_id) == wm.store.rejections(message_id)


@pytest.mark.parametrize(
    "reference, why",
    [
        ({"key": "rewritten/1.eml"}, "neither dots nor underscores"),
        ({"key": "rewritten_1"}, "neither dots nor underscores"),
        ({"bucket": "with.dots"}, "the bucket's name does not match"),
        ({"bucket": "Upper"}, "the bucket's name does not match"),
        ({"bucket": "no-such-bucket"}, "NoSuchBucket"),
        ({"key": "no-such-key"}, "NoSuchKey"),
        ({"objectVersion": "00000000-0000-0000-0000-000000000000"}, "object version"),
    ],
)
def test_an_object_that_workmail_cannot_read_is_an_invalid_content_location(
    reference: dict[str, str], why: str, wm: LocalWorkMail, workmail: Any, s3: Any
) -> None:
    message_id = wm.store.add(RAW)
    with service_error("InvalidContentLocation", why=why):
        put(wm, workmail, s3, message_id, CHANGED, **reference)
    assert wm.store.content(message_id) == RAW


def test_a_deleted_object_is_an_invalid_content_location(wm: LocalWorkMail, workmail: Any, s3: Any) -> None:
    s3.put_object(Bucket=wm.bucket, Key="deleted", Body=CHANGED)
    s3.delete_object(Bucket=wm.bucket, Key="deleted")
    with service_error("InvalidContentLocation", why="NoSuchKey"):
        put(wm, workmail, s3, wm.store.add(RAW), CHANGED, key="deleted")


def test_a_bucket_in_another_region_is_an_invalid_content_location(wm: LocalWorkMail, workmail: Any, s3: Any) -> None:
    s3.create_bucket(Bucket="far-away-bucket", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    try:
        with service_error("InvalidContentLocation", why="the bucket is in eu-west-1, the organization in us-east-1"):
            put(wm, workmail, s3, wm.store.add(RAW), CHANGED, bucket="far-away-bucket")
    finally:
        s3.delete_bucket(Bucket="far-away-bucket")


@pytest.mark.parametrize(
    "content, why",
    [
        (RAW + b"x" * 999 + b"\r\n", "line 7 has 1,001 octets"),
        (RAW.replace(b"Date", b"X-Date"), "the required header Date is missing"),
        (b"Subject: twice\r\n" + RAW, "the header Subject may occur once and occurs 2 times"),
        (RAW.replace(b"<1@", b"<2@"), "the immutable header Message-ID was changed"),
        (b"Content-Type: multipart/mixed; boundary=b\r\n" + RAW, "without parts"),
        (b"Content-Disposition: attachment; filename=a.exe\r\n" + RAW, ".exe"),
        (RAW + b"x\r\n" * (14 * 1024 * 1024), "at most 41,943,040"),
        (b"", "the required header Date is missing"),
    ],
)
def test_content_that_breaks_a_rule_is_rejected_with_the_reason(
    content: bytes, why: str, wm: LocalWorkMail, workmail: Any, s3: Any
) -> None:
    message_id = wm.store.add(RAW)
    with service_error("MessageRejected", why=why):
        put(wm, workmail, s3, message_id, content)
    assert wm.store.content(message_id) == RAW
    assert [why in rejection for rejection in wm.store.rejections(message_id)] == [True]


def test_a_line_of_1000_octets_is_accepted(wm: LocalWorkMail, workmail: Any, s3: Any) -> None:
    message_id = wm.store.add(RAW)
    put(wm, workmail, s3, message_id, RAW + b"x" * 998 + b"\r\n")
    assert wm.store.puts(message_id) == 1


@pytest.mark.parametrize("message_id", ["UPPER", "with_underscore", "a" * 121, "a.b"])
def test_a_message_id_that_does_not_match_the_models_pattern_is_refused(message_id: str, wm: LocalWorkMail, workmail: Any) -> None:
    with service_error("ValidationException"):
        workmail.get_raw_message_content(messageId=message_id)


def test_an_injected_fault_occurs_once_and_boto3_retries(wm: LocalWorkMail, workmail: Any) -> None:
    message_id = wm.store.add(RAW)
    wm.faults.add("get", error="ThrottlingException", status=429)
    response = workmail.get_raw_message_content(messageId=message_id)
    response["messageContent"].close()
    assert response["ResponseMetadata"]["RetryAttempts"] == 1


def test_a_permanent_fault_reaches_the_caller_under_its_name(wm: LocalWorkMail) -> None:
    message_id = wm.store.add(RAW)
    wm.faults.add("put", error="ThrottlingException", status=429, times=None)
    with closing(_impatient_client(wm)) as client, service_error("ThrottlingException", 429):
        client.put_raw_message_content(messageId=message_id, content={"s3Reference": {"bucket": wm.bucket, "key": "x"}})


def test_a_fault_can_be_a_delay_alone(wm: LocalWorkMail, workmail: Any) -> None:
    message_id = wm.store.add(RAW)
    wm.faults.add("get", delay_s=0.05)
    started = time.monotonic()
    assert get(workmail, message_id) == RAW
    assert time.monotonic() - started >= 0.05


def _impatient_client(wm: LocalWorkMail) -> Any:
    return boto3.client(
        "workmailmessageflow",
        region_name="us-east-1",
        endpoint_url=wm.environment["AWS_ENDPOINT_URL_WORKMAILMESSAGEFLOW"],
        aws_access_key_id="any",
        aws_secret_access_key="any",
        config=Config(retries={"total_max_attempts": 1}),
    )


def raw_request(
    wm: LocalWorkMail, method: str, path: str, body: bytes = b"", service: str | None = "workmailmessageflow"
) -> tuple[int, str, Any]:
    """Make a request that boto3 would not make, and return status, x-amzn-ErrorType and the JSON body."""
    address = urlsplit(wm.environment["AWS_ENDPOINT_URL_WORKMAILMESSAGEFLOW"]).netloc
    headers = {}
    if service:
        scope = f"Credential=key/20261102/us-east-1/{service}/aws4_request"
        headers["Authorization"] = f"AWS4-HMAC-SHA256 {scope}, SignedHeaders=host, Signature=00"
    with closing(http.client.HTTPConnection(address, timeout=5)) as connection:
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        return answer.status, answer.headers.get("x-amzn-ErrorType", ""), json.loads(answer.read() or b"null")


def test_an_unsigned_request_is_refused(wm: LocalWorkMail) -> None:
    message_id = wm.store.add(RAW)
    status, name, body = raw_request(wm, "GET", f"/messages/{message_id}", service=None)
    assert (status, name, body) == (403, "MissingAuthenticationTokenException", {"message": "Missing Authentication Token"})


def test_a_signature_for_another_service_is_refused(wm: LocalWorkMail) -> None:
    message_id = wm.store.add(RAW)
    assert raw_request(wm, "GET", f"/messages/{message_id}", service="workmail")[:2] == (403, "InvalidSignatureException")


@pytest.mark.parametrize(
    "body, name",
    [
        (b"", "SerializationException"),
        (b"\xff", "SerializationException"),
        (b'{"content": {"s3Reference": {"bucket": 1, "key": 2}}}', "SerializationException"),
        (b"{}", "ValidationException"),
        (b"[]", "ValidationException"),
        (b'{"content": {"s3Reference": {"bucket": "b"}}}', "ValidationException"),
        (b'{"content": {"s3Reference": {"bucket": "bbb", "key": "k", "objectVersion": "\\ud800"}}}', "ValidationException"),
        (b'{"content": {"s3Reference": {"bucket": "bbb", "key": "k", "objectVersion": ""}}}', "ValidationException"),
        (b'{"content": {"s3Reference": {"bucket": "\\ud800", "key": "\\u0000"}}}', "InvalidContentLocation"),
        (b'{"content": {"s3Reference": [1]}}', "ValidationException"),
        (b'{"content": {"s3Reference": {"bucket": "bbb", "key": "k", "objectVersion": []}}}', "SerializationException"),
        (b'{"content":' * 100_000, "SerializationException"),
        (b"[" * 500_000, "SerializationException"),
        (b"9" * 10_000, "SerializationException"),
    ],
)
def test_a_body_of_another_shape_is_refused(body: bytes, name: str, wm: LocalWorkMail) -> None:
    assert raw_request(wm, "POST", f"/messages/{wm.store.add(RAW)}", body)[:2] == (400, name)


@pytest.mark.parametrize(
    "method, path", [("GET", "/"), ("DELETE", "/messages/x"), ("GET", "/messages/a/b"), ("GET", "/messages/"), ("GET", "/other")]
)
def test_any_other_request_is_an_unknown_operation(method: str, path: str, wm: LocalWorkMail) -> None:
    assert raw_request(wm, method, path)[:2] == (404, "UnknownOperationException")


def test_a_taken_port_is_an_error_and_leaves_no_thread(wm: LocalWorkMail) -> None:
    before = set(threading.enumerate())
    for name, service in (("port", "WORKMAILMESSAGEFLOW"), ("s3_port", "S3")):
        taken = int(wm.environment[f"AWS_ENDPOINT_URL_{service}"].rpartition(":")[2])
        with pytest.raises(ServerError, match=f"port {taken}"), LocalWorkMail(**{name: taken}):
            pass
    assert set(threading.enumerate()) <= before


def test_stopping_ends_every_thread_while_a_call_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    before = set(threading.enumerate())
    entered = threading.Event()
    with LocalWorkMail() as wm:

        def next_fault(_operation: str) -> Fault:
            entered.set()
            return Fault(None, 500, "", delay_s=30)

        monkeypatch.setattr(wm.faults, "next", next_fault)
        message_id = wm.store.add(RAW)
        failed: list[Exception] = []

        def call() -> None:
            try:
                raw_request(wm, "GET", f"/messages/{message_id}")
            except (OSError, http.client.HTTPException, ValueError) as error:
                failed.append(error)

        waiting = threading.Thread(target=call)
        waiting.start()
        assert entered.wait(10)
        started = time.monotonic()
    waiting.join()
    assert time.monotonic() - started < 3
    assert set(threading.enumerate()) <= before


def test_two_instances_in_one_process_share_nothing(wm: LocalWorkMail, s3: Any) -> None:
    s3.put_object(Bucket=wm.bucket, Key="mine", Body=b"x")
    with LocalWorkMail() as other:
        assert other.bucket != wm.bucket
        assert wm.store.add(RAW) not in other.store
    assert s3.get_object(Bucket=wm.bucket, Key="mine")["ContentLength"] == 1


def test_the_developers_aws_settings_are_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "no-such-profile")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    with LocalWorkMail() as wm, closing(wm.client("workmailmessageflow")) as client:
        assert get(client, wm.store.add(RAW)) == RAW
