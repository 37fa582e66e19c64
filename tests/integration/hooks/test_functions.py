"""What each function does with a message, and what becomes of the message when something fails. Nothing below it is a stand-in."""

import json
import time
from typing import Any

import pytest

from local.workmail import LocalWorkMail
from mailhooks import errors
from mailhooks.hooks.runtime import HookFailed
from tests.integration.conftest import Load
from tests.support.mail import event

RAW = (
    b"From: from@example.net\r\nTo: user@example.com\r\nDate: Mon, 4 May 2026 08:00:00 +0000\r\nMessage-ID: <1@example.net>\r\n"
    b"X-Mailer: m\r\nSubject: =?utf-8?q?caf=C3=A9?=\r\n folded\r\n\r\n\x00 any octets \xff\r\n"
)
TAGGED = RAW.replace(b"X-Mailer: m\r\nSubject: ", b"Subject: [EXTERNAL] ")
SETTINGS = {"SUBJECT_TAG": "[EXTERNAL]", "REMOVE_HEADERS": "X-Mailer"}
DELIVER = {"actions": [{"action": {"type": "DEFAULT"}, "allRecipients": True}]}


class Remaining:
    """A Lambda context with so many seconds left."""

    def __init__(self, seconds: float) -> None:
        self._ends = time.monotonic() + seconds

    def get_remaining_time_in_millis(self) -> int:
        return int((self._ends - time.monotonic()) * 1000)


def arrive(workmail: LocalWorkMail, raw: bytes = RAW, **changes: Any) -> dict[str, Any]:
    """Puts a message into transit and gives the event that announces it."""
    return event(messageId=workmail.store.add(raw), **changes)


def objects(workmail: LocalWorkMail) -> list[dict[str, Any]]:
    client = workmail.client("s3")
    try:
        return client.list_object_versions(Bucket=workmail.bucket).get("Versions", [])
    finally:
        client.close()


def logged(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    return next(line for line in reversed(lines) if "_aws" not in line)


def test_rewrite_changes_the_message_in_transit_by_its_header_only(workmail: LocalWorkMail, load: Load):
    announced = arrive(workmail)
    assert load("rewrite", **SETTINGS).handler(announced, Remaining(14)) == DELIVER
    assert workmail.store.content(announced["messageId"]) == TAGGED
    assert workmail.store.puts(announced["messageId"]) == 1


def test_the_same_invocation_twice_changes_the_message_once(workmail: LocalWorkMail, load: Load, capsys):
    announced = arrive(workmail)
    handler = load("rewrite", **SETTINGS).handler
    for changed in (True, False):
        assert handler(announced, Remaining(14)) == DELIVER
        assert logged(capsys)["changed"] is changed
    assert workmail.store.content(announced["messageId"]) == TAGGED
    assert workmail.store.puts(announced["messageId"]) == len(objects(workmail)) == 1


def test_nothing_is_written_anywhere_for_a_message_that_is_as_it_should_be(workmail: LocalWorkMail, load: Load):
    announced = arrive(workmail, TAGGED)
    assert load("rewrite", **SETTINGS).handler(announced, Remaining(14)) == DELIVER
    assert workmail.store.puts(announced["messageId"]) == 0
    assert objects(workmail) == []


def test_the_object_has_a_key_that_workmail_takes_and_its_version_is_pinned(workmail: LocalWorkMail, load: Load):
    announced = arrive(workmail)
    load("rewrite", **SETTINGS).handler(announced, Remaining(14))
    [stored] = objects(workmail)
    [reference] = workmail.store.get(announced["messageId"]).references
    assert (reference.key, reference.version) == (stored["Key"], stored["VersionId"])
    assert stored["Key"].startswith(f"rewritten/{announced['messageId']}/")
    assert set(stored["Key"]).isdisjoint("._")


def test_a_bucket_without_versions_does_too(workmail: LocalWorkMail, load: Load):
    client = workmail.client("s3")
    client.create_bucket(Bucket="plain-bucket")
    client.close()
    announced = arrive(workmail)
    assert load("rewrite", **SETTINGS, REWRITE_BUCKET="plain-bucket").handler(announced, Remaining(14)) == DELIVER
    assert workmail.store.content(announced["messageId"]) == TAGGED
    assert workmail.store.get(announced["messageId"]).references[0].version is None


@pytest.mark.parametrize(
    "operation, error, status",
    [("get", "ResourceNotFoundException", 404), ("put", "MessageFrozen", 400), ("put", "MessageRejected", 400)],
)
def test_permanent_refusals_let_the_mail_go_on_unchanged(workmail: LocalWorkMail, load: Load, capsys, operation, error, status):
    announced = arrive(workmail)
    workmail.faults.add(
        operation, error=error, status=status, message="header Subject: My project; 'Date' and 'My secret' of <a@example.com>", times=None
    )
    assert load("rewrite", **SETTINGS, ON_ERROR="retry").handler(announced, Remaining(14)) == DELIVER
    assert workmail.store.content(announced["messageId"]) == RAW
    line = logged(capsys)
    assert line["reason"] == error
    assert line["detail"].endswith(": header Subject: <...>")


def test_a_message_that_is_gone_frozen_or_unacceptable_goes_on_unchanged_without_any_fault_on_order(
    workmail: LocalWorkMail, load: Load, capsys
):
    handler = load("rewrite", **SETTINGS).handler
    assert handler(event(messageId="no-such-message"), Remaining(14)) == DELIVER
    assert logged(capsys)["reason"] == "ResourceNotFoundException"
    frozen = arrive(workmail)
    workmail.store.freeze(frozen["messageId"])
    assert handler(frozen, Remaining(14)) == DELIVER
    assert logged(capsys)["reason"] == "MessageFrozen"
    long_line = arrive(workmail, RAW + b"x" * 2000 + b"\r\n")
    assert handler(long_line, Remaining(14)) == DELIVER
    line = logged(capsys)
    assert line["reason"] == "CannotChangeSafely"
    assert "also before the change" in line["detail"]
    assert workmail.store.content(long_line["messageId"]) == RAW + b"x" * 2000 + b"\r\n"
    assert not workmail.store.refusals(long_line["messageId"]), "what would be refused is not even tried"


def test_a_header_that_cannot_be_changed_safely_is_not_changed(workmail: LocalWorkMail, load: Load, capsys):
    broken = arrive(workmail, b"From: a@example.net\r\nbroken\r\nSubject: x\r\n\r\n")
    assert load("rewrite", **SETTINGS).handler(broken, Remaining(14)) == DELIVER
    assert logged(capsys)["reason"] == "CannotChangeSafely"
    assert workmail.store.puts(broken["messageId"]) == 0


@pytest.mark.parametrize("operation", ["get", "put"])
@pytest.mark.parametrize(
    "error, status, raised", [("ThrottlingException", 429, errors.Throttled), ("InternalFailure", 500, errors.ServiceFailed)]
)
def test_passing_trouble_is_raised_and_the_next_try_does_the_work_once(workmail, load: Load, operation, error, status, raised):
    announced = arrive(workmail)
    handler = load("rewrite", **SETTINGS, ON_ERROR="deliver").handler
    workmail.faults.add(operation, error=error, status=status, times=None)
    with pytest.raises(raised):
        handler(announced, Remaining(14))
    assert workmail.store.content(announced["messageId"]) == RAW
    workmail.faults.clear()
    assert handler(announced, Remaining(14)) == DELIVER
    assert workmail.store.content(announced["messageId"]) == TAGGED
    assert workmail.store.puts(announced["messageId"]) == 1


def test_a_short_throttling_is_overcome_within_the_invocation(workmail: LocalWorkMail, load: Load):
    announced = arrive(workmail)
    workmail.faults.add("get", error="ThrottlingException", status=429, times=1)
    assert load("rewrite", **SETTINGS).handler(announced, Remaining(14)) == DELIVER
    assert workmail.store.content(announced["messageId"]) == TAGGED


@pytest.mark.parametrize("operation", ["get", "put"])
def test_a_service_that_eats_the_deadline_is_left_in_time_to_say_so(workmail: LocalWorkMail, load: Load, capsys, operation):
    announced = arrive(workmail)
    workmail.faults.add(operation, delay_s=2.5)
    started = time.monotonic()
    with pytest.raises(errors.NoTimeLeft):
        load("rewrite", **SETTINGS).handler(announced, Remaining(1.5))
    assert time.monotonic() - started < 1.5, "Lambda would have ended the invocation without a log line"
    assert logged(capsys)["reason"] == "NoTimeLeft"


def test_a_put_that_ends_after_its_caller_gave_up_is_not_doubled_by_the_next_try(workmail: LocalWorkMail, load: Load):
    announced = arrive(workmail)
    handler = load("rewrite", **SETTINGS).handler
    workmail.faults.add("put", delay_s=1.0)
    with pytest.raises(errors.NoTimeLeft):
        handler(announced, Remaining(1.2))
    patience = time.monotonic() + 10
    while not workmail.store.puts(announced["messageId"]) and time.monotonic() < patience:
        time.sleep(0.02)
    assert handler(announced, Remaining(14)) == DELIVER
    assert workmail.store.content(announced["messageId"]) == TAGGED
    assert workmail.store.puts(announced["messageId"]) == 1


@pytest.mark.parametrize(
    "status, code, raised",
    [
        (503, "SlowDown", errors.Throttled),
        (500, "InternalError", errors.ServiceFailed),
        (400, "RequestTimeout", errors.ServiceFailed),
        (400, "ExpiredToken", errors.ServiceFailed),
    ],
)
def test_an_s3_that_is_busy_or_broken_is_passing_trouble(workmail, load: Load, refusing_s3, status, code, raised):
    announced = arrive(workmail)
    handler = load("rewrite", **SETTINGS, AWS_ENDPOINT_URL_S3=refusing_s3(status, code)).handler
    with pytest.raises(raised):
        handler(announced, Remaining(14))
    assert workmail.store.content(announced["messageId"]) == RAW


def test_an_s3_that_refuses_needs_an_administrator_and_on_error_decides_over_the_mail(
    workmail: LocalWorkMail, load: Load, refusing_s3, capsys
):
    announced = arrive(workmail)
    address = refusing_s3(403, "AccessDenied")
    assert load("rewrite", **SETTINGS, AWS_ENDPOINT_URL_S3=address).handler(announced, Remaining(14)) == DELIVER
    line = logged(capsys)
    assert (line["reason"], line["level"]) == ("Misconfigured", "ERROR")
    assert "AccessDenied" in line["detail"]
    with pytest.raises(HookFailed, match="Misconfigured"):
        load("rewrite", **SETTINGS, AWS_ENDPOINT_URL_S3=address, ON_ERROR="retry").handler(announced, Remaining(14))
    assert workmail.store.content(announced["messageId"]) == RAW


def test_a_connection_that_nobody_takes_is_passing_trouble(workmail: LocalWorkMail, load: Load):
    announced = arrive(workmail)
    with pytest.raises(errors.ServiceFailed):
        load("rewrite", **SETTINGS, AWS_ENDPOINT_URL_WORKMAILMESSAGEFLOW="http://127.0.0.1:9").handler(announced, Remaining(14))


def test_a_message_that_breaks_off_on_the_way_is_not_taken_for_the_whole(workmail: LocalWorkMail, load: Load, refusing_s3):
    """The refusing server answers a GET with less than it promises."""
    announced = arrive(workmail)
    address = refusing_s3(200, "")
    with pytest.raises(errors.ServiceFailed):
        load("rewrite", **SETTINGS, AWS_ENDPOINT_URL_WORKMAILMESSAGEFLOW=address).handler(announced, Remaining(14))


def test_a_content_location_that_workmail_cannot_read_is_for_an_administrator(workmail: LocalWorkMail, load: Load, capsys):
    announced = arrive(workmail)
    workmail.faults.add("put", error="InvalidContentLocation", status=400, times=None)
    assert load("rewrite", **SETTINGS).handler(announced, Remaining(14)) == DELIVER
    assert logged(capsys)["reason"] == "InvalidContentLocation"
    with pytest.raises(HookFailed, match="InvalidContentLocation"):
        load("rewrite", **SETTINGS, ON_ERROR="retry").handler(announced, Remaining(14))


@pytest.mark.parametrize(
    "name, value",
    [("REWRITE_BUCKET", "has.dots"), ("ADD_HEADERS", "no JSON"), ("REMOVE_HEADERS", "Content-Type"), ("SUBJECT_TAG", "x" * 61)],
)
def test_a_slip_of_the_pen_in_the_settings_holds_up_no_mail_unless_on_error_says_so(
    workmail: LocalWorkMail, load: Load, capsys, name, value
):
    announced = arrive(workmail)
    assert load("rewrite", **SETTINGS | {name: value}).handler(announced, Remaining(14)) == DELIVER
    line = logged(capsys)
    assert (line["level"], line["reason"]) == ("ERROR", "SettingsError")
    assert name in line["detail"]
    with pytest.raises(HookFailed, match="SettingsError"):
        load("rewrite", **SETTINGS | {name: value}, ON_ERROR="retry").handler(announced, Remaining(14))
    assert workmail.store.content(announced["messageId"]) == RAW


def test_without_a_bucket_the_mail_goes_on_and_the_log_says_what_is_missing(workmail: LocalWorkMail, load: Load, capsys):
    announced = arrive(workmail)
    assert load("rewrite", **SETTINGS, REWRITE_BUCKET="").handler(announced, Remaining(14)) == DELIVER
    assert "REWRITE_BUCKET is not set" in logged(capsys)["detail"]


def test_bounce_answers_by_recipient_and_never_touches_the_content(workmail: LocalWorkMail, load: Load, capsys):
    rules = [{"action": "BOUNCE", "recipients": ["ceo@example.com"], "bounceMessage": "Write to the office."}]
    announced = arrive(workmail)
    announced["envelope"]["recipients"].append({"address": "ceo@example.com"})
    workmail.faults.add("get", error="InternalFailure", status=500, times=None)
    assert load("bounce", BOUNCE_RULES=json.dumps(rules)).handler(announced, Remaining(14))["actions"] == [
        {"action": {"type": "BOUNCE", "parameters": {"bounceMessage": "Write to the office."}}, "recipients": ["ceo@example.com"]},
        *DELIVER["actions"],
    ]
    assert logged(capsys)["verdict"] == ["BOUNCE", "DEFAULT"]


def test_bounce_raises_what_it_does_not_understand_rather_than_let_mail_through(load: Load):
    with pytest.raises(HookFailed, match="ContractError"):
        load("bounce").handler({}, Remaining(14))


def test_observe_logs_and_counts_a_message_once_though_its_event_comes_twice(workmail: LocalWorkMail, load: Load, capsys):
    announced = arrive(workmail, direction="OUTBOUND", sender="assistant@example.com")
    handler = load("observe").handler
    for _ in range(2):
        assert handler(announced, Remaining(60)) is None
    documents = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    metrics = [document for document in documents if "_aws" in document]
    assert len(metrics) == 1
    assert (metrics[0]["MessageSize"], metrics[0]["direction"], metrics[0]["Messages"]) == ([len(RAW)], "OUTBOUND", [1.0])
    assert [line.get("duplicate", False) for line in documents if "_aws" not in line] == [False, True]
    assert workmail.store.puts(announced["messageId"]) == 0


def test_observe_leaves_the_content_alone_when_told_to_and_bears_a_message_that_is_gone(workmail: LocalWorkMail, load: Load, capsys):
    assert load("observe", OBSERVE_CONTENT="false").handler(event(messageId="gone"), Remaining(60)) is None
    assert "reason" not in logged(capsys)
    assert load("observe", OBSERVE_CONTENT="true").handler(event(messageId="gone"), Remaining(60)) is None
    assert logged(capsys)["reason"] == "ResourceNotFoundException"


def test_a_large_message_comes_through_whole(workmail: LocalWorkMail, load: Load):
    raw = RAW + b"0123456789abcdef\r\n" * 500_000
    announced = arrive(workmail, raw)
    assert load("rewrite", **SETTINGS).handler(announced, Remaining(14)) == DELIVER
    assert workmail.store.content(announced["messageId"]) == TAGGED + raw[len(RAW) :]
