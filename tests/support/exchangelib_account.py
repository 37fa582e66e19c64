"""exchangelib's own client of the local WorkMail, with the token of an impersonation role."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from exchangelib import IMPERSONATION, UTC, Account, Configuration, FailFast, Version  # type: ignore[import-untyped]
from exchangelib.protocol import BaseProtocol, NoVerifyHTTPAdapter  # type: ignore[import-untyped]
from exchangelib.transport import NOAUTH  # type: ignore[import-untyped]
from exchangelib.version import EXCHANGE_2010_SP2  # type: ignore[import-untyped]


@contextmanager
def open_account(url: str, mailbox: str, token: str) -> Iterator[Account]:
    """Provide the account of a mailbox at an EWS endpoint."""

    class WithToken(NoVerifyHTTPAdapter):  # type: ignore[misc]
        def add_headers(self, request: Any, **_: Any) -> None:
            request.headers["Authorization"] = f"Bearer {token}"

    adapter, BaseProtocol.HTTP_ADAPTER_CLS = BaseProtocol.HTTP_ADAPTER_CLS, WithToken
    configuration = Configuration(service_endpoint=url, auth_type=NOAUTH, version=Version(EXCHANGE_2010_SP2), retry_policy=FailFast())
    try:
        account = Account(mailbox, config=configuration, autodiscover=False, access_type=IMPERSONATION, default_timezone=UTC)
        yield account
        account.protocol.close()
    finally:
        BaseProtocol.HTTP_ADAPTER_CLS = adapter
        type(account.protocol).clear_cache()
