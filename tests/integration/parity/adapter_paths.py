"""The mail paths after WorkMail: real servers on the loopback interface, whose evaluator is exchanged for each message."""

import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from itertools import count

from mail_gateway.config import Protocol
from mailhooks.core.evaluator import FixedPolicy, PolicyEvaluator
from mailhooks.deadline import Deadline
from mailhooks.platform import Platform
from mailhooks.relay.disposition import Disposition
from mailhooks.relay.evaluate import MessageEvaluator
from mailhooks.relay.platforms import GATEWAY, MILTER
from mailhooks.relay.received import Received
from mailhooks.relay.report import Reporter
from tests.integration.parity.cases import Case
from tests.integration.parity.effects import RecordedEffects
from tests.integration.parity.result import BYPASS_FIELD, HELD, JUNK_FIELD, Passed, Result, bounced, read_passed
from tests.support.gateway import LISTENER, Records, make_configuration, run_listener
from tests.support.milter_listener import Journal, run_milter
from tests.support.milter_mta import Transaction, read_by_mta
from tests.support.smtp_sink import Sink, run_sink

_NUMBERS = count()

Path = Callable[[Case], Result]


def make_evaluator(case: Case, platform: Platform, reporter: Reporter) -> tuple[MessageEvaluator, RecordedEffects]:
    listener = replace(
        LISTENER,
        # A listener of its own for each message: else an adapter would treat the same message as a retry, and send no second report.
        name=f"parity-{next(_NUMBERS)}",
        flow_direction=case.direction,
        organization_domains=frozenset(),
        authserv_ids=frozenset({"amazonses.com"}),
        junk_field=JUNK_FIELD,
        bypass_field=BYPASS_FIELD,
    )
    effects = RecordedEffects()
    evaluator = PolicyEvaluator(FixedPolicy(case.policy), platform, effects, case.make_services(), case.make_holds)
    return MessageEvaluator(listener, evaluator, reporter), effects


def read_new(sink: Sink) -> list[Passed]:
    """Return the messages that the next host has got since the last call."""
    found = [Passed(each.mail_from, each.recipients, each.content) for each in sink.received]
    sink.received.clear()
    return found


def _read_text(reply: str) -> str:
    """Return the text of a reply 550 in the form of `bounced`."""
    return " ".join(line[4:].partition(" ")[2] for line in reply.split("\n"))


def _read_replies(case: Case, replies: Sequence[str], passed: list[Passed], effects: RecordedEffects, *, received: bool = True) -> Result:
    """Return the result from the reply for each recipient, and what the next host has."""
    if any(reply.startswith("4") for reply in replies):
        assert not passed, "a held message is passed on"
        return Result(dict.fromkeys(map(str.lower, case.recipients), HELD), b"", effects.found)
    verdicts, content = read_passed(passed, case.recipients, received=received)
    for recipient, reply in zip(case.recipients, replies, strict=True):
        if reply.startswith("5"):
            verdicts[recipient.lower()] = bounced(_read_text(reply))
    return Result(verdicts, content, effects.found)


@contextmanager
def run_gateway(protocol: Protocol) -> Iterator[Path]:
    """Run the gateway, and return the path of a message through it."""
    with run_sink() as sink, run_listener(make_configuration(sink.port, protocol)) as running, running.connect(timeout=60.0) as client:
        client.greet("LHLO" if protocol is Protocol.LMTP else "EHLO")

        def send(case: Case) -> Result:
            running.listener.slot.evaluator, effects = make_evaluator(case, GATEWAY, Records())
            replies = client.begin(case.sender, *case.recipients)
            assert all(reply.startswith("250 ") for reply in replies), replies
            replies = [client.data(case.raw)]
            if protocol is Protocol.LMTP:
                replies += [client.read() for _ in case.recipients[1:]]
            else:
                replies *= len(case.recipients)
            return _read_replies(case, replies, read_new(sink), effects)

        yield send


@contextmanager
def run_milter_path() -> Iterator[Path]:
    """Run the milter and the model of a mail server, and return the path of a message through both."""
    journal = Journal()
    # The first evaluator is exchanged before the first message.
    with run_sink() as sink, run_milter(_NoEvaluator(), journal, sink.port) as milter, milter.connect() as client:
        # A mail server writes its small packets in one buffer.
        client.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

        def send(case: Case) -> Result:
            milter.listener.slot.evaluator, effects = make_evaluator(case, MILTER, journal)
            paths = [f"<{each}>".encode() for each in case.recipients]
            result = client.send(Transaction(read_by_mta(case.raw), paths, f"<{case.sender}>".encode()))
            passed = read_new(sink)
            if result.quarantine:
                return Result(dict.fromkeys(map(str.lower, case.recipients), HELD), b"", effects.found)
            if result.content is not None:
                recipients = tuple(each[1:-1].decode() for each in result.recipients)
                passed.append(Passed(case.sender or "<>", recipients, result.content))
            reply = result.text if result.reply == "y" else {"t": "451", "c": "250", "a": "250", "d": "250"}[result.reply]
            return _read_replies(case, [reply.replace("\r\n", "\n")] * len(case.recipients), passed, effects, received=False)

        yield send


class _NoEvaluator:
    def evaluate(self, received: Received, deadline: Deadline) -> Disposition:
        raise AssertionError("a message before the first evaluator")
