"""The mail path of SES: the function `ses` reads a stored message and passes it on by SMTP.

The bucket and the table are in memory: tests/integration/ses has them on a local AWS.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from mailhooks.deadline import Deadline
from mailhooks.relay.errors import TryAgain
from mailhooks.relay.platforms import SES
from mailhooks.ses.bounces import BounceService
from mailhooks.ses.delivery import Delivery, EvaluationRecord
from mailhooks.ses.message_table import MessageRecord, MessageTable
from mailhooks.ses.object_store import ObjectStore
from mailhooks.ses.pass_on import NextHost
from mailhooks.ses.reasons import Reason
from mailhooks.ses.receipt_event import Receipt
from mailhooks.ses.report import Attempt
from mailhooks.ses.settings import SesSettings
from tests.integration.parity.adapter_paths import Path, make_evaluator, read_new
from tests.integration.parity.cases import Case
from tests.integration.parity.result import HELD, Result, bounced, read_passed
from tests.support.smtp_sink import run_sink


class _Store(ObjectStore):
    """Has one message."""

    content = b""

    def __init__(self) -> None:
        pass

    def read(self, message_id: str, deadline: Deadline) -> bytes:
        return self.content


class _Table(MessageTable):
    """Keeps in the record alone what is done."""

    def __init__(self) -> None:
        pass

    def add_passed(self, record: MessageRecord, recipients: Iterable[str], deadline: Deadline) -> None:
        record.passed |= set(map(str.lower, recipients))

    def add_bounced(self, record: MessageRecord, recipients: Iterable[str], deadline: Deadline) -> None:
        record.bounced |= set(map(str.lower, recipients))

    def mark_as_reported(self, record: MessageRecord, deadline: Deadline) -> None:
        record.is_reported = True


class _Bounces(BounceService):
    """Keeps the texts of bounce messages by recipient in lower case."""

    def __init__(self) -> None:
        self.texts: dict[str, str] = {}

    def _send(self, receipt: Receipt, reason: Reason, recipients: Iterable[str], content: bytes, deadline: Deadline) -> None:
        self.texts |= {each.lower(): reason.text for each in recipients}


@contextmanager
def run_ses() -> Iterator[Path]:
    """Run the next host of the function, and return the path of a message through both."""
    store, table, bounces = _Store(), _Table(), _Bounces()
    with run_sink() as sink:
        host = NextHost(SesSettings(next_host=f"127.0.0.1:{sink.port}", next_host_tls="none"))
        delivery = Delivery(store, table, bounces, host)

        def send(case: Case) -> Result:
            store.content, bounces.texts = case.raw, {}
            kept = EvaluationRecord()
            evaluator, effects = make_evaluator(case, SES, kept)
            receipt = Receipt("m-1", case.sender, case.recipients, 0.0)
            record = MessageRecord("m-1", receipt, "i-1", 1, 1e12)
            try:
                delivery.run(record, Attempt(receipt), evaluator, kept, Deadline.after(60), Deadline.after(60))
            except TryAgain:
                assert not read_new(sink), "a held message is passed on"
                return Result(dict.fromkeys(map(str.lower, case.recipients), HELD), b"", effects.found)
            verdicts, content = read_passed(read_new(sink), case.recipients, received=True)
            return Result(verdicts | {each: bounced(text) for each, text in bounces.texts.items()}, content, effects.found)

        yield send
