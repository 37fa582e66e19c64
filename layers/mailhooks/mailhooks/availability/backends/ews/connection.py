"""HTTP connections to one EWS endpoint, with exchangelib's sessions and sign-in.

exchangelib's own requests are not used: they ask for time zones first (which some servers do not support), try several request versions,
retry on their own, cache connections per process, have time-outs per process only, and log requests with addresses after an unexpected
error.
"""

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from queue import Empty
from typing import Any, Final

from exchangelib.configuration import Configuration  # type: ignore[import-untyped]
from exchangelib.credentials import Credentials  # type: ignore[import-untyped]
from exchangelib.protocol import BaseProtocol  # type: ignore[import-untyped]
from exchangelib.transport import BASIC, NOAUTH, NTLM, get_auth_instance  # type: ignore[import-untyped]
from exchangelib.version import EXCHANGE_2010, EXCHANGE_2010_SP2, Build, Version  # type: ignore[import-untyped]

from mailhooks.availability.backends.ews.transport import Adapter, set_deadline
from mailhooks.availability.backends.http.bearer_tokens import TokenCache
from mailhooks.availability.backends.http.client import USER_AGENT, HttpResponse, send
from mailhooks.availability.errors import AuthenticationFailed, LookupFailed
from mailhooks.deadline import Deadline

__all__ = ["BASIC", "EXCHANGE_2010", "EXCHANGE_2010_SP2", "NTLM", "Connection"]

_MAX_IDLE: Final = 8
"""Number of sessions to keep."""

_ACTION: Final = '"http://schemas.microsoft.com/exchange/services/2006/messages/{}"'


class Connection:
    """The connections to one EWS endpoint with one account, for several threads.

    A thread uses a session alone, because NTLM signs in a connection and not a request.

    Args:
        version: the version of requests. Servers accept older versions, so it is the oldest that has the operations.
        context: checks the server's certificate; None: the public authorities.
        user: user name and password, for `auth_type` BASIC or NTLM.

    Attributes:
        protocol: for exchangelib's services, which build requests.
    """

    def __init__(
        self,
        url: str,
        version: Build,
        context: ssl.SSLContext | None,
        *,
        auth_type: str = NOAUTH,
        user: tuple[str, str] | None = None,
        tokens: TokenCache | None = None,
    ) -> None:
        configuration = Configuration(
            service_endpoint=url,
            version=Version(version),
            auth_type=auth_type,
            credentials=Credentials(*user) if user else None,
        )
        self.protocol = Protocol(configuration, context)
        self._tokens = tokens

    def sign_in(self, deadline: Deadline) -> None:
        """Get a token, if the account has tokens. Raises LookupFailed: there is none."""
        if self._tokens:
            self._tokens.get(deadline)

    def post(self, operation: str, envelope: bytes, deadline: Deadline) -> HttpResponse:
        """Send a SOAP request.

        Args:
            operation: the name of the EWS operation.

        Returns:
            The HTTP response of any status.

        Raises:
            LookupFailed: the server did not respond.
        """
        headers = {"SOAPAction": _ACTION.format(operation)}
        if self._tokens is None:
            return self._post(envelope, deadline, headers)
        return self._tokens.authorize(lambda token: self._post(envelope, deadline, {**headers, "Authorization": token}), deadline)

    def _post(self, envelope: bytes, deadline: Deadline, headers: dict[str, str]) -> HttpResponse:
        with self.protocol.session(deadline) as session:
            return send(session, "POST", self.protocol.service_endpoint, deadline, data=envelope, headers=headers)


class Protocol(BaseProtocol):  # type: ignore[misc]
    """exchangelib's sessions with their sign-in. Its subclass `Protocol` would be shared by URL and user in the process."""

    USERAGENT = USER_AGENT

    def __init__(self, configuration: Configuration, context: ssl.SSLContext | None) -> None:
        super().__init__(configuration)
        self._context = context

    @property
    def version(self) -> Version:
        """The configured version; exchangelib would ask the server."""
        return self.config.version

    def create_session(self) -> Any:
        session = super().create_session()
        session.trust_env = False
        session.mount(self.service_endpoint, Adapter(self._context))
        if self.auth_type == BASIC:
            # As bytes, because requests encodes strings in Latin-1.
            user, password = self.credentials.username.encode(), self.credentials.password.encode()
            session.auth = get_auth_instance(auth_type=BASIC, username=user, password=password)
        return session

    @contextmanager
    def session(self, deadline: Deadline) -> Iterator[Any]:
        """Provide a session for one request. Keep it for the next one unless an error occurs.

        Raises:
            AuthenticationFailed: the NTLM handshake fails.
        """
        try:
            session = self._session_pool.get(block=False)
        except Empty:
            session = self.create_session()
        set_deadline(session, self.service_endpoint, deadline)
        try:
            yield session
        except Exception as error:
            session.close()
            if self.auth_type != NTLM or isinstance(error, LookupFailed):
                raise
            # requests_ntlm and spnego have no common error class for a failed handshake.
            raise AuthenticationFailed(f"the NTLM handshake failed ({type(error).__name__})") from None
        if self._session_pool.qsize() < _MAX_IDLE:
            self._session_pool.put(session)
        else:
            session.close()
