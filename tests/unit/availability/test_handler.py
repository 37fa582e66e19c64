"""The Lambda handler: its configuration, its log, and a result for every mailbox."""

import json
import threading
from collections.abc import Callable
from typing import Any

import pytest

from mailhooks.availability.errors import AuthenticationFailed, MailboxNotFound, Unreachable
from mailhooks.availability.function import config
from mailhooks.availability.function.handler import availability_handler
from mailhooks.availability.function.report import LogKey
from mailhooks.availability.model import Schedule
from mailhooks.contract import ContractError
from mailhooks.contract.availability import check_availability_response
from mailhooks.errors import SettingsError
from tests.support.backends import Fake, at, details, request
from tests.support.hooks import settings

CALDAV = {"type": "caldav", "url": "https://dav.example.net/{mailbox}/", "username": "svc", "password": "first-password"}
DOCUMENT: dict[str, Any] = {"backends": {"dav": CALDAV}, "routes": [{"mailboxes": ["example.net"], "backend": "dav"}]}


class Text:
    """A source with a text that a test can change."""

    def __init__(self, document: Any) -> None:
        self.text = document if isinstance(document, str) else json.dumps(document)
        self.trouble: Exception | None = None
        self.readings: list[bool] = []
        self.released = threading.Event()
        self.released.set()

    def read(self, *, fresh: bool) -> str:
        self.readings.append(fresh)
        self.released.wait(60)
        if self.trouble:
            raise self.trouble
        return self.text


@pytest.fixture
def backends(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[Fake]]:
    """`backends(first, second)`: the backends to create, one after the other."""

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
    """Return the log lines and the metrics."""
    printed = [json.loads(line) for line in capsys.readouterr().out.splitlines() if line.startswith("{")]
    return [line for line in printed if "_aws" not in line], [line for line in printed if "_aws" in line]


def test_a_request_is_served_by_the_configured_backend(backends: Callable[..., Any]) -> None:
    backends(Fake({"a@example.net": (at(9),)}))
    response = made(Text(DOCUMENT))(request("a@example.net", "b@example.org"), None)
    assert errors(response) == [None, "ErrorAvailabilityConfigNotFound"]


def test_the_log_and_metrics_have_counts_and_no_addresses(backends: Callable[..., Any], capsys: pytest.CaptureFixture[str]) -> None:
    fake = Fake(
        script=lambda boxes, _: {boxes[0]: Schedule((at(9, details=details("Secret")),)), boxes[1]: MailboxNotFound("unknown there")}
    )
    backends(fake)
    document = DOCUMENT | {"details": [{"requesters": ["*"], "show": "details"}]}
    made(Text(document))(request("a@example.net", "b@example.net"), None)
    text = capsys.readouterr().out
    [line, metrics, _] = [json.loads(line) for line in text.splitlines()]
    assert (line["mailboxes"], line["asked"], line["failed"], line["events"]) == (2, {"dav": 2}, {"MailboxNotFound": 1}, 1)
    assert line["reasons"] == ["unknown there"]
    assert line.keys() <= {*LogKey, "level", "message", "service", "timestamp"}
    assert (metrics["Requests"], metrics["Mailboxes"], metrics["MailboxesFailed"], metrics["ReasonMailboxNotFound"]) == ([1], [2], [1], [1])
    assert not {word for word in ("example.net", "Secret", "ana", "first-password") if word in text}


def test_each_backend_has_metrics_of_its_own(backends: Callable[..., Any], capsys: pytest.CaptureFixture[str]) -> None:
    calendars = Fake(
        script=lambda boxes, _: {boxes[0]: Schedule((at(9),)), boxes[1]: MailboxNotFound("unknown"), boxes[2]: Unreachable("no connection")}
    )
    backends(calendars, Fake({"d@example.org": (at(9),)}))
    routes = [{"mailboxes": ["example.net"], "backend": "dav"}, {"mailboxes": ["example.org"], "backend": "second"}]
    handler = made(Text(DOCUMENT | {"backends": {"dav": CALDAV, "second": CALDAV}, "routes": routes}))
    handler(request("a@example.net", "b@example.net", "c@example.net", "C@example.net", "d@example.org"), None)
    [line], [_, *by_backend] = lines(capsys)
    assert line["failedLookups"] == {"dav": 1}
    assert [(each["backend"], each["Lookups"], each["LookupsFailed"]) for each in by_backend] == [("dav", [3], [1]), ("second", [1], [0])]
    assert [set(each["_aws"]["CloudWatchMetrics"][0]["Dimensions"][0]) for each in by_backend] == [{"service", "hook", "backend"}] * 2


def test_a_broken_request_has_an_error_for_each_mailbox(capsys: pytest.CaptureFixture[str]) -> None:
    response = made(Text(DOCUMENT))(request("a@example.net") | {"window": None}, None)
    assert errors(response) == ["ErrorFreeBusyGenerationFailed"]
    [line], [metrics] = lines(capsys)
    assert (line["reason"], metrics["Failed"]) == ("ContractError", [1])
    assert "/window" in line["detail"]


@pytest.mark.parametrize(
    "changes",
    [
        {"requester": None},
        {"requester": {"email": "ana@example.com", "userId": "", "bearer": 7, "origin": {"ip": "127.0.0.1"}}},
        {"window": {"startDate": "2026-05-04t00:00:00z", "endDate": "2026-05-04T23:59:60-00:00", "zone": None}},
        {"somethingNew": 1},
    ],
)
def test_an_odd_request_has_events(backends: Callable[..., Any], changes: dict[str, Any]) -> None:
    backends(Fake({"a@example.net": (at(9),)}))
    [mailbox] = made(Text(DOCUMENT))(request("a@example.net") | changes, None)["mailboxes"]
    assert len(mailbox["events"]) == 1


@pytest.mark.parametrize("bad", ["", " ", "@", "a@", "@example.net", "no address", "a@b@example.net", "\ud800@example.net", "x" * 100_000])
def test_one_bad_mailbox_does_not_affect_the_others(backends: Callable[..., Any], bad: str) -> None:
    backends(Fake({"a@example.net": (at(9),)}))
    response = made(Text(DOCUMENT))(request(bad, "a@example.net"), None)
    check_availability_response(response)
    first, second = response["mailboxes"]
    assert (first["mailbox"], len(second["events"])) == (bad, 1)


def test_a_mailbox_that_is_not_a_string_is_left_out(backends: Callable[..., Any]) -> None:
    backends(Fake())
    document = request("a@example.net") | {"mailboxes": [None, "a@example.net", {"mailbox": "b@example.net"}]}
    assert made(Text(DOCUMENT))(document, None) == {"mailboxes": [{"mailbox": "a@example.net", "events": []}]}
    broken = made(Text("{"))(document, None)
    assert broken == {"mailboxes": [{"mailbox": "a@example.net", "error": "ErrorAvailabilityConfigNotFound"}]}


@pytest.mark.parametrize("event", [None, [], {}, {"mailboxes": "a@example.net"}, {"mailboxes": [1]}])
def test_an_event_without_mailboxes_is_rejected(event: Any) -> None:
    with pytest.raises(ContractError):
        made(Text(DOCUMENT))(event, None)


@pytest.mark.parametrize("document", ["", "{", "[]", json.dumps({"backends": {}, "routes": []})])
def test_an_invalid_configuration_is_an_error_of_each_mailbox(document: str, capsys: pytest.CaptureFixture[str]) -> None:
    response = made(Text(document))(request("a@example.net"), None)
    assert errors(response) == ["ErrorAvailabilityConfigNotFound"]
    assert lines(capsys)[0][0]["reason"] == "SettingsError"


def test_without_a_setting_the_log_names_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert errors(availability_handler(settings=settings())(request("a@example.net"), None)) == ["ErrorAvailabilityConfigNotFound"]
    assert "AVAILABILITY_SECRET" in lines(capsys)[0][0]["detail"]


def test_the_last_valid_configuration_is_kept(backends: Callable[..., Any], capsys: pytest.CaptureFixture[str]) -> None:
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


def test_an_unreadable_secret_is_not_read_for_every_request(backends: Callable[..., Any]) -> None:
    backends(Fake())
    source = Text(DOCUMENT)
    handler = made(source)
    source.trouble = SettingsError("gone")
    for _ in range(5):
        assert errors(handler(request("a@example.net"), None)) == [None]
    assert len(source.readings) == 2


def test_a_missing_configuration_is_read_for_every_request(backends: Callable[..., Any]) -> None:
    backends(Fake())
    source = Text("not yet")
    handler = made(source)
    assert errors(handler(request("a@example.net"), None)) == ["ErrorAvailabilityConfigNotFound"]
    source.text = json.dumps(DOCUMENT)
    assert errors(handler(request("a@example.net"), None)) == [None]


def test_rotated_credentials_work_in_the_same_request(backends: Callable[..., Any]) -> None:
    old, new = Fake(failures=[AuthenticationFailed("x")] * 9), Fake({"a@example.net": (at(9),)})
    backends(old, new)
    source = Text(DOCUMENT)
    handler = made(source)
    first = source.text

    def read(*, fresh: bool) -> str:
        source.readings.append(fresh)
        return first.replace("first", "second") if fresh else first

    source.read = read
    assert errors(handler(request("a@example.net"), None)) == [None]
    assert source.readings == [False, False, True]
    assert (len(old.calls), len(new.calls)) == (1, 1)


def test_wrong_credentials_are_read_again_only_after_a_while(backends: Callable[..., Any]) -> None:
    backends(Fake(failures=[AuthenticationFailed("x")] * 99))
    source = Text(DOCUMENT)
    handler = made(source)
    for _ in range(4):
        assert errors(handler(request("a@example.net"), None)) != [None]
    assert source.readings.count(True) == 1


def test_cached_schedules_are_kept_after_a_rotation(backends: Callable[..., Any]) -> None:
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


def test_no_look_up_starts_if_lambda_has_no_time_left(backends: Callable[..., Any]) -> None:
    fake = Fake()
    backends(fake)
    assert errors(made(Text(DOCUMENT))(request("a@example.net"), Context(900))) == ["ErrorTimeoutExpired"]
    assert fake.calls == []


def test_an_unexpected_error_is_an_error_of_each_mailbox(
    backends: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    backends(Fake())
    handler = made(Text(DOCUMENT))

    def broken(*_: Any) -> None:
        raise ZeroDivisionError("a@example.net")

    monkeypatch.setattr("mailhooks.availability.provider.look_up", broken)
    assert errors(handler(request("a@example.net", "b@example.net"), None)) == ["ErrorFreeBusyGenerationFailed"] * 2
    assert "a@example.net" not in capsys.readouterr().out


def test_reading_the_secret_ends_at_the_deadline(backends: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mailhooks.availability.function.handler._MIN_READ_S", 0.1)
    backends(Fake({"a@example.net": (at(9),)}))
    source = Text(DOCUMENT | {"budgetSeconds": 20})
    handler = made(source)
    source.released.clear()
    # The response is sent one second before the end of Lambda's two seconds, although the secret is not read yet.
    assert errors(handler(request("a@example.net"), Context(2000))) == ["ErrorTimeoutExpired"]
    source.released.set()


def test_a_request_without_time_does_not_make_the_next_ones_count_as_failed(
    backends: Callable[..., Any], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    backends(Fake({"a@example.net": (at(9),)}))
    source = Text(DOCUMENT | {"cacheSeconds": 0})
    handler = made(source)
    # 300 ms are left for the response: the last configuration is used without a read.
    handler(request("a@example.net"), Context(1300))
    assert len(source.readings) == 1
    # The read begins, but the time is over before it ends.
    monkeypatch.setattr("mailhooks.availability.function.handler._MIN_READ_S", 0.1)
    source.released.clear()
    assert errors(handler(request("a@example.net"), Context(1300))) == ["ErrorTimeoutExpired"]
    source.released.set()
    capsys.readouterr()
    for _ in range(3):
        assert errors(handler(request("a@example.net"), Context(20_000))) == [None]
    printed, metrics = lines(capsys)
    assert [line["message"] for line in printed] == ["the request was served"] * 3
    assert [each["Failed"] for each in metrics if "Failed" in each] == [[0]] * 3


def test_a_first_read_without_time_is_repeated(backends: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    backends(Fake())
    monkeypatch.setattr("mailhooks.availability.function.handler._FIRST_READ_S", 0.0)
    handler = made(Text(DOCUMENT))
    assert errors(handler(request("a@example.net"), Context(900))) == ["ErrorTimeoutExpired"]
    assert errors(handler(request("a@example.net"), Context(20_000))) == [None]


def test_only_mailboxes_with_rejected_credentials_are_retried(backends: Callable[..., Any]) -> None:
    def old(boxes: Any, _: Any) -> dict[str, Any]:
        return {box: AuthenticationFailed("x") if box.startswith("a") else Schedule((at(9),)) for box in boxes}

    new = Fake({"a@example.net": (at(10), at(11))})
    backends(Fake(script=old), new)
    source = Text(DOCUMENT | {"cacheSeconds": 0})
    handler = made(source)
    first = source.text
    source.read = lambda *, fresh: first.replace("first", "second") if fresh else first
    response = handler(request("a@example.net", "b@example.net"), None)
    assert [len(mailbox["events"]) for mailbox in response["mailboxes"]] == [2, 1]
    assert [boxes for boxes, _ in new.calls] == [("a@example.net",)]
