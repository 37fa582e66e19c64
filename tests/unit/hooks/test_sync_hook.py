"""The runtime of a synchronous hook, with content in memory; tests/integration uses the local WorkMail."""

from contextlib import suppress
from typing import Any

import pytest

from mailhooks import errors
from mailhooks.contract import ContractError, Verdict
from mailhooks.hooks.runtime import HookFailed, Mail, Reply
from mailhooks.mime.edits import Edit
from mailhooks.settings import OnError
from tests.support.hooks import DELIVER, HEADER, MESSAGE, SHOUTED, Context, Memory, handler_of, shout
from tests.support.mail import event


def test_a_hook_that_returns_none_delivers_to_all_and_fetches_nothing():
    memory = Memory()
    assert handler_of(lambda mail: None, memory)(event(), None) == DELIVER
    assert (memory.gets, memory.puts) == (0, 0)


def test_content_is_fetched_once_and_written_once():
    memory = Memory()

    def twice(mail: Mail) -> None:
        mail.replace(mail.raw + b"more")
        mail.replace(mail.raw.replace(b"Body", b"BODY"))

    assert handler_of(twice, memory)(event(), None) == DELIVER
    assert (memory.gets, memory.puts) == (1, 1)
    assert list(memory.messages.values()) == [SHOUTED]


def test_nothing_is_written_when_nothing_changed(log):
    memory = Memory()
    handler_of(lambda mail: mail.replace(bytes(bytearray(mail.raw))), memory)(event(), None)
    assert memory.puts == 0
    assert log().lines[0]["changed"] is False


def test_nothing_is_written_for_a_message_without_delivery():
    memory = Memory()

    def change_and_drop(mail: Mail) -> Verdict:
        shout(mail)
        return mail.verdict().drop()

    response = handler_of(change_and_drop, memory)(event(), None)
    assert response["actions"][0]["action"] == {"type": "DROP"}
    assert memory.puts == 0


def test_an_invalid_verdict_leaves_no_change_behind():
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


def test_recipients_can_be_added_in_the_organization_domains():
    def add(mail: Mail) -> Verdict:
        return mail.verdict().add("archive@example.com")

    response = handler_of(add, organization_domains=frozenset({"example.com"}))(event(), None)
    assert response["actions"][0] == {"action": {"type": "DEFAULT"}, "recipients": ["archive@example.com"]}
    with pytest.raises(HookFailed, match="ContractError"):
        handler_of(add, on_error=OnError.RETRY)(event(), None)


@pytest.mark.parametrize(
    "error", [errors.MessageFrozen, errors.MessageRejected, errors.ResourceNotFoundException, errors.CannotChangeSafely]
)
def test_a_permanent_error_delivers_unchanged_and_is_logged_and_counted(error, log):
    for memory in (Memory(get_error=error("why")), Memory(put_error=error("why"))):
        assert handler_of(shout, memory, on_error=OnError.RETRY)(event(), None) == DELIVER
        assert list(memory.messages.values()) == [MESSAGE]
        printed = log()
        assert printed.lines[0] | {"level": "WARNING", "reason": error.__name__, "detail": "why", "changed": False} == printed.lines[0]
        assert printed.metrics[0][f"Reason{error.__name__}"] == printed.metrics[0]["Permanent"] == [1.0]


@pytest.mark.parametrize("change_first", [True, False])
def test_a_hook_that_raises_leaves_no_change_behind(change_first: bool, log):
    memory = Memory()

    def halfway(mail: Mail) -> None:
        if change_first:
            mail.replace(mail.raw + b"half done")
        raise errors.CannotChangeSafely("signed")

    assert handler_of(halfway, memory)(event(), None) == DELIVER
    assert memory.puts == 0
    assert log().lines[0]["changed"] is False


def test_a_verdict_stays_if_the_content_cannot_be_changed():
    def bounce_one(mail: Mail) -> Verdict:
        shout(mail)
        return mail.verdict().bounce("no", to="b@example.com")

    response = handler_of(bounce_one, Memory(put_error=errors.MessageFrozen()))(event("a@example.com", "b@example.com"), None)
    assert response["actions"][0]["recipients"] == ["b@example.com"]


@pytest.mark.parametrize("error", [errors.Throttled, errors.ServiceFailed, errors.NoTimeLeft])
def test_a_transient_error_is_raised_with_any_on_error(error, log):
    for on_error in OnError:
        for memory in (Memory(get_error=error("why")), Memory(put_error=error("why"))):
            with pytest.raises(error):
                handler_of(shout, memory, on_error=on_error)(event(), None)
            printed = log()
            assert (printed.lines[0]["level"], printed.lines[0]["reason"]) == ("ERROR", error.__name__)
            assert printed.metrics[0]["Passing"] == [1.0]


def test_the_on_error_of_a_hook_is_the_default_of_the_setting():
    class Strict:
        on_error = OnError.RETRY

        def __call__(self, mail: Mail) -> None:
            raise KeyError

    with pytest.raises(HookFailed, match="KeyError in hook Strict"):
        handler_of(Strict())(event(), None)
    assert handler_of(Strict(), on_error=OnError.DELIVER)(event(), None) == DELIVER


def test_a_verdict_stays_after_an_unexpected_error_of_the_put():
    def bounce_one(mail: Mail) -> Verdict:
        shout(mail)
        return mail.verdict().bounce("no", to="b@example.com")

    response = handler_of(bounce_one, Memory(put_error=errors.Misconfigured()))(event("a@example.com", "b@example.com"), None)
    assert response["actions"][0]["recipients"] == ["b@example.com"]


def test_an_invalid_event_follows_on_error_and_its_place_is_logged(log):
    document = event(flowDirection="SIDEWAYS")
    assert handler_of(shout)(document, None) == DELIVER
    assert log().lines[0]["detail"].startswith("at /flowDirection: expected one of INBOUND, OUTBOUND")
    with pytest.raises(HookFailed, match="ContractError"):
        handler_of(shout, on_error=OnError.RETRY)(document, None)


def test_a_hook_can_read_the_time_left():
    left = []

    def ask(mail: Mail) -> None:
        left.append(mail.time_left())

    handler = handler_of(ask)
    handler(event(), None)
    handler(event(), Context())
    assert 13 < left[0] <= 13.5
    assert 2 < left[1] <= 2.5


def test_a_message_cannot_be_replaced_by_nothing_or_by_too_much(log):
    memory = Memory()
    handler_of(lambda mail: mail.replace(b""), memory)(event(), None)
    assert log().lines[0]["reason"] == "ValueError"
    handler_of(lambda mail: mail.replace(bytes(40 * 1024 * 1024 + 1)), memory)(event(), None)
    assert log().lines[0]["reason"] == "MessageRejected"
    assert memory.puts == 0


def test_a_hook_that_returns_another_type_is_an_unexpected_error(log):
    assert handler_of(lambda mail: {"actions": []})(event(), None) == DELIVER
    assert log().lines[0]["reason"] == "TypeError"


def test_contract_errors_are_value_errors_that_hooks_may_catch():
    assert issubclass(ContractError, ValueError)


def test_a_change_adds_a_missing_closing_delimiter():
    cut = HEADER + b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nBody\r\n"
    memory = Memory({event()["messageId"]: cut})
    place = cut.index(b"Subject")

    def tag(mail: Mail) -> None:
        mail.edit([Edit(place, place, b"X-Tag: 1\r\n")])

    assert handler_of(tag, memory)(event(), None) == DELIVER
    assert memory.messages[event()["messageId"]] == cut.replace(b"Subject", b"X-Tag: 1\r\nSubject") + b"\r\n--b--\r\n"


def test_an_unchanged_message_gets_no_closing_delimiter():
    cut = HEADER + b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nBody\r\n"
    memory = Memory({event()["messageId"]: cut})
    assert handler_of(lambda mail: mail.edit([]), memory)(event(), None) == DELIVER
    assert memory.puts == 0


def test_a_hook_can_read_why_its_change_would_be_rejected():
    def bounce_what_cannot_be_tagged(mail: Mail) -> Verdict | None:
        mail.edit([Edit(0, 0, b"X-Tag: " + b"x" * 1000 + b"\r\n")])
        rejections = mail.rejections()
        assert rejections == mail.rejections() == mail.refusals()
        return mail.verdict().bounce(f"Sorry: {rejections[0].code}") if rejections else None

    memory = Memory()
    answer = handler_of(bounce_what_cannot_be_tagged, memory)(event(), None)
    assert answer["actions"][0]["action"]["parameters"]["bounceMessage"] == "Sorry: a line has more than 998 octets before its CRLF"
    assert memory.puts == 0


def test_a_reply_adds_log_fields_and_counts(log):
    def count_words(mail: Mail) -> Reply:
        return Reply(log={"words": 3}, counts={"Words": 3})

    assert handler_of(count_words)(event(), None) == DELIVER
    printed = log()
    assert (printed.lines[0]["words"], printed.metrics[0]["Words"]) == (3, [3.0])


def test_a_reply_can_replace_itself_if_its_change_is_rejected(log):
    def shout_or_drop(mail: Mail) -> Reply:
        shout(mail)
        return Reply(change=mail.change, on_put_rejected=lambda error: Reply(mail.verdict().drop(), log={"dropped": True}))

    handler = handler_of(shout_or_drop, Memory(put_error=errors.MessageFrozen("why")))
    assert handler(event(), None)["actions"][0]["action"] == {"type": "DROP"}
    line = log().lines[0]
    assert (line["reason"], line["dropped"], line["verdict"]) == ("MessageFrozen", True, ["DROP"])


def test_a_message_that_cannot_be_read_is_fetched_once(log):
    memory = Memory(get_error=errors.ResourceNotFoundException("why"))

    def read_twice(mail: Mail) -> None:
        for _ in range(2):
            with suppress(errors.PermanentError):
                _ = mail.raw

    assert handler_of(read_twice, memory)(event(), None) == DELIVER
    assert memory.gets == 1


def test_a_hook_that_names_too_many_recipients_holds_up_no_mail(log: Any) -> None:
    """The response is wrong as a whole. By default the message is delivered to its recipients; with ON_ERROR=retry WorkMail tries again."""
    recipients = [f"r{number}@example.net" for number in range(502)]

    def drop_nearly_all(mail: Mail) -> Verdict:
        mail.replace(mail.raw + b"more")
        return mail.verdict().drop(to=recipients[1:])

    memory = Memory()
    assert handler_of(drop_nearly_all, memory)(event(*recipients, direction="OUTBOUND"), None) == DELIVER
    assert (log().lines[0]["reason"], memory.puts) == ("ContractError", 0)
    with pytest.raises(HookFailed, match="ContractError"):
        handler_of(drop_nearly_all, memory, on_error=OnError.RETRY)(event(*recipients, direction="OUTBOUND"), None)
