"""The approve function on moto's DynamoDB and Secrets Manager and the local Message Flow API."""

import json
import re
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlencode

import pytest

from mailhooks.core.holds.approval_links import PARAMETER
from mailhooks.hooks.approval_page import REASON_CHARACTERS
from mailhooks.hooks.functions.approve import approve_handler
from mailhooks.report_names import HoldState
from mailhooks.settings import Settings
from tests.infrastructure.stack import ROOT
from tests.support.approvals import APPROVERS, MINUTE, NOW, RAW, SECRET, Approvals, make_event
from workmail_local.workmail import LocalWorkMail


@pytest.fixture
def approvals(wm: LocalWorkMail) -> Approvals:
    return Approvals(wm)


def text_of(response: dict[str, Any]) -> str:
    """Return a page's text, without tags."""
    return " ".join(re.sub(r"<[^>]*>", " ", response["body"].partition("<body>")[2]).split())


class TestTheLink:
    def test_shows_the_message_and_the_form(self, approvals: Approvals) -> None:
        page = approvals.get(approvals.make_token(approvals.add()))

        assert page["statusCode"] == 200
        text = text_of(page)
        for shown in ("nora@example.com", "eve@example.net", "Price list", "Here are our prices.", "15 January 2027, 09:40 UTC", "Approve"):
            assert shown in text, shown

    @pytest.mark.parametrize("method", ["GET", "HEAD"])
    def test_a_link_scanner_changes_nothing(self, approvals: Approvals, method: str) -> None:
        token = approvals.make_token(approvals.add())
        before = approvals.items()

        statuses = [approvals.get(token, method)["statusCode"] for _ in range(3)]

        assert (statuses, approvals.items()) == ([200] * 3, before)

    def test_a_get_with_the_fields_of_the_form_changes_nothing(self, approvals: Approvals) -> None:
        token = approvals.make_token(approvals.add())
        before = approvals.items()

        query = urlencode({PARAMETER: token, "decision": "approve"})
        assert approvals.handler(make_event("GET", query=query), None)["statusCode"] == 200
        assert approvals.items() == before

    def test_head_has_the_status_and_the_header_of_get_without_its_body(self, approvals: Approvals) -> None:
        token = approvals.make_token(approvals.add())
        get, head = approvals.get(token), approvals.get(token, "HEAD")

        assert (head["statusCode"], head["headers"], head["body"]) == (get["statusCode"], get["headers"], "")

    @pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
    def test_a_forged_link_is_403_without_a_read_of_the_table(self, approvals: Approvals, method: str) -> None:
        record = approvals.add()
        before = approvals.items()
        reads: list[object] = []
        table = approvals.handler._table  # type: ignore[attr-defined]
        table._client.meta.events.register("before-call.dynamodb", lambda **_: reads.append(1))
        forged = approvals.make_token(record, secret=SECRET[::-1])

        response = approvals.post(forged) if method == "POST" else approvals.get(forged, method)

        assert (response["statusCode"], reads, approvals.items()) == (403, [], before)
        assert "nora" not in response["body"]

    def test_a_link_of_another_message_does_not_decide_on_this_one(self, approvals: Approvals) -> None:
        one, other = approvals.add(), approvals.add()

        approvals.post(approvals.make_token(other))

        assert [approvals.read(each).state for each in (one, other)] == [HoldState.PENDING, HoldState.APPROVED]

    def test_an_expired_link_is_410_and_decides_nothing(self, approvals: Approvals) -> None:
        record = approvals.add()
        token = approvals.make_token(record)
        before = approvals.items()
        approvals.now = record.timeout_at

        assert [approvals.get(token)["statusCode"], approvals.post(token)["statusCode"]] == [410, 410]
        assert approvals.items() == before
        assert "Here are our prices" not in approvals.get(token)["body"]
        assert "the message is returned to its sender" in text_of(approvals.get(token))

    def test_an_address_next_to_a_name_from_right_to_left_reads_from_left_to_right(self, approvals: Approvals) -> None:
        raw = RAW.replace(b"Nora <", "\u05e0\u05d5\u05e8\u05d4 <".encode())

        page = approvals.get(approvals.make_token(approvals.add(raw)))

        assert '<bdi dir="ltr">&lt;nora@example.com&gt;</bdi>' in page["body"]

    def test_a_link_whose_record_was_deleted_is_404(self, approvals: Approvals) -> None:
        record = approvals.add()
        token = approvals.make_token(record)
        approvals._dynamodb.delete_item(TableName=approvals.name, Key={"pk": {"S": record.key.invocation}, "sk": {"S": record.key.rule}})

        assert [approvals.get(token)["statusCode"], approvals.post(token)["statusCode"]] == [404, 404]
        assert approvals.items() == []


class TestADecision:
    @pytest.mark.parametrize("decision, state", [("approve", HoldState.APPROVED), ("reject", HoldState.REJECTED)])
    def test_is_recorded_with_approver_and_time(self, approvals: Approvals, decision: str, state: HoldState) -> None:
        record = approvals.add()
        approvals.now = NOW + 5 * MINUTE + 0.7

        page = approvals.post(approvals.make_token(record, 1), decision, reason="Not these prices")

        found = approvals.read(record)
        assert page["statusCode"] == 200
        assert (found.state, found.decided_by, found.decided_at) == (state, APPROVERS[1], NOW + 5 * MINUTE)
        assert found.reason == ("Not these prices" if state is HoldState.REJECTED else "")
        assert f"was {state} by you on 15 January 2027, 08:05 UTC" in text_of(page)
        assert "at the next attempt" in text_of(page)

    def test_is_final_and_a_replay_is_409(self, approvals: Approvals) -> None:
        record = approvals.add()
        token = approvals.make_token(record)
        approvals.post(token, "reject", reason="No")
        before = approvals.items()
        approvals.now += MINUTE

        pages = [approvals.post(token, "reject", reason="No"), approvals.post(token), approvals.post(approvals.make_token(record, 1))]

        assert [page["statusCode"] for page in pages] == [409] * 3
        assert approvals.items() == before
        assert "was rejected by you on 15 January 2027, 08:00 UTC" in text_of(pages[0])
        assert "was rejected by another approver on 15 January 2027, 08:00 UTC" in text_of(pages[2])
        assert "ana@example.com" not in pages[2]["body"]

    def test_is_shown_by_the_link_afterwards_without_the_message(self, approvals: Approvals) -> None:
        record = approvals.add()
        approvals.post(approvals.make_token(record))

        page = approvals.get(approvals.make_token(record, 1))

        assert page["statusCode"] == 200
        assert "was approved by another approver" in text_of(page)
        assert "<form" not in page["body"]
        assert "Here are our prices" not in page["body"]

    def test_after_the_timeout_is_409(self, approvals: Approvals) -> None:
        record = approvals.add()
        token = approvals.make_token(record, expires_at=record.timeout_at + MINUTE)
        approvals.table.decide(record.key, HoldState.TIMED_OUT, decided_by="", now=record.timeout_at, deadline=_deadline())
        before = approvals.items()

        page = approvals.post(token)

        assert (page["statusCode"], approvals.items()) == (409, before)
        assert "had no decision in time" in text_of(page)

    def test_that_is_not_needed_any_more_is_409(self, approvals: Approvals) -> None:
        record = approvals.add()
        approvals.table.decide(record.key, HoldState.WITHDRAWN, decided_by="", now=NOW, deadline=_deadline())

        pages = [approvals.post(approvals.make_token(record)), approvals.get(approvals.make_token(record))]

        assert [page["statusCode"] for page in pages] == [409, 200]
        assert all("needs no decision any more on 15" in text_of(page) for page in pages)

    def test_of_two_approvers_at_once_one_counts_and_the_other_sees_it(self, approvals: Approvals) -> None:
        for _ in range(5):
            record = approvals.add()
            tokens = [approvals.make_token(record, number) for number in (0, 1)]
            with ThreadPoolExecutor(2) as pool:
                pages = list(pool.map(approvals.post, tokens, ("approve", "reject")))

            found = approvals.read(record)
            winner = APPROVERS.index(found.decided_by)
            assert found.state is (HoldState.APPROVED, HoldState.REJECTED)[winner]
            assert [pages[winner]["statusCode"], pages[1 - winner]["statusCode"]] == [200, 409]
            assert f"was {found.state} by another approver" in text_of(pages[1 - winner])

    def test_by_the_link_of_a_notification_names_its_target(self, approvals: Approvals) -> None:
        record = approvals.add(approvers=(*APPROVERS, "sns"))

        assert approvals.post(approvals.make_token(record, len(APPROVERS)))["statusCode"] == 200
        assert approvals.read(record).decided_by == "sns"

    def test_by_a_link_whose_approver_the_record_lacks_is_none(self, approvals: Approvals) -> None:
        record = approvals.add()

        assert approvals.post(approvals.make_token(record, len(APPROVERS)))["statusCode"] == 500
        assert approvals.read(record).state is HoldState.PENDING

    @pytest.mark.parametrize("decision", ["", "APPROVE", "delete", "approved"])
    def test_needs_one_of_the_two_buttons(self, approvals: Approvals, decision: str) -> None:
        record = approvals.add()

        page = approvals.post(approvals.make_token(record), decision, reason="Why not")

        assert page["statusCode"] == 400
        assert "Choose Approve or Reject." in text_of(page)
        assert ">Why not</textarea>" in page["body"]
        assert approvals.read(record).state is HoldState.PENDING

    def test_with_two_buttons_is_none(self, approvals: Approvals) -> None:
        record = approvals.add()
        body = urlencode([(PARAMETER, approvals.make_token(record)), ("decision", "approve"), ("decision", "reject")])

        response = approvals.handler(make_event("POST", body=body, content_type="application/x-www-form-urlencoded"), None)

        assert (response["statusCode"], approvals.read(record).state) == (400, HoldState.PENDING)


class TestTheReason:
    @pytest.mark.parametrize("letter", ["x", "é", "😀"])
    def test_has_500_characters_at_most(self, approvals: Approvals, letter: str) -> None:
        record = approvals.add()
        token = approvals.make_token(record)

        too_long = approvals.post(token, "reject", reason=letter * (REASON_CHARACTERS + 1))
        assert (too_long["statusCode"], approvals.read(record).state) == (400, HoldState.PENDING)
        assert "more than 500 characters" in text_of(too_long)
        assert approvals.post(token, "reject", reason=letter * REASON_CHARACTERS)["statusCode"] == 200
        assert approvals.read(record).reason == letter * REASON_CHARACTERS

    def test_is_one_line_without_control_and_direction_characters(self, approvals: Approvals) -> None:
        record = approvals.add()

        approvals.post(approvals.make_token(record), "reject", reason="  No.\r\nBcc: eve@example.net\n\n\0exe\u202efdp  ")

        assert approvals.read(record).reason == "No. Bcc: eve@example.net \ufffdexe[U+202E]fdp"


class TestOtherRequests:
    @pytest.mark.parametrize("method", ["PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "get"])
    def test_another_method_is_405(self, approvals: Approvals, method: str) -> None:
        token = approvals.make_token(approvals.add())
        before = approvals.items()

        response = approvals.get(token, method)

        assert (response["statusCode"], response["headers"]["allow"]) == (405, "GET, HEAD, POST")
        assert approvals.items() == before

    @pytest.mark.parametrize("path", ["/favicon.ico", "/robots.txt", "/x/../", "//", "/index.html"])
    def test_another_path_is_404(self, approvals: Approvals, path: str) -> None:
        assert approvals.handler(make_event("GET", path=path), None)["statusCode"] == 404

    @pytest.mark.parametrize("query", ["", "token=", "token", "other=1", "token=a&token=b", "token=%FF%00", "=" * 25])
    def test_a_get_without_a_token_is_403(self, approvals: Approvals, query: str) -> None:
        assert approvals.handler(make_event("GET", query=query), None)["statusCode"] == 403

    @pytest.mark.parametrize("name", ["page", "decision"])
    def test_the_sample_events_are_answered_without_any_service(self, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
        event = json.loads((ROOT / "events/approve" / f"{name}.json").read_text("utf-8"))
        handler = approve_handler(settings=Settings(service=f"samples-{name}", holds_table="holds", approval_secret="secret"))

        assert handler(event, None)["statusCode"] == 403

    def test_too_many_fields_and_too_long_queries_are_refused(self, approvals: Approvals) -> None:
        statuses = [approvals.handler(make_event("GET", query=query), None)["statusCode"] for query in ("a=1&" * 30, "a=" + "x" * 3000)]
        assert statuses == [400, 414]

    @pytest.mark.parametrize(
        "content_type, status",
        [
            ("application/x-www-form-urlencoded; charset=UTF-8", 200),
            ("Application/X-WWW-Form-Urlencoded", 200),
            ("multipart/form-data; boundary=x", 415),
            ("text/plain", 415),
            ("application/json", 415),
            ("", 415),
        ],
    )
    def test_a_post_is_a_form_of_the_page(self, approvals: Approvals, content_type: str, status: int) -> None:
        record = approvals.add()
        body = urlencode({PARAMETER: approvals.make_token(record), "decision": "approve"})

        response = approvals.handler(make_event("POST", body=body, content_type=content_type), None)

        assert response["statusCode"] == status
        assert (approvals.read(record).state is HoldState.APPROVED) is (status == 200)

    def test_a_form_that_is_not_in_base64_is_read_too(self, approvals: Approvals) -> None:
        record = approvals.add()
        body = urlencode({PARAMETER: approvals.make_token(record), "decision": "approve"})
        event = make_event("POST", content_type="application/x-www-form-urlencoded") | {"body": body, "isBase64Encoded": False}

        assert approvals.handler(event, None)["statusCode"] == 200

    @pytest.mark.parametrize("change, status", [({"body": "%%%"}, 400), ({"body": "A" * 20_000}, 413), ({"body": None}, 403)])
    def test_a_broken_or_large_form_is_refused(self, approvals: Approvals, change: dict[str, Any], status: int) -> None:
        event = make_event("POST", body="x", content_type="application/x-www-form-urlencoded") | change
        assert approvals.handler(event, None)["statusCode"] == status

    @pytest.mark.parametrize("event", [None, {}, [], {"requestContext": {}}, {"requestContext": {"http": {"method": 1}}}, "text"])
    def test_an_event_of_another_form_is_400(self, approvals: Approvals, event: Any) -> None:
        assert approvals.handler(event, None)["statusCode"] == 400

    def test_no_answer_lets_a_browser_run_load_cache_or_pass_on_anything(self, approvals: Approvals) -> None:
        record = approvals.add()
        token = approvals.make_token(record)
        responses = [approvals.get(token), approvals.get("x"), approvals.post(token), approvals.post(token), approvals.get(token)]

        for response in responses:
            headers = response["headers"]
            assert headers["content-security-policy"].startswith("default-src 'none'; base-uri 'none'; form-action 'self';")
            assert "unsafe" not in headers["content-security-policy"]
            assert (headers["referrer-policy"], headers["cache-control"]) == ("no-referrer", "no-store")
            assert headers["x-robots-tag"].startswith("noindex")
            assert not re.search(r"<(script|img|iframe|link|a|object|embed)\b|\bon\w+=|url\(|@import", response["body"])


class TestFailures:
    def test_a_message_that_workmail_no_longer_has_is_shown_by_its_envelope(self, approvals: Approvals) -> None:
        record = approvals.add(raw=None)

        page = approvals.get(approvals.make_token(record))

        assert page["statusCode"] == 200
        assert "nora@example.com" in text_of(page)
        assert "cannot be shown" in text_of(page)
        assert approvals.post(approvals.make_token(record))["statusCode"] == 200

    @pytest.mark.parametrize("setting", ["holds_table", "approval_secret"])
    def test_a_missing_setting_is_500_and_logged(self, approvals: Approvals, setting: str, capsys: pytest.CaptureFixture[str]) -> None:
        token = approvals.make_token(approvals.add())
        known = {"holds_table": approvals.name, "approval_secret": approvals.settings.approval_secret, setting: ""}
        handler = approve_handler(settings=Settings(service=f"without-{setting}", **known))  # type: ignore[arg-type]

        response = handler(make_event("GET", query=f"{PARAMETER}={token}"), None)

        assert response["statusCode"] == 500
        assert setting.upper() in capsys.readouterr().out

    def test_a_table_that_does_not_exist_is_500_without_a_detail(self, approvals: Approvals) -> None:
        token = approvals.make_token(approvals.add())
        approvals._dynamodb.delete_table(TableName=approvals.name)

        response = approvals.post(token)

        assert response["statusCode"] == 500
        assert "Nothing was decided." in response["body"]
        assert "ResourceNotFound" not in response["body"]


def lines(text: str) -> list[dict[str, Any]]:
    """Return the log lines, without the sets of metrics."""
    return [line for line in map(json.loads, text.splitlines()) if "_aws" not in line]


class TestTheLog:
    @pytest.mark.parametrize("log_addresses", [False, True])
    def test_names_the_rule_the_state_the_approver_and_the_time(
        self, wm: LocalWorkMail, log_addresses: bool, capsys: pytest.CaptureFixture[str]
    ) -> None:
        approvals = Approvals(wm, log_addresses=log_addresses)
        record = approvals.add()
        approvals.now += 30 * MINUTE
        approvals.post(approvals.make_token(record, 1), "reject", reason="A secret reason")

        text = capsys.readouterr().out
        [line] = lines(text)
        expected = {"hook": "approve", "rule": "Price lists", "state": "rejected", "approver": 2, "waitedSeconds": 1800, "status": 200}
        assert line | expected == line
        assert line["messageId"] == record.message_id
        assert ("ben@example.com" in text) is log_addresses
        for private in ("A secret reason", "nora@example.com", "eve@example.net", 'Price list"', "Here are our prices"):
            assert private not in text

    def test_counts_decisions_refused_links_and_failures(self, approvals: Approvals, capsys: pytest.CaptureFixture[str]) -> None:
        record = approvals.add()
        token = approvals.make_token(record)
        for respond in (lambda: approvals.post(token), lambda: approvals.post(token), lambda: approvals.get("forged")):
            respond()

        sets = [line for line in map(json.loads, capsys.readouterr().out.splitlines()) if "_aws" in line]
        counted = [{name: each[name][0] for name in ("Approved", "Rejected", "RefusedLinks", "Failed") if each[name][0]} for each in sets]
        assert counted == [{"Approved": 1}, {}, {"RefusedLinks": 1}]


def _deadline() -> Any:
    from mailhooks.deadline import Deadline

    return Deadline.after(20)
