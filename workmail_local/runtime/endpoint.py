"""Calls functions at a Lambda endpoint, such as `sam local start-lambda`, through boto3."""

import json
import threading
import time
from collections.abc import Mapping
from contextlib import closing
from dataclasses import replace
from typing import Any, Final
from urllib.parse import urlsplit

from botocore import exceptions
from botocore.config import Config

from workmail_local.aws_client import create_client
from workmail_local.errors import InvalidSettings
from workmail_local.runtime.invocation import Invocation
from workmail_local.runtime.runtime_client import RESPONSE_LIMIT

_CONNECT_TIMEOUT_S = 5.0
_CONNECTIONS = 64
_LOAD_ERRORS: Final = frozenset(
    f"Runtime.{kind}"
    for kind in ("HandlerNotFound", "ImportModuleError", "MalformedHandlerName", "UserCodeSyntaxError", "InvalidEntrypoint")
)
"""Error types by which Lambda's runtimes report a function that they cannot load."""

_ERROR_KEYS: Final = frozenset({"errorMessage", "errorType", "requestId", "stackTrace"})


class EndpointInvoker:
    """The `Invoker` of one function at a Lambda endpoint. Safe to use from any thread.

    Args:
        url: the endpoint, such as `http://127.0.0.1:3001`.
        name: the function's name there; for SAM its logical ID.

    Raises:
        InvalidSettings: `url` is not the URL of an HTTP server, or the name is empty.
    """

    def __init__(self, url: str, name: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise InvalidSettings(f"the Lambda endpoint is {url!r}: give a URL such as http://127.0.0.1:3001")
        if not name:
            raise InvalidSettings("the function has no name at the Lambda endpoint: give it a lambda-name")
        self._url = url
        self._name = name
        self._clients: dict[float, Any] = {}
        self._lock = threading.Lock()

    def invoke(self, event: Mapping[str, Any], request_id: str, timeout_s: float) -> Invocation:  # noqa: ARG002 - the endpoint creates its own
        """See `Invoker`. `cold` is always False, because the endpoint does not report it; the log is in the endpoint's own output."""
        payload = json.dumps(event).encode()
        started = time.perf_counter()
        invocation = self._call(payload, timeout_s)
        return replace(invocation, milliseconds=(time.perf_counter() - started) * 1000)

    def close(self) -> None:
        """Close the connections."""
        with self._lock:
            for client in self._clients.values():
                client.close()
            self._clients.clear()

    def _call(self, payload: bytes, timeout_s: float) -> Invocation:
        try:
            found = self._client(timeout_s).invoke(FunctionName=self._name, Payload=payload)
            with closing(found["Payload"]) as body:
                returned: bytes = body.read()
        except exceptions.ReadTimeoutError:
            return Invocation(error=f"no answer within {timeout_s:g} s")
        except (exceptions.EndpointConnectionError, exceptions.ConnectTimeoutError):
            return Invocation(error=f"no server answers at {self._url}: start the Lambda endpoint (`sam local start-lambda`)")
        except exceptions.ClientError as error:
            return Invocation(error=self._describe(error), unloadable=_read_status(error) == 404)
        except exceptions.BotoCoreError as error:
            return Invocation(error=f"the Lambda endpoint at {self._url} returned an invalid response ({type(error).__name__})")
        return _read_response(returned, found.get("FunctionError"))

    def _describe(self, error: Any) -> str:
        details, status = error.response.get("Error", {}), _read_status(error)
        if status == 404:
            return f"there is no function {self._name!r} at {self._url}"
        return f"the Lambda endpoint rejected the call with {status} ({details.get('Code')}): {details.get('Message')}"

    def _client(self, timeout_s: float) -> Any:
        """Return a client with this timeout. A client's timeout is fixed; callers use one or two different ones."""
        with self._lock:
            if timeout_s not in self._clients:
                self._clients[timeout_s] = _lambda_client(self._url, timeout_s)
            return self._clients[timeout_s]


def _read_status(error: Any) -> Any:
    return error.response.get("ResponseMetadata", {}).get("HTTPStatusCode")


def _lambda_client(url: str, timeout_s: float) -> Any:
    config = Config(
        connect_timeout=min(_CONNECT_TIMEOUT_S, timeout_s),
        read_timeout=timeout_s,
        # Each call is one attempt of WorkMail: retries belong to WorkMail.
        retries={"total_max_attempts": 1},
        max_pool_connections=_CONNECTIONS,
        # The developer's proxy cannot reach this machine's endpoint.
        proxies={},
    )
    return create_client("lambda", url, config)


def _read_response(returned: bytes, function_error: str | None) -> Invocation:
    """Read the body of a response."""
    if len(returned) > RESPONSE_LIMIT:
        return Invocation(error=f"Function.ResponseSizeTooLarge: {len(returned)} bytes of at most {RESPONSE_LIMIT}")
    if not returned.strip():
        # QUIRK: `sam local start-lambda` returns 200 with an empty body after the timeout of a function.
        return Invocation(error="empty response, as SAM returns after the function's own timeout")
    try:
        response = json.loads(returned)
    except ValueError:
        return Invocation(error="the response is not JSON")
    # QUIRK: `sam local start-lambda` does not set the header of a failure each time, so the body decides too.
    if function_error or (isinstance(response, dict) and {"errorMessage", "errorType"} <= response.keys() <= _ERROR_KEYS):
        return _read_failure(response, function_error)
    return Invocation(response)


def _read_failure(response: Any, function_error: str | None) -> Invocation:
    if not isinstance(response, dict):
        return Invocation(error=f"the function failed ({function_error})")
    kind, message = response.get("errorType"), response.get("errorMessage")
    error = ": ".join(str(part) for part in (kind, message) if part) or f"the function failed ({function_error})"
    trace = response.get("stackTrace")
    log = ""
    if isinstance(trace, list) and trace:
        log = f"[ERROR] {error}\nTraceback (most recent call last):\n{''.join(map(str, trace))}"
    return Invocation(error=error, log=log, unloadable=kind in _LOAD_ERRORS)
