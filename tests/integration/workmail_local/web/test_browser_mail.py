"""Small messages that other viewers showed wrongly, in the HTML view: styles, pictures, charsets and long texts."""

import base64
from typing import Any

import pytest
from playwright.sync_api import FrameLocator, expect

from tests.integration.workmail_local.web.pages import FROM_CLARA, Visit

PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAB8AAAARCAIAAACqxuAeAAAAHklEQVR4nGM4wcBAO0RDo0dNHzV91PRR00dNH0DTAfCYm8gg+8i3AAAAAElFTkSuQmCC"
)
"""31 pixels wide and 17 high."""

LINK_STYLES = """<!DOCTYPE html><html><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><style>
body > table {background:#0a0} a:link, a:visited {color:#c00000; text-decoration:none} a[href^="tel"]{color:#00c000}
.btn:any-link{background:#123456}</style></head><body><table id=t><tr><td><a id=a href="https://example.org/confirm">Confirm</a>
<a id=b href="tel:+49123">Call</a> <a id=c class=btn href="https://example.org">Go</a></td></tr></table></body></html>"""
GROUNDS = """<!DOCTYPE html><html><body><table width=600><tr><td id=t style="background:#123456 url(https://cdn.example/x.png) repeat-x;
color:#ffffff">Your order 4711</td></tr></table><div id=d style="background:url('https://cdn.example/y.png') center / cover no-repeat
#224466; color:#fff">white</div><img id=i src="https://cdn.example/logo.png" alt="ACME" width=200 height=50><img id=j
src="https://cdn.example/l2.png" alt="Wide logo text" style="display:block;width:300px;height:60px;background:#eee">
<ul id=u style="list-style:square url(https://x.example/b.gif)"><li>x</ul></body></html>"""


def show(visit: Visit, raw: bytes, query: str = "view=html") -> FrameLocator:
    visit.history.add(FROM_CLARA + raw)
    frame = visit.open(f"/messages/1?{query}").frame_locator("iframe")
    frame.locator("body").wait_for(state="attached")
    return frame


def html(markup: str, content_type: str = "text/html; charset=utf-8") -> bytes:
    return f"Content-Type: {content_type}\r\n\r\n{markup}\r\n".encode()


def read_style(frame: FrameLocator, selector: str, name: str) -> Any:
    return frame.locator(selector).evaluate("(element, name) => getComputedStyle(element)[name]", name)


def test_links_and_children_of_the_body_have_their_styles(visit: Visit) -> None:
    """Case 472."""
    frame = show(visit, html(LINK_STYLES))
    found = [("#t", "backgroundColor"), ("#a", "color"), ("#a", "textDecorationLine"), ("#b", "color"), ("#c", "backgroundColor")]
    expected = ["rgb(0, 170, 0)", "rgb(192, 0, 0)", "none", "rgb(0, 192, 0)", "rgb(18, 52, 86)"]
    assert [read_style(frame, *each) for each in found] == expected
    visit.page.get_by_text("3 links").click()
    rows = visit.page.get_by_role("table", name="Links").get_by_role("row")
    assert rows.all_inner_texts()[1:] == ["Confirm\thttps://example.org/confirm", "Call\ttel:+49123", "Go\thttps://example.org"]


def test_a_colour_stays_without_its_remote_picture(visit: Visit) -> None:
    """Case 499."""
    frame = show(visit, html(GROUNDS))
    found = [("#t", "backgroundColor"), ("#t", "color"), ("#d", "backgroundColor"), ("#u", "listStyleType")]
    assert [read_style(frame, *each) for each in found] == ["rgb(18, 52, 86)", "rgb(255, 255, 255)", "rgb(34, 68, 102)", "square"]
    boxes = [frame.locator(selector).bounding_box() for selector in ("#i", "#j")]
    assert [(round(box["width"]), round(box["height"])) for box in boxes if box] == [(62, 19), (300, 60)]


def related(markup: str, *parts: tuple[str, bytes]) -> bytes:
    """Make a message with HTML and parts, each by its header and its content."""
    made = [html(markup).rstrip(b"\r\n")]
    made += [f"{header}\r\nContent-Transfer-Encoding: base64\r\n\r\n".encode() + base64.encodebytes(content) for header, content in parts]
    return b"Content-Type: multipart/related; boundary=rr\r\n\r\n" + b"".join(b"--rr\r\n" + each + b"\r\n" for each in made) + b"--rr--\r\n"


def picture(identity: str, content_type: str = "image/png") -> tuple[str, bytes]:
    return f"Content-Type: {content_type}\r\nContent-ID: {identity}", PNG


@pytest.mark.parametrize(
    "references, parts",
    [
        # Case 447
        (
            ["cid:logo%40shop.example", "cid:foo4%25foo1@bar.example", "CID:up@x.example"],
            [picture("<logo@shop.example>"), picture("<foo4%foo1@bar.example>"), picture("<up@x.example>")],
        ),
        (["cid:a%20b@x", "cid:a b@x", "cid:<c@x>", "cid:d"], [picture("<a b@x>"), picture("<c@x>"), picture("d")]),
        (["cid:o@x"], [picture("<o@x>", "application/octet-stream")]),
        (["cid:o@x"], [picture("<o@x> (a comment)", 'application/octet-stream; name="logo"')]),
        (
            ["pic.png", "http://far.example.net/i/pic.png"],
            [("Content-Type: image/png\r\nContent-Location: http://far.example.net/i/pic.png", PNG)],
        ),
        (["images/a.png", "./images/a.png"], [("Content-Type: image/png\r\nContent-Location: images/a.png", PNG)]),
        (["cid:p@x"], [picture("<p@x>", "image/x-unknown")]),
    ],
)
def test_pictures_of_the_message_are_shown(visit: Visit, references: list[str], parts: list[tuple[str, bytes]]) -> None:
    raw = related("".join(f'<img src="{reference}">' for reference in references), *parts)
    if "pic.png" in references:
        raw = raw.replace(b"charset=utf-8", b"charset=utf-8\r\nContent-Location: http://far.example.net/i/page.html", 1)
    frame = show(visit, raw)
    sizes = frame.locator("img").evaluate_all("images => Promise.all(images.map(async image => [image.naturalWidth, image.naturalHeight]))")
    assert sizes == [[31, 17]] * len(references)
    assert visit.requests_elsewhere == []


def test_pictures_of_styles_and_sets_are_shown(visit: Visit) -> None:
    markup = (
        "<table id=a background=cid:p@x><tr><td>x</table><p id=b style=\"background:#fff url('cid:p@x')\">x</p><img srcset='cid:p%40x 1x'>"
        "<picture><source srcset=cid:p@x><img></picture><style>#c{background:url(cid:p@x)}</style><p id=c>x</p>"
        "<svg><image href=cid:p@x></svg>"
    )
    frame = show(visit, related(markup, picture("<p@x>")))
    for selector in ("#a", "#b", "#c"):
        assert read_style(frame, selector, "backgroundImage").startswith('url("data:image/png;base64,iVBOR')
    assert frame.locator("img").evaluate_all("images => images.map(image => image.naturalWidth)") == [31, 31]
    assert (frame.locator("image").get_attribute("href") or "").startswith("data:image/png;base64,iVBOR")


def test_the_nearest_of_several_pictures_is_shown(visit: Visit) -> None:
    """Each `multipart/related` has a picture of the same Content-ID."""
    other = b"Content-Type: image/gif\r\nContent-ID: <p@x>\r\nContent-Transfer-Encoding: base64\r\n\r\nR0lGODlhAQABAAAAACw=\r\n"
    inner = related("<img src=cid:p@x>", picture("<p@x>"))
    frame = show(
        visit,
        b"Content-Type: multipart/mixed; boundary=m\r\n\r\n--m\r\n" + other + b"--m\r\n" + inner + b"--m\r\n" + other + b"--m--\r\n",
    )
    assert frame.locator("img").evaluate("image => image.naturalWidth") == 31


@pytest.mark.parametrize(
    "head, charset",
    [
        ('<meta charset="utf-8">', "utf-8"),
        ('<meta http-equiv="Content-Type" content="text/html; charset=windows-1251">', "cp1251"),
        ("", "utf-8"),
    ],
)
def test_html_is_read_in_the_charset_of_its_meta_or_in_utf_8(visit: Visit, head: str, charset: str) -> None:
    """Case 434."""
    sentence = "Здравствуйте, встреча в 5 часов"
    frame = show(visit, b"Content-Type: text/html\r\n\r\n" + f"<html><head>{head}</head><body><p>{sentence}</p>".encode(charset))
    expect(frame.locator("p")).to_have_text(sentence)


def test_a_text_without_any_mime_field_is_read_as_utf_8(visit: Visit) -> None:
    """Case 430."""
    sentence = "Grüße, naïve façade: привет"
    visit.history.add(b"From: a@example.net\r\nSubject: =?utf-8?q?Pr=C3=BCfung?=\r\n\r\n" + f"{sentence}\r\n".encode())
    expect(visit.open("/messages/1?view=text").get_by_label("Text", exact=True)).to_contain_text(sentence)


def test_what_is_behind_an_embedded_picture_is_shown(visit: Visit) -> None:
    """Case 465."""
    frame = show(visit, html(f"<p>Before</p><img src='data:image/png;base64,{'A' * 417_000}'><p>Behind</p>"))
    expect(frame.get_by_text("Behind")).to_be_visible()
    expect(visit.page.locator(".cut")).to_have_count(0)


def test_every_view_has_a_note_on_what_it_leaves_out(visit: Visit) -> None:
    long = "0123456789" * 120_000
    fields = b"X-Long: " + b"y" * 5000 + b"\r\n" + b"".join(b"X-Field: %d\r\n" % number for number in range(300))
    parts = b"".join(b"--m\r\nContent-Type: application/x\r\n\r\n%d\r\n" % number for number in range(400))
    texts = b"".join(b"--m\r\nContent-Type: text/html\r\n\r\n<p>%d</p>\r\n" % number for number in range(20))
    raw = (
        fields
        + b"Content-Type: multipart/mixed; boundary=m\r\n\r\n--m\r\n"
        + html(f"<p title='{'t' * 1000}'>{long}</p>")
        + b"--m\r\nContent-Type: text/plain\r\n\r\n"
        + long.encode()
        + b"\r\n"
        + parts
        + texts
        + b"--m--\r\n"
    )
    visit.history.add(
        FROM_CLARA + raw, (FROM_CLARA + raw).replace(b"X-Field", b"Y-Field").replace(b"application/x", b"application/y") + b"x" * 3000
    )
    for view, notes in {
        "html": ["300,000 of 1,201,016 characters shown", "12 of 21 HTML texts shown"],
        "text": ["300,000 of 1,200,000 characters shown"],
        "structure": ["300 of 423 parts shown"],
        "header": ["200 of 305 fields shown", "X-Long: 4,000 of 5,000 octets shown"],
        "source": ["1,000 of 2,", "2,000 octets of each longer line shown"],
    }.items():
        page = visit.open(f"/messages/1?view={view}&side=after")
        found = page.locator(".cut").all_inner_texts()
        for note in notes:
            assert any(each.startswith(note) for each in found), (view, found)
        href = page.locator(".cut a").first.get_attribute("href")
        assert href == "/messages/1/passages/1/after.eml"
