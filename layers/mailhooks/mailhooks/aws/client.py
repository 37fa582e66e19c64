"""What every call to a service of AWS shares: the client's configuration, the deadline, and our own errors for botocore's.

No text of a service is passed on, as it may quote what was asked for: an address, a header. Only its error's name is.
"""

from collections.abc import Callable
from typing import Any, Final, TypeVar

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, ConnectionError, HTTPClientError, IncompleteReadError

from mailhooks.aws.tracing import subsegment
from mailhooks.deadline import Deadline
from mailhooks.errors import MailhooksError, Misconfigured, ServiceFailed, Throttled

T = TypeVar("T")

CONFIG: Final = Config(
    connect_timeout=3,
    read_timeout=10,
    retries={"mode": "standard", "total_max_attempts": 3},
    user_agent="workmail-hooks",
    max_pool_connections=16,
)
"""Time-outs are per socket operation; `Deadline.wait_for` bounds the whole call, retries included. The user agent is stated, as botocore
composes its own anew for every request, twice: a tenth of what a small message takes. As many connections as `policy.counted` asks at once.
"""

_THROTTLING: Final = frozenset(
    {
        "LimitExceededException",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "RequestThrottled",
        "SlowDown",
        "Throttled",
        "ThrottledException",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
    }
)
_PASSING: Final = frozenset(
    {
        "ConditionalRequestConflict",
        "ExpiredToken",
        "ExpiredTokenException",
        "InternalException",
        "InternalFailure",
        "OperationAborted",
        "RequestTimeout",
        "RequestTimeoutException",
        "TransactionConflictException",
    }
)
"""Codes that the next try may not meet, whatever their status: a stalled upload, credentials to be renewed, a conflict of two writers."""

Own = Callable[[str, str], MailhooksError | None]
"""From an error's code and the service's text to the error that one service alone has; None for all others."""


def call(operation: str, work: Callable[[], T], deadline: Deadline, *, own: Own | None = None) -> T:
    """Does `work`, which calls AWS, until the deadline and no longer. It must do no harm when it ends late.

    Args:
        operation: the call's name, for errors and for X-Ray.
        own: errors that this service alone has.

    Raises:
        PassingTrouble, Misconfigured: see `mailhooks.errors`; and what `own` makes of an error.
    """
    try:
        with subsegment(operation):
            return deadline.wait_for(operation, work)
    except (ClientError, BotoCoreError) as error:
        raise translated(operation, error, own=own) from None


def translated(operation: str, error: ClientError | BotoCoreError, *, own: Own | None = None) -> MailhooksError:
    """The package's own error for one of botocore's."""
    if not isinstance(error, ClientError):
        if isinstance(error, ConnectionError | HTTPClientError | IncompleteReadError):
            return ServiceFailed(f"{operation}: {type(error).__name__}")
        return Misconfigured(f"{operation}: {type(error).__name__}: check the function's credentials, region and endpoint")
    code = code_of(error)
    found = own(code, error.response.get("Error", {}).get("Message", "")) if own else None
    return found or failure(operation, code, error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))


def failure(operation: str, code: str, status: int) -> MailhooksError:
    """The error for a code that a service gives, in an answer of its own or for one entry of a batch (then `status` is 0)."""
    shown = f"{operation}: {code} ({status})" if status else f"{operation}: {code}"
    if code in _THROTTLING or status == 429:
        return Throttled(f"{operation}: {code}")
    if code in _PASSING or status >= 500:
        return ServiceFailed(shown)
    return Misconfigured(f"{shown}: check the function's role, the resource that is asked for, and its policy")


def code_of(error: ClientError) -> str:
    """The service's name for the error; empty when it gives none."""
    details: dict[str, Any] = error.response.get("Error", {})
    return str(details.get("Code", ""))
