"""Every local service at one URL, for clients that have only AWS_ENDPOINT_URL."""

from typing import TYPE_CHECKING, Final

from starlette.requests import Request

from workmail_local.aws.service_errors import find_signed_service

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.types import ASGIApp, Receive, Scope, Send

_OWN_HOST: Final = "127.0.0.1"


class AllServices:
    """The ASGI application that passes each call to the service for which it is signed.

    Args:
        apps: by the name with which boto3 signs a service's calls; "" for calls without a signature.
        others: for all other services.
    """

    def __init__(self, apps: "Mapping[str, ASGIApp]", *, others: "ASGIApp") -> None:
        self._apps = apps
        self._others = others

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        app = self._apps.get(find_signed_service(Request(scope)), self._others)
        await app(_at_loopback(scope), receive, send)


def _at_loopback(scope: "Scope") -> "Scope":
    """Return a request as if it was sent to 127.0.0.1: in another host name, moto finds the name of a bucket."""
    port = scope["server"][1]
    headers = [(name, value) for name, value in scope["headers"] if name != b"host"]
    return {**scope, "server": (_OWN_HOST, port), "headers": [(b"host", f"{_OWN_HOST}:{port}".encode()), *headers]}
