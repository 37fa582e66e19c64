"""The send form, the availability form, and JSON."""

import pytest

from mailhooks.contract import FlowDirection
from tests.integration.workmail_local.web.fakes import NOW, answered
from tests.integration.workmail_local.web.pages import ALTERNATIVE, CHANGED, PLAIN, Site
from workmail_local.runtime.invocation import Invocation
from workmail_local.web.guard import MAX_UPLOAD


def test_written_message_is_sent_and_its_trace_opens(site: Site) -> None:
    form = {"direction": "OUTBOUND", "kind": "write", "mail_from": "ana@example.com", "recipients": "clara@example.org dora@example.net"}
    answer = site.post("/send", files={"file": ("", b"")}, data=form | {"subject": "Grüße\r\nBcc: x@example.org", "text": "Hallo\r\nÄ"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/messages/1")
    [(direction, mail_from, recipients, raw)] = site.actions.sent
    assert (direction, mail_from, recipients) == (FlowDirection.OUTBOUND, "ana@example.com", ("clara@example.org", "dora@example.net"))
    assert b"\r\nBcc:" not in raw
    assert b"\r\n" in raw
    assert b"\n" not in raw.replace(b"\r\n", b"")


def test_sample_and_file_are_sent_unchanged_with_the_envelope_of_their_header(site: Site) -> None:
    site.actions.files["one"] = ALTERNATIVE
    assert site.post("/send", data={"kind": "sample", "sample": "one"}).status_code == 303
    uploaded = site.post("/send", data={"kind": "file", "mail_from": "<>"}, files={"file": ("../../x.eml", PLAIN.replace(b"\r", b""))})
    assert uploaded.status_code == 303
    assert [(sent[1], sent[2], sent[3]) for sent in site.actions.sent] == [
        ("clara@example.org", ("ana@example.com",), ALTERNATIVE),
        ("", ("ana@example.com",), PLAIN),
    ]


@pytest.mark.parametrize(
    "form, why",
    [
        ({"kind": "write", "recipients": "ana@example.com"}, "From: give an address"),
        ({"kind": "write", "mail_from": "a@example.org"}, "To: give at least one address"),
        ({"kind": "sample", "sample": "../secret"}, "there is no sample of this name"),
        ({"kind": "file"}, "choose a message"),
        ({"kind": "sample", "sample": "no-recipient"}, "names no recipient"),
    ],
)
def test_invalid_send_form_shows_the_problem_and_keeps_the_input(site: Site, form: dict[str, str], why: str) -> None:
    site.actions.files["no-recipient"] = b"From: a@example.org\r\n\r\n"
    answer = site.post("/send", data={"subject": "Kept", **form})
    assert answer.status_code == 422
    assert why in answer.text
    assert 'value="Kept"' in answer.text
    assert not site.actions.sent


def test_reply_of_the_smtp_server_is_shown(site: Site) -> None:
    site.actions.refusal = "550 5.1.1 no such user <here>"
    answer = site.post("/send", data={"kind": "write", "mail_from": "a@example.org", "recipients": "x@example.com"})
    assert "550 5.1.1 no such user &lt;here&gt;" in answer.text


def test_too_large_request_is_413(site: Site) -> None:
    assert site.post("/send", data=b"x" * (MAX_UPLOAD + 1)).status_code == 413
    assert site.post("/availability", data=b"x" * 2_000_000).status_code == 413
    boundary = b"--b\r\nContent-Disposition: form-data; name=text\r\n\r\n"
    chunks = (each for each in (boundary, *([b"x" * 1_000_000] * 60)))
    assert site.post("/send", data=chunks, headers={"content-type": "multipart/form-data; boundary=b"}).status_code == 413


REQUEST = {
    "requester": {"email": "ana@example.com", "userName": "ana", "organization": "m-" + "0" * 32, "userId": "ana"},
    "mailboxes": ["bob@example.net"],
    "window": {"startDate": "2026-05-05T00:00:00.000Z", "endDate": "2026-05-06T00:00:00.000Z"},
}
EVENT = {"startTime": "2026-05-05T07:00:00.000Z", "endTime": "2026-05-05T08:00:00.000Z", "busyType": "BUSY"}


def test_api_passes_the_request_to_the_function_and_returns_its_response(site: Site) -> None:
    site.actions.answer = answered({"mailboxes": [{"mailbox": "bob@example.net", "events": [EVENT]}]}, 12.0)
    answer = site.post("/api/availability", json=REQUEST)
    assert answer.json() == site.actions.answer.response
    assert site.actions.asked == [REQUEST]
    assert site.post("/api/availability", json={}).status_code == 400
    assert site.post("/api/availability", data=b"{").status_code == 400
    site.actions.answer = answered(None, 25_000.0, "log", "no answer within 25 s")
    failed = site.post("/api/availability", json=REQUEST)
    assert (failed.status_code, failed.json()) == (502, {"error": "no answer within 25 s", "log": "log"})


def test_unknown_error_name_affects_only_its_mailbox(site: Site) -> None:
    results = [{"mailbox": "eve@example.org", "error": "ErrorNoFreeBusyAccess"}, {"mailbox": "bob@example.net", "events": [EVENT]}]
    site.actions.answer = answered({"mailboxes": results}, 12.0)
    answer = site.post("/api/availability", json=REQUEST)
    assert (answer.status_code, answer.json()["mailboxes"][1]) == (200, results[1])
    assert answer.json()["mailboxes"][0] == {"mailbox": "eve@example.org", "error": "ErrorFreeBusyGenerationFailed"}


QUESTION = {"mailboxes": "bob@example.net, eve@example.org", "requester": "ana@example.com", "zone": "Europe/Berlin"}


def test_availability_form_uses_its_time_zone_and_shows_picture_list_and_json(site: Site) -> None:
    site.actions.answer = answered(
        {"mailboxes": [{"mailbox": "bob@example.net", "events": [EVENT]}, {"mailbox": "eve@example.org", "error": "MailboxNotFound"}]},
        184.0,
        "L",
    )
    page = site.post("/availability", data=QUESTION | {"begin": "2026-05-05T00:00", "end": ""}).text
    assert site.actions.asked[0]["window"] == {"startDate": "2026-05-04T22:00:00+00:00", "endDate": "2026-05-05T22:00:00+00:00"}
    for shown in (
        "busy 09:00 to 10:00",
        'x="37.5%" width="4.167%"',
        "Tue 5 May 09:00 - 10:00",
        "MailboxNotFound",
        "184 ms",
        "&#34;busyType&#34;",
    ):
        assert shown in page, shown


@pytest.mark.parametrize(
    "given, why",
    [
        ({"mailboxes": " "}, "Mailboxes: give at least one mailbox"),
        ({"requester": ""}, "Requester: give the address"),
        ({"zone": "Nowhere/At-all"}, "Time zone: give the name"),
        ({"begin": "yesterday"}, "Begin: give today, a date"),
        ({"end": "2026-05-04T00:00"}, "End: give a time after the beginning"),
        ({"begin": "0001-01-01T00:00"}, "Begin: give a year from 1970"),
    ],
)
def test_invalid_question_shows_the_problem_and_calls_no_function(site: Site, given: dict[str, str], why: str) -> None:
    answer = site.post("/availability", data=QUESTION | {"begin": "2026-05-05T00:00", "end": "2026-05-06T00:00"} | given)
    assert answer.status_code == 422
    assert why in answer.text
    assert not site.actions.asked


@pytest.mark.parametrize("answer", [answered(None, 3.0, "Traceback", "it failed"), answered({"mailboxes": [{"mailbox": "x"}]}, 3.0)])
def test_failed_or_invalid_response_shows_the_error(site: Site, answer: Invocation) -> None:
    site.actions.answer = answer
    page = site.post("/availability", data=QUESTION | {"begin": "2026-05-05T00:00", "end": ""}).text
    assert (answer.error or "WorkMail would not accept the response") in page


def test_json_has_the_list_and_the_trace(site: Site) -> None:
    site.history.add(PLAIN)
    site.history.add(ALTERNATIVE, CHANGED)
    listed = site.get("/api/messages?limit=1").json()
    assert (listed["count"], [line["number"] for line in listed["messages"]]) == (2, [2])
    assert [line["number"] for line in site.get("/api/messages?before=2").json()["messages"]] == [1]
    trace = site.get("/api/messages/2").json()
    [run] = trace["passages"]
    assert set(trace) == {"line", "passages"}
    assert trace["line"] == listed["messages"][0]
    assert set(trace["line"]) == set(
        "number received direction mail_from recipients author subject size state rules places changed trouble".split()
        + "undelivered has_attachments".split()
    )
    assert set(run) >= set(
        "message_id invocation_id direction rule why function synchronous recipients state due".split()
        + "attempts fates notes problems changed".split()
    )
    assert set(run["fates"][0]) == {"recipient", "action", "origin", "place", "note"}
    assert set(run["attempts"][0]) == {"number", "started", "milliseconds", "cold", "problem", "response", "log", "decision"}
    assert trace["passages"][0]["attempts"][0]["milliseconds"] == 23.4
    assert trace["line"]["received"] > NOW
    assert site.get("/api/messages?limit=x").status_code == 400
