"""Notifications by HTTP to the push function, with the tables, the bus and the secret on moto."""

import contextlib
import http.client
import json
import random
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from http.server import BaseHTTPRequestHandler
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import pytest
from exchangelib.services import SendNotification
from exchangelib.util import MNS, SOAPNS, to_xml

from mailhooks.deadline import Deadline
from mailhooks.push.callback_token import make_callback_url
from mailhooks.push.delivered_events import CLAIM_S, KEEP_S
from mailhooks.push.events import EventBus, build_entry
from mailhooks.push.handler import push_handler
from mailhooks.push.notification import MAX_OCTETS, Event
from mailhooks.push.settings import PushSettings
from mailhooks.push.subscription_table import State, Subscription
from tests.support.push import MAILBOX, NAME, SECRET, SUBSCRIPTION_ID, InProcess, PushServices, event_xml, message_xml, post_xml
from tests.support.serving import Quiet, serving
from workmail_local.runtime.function_url import FunctionUrl, serve_function
from workmail_local.workmail import LocalWorkMail

XML = "text/xml; charset=utf-8"


class Answer(NamedTuple):
    """An HTTP response."""

    status: int
    headers: http.client.HTTPMessage
    body: str


class Push:
    """The push function at its URL."""

    def __init__(self, services: PushServices, url: str, log: Callable[[], str]) -> None:
        self.services = services
        self.url = url
        self._log = log

    def post(self, body: str | bytes = "", *, url: str = "", method: str = "POST", headers: dict[str, str] | None = None) -> Answer:
        """Send a request, by default the notification of one new mail to the callback URL."""
        parts = urlsplit(url or self.callback_url())
        content = body.encode() if isinstance(body, str) else body
        with contextlib.closing(http.client.HTTPConnection(parts.netloc, timeout=30)) as connection:
            connection.request(method, parts.path, content or post_xml().encode(), {"Content-Type": XML} if headers is None else headers)
            response = connection.getresponse()
            return Answer(response.status, response.headers, response.read().decode())

    def callback_url(self, mailbox: str = MAILBOX, name: str = NAME, secret: str = SECRET) -> str:
        return make_callback_url(self.url, secret, mailbox, name)

    def lines(self) -> list[dict[str, Any]]:
        """Return the log lines since the last call, without the metrics."""
        found = [json.loads(line) for line in self._log().splitlines()]
        return [line for line in found if "_aws" not in line]


@contextlib.contextmanager
def serve(
    services: PushServices, log: Callable[[], str] = str, *, clock: Callable[[], float] = time.time, **changes: Any
) -> Iterator[Push]:
    settings = PushSettings(**{name.lower(): value for name, value in services.variables.items()} | {"service": uuid.uuid4().hex} | changes)
    # Loaded at the first post, because the logger keeps the output stream of that time: between a fixture and its test, pytest changes it.
    function = cache(lambda: InProcess(push_handler(settings=settings, clock=clock)))
    with serve_function(FunctionUrl(lambda: (function(), 10.0))) as url:
        yield Push(services, url, log)


@pytest.fixture
def services(wm: LocalWorkMail) -> PushServices:
    found = PushServices(wm)
    found.subscribe()
    return found


@pytest.fixture
def push(services: PushServices, capsys: pytest.CaptureFixture[str]) -> Iterator[Push]:
    with serve(services, lambda: capsys.readouterr().out) as running:
        yield running


def status_of(answer: Answer) -> str:
    """Return the subscription's status in an answer, as exchangelib reads XML."""
    assert (answer.status, answer.headers["content-type"]) == (200, XML), answer.body
    [result] = to_xml(answer.body.encode()).getroot().find(f"{{{SOAPNS}}}Body")
    assert result.tag == SendNotification._response_tag() + "Result"
    return str(result.findtext(f"{{{MNS}}}SubscriptionStatus"))


def test_a_new_mail_is_on_the_bus_when_the_answer_is_ok(push: Push) -> None:
    before = int(time.time())
    assert status_of(push.post()) == "OK"
    [event] = push.services.received()
    assert (event["source"], event["detail-type"], event["time"]) == ("workmail-hooks", "WorkMail NewMail", "2026-11-30T08:15:00Z")
    key = event["detail"].pop("idempotencyKey")
    assert event["detail"] == {
        "mailbox": MAILBOX,
        "subscription": NAME,
        "event": "NewMail",
        "watermark": "w1",
        "timestamp": "2026-11-30T08:15:00.000Z",
        "itemId": {"id": "item-1", "changeKey": "CK1"},
        "parentFolderId": {"id": "inbox-id", "changeKey": "CK2"},
    }
    assert len(key) == 32
    assert push.services.heard_at() >= before


def test_each_kind_of_event_has_its_own_detail_type(push: Push) -> None:
    kinds = ("NewMail", "Created", "Modified", "Moved", "Deleted", "Copied", "Archived", "Status")
    events = [event_xml(kind, f"w{kind}", unread="3" if kind == "Modified" else "") for kind in kinds]
    assert status_of(push.post(post_xml(message_xml(events)))) == "OK"
    found = {event["detail-type"].removeprefix("WorkMail "): event["detail"] for event in push.services.received()}
    assert found.keys() == set(kinds)
    assert found["Modified"]["unreadCount"] == 3
    assert found["Moved"]["oldParentFolderId"] == {"id": "old-folder"}
    assert "itemId" not in found["Status"]


def test_a_post_that_is_repeated_changes_nothing_more(push: Push) -> None:
    push.post()
    assert len(push.services.received()) == 1
    [rows] = [push.services.rows()[push.services.events_table]]
    assert status_of(push.post()) == "OK"
    assert push.services.received() == []
    assert push.services.rows()[push.services.events_table] == rows
    assert [line["duplicates"] for line in push.lines()] == [0, 1]


def test_a_subscription_that_replaces_a_lost_one_gets_no_event_twice(push: Push) -> None:
    push.post()
    push.services.subscribe("the-new-one")
    assert status_of(push.post(post_xml(message_xml([event_xml(), event_xml(watermark="w2")], "the-new-one")))) == "OK"
    assert [event["detail"]["watermark"] for event in push.services.received()] == ["w1", "w2"]


def test_the_last_event_on_the_bus_is_recorded_for_the_next_subscription(push: Push) -> None:
    push.post(post_xml(message_xml([event_xml(), event_xml(watermark="w2"), event_xml("Status", "w3")])))
    [row] = push.services.rows()[push.services.subscriptions_table]
    assert row["watermark"] == {"S": "w2"}


def test_a_post_with_one_more_event_puts_only_that_on_the_bus(push: Push) -> None:
    push.post()
    push.post(post_xml(message_xml([event_xml(), event_xml("Created", "w2"), event_xml("Created", "w2")])))
    assert [event["detail"]["watermark"] for event in push.services.received()] == ["w1", "w2"]


def test_heartbeats_of_an_idle_mailbox_with_one_watermark_all_arrive(services: PushServices) -> None:
    now = [time.time()]
    with serve(services, clock=lambda: now[0]) as push:
        heartbeat = post_xml(message_xml([event_xml("Status")]))
        for seconds, arrived in ((0, 1), (5, 0), (60, 1), (60, 1)):
            now[0] += seconds
            assert status_of(push.post(heartbeat)) == "OK"
            assert len(services.received()) == arrived


def test_a_subscription_that_is_no_longer_configured_is_ended(push: Push) -> None:
    push.services.subscribe(state="removed")
    before = push.services.rows()
    assert status_of(push.post()) == "Unsubscribe"
    assert push.services.received() == []
    assert push.services.rows() == before


def test_the_error_of_a_subscription_is_answered_and_logged(push: Push) -> None:
    error = '<m:SendNotificationResponseMessage ResponseClass="Error"><m:ResponseCode>ErrorReadEventsFailed</m:ResponseCode>'
    assert status_of(push.post(post_xml(error + "</m:SendNotificationResponseMessage>"))) == "OK"
    [line] = push.lines()
    assert (line["level"], line["errorCodes"]) == ("WARNING", ["ErrorReadEventsFailed"])
    assert push.services.received() == []


def refuse(push: Push, status: int, answer: Answer, before: object) -> None:
    """Check that a post is refused without any effect."""
    assert answer.status == status
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert 10 < len(answer.body) < 200
    assert push.services.rows() == before
    assert push.services.received() == []


def test_posts_that_are_not_workmails_are_refused_without_any_effect(push: Push) -> None:
    before = push.services.rows()
    good = push.callback_url()
    for status, url in (
        (403, push.url),
        (403, good[:-1]),
        (403, f"{good}0"),
        (403, f"{good}/"),
        (403, good.rpartition("/")[0]),
        (403, push.callback_url(secret="another")),
        (403, good.replace(good.split("/")[-2], push.callback_url(name="other").split("/")[-2])),
        (404, push.callback_url(name="other")),
        (404, push.callback_url(mailbox="ben@example.com")),
    ):
        refuse(push, status, push.post(url=url), before)
    refuse(push, 404, push.post(post_xml(message_xml(subscription="unknown"))), before)
    both = post_xml(message_xml(), message_xml(subscription="unknown"))
    refuse(push, 404, push.post(both), before)
    for method in ("GET", "PUT", "DELETE"):
        answer = push.post(method=method)
        refuse(push, 405, answer, before)
        assert answer.headers["allow"] == "POST"


LAUGHS = "".join(f'<!ENTITY l{number} "{f"&l{number - 1};" * 10}">' for number in range(1, 10))

MALFORMED: dict[str, str | bytes] = {
    "no XML": "hello",
    "half": post_xml()[:500],
    "HTML": "<html><body>Bad Gateway</body></html>",
    "another request": post_xml().replace("SendNotification", "GetEvents"),
    "a billion laughs": post_xml().replace("?>", f'?><!DOCTYPE l [<!ENTITY l0 "ha">{LAUGHS}]>').replace("w1<", "&l9;<"),
    "an external entity": post_xml().replace("?>", '?><!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]>').replace("w1<", "&x;<"),
    "octets": bytes(range(256)),
    "four subscriptions": post_xml(*(message_xml(subscription=f"s{number}") for number in range(4))),
}


@pytest.mark.parametrize("name", MALFORMED)
def test_a_malformed_post_is_refused_without_any_effect(push: Push, name: str) -> None:
    before = push.services.rows()
    answer = push.post(MALFORMED[name])
    refuse(push, 400, answer, before)
    assert answer.body.startswith("The body is not a SendNotification message of EWS: ")


@pytest.mark.parametrize("headers", [{"Content-Type": XML}, {"Content-Type": "application/octet-stream"}])
def test_a_post_that_is_too_large_is_refused_without_any_effect(push: Push, headers: dict[str, str]) -> None:
    before = push.services.rows()
    padding = f"<!--{' ' * (MAX_OCTETS - len(post_xml()))}-->"
    refuse(push, 413, push.post(post_xml() + padding, headers=headers), before)
    assert status_of(push.post(post_xml() + padding[:4] + padding[11:], headers=headers)) == "OK"


def test_an_encoded_body_is_read_like_a_text(push: Push) -> None:
    assert status_of(push.post(post_xml().replace("utf-8", "utf-16").encode("utf-16"), headers={})) == "OK"
    assert status_of(push.post(post_xml(), headers={"Content-Type": "application/soap+xml"})) == "OK"
    assert len(push.services.received()) == 1


def test_the_log_has_neither_addresses_nor_ids(push: Push) -> None:
    push.post()
    push.post(url=push.callback_url(name="other"))
    push.post(post_xml(message_xml(subscription="unknown-id")))
    lines = push.lines()
    assert [(line["status"], line["level"]) for line in lines] == [(200, "INFO"), (404, "WARNING"), (404, "WARNING")]
    assert lines[0]["subscription"] == NAME
    for secret in (MAILBOX, "item-1", SUBSCRIPTION_ID, "unknown-id", "inbox-id", push.callback_url().rpartition("/")[2]):
        assert secret not in json.dumps(lines)


def test_the_log_has_the_mailbox_if_addresses_are_logged(services: PushServices, capsys: pytest.CaptureFixture[str]) -> None:
    with serve(services, lambda: capsys.readouterr().out, log_addresses=True) as push:
        push.post()
        [line] = push.lines()
    assert (line["mailbox"], line["subscriptionId"]) == (MAILBOX, SUBSCRIPTION_ID)
    assert "item-1" not in json.dumps(line)


@pytest.mark.parametrize("variable", ["push_secret", "push_subscriptions_table", "push_events_table", "push_event_bus"])
def test_a_missing_resource_or_setting_is_answered_so_that_workmail_posts_again(services: PushServices, variable: str) -> None:
    for value in ("", "no-such-thing"):
        with serve(services, **{variable: value}) as push:
            answer = push.post()
            assert (answer.status, answer.body) == (503, "The notification could not be handled. Send it again.\n")
    assert services.received() == []
    assert services.rows()[services.events_table] == []
    with serve(services) as push:
        assert status_of(push.post()) == "OK"
    assert len(services.received()) == 1


def test_a_claim_of_an_invocation_that_was_stopped_ends(services: PushServices, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [time.time()]
    with serve(services, clock=lambda: now[0]) as push:
        with monkeypatch.context() as stopped:
            stopped.setattr("mailhooks.push.events.EventBus.put", lambda *_: 1 / 0)
            assert push.post().status == 503
        assert push.post().status == 503, "the claim of the first invocation is fresh"
        now[0] += CLAIM_S
        assert status_of(push.post()) == "OK"
    assert len(services.received()) == 1


def test_an_event_is_remembered_for_a_week(push: Push) -> None:
    push.post()
    [row] = push.services.rows()[push.services.events_table]
    assert abs(int(row["expires"]["N"]) - time.time() - KEEP_S) < 60
    assert row["done"] == {"BOOL": True}


class FaultyBus:
    """An EventBridge that fails as a test orders: whole requests, and entries of a batch.

    Attributes:
        faults: for each request: an HTTP status, an error code for the first half of its entries, or None.
        entries: those that it has accepted.
    """

    def __init__(self, faults: Callable[[], int | str | None]) -> None:
        self.faults = faults
        self.entries: list[dict[str, Any]] = []

    def watermarks(self) -> Counter[str]:
        """Count the accepted entries by watermark."""
        return Counter(json.loads(entry["Detail"])["watermark"] for entry in self.entries)

    @contextlib.contextmanager
    def serve(self) -> Iterator[str]:
        outer = self

        class Bus(Quiet, BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                status, answer = outer.answer(json.loads(self.body())["Entries"])
                self.answer(status, json.dumps(answer).encode(), Content_Type="application/x-amz-json-1.1")

        with serving(Bus) as url:
            yield url

    def answer(self, entries: list[dict[str, Any]]) -> tuple[int, dict[str, Any]]:
        fault = self.faults()
        if isinstance(fault, int):
            code = "ThrottlingException" if fault == 400 else "InternalException"
            return fault, {"__type": code, "message": "ordered by a test"}
        failing = (len(entries) + 1) // 2 if fault else 0
        self.entries += entries[failing:]
        results = [{"ErrorCode": fault}] * failing + [{"EventId": "1"}] * (len(entries) - failing)
        return 200, {"FailedEntryCount": failing, "Entries": results}


def test_entries_that_the_bus_rejects_are_sent_again_and_each_is_there_once(wm: LocalWorkMail, monkeypatch: pytest.MonkeyPatch) -> None:
    faults: list[int | str | None] = ["ThrottlingException", 500, "InternalFailure", 400, None]
    waiting = iter(faults)
    subscription = Subscription(SUBSCRIPTION_ID, MAILBOX, NAME, State.ACTIVE)
    entries = [build_entry("bus", subscription, Event("NewMail", f"w{number}", None, {}, None), f"key{number}") for number in range(25)]
    bus = FaultyBus(lambda: next(waiting, None))
    with bus.serve() as url:
        monkeypatch.setenv("AWS_ENDPOINT_URL_EVENTBRIDGE", url)
        assert EventBus(sleep=lambda _: None).put(entries, Deadline.after(300)) == {}
    assert bus.watermarks() == {f"w{number}": 1 for number in range(25)}


def test_events_that_the_bus_rejects_for_good_are_posted_again(
    services: PushServices, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    faults: list[str | None] = ["NotAuthorizedException"]
    bus = FaultyBus(lambda: faults[0])
    with bus.serve() as url:
        monkeypatch.setenv("AWS_ENDPOINT_URL_EVENTBRIDGE", url)
        with serve(services, lambda: capsys.readouterr().out) as push:
            body = post_xml(message_xml(event_xml(watermark=f"w{number}") for number in range(4)))
            assert push.post(body).status == 503
            [line] = push.lines()
            assert (line["events"], line["notDelivered"], line["reason"]) == (2, 2, "Misconfigured")
            assert len(services.rows()[services.events_table]) == 2, "the claims of the failed events are released"
            assert "watermark" not in services.rows()[services.subscriptions_table][0]
            faults[0] = None
            assert status_of(push.post(body)) == "OK"
    assert bus.watermarks() == {f"w{number}": 1 for number in range(4)}


def post_all(push: Push, bodies: list[str], threads: int = 8) -> Counter[int]:
    """Post notifications from several threads, as WorkMail: one without the answer OK again, later."""
    statuses: Counter[int] = Counter()
    lock = threading.Lock()

    def send(body: str) -> None:
        for _ in range(60):
            status = push.post(body).status
            with lock:
                statuses[status] += 1
            if status == 200:
                return
            time.sleep(0.02)
        raise AssertionError("the notification never got the answer OK")

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(send, bodies))
    return statuses


@pytest.mark.parametrize("notifications", [60, pytest.param(1000, marks=pytest.mark.slow)])
def test_each_event_of_repeated_and_reordered_notifications_is_on_the_bus_once(
    services: PushServices, monkeypatch: pytest.MonkeyPatch, notifications: int
) -> None:
    draw = random.Random(19)
    watermarks = [f"w{number}" for number in range(notifications)]
    # Windows that overlap: each event is in some notifications, alone and with others.
    windows = [watermarks[start : start + draw.randint(1, 4)] for start in range(notifications * 2 // 3)]
    bodies = [post_xml(message_xml(event_xml(watermark=watermark) for watermark in window)) for window in windows]
    bodies += draw.choices(bodies, k=notifications - len(bodies))
    draw.shuffle(bodies)
    chance = random.Random(7)

    def fault() -> int | str | None:
        return chance.choice([500, 400, "ThrottlingException", "InternalFailure"]) if chance.random() < 0.15 else None

    bus = FaultyBus(fault)
    with bus.serve() as url:
        monkeypatch.setenv("AWS_ENDPOINT_URL_EVENTBRIDGE", url)
        with serve(services) as push:
            statuses = post_all(push, bodies)
    assert statuses[200] == notifications
    assert statuses.keys() <= {200, 503}
    expected = dict.fromkeys((watermark for window in windows for watermark in window), 1)
    assert bus.watermarks() == expected
