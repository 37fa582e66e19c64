"""A queue with a scripted function: no process, no server."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from mailhooks.contract import FlowDirection
from tests.support.deliveries import verify_delivered_once
from workmail_local.config.configuration import Configuration, load_configuration
from workmail_local.errors import UnknownFunction
from workmail_local.mail.history import Destination, MessageTrace
from workmail_local.mail.submission import Submission
from workmail_local.queue.job_processor import JobProcessor
from workmail_local.queue.workers import Workers
from workmail_local.runtime.invocation import Invocation
from workmail_local.storage.maildir import MaildirStore
from workmail_local.storage.message_store import MessageStore
from workmail_local.storage.spool import Spool

ANA, BEN, NORA = "ana@example.com", "ben@example.com", "nora@example.net"
RAW = b"From: Nora <nora@example.net>\r\nTo: ana@example.com\r\nSubject: Offer\r\n\r\nHello\r\n"
ALL = {"actions": [{"action": {"type": "DEFAULT"}, "allRecipients": True}]}
ORGANIZATION = 'organization = { domains = ["example.com"] }\n'
RULE = '[[rules]]\nname = "Hook"\ndirection = "{}"\naction = "lambda"\nsenders = ["*"]\nfunction = "rewrite"\n'


def action(kind: str, *recipients: str, text: str = "") -> dict[str, Any]:
    """An entry of a response; without recipients it is for all."""
    found: dict[str, Any] = {"type": kind} | ({"parameters": {"bounceMessage": text}} if text else {})
    return {"action": found} | ({"recipients": [*recipients]} if recipients else {"allRecipients": True})


def destinations(trace: MessageTrace) -> dict[str, Destination]:
    return {result.recipient: result.destination for run in trace.rule_runs for result in run.results}


class Scripted:
    """A function with prepared responses: an exception fails, a callable is called, a pair is a response and a log. The last one stays."""

    def __init__(self, *responses: Any) -> None:
        self._responses = list(responses)
        self.events: list[Mapping[str, Any]] = []

    def invoke(self, event: Mapping[str, Any], request_id: str, timeout_s: float) -> Invocation:
        self.events.append(event)
        response = self._responses.pop(0) if len(self._responses) > 1 else self._responses[0]
        response, log = response if isinstance(response, tuple) else (response, "")
        if callable(response):
            response = response()
        error = f"{type(response).__name__}: {response}" if isinstance(response, Exception) else None
        return Invocation(None if error else response, error, 1.0, len(self.events) == 1, log)


class Queue:
    """A spool, its workers and a scripted function."""

    def __init__(self, folder: Path, configuration: Configuration, function: Scripted, speed: float = 100_000.0) -> None:
        self.folder = folder
        self.configuration = configuration
        self.function = function
        self.store = MessageStore()
        self.spool = Spool(folder)
        self.maildirs = MaildirStore(folder)
        self.dead_letters: list[tuple[str, Mapping[str, Any], str]] = []
        processor = JobProcessor(
            self.spool,
            self.maildirs,
            self.store,
            configuration=lambda: self.configuration,
            find_function=self.find_function,
            dead_letter=lambda *letter: self.dead_letters.append(letter),
            speed=speed,
        )
        self.workers = Workers(self.spool, processor, lambda: self.configuration)

    def find_function(self, name: str) -> tuple[Scripted, float]:
        if name not in self.configuration.functions:
            raise UnknownFunction(name)
        return self.function, 14.0

    def send(self, *recipients: str, mail_from: str = NORA, raw: bytes = RAW) -> MessageTrace:
        direction = FlowDirection.OUTBOUND if self.configuration.owns(mail_from) else FlowDirection.INBOUND
        return self.trace(self.workers.accept(Submission(direction, mail_from, recipients or (ANA, BEN), raw)))

    def trace(self, number: int) -> MessageTrace:
        self.workers.wait_for(number, 20)
        found = self.spool.trace(number)
        assert found is not None
        verify_delivered_once(self.spool, self.configuration, self.folder)
        return found

    def replace(self, content: bytes, response: Any = ALL) -> Callable[[], Any]:
        """A response after a Put of that content."""

        def put() -> Any:
            self.store.replace(self.function.events[-1]["messageId"], content)
            return response

        return put


def configure(rule: str = "", direction: str = "inbound", more: str = "") -> Configuration:
    """One rule that runs the function for all mail of a direction."""
    return load_configuration(ORGANIZATION + RULE.format(direction) + rule + more)
