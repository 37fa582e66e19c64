"""Servers on the loopback interface, reused by many tests: a server needs longer to start and stop than most tests."""

from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Protocol, Self, TypeVar

from starlette.types import ASGIApp, Receive, Scope, Send

from tests.support.servers.certificates import ServerCertificate
from workmail_local.servers import HttpServer


class Site(Protocol):
    """An application that learns its address when it is hosted."""

    url: str

    def app(self) -> ASGIApp: ...


SiteType = TypeVar("SiteType", bound=Site)


class ServerPool:
    """Running servers. Each hosts one site at a time."""

    def __init__(self) -> None:
        self._all: list[_Server] = []
        self._free: dict[ServerCertificate | None, list[_Server]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        # All at once: each server looks ten times a second whether it has to stop.
        for server in self._all:
            server.request_stop()
        for server in self._all:
            server.stop()

    @contextmanager
    def host(self, site: SiteType, certificate: ServerCertificate | None = None) -> Iterator[SiteType]:
        """Host a site inside the block: by HTTPS with a certificate, otherwise by HTTP."""
        free = self._free.setdefault(certificate, [])
        if not free:
            self._all.append(_Server(certificate))
            self._all[-1].start()
            free.append(self._all[-1])
        server = free.pop()
        try:
            site.url = server.url
            server.stage.app = site.app()
            yield site
        finally:
            free.append(server)


class _Stage:
    """An ASGI application that calls the hosted site's."""

    app: ASGIApp | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        assert self.app is not None
        await self.app(scope, receive, send)


class _Server(HttpServer):
    def __init__(self, certificate: ServerCertificate | None) -> None:
        self.stage = _Stage()
        super().__init__(self.stage, 0)
        if certificate:
            self.url = self.url.replace("http:", "https:")
            self._server.config.ssl_certfile, self._server.config.ssl_keyfile = str(certificate.chain), str(certificate.key)

    def request_stop(self) -> None:
        """Stop without a wait for requests that a test left unanswered."""
        self._server.should_exit = self._server.force_exit = True
