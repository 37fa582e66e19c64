"""Functions behind a Lambda endpoint, against a server that speaks Lambda's Invoke API over HTTP."""

import base64
import json
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest

from local.errors import InvalidSettings
from local.runtime.endpoint import EndpointInvoker
from tests.support.serving import Quiet, serving

Answer = tuple[int, bytes, dict[str, str]]
Serve = Callable[..., str]

EVENT = {"messageId": "m-1", "subject": "Grüße"}
JSON = {"Content_Type": "application/json"}


class Asked:
    """What came to the server."""

    def __init__(self) -> None:
        self.paths: list[str] = []
        self.bodies: list[Any] = []
        self.headers: list[dict[str, str]] = []


@pytest.fixture
def asked() -> Asked:
    return Asked()


@pytest.fixture
def serve(asked: Asked) -> Iterator[Serve]:
    """`serve(200, b"{}", X_Amz_Function_Error="Unhandled")`: the address of an endpoint that answers everything so."""
    closing_down = threading.Event()
    with ExitStack() as servers:

        def start(status: int, body: bytes, seconds: float = 0.0, **headers: str) -> str:
            class Lambda(Quiet, BaseHTTPRequestHandler):
                protocol_version = "HTTP/1.1"

                def do_POST(self) -> None:
                    asked.paths.append(self.path)
                    asked.bodies.append(json.loads(self.body()))
                    asked.headers.append(dict(self.headers))
                    closing_down.wait(seconds)
                    self.answer(status, body, **JSON, **headers)

            return servers.enter_context(serving(Lambda))

        yield start
        closing_down.set()


@pytest.fixture
def invoker() -> Iterator[Callable[..., EndpointInvoker]]:
    made: list[EndpointInvoker] = []

    def make(url: str, **options: Any) -> EndpointInvoker:
        made.append(EndpointInvoker(url, "RewriteFunction", **options))
        return made[-1]

    yield make
    for each in made:
        each.close()


Make = Callable[..., EndpointInvoker]


def test_the_event_goes_there_and_the_response_comes_back(serve: Serve, invoker: Make, asked: Asked) -> None:
    done = invoker(serve(200, '{"actions": ["Grüße"]}'.encode())).invoke(EVENT, "r-1", 5)

    assert (done.response, done.error, done.cold, done.log) == ({"actions": ["Grüße"]}, None, False, "")
    assert done.milliseconds > 0
    assert asked.paths == ["/2015-03-31/functions/RewriteFunction/invocations"]
    assert asked.bodies == [EVENT]
    assert asked.headers[0].get("X-Amz-Log-Type", "None") == "None"


def test_null_is_a_response(serve: Serve, invoker: Make) -> None:
    done = invoker(serve(200, b"null")).invoke(EVENT, "r-1", 5)
    assert (done.response, done.error) == (None, None)


def test_the_log_comes_when_it_is_asked_for(serve: Serve, invoker: Make, asked: Asked) -> None:
    log = "START\nGrüße\nEND\n"
    url = serve(200, b"{}", X_Amz_Log_Result=base64.b64encode(log.encode()).decode())
    assert invoker(url, tail=True).invoke(EVENT, "r-1", 5).log == log
    assert asked.headers[0]["X-Amz-Log-Type"] == "Tail"


class TestFailure:
    TRACE = ('  File "app.py", line 1\n',)
    FAILED = json.dumps({"errorMessage": "'x'", "errorType": "KeyError", "requestId": "1", "stackTrace": TRACE}).encode()

    def test_of_the_function_is_told_by_the_header(self, serve: Serve, invoker: Make) -> None:
        done = invoker(serve(200, self.FAILED, X_Amz_Function_Error="Unhandled")).invoke(EVENT, "r-1", 5)
        assert (done.response, done.error) == (None, "KeyError: 'x'")
        assert done.log == "[ERROR] KeyError: 'x'\nTraceback (most recent call last):\n  File \"app.py\", line 1\n"

    def test_is_told_by_the_body_alone_where_the_header_is_missing(self, serve: Serve, invoker: Make) -> None:
        assert invoker(serve(200, self.FAILED)).invoke(EVENT, "r-1", 5).error == "KeyError: 'x'"

    @pytest.mark.parametrize("body", [b'"a text"', b"{}", b'{"errorMessage": null}'])
    def test_without_details_is_one_too(self, body: bytes, serve: Serve, invoker: Make) -> None:
        done = invoker(serve(200, body, X_Amz_Function_Error="Handled")).invoke(EVENT, "r-1", 5)
        assert (done.response, done.error) == (None, "the function failed (Handled)")

    def test_a_response_that_speaks_of_errors_is_none(self, serve: Serve, invoker: Make) -> None:
        body = {"errorMessage": "x", "errorType": "y", "actions": []}
        done = invoker(serve(200, json.dumps(body).encode())).invoke(EVENT, "r-1", 5)
        assert (done.response, done.error) == (body, None)

    @pytest.mark.parametrize(
        "body, error",
        [
            (b"", "an empty answer"),
            (b"\n", "an empty answer"),
            (b"<html>", "the answer is not JSON"),
            (b"\xff", "the answer is not JSON"),
        ],
    )
    def test_an_answer_that_is_none(self, body: bytes, error: str, serve: Serve, invoker: Make) -> None:
        assert (invoker(serve(200, body)).invoke(EVENT, "r-1", 5).error or "").startswith(error)

    def test_an_answer_over_six_megabytes(self, serve: Serve, invoker: Make) -> None:
        error = invoker(serve(200, b'"' + b"x" * 6_291_555 + b'"')).invoke(EVENT, "r-1", 10).error or ""
        assert error.startswith("Function.ResponseSizeTooLarge: ")


class TestTrouble:
    def test_no_function_of_that_name(self, serve: Serve, invoker: Make) -> None:
        body = b'{"Type": "User", "Message": "Function not found"}'
        url = serve(404, body, x_amzn_errortype="ResourceNotFound")
        assert invoker(url).invoke(EVENT, "r-1", 5).error == f"there is no function 'RewriteFunction' at {url}"

    @pytest.mark.parametrize("status, code", [(429, "TooManyRequestsException"), (500, "Service"), (501, "NotImplemented")])
    def test_a_refusal_is_told_and_not_tried_again(self, status: int, code: str, serve: Serve, invoker: Make, asked: Asked) -> None:
        url = serve(status, b'{"Message": "not now"}', x_amzn_errortype=code)
        error = invoker(url).invoke(EVENT, "r-1", 5).error
        assert error == f"the Lambda endpoint refused the call with {status} ({code}): not now"
        assert len(asked.bodies) == 1

    def test_an_answer_that_comes_too_late(self, serve: Serve, invoker: Make, asked: Asked) -> None:
        done = invoker(serve(200, b"{}", seconds=30.0)).invoke(EVENT, "r-1", 0.5)
        assert (done.response, done.error) == (None, "no answer within 0.5 s")
        assert len(asked.bodies) == 1

    def test_nobody_there(self, invoker: Make) -> None:
        with closing(socket.create_server(("127.0.0.1", 0))) as taken:
            port = taken.getsockname()[1]
        error = invoker(f"http://127.0.0.1:{port}").invoke(EVENT, "r-1", 5).error or ""
        assert error == f"nothing answers at http://127.0.0.1:{port}: is the Lambda endpoint (`sam local start-lambda`) up?"

    @pytest.mark.parametrize("said", [b"", b"SSH-2.0-OpenSSH_9.2\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"])
    def test_somebody_who_speaks_otherwise_or_hangs_up(self, said: bytes, invoker: Make) -> None:
        with socket.create_server(("127.0.0.1", 0)) as server:

            def hang_up() -> None:
                with server.accept()[0] as connection:
                    connection.recv(65536)
                    connection.sendall(said)

            thread = threading.Thread(target=hang_up)
            thread.start()
            error = invoker(f"http://127.0.0.1:{server.getsockname()[1]}").invoke(EVENT, "r-1", 5).error or ""
            thread.join()
        assert "gave no answer that can be read" in error

    def test_a_developers_profile_and_proxy_do_not_matter(self, serve: Serve, invoker: Make, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("AWS_PROFILE", "no-such-profile")
        monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
        monkeypatch.setenv("AWS_ENDPOINT_URL_LAMBDA", "http://127.0.0.1:9")
        monkeypatch.setenv("AWS_MAX_ATTEMPTS", "10")
        assert invoker(serve(200, b"{}")).invoke(EVENT, "r-1", 5).error is None


def test_many_calls_at_once_each_get_their_own_answer(invoker: Make) -> None:
    class Echo(Quiet, BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            self.answer(200, self.body(), **JSON)

    with serving(Echo) as url, ThreadPoolExecutor(16) as threads:
        called = invoker(url)
        done = list(threads.map(lambda number: called.invoke({"n": number}, f"r-{number}", 10 + number % 2), range(200)))
        called.close()
    assert [each.response for each in done] == [{"n": number} for number in range(200)]


@pytest.mark.parametrize("url", ["127.0.0.1:3001", "ftp://127.0.0.1", "http://", "", "sam"])
def test_an_address_that_is_none_is_refused_at_once(url: str) -> None:
    with pytest.raises(InvalidSettings, match="should look like"):
        EndpointInvoker(url, "RewriteFunction")


def test_a_function_without_a_name_likewise() -> None:
    with pytest.raises(InvalidSettings, match="its name"):
        EndpointInvoker("http://127.0.0.1:3001", "")
