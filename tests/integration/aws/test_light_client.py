"""The light client and a boto3 client: the same bytes, results, errors, retries and pauses for the same responses."""

import os
import random
import socket
import sys
import uuid
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from functools import partial, wraps
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import botocore
import botocore.auth
import botocore.endpoint
import pytest
from aws_lambda_powertools.shared.user_agent import inject_user_agent
from botocore.awsrequest import AWSResponse
from botocore.client import BaseClient
from botocore.httpsession import URLLib3Session

from mailhooks.aws import client, light_client, message_flow
from mailhooks.aws.light_client import LightClient
from mailhooks.aws.message_flow import MessageFlow
from mailhooks.aws.session import open_session
from mailhooks.deadline import Deadline
from mailhooks.errors import MailhooksError
from tests.support.servers.certificates import Authority
from tests.support.servers.recorder import Recorder, Reply, recording, respond

MESSAGE = "00000000-0000-4000-8000-000000000000"
STORED = respond(200, b"", 'ETag: "0"')
UPDATED = respond(200, b"{}", "Content-Type: application/json")
HTML = b"<html><body>Nicht verf\xfcgbar</body></html>"


def xml(code: str, more: str = "") -> bytes:
    return f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>The subject Offer is bad</Message>{more}</Error>".encode()


def json(code: str) -> bytes:
    return f'{{"__type": "{code}", "message": "attachment salary.exe is bad"}}'.encode()


def batched(names: Iterable[str], size: int) -> Iterator[tuple[str, ...]]:
    rest = list(names)
    while rest:
        yield tuple(rest[:size])
        del rest[:size]


Work = Callable[[MessageFlow], Any]


def get(flow: MessageFlow) -> bytes:
    return flow.get(MESSAGE, Deadline.after(600))


def put(*pieces: bytes) -> Work:
    return lambda flow: flow.put(MESSAGE, pieces, Deadline.after(600))


def get_forty_times(flow: MessageFlow) -> list[object]:
    return [outcome(get, flow) for _ in range(40)]


def outcome(work: Callable[..., Any], *args: Any) -> object:
    try:
        return work(*args)
    except Exception as error:  # noqa: BLE001 - the error is the result
        return type(error), str(error)


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[float]:
    """Set the variables of a Lambda function, stop the clock, and record pauses before retries."""
    for name in list(os.environ):
        if name.startswith(("AWS_", "BOTO")) or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    variables = {"ACCESS_KEY_ID": "AKID", "SECRET_ACCESS_KEY": "sec/ret+x", "SESSION_TOKEN": "tok/en==", "DEFAULT_REGION": "eu-west-1"}
    for name, value in variables.items():
        monkeypatch.setenv(f"AWS_{name}", value)
    monkeypatch.setenv("HOME", str(tmp_path))
    # As in a function with our log: Powertools adds its name to the user agent of each session.
    monkeypatch.setattr(botocore, "_INITIALIZERS", [])
    inject_user_agent()
    for module in (botocore.auth, botocore.endpoint):
        monkeypatch.setattr(module, "get_current_datetime", lambda *_: datetime(2026, 11, 29, 12))
    recorded: list[float] = []
    monkeypatch.setattr(botocore.endpoint, "time", SimpleNamespace(sleep=recorded.append))
    open_session.cache_clear()
    return recorded


@pytest.fixture(params=["http", "https"])
def server(request: pytest.FixtureRequest, pauses: list[float], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Recorder]:
    authority = Authority.new()
    if request.param == "https":
        (tmp_path / "roots.pem").write_text(authority.pem)
        monkeypatch.setenv("AWS_CA_BUNDLE", str(tmp_path / "roots.pem"))
    with recording(authority.issue(tmp_path) if request.param == "https" else None) as recorder:
        monkeypatch.setenv("AWS_ENDPOINT_URL", recorder.url)

        def sleep(seconds: float) -> None:
            pauses.append(seconds)
            recorder.wait_for_end()

        monkeypatch.setattr(botocore.endpoint, "time", SimpleNamespace(sleep=sleep))
        yield recorder


def start(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the next client find the same random numbers and IDs, and read the variables."""
    numbers = iter(range(1, 10_000))
    monkeypatch.setattr(uuid, "uuid4", lambda: uuid.UUID(int=next(numbers)))
    monkeypatch.setattr("mailhooks.aws.message_flow.uuid4", lambda: uuid.UUID(int=7))
    random.seed(1)


Case = tuple[Work, tuple[Reply, ...]]


def compare(server: Recorder, pauses: list[float], monkeypatch: pytest.MonkeyPatch, cases: dict[str, Case]) -> dict[str, object]:
    """Return the outcomes of the cases, in which both clients do the same."""
    results, records = [], []
    for kind in ("boto3", "light"):
        start(monkeypatch)
        flow = MessageFlow("my-bucket", client=kind)
        assert isinstance(flow._s3, LightClient) == (kind == "light")
        results.append({name: run(server, pauses, flow, *case) for name, case in cases.items()})
        records.append({name: (outcome, server_side) for name, (outcome, *server_side) in results[-1].items()})
    assert [name for name in cases if records[0][name] != records[1][name]] == []
    return {name: result[0] for name, result in results[0].items()}


def run(server: Recorder, pauses: list[float], flow: MessageFlow, work: Work, replies: tuple[Reply, ...]) -> tuple[object, ...]:
    server.wait_for_end()
    server.script(*replies)
    pauses.clear()
    return outcome(work, flow), server.requests, list(pauses), server.connections


@pytest.mark.parametrize("size", [0, 1, 10_000, 1024 * 1024 + 1, 38 * 1024 * 1024])
def test_both_clients_send_the_same_bytes(size: int, server: Recorder, pauses: list[float], monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "rewrite")
    monkeypatch.setenv("_X_AMZN_TRACE_ID", "Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=1;Lineage=a:1|b:2")
    content = b"x" * size
    work = put(content[: size // 2], content[size // 2 :])
    versions = {f"version {version}": (work, (respond(200, b"", f"x-amz-version-id: {version}"), UPDATED)) for version in ("", 'v1.%+/"')}
    outcomes = compare(server, pauses, monkeypatch, {"get": (get, (respond(200, content),)), "put": (work, (STORED, UPDATED)), **versions})
    assert outcomes.pop("get") == content
    assert set(outcomes.values()) == {None}
    assert len(server.requests) == 2


OUTCOMES: dict[str, Case] = {
    **{
        f"S3 {status} {name}": (put(b"x" * 5000), (respond(status, body),))
        for status in (304, 400, 403, 404, 409, 429, 500, 503, 529)
        for name, body in {
            "": b"",
            "XML": xml("Foo"),
            "HTML": HTML,
            "SlowDown": xml("SlowDown"),
            "RequestTimeout": xml("RequestTimeout"),
        }.items()
    },
    **{
        f"WorkMail {status} {name}": (work, (*before, respond(status, body, "Content-Type: application/json")))
        for status in (302, 400, 404, 429, 503)
        for name, body in {
            **{"": b"", "HTML": HTML, "number": b"5", "null": b"null", "deep": b"[" * 100_000, "type": b'{"__type": 5}'},
            **{code: json(code) for code in ("MessageFrozen", "ResourceNotFoundException", "ThrottlingException", "ExpiredTokenException")},
        }.items()
        for work, before in ((get, ()), (put(b"x"), (STORED,)))
    },
    "200 with an error": (put(b"x"), (respond(200, xml("InternalError")), respond(200, xml("SlowDown")), STORED, UPDATED)),
    "200 with errors only": (put(b"x" * 1_500_000), (respond(200, xml("InternalError")),)),
    "200 with no number": (put(b"x"), (respond(200, b"", "x-amz-object-size: many"), UPDATED)),
    "200 without JSON": (put(b"x"), (STORED, respond(200, b"<x"))),
    "a pause that S3 asks for": (put(b"x"), (respond(503, xml("SlowDown"), "x-amz-retry-after: 2500"), STORED, UPDATED)),
    "a clock of another hour": (get, (respond(503, b"", "Date: Sun, 29 Nov 2026 09:00:00 GMT"), respond(200, b"abc"))),
    "a success at the third attempt": (get, (respond(503), respond(500), respond(200, b"abc"))),
    "the end of the retry quota": (get_forty_times, (respond(503),)),
    "the end of the retry quota by throttling": (get_forty_times, (respond(400, json("ThrottlingException")),)),
    "a truncated message": (get, (respond(200, b"abc", length=10, end="close"),)),
    "a reset in the message": (get, (respond(200, b"abc", length=10, end="reset"),)),
    "a truncated error": (get, (respond(404, json("X"), length=1000, end="close"),)),
    "a truncated chunk": (get, (Reply(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nab", end="close"),)),
    "no HTTP": (get, (Reply(b"220 mail.example.com ESMTP\r\n", end="close"),)),
    "no response": (get, (Reply(end="close"),)),
    "a reset before the response": (get, (Reply(end="reset"), respond(200, b"abc"))),
    "a reset in the headers": (put(b"x"), (STORED, Reply(b"HTTP/1.1 200 OK\r\nContent-Le", end="reset"), UPDATED)),
    "headers in Latin-1": (get, (Reply(b"HTTP/1.1 200 OK\r\nx-y: \xff\xfe\r\nContent-Length: 1\r\n\r\na"),)),
    "slow bytes": (get, (respond(200, b"abcdef", pause_s=0.002),)),
    "a reset in the upload": (put(b"x" * 1_500_000), (Reply(body_limit=70_000), STORED, UPDATED)),
    "an error before the upload": (put(b"x" * 1_500_000), (respond(403, xml("AccessDenied"), early=True),)),
    "an error before the first upload": (put(b"x" * 1_500_000), (respond(503, xml("SlowDown"), early=True), STORED, UPDATED)),
    "an end before the upload": (put(b"x" * 1_500_000), (Reply(early=True),)),
    "no 100 Continue": (put(b"x"), (Reply(STORED.data, expect=b""), UPDATED)),
}


@pytest.mark.parametrize("names", list(batched(OUTCOMES, 12)), ids=lambda names: names[0])
def test_both_clients_have_the_same_outcome(names: tuple[str, ...], server: Recorder, pauses: list[float], monkeypatch: pytest.MonkeyPatch):
    """A batch has one client, whose retry quota lasts for as many failures."""
    compare(server, pauses, monkeypatch, {name: OUTCOMES[name] for name in names})


@pytest.mark.parametrize("server", ["http"], indirect=True)
def test_both_clients_have_the_same_outcome_of_resets_in_each_upload(
    server: Recorder, pauses: list[float], monkeypatch: pytest.MonkeyPatch
):
    """Not over TLS, where it depends on the time of the reset which error botocore raises."""
    compare(server, pauses, monkeypatch, {"": (put(b"x" * 1_500_000), (Reply(body_limit=70_000),))})


def test_both_clients_replace_a_connection_that_the_server_closed(server: Recorder, pauses: list[float], monkeypatch: pytest.MonkeyPatch):
    """As after an hour in which Lambda froze the function."""

    def repeat(work: Work) -> Case:
        def thrice(flow: MessageFlow) -> None:
            for _ in range(3):
                work(flow)
                server.wait_for_end()

        return thrice, (respond(200, end="close"), respond(200, end="reset"), respond(200))

    save = [lambda flow, size=size: flow.save_decision("key", "x" * size, Deadline.after(600)) for size in (0, 1_500_000)]
    outcomes = compare(server, pauses, monkeypatch, {"get": repeat(get), "empty": repeat(save[0]), "large": repeat(save[1])})
    assert set(outcomes.values()) == {None}


@pytest.mark.parametrize("server", ["http"], indirect=True)
@pytest.mark.parametrize(
    "redirect",
    [
        respond(301, xml("PermanentRedirect"), "x-amz-bucket-region: us-west-2"),
        respond(307, xml("TemporaryRedirect"), "x-amz-bucket-region: us-west-2"),
        respond(400, xml("AuthorizationHeaderMalformed", "<Region>us-west-2</Region>")),
    ],
)
def test_a_bucket_of_another_region_gets_the_message(
    redirect: Reply, server: Recorder, pauses: list[float], monkeypatch: pytest.MonkeyPatch
):
    """The light client leaves it to a boto3 client, which sends the first request again."""
    start(monkeypatch)
    flow = MessageFlow("my-bucket")
    server.script(redirect, redirect, STORED, UPDATED)
    put(b"x" * 5000)(flow)
    assert len(server.requests) == 4
    assert b"/us-west-2/s3/aws4_request" in server.requests[2]
    server.script(STORED, UPDATED)
    put(b"x" * 5000)(flow)
    assert b"/us-west-2/s3/aws4_request" in server.requests[0]


@pytest.mark.parametrize("fault", ["a refused connection", "an unknown host", "an unknown certificate", "a slow response"])
def test_both_clients_have_the_same_error_without_a_response(
    fault: str, pauses: list[float], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    certificate = Authority.new().issue(tmp_path)
    with recording(certificate if fault == "an unknown certificate" else None) as server, socket.create_server(("127.0.0.1", 0)) as closed:
        server.script(respond(200, b"abc", pause_s=0.5))
        port = closed.getsockname()[1]
        closed.close()
        url = {"a refused connection": f"http://127.0.0.1:{port}", "an unknown host": "http://no.invalid"}.get(fault, server.url)
        monkeypatch.setenv("AWS_ENDPOINT_URL", url)
        config = client.make_config(connect_timeout_s=0.2, read_timeout_s=0.2)
        seen = []
        for make in (client.make_client, LightClient):
            start(monkeypatch)
            pauses.clear()
            flow = make("workmailmessageflow", config)
            error = outcome(client.call, "Get", lambda flow=flow: flow.get_raw_message_content(messageId="m"), Deadline.after(600))
            seen.append((error, list(pauses)))
        assert seen[0] == seen[1]
        assert issubclass(seen[0][0][0], MailhooksError)
        assert len(pauses) == 2


KEYS = ("rewritten/a/b", "a b", "a/../b", "//x", "/", "ü/ß/\U0001f4e7", "a%2Fb", "a?b#c", "a+b&c=d", "~.-_", "..", "a//", "\t", "x" * 900)
BUCKETS = ("my-bucket", "a--b", "-ab", "ab-", "x" * 63, "a-s3alias", "xn--abc", "a--op-s3", "a--x-s3", "a--ol-s3", "123", "a---b", "1-2-3")
PLAIN: list[dict[str, str]] = [
    *({"AWS_DEFAULT_REGION": region} for region in ("us-east-1", "us-west-2", "eu-west-1")),
    {"AWS_SESSION_TOKEN": ""},
    {"AWS_ENDPOINT_URL_S3": "http://localhost:99", "AWS_ENDPOINT_URL_WORKMAILMESSAGEFLOW": "https://127.0.0.1:98"},
    {"AWS_ENDPOINT_URL_S3": "https://s3.us-west-2.amazonaws.com", "AWS_ENDPOINT_URL": "https://x.example.com"},
    {"AWS_ENDPOINT_URL_S3": "https://vpce-0a1b-cd.s3.eu-west-1.vpce.amazonaws.com", "AWS_REGION": "us-east-1"},
    # AWS_ACCESS_KEY is in Lambda's list of its variables ("Defined runtime environment variables").
    {"AWS_ACCESS_KEY": "AKID", "AWS_LAMBDA_FUNCTION_NAME": "", "AWS_XRAY_CONTEXT_MISSING": "LOG_ERROR", "_X_AMZN_TRACE_ID": "\t%"},
    {"AWS_EXECUTION_ENV": "AWS_Lambda_python3.13", "AWS_LAMBDA_FUNCTION_NAME": "f", "_X_AMZN_TRACE_ID": 'Root=1;x="é"'},
    {"https_proxy": "http://user:password@proxy.example.com:1", "NO_PROXY": "s3.eu-west-1.amazonaws.com"},
    {"https_proxy": "http://proxy.example.com:1", "NO_PROXY": "s3.us-east-1.amazonaws.com", "AWS_DEFAULT_REGION": "us-east-1"},
    {"HTTP_PROXY": "http://proxy.example.com:1", "AWS_ENDPOINT_URL": "http://example.com"},
    {"AWS_CA_BUNDLE": "/a.pem", "REQUESTS_CA_BUNDLE": "/b.pem"},
    {"REQUESTS_CA_BUNDLE": "/b.pem"},
]


@pytest.mark.parametrize("variables", PLAIN, ids=lambda variables: " ".join(variables.values()))
def test_both_clients_send_the_same_requests_in_each_environment(
    variables: dict[str, str], pauses: list[float], monkeypatch: pytest.MonkeyPatch
):
    sent: list[object] = []

    def send(session: Any, request: Any) -> AWSResponse:
        body = request.body.read() if hasattr(request.body, "read") else request.body
        limits = (session._verify, str(session._timeout), session._max_pool_connections, session._socket_options)
        proxy = session._proxy_config.proxy_url_for(request.url)
        sent.append((request.method, request.url, list(request.headers.items()), body, request.stream_output, proxy, limits))
        raw = SimpleNamespace(stream=lambda **_: iter([b""]), read=lambda *_: b"", close=lambda: None)
        return AWSResponse(request.url, 200, {"content-length": "0"}, raw)

    monkeypatch.setattr(URLLib3Session, "send", send)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    seen: list[list[object]] = []
    for make in (client.make_client, light_client.make_client):
        start(monkeypatch)
        s3, flow = make("s3"), make("workmailmessageflow")
        for bucket, key in [("my-bucket", key) for key in KEYS] + [(bucket, "k/x") for bucket in BUCKETS]:
            sent.append(outcome(partial(s3.put_object, Bucket=bucket, Key=key, Body=b"abc")))
        for message in ("m", "a-b", "a/b", "a b", "é", "%", "..", "~", "{0}", "x" * 120):
            flow.get_raw_message_content(messageId=message)
            reference = {"bucket": "my-bucket", "key": "k/é", "objectVersion": 'v"\u2028é'}
            flow.put_raw_message_content(messageId=message, content={"s3Reference": reference})
        s3.get_object(Bucket="my-bucket", Key="k")
        seen.append(list(sent))
        sent.clear()
    assert isinstance(s3, LightClient)
    assert isinstance(flow, LightClient)
    assert seen[0] == seen[1]


@pytest.mark.parametrize(
    "name, value",
    [
        *(("AWS_DEFAULT_REGION", region) for region in ("eu-central-1", "cn-north-1", "us-gov-west-1", "")),
        *(("AWS_ENDPOINT_URL_S3", url) for url in ("", "http://127.0.0.1/base", "http://[::1]:9", "HTTP://EXAMPLE.com", "http://x/?a=b")),
        *(("AWS_ENDPOINT_URL", url) for url in ("https://s3-accelerate.amazonaws.com", "http://localhost:99999", "http://localhost:65536")),
        *((f"AWS_USE_{kind}_ENDPOINT", "true") for kind in ("FIPS", "DUALSTACK")),
        *((f"AWS_{name}", "x") for name in ("PROFILE", "CONFIG_FILE", "SHARED_CREDENTIALS_FILE", "DATA_PATH", "RETRY_MODE")),
        *((f"AWS_{name}", "x") for name in ("SECURITY_TOKEN", "CREDENTIAL_EXPIRATION", "CONTAINER_CREDENTIALS_FULL_URI", "ROLE_ARN")),
        *((f"AWS_{name}", "x") for name in ("IGNORE_CONFIGURED_ENDPOINT_URLS", "REQUEST_CHECKSUM_CALCULATION", "SDK_UA_APP_ID")),
        *((name, "") for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")),
        *((name, "true") for name in ("AWS_S3_US_EAST_1_REGIONAL_ENDPOINT", "BOTOCORE_TCP_KEEPALIVE", "AWS_A_LATER_SETTING")),
    ],
)
def test_another_environment_gets_a_boto3_client(name: str, value: str, pauses: list[float], monkeypatch: pytest.MonkeyPatch):
    assert light_client.is_plain("s3", os.environ)
    monkeypatch.setenv(name, value)
    assert not light_client.is_plain("s3", os.environ)


def test_settings_in_files_get_a_boto3_client(pauses: list[float], tmp_path: Path):
    (tmp_path / ".aws").mkdir()
    assert not light_client.is_plain("s3", os.environ)


@pytest.mark.parametrize("home", [None, "/" + "x" * 5000])
def test_a_user_without_a_home_gets_a_light_client(home: str | None, pauses: list[float], monkeypatch: pytest.MonkeyPatch):
    """A container's user may have no entry in the list of users, or a home that it must not read."""

    def find_no_user(_: int) -> None:
        raise KeyError

    monkeypatch.delenv("HOME")
    if home:
        monkeypatch.setenv("HOME", home)
    monkeypatch.setattr("pwd.getpwuid", find_no_user)
    assert light_client.is_plain("s3", os.environ)


@pytest.mark.parametrize("name", ["__init__", "_make_api_call"])
def test_a_tool_that_replaces_methods_of_botocore_gets_a_boto3_client(name: str, pauses: list[float], monkeypatch: pytest.MonkeyPatch):
    """OpenTelemetry, Datadog and Sentry do so; without their method they see no call."""
    method = getattr(BaseClient, name)

    @wraps(method)
    def trace(*args: Any, **more: Any) -> Any:
        return method(*args, **more)

    monkeypatch.setattr(BaseClient, name, trace)
    assert not light_client.is_plain("s3", os.environ)


def change_version(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(botocore, "__version__", "1.45.0")


def remove_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(botocore.endpoint, "EndpointCreator")
    monkeypatch.delitem(sys.modules, "mailhooks.aws.light_client")
    monkeypatch.delattr("mailhooks.aws.light_client")


def change_arguments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("botocore.retries.standard.register_retry_handler", lambda client: None)


@pytest.mark.parametrize("change", [change_version, remove_name, change_arguments])
def test_another_botocore_gets_boto3_clients_and_one_log_line(
    change: Callable[[pytest.MonkeyPatch], None],
    pauses: list[float],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
):
    message_flow._log_once.cache_clear()
    assert isinstance(MessageFlow("my-bucket")._s3, LightClient)
    boto3_client = client.make_client("s3")
    monkeypatch.setattr(client, "make_client", lambda *_: boto3_client)
    change(monkeypatch)
    assert MessageFlow("my-bucket")._s3 is boto3_client
    assert ["AWS_CLIENT=light" in line for line in caplog.messages] == [True]
