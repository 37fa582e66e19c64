"""The handler around the provider: its configuration, read, kept and read anew; its log; an answer for everybody."""

import json
import threading
from collections.abc import Callable
from typing import Any

import pytest

from mailhooks.availability.errors import AuthenticationFailed, MailboxNotFound
from mailhooks.availability.function import config
from mailhooks.availability.function.handler import availability_handler
from mailhooks.availability.model import Schedule
from mailhooks.contract import ContractError
from mailhooks.errors import SettingsError
from tests.support.backends import Fake, at, details, request
from tests.support.hooks import settings

CALDAV = {"type": "caldav", "url": "https://dav.example.net/{mailbox}/", "username": "svc", "password": "first-password"}
DOCUMENT: dict[str, Any] = {"backends": {"dav": CALDAV}, "routes": [{"mailboxes": ["example.net"], "backend": "dav"}]}


class Text:
    """A configuration's source whose text a test may change."""

    def __init__(self, document: Any) -> None:
        self.text = document if isinstance(document, str) else json.dumps(document)
        self.trouble: Exception | None = None
        self.readings: list[bool] = []

    def read(self, *, fresh: bool) -> str:
        self.readings.append(fresh)
        if self.trouble:
            raise self.trouble
        return self.text


@pytest.fixture
def backends(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[Fake]]:
    """`backends(first, second)`: what the configuration's backends are, each time that one is set up."""

    def use(*fakes: Fake) -> list[Fake]:
        waiting = list(fakes)
        monkeypatch.setattr(config, "_create_backend", lambda _name, _config: waiting.pop(0))
        return waiting

    return use


def made(source: Text, **changes: Any) -> Any:
    return availability_handler(settings=settings(**changes), source=source)


def errors(response: dict[str, Any]) -> list[str | None]:
    return [mailbox.get("error") for mailbox in response["mailboxes"]]


def lines(capsys: pytest.CaptureFixture[str]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Log lines and metrics."""
    printed = [json.loads(line) for line in capsys.readouterr().out.splitlines() if line.startswith("{")]
    return [line for line in printed if "_aws" not in line], [line for line in printed if "_aws" in line]


def test_a_request_is_answered_by_the_configured_backend(backends: Callable[..., Any]) -> None:
    backends(Fake({"a@example.net": (at(9),)}))
    response = made(Text(DOCUMENT))(request("a@example.net", "b@example.org"), None)
    assert errors(response) == [None, "ErrorAvailabilityConfigNotFound"]


def test_one_line_and_one_set_of_metrics_tell_counts_and_kinds_and_no_address(
    backends: Callable[..., Any], capsys: pytest.CaptureFixture[str]
) -> None:
    fake = Fake(
        script=lambda boxes, _: {boxes[0]: Schedule((at(9, details=details("Secret")),)), boxes[1]: MailboxNotFound("unknown there")}
    )
    backends(fake)
    document = DOCUMENT | {"details": [{"requesters": ["*"], "show": "details"}]}
    made(Text(document))(request("a@example.net", "b@example.net"), None)
    text = capsys.readouterr().out
    [line, metrics] = [json.loads(line) for line in text.splitlines()]
    assert (line["mailboxes"], line["asked"], line["failed"], line["events"]) == (2, {"dav": 2}, {"MailboxNotFound": 1}, 1)
    assert line["reasons"] == ["unknown there"]
    assert (metrics["Requests"], metrics["Mailboxes"], metrics["MailboxesFailed"], metrics["ReasonMailboxNotFound"]) == ([1], [2], [1], [1])
    assert not {word for word in ("example.net", "Secret", "ana", "first-password") if word in text}


def test_a_request_that_breaks_the_contract_gets_an_error_for_each_mailbox_that_it_names(capsys: pytest.CaptureFixture[str]) -> None:
    response = made(Text(DOCUMENT))(request("a@example.net") | {"window": None}, None)
    assert errors(response) == ["ErrorFreeBusyGenerationFailed"]
    [line], [metrics] = lines(capsys)
    assert (line["reason"], metrics["Failed"]) == ("ContractError", [1])
    assert "/window" in line["detail"]


@pytest.mark.parametrize("event", [None, [], {}, {"mailboxes": "a@example.net"}, {"mailboxes": [1]}])
def test_what_is_no_request_at_all_is_refused(event: Any) -> None:
    with pytest.raises(ContractError):
        made(Text(DOCUMENT))(event, None)


@pytest.mark.parametrize("document", ["", "{", "[]", json.dumps({"backends": {}, "routes": []})])
def test_without_a_configuration_that_can_be_meant_every_mailbox_says_so(document: str, capsys: pytest.CaptureFixture[str]) -> None:
    response = made(Text(document))(request("a@example.net"), None)
    assert errors(response) == ["ErrorAvailabilityConfigNotFound"]
    assert lines(capsys)[0][0]["reason"] == "SettingsError"


def test_without_any_setting_the_log_says_which_to_set(capsys: pytest.CaptureFixture[str]) -> None:
    assert errors(availability_handler(settings=settings())(request("a@example.net"), None)) == ["ErrorAvailabilityConfigNotFound"]
    assert "AVAILABILITY_SECRET" in lines(capsys)[0][0]["detail"]


def test_a_configuration_that_turns_bad_leaves_the_last_good_one_in_force_and_is_reported(
    backends: Callable[..., Any], capsys: pytest.CaptureFixture[str]
) -> None:
    backends(Fake(), Fake())
    source = Text(DOCUMENT)
    handler = made(source)
    source.text = '{"backends": {"dav": {"type": "caldav", "password": "second-password"}}}'
    assert errors(handler(request("a@example.net"), None)) == [None]
    text = capsys.readouterr().out
    assert "second-password" not in text
    assert json.loads(text.splitlines()[0])["reason"] == "SettingsError"
    source.trouble = SettingsError("the secret cannot be read")
    assert errors(handler(request("a@example.net"), None)) == [None]


def test_while_the_secret_cannot_be_read_it_is_not_asked_for_with_every_request(backends: Callable[..., Any]) -> None:
    backends(Fake())
    source = Text(DOCUMENT)
    handler = made(source)
    source.trouble = SettingsError("gone")
    for _ in range(5):
        assert errors(handler(request("a@example.net"), None)) == [None]
    assert len(source.readings) == 2


def test_without_a_good_one_a_configuration_is_looked_for_with_every_request(backends: Callable[..., Any]) -> None:
    backends(Fake())
    source = Text("not yet")
    handler = made(source)
    assert errors(handler(request("a@example.net"), None)) == ["ErrorAvailabilityConfigNotFound"]
    source.text = json.dumps(DOCUMENT)
    assert errors(handler(request("a@example.net"), None)) == [None]


def test_credentials_that_were_rotated_work_in_the_same_request(backends: Callable[..., Any]) -> None:
    old, new = Fake(failures=[AuthenticationFailed("x")] * 9), Fake({"a@example.net": (at(9),)})
    backends(old, new)
    source = Text(DOCUMENT)
    handler = made(source)
    first = source.text

    def read(*, fresh: bool) -> str:
        source.readings.append(fresh)
        return first.replace("first", "second") if fresh else first

    source.read = read  # type: ignore[method-assign]
    assert errors(handler(request("a@example.net"), None)) == [None]
    assert source.readings == [False, False, True]
    assert (len(old.calls), len(new.calls)) == (1, 1)


def test_credentials_that_are_just_wrong_are_read_anew_once_in_a_while_only(backends: Callable[..., Any]) -> None:
    backends(Fake(failures=[AuthenticationFailed("x")] * 99))
    source = Text(DOCUMENT)
    handler = made(source)
    for _ in range(4):
        assert errors(handler(request("a@example.net"), None)) != [None]
    assert source.readings.count(True) == 1


def test_what_is_known_is_kept_over_a_rotation(backends: Callable[..., Any]) -> None:
    old, new = Fake({"a@example.net": (at(9),)}), Fake()
    backends(old, new)
    source = Text(DOCUMENT)
    handler = made(source)
    handler(request("a@example.net"), None)
    source.text = source.text.replace("first", "second")
    [mailbox] = handler(request("a@example.net"), None)["mailboxes"]
    assert len(mailbox["events"]) == 1
    assert new.calls == []


class Context:
    def __init__(self, milliseconds: int) -> None:
        self._milliseconds = milliseconds

    def get_remaining_time_in_millis(self) -> int:
        return self._milliseconds


def test_when_lambda_has_no_time_left_the_answer_leaves_without_asking(backends: Callable[..., Any]) -> None:
    fake = Fake()
    backends(fake)
    assert errors(made(Text(DOCUMENT))(request("a@example.net"), Context(900))) == ["ErrorTimeoutExpired"]
    assert fake.calls == []


def test_an_unforeseen_mistake_of_ours_is_an_error_of_each_mailbox(
    backends: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    backends(Fake())
    handler = made(Text(DOCUMENT))

    def broken(*_: Any) -> None:
        raise ZeroDivisionError("a@example.net")

    monkeypatch.setattr("mailhooks.availability.provider.look_up", broken)
    assert errors(handler(request("a@example.net", "b@example.net"), None)) == ["ErrorFreeBusyGenerationFailed"] * 2
    assert "a@example.net" not in capsys.readouterr().out


class Slow(Text):
    """A source that takes its time from the second reading on."""

    released = threading.Event()

    def read(self, *, fresh: bool) -> str:
        text = super().read(fresh=fresh)
        if len(self.readings) > 1:
            self.released.wait(60)
        return text


def test_a_secret_that_is_read_slowly_does_not_hold_up_the_answer_beyond_its_time(backends: Callable[..., Any]) -> None:
    backends(Fake({"a@example.net": (at(9),)}))
    handler = made(Slow(DOCUMENT | {"budgetSeconds": 20}))
    # Lambda's two seconds, less the second that is kept back, are over before the secret is read: the answer leaves all the same.
    assert errors(handler(request("a@example.net"), Context(2000))) == ["ErrorTimeoutExpired"]
    Slow.released.set()


def test_only_those_who_were_refused_are_asked_for_again_and_the_others_answers_stand(backends: Callable[..., Any]) -> None:
    def old(boxes: Any, _: Any) -> dict[str, Any]:
        return {box: AuthenticationFailed("x") if box.startswith("a") else Schedule((at(9),)) for box in boxes}

    new = Fake({"a@example.net": (at(10), at(11))})
    backends(Fake(script=old), new)
    source = Text(DOCUMENT | {"cacheSeconds": 0})
    handler = made(source)
    first = source.text
    source.read = lambda *, fresh: first.replace("first", "second") if fresh else first  # type: ignore[method-assign]
    response = handler(request("a@example.net", "b@example.net"), None)
    assert [len(mailbox["events"]) for mailbox in response["mailboxes"]] == [2, 1]
    assert [boxes for boxes, _ in new.calls] == [("a@example.net",)]
