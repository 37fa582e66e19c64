"""Attachments, calendars, links and the source of a message in a browser."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.integration.workmail_local.web.pages import FROM_CLARA, Trap, Visit
from tests.integration.workmail_local.web.test_browser_mail import PNG
from tests.support.invitations import INVITATION
from tests.support.mail import CORPUS
from tests.support.messages import forwarded, multipart, part, text

SVG = (
    b"<svg xmlns='http://www.w3.org/2000/svg' width='40' height='20' onload='console.log(1)'><script>console.log('RAN')</script>"
    b"<image href='http://far.example.net/a.png'/><link xmlns='http://www.w3.org/1999/xhtml' rel='preconnect' href='http://far.example.net'/>"
    b"<rect width='40' height='20' fill='green'/></svg>"
)
PAGE = b"<script>console.log('RAN')</script><img src=http://far.example.net/x.png>"


def with_files(*files: bytes) -> bytes:
    return FROM_CLARA + multipart("mixed", text(b"Hello"), *files) + b"\r\n"


def open_files(visit: Visit, *files: bytes) -> Page:
    visit.history.add(with_files(*files))
    page = visit.open("/messages/1")
    page.get_by_role("link", name=re.compile("^Attachments")).click()
    page.get_by_role("table", name="Files").wait_for()
    return page


def test_files_are_listed_and_saved_under_a_safe_name(visit: Visit, tmp_path: Path) -> None:
    content = b"%PDF-1.7 \xff\x00" + bytes(2000)
    page = open_files(visit, part("application/pdf", "../B\u00fccher.pdf", content), part("text/plain", "a.txt", b"Hi"))
    expect(page.get_by_role("link", name="Attachments (2)")).to_have_attribute("aria-current", "true")
    rows = page.get_by_role("table", name="Files").get_by_role("row").all_inner_texts()
    assert "../B\u00fccher.pdf" in rows[1]
    assert "application/pdf, 2.0 kB" in rows[1]
    with page.expect_download() as started:
        page.get_by_role("link", name="Download ../B\u00fccher.pdf").click()
    assert started.value.suggested_filename == "_B\u00fccher.pdf"
    started.value.save_as(tmp_path / "saved")
    assert (tmp_path / "saved").read_bytes() == content
    expect(page.get_by_role("link", name="Preview ../B\u00fccher.pdf")).to_have_count(0)


def test_a_picture_is_shown(visit: Visit) -> None:
    page = open_files(visit, part("image/png", "logo.png", PNG))
    page.get_by_role("link", name="Preview logo.png").click()
    picture = page.frame_locator('iframe[title="Picture"]').locator("img")
    assert picture.evaluate("image => image.decode().then(() => [image.naturalWidth, image.naturalHeight])") == [31, 17]
    assert visit.requests_elsewhere == []


@pytest.mark.parametrize("name, content_type, content", [("a.svg", "image/svg+xml", SVG), ("a.html", "text/html", PAGE)])
def test_a_hostile_file_runs_and_loads_nothing(visit: Visit, trap: Trap, name: str, content_type: str, content: bytes) -> None:
    page = open_files(visit, part(content_type, name, content))
    page.get_by_role("link", name=f"Preview {name}").click()
    if name.endswith("svg"):
        picture = page.frame_locator('iframe[title="Picture"]').locator("img")
        assert picture.evaluate("image => image.decode().then(() => image.naturalWidth)") == 40
        # Opened by itself it is the same page in its sandbox.
        page.goto(page.frames[1].url)
        expect(page.locator("img")).to_be_visible()
    else:
        expect(page.get_by_label("Text of the file")).to_contain_text("<script>console.log")
    page.wait_for_timeout(200)
    assert trap.connections == 0
    assert not any("RAN" in message for message in visit.messages)
    assert visit.requests_elsewhere == []


def test_no_file_is_ever_answered_in_a_way_that_a_browser_displays(visit: Visit) -> None:
    visit.history.add(with_files(part("text/html", "a.html", PAGE), part("image/svg+xml", "a.svg", SVG)))
    for number in ("2", "3"):
        for path in (f"/messages/1/passages/1/after/parts/{number}", f"/api/messages/1/parts/{number}"):
            answer = visit.site.get(path)
            assert answer.headers["content-type"] == "application/octet-stream"
            assert answer.headers["x-content-type-options"] == "nosniff"
            assert answer.headers["content-disposition"].startswith("attachment; ")
            assert answer.headers["content-security-policy"].startswith("sandbox; default-src 'none'")


@pytest.mark.parametrize(
    "written, saved",
    [
        ("utf-8''a%0d%0aSet-Cookie:%20x=1.pdf", 'attachment; filename="a Set-Cookie_ x=1.pdf"'),
        ("utf-8''a%22;%20filename=b.exe", 'attachment; filename="a_"'),
        ("utf-8''%e2%80%aetxt.exe", 'attachment; filename="txt.exe"'),
        ("utf-8''%c3%bc.pdf", "attachment; filename=\"_.pdf\"; filename*=UTF-8''%C3%BC.pdf"),
    ],
)
def test_a_hostile_name_cannot_change_the_header_of_the_response(visit: Visit, written: str, saved: str) -> None:
    named = f"Content-Type: application/pdf\r\nContent-Disposition: attachment; filename*={written}\r\n\r\nx".encode()
    visit.history.add(with_files(named))
    answer = visit.site.get("/api/messages/1/parts/2")
    assert answer.headers["content-disposition"] == saved
    assert "set-cookie" not in answer.headers


def test_texts_tables_and_json_are_shown(visit: Visit) -> None:
    page = open_files(
        visit,
        part("text/plain; charset=iso-8859-1", "a.txt", "Köln <b>".encode("latin-1")),
        part("text/csv", "b.csv", "name;city\r\n<b>Ana</b>;Köln\r\n".encode()),
        part("application/json", "c.json", b'{"a":[1,2]}'),
    )
    page.get_by_role("link", name="Preview a.txt").click()
    expect(page.get_by_label("Text of the file")).to_have_text("Köln <b>")
    page.get_by_role("link", name="Preview b.csv").click()
    assert page.get_by_role("table", name="Cells").get_by_role("row").all_inner_texts() == ["name\tcity", "<b>Ana</b>\tKöln"]
    page.get_by_role("link", name="Preview c.json").click()
    expect(page.get_by_label("Text of the file")).to_have_text('{\n  "a": [\n    1,\n    2\n  ]\n}')


def test_the_message_inside_is_shown_with_its_header_and_text(visit: Visit) -> None:
    page = open_files(visit, forwarded(b"Subject: Old <b>news</b>\r\n" + text(b"Text inside"), "old.eml"))
    page.get_by_role("link", name="Preview old.eml").click()
    shown = page.get_by_role("region", name="Preview")
    expect(shown).to_contain_text("Old <b>news</b>")
    expect(shown.get_by_label("Text inside")).to_contain_text("Text inside")


def test_both_sides_of_a_changed_message_list_their_files(visit: Visit) -> None:
    kept = part("text/plain", "kept.txt", b"Hi")
    visit.history.add(with_files(part("application/pdf", "plan.pdf"), kept), with_files(kept, part("text/plain", "notice.txt", b"Removed")))
    page = visit.open("/messages/1?view=files")
    for side, name, mark in (("before", "plan.pdf", "removed"), ("after", "notice.txt", "added")):
        rows = page.get_by_role("table", name=f"Files {side}").get_by_role("row")
        assert rows.count() == 3
        expect(rows.filter(has_text=name)).to_have_class(mark)
        expect(rows.filter(has_text="kept.txt")).not_to_have_class(mark)
    page.get_by_role("link", name="Preview notice.txt").click()
    expect(page.get_by_label("Text of the file")).to_have_text("Removed")
    expect(page.get_by_role("link", name="After", exact=True)).to_have_attribute("aria-current", "true")


def test_an_invitation_is_readable(visit: Visit) -> None:
    hostile = INVITATION.replace(b"LOCATION:Room 7", b"LOCATION:<img src=http://far.example.net/x onerror=alert(1)>")
    visit.history.add(
        FROM_CLARA + multipart("alternative", text(b"Hello"), b"Content-Type: text/calendar; method=REQUEST\r\n\r\n" + hostile)
    )
    page = visit.open("/messages/1")
    page.get_by_role("link", name="Calendar").click()
    shown = page.get_by_role("article", name="Calendar")
    for words in (
        *("Invitation, or an update of one (REQUEST)", "Planning, spring", "Mon 4 May 2026, 09:00 to 10:30", "W. Europe Standard Time"),
        *("every 2 weeks on Monday, until 30 June 2026", "Müller, Nora", "<img src=http://far.example.net/x onerror=alert(1)>"),
        *("Second <b>line</b>", "no answer yet"),
    ):
        expect(shown).to_contain_text(words)
    expect(shown.get_by_role("listitem").filter(has_text="ana@example.com")).to_contain_text("accepted")
    expect(shown.locator("img, b")).to_have_count(0)
    assert visit.requests_elsewhere == []


def test_a_broken_calendar_has_a_note_and_a_message_without_one_no_view(visit: Visit) -> None:
    visit.history.add(FROM_CLARA + b"Content-Type: text/calendar\r\n\r\n" + INVITATION[:300])
    expect(visit.open("/messages/1?view=calendar").get_by_text("This calendar cannot be read: the calendar is incomplete.")).to_be_visible()
    visit.history.add(with_files())
    expect(visit.open("/messages/2?view=calendar").get_by_role("link", name="Calendar")).to_have_count(0)


def test_links_are_listed_with_what_may_deceive(visit: Visit) -> None:
    markup = (
        '<a href="https://evil.example.net/">https://bank.example.com</a> <a href="javascript:alert(1)">Go</a>'
        '<a href="https://b\u00fccher.example/">Books</a><img src="http://t.example.net/1.gif" width=1 height=1 alt="x">'
    )
    visit.history.add(FROM_CLARA + text(markup.encode(), "html; charset=utf-8") + b"\r\n")
    page = visit.open("/messages/1")
    page.get_by_role("link", name="Links", exact=True).click()
    rows = page.get_by_role("table", name="Links").get_by_role("row")
    expect(rows.filter(has_text="evil.example.net")).to_contain_text("the text shows another domain")
    expect(rows.filter(has_text="javascript:alert(1)")).to_contain_text("runs a script")
    expect(rows.filter(has_text="Books")).to_contain_text('xn--bcher-kva.example, shown as "b\u00fccher.example"')
    expect(page.get_by_role("table", name="Pictures on other servers").get_by_role("row").last).to_contain_text(
        "may report that the message was read"
    )
    # Nothing in the list is a link that could be followed.
    expect(page.locator("#content a[href*='example']")).to_have_count(0)
    assert visit.requests_elsewhere == []


@pytest.mark.parametrize("changed", [False, True])
def test_the_source_of_every_message_is_shown(visit: Visit, changed: bool) -> None:
    raw = with_files(part("application/pdf", "plan.pdf", bytes(10_000)))
    visit.history.add(raw, raw.replace(b"Hello", b"Hello there") if changed else None)
    page = visit.open("/messages/1")
    page.get_by_role("link", name="Source", exact=True).click()
    source = page.get_by_label("Source after" if changed else "Source", exact=True)
    expect(source).to_contain_text("Hello there" if changed else "Hello")
    assert source.locator(".field").first.inner_text() == "From: Clara <clara@example.org>"
    assert source.locator(".delimiter").all_inner_texts() == ["--b", "--b", "--b--"]
    expect(source.locator(".cut")).to_contain_text("more lines")
    expect(page.get_by_role("link", name="download the message").first).to_be_visible()
    expect(page.get_by_role("link", name="Source changes")).to_have_count(1 if changed else 0)


def test_every_view_of_real_mail_is_shown(visit: Visit) -> None:
    for number, path in enumerate(CORPUS, 1):
        raw = path.read_bytes()
        visit.history.add(raw, raw + b"\r\nThe end\r\n" if number % 2 else None)
        for view in ("files", "files&part=2", "links", "raw", "calendar"):
            assert visit.site.get(f"/messages/{number}?view={view}").status_code == 200, (path.stem, view)
        for name in ("parts", "links", "calendars", "source"):
            assert visit.site.get(f"/api/messages/{number}/{name}").status_code == 200, (path.stem, name)


@pytest.mark.parametrize("number", ["9", "1.1.1", "-1", "x", "1%2F2", "9" * 200, "0", "00"])
def test_an_unknown_part_is_404(visit: Visit, number: str) -> None:
    visit.history.add(with_files(part("text/plain", "a.txt", b"Hi")))
    for path in (
        f"/messages/1/passages/1/after/parts/{number}",
        f"/api/messages/1/parts/{number}",
        f"/messages/1/passages/1/after/parts/{number}/picture",
    ):
        assert visit.site.get(path).status_code == 404, path
    assert visit.site.get(f"/messages/1?view=files&part={number}").status_code == 200
    assert visit.site.get("/messages/1/passages/1/after/parts/2/picture").status_code == 404
