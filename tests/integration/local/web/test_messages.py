"""The list, the stories and the content, over HTTP."""

import re
from dataclasses import replace

import pytest
import requests

from local.mail.history import Destination, RecipientResult, State
from local.mail.verdict import Origin
from mailhooks.contract import ActionType
from tests.integration.local.web.pages import ALTERNATIVE, CHANGED, PLAIN, Site


def test_the_list_has_the_newest_first_with_rule_outcome_and_marks(site: Site) -> None:
    site.lists.add(PLAIN)
    site.lists.add(ALTERNATIVE, CHANGED, rule="Disclaimer", problems=("it failed once",))
    page = site.get("/").text
    assert page.index("/messages/2") < page.index("/messages/1")
    for shown in ("Disclaimer", "Inbox", ">changed<", ">trouble<", "2 messages in all"):
        assert shown in page


def test_ten_thousand_messages_are_paged_by_number_and_found_by_their_text(site: Site) -> None:
    first = site.lists.story(site.lists.add(PLAIN))
    assert first is not None
    for number in range(2, 10_001):
        line = replace(first.line, number=number, subject=f"Message {number}")
        site.lists.stories.append(replace(first, line=line))
    page = site.get("/").text
    assert "10,000 messages in all" in page
    assert re.findall(r'id="m(\d+)"', page)[::49] == ["10000", "9951"]
    older = re.findall(r'href="(/\?before=9951)" rel="next"', page)
    assert re.findall(r'id="m(\d+)"', site.get(older[0]).text)[::49] == ["9950", "9901"]
    assert re.findall(r'id="m(\d+)"', site.get("/?q=MESSAGE+777").text) == [*map(str, range(7779, 7769, -1)), "777"]
    assert 'rel="next"' not in site.get("/?before=20").text
    assert site.get("/?before=x&q=" + "y" * 9999).status_code == 200


def test_an_empty_list_says_what_to_try_with_the_real_ports(site: Site) -> None:
    site.desk.files["bounce-junk"] = PLAIN
    page = site.get("/").text
    for shown in ("swaks --server 127.0.0.1:2525", 'SMTP("127.0.0.1", 2525)', "/send?kind=sample&amp;sample=bounce-junk"):
        assert shown in page.replace("&#34;", '"')


def test_a_story_tells_rule_attempts_log_and_each_recipients_verdict(site: Site) -> None:
    fate = RecipientResult("ben@example.com", ActionType.BOUNCE, Origin.FALLBACK, Destination.BOUNCED, "Please call us")
    passage = site.lists.passage(PLAIN)
    failed = replace(passage.attempts[0], number=1, problem="no answer within 15 s", milliseconds=15_000.0, response="", log="")
    attempts = (failed, replace(passage.attempts[0], number=2, cold=False))
    site.lists.add_story(PLAIN, (replace(passage, attempts=attempts, fates=(*passage.fates, fate), notes=("a note",)),))
    page = site.get("/messages/1").text
    for shown in (
        *("Scan all mail", "no other rule matches as specifically", "Attempt 1", "15.0 s", "no answer within 15 s", "Attempt 2", "23 ms"),
        *("cold", "warm", "&#34;allRecipients&#34;: true", "START", "Please call us", "Bounced", "fallback action", "a note"),
    ):
        assert shown in page, shown


def test_a_message_that_met_several_rules_shows_each_and_the_content_of_each(site: Site) -> None:
    site.lists.add_story(ALTERNATIVE, (site.lists.passage(ALTERNATIVE, CHANGED), site.lists.passage(ALTERNATIVE, rule="No lottery")))
    page = site.get("/messages/1?passage=2").text
    assert "1 of 2" in page
    assert "No lottery" in page
    assert "/messages/1/passages/2/before.eml" in page
    assert ">unchanged<" in page
    assert "/messages/1/passages/1/after.eml" in site.get("/messages/1").text
    assert site.get("/messages/1?passage=3").status_code == 404


def test_a_message_that_nothing_has_been_done_with_shows_its_content(site: Site) -> None:
    site.lists.add_story(PLAIN, (), state=State.ACCEPTED)
    page = site.get("/messages/1").text
    assert "nothing has been done with it yet" in page
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
    site.lists.add(ALTERNATIVE, CHANGED)
    for path in (f"/messages/1?view={view}", f"/messages/1/content?view={view}"):
        page = site.get(path).text
        assert all(each in page for each in shown), [each for each in shown if each not in page]


def test_both_sides_are_downloaded_byte_for_byte_under_a_name_of_ours(site: Site) -> None:
    site.lists.add(ALTERNATIVE.replace(b"Subject: Both", b"Subject: ../../../etc/passwd\x00"), CHANGED)
    for path in ("/messages/1/passages/1/before.eml", "/api/messages/1/before.eml"):
        answer = site.get(path)
        assert answer.content == site.lists.originals[0]
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
def test_what_is_not_there_is_not_found(site: Site, path: str) -> None:
    site.lists.add(ALTERNATIVE, CHANGED)
    request = requests.Request("GET", site.server.url).prepare()
    request.url = site.server.url + path
    assert site.session.send(request, timeout=10).status_code == 404


def test_forty_megabytes_do_not_make_a_page_long(site: Site) -> None:
    head = b"From: a@example.org\r\nSubject: Large\r\nMIME-Version: 1.0\r\nContent-Type: text/html\r\n\r\n"
    raw = head + b"<p>" + b"A line of text that is quite long, as lines of text are in mail.\r\n" * 600_000
    site.lists.add(raw, raw.replace(b"Subject: ", b"Subject: [X] ") + b"the end\r\n")
    for view in ("html", "text", "structure", "header", "source"):
        assert len(site.get(f"/messages/1?view={view}").content) < 100_000
    assert len(site.get("/messages/1/passages/1/after/html/1").content) < 400_000


def test_a_test_of_the_rules_says_who_wins_why_and_why_not_the_others(site: Site) -> None:
    page = site.get("/rules?direction=INBOUND&author=shop@mail.example.net&sender=&recipients=ana@example.com,ben@example.com").text
    assert "<strong>Newsletters</strong> wins" in page
    assert "<strong>Scan all mail</strong> wins" in page
    assert "less specific than *.example.net" in page
    refused = site.get("/rules?direction=INBOUND&author=&recipients=")
    assert refused.status_code == 422
    assert "At least one recipient is needed." in refused.text


def test_the_events_say_when_something_is_new(site: Site) -> None:
    with site.get("/events", stream=True) as answer:
        lines = answer.iter_lines()
        assert [next(lines) for _ in range(3)] == [b"retry: 1000", b"", b"data: 0"]
        site.lists.add(PLAIN)
        assert [next(lines) for _ in range(2)] == [b"", b"data: 1"]
