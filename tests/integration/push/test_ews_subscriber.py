"""The errors of a server that answers Subscribe in other ways than the local WorkMail."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler

import pytest

from mailhooks.availability.backends.ews.connection import EXCHANGE_2010_SP2, Connection
from mailhooks.deadline import Deadline
from mailhooks.errors import MailhooksError, Misconfigured, ServiceFailed
from mailhooks.push.config import WantedSubscription
from mailhooks.push.ews_subscriber import Busy, EwsSubscriber, NewSubscription, SubscriptionRefused
from tests.support.serving import Quiet, serving

WANTED = WantedSubscription(mailbox="ana@example.com", name="arrivals", folders=("inbox",), events=("NewMail",), status_minutes=5)
ENVELOPE = '<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body>{}</s:Body></s:Envelope>'
NO_ID = ENVELOPE.format("<SubscribeResponse><ResponseCode>NoError</ResponseCode></SubscribeResponse>")
CODE = ENVELOPE.format("<SubscribeResponse><ResponseCode>{}</ResponseCode></SubscribeResponse>")
BACK_OFF = '<Fault><detail><ResponseCode>ErrorServerBusy</ResponseCode><Value Name="BackOffMilliseconds">2500</Value></detail></Fault>'

Serve = Callable[[int, str, dict[str, str]], EwsSubscriber]


@pytest.fixture
def serve() -> Iterator[Serve]:
    with ExitStack() as servers:

        def start(status: int, body: str, headers: dict[str, str]) -> EwsSubscriber:
            class Handler(Quiet, BaseHTTPRequestHandler):
                protocol_version = "HTTP/1.1"

                def do_POST(self) -> None:
                    self.body()
                    self.answer(status, body.encode(), **headers)

            return EwsSubscriber(Connection(servers.enter_context(serving(Handler)), EXCHANGE_2010_SP2, None))

        yield start


def subscribe(subscriber: EwsSubscriber) -> NewSubscription:
    return subscriber.subscribe(WANTED, "https://push.example.com/", "", Deadline.after(5))


@pytest.mark.parametrize(
    "status, body, headers, kind",
    [
        (401, "", {}, Misconfigured),
        (401, ENVELOPE.format(""), {}, Misconfigured),
        (403, "Forbidden", {}, Misconfigured),
        (404, "Not found", {}, Misconfigured),
        (200, "<html>a page</html>", {}, Misconfigured),
        (504, "", {}, ServiceFailed),
        (200, ENVELOPE, {}, SubscriptionRefused),
        (200, "<Envelope", {}, ServiceFailed),
        (200, NO_ID, {}, ServiceFailed),
        (200, CODE.format("ErrorTimeoutExpired"), {}, ServiceFailed),
        (500, CODE.format("ErrorInvalidWatermark"), {}, SubscriptionRefused),
    ],
)
def test_each_other_answer_is_an_error_without_an_address(
    status: int, body: str, headers: dict[str, str], kind: type[MailhooksError], serve: Serve
) -> None:
    with pytest.raises(kind) as raised:
        subscribe(serve(status, body, headers))
    assert type(raised.value) is kind
    assert "ana@" not in str(raised.value)


@pytest.mark.parametrize(
    "status, body, headers, pause_s",
    [
        (503, "", {"Retry_After": "7"}, 7.0),
        (429, "", {}, 10.0),
        (500, ENVELOPE.format(BACK_OFF), {}, 2.5),
        (200, CODE.format("ErrorTooManyObjectsOpened"), {}, 10.0),
    ],
)
def test_throttling_has_the_pause_of_the_server(status: int, body: str, headers: dict[str, str], pause_s: float, serve: Serve) -> None:
    with pytest.raises(Busy) as raised:
        subscribe(serve(status, body, headers))
    assert raised.value.pause_s == pause_s


def test_a_server_that_cannot_be_reached_is_a_passing_error() -> None:
    with pytest.raises(ServiceFailed, match="no connection"):
        subscribe(EwsSubscriber(Connection("http://127.0.0.1:1/EWS/Exchange.asmx", EXCHANGE_2010_SP2, None)))
