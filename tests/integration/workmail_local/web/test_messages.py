"""The list of messages, traces and content over HTTP."""

import re

import pytest
import requests

from mailhooks.contract import ActionType
from tests.integration.workmail_local.web.pages import ALTERNATIVE, CHANGED, PLAIN, Site
from workmail_local.mail.history import Destination, RecipientResult, State
from workmail_local.mail.verdict import Origin


def test_list_shows_rules_destinations_and_problems_newest_first(site: Site) -> None:
    site.history.add(PLAIN)
    site.history.add(ALTERNATIVE, CHANGED, rule="Disclaimer", problems=("it failed once",))
    page = site.get("/").text
    assert page.index("/messages/2") < page.index("/messages/1")
    for shown in ("Disclaimer", "Inbox", ">changed<", ">problem<", "2 messages<"):
        assert shown in page


def test_list_pages_and_searches_ten_thousand_messages(site: Site) -> None:
    first = site.history.trace(site.history.add(PLAIN))
    assert first is not None
    for number in range(2, 10_001):
        line = first.summary._replace(number=number, subject=f"Message {number}")
        site.history.traces.append(first._replace(summary=line))
    page = site.get("/").text
    assert "10,000 messages<" in page
    assert re.findall(r'id="m(\d+)"', page)[::49] == ["10000", "9951"]
    older = re.findall(r'href="(/\?before=9951)" rel="next"', page)
    assert re.findall(r'id="m(\d+)"', site.get(older[0]).text)[::49] == ["9950", "9901"]
    assert re.findall(r'id="m(\d+)"', site.get("/?q=%22MESSAGE+777%22").text) == [*map(str, range(7779, 7769, -1)), "777"]
    assert 'rel="next"' not in site.get("/?before=20").text
    assert site.get("/?before=&q=" + "y" * 9999).status_code == 200


@pytest.mark.parametrize("path", ["/", "/rows", "/api/messages"])
@pytest.mark.parametrize("name", ["before", "limit"])
def test_an_odd_number_is_rejected_by_page_and_json_alike(site: Site, path: str, name: str) -> None:
    site.history.add(PLAIN)
    for odd in ("-1", "-5", "0", "00", "-0", "+1", "x", "1x", "1.0", "1e3", "%20", "%D9%A1", "0x1", "9" * 16, "9" * 31, "0" * 15 + "1"):
        assert site.get(f"{path}?{name}={odd}").status_code == 400, odd
    for usual in ("", "1", "01", "9" * 15):
        assert site.get(f"{path}?{name}={usual}").status_code == 200, usual


def test_empty_list_shows_examples_with_the_real_ports(site: Site) -> None:
    site.actions.files["bounce-junk"] = PLAIN
    page = site.get("/").text
    for shown in ("swaks --server 127.0.0.1:2525", 'SMTP("127.0.0.1", 2525)', "/send?kind=sample&amp;sample=bounce-junk"):
        assert shown in page.replace("&#34;", '"')


def test_rules_and_traces_show_the_smtp_gateway(site: Site) -> None:
    rules = " ".join(site.get("/rules").text.split())
    assert "gateway relay<" in rules
    assert "fallback SMTP_GATEWAY, retried for 5 minutes" in rules
    routed = RecipientResult("nora@example.net", ActionType.DEFAULT, Origin.FALLBACK, Destination.GATEWAY, "relay")
    number = site.history.add(PLAIN, results=(routed,))
    page = site.get(f"/messages/{number}").text
    for shown in ("fallback action", ">SMTP gateway<", ">relay<"):
        assert shown in page


def test_trace_shows_rule_attempts_log_and_results(site: Site) -> None:
    bounced = RecipientResult("ben@example.com", ActionType.BOUNCE, Origin.FALLBACK, Destination.BOUNCED, "Please call us")
    run = site.history.rule_run(PLAIN)
    failed = run.attempts[0]._replace(number=1, problem="no answer within 15 s", milliseconds=15_000.0, response="", log="")
    attempts = (failed, run.attempts[0]._replace(number=2, cold=False))
    site.history.add_trace(PLAIN, (run._replace(attempts=attempts, results=(*run.results, bounced), notes=("a note",)),))
    page = site.get("/messages/1").text
    for shown in (
        *("Scan all mail", "no other rule matches as specifically", "Attempt 1", "15.0 s", "no answer within 15 s", "Attempt 2", "23 ms"),
        *("cold", "warm", "&#34;allRecipients&#34;: true", "START", "Please call us", "Bounced", "fallback action", "a note"),
    ):
        assert shown in page, shown


def test_message_with_several_rule_runs_shows_each_with_its_content(site: Site) -> None:
    site.history.add_trace(
        ALTERNATIVE, (site.history.rule_run(ALTERNATIVE, CHANGED), site.history.rule_run(ALTERNATIVE, rule="No lottery"))
    )
    page = site.get("/messages/1?passage=2").text
    assert "Rule run 2:" in page
    assert "No lottery" in page
    assert "/messages/1/passages/2/before.eml" in page
    assert ">unchanged<" in page
    assert "/messages/1/passages/1/after.eml" in site.get("/messages/1").text
    assert site.get("/messages/1?passage=3").status_code == 404


def test_queued_message_shows_its_content(site: Site) -> None:
    site.history.add_trace(PLAIN, (), state=State.ACCEPTED)
    page = site.get("/messages/1").text
    assert "waits in the queue" in page
    assert "Hello" in page


@pytest.mark.parametrize(
    "view, shown",
    [
        ("html", ['src="/messages/1/passages/1/before/html/1"', 'src="/messages/1/passages/1/after/html/1"']),
        ("text", ["Hello"]),
        ("structure", ["multipart/alternative", "header: added X-Seen<", "header: changed Subject<", 'class="chip mark">changed']),
        ("header", ["X-Seen", 'class="added"', 'class="removed"']),
        ("source", ["+X-Seen: yes", "-&lt;p&gt;Hello&lt;/p&gt;", "@@ "]),
    ],
)
def test_each_view_shows_before_and_after(site: Site, view: str, shown: list[str]) -> None:
    site.history.add(ALTERNATIVE, CHANGED)
    for path in (f"/messages/1?view={view}", f"/messages/1/content?view={view}"):
        page = site.get(path).text
        assert all(each in page for each in shown), [each for each in shown if each not in page]


def test_downloads_have_the_exact_bytes_and_a_safe_name(site: Site) -> None:
    site.history.add(ALTERNATIVE.replace(b"Subject: Both", b"Subject: ../../../etc/passwd\x00"), CHANGED)
    for path in ("/messages/1/passages/1/before.eml", "/api/messages/1/before.eml"):
        answer = site.get(path)
        assert answer.content == site.history.originals[0]
        assert answer.headers["content-disposition"] == 'attachment; filename="message-1-before.eml"'
        assert answer.headers["content-type"] == "message/rfc822"
    for path in ("/messages/1/passages/1/after.eml", "/api/messages/1/after.eml"):
        assert site.get(path).content == CHANGED


@pytest.mark.parametrize(
    "path",
    [
        *("/messages/2", "/messages/0", "/messages/99999999999999999999999", "/messages/1/passages/9/before.eml"),
        *("/messages/1/passages/1/other.eml", "/messages/1/passages/1/before/html/2", "/messages/1/passages/1/before/html/0"),
        *(
            "/static/../app.py",
            "/static/%2e%2e/app.py",
            "/static/%2e%2e%2fapp.py",
            "/messages/x",
            "/api/messages/2",
            "/api/messages/1/x.eml",
        ),
    ],
)
def test_unknown_path_is_404(site: Site, path: str) -> None:
    site.history.add(ALTERNATIVE, CHANGED)
    request = requests.Request("GET", site.url).prepare()
    request.url = site.url + path
    assert site.session.send(request, timeout=10).status_code == 404


def test_message_of_forty_megabytes_makes_short_pages(site: Site) -> None:
    head = b"From: a@example.org\r\nSubject: Large\r\nMIME-Version: 1.0\r\nContent-Type: text/html\r\n\r\n"
    raw = head + b"<p>" + b"A line of text that is quite long, as lines of text are in mail.\r\n" * 600_000
    site.history.add(raw, raw.replace(b"Subject: ", b"Subject: [X] ") + b"the end\r\n")
    for view in ("html", "text", "structure", "header", "source"):
        assert len(site.get(f"/messages/1?view={view}").content) < 100_000
    assert len(site.get("/messages/1/passages/1/after/html/1").content) < 400_000


def test_rule_test_explains_which_rule_applies(site: Site) -> None:
    page = site.get("/rules?direction=INBOUND&author=shop@mail.example.net&sender=&recipients=ana@example.com,ben@example.com").text
    assert "<strong>Newsletters</strong> applies" in page
    assert "<strong>Scan all mail</strong> applies" in page
    assert "less specific than *.example.net" in page
    rejected = site.get("/rules?direction=INBOUND&author=&recipients=")
    assert rejected.status_code == 422
    assert "Recipients: give at least one address." in rejected.text


def test_event_stream_sends_a_new_version_for_a_new_message(site: Site) -> None:
    with site.get("/events", stream=True) as answer:
        lines = answer.iter_lines()
        version = site.history.version()
        assert [next(lines) for _ in range(3)] == [b"retry: 1000", b"", b"data: %d" % version]
        site.history.add(PLAIN)
        assert [next(lines) for _ in range(2)] == [b"", b"data: %d" % (version + 1)]
