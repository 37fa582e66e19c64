"""A responder of push notifications for tests, which keeps what WorkMail posts."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler

from exchangelib.properties import Notification  # type: ignore[import-untyped]
from exchangelib.services import SendNotification  # type: ignore[import-untyped]

from tests.support.ews_documents import read_notification
from tests.support.serving import Quiet, serving


@dataclass
class Responder:
    """The posts, and the answers to the next ones.

    Attributes:
        url: receives the posts.
        posts: the path and the notification of each post.
        answers: status and SubscriptionStatus of the next answers; 200 and OK once it is empty.
    """

    url: str = ""
    posts: list[tuple[str, Notification]] = field(default_factory=list)
    answers: list[tuple[int, str]] = field(default_factory=list)

    def kinds(self) -> list[str]:
        """Return the kinds of all events, without the suffix Event."""
        return [type(event).__name__.removesuffix("Event") for _, post in self.posts for event in post.events]


@contextmanager
def responding() -> Iterator[Responder]:
    """Run a responder on the loopback interface."""
    responder = Responder()

    class Handler(Quiet, BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            responder.posts.append((self.path, read_notification(self.body())))
            status, text = responder.answers.pop(0) if responder.answers else (200, "OK")
            service = SendNotification(protocol=None)
            self.answer(status, service.wrap(service.get_payload(status=text)), Content_Type="text/xml")

    with serving(Handler) as url:
        responder.url = url
        yield responder
