"""A webhook that is called for each message: a real HTTP server."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest

from mailhooks.contract import FlowDirection
from tests.integration.workmail_local.queue.conftest import ORGANIZATION, Hook
from tests.integration.workmail_local.queue.test_mail_flow import ANA, DEFAULT, NORA, RAW
from tests.support.serving import Quiet, serving
from tests.support.waiting import wait_until
from workmail_local.config.configuration import load_configuration
from workmail_local.mail.documents import to_document
from workmail_local.mail.submission import Submission
from workmail_local.workmail import LocalWorkMail


class Receiver:
    """A server that keeps the documents that it gets.

    Attributes:
        statuses: the next responses; the last one stays.
        gate: closed, no request is answered.
    """

    def __init__(self) -> None:
        self.url = ""
        self.documents: list[dict[str, Any]] = []
        self.requests: list[tuple[str, str | None]] = []
        self.statuses = [200]
        self.gate = threading.Event()
        self.gate.set()

    def numbers(self) -> list[int]:
        return [document["number"] for document in self.documents]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    found = Receiver()

    class Handler(Quiet, BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            found.documents.append(json.loads(self.body()))
            found.requests.append((self.path, self.headers["content-type"]))
            found.gate.wait(20)
            status = found.statuses.pop(0) if len(found.statuses) > 1 else found.statuses[0]
            self.answer(status, Location=f"{found.url}/elsewhere")

    with serving(Handler) as found.url:
        yield found
        found.gate.set()


@pytest.fixture
def fast(monkeypatch: pytest.MonkeyPatch) -> None:
    """No pauses between attempts."""
    monkeypatch.setattr("workmail_local.queue.webhook._PAUSES_S", (0.01, 0.01))


def table(receiver: Receiver, more: str = "") -> str:
    return f'[webhook]\nurl = "{receiver.url}/mail?key=1"\n{more}\n'


def test_the_summary_of_a_message_that_is_done_is_posted_as_the_api_shows_it(wm: LocalWorkMail, hook: Hook, receiver: Receiver) -> None:
    hook.write("    if n == 1:\n        raise ValueError('odd')\n" + DEFAULT)
    wm.reset(hook.configuration(more=table(receiver)))
    trace = wm.send(RAW, to=[ANA], expect_failure=True)
    wait_until(lambda: receiver.documents)
    assert receiver.documents == [json.loads(json.dumps(to_document(trace.summary)))]
    assert receiver.documents[0]["state"] == "done"
    assert receiver.requests == [("/mail?key=1", "application/json")]
    assert wm.mail_server.webhook.failure is None


def test_a_message_with_several_rule_runs_is_posted_once(wm: LocalWorkMail, receiver: Receiver) -> None:
    rule = '[[rules]]\nname = "Ben"\ndirection = "inbound"\naction = "drop"\nsenders = ["*"]\nrecipients = ["ben@example.com"]\n'
    wm.reset(ORGANIZATION + rule + table(receiver))
    numbers = [wm.send(RAW, to=[ANA, "ben@example.com"]).summary.number for _ in range(20)]
    wait_until(lambda: numbers[-1] in receiver.numbers())
    assert receiver.numbers() == numbers


def test_mail_for_colleagues_is_a_message_of_its_own(wm: LocalWorkMail, receiver: Receiver) -> None:
    wm.reset(ORGANIZATION + table(receiver))
    wm.send(RAW, mail_from=ANA, to=["ben@example.com"], direction="OUTBOUND")
    wait_until(lambda: len(receiver.documents) == 2)
    assert {document["direction"] for document in receiver.documents} == {"INBOUND", "OUTBOUND"}


def test_on_accepted_the_message_is_posted_before_its_function_has_answered(hook: Hook, receiver: Receiver) -> None:
    hook.write("    raise ValueError('odd')\n")
    with LocalWorkMail(hook.configuration(more=table(receiver, 'on = "accepted"')), speed=0.001) as slow:
        slow.accept(Submission(FlowDirection.INBOUND, NORA, (ANA,), RAW))
        wait_until(lambda: receiver.documents)
        assert receiver.documents[0]["state"] != "done"


def test_a_search_chooses_the_messages(wm: LocalWorkMail, receiver: Receiver) -> None:
    wm.reset(ORGANIZATION + table(receiver, 'search = "offer"'))
    wm.send(RAW.replace(b"Offer", b"Lunch"), to=[ANA])
    second = wm.send(RAW, to=[ANA]).summary.number
    wait_until(lambda: receiver.documents)
    assert receiver.numbers() == [second]


@pytest.mark.usefixtures("fast")
@pytest.mark.parametrize("status", [500, 503, 429])
def test_a_transient_failure_is_repeated(status: int, wm: LocalWorkMail, receiver: Receiver) -> None:
    receiver.statuses = [status, status, 204]
    wm.reset(ORGANIZATION + table(receiver))
    number = wm.send(RAW, to=[ANA]).summary.number
    wait_until(lambda: len(receiver.documents) == 3)
    assert receiver.numbers() == [number] * 3
    second = wm.send(RAW, to=[ANA]).summary.number
    wait_until(lambda: second in receiver.numbers())
    assert wm.mail_server.webhook.failure is None


@pytest.mark.usefixtures("fast")
@pytest.mark.parametrize(
    "status, calls, why",
    [(500, 3, "answers 500"), (404, 1, "answers 404"), (307, 1, "answers 307, and redirects are not followed")],
)
def test_a_failure_is_reported_and_bounded(status: int, calls: int, why: str, receiver: Receiver) -> None:
    reports: list[str] = []
    receiver.statuses = [status]
    with LocalWorkMail(ORGANIZATION + table(receiver), listener=reports.append) as wm:
        number = wm.send(RAW, to=[ANA]).summary.number
        webhook = wm.mail_server.webhook
        wait_until(lambda: webhook.failure)
        assert webhook.failure
        assert (webhook.failure.number, webhook.failure.why) == (number, f"{receiver.url}/mail?key=1 {why}")
        assert [path for path, _ in receiver.requests] == ["/mail?key=1"] * calls
        assert f"webhook for message {number}: {webhook.failure.why}" in reports
        receiver.statuses = [200]
        wm.send(RAW, to=[ANA])
        wait_until(lambda: webhook.failure is None)


@pytest.mark.usefixtures("fast")
@pytest.mark.parametrize("changed", ["", '[webhook]\nurl = "http://127.0.0.1:9/other"\n'])
def test_a_failure_ends_with_the_webhook_that_failed(changed: str, receiver: Receiver) -> None:
    receiver.statuses = [404]
    texts = [ORGANIZATION + table(receiver), ORGANIZATION + changed]
    configurations = [load_configuration(text) for text in texts]
    with LocalWorkMail(lambda: configurations[0]) as wm:
        wm.send(RAW, to=[ANA])
        wait_until(lambda: wm.mail_server.webhook.failure)
        del configurations[0]
        assert wm.mail_server.webhook.failure is None


@pytest.mark.usefixtures("fast")
def test_a_server_that_cannot_be_reached_is_a_failure(wm: LocalWorkMail) -> None:
    wm.reset(ORGANIZATION + '[webhook]\nurl = "http://127.0.0.1:1/"\n')
    wm.send(RAW, to=[ANA])
    wait_until(lambda: wm.mail_server.webhook.failure)
    assert wm.mail_server.webhook.failure
    assert wm.mail_server.webhook.failure.why == "http://127.0.0.1:1/ cannot be reached (Connection refused)"


def test_a_webhook_that_does_not_answer_delays_no_mail(wm: LocalWorkMail, receiver: Receiver) -> None:
    receiver.gate.clear()
    wm.reset(ORGANIZATION + table(receiver))
    for _ in range(50):
        wm.send(RAW, to=[ANA])
    assert len(wm.delivered(ANA)) == 50
    assert len(receiver.documents) <= 1
    receiver.gate.set()
    wait_until(lambda: len(receiver.documents) == 50)


def test_calls_that_wait_are_made_before_the_end(receiver: Receiver) -> None:
    with LocalWorkMail(ORGANIZATION + table(receiver)) as wm:
        number = wm.send(RAW, to=[ANA]).summary.number
    assert receiver.numbers() == [number]
