"""Functions at a Lambda endpoint, with a server that implements Lambda's Invoke API."""

import json
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest

from tests.support.serving import Quiet, serving
from workmail_local.errors import InvalidSettings
from workmail_local.runtime.endpoint import EndpointInvoker

Serve = Callable[..., str]

EVENT = {"messageId": "m-1", "subject": "Grüße"}
JSON = {"Content_Type": "application/json"}


class Received:
    """The requests that the server received."""

    def __init__(self) -> None:
        self.paths: list[str] = []
        self.bodies: list[Any] = []
        self.headers: list[dict[str, str]] = []


@pytest.fixture
def received() -> Received:
    return Received()


@pytest.fixture
def serve(received: Received) -> Iterator[Serve]:
    """`serve(200, b"{}", X_Amz_Function_Error="Unhandled")`: the URL of an endpoint with this response."""
    closing_down = threading.Event()
    with ExitStack() as servers:

        def start(status: int, body: bytes, seconds: float = 0.0, **headers: str) -> str:
            class Lambda(Quiet, BaseHTTPRequestHandler):
                protocol_version = "HTTP/1.1"

                def do_POST(self) -> None:
                    received.paths.append(self.path)
                    received.bodies.append(json.loads(self.body()))
                    received.headers.append(dict(self.headers))
                    closing_down.wait(seconds)
                    self.answer(status, body, **JSON, **headers)

            return servers.enter_context(serving(Lambda))

        yield start
        closing_down.set()


@pytest.fixture
def invoker() -> Iterator[Callable[..., EndpointInvoker]]:
    made: list[EndpointInvoker] = []

    def make(url: str) -> EndpointInvoker:
        made.append(EndpointInvoker(url, "RewriteFunction"))
        return made[-1]

    yield make
    for each in made:
        each.close()


Make = Callable[..., EndpointInvoker]


def test_the_event_is_sent_and_the_response_returned(serve: Serve, invoker: Make, received: Received) -> None:
    done = invoker(serve(200, '{"actions": ["Grüße"]}'.encode())).invoke(EVENT, "r-1", 5)

    assert (done.response, done.error, done.cold, done.log) == ({"actions": ["Grüße"]}, None, False, "")
    assert done.milliseconds > 0
    assert received.paths == ["/2015-03-31/functions/RewriteFunction/invocations"]
    assert received.bodies == [EVENT]
    assert received.headers[0].get("X-Amz-Log-Type", "None") == "None"


def test_null_is_a_response(serve: Serve, invoker: Make) -> None:
    done = invoker(serve(200, b"null")).invoke(EVENT, "r-1", 5)
    assert (done.response, done.error) == (None, None)


class TestFailure:
    TRACE = ('  File "app.py", line 1\n',)
    FAILED = json.dumps({"errorMessage": "'x'", "errorType": "KeyError", "requestId": "1", "stackTrace": TRACE}).encode()

    def test_of_the_function_is_read_from_the_header(self, serve: Serve, invoker: Make) -> None:
        done = invoker(serve(200, self.FAILED, X_Amz_Function_Error="Unhandled")).invoke(EVENT, "r-1", 5)
        assert (done.response, done.error) == (None, "KeyError: 'x'")
        assert done.log == "[ERROR] KeyError: 'x'\nTraceback (most recent call last):\n  File \"app.py\", line 1\n"

    def test_is_read_from_the_body_when_the_header_is_missing(self, serve: Serve, invoker: Make) -> None:
        assert invoker(serve(200, self.FAILED)).invoke(EVENT, "r-1", 5).error == "KeyError: 'x'"

    @pytest.mark.parametrize("body", [b'"a text"', b"{}", b'{"errorMessage": null}'])
    def test_without_details_is_a_failure(self, body: bytes, serve: Serve, invoker: Make) -> None:
        done = invoker(serve(200, body, X_Amz_Function_Error="Handled")).invoke(EVENT, "r-1", 5)
        assert (done.response, done.error) == (None, "the function failed (Handled)")

    def test_is_not_a_response_with_other_keys_than_an_error(self, serve: Serve, invoker: Make) -> None:
        body = {"errorMessage": "x", "errorType": "y", "actions": []}
        done = invoker(serve(200, json.dumps(body).encode())).invoke(EVENT, "r-1", 5)
        assert (done.response, done.error) == (body, None)

    @pytest.mark.parametrize(
        "body, error",
        [
            (b"", "empty response"),
            (b"\n", "empty response"),
            (b"<html>", "the response is not JSON"),
            (b"\xff", "the response is not JSON"),
        ],
    )
    def test_an_invalid_response(self, body: bytes, error: str, serve: Serve, invoker: Make) -> None:
        assert (invoker(serve(200, body)).invoke(EVENT, "r-1", 5).error or "").startswith(error)

    def test_a_response_over_six_megabytes(self, serve: Serve, invoker: Make) -> None:
        error = invoker(serve(200, b'"' + b"x" * 6_291_555 + b'"')).invoke(EVENT, "r-1", 10).error or ""
        assert error.startswith("Function.ResponseSizeTooLarge: ")


class TestError:
    def test_unknown_function(self, serve: Serve, invoker: Make) -> None:
        body = b'{"Type": "User", "Message": "Function not found"}'
        url = serve(404, body, x_amzn_errortype="ResourceNotFound")
        assert invoker(url).invoke(EVENT, "r-1", 5).error == f"there is no function 'RewriteFunction' at {url}"

    @pytest.mark.parametrize("status, code", [(429, "TooManyRequestsException"), (500, "Service"), (501, "NotImplemented")])
    def test_a_rejected_call_is_not_retried(self, status: int, code: str, serve: Serve, invoker: Make, received: Received) -> None:
        url = serve(status, b'{"Message": "not now"}', x_amzn_errortype=code)
        error = invoker(url).invoke(EVENT, "r-1", 5).error
        assert error == f"the Lambda endpoint rejected the call with {status} ({code}): not now"
        assert len(received.bodies) == 1

    def test_a_response_after_the_timeout(self, serve: Serve, invoker: Make, received: Received) -> None:
        done = invoker(serve(200, b"{}", seconds=30.0)).invoke(EVENT, "r-1", 0.5)
        assert (done.response, done.error) == (None, "no answer within 0.5 s")
        assert len(received.bodies) == 1

    def test_no_server(self, invoker: Make) -> None:
        with closing(socket.create_server(("127.0.0.1", 0))) as taken:
            port = taken.getsockname()[1]
        error = invoker(f"http://127.0.0.1:{port}").invoke(EVENT, "r-1", 5).error or ""
        assert error == f"no server answers at http://127.0.0.1:{port}: start the Lambda endpoint (`sam local start-lambda`)"

    @pytest.mark.parametrize("sent", [b"", b"SSH-2.0-OpenSSH_9.2\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"])
    def test_a_server_with_another_protocol_or_a_closed_connection(self, sent: bytes, invoker: Make) -> None:
        with socket.create_server(("127.0.0.1", 0)) as server:

            def hang_up() -> None:
                with server.accept()[0] as connection:
                    connection.recv(65536)
                    connection.sendall(sent)

            thread = threading.Thread(target=hang_up)
            thread.start()
            error = invoker(f"http://127.0.0.1:{server.getsockname()[1]}").invoke(EVENT, "r-1", 5).error or ""
            thread.join()
        assert "returned an invalid response" in error

    def test_a_developers_profile_and_proxy_do_not_matter(self, serve: Serve, invoker: Make, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("AWS_PROFILE", "no-such-profile")
        monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
        monkeypatch.setenv("AWS_ENDPOINT_URL_LAMBDA", "http://127.0.0.1:9")
        monkeypatch.setenv("AWS_MAX_ATTEMPTS", "10")
        assert invoker(serve(200, b"{}")).invoke(EVENT, "r-1", 5).error is None


def test_many_calls_at_once_get_their_own_responses(invoker: Make) -> None:
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
def test_an_invalid_url_is_rejected(url: str) -> None:
    with pytest.raises(InvalidSettings, match="give a URL such as"):
        EndpointInvoker(url, "RewriteFunction")


def test_a_function_without_a_name_is_rejected() -> None:
    with pytest.raises(InvalidSettings, match="no name at the Lambda endpoint"):
        EndpointInvoker("http://127.0.0.1:3001", "")
