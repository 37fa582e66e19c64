"""Another Amazon WorkMail organization, by an impersonation role (guide, "Using impersonation roles").

The role has no mailbox, so each request impersonates the mailbox's owner (`ExchangeImpersonation`), as in the guide's examples. Requests
for several mailboxes would return only what the impersonated user may see, so there is one request per mailbox.
"""

import re
import ssl
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, Final, NamedTuple

from botocore.exceptions import BotoCoreError, ClientError, ConnectTimeoutError, NoCredentialsError, ReadTimeoutError

from mailhooks.availability.backends.ews.backend import look_up
from mailhooks.availability.backends.ews.client import Client
from mailhooks.availability.backends.ews.connection import EXCHANGE_2010_SP2, Connection
from mailhooks.availability.backends.http.bearer_tokens import Token, TokenCache
from mailhooks.availability.backends.http.tls import create_ssl_context
from mailhooks.availability.errors import AuthenticationFailed, GenerationFailed, LookupFailed, ServerBusy, TimedOut, Unreachable
from mailhooks.availability.model import Answers, Limits, Result
from mailhooks.aws.client import CONNECTION_ERRORS, error_code, http_status, is_throttling, make_client, make_config
from mailhooks.aws.session import list_regions
from mailhooks.contract.availability import Window
from mailhooks.deadline import Deadline
from mailhooks.errors import NoTimeLeft, SettingsError

_URL: Final = "https://ews.mail.{region}.awsapps.com/EWS/Exchange.asmx"
"""AWS General Reference, "Amazon WorkMail endpoints and quotas"."""

_CONFIG: Final = make_config(connect_timeout_s=2, read_timeout_s=5, attempts=2)

_REFUSED: Final = frozenset(
    {
        "AccessDenied",
        "AccessDeniedException",
        "ExpiredToken",
        "ExpiredTokenException",
        "IncompleteSignature",
        "IncompleteSignatureException",
        "InvalidClientTokenId",
        "InvalidSignatureException",
        "MissingAuthenticationToken",
        "MissingAuthenticationTokenException",
        "NotAuthorized",
        "OptInRequired",
        "UnrecognizedClientException",
    }
)
_CODE: Final = re.compile(r"[A-Za-z]{1,80}")


class WorkMailBackend:
    """Queries one WorkMail organization."""

    limits = Limits(mailboxes=1, span=timedelta(days=42), at_once=8)

    def __init__(self, config: Mapping[str, Any]) -> None:
        """Create the backend from a configuration (`contract/schemas/availability-config.json`, `workmail`). Sends no request.

        Creates the client of the WorkMail API here, because a function has a whole processor while Lambda loads it.

        Raises:
            SettingsError: `caCertificates` cannot be read, or the region has no Amazon WorkMail.
        """
        connection = connect(
            config["organizationId"],
            config["impersonationRoleId"],
            region=config["region"],
            url=config.get("url", ""),
            context=create_ssl_context(config.get("caCertificates")),
        )
        self._client = Client(connection)

    def look_up(self, mailboxes: Sequence[str], window: Window, deadline: Deadline) -> Answers:
        """Look up mailboxes. Never raises: each mailbox has its own failure."""
        results: dict[str, Result] = {}
        for mailbox in mailboxes:
            results |= look_up(self._client, [mailbox], window, deadline, impersonate=mailbox)
        return results


def connect(organization: str, role: str, *, region: str, url: str = "", context: ssl.SSLContext | None = None) -> Connection:
    """Return connections to the EWS endpoint of an organization by an impersonation role. Sends no request.

    Args:
        organization, role: their IDs.
        url: the endpoint; "" for that of the region.
        context: checks the server's certificate; None: the public authorities.

    Raises:
        SettingsError: the region has no Amazon WorkMail.
    """
    workmail = make_client("workmail", _CONFIG, region)
    if not url and region not in list_regions("workmail"):
        raise SettingsError("region: expected a region that has Amazon WorkMail, such as eu-west-1, got another")
    tokens = TokenCache(_Role(workmail, organization, role).assume)
    return Connection(url or _URL.format(region=region), EXCHANGE_2010_SP2, context, tokens=tokens)


class _Role(NamedTuple):
    """An impersonation role."""

    workmail: Any
    organization: str
    role: str

    def assume(self, deadline: Deadline) -> Token:
        """Get a new token.

        Raises:
            LookupFailed: the role cannot be assumed.
        """
        try:
            answer = deadline.wait_for(
                "AssumeImpersonationRole",
                lambda: self.workmail.assume_impersonation_role(OrganizationId=self.organization, ImpersonationRoleId=self.role),
            )
        except ClientError as error:
            raise _failure(error) from None
        except (NoTimeLeft, ConnectTimeoutError, ReadTimeoutError):
            raise TimedOut("AssumeImpersonationRole: no response in time") from None
        except CONNECTION_ERRORS:
            raise Unreachable("AssumeImpersonationRole: no connection") from None
        except NoCredentialsError:
            raise AuthenticationFailed("AssumeImpersonationRole: there are no AWS credentials") from None
        except BotoCoreError as error:
            raise GenerationFailed(f"AssumeImpersonationRole: {type(error).__name__}") from None
        return Token.of(answer.get("Token"), answer.get("ExpiresIn"))


def _failure(error: ClientError) -> LookupFailed:
    """Return the failure that an AWS error means. Any other error, such as ResourceNotFoundException, is an error of the configuration."""
    code, status = error_code(error), http_status(error)
    shown = f"AssumeImpersonationRole: {code if _CODE.fullmatch(code) else 'an error'} (HTTP {status})"
    if code in _REFUSED:
        return AuthenticationFailed(shown)
    if is_throttling(code, status) or status >= 500:
        return ServerBusy(shown)
    return GenerationFailed(shown)
