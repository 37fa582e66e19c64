"""Widths, contrast and labels of the pages."""

from typing import Literal

import pytest
from playwright.sync_api import expect

from tests.integration.workmail_local.web.fakes import answered
from tests.integration.workmail_local.web.pages import FROM_CLARA, OFFER, OFFER_AFTER, Visit
from tests.integration.workmail_local.web.test_browser_mail import PNG
from tests.support.invitations import calendar
from tests.support.messages import multipart, part, text

WINDOWS = ((320, 100), (375, 100), (900, 100), (1600, 100), (375, 200), (1280, 200))
"""Widths in pixels, each with a text size in percent."""


def test_no_page_is_wider_than_the_window(visit: Visit) -> None:
    """WCAG 2.2, success criteria 1.4.4 (text of twice the size) and 1.4.10 (a window of 320 pixels)."""
    long = "x" * 300
    changed = OFFER.replace(b"Offer", long.encode()) + b"<p>" + long.encode()
    recipients = (f"{long}@example.com", "ana@example.com")
    visit.history.add(OFFER.replace(b"Offer", long.encode()), changed, recipients=recipients, rule=long, function=long, problems=(long,))
    visit.actions.answer = answered({"mailboxes": [{"mailbox": f"{long}@example.com", "error": "MailboxNotFound"}]}, 1.0, long)
    views = [f"/messages/1?view={view}" for view in ("html", "text", "links", "structure", "header", "raw", "source")]
    number = visit.history.add(make_rich_mail(long))
    views += [f"/messages/{number}?view={view}" for view in RICH_VIEWS]
    for path in ("/", *views, f"/rules?author={long}&recipients={long}", "/availability", "/send", "/addresses"):
        page = visit.open(path)
        if path == "/availability":
            page.get_by_role("button", name="Ask").click()
            page.get_by_role("heading", name="Answer").wait_for()
            page.wait_for_load_state()  # until the styles apply
        # A page is loaded once, since its scripts do not read the width.
        for width, text_size in WINDOWS:
            page.set_viewport_size({"width": width, "height": 800})
            visit.set_text_size(text_size)
            assert page.evaluate(TOO_WIDE) == [], (path, width, text_size)


RICH_VIEWS = ("html", "calendar", "files", *(f"files&side=after&part={number}" for number in (2, 3, 4)), "links", "raw")


def make_rich_mail(name: str) -> bytes:
    """A message with all that a view shows: remote pictures, deceiving links, a calendar and files."""
    markup = (
        f'<a href="https://b\u00fccher.example/{name}">example.com</a><img src="http://{name[:50]}.example.net/{name}" width=1 alt={name}>'
    )
    event = calendar(f"SUMMARY:{name}", f"LOCATION:{name}", "DTSTART:20260504T090000Z", "DTEND:yesterday", "STATUS:CANCELLED")
    files = (
        part("text/csv", f"{name}.csv", f"{name},{name}\n".encode()),
        part("text/calendar", f"{name}.ics", event),
        part("image/png", name, PNG),
    )
    return FROM_CLARA + multipart("mixed", text(markup.encode(), "html; charset=utf-8"), *files) + b"\r\n"


TOO_WIDE = """() => document.documentElement.scrollWidth <= innerWidth ? [] : [...document.querySelectorAll("body *")]
  .filter((element) => element.getBoundingClientRect().right > innerWidth && !element.closest("pre, iframe, thead"))
  .map((element) => element.outerHTML.slice(0, 80))"""
"""The elements that make a page wider than its window."""

LINKS = b"<a href=https://example.net>https://example.com</a>" + b"<!--" + b"x" * 310_000 + b"-->"
"""A list of links, and a note that the HTML is cut."""

CONTRAST = """() => {
  const canvas = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
  const rgba = (colour) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = colour;
    canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data];
  };
  const light = (rgb) => {
    const [r, g, b] = rgb.slice(0, 3).map((c) => (c /= 255) <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const found = [];
  for (const element of document.querySelectorAll("body *")) {
    const own = [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
    if (!own || !element.getClientRects().length || element.closest("svg, .unseen, script, noscript")) continue;
    let ground = element;
    while (ground && rgba(getComputedStyle(ground).backgroundColor)[3] === 0) ground = ground.parentElement;
    const [a, b] = [getComputedStyle(element).color, getComputedStyle(ground ?? document.body).backgroundColor].map((c) => light(rgba(c)));
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < 4.5) found.push(`${element.tagName}.${element.className} ${ratio.toFixed(2)} ${element.textContent.trim().slice(0, 40)}`);
  }
  return found;
}"""


SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")


def test_contrast_is_wcag_aa(visit: Visit) -> None:
    """WCAG 2.2, success criterion 1.4.3, level AA: 4.5 to 1."""
    visit.history.add(
        OFFER.replace(b"Subject", b"X-Old: 1\r\nSubject") + LINKS,
        OFFER_AFTER.replace(b"Offer", b"An offer") + LINKS,
        problems=("it failed",),
        notes=("a note",),
    )
    views = [f"/messages/1?view={view}" for view in ("html", "structure", "header", "raw", "source")]
    number = visit.history.add(make_rich_mail("a"), make_rich_mail("b"))
    views += [f"/messages/{number}?view={view}" for view in RICH_VIEWS]
    for path in (
        "/",
        *views,
        "/rules?author=&recipients=",
        "/rules?author=a@example.org&recipients=ana@example.com",
        "/availability",
        "/send",
        "/addresses",
    ):
        page = visit.open(path)
        for scheme in SCHEMES:
            page.emulate_media(color_scheme=scheme)
            assert page.evaluate(CONTRAST) == [], (path, scheme)


FIELDS = "input:not([type=hidden]), select, textarea"


def test_pages_have_labels_captions_and_landmarks(visit: Visit) -> None:
    visit.history.add(OFFER, OFFER_AFTER)
    for path in ("/", "/messages/1", "/rules", "/availability", "/send", "/addresses"):
        page = visit.open(path)
        assert page.evaluate(f"[...document.querySelectorAll('{FIELDS}')].filter((field) => !field.labels.length).length") == 0
        assert page.evaluate("[...document.querySelectorAll('table')].filter((table) => !table.caption).length") == 0
        assert page.evaluate("document.querySelectorAll('h1').length") == 1
        expect(page.get_by_role("main")).to_have_count(1)
        expect(page.get_by_role("banner")).to_have_count(1)
        assert page.title().endswith("local WorkMail")


HIDDEN = """() => [...document.querySelectorAll("tbody :is(td, th)")]
  .filter((cell) => cell.textContent.trim())
  .filter((cell) => {
    const box = cell.getBoundingClientRect();
    return !box.width || !box.height || box.left < 0 || box.right > innerWidth || cell.scrollWidth > cell.clientWidth + 1;
  })
  .map((cell) => cell.outerHTML.slice(0, 80))"""
"""The cells of tables that a reader does not see whole without scrolling sideways."""

SMALL = """() => [...document.querySelectorAll("a, button, summary, select, input:not([type=radio]):not([type=file])")]
  .filter((target) => target.getClientRects().length && !target.closest(".skip, p, th, td, dt, dd, li, label"))
  .filter((target) => target.getBoundingClientRect().height < 24)
  .map((target) => `${target.outerHTML.slice(0, 80)} ${target.getBoundingClientRect().height}`)"""
"""Links and buttons that a finger misses. Links in text are exempt (WCAG 2.2, success criterion 2.5.8)."""


def test_a_phone_shows_every_column_and_targets_for_a_finger(visit: Visit) -> None:
    event = {"startTime": "2026-05-05T07:00:00.000Z", "endTime": "2026-05-05T08:00:00.000Z", "busyType": "BUSY"}
    details = {"subject": "Budget", "location": "Room 1", "instanceType": "SINGLE_INSTANCE", "isMeeting": True, "isReminderSet": True}
    visit.actions.answer = answered(
        {"mailboxes": [{"mailbox": "bob@example.net", "events": [event | {"details": details | {"isPrivate": False}}]}]}, 184.0
    )
    visit.history.add(OFFER.replace(b"Offer", "שלום: הצעה 🎉".encode()), OFFER_AFTER, recipients=("ana@example.com", "ben@example.com"))
    visit.history.add(OFFER.replace(b"Clara", b"Clara Isabella Montgomery-Featherstonehaugh"), problems=("it failed",))
    visit.page.set_viewport_size({"width": 375, "height": 800})
    rules = "/rules?author=shop@mail.example.net&recipients=ana@example.com"
    for path in ("/", "/messages/1", rules, "/availability", "/send", "/addresses"):
        page = visit.open(path)
        if path == "/availability":
            page.get_by_role("button", name="Ask").click()
            expect(page.get_by_role("cell", name="Budget")).to_be_visible()
        assert page.evaluate(HIDDEN) == [], path
        assert page.evaluate(SMALL) == [], (path, page.evaluate(SMALL))
    visit.open("/rules")
    expect(visit.page.get_by_role("row", name="Disclaimer").get_by_role("cell").nth(3)).to_contain_text("LAMBDA")
    visit.open("/")
    expect(visit.page.get_by_role("cell", name="ana@example.com").first).to_be_visible()


BROKEN = """(selector) => [...document.querySelectorAll(selector)].flatMap((element) => {
  const words = [];
  const walker = document.createTreeWalker(element, NodeFilter.SHOW_TEXT);
  for (let node; (node = walker.nextNode()); ) {
    for (const { 0: word, index } of node.data.matchAll(/[\\w@.*-]+/g)) {
      const range = document.createRange();
      range.setStart(node, index);
      range.setEnd(node, index + word.length);
      if (new Set([...range.getClientRects()].map((box) => Math.round(box.top))).size > 1) words.push(word);
    }
  }
  return words;
})"""
"""The words that do not fit on one line."""


def test_usual_words_are_not_broken(visit: Visit) -> None:
    cells = "tbody :is(th, [data-label=Direction], [data-label=Senders], [data-label=Recipients])"
    rules = "/rules?author=shop@mail.example.net&recipients=ana@example.com"
    for path, selector in ((rules, f"{cells}, label"), ("/send", "label"), ("/addresses", "tbody th")):
        page = visit.open(path)
        for width in (375, 768, 1280):
            page.set_viewport_size({"width": width, "height": 800})
            assert page.evaluate(BROKEN, selector) == [], (path, width)


def test_a_phone_shows_the_header_in_two_rows(visit: Visit) -> None:
    visit.history.add(OFFER, problems=("it failed",))
    visit.page.set_viewport_size({"width": 375, "height": 800})
    page = visit.open("/")
    first_row = [page.get_by_role("link", name="Local WorkMail"), page.get_by_role("link", name="Problems 1")]
    first_row.append(page.get_by_role("button", name="Notify of problems"))
    tops, bottoms = zip(*((box["y"], box["y"] + box["height"]) for each in first_row if (box := each.bounding_box())), strict=True)
    pages = page.get_by_role("navigation", name="Pages", exact=True).bounding_box()
    assert pages
    assert max(tops) < min(bottoms) <= max(bottoms) <= pages["y"]
    assert pages["height"] < 50


def test_a_phone_shows_the_begin_of_a_long_subject_in_the_list(visit: Visit) -> None:
    visit.history.add(OFFER.replace(b"Offer", b"one of many words " * 40))
    visit.page.set_viewport_size({"width": 375, "height": 800})
    row = visit.open("/").get_by_role("row").nth(1).bounding_box()
    assert row
    assert row["height"] < 200


def test_a_phone_leads_to_the_content_from_the_top_of_a_trace(visit: Visit) -> None:
    visit.history.add(OFFER, recipients=tuple(f"user{number}@example.com" for number in range(30)))
    link = visit.open("/messages/1").get_by_role("link", name="Content", exact=True)
    expect(link).to_be_hidden()
    visit.page.set_viewport_size({"width": 375, "height": 800})
    expect(visit.page.get_by_role("heading", name="Content")).not_to_be_in_viewport()
    link.click()
    expect(visit.page.get_by_role("heading", name="Content")).to_be_in_viewport()


def test_a_button_keeps_its_distance_to_the_field_above(visit: Visit) -> None:
    visit.history.add(OFFER)
    page = visit.open("/messages/1")
    page.get_by_text("Send again to other addresses").click()
    field, button = (each.bounding_box() for each in (page.get_by_label("Envelope to"), page.get_by_role("button", name="Send to these")))
    assert field
    assert button
    assert button["y"] - field["y"] - field["height"] >= 8


SKIPPED = """() => [...document.querySelectorAll("h1, h2, h3, h4, h5, h6")]
  .filter((heading, index, all) => +heading.tagName[1] > (index ? +all[index - 1].tagName[1] : 0) + 1)
  .map((heading) => heading.outerHTML)"""
"""The headings that skip a level."""


@pytest.mark.parametrize("changed", [False, True])
def test_headings_skip_no_level(visit: Visit, changed: bool) -> None:
    number = visit.history.add(make_rich_mail("a"), make_rich_mail("b") if changed else None)
    for view in RICH_VIEWS:
        assert visit.open(f"/messages/{number}?view={view}").evaluate(SKIPPED) == [], view


def test_a_search_without_a_message_shows_no_empty_table(visit: Visit) -> None:
    visit.history.add(OFFER)
    page = visit.open("/?q=nothing")
    expect(page.get_by_text("No message matches.")).to_be_visible()
    expect(page.get_by_text("0 shown of 1 message")).to_be_visible()
    expect(page.get_by_role("table")).to_have_count(0)
