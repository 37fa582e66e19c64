"""The shell around a hook. Content comes from a stand-in here; tests/integration has the real servers."""

import itertools
import json
from dataclasses import dataclass, field
from typing import Any

import pytest

from mailhooks import errors
from mailhooks.contract import ContractError, Verdict
from mailhooks.deadline import Deadline
from mailhooks.hook import Handler, HookFailed, Mail, async_hook, sync_hook
from mailhooks.settings import OnError, Settings
from tests.mail import event

DELIVER = {"actions": [{"action": {"type": "DEFAULT"}, "allRecipients": True}]}
MESSAGE = b"Subject: a secret subject\r\n\r\nBody\r\n"


@dataclass
class Memory:
    """Messages in a dictionary; `trouble` is raised instead of an answer."""

    messages: dict[str, bytes] = field(default_factory=lambda: {event()["messageId"]: MESSAGE})
    get_trouble: Exception | None = None
    put_trouble: Exception | None = None
    gets: int = 0
    puts: int = 0

    def get(self, message_id: str, deadline: Deadline) -> bytes:
        self.gets += 1
        if self.get_trouble:
            raise self.get_trouble
        return self.messages[message_id]

    def put(self, message_id: str, content: bytes, deadline: Deadline) -> None:
        self.puts += 1
        if self.put_trouble:
            raise self.put_trouble
        self.messages[message_id] = content


@dataclass
class Log:
    """What one handler printed: its log lines and its metrics."""

    lines: list[dict[str, Any]]
    metrics: list[dict[str, Any]]
    text: str


@pytest.fixture
def log(capsys: pytest.CaptureFixture[str]):
    def read() -> Log:
        text = capsys.readouterr().out
        documents = [json.loads(line) for line in text.splitlines()]
        return Log([d for d in documents if "_aws" not in d], [d for d in documents if "_aws" in d], text)

    return read


def shout(mail: Mail) -> None:
    mail.replace(mail.raw.upper())


_NUMBERS = itertools.count()


def settings(**changes: Any) -> Settings:
    """Each with a service, so a logger, of its own: Powertools' loggers keep the standard output of the test that came first."""
    return Settings(service=f"test-{next(_NUMBERS)}", **changes)


def handler_of(hook: Any, content: Any = None, **changes: Any) -> Handler:
    return sync_hook(hook, content=content or Memory(), settings=settings(**changes))


def test_a_hook_that_says_nothing_lets_the_mail_go_to_everybody_and_touches_nothing():
    memory = Memory()
    assert handler_of(lambda mail: None, memory)(event(), None) == DELIVER
    assert (memory.gets, memory.puts) == (0, 0)


def test_content_is_read_once_however_often_it_is_touched_and_written_once():
    memory = Memory()

    def twice(mail: Mail) -> None:
        mail.replace(mail.raw + mail.raw)
        mail.replace(mail.raw.upper())

    assert handler_of(twice, memory)(event(), None) == DELIVER
    assert (memory.gets, memory.puts) == (1, 1)
    assert list(memory.messages.values()) == [MESSAGE.upper()]


def test_nothing_is_written_when_nothing_changed(log):
    memory = Memory()
    handler_of(lambda mail: mail.replace(bytes(bytearray(mail.raw))), memory)(event(), None)
    assert memory.puts == 0
    assert log().lines[0]["changed"] is False


def test_nothing_is_written_for_a_message_that_nobody_gets():
    memory = Memory()

    def change_and_drop(mail: Mail) -> Verdict:
        shout(mail)
        return mail.verdict().drop()

    response = handler_of(change_and_drop, memory)(event(), None)
    assert response["actions"][0]["action"] == {"type": "DROP"}
    assert memory.puts == 0


def test_a_verdict_that_cannot_be_said_leaves_no_change_behind():
    memory = Memory()

    def eleven_bounces(mail: Mail) -> Verdict:
        shout(mail)
        verdict = mail.verdict()
        for number, recipient in enumerate(mail.event.recipients):
            verdict.bounce(str(number), to=recipient)
        return verdict

    document = event(*(f"user{n}@example.com" for n in range(11)))
    assert handler_of(eleven_bounces, memory)(document, None) == DELIVER
    assert memory.puts == 0


def test_recipients_may_be_added_in_the_domains_that_the_setting_lists():
    def add(mail: Mail) -> Verdict:
        return mail.verdict().add("archive@example.com")

    response = handler_of(add, organization_domains=frozenset({"example.com"}))(event(), None)
    assert response["actions"][0] == {"action": {"type": "DEFAULT"}, "recipients": ["archive@example.com"]}
    with pytest.raises(HookFailed, match="ContractError"):
        handler_of(add, on_error=OnError.RETRY)(event(), None)


@pytest.mark.parametrize(
    "trouble", [errors.MessageFrozen, errors.MessageRejected, errors.ResourceNotFoundException, errors.CannotChangeSafely]
)
def test_permanent_trouble_lets_the_mail_go_on_unchanged_with_the_reason_logged_and_counted(trouble, log):
    for memory in (Memory(get_trouble=trouble("why")), Memory(put_trouble=trouble("why"))):
        assert handler_of(shout, memory, on_error=OnError.RETRY)(event(), None) == DELIVER
        assert list(memory.messages.values()) == [MESSAGE]
        printed = log()
        assert printed.lines[0] | {"level": "WARNING", "reason": trouble.__name__, "detail": "why", "changed": False} == printed.lines[0]
        assert printed.metrics[0][trouble.__name__] == printed.metrics[0]["Permanent"] == [1.0]


def test_a_verdict_stands_though_the_content_could_not_be_changed():
    def bounce_one(mail: Mail) -> Verdict:
        shout(mail)
        return mail.verdict().bounce("no", to="b@example.com")

    response = handler_of(bounce_one, Memory(put_trouble=errors.MessageFrozen()))(event("a@example.com", "b@example.com"), None)
    assert response["actions"][0]["recipients"] == ["b@example.com"]


@pytest.mark.parametrize("trouble", [errors.Throttled, errors.ServiceFailed, errors.NoTimeLeft])
def test_passing_trouble_is_raised_whatever_on_error_says_so_that_workmail_tries_again(trouble, log):
    for on_error in OnError:
        for memory in (Memory(get_trouble=trouble("why")), Memory(put_trouble=trouble("why"))):
            with pytest.raises(trouble):
                handler_of(shout, memory, on_error=on_error)(event(), None)
            printed = log()
            assert (printed.lines[0]["level"], printed.lines[0]["reason"]) == ("ERROR", trouble.__name__)
            assert printed.metrics[0]["Passing"] == [1.0]


def broken(mail: Mail) -> None:
    raise ValueError(f"cannot read {mail.raw!r} for {mail.event.recipients}")


def test_an_unforeseen_error_lets_the_mail_go_on_unchanged_by_default(log):
    assert handler_of(broken)(event(), None) == DELIVER
    printed = log()
    assert printed.lines[0] | {"level": "ERROR", "reason": "ValueError", "changed": False} == printed.lines[0]
    assert printed.lines[0]["frames"][-1].startswith("test_hook.py:")
    assert printed.metrics[0]["Failed"] == printed.metrics[0]["ValueError"] == [1.0]


def test_an_unforeseen_error_is_raised_when_on_error_says_retry_and_gives_nothing_of_the_mail_away(log):
    with pytest.raises(HookFailed) as caught:
        handler_of(broken, on_error=OnError.RETRY)(event(), None)
    assert "secret" not in str(caught.value)
    assert caught.value.__suppress_context__
    assert "secret" not in log().text


def test_a_hooks_own_on_error_counts_where_the_setting_is_silent():
    class Strict:
        on_error = OnError.RETRY

        def __call__(self, mail: Mail) -> None:
            raise KeyError

    with pytest.raises(HookFailed, match="KeyError in hook Strict"):
        handler_of(Strict())(event(), None)
    assert handler_of(Strict(), on_error=OnError.DELIVER)(event(), None) == DELIVER


def test_an_unforeseen_error_of_the_write_lets_the_verdict_stand():
    def bounce_one(mail: Mail) -> Verdict:
        shout(mail)
        return mail.verdict().bounce("no", to="b@example.com")

    response = handler_of(bounce_one, Memory(put_trouble=errors.Misconfigured()))(event("a@example.com", "b@example.com"), None)
    assert response["actions"][0]["recipients"] == ["b@example.com"]


def test_an_event_that_breaks_the_contract_follows_on_error_and_is_logged_with_its_place(log):
    document = event(flowDirection="SIDEWAYS")
    assert handler_of(shout)(document, None) == DELIVER
    assert log().lines[0]["detail"].startswith("at /flowDirection: expected one of INBOUND, OUTBOUND")
    with pytest.raises(HookFailed, match="ContractError"):
        handler_of(shout, on_error=OnError.RETRY)(document, None)


def test_a_log_line_has_identifiers_and_counts_and_neither_addresses_nor_subjects(log):
    handler_of(shout)(event("a@example.com", "b@example.com"), None)
    printed = log()
    assert (
        printed.lines[0]
        | {
            "hook": "shout",
            "messageId": event()["messageId"],
            "invocationId": event()["invocationId"],
            "direction": "INBOUND",
            "recipientCount": 2,
            "verdict": ["DEFAULT"],
            "changed": True,
            "bytes": len(MESSAGE),
            "bytesWritten": len(MESSAGE),
            "coldStart": True,
        }
        == printed.lines[0]
    )
    assert printed.lines[0]["milliseconds"] >= 0
    assert "@" not in printed.text
    assert "subject" not in printed.text.lower()


def test_addresses_and_subjects_are_logged_when_the_setting_says_so(log):
    handler_of(broken, log_addresses=True)(event("a@example.com", sender="c@example.org"), None)
    line = log().lines[0]
    assert (line["recipients"], line["sender"], line["subject"]) == (["a@example.com"], "c@example.org", "A subject")
    assert "a secret subject" in line["detail"]


def test_each_message_gives_one_log_line_and_one_set_of_metrics(log):
    handler = handler_of(shout)
    for _ in range(3):
        handler(event(), None)
    printed = log()
    assert len(printed.lines) == len(printed.metrics) == 3
    assert [line["coldStart"] for line in printed.lines] == [True, False, False]
    metrics = printed.metrics[0]
    assert metrics["_aws"]["CloudWatchMetrics"][0]["Namespace"] == "WorkMailHooks"
    assert (metrics["hook"], metrics["direction"], metrics["VerdictDefault"], metrics["Recipients"]) == ("shout", "INBOUND", [1.0], [1.0])


def test_a_message_is_not_held_up_when_the_log_cannot_be_written(monkeypatch, capsys):
    handler = handler_of(shout)
    monkeypatch.setattr("aws_lambda_powertools.metrics.EphemeralMetrics.flush_metrics", broken)
    assert handler(event(), None) == DELIVER
    assert "log line or metrics are missing" in capsys.readouterr().err


class Context:
    """Lambda's, with 3 seconds left."""

    def get_remaining_time_in_millis(self) -> int:
        return 3000


def test_a_hook_can_ask_how_long_it_has():
    left = []

    def ask(mail: Mail) -> None:
        left.append(mail.time_left())

    handler = handler_of(ask)
    handler(event(), None)
    handler(event(), Context())
    assert 13 < left[0] <= 13.5
    assert 2 < left[1] <= 2.5


def test_a_message_cannot_be_replaced_by_nothing_nor_by_more_than_workmail_takes(log):
    memory = Memory()
    handler_of(lambda mail: mail.replace(b""), memory)(event(), None)
    assert log().lines[0]["reason"] == "ValueError"
    handler_of(lambda mail: mail.replace(bytes(40 * 1024 * 1024 + 1)), memory)(event(), None)
    assert log().lines[0]["reason"] == "CannotChangeSafely"
    assert memory.puts == 0


def test_an_asynchronous_hook_answers_nothing_and_cannot_change_the_message(log):
    memory = Memory()
    assert async_hook(lambda mail: mail.raw, content=memory, settings=settings())(event(), Context()) is None
    assert log().lines[0]["bytes"] == len(MESSAGE)
    with pytest.raises(HookFailed, match="TypeError"):
        async_hook(shout, content=memory, settings=settings())(event(), Context())
    assert memory.puts == 0


def test_an_asynchronous_hook_gives_up_on_permanent_trouble_and_raises_the_rest_for_lambda_to_retry(log):
    def read(mail: Mail) -> None:
        _ = mail.raw

    def run(trouble: Exception, **changes: Any) -> None:
        async_hook(read, content=Memory(get_trouble=trouble), settings=settings(**changes))(event(), Context())

    run(errors.ResourceNotFoundException())
    assert log().metrics[0]["ResourceNotFoundException"] == [1.0]
    with pytest.raises(errors.Throttled):
        run(errors.Throttled())
    with pytest.raises(HookFailed, match="Misconfigured"):
        run(errors.Misconfigured())
    run(errors.Misconfigured(), on_error=OnError.DELIVER)


def test_the_same_event_twice_is_noticed_once_by_an_asynchronous_hook_and_again_after_a_failure(log):
    memory = Memory(get_trouble=errors.Throttled())
    seen = []

    def notice(mail: Mail) -> None:
        seen.append(mail.raw)

    handler = async_hook(notice, content=memory, settings=settings())
    with pytest.raises(errors.Throttled):
        handler(event(), Context())
    memory.get_trouble = None
    log()
    for _ in range(2):
        handler(event(), Context())
    handler(event(invocationId="another"), Context())
    printed = log()
    assert len(seen) == 2
    assert [line.get("duplicate", False) for line in printed.lines] == [False, True, False]
    assert len(printed.metrics) == 2


def test_a_hook_that_returns_something_else_than_a_verdict_is_a_mistake_not_an_answer(log):
    assert handler_of(lambda mail: {"actions": []})(event(), None) == DELIVER
    assert log().lines[0]["reason"] == "TypeError"


def test_contract_errors_are_value_errors_that_hooks_may_catch():
    assert issubclass(ContractError, ValueError)
