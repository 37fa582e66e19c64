"""S3 and moto's other services on our server answer as on moto's own."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from http.client import HTTPConnection
from pprint import pformat
from typing import Any
from urllib.parse import urlsplit

import pytest
from botocore.exceptions import ClientError
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from moto.s3.models import FakeKey, s3_backends
from werkzeug.serving import make_server

from mailhooks.contract.limits import MAX_MESSAGE_BYTES
from workmail_local.aws.moto_server import find_object, forget_removed_objects, run_moto
from workmail_local.aws_client import create_client

_VOLATILE = {
    *("date", "server", "connection", "transfer-encoding", "last-modified", "x-amz-version-id", "x-amz-copy-source-version-id"),
    *("x-amzn-requestid", "x-amz-request-id", "x-amz-id-2"),
    # Of an empty body; and a header that only moto's web framework adds.
    *("content-type", "content-length", "access-control-allow-origin"),
}
_VALUES = {"ResponseMetadata", "VersionId", "CopySourceVersionId", "LastModified", "CopyObjectResult", "Owner"}
DENY = '{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Principal":"*","Action":"s3:%s","Resource":"arn:aws:s3:::%s/*"}]}'


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with run_moto(0) as url:
        yield url


@pytest.fixture(scope="module")
def clients(url: str) -> Iterator[tuple[Any, Any]]:
    """S3 on our server and on moto's own."""
    app = DomainDispatcherApplication(create_backend_app)
    moto = make_server("127.0.0.1", 0, app, threaded=True, request_handler=MotoRequestHandler)
    threading.Thread(target=moto.serve_forever, args=(0.05,), daemon=True).start()
    with closing(create_client("s3", url)) as ours, closing(create_client("s3", f"http://127.0.0.1:{moto.port}")) as theirs:
        yield ours, theirs
    moto.shutdown()
    moto.server_close()


def _put(s3: Any, bucket: str, key: str = "rewritten/a1/b2", body: bytes = b"Hello", **more: Any) -> Any:
    return s3.put_object(Bucket=bucket, Key=key, Body=body, **more)


def _get(s3: Any, bucket: str, key: str = "rewritten/a1/b2", **more: Any) -> Any:
    found = s3.get_object(Bucket=bucket, Key=key, **more)
    return found | {"Body": found["Body"].read()}


def _deny(s3: Any, bucket: str, action: str) -> None:
    s3.put_bucket_policy(Bucket=bucket, Policy=DENY % (action, bucket))


CALLS: dict[str, list[Callable[[Any, str], Any]]] = {
    "an object": [_put, _get, _get],
    "an empty object": [lambda s3, bucket: _put(s3, bucket, body=b""), _get],
    "an object that is replaced": [_put, lambda s3, bucket: _put(s3, bucket, body=b"Again"), _get],
    "any octets": [lambda s3, bucket: _put(s3, bucket, body=bytes(range(256)) * 40), _get],
    "a large object": [lambda s3, bucket: _put(s3, bucket, body=b"x" * 1_000_000), _get],
    "metadata": [lambda s3, bucket: _put(s3, bucket, ContentType="message/rfc822", Metadata={"my_key": "1", "my-key2": "2"}), _get],
    "a checksum": [
        lambda s3, bucket: _put(s3, bucket, ChecksumAlgorithm="SHA256"),
        lambda s3, bucket: _get(s3, bucket, ChecksumMode="ENABLED"),
    ],
    "encryption": [lambda s3, bucket: _put(s3, bucket, ServerSideEncryption="AES256"), _get],
    "tags": [lambda s3, bucket: _put(s3, bucket, Tagging="a=b"), _get],
    "an archived object": [lambda s3, bucket: _put(s3, bucket, StorageClass="GLACIER"), _get],
    "no such storage class": [lambda s3, bucket: _put(s3, bucket, StorageClass="NO")],
    "no such key": [_get],
    "no such version": [_put, lambda s3, bucket: _get(s3, bucket, VersionId="no")],
    "no such bucket": [lambda s3, bucket: _put(s3, f"{bucket}-no"), lambda s3, bucket: _get(s3, f"{bucket}-no")],
    "a policy against reading": [_put, lambda s3, bucket: _deny(s3, bucket, "GetObject"), _get],
    "a policy against writing": [_put, lambda s3, bucket: _deny(s3, bucket, "PutObject"), _put, _get],
    "odd keys": [
        call
        for key in ("a b", "a;b", "a+b", "a%2Fb", "ü/é", "a//b", "/a", "a/", "a/../b", "v20180820/a", "a?b#c", "a_b.eml", "moto-api/reset")
        for call in (lambda s3, bucket, key=key: _put(s3, bucket, key), lambda s3, bucket, key=key: _get(s3, bucket, key))
    ],
    "conditions": [
        _put,
        lambda s3, bucket: _put(s3, bucket, IfNoneMatch="*"),
        lambda s3, bucket: _get(s3, bucket, IfMatch="no"),
        lambda s3, bucket: _get(s3, bucket, Range="bytes=1-2"),
    ],
    "other calls for an object": [
        _put,
        lambda s3, bucket: s3.head_object(Bucket=bucket, Key="rewritten/a1/b2"),
        lambda s3, bucket: s3.copy_object(Bucket=bucket, Key="copy", CopySource=f"{bucket}/rewritten/a1/b2"),
        lambda s3, bucket: s3.delete_object(Bucket=bucket, Key="rewritten/a1/b2")["DeleteMarker"],
        _get,
        lambda s3, bucket: len(s3.list_object_versions(Bucket=bucket)["Versions"]),
    ],
}


@pytest.mark.parametrize("kind", CALLS)
def test_s3_answers_as_on_motos_own_server(kind: str, clients: tuple[Any, Any]) -> None:
    answers = []
    for s3, name in zip(clients, ("ours", "their"), strict=True):
        bucket = f"{name}-{kind.replace(' ', '-')}"
        s3.create_bucket(Bucket=bucket)
        s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
        answers.append([_answer(call, s3, bucket).replace(name, "") for call in CALLS[kind]])
    assert answers[0] == answers[1]


def _answer(call: Callable[[Any, str], Any], s3: Any, bucket: str) -> str:
    try:
        response = call(s3, bucket)
    except ClientError as error:
        response = error.response
    if not isinstance(response, dict):
        return repr(response)
    details = response["ResponseMetadata"]
    headers = {name: value for name, value in details["HTTPHeaders"].items() if name not in _VOLATILE}
    values = {name: value for name, value in response.items() if name not in _VALUES}
    return pformat((details["HTTPStatusCode"], headers, values))


def test_versions_are_those_of_the_bucket(url: str) -> None:
    with closing(create_client("s3", url)) as s3:
        s3.create_bucket(Bucket="versions")
        s3.put_bucket_versioning(Bucket="versions", VersioningConfiguration={"Status": "Enabled"})
        versions = [_put(s3, "versions", body=body)["VersionId"] for body in (b"one", b"two")]
        assert [_get(s3, "versions", VersionId=version)["Body"] for version in versions] == [b"one", b"two"]
        listed = {item["VersionId"] for item in s3.list_object_versions(Bucket="versions")["Versions"]}
        assert listed == {*versions}
        assert [find_object("versions", "rewritten/a1/b2", version) for version in (*versions, None, "no")] == [
            (b"one", versions[0]),
            (b"two", versions[1]),
            (b"two", versions[1]),
            None,
        ]


def test_an_object_that_s3_may_refuse_is_not_found_without_a_call(url: str) -> None:
    with closing(create_client("s3", url)) as s3:
        s3.create_bucket(Bucket="refuses")
        _put(s3, "refuses")
        assert find_object("refuses", "rewritten/a1/b2", None) == (b"Hello", None)
        _put(s3, "refuses", key="archived", StorageClass="GLACIER")
        _put(s3, "refuses", key="large", body=bytes(MAX_MESSAGE_BYTES + 1))
        assert [find_object("refuses", key, None) for key in ("archived", "large", "missing")] == [None, None, None]
        assert find_object("no-such-bucket", "rewritten/a1/b2", None) is None
        _deny(s3, "refuses", "GetObject")
        assert find_object("refuses", "rewritten/a1/b2", None) is None


def test_a_connection_is_kept_and_a_presigned_url_works(url: str) -> None:
    with closing(create_client("s3", url)) as s3, closing(HTTPConnection(urlsplit(url).netloc)) as http:
        s3.create_bucket(Bucket="presigned")
        target = s3.generate_presigned_url("put_object", {"Bucket": "presigned", "Key": "a/b"})
        for body in (b"Hello", iter([b"Hel", b"lo!"])):  # the second one without a length
            http.request("PUT", target.removeprefix(url), body)
            connection = http.sock
            reply = http.getresponse()
            assert (reply.status, reply.read(), http.sock) == (200, b"", connection)
        assert _get(s3, "presigned", "a/b")["Body"] == b"Hello!"


def test_a_call_that_waits_does_not_delay_another(url: str) -> None:
    with closing(create_client("sqs", url)) as sqs, closing(create_client("s3", url)) as s3:
        queue = sqs.create_queue(QueueName="waits")["QueueUrl"]
        received: list[Any] = []
        waiting = threading.Thread(target=lambda: received.append(sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=20)))
        waiting.start()
        time.sleep(0.2)
        s3.list_buckets()
        assert received == []
        sqs.send_message(QueueUrl=queue, MessageBody="Hello")
        waiting.join(30)
        assert received[0]["Messages"][0]["Body"] == "Hello"


def test_removed_objects_are_forgotten_and_the_others_kept(url: str) -> None:
    with closing(create_client("s3", url)) as s3:
        s3.create_bucket(Bucket="forgets")
        for key in ("a", "b"):
            _put(s3, "forgets", key)
        s3.delete_object(Bucket="forgets", Key="a")
        forget_removed_objects()
        assert [key.name for key in vars(FakeKey)["instances_tracked"] if key.bucket_name == "forgets"] == ["b"]
        assert _get(s3, "forgets", "b")["Body"] == b"Hello"


def test_the_tags_of_removed_versions_are_forgotten(url: str) -> None:
    with closing(create_client("s3", url)) as s3:
        s3.create_bucket(Bucket="tagged")
        s3.put_bucket_versioning(Bucket="tagged", VersioningConfiguration={"Status": "Enabled"})
        tags = {"TagSet": [{"Key": "a", "Value": "b"}]}
        for _ in range(3):
            removed = _put(s3, "tagged", "key")["VersionId"]
            s3.delete_object(Bucket="tagged", Key="key", VersionId=removed)
        kept = _put(s3, "tagged", "key")["VersionId"]
        s3.put_object_tagging(Bucket="tagged", Key="key", Tagging=tags)
        forget_removed_objects()
        known = s3_backends[DEFAULT_ACCOUNT_ID]["aws"].tagger.tags
        assert [arn.rpartition("/")[2] for arn in known if ":tagged/" in arn] == [kept]
        assert s3.get_object_tagging(Bucket="tagged", Key="key")["TagSet"] == tags["TagSet"]
