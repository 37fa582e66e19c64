"""Each function with a message, and with errors, on the local WorkMail over HTTP."""

import json
import time
from typing import Any

import pytest

from mailhooks import errors
from mailhooks.hooks.runtime import HookFailed
from tests.integration.conftest import Load
from tests.support.hooks import without_stamp
from tests.support.mail import event
from workmail_local.workmail import LocalWorkMail

RAW = (
    b"From: from@example.net\r\nTo: user@example.com\r\nDate: Mon, 4 May 2026 08:00:00 +0000\r\nMessage-ID: <1@example.net>\r\n"
    b"X-Mailer: m\r\nSubject: =?utf-8?q?caf=C3=A9?=\r\n folded\r\n\r\n\x00 any octets \xff\r\n"
)
TAGGED = RAW.replace(b"Subject: ", b"Subject: [EXTERNAL] ")
SETTINGS = {"SUBJECT_TAG": "[EXTERNAL]"}
DELIVER = {"actions": [{"action": {"type": "DEFAULT"}, "allRecipients": True}]}


class Remaining:
    """A Lambda context with some seconds left."""

    def __init__(self, seconds: float) -> None:
        self._ends = time.monotonic() + seconds

    def get_remaining_time_in_millis(self) -> int:
        return int((self._ends - time.monotonic()) * 1000)


def arrive(workmail: LocalWorkMail, raw: bytes = RAW, **changes: Any) -> dict[str, Any]:
    """Add a message in transit and return its event."""
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


def test_rewrite_changes_only_the_header(workmail: LocalWorkMail, load: Load):
    document = arrive(workmail)
    assert load("rewrite", **SETTINGS).handler(document, Remaining(14)) == DELIVER
    assert without_stamp(workmail.store.content(document["messageId"])) == TAGGED
    assert workmail.store.puts(document["messageId"]) == 1


def test_the_same_invocation_twice_changes_the_message_once(workmail: LocalWorkMail, load: Load, capsys):
    document = arrive(workmail)
    handler = load("rewrite", **SETTINGS).handler
    for changed in (True, False):
        assert handler(document, Remaining(14)) == DELIVER
        assert logged(capsys)["changed"] is changed
    assert without_stamp(workmail.store.content(document["messageId"])) == TAGGED
    assert workmail.store.puts(document["messageId"]) == len(objects(workmail)) == 1


def test_nothing_is_written_for_a_message_that_needs_no_change(workmail: LocalWorkMail, load: Load):
    document = arrive(workmail, TAGGED)
    assert load("rewrite", **SETTINGS).handler(document, Remaining(14)) == DELIVER
    assert workmail.store.puts(document["messageId"]) == 0
    assert objects(workmail) == []


def test_the_object_has_a_valid_key_and_a_pinned_version(workmail: LocalWorkMail, load: Load):
    document = arrive(workmail)
    load("rewrite", **SETTINGS).handler(document, Remaining(14))
    [stored] = objects(workmail)
    [reference] = workmail.store.get(document["messageId"]).references
    assert (reference.key, reference.version) == (stored["Key"], stored["VersionId"])
    assert stored["Key"].startswith(f"rewritten/{document['messageId']}/")
    assert set(stored["Key"]).isdisjoint("._")


def test_a_bucket_without_versions_works(workmail: LocalWorkMail, load: Load):
    client = workmail.client("s3")
    client.create_bucket(Bucket="plain-bucket")
    client.close()
    document = arrive(workmail)
    assert load("rewrite", **SETTINGS, REWRITE_BUCKET="plain-bucket").handler(document, Remaining(14)) == DELIVER
    assert without_stamp(workmail.store.content(document["messageId"])) == TAGGED
    assert workmail.store.get(document["messageId"]).references[0].version is None


@pytest.mark.parametrize(
    "operation, error, status",
    [("get", "ResourceNotFoundException", 404), ("put", "MessageFrozen", 400), ("put", "MessageRejected", 400)],
)
def test_a_permanent_error_delivers_the_mail_unchanged(workmail: LocalWorkMail, load: Load, capsys, operation, error, status):
    document = arrive(workmail)
    workmail.faults.add(
        operation, error=error, status=status, message="header Subject: My project; 'Date' and 'My secret' of <a@example.com>", times=None
    )
    assert load("rewrite", **SETTINGS, ON_ERROR="retry").handler(document, Remaining(14)) == DELIVER
    assert workmail.store.content(document["messageId"]) == RAW
    line = logged(capsys)
    assert line["reason"] == error
    assert line["detail"].endswith(": header Subject: <...>")


def test_a_missing_frozen_or_rejected_message_is_delivered_unchanged(workmail: LocalWorkMail, load: Load, capsys):
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
    assert not workmail.store.rejections(long_line["messageId"]), "what would be refused is not even tried"


def test_a_header_that_cannot_be_changed_safely_is_not_changed(workmail: LocalWorkMail, load: Load, capsys):
    broken = arrive(workmail, b"From: a@example.net\r\nbroken\r\nSubject: x\r\n\r\n")
    assert load("rewrite", **SETTINGS).handler(broken, Remaining(14)) == DELIVER
    assert logged(capsys)["reason"] == "CannotChangeSafely"
    assert workmail.store.puts(broken["messageId"]) == 0


@pytest.mark.parametrize("operation", ["get", "put"])
@pytest.mark.parametrize(
    "error, status, raised", [("ThrottlingException", 429, errors.Throttled), ("InternalFailure", 500, errors.ServiceFailed)]
)
def test_a_transient_error_is_raised_and_the_retry_changes_the_message_once(workmail, load: Load, operation, error, status, raised):
    document = arrive(workmail)
    handler = load("rewrite", **SETTINGS, ON_ERROR="deliver").handler
    workmail.faults.add(operation, error=error, status=status, times=None)
    with pytest.raises(raised):
        handler(document, Remaining(14))
    assert workmail.store.content(document["messageId"]) == RAW
    workmail.faults.clear()
    assert handler(document, Remaining(14)) == DELIVER
    assert without_stamp(workmail.store.content(document["messageId"])) == TAGGED
    assert workmail.store.puts(document["messageId"]) == 1


def test_a_short_throttling_is_retried_within_the_invocation(workmail: LocalWorkMail, load: Load):
    document = arrive(workmail)
    workmail.faults.add("get", error="ThrottlingException", status=429, times=1)
    assert load("rewrite", **SETTINGS).handler(document, Remaining(14)) == DELIVER
    assert without_stamp(workmail.store.content(document["messageId"])) == TAGGED


@pytest.mark.parametrize("operation", ["get", "put"])
def test_a_slow_service_is_dropped_in_time_for_an_answer(workmail: LocalWorkMail, load: Load, capsys, operation):
    document = arrive(workmail)
    handler = load("rewrite", **SETTINGS).handler
    workmail.faults.add(operation, delay_s=2.5)
    started = time.monotonic()
    with pytest.raises(errors.NoTimeLeft):
        handler(document, Remaining(1.5))
    assert time.monotonic() - started < 1.5, "Lambda would have ended the invocation without a log line"
    assert logged(capsys)["reason"] == "NoTimeLeft"


def test_a_put_that_ends_after_the_deadline_is_not_repeated_by_the_retry(workmail: LocalWorkMail, load: Load):
    document = arrive(workmail)
    handler = load("rewrite", **SETTINGS).handler
    workmail.faults.add("put", delay_s=1.0)
    with pytest.raises(errors.NoTimeLeft):
        handler(document, Remaining(1.2))
    patience = time.monotonic() + 10
    while not workmail.store.puts(document["messageId"]) and time.monotonic() < patience:
        time.sleep(0.02)
    assert handler(document, Remaining(14)) == DELIVER
    assert without_stamp(workmail.store.content(document["messageId"])) == TAGGED
    assert workmail.store.puts(document["messageId"]) == 1


@pytest.mark.parametrize(
    "status, code, raised",
    [
        (503, "SlowDown", errors.Throttled),
        (500, "InternalError", errors.ServiceFailed),
        (400, "RequestTimeout", errors.ServiceFailed),
        (400, "ExpiredToken", errors.ServiceFailed),
    ],
)
def test_a_busy_or_broken_s3_is_a_transient_error(workmail, load: Load, refusing_s3, status, code, raised):
    document = arrive(workmail)
    handler = load("rewrite", **SETTINGS, AWS_ENDPOINT_URL_S3=refusing_s3(status, code)).handler
    with pytest.raises(raised):
        handler(document, Remaining(14))
    assert workmail.store.content(document["messageId"]) == RAW


def test_on_error_decides_when_s3_denies_access(workmail: LocalWorkMail, load: Load, refusing_s3, capsys):
    document = arrive(workmail)
    address = refusing_s3(403, "AccessDenied")
    assert load("rewrite", **SETTINGS, AWS_ENDPOINT_URL_S3=address).handler(document, Remaining(14)) == DELIVER
    line = logged(capsys)
    assert (line["reason"], line["level"]) == ("Misconfigured", "ERROR")
    assert "AccessDenied" in line["detail"]
    with pytest.raises(HookFailed, match="Misconfigured"):
        load("rewrite", **SETTINGS, AWS_ENDPOINT_URL_S3=address, ON_ERROR="retry").handler(document, Remaining(14))
    assert workmail.store.content(document["messageId"]) == RAW


def test_a_refused_connection_to_the_service_is_a_transient_error(workmail: LocalWorkMail, load: Load):
    document = arrive(workmail)
    with pytest.raises(errors.ServiceFailed):
        load("rewrite", **SETTINGS, AWS_ENDPOINT_URL_WORKMAILMESSAGEFLOW="http://127.0.0.1:9").handler(document, Remaining(14))


def test_a_truncated_download_is_an_error(workmail: LocalWorkMail, load: Load, refusing_s3):
    """The server answers a GET with less content than its Content-Length."""
    document = arrive(workmail)
    address = refusing_s3(200, "")
    with pytest.raises(errors.ServiceFailed):
        load("rewrite", **SETTINGS, AWS_ENDPOINT_URL_WORKMAILMESSAGEFLOW=address).handler(document, Remaining(14))


def test_an_unreadable_content_location_is_a_configuration_error(workmail: LocalWorkMail, load: Load, capsys):
    document = arrive(workmail)
    workmail.faults.add("put", error="InvalidContentLocation", status=400, times=None)
    assert load("rewrite", **SETTINGS).handler(document, Remaining(14)) == DELIVER
    assert logged(capsys)["reason"] == "InvalidContentLocation"
    with pytest.raises(HookFailed, match="InvalidContentLocation"):
        load("rewrite", **SETTINGS, ON_ERROR="retry").handler(document, Remaining(14))


@pytest.mark.parametrize(
    "name, value",
    [("REWRITE_BUCKET", "has.dots"), ("ADD_HEADERS", '{"X-A": "1"}'), ("SUBJECT_TAG", ""), ("SUBJECT_TAG", "x" * 61)],
)
def test_an_invalid_setting_holds_up_mail_only_if_on_error_is_retry(workmail: LocalWorkMail, load: Load, capsys, name, value):
    document = arrive(workmail)
    assert load("rewrite", **SETTINGS | {name: value}).handler(document, Remaining(14)) == DELIVER
    line = logged(capsys)
    assert (line["level"], line["reason"]) == ("ERROR", "SettingsError")
    assert name in line["detail"]
    with pytest.raises(HookFailed, match="SettingsError"):
        load("rewrite", **SETTINGS | {name: value}, ON_ERROR="retry").handler(document, Remaining(14))
    assert workmail.store.content(document["messageId"]) == RAW


def test_without_a_bucket_the_mail_is_delivered_and_the_log_names_the_setting(workmail: LocalWorkMail, load: Load, capsys):
    document = arrive(workmail)
    assert load("rewrite", **SETTINGS, REWRITE_BUCKET="").handler(document, Remaining(14)) == DELIVER
    assert "REWRITE_BUCKET is not set" in logged(capsys)["detail"]


def test_bounce_decides_by_recipient_and_never_fetches_the_content(workmail: LocalWorkMail, load: Load, capsys):
    rules = [{"action": "BOUNCE", "recipients": ["ceo@example.com"], "bounceMessage": "Write to the office."}]
    document = arrive(workmail)
    document["envelope"]["recipients"].append({"address": "ceo@example.com"})
    workmail.faults.add("get", error="InternalFailure", status=500, times=None)
    assert load("bounce", BOUNCE_RULES=json.dumps(rules)).handler(document, Remaining(14))["actions"] == [
        {"action": {"type": "BOUNCE", "parameters": {"bounceMessage": "Write to the office."}}, "recipients": ["ceo@example.com"]},
        *DELIVER["actions"],
    ]
    assert logged(capsys)["verdict"] == ["BOUNCE", "DEFAULT"]


def test_bounce_raises_an_unexpected_error_instead_of_delivering(load: Load):
    with pytest.raises(HookFailed, match="ContractError"):
        load("bounce").handler({}, Remaining(14))


def test_observe_counts_a_message_once_if_its_event_comes_twice(workmail: LocalWorkMail, load: Load, capsys):
    document = arrive(workmail, direction="OUTBOUND", sender="assistant@example.com")
    handler = load("observe").handler
    for _ in range(2):
        assert handler(document, Remaining(60)) is None
    documents = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    metrics = [document for document in documents if "_aws" in document]
    assert len(metrics) == 1
    assert (metrics[0]["MessageSize"], metrics[0]["direction"], metrics[0]["Messages"]) == ([len(RAW)], "OUTBOUND", [1.0])
    assert [line.get("duplicate", False) for line in documents if "_aws" not in line] == [False, True]
    assert workmail.store.puts(document["messageId"]) == 0


def test_observe_tolerates_a_missing_message(workmail: LocalWorkMail, load: Load, capsys):
    assert load("observe").handler(event(messageId="gone"), Remaining(60)) is None
    assert logged(capsys)["reason"] == "ResourceNotFoundException"


def test_a_large_message_arrives_whole(workmail: LocalWorkMail, load: Load):
    raw = RAW + b"0123456789abcdef\r\n" * 500_000
    document = arrive(workmail, raw)
    assert load("rewrite", **SETTINGS).handler(document, Remaining(14)) == DELIVER
    assert without_stamp(workmail.store.content(document["messageId"])) == TAGGED + raw[len(RAW) :]
