"""Calls of AWS by a user's own credentials: only the operations of `reads`, in bounded time, with errors that name the missing right.

The command `doctor` reaches AWS because its user asks for it. Variables such as AWS_ENDPOINT_URL, which `serve --export` prints, lead it to
local servers; a row of the report names them.
"""

import json
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, Final
from urllib.parse import urlsplit

import boto3
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    CredentialRetrievalError,
    NoCredentialsError,
    ParamValidationError,
    SSOError,
    TokenRetrievalError,
)

from workmail_local.doctor.reads import READS
from workmail_local.errors import NotConnected

BUDGET_S: Final = 120.0
"""Seconds after which no further call is made."""

_QUICK: Final = Config(connect_timeout=3, read_timeout=10, retries={"mode": "standard", "total_max_attempts": 3})
_SLOW: Final = Config(connect_timeout=3, read_timeout=60, retries={"mode": "standard", "total_max_attempts": 1})
"""WorkMail itself waits 25 seconds for an availability provider."""

_SLOW_OPERATIONS: Final = frozenset({"workmail.test_availability_configuration"})

_MAX_PAGES: Final = 20

_DENIED: Final = frozenset(
    {"AccessDenied", "AccessDeniedException", "AuthorizationError", "UnauthorizedOperation", "NotAuthorized", "KMSAccessDeniedException"}
)
_BAD_CREDENTIALS: Final = frozenset(
    {
        "ExpiredToken",
        "ExpiredTokenException",
        "InvalidAccessKeyId",
        "InvalidClientTokenId",
        "InvalidSignatureException",
        "SignatureDoesNotMatch",
        "UnrecognizedClientException",
    }
)
_THROTTLED: Final = frozenset({"SlowDown", "RequestLimitExceeded", "LimitExceededException", "ServiceUnavailable", "503"})


class Missing(Exception):
    """AWS has no such thing.

    Attributes:
        code: the service's error code.
    """

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class CannotCheck(Exception):
    """AWS does not answer a call; the check cannot be made.

    Attributes:
        found: why.
        mend: a sentence on how to make the check.
    """

    def __init__(self, found: str, mend: str) -> None:
        super().__init__(found)
        self.found = found
        self.mend = mend


class Account:
    """An AWS account in one region, as far as the credentials may read it.

    Args:
        region: None for the region of the environment or the profile.
        clock: seconds.

    Raises:
        NotConnected: no region is configured, or the profile does not exist.
    """

    def __init__(self, region: str | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        try:
            self._session = boto3.Session(region_name=region)
        except BotoCoreError as error:
            raise NotConnected(f"{error} (AWS_PROFILE)") from None
        if not self._session.region_name:
            raise NotConnected("no region is configured: add --region, or set AWS_DEFAULT_REGION")
        self.region: str = self._session.region_name
        self._clock = clock
        self._end = clock() + BUDGET_S
        self._creating = threading.Lock()
        self._clients: dict[tuple[str, str, bool], Any] = {}
        self._locks: dict[str, threading.Lock] = {}
        self._answers: dict[str, dict[str, Any] | Missing | CannotCheck] = {}
        self._unreachable: dict[tuple[str, str], CannotCheck] = {}

    def find_other_endpoints(self) -> list[str]:
        """Return the endpoints outside of AWS that calls went to."""
        hosts = {urlsplit(client.meta.endpoint_url) for client in self._clients.values()}
        return sorted({f"{url.scheme}://{url.netloc}" for url in hosts if not _is_of_aws(url.hostname or "")})

    def call(self, operation: str, *, region: str = "", **parameters: Any) -> dict[str, Any]:
        """Call one of the operations that read. A repeated call gets the first answer.

        Args:
            operation: a key of `READS`.
            region: another region than the account's.

        Raises:
            Missing: the thing does not exist.
            CannotCheck: a right is missing, or the service does not answer.
            NotConnected: AWS accepts the credentials for no call.
        """
        key = json.dumps([operation, region, parameters], sort_keys=True, default=str)
        # Checks run in parallel; the second that makes a call waits for the answer of the first.
        with self._locks.setdefault(key, threading.Lock()):
            answer = self._answers.get(key)
            if answer is None:
                try:
                    answer = self._call(operation, region or self.region, parameters)
                except (Missing, CannotCheck) as error:
                    answer = error
                self._answers[key] = answer
        if isinstance(answer, Exception):
            raise answer
        return answer

    def list(self, operation: str, member: str, *, region: str = "", **parameters: Any) -> list[Any]:
        """Return the entries of all pages of an operation; of its first twenty, if it has more. Raises as `call`."""
        found: list[Any] = []
        for page in self._pages(operation, region, parameters):
            found += page.get(member) or ()
        return found

    def _pages(self, operation: str, region: str, parameters: dict[str, Any]) -> Iterator[dict[str, Any]]:
        token: dict[str, Any] = {}
        for _ in range(_MAX_PAGES):
            page = self.call(operation, region=region, **parameters, **token)
            yield page
            name = "nextToken" if "nextToken" in page else "NextToken"
            if not page.get(name):
                return
            token = {name: page[name]}

    def _call(self, operation: str, region: str, parameters: dict[str, Any]) -> dict[str, Any]:
        action = READS[operation]
        service, _, name = operation.partition(".")
        if unreachable := self._unreachable.get((service, region)):
            raise unreachable
        if self._clock() > self._end:
            raise CannotCheck(f"{BUDGET_S:.0f} seconds are over", "Run the command again, nearer to AWS or with fewer checks.")
        try:
            client = self._client(service, region, slow=operation in _SLOW_OPERATIONS)
            answer: dict[str, Any] = getattr(client, name)(**parameters)
            if "Body" in answer:
                answer["Body"] = answer["Body"].read()
        except ClientError as error:
            raise _explain(error, action) from None
        except ParamValidationError:
            raise CannotCheck(f"a name is malformed for {action}", "Correct the parameter or setting that has the name.") from None
        except (NoCredentialsError, CredentialRetrievalError, SSOError, TokenRetrievalError) as error:
            raise NotConnected(f"{error}: sign in (aws sso login, AWS_PROFILE), then run the command again") from None
        except BotoCoreError as error:
            problem = CannotCheck(f"no answer from {service} in {region} ({type(error).__name__})", "Check the network, proxy and region.")
            # Once for each service: every further call would wait as long.
            self._unreachable[service, region] = problem
            raise problem from None
        return answer

    def _client(self, service: str, region: str, *, slow: bool) -> Any:
        # A session of boto3 must not create two clients at the same time.
        with self._creating:
            key = (service, region, slow)
            if key not in self._clients:
                self._clients[key] = self._session.client(service, region_name=region, config=_SLOW if slow else _QUICK)
            return self._clients[key]


def _is_of_aws(host: str) -> bool:
    return host.endswith((".amazonaws.com", ".amazonaws.com.cn", ".api.aws"))


def _explain(error: ClientError, action: str) -> Exception:
    """Return our error for a service's. The service's text is not used: it may have names of people and addresses."""
    code = str(error.response.get("Error", {}).get("Code", ""))
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    if code in _BAD_CREDENTIALS:
        return NotConnected(f"AWS does not accept the credentials ({code}): sign in, then run the command again")
    if code in _DENIED or status == 403:
        return CannotCheck(f"your credentials lack {action}", f"Allow {action}, as in the policy of docs/doctor.md.")
    if "Throttl" in code or "TooManyRequests" in code or code in _THROTTLED or status == 429:
        return CannotCheck(f"AWS throttles {action}", "Run the command again in a minute.")
    if status == 404 or code.startswith("NoSuch") or "NotFound" in code or "NonExistent" in code or "DoesNotExist" in code:
        return Missing(code)
    return CannotCheck(f"{action} answers {code or status}", "Run the command again; if it persists, look in the AWS Health Dashboard.")
