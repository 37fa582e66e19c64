"""A function behind a Lambda endpoint, such as `sam local start-lambda`: called as any caller of Lambda calls it, through boto3."""

import base64
import binascii
import json
import threading
import time
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from local.aws_client import create_client
from local.errors import InvalidSettings
from local.runtime.invocation import Invocation

_CONNECT_TIMEOUT_S = 5.0
_CONNECTIONS = 64
_RESPONSE_LIMIT: Final = 6_291_556
"""Bytes of a response (developer guide, "Lambda quotas": 6 MB, synchronous)."""
_ERROR_KEYS: Final = frozenset({"errorMessage", "errorType", "requestId", "stackTrace"})


@dataclass(frozen=True, slots=True)
class _Answer:
    response: Any = None
    error: str | None = None
    log: str = ""


class EndpointInvoker:
    """See `Invoker`: one function at a Lambda endpoint. Safe to use from any thread.

    Args:
        url: of the endpoint, `http://127.0.0.1:3001`.
        name: the function's name there; for SAM its logical ID.
        tail: whether to ask for the end of the log (4 KB). Lambda gives it; `sam local start-lambda` refuses every call that asks, and
            prints the log where it runs.

    Raises:
        InvalidSettings: `url` is no address of an HTTP server, or there is no name.
    """

    def __init__(self, url: str, name: str, *, tail: bool = False) -> None:
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise InvalidSettings(f"the Lambda endpoint should look like http://127.0.0.1:3001, not {url!r}")
        if not name:
            raise InvalidSettings("a function at a Lambda endpoint needs its name there")
        self._url = url
        self._name = name
        self._tail = tail
        self._clients: dict[float, Any] = {}
        self._lock = threading.Lock()

    def invoke(self, event: Mapping[str, Any], request_id: str, timeout_s: float) -> Invocation:  # noqa: ARG002 - the endpoint makes its own
        """See `Invoker`. Whether a call was a cold start nobody tells: `cold` is False."""
        payload = json.dumps(event).encode()
        started = time.perf_counter()
        answer = self._call(payload, timeout_s)
        milliseconds = (time.perf_counter() - started) * 1000
        return Invocation(answer.response, answer.error, milliseconds, False, answer.log)

    def close(self) -> None:
        """Closes the connections."""
        with self._lock:
            for client in self._clients.values():
                client.close()
            self._clients.clear()

    def _call(self, payload: bytes, timeout_s: float) -> _Answer:
        from botocore import exceptions

        try:
            found = self._client(timeout_s).invoke(FunctionName=self._name, Payload=payload, LogType="Tail" if self._tail else "None")
            with closing(found["Payload"]) as body:
                returned: bytes = body.read()
        except exceptions.ReadTimeoutError:
            return _Answer(error=f"no answer within {timeout_s:g} s")
        except (exceptions.EndpointConnectionError, exceptions.ConnectTimeoutError):
            return _Answer(error=f"nothing answers at {self._url}: is the Lambda endpoint (`sam local start-lambda`) up?")
        except exceptions.ClientError as error:
            return _Answer(error=self._refusal(error))
        except exceptions.BotoCoreError as error:
            return _Answer(error=f"the Lambda endpoint at {self._url} gave no answer that can be read ({type(error).__name__})")
        return _read(returned, found.get("FunctionError"), _tail(found.get("LogResult", "")))

    def _refusal(self, error: Any) -> str:
        details, status = error.response.get("Error", {}), error.response.get("ResponseMetadata", {}).get("HTTPStatusCode")
        if status == 404:
            return f"there is no function {self._name!r} at {self._url}"
        return f"the Lambda endpoint refused the call with {status} ({details.get('Code')}): {details.get('Message')}"

    def _client(self, timeout_s: float) -> Any:
        """The client that waits this long. A client's time limit is fixed; callers have one or two of them."""
        with self._lock:
            if timeout_s not in self._clients:
                self._clients[timeout_s] = _lambda_client(self._url, timeout_s)
            return self._clients[timeout_s]


def _lambda_client(url: str, timeout_s: float) -> Any:
    import botocore.config

    config = botocore.config.Config(
        connect_timeout=min(_CONNECT_TIMEOUT_S, timeout_s),
        read_timeout=timeout_s,
        # Each call is an attempt of WorkMail's: it is WorkMail that tries again.
        retries={"total_max_attempts": 1},
        max_pool_connections=_CONNECTIONS,
        # An endpoint on this machine is not behind the developer's proxy.
        proxies={},
    )
    return create_client("lambda", url, config)


def _read(returned: bytes, function_error: str | None, log: str) -> _Answer:
    """What a body means."""
    if len(returned) > _RESPONSE_LIMIT:
        return _Answer(error=f"Function.ResponseSizeTooLarge: {len(returned)} bytes of at most {_RESPONSE_LIMIT}", log=log)
    if not returned.strip():
        # QUIRK: `sam local start-lambda` answers so, with 200, for a function that ran into its own timeout.
        return _Answer(error="an empty answer, as SAM gives when a function runs into its own timeout", log=log)
    try:
        response = json.loads(returned)
    except ValueError:
        return _Answer(error="the answer is not JSON", log=log)
    # QUIRK: `sam local start-lambda` tells a failure by the body alone, and not each one by the header too.
    if function_error or (isinstance(response, dict) and {"errorMessage", "errorType"} <= response.keys() <= _ERROR_KEYS):
        return _failed(response, function_error, log)
    return _Answer(response, log=log)


def _failed(response: Any, function_error: str | None, log: str) -> _Answer:
    if not isinstance(response, dict):
        return _Answer(error=f"the function failed ({function_error})", log=log)
    kind, message = response.get("errorType"), response.get("errorMessage")
    error = ": ".join(str(part) for part in (kind, message) if part) or f"the function failed ({function_error})"
    trace = response.get("stackTrace")
    if isinstance(trace, list) and trace:
        log += f"[ERROR] {error}\nTraceback (most recent call last):\n" + "".join(str(line) for line in trace)
    return _Answer(error=error, log=log)


def _tail(encoded: str) -> str:
    try:
        return base64.b64decode(encoded).decode("utf-8", "backslashreplace")
    except (binascii.Error, ValueError):
        return ""
