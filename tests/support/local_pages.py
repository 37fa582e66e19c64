"""The web page and the JSON API of a local WorkMail in this process."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import MappingProxyType

from workmail_local.servers import HttpServer
from workmail_local.web import create_app
from workmail_local.web.actions import Actions
from workmail_local.workmail import LocalWorkMail

NO_SAMPLES: Mapping[str, bytes] = MappingProxyType({})


@contextmanager
def serving_pages(wm: LocalWorkMail, samples: Mapping[str, bytes] = NO_SAMPLES, calendars: Sequence[str] = ()) -> Iterator[str]:
    """Serve the page and the API on a free port. Yields their URL."""
    server = HttpServer(create_app(wm.history, Actions(wm, samples, calendars)), 0)
    server.start()
    try:
        yield server.url
    finally:
        server.stop()
