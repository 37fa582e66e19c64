"""Clients of AWS services: their configuration, the deadline of a call, and our errors for botocore's.

An error has the code of the service and never its text, which may quote the request: an address, a header.
"""

import re
from collections.abc import Callable
from http.client import HTTPException
from traceback import walk_tb
from typing import Any, Final, TypeVar
from urllib.parse import urlsplit

import urllib3
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionError,
    FlexibleChecksumError,
    HTTPClientError,
    IncompleteReadError,
    ResponseStreamingError,
)
from botocore.parsers import ResponseParserError

from mailhooks.aws.tracing import subsegment
from mailhooks.deadline import Deadline
from mailhooks.errors import MailhooksError, Misconfigured, ServiceFailed, Throttled

T = TypeVar("T")

CALL_ERRORS: Final = (ClientError, BotoCoreError, urllib3.exceptions.HTTPError, HTTPException, OSError, ResponseParserError)
"""The errors of a call and of reading its response's body. botocore passes on errors of urllib3, TLS and sockets while a body is read."""

CONNECTION_ERRORS: Final = (
    ConnectionError,
    FlexibleChecksumError,
    HTTPClientError,
    IncompleteReadError,
    ResponseStreamingError,
    *CALL_ERRORS[2:],
)
"""Those of `CALL_ERRORS` that a retry may not meet."""

ServiceErrorMapper = Callable[[str, str], MailhooksError | None]
"""Returns the error that one service has for a code and a text; None for the errors that all services share."""

_THROTTLING: Final = re.compile(
    """
    .* Throttl .* | BandwidthLimitExceeded | LimitExceededException | PriorRequestNotComplete | ProvisionedThroughputExceededException
    | RequestLimitExceeded | SlowDown | TooManyRequestsException | TransactionInProgressException
    """,
    re.VERBOSE,
)
"""The codes for throttling of botocore's standard mode, and those of a service that was throttled by another, such as KMSThrottling."""

_CLOCK: Final = frozenset("InvalidSignatureException RequestExpired RequestInTheFuture RequestTimeTooSkewed SignatureDoesNotMatch".split())
"""Codes for a signature whose time is wrong. Lambda has the credentials, so that no set-up of an administrator makes a signature wrong."""

_TRANSIENT: Final = _CLOCK | frozenset(
    """
    ConditionalRequestConflict ExpiredToken ExpiredTokenException InternalException InternalFailure OperationAborted
    RequestTimeout RequestTimeoutException TransactionConflictException
    """.split()
)
"""Codes that a retry, maybe in another process, may not get again, with any status: a stalled upload, expired credentials, a wrong clock, a
conflict of two writers."""


def make_config(*, connect_timeout_s: float = 3, read_timeout_s: float = 10, attempts: int = 3) -> Config:
    """Return a client configuration.

    The time-outs are per socket operation; `Deadline.wait_for` limits the whole call, retries included. The user agent is set because
    botocore composes its own twice for every request: a tenth of the time of a small message. The pool has a connection for each count
    that `mailhooks.policy.rules.rate_condition` requests at once.
    """
    return Config(
        connect_timeout=connect_timeout_s,
        read_timeout=read_timeout_s,
        retries={"mode": "standard", "total_max_attempts": attempts},
        user_agent="workmail-hooks",
        max_pool_connections=16,
    )


CONFIG: Final = make_config()

SEND_CONFIG: Final = make_config(read_timeout_s=60, attempts=1)
"""Limits for calls that send mail: botocore would send it again after a time-out, although the service may have it."""

QUICK_CONFIG: Final = make_config(connect_timeout_s=2, read_timeout_s=3, attempts=2)
"""Limits for calls that a message waits for and that have an alternative if they fail."""


def make_client(service: str, config: Config = CONFIG, region: str | None = None) -> Any:
    """Return a client of a service, as `boto3.client` does, in the region of the function unless one is given."""
    # Imported late for the cold start: the light client does without a session.
    from mailhooks.aws.session import create_client

    return create_client(service, config, region)


def call(operation: str, work: Callable[[], T], deadline: Deadline, *, map_own: ServiceErrorMapper | None = None) -> T:
    """Call AWS by `work`, until the deadline at most. The call must do no harm if it ends later.

    Args:
        operation: the name of the call, for errors and for X-Ray.
        map_own: for errors that only this service has.

    Raises:
        TransientError, Misconfigured: see `mailhooks.errors`.
        MailhooksError: the error of `map_own`.
    """
    try:
        with subsegment(operation):
            response = deadline.wait_for(operation, work)
    except CALL_ERRORS as error:
        raise _map_error(operation, error, map_own) from None
    except Exception as error:
        if not _is_about_response(error):
            raise
        raise ServiceFailed(f"{operation}: {type(error).__name__} in the response") from None
    if _is_incomplete(response):
        raise ServiceFailed(f"{operation}: the response is incomplete")
    return response


def _is_incomplete(response: object) -> bool:
    """Return whether a response has a body without any property.

    QUIRK: botocore neither checks the length of a JSON response nor fails for one that is no JSON: it has no properties then.
    """
    if not isinstance(response, dict) or set(response) != {"ResponseMetadata"}:
        return False
    length = response["ResponseMetadata"].get("HTTPHeaders", {}).get("content-length", "0")
    return int(length) > len("{}")


def _is_about_response(error: Exception) -> bool:
    """Return whether an error is from botocore's exchange of request and response, such as about a gateway's page in Latin-1.

    botocore does not expect such a response. The error is the one that Python has for it: UnicodeDecodeError, AttributeError, KeyError.
    """
    return any(frame.f_globals.get("__name__") == "botocore.endpoint" for frame, _ in walk_tb(error.__traceback__))


def _map_error(operation: str, error: Exception, map_own: ServiceErrorMapper | None) -> MailhooksError:
    if not isinstance(error, ClientError):
        if isinstance(error, CONNECTION_ERRORS):
            return ServiceFailed(f"{operation}: {describe_connection_error(error)}")
        return Misconfigured(f"{operation}: {type(error).__name__}: check the function's credentials, region and endpoint")
    code = error_code(error)
    own = map_own and map_own(code, error.response.get("Error", {}).get("Message", ""))
    return own or error_for_code(operation, code, http_status(error))


def describe_connection_error(error: Exception) -> str:
    """Return the kind of an error, and for an endpoint that is not AWS's also the server that does not answer."""
    name = type(error).__name__
    endpoint = urlsplit(getattr(error, "kwargs", {}).get("endpoint_url", ""))
    if not endpoint.hostname or endpoint.hostname.endswith(".amazonaws.com"):
        return name
    return f"{name}: no server answers at {endpoint.scheme}://{endpoint.netloc}: start it first (on a laptop: make serve-containers)"


def error_for_code(operation: str, code: str, status: int = 0) -> MailhooksError:
    """Return our error for a service's code and HTTP status; status 0 for an entry of a batch, which has none."""
    shown = f"{operation}: {code} ({status})" if status else f"{operation}: {code}"
    if is_throttling(code, status):
        return Throttled(f"{operation}: {code}")
    if code in _TRANSIENT or status >= 500:
        return ServiceFailed(shown)
    return Misconfigured(f"{shown}: check the function's role, the resource and its policy")


def is_throttling(code: str, status: int) -> bool:
    """Return whether a service rejects a request because there are too many."""
    return status == 429 or _THROTTLING.fullmatch(code) is not None


def error_code(error: ClientError) -> str:
    """Return the service's code of an error; `""` if it has none."""
    details: dict[str, Any] = error.response.get("Error", {})
    return str(details.get("Code", ""))


def http_status(error: ClientError) -> int:
    """Return the HTTP status of the response; 0 if there was none."""
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
