"""Remote pictures on demand, in a browser: with the switch on, only the listed pictures are loaded, and hostile mail gains nothing.

`far.example.net` is a picture server. A trap in place of all other servers counts connections, even without a request.
"""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, FrameLocator, Page, Playwright, expect

from mailhooks.mime.message import Message
from tests.integration.workmail_local.web.pages import Site, Trap, Visit
from tests.integration.workmail_local.web.picture_server import OTHER, PictureServer
from tests.integration.workmail_local.web.test_browser_hostile import FAR, HOSTILE, hostile, leaks
from tests.support.chromium import launch_chromium
from tests.support.servers.certificates import self_signed
from workmail_local.viewer.links import list_remote_pictures

LISTED = f"<img id=listed src={FAR}/listed.png>"


@pytest.fixture(scope="module")
def far() -> Iterator[PictureServer]:
    server = PictureServer()
    yield server
    server.close()


@pytest.fixture(scope="module")
def secure(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PictureServer]:
    server = PictureServer(self_signed(tmp_path_factory.mktemp("certificate")))
    yield server
    server.close()


@pytest.fixture(scope="module")
def browser(playwright: Playwright, trap: Trap, far: PictureServer, secure: PictureServer) -> Iterator[Browser]:
    places = {"far.example.net": far.port, "secure.example.net": secure.port, "*.example.net": trap.port}
    rules = ", ".join(f"MAP {host} 127.0.0.1:{port}" for host, port in places.items())
    with launch_chromium(playwright, f"--host-resolver-rules={rules}", "--ignore-certificate-errors") as browser:
        yield browser


@pytest.fixture(autouse=True)
def forget_requests(far: PictureServer, secure: PictureServer) -> None:
    far.requests.clear()
    secure.requests.clear()


def load(visit: Visit, markup: str) -> FrameLocator:
    """Open a message with HTML, and load its remote pictures."""
    visit.history.add(hostile(markup))
    page = visit.open("/messages/1?view=html")
    expect(page.frame_locator('iframe[title="HTML"]').get_by_text("Here is mail")).to_be_visible()
    page.get_by_role("link", name="Load remote pictures").click()
    expect(page.get_by_role("link", name="Show without remote pictures")).to_be_visible()
    frame = page.frame_locator('iframe[title="HTML"]')
    expect(frame.get_by_text("Here is mail")).to_be_visible()
    return frame


def measure(frame: FrameLocator | Page, selector: str) -> int:
    """The width of a picture when it is loaded, or cannot be."""
    return int(frame.locator(selector).evaluate("image => image.decode().catch(() => 0).then(() => image.naturalWidth)"))


def test_the_servers_are_named_before_and_pictures_are_loaded_only_on_demand(visit: Visit, far: PictureServer) -> None:
    visit.history.add(hostile(f"{LISTED}<img src={FAR}/2.png><img src=https://cdn.example.org:8443/3.png>"))
    page = visit.open("/messages/1")
    note = page.locator(".remote")
    expect(note).to_contain_text("3 pictures not loaded from")
    expect(note).to_contain_text("cdn.example.org:8443, far.example.net (2)")
    frame = page.frame_locator('iframe[title="HTML"]')
    assert measure(frame, "#listed") == 0
    assert far.requests == []
    page.get_by_role("link", name="Load remote pictures").click()
    expect(note).to_contain_text("Pictures loaded from")
    assert measure(frame, "#listed") == 31
    assert sorted(request.path for request in far.requests) == ["/2.png", "/listed.png"]
    page.get_by_role("link", name="Show without remote pictures").click()
    expect(note).to_contain_text("3 pictures not loaded from")
    assert measure(frame, "#listed") == 0
    assert len(far.requests) == 2


def test_pictures_are_loaded_without_javascript(browser: Browser, site: Site, far: PictureServer) -> None:
    context = browser.new_context(java_script_enabled=False)
    site.history.add(hostile(LISTED))
    page = context.new_page()
    page.goto(f"{site.url}/messages/1")
    with page.expect_request_finished(lambda request: request.url == f"{FAR}/listed.png"):
        page.get_by_role("link", name="Load remote pictures").click()
    assert [request.path for request in far.requests] == ["/listed.png"]
    context.close()


def test_the_other_views_and_messages_load_nothing_again(visit: Visit, far: PictureServer) -> None:
    visit.history.add(hostile(LISTED))
    load(visit, LISTED)
    count = len(far.requests)
    visit.page.get_by_role("link", name="Text", exact=True).click()
    visit.page.get_by_role("link", name="HTML", exact=True).click()
    expect(visit.page.get_by_role("link", name="Load remote pictures")).to_be_visible()
    visit.open("/messages/2?view=html")
    expect(visit.page.get_by_role("link", name="Load remote pictures")).to_be_visible()
    assert len(far.requests) == count


def test_an_address_without_the_key_of_the_page_loads_nothing(visit: Visit, far: PictureServer) -> None:
    """Another site could open it, and its picture would report that the message was read."""
    visit.history.add(hostile(LISTED))
    for key in ("1", "true", "remote", "%00", "\u00e4"):
        for path in (f"/messages/1?view=html&pictures={key}", f"/messages/1/passages/1/after/html/1?pictures={key}"):
            visit.open(path)
            answer = visit.site.get(f"/messages/1/passages/1/after/html/1?pictures={key}")
            assert "img-src data:;" in answer.headers["content-security-policy"]
            assert ' src="http' not in answer.text
    assert far.requests == []


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_html_loads_only_the_listed_pictures(visit: Visit, trap: Trap, far: PictureServer, name: str) -> None:
    markup = LISTED + HOSTILE[name]
    connections = trap.connections
    frame = load(visit, markup)
    for clickable in frame.locator("a, button, input[type=submit], text, math, img[usemap]").all():
        if clickable.is_visible():
            clickable.click(timeout=3000, no_wait_after=True, force=True)
    visit.page.evaluate("fetch('/static/web.css', { cache: 'no-store' }).then((response) => response.text())")
    assert trap.connections == connections
    assert [text for text in visit.messages if "RAN" in text] == []
    assert len(visit.context.pages) == 1
    listed = {picture.address.url for picture in list_remote_pictures(Message(hostile(markup)))}
    assert f"{FAR}/listed.png" in listed
    assert {f"{FAR}{request.path}" for request in far.requests} <= listed
    assert {url for url in visit.requests_elsewhere if not url.startswith("blob:")} <= listed
    assert not any(name in request.fields for request in far.requests for name in ("referer", "cookie", "origin", "authorization"))


def test_only_the_source_of_an_img_is_a_picture(visit: Visit, far: PictureServer) -> None:
    """The same address in any other place loads nothing, although the policy allows its server."""
    load(
        visit,
        f"{LISTED}<style>@import url({FAR}/1); @font-face {{ font-family: f; src: url({FAR}/2) }} p {{ font-family: f; "
        f"background: url({FAR}/3) }}</style><p style='background-image: url({FAR}/4)'>x</p><img srcset='{FAR}/5 1x'>"
        f"<picture><source srcset={FAR}/6><img></picture><input type=image src={FAR}/7><svg><image href={FAR}/8></image></svg>"
        f"<table background={FAR}/9><tr><td>x</table><video poster={FAR}/10></video><link rel=icon href={FAR}/11>"
        f"<img lowsrc={FAR}/12 dynsrc={FAR}/13><p style='content: url({FAR}/14)'>y</p>",
    )
    visit.page.wait_for_timeout(300)
    assert [request.path for request in far.requests] == ["/listed.png"]


@pytest.mark.parametrize(
    "address",
    [
        *("ftp://far.example.net/1", "file:///etc/passwd", "//far.example.net/1", "/1", "http://[::1]/1", "http:far.example.net/1"),
        *("blob:http://far.example.net/1", "http://far_x.example.net/1", "http://far.example.net;script-src/1", "http://*.example.net/1"),
        *("http://a b/1", "http:// far.example.net/1", "http://far.example.net:99999/1", "http://x'unsafe-inline'/1", "http://"),
        f"http://far.example.net/{'x' * 3000}",
    ],
)
def test_an_odd_address_is_not_listed_and_adds_nothing_to_the_policy(visit: Visit, address: str) -> None:
    visit.history.add(hostile(f'{LISTED}<img src="{address}">'))
    page = visit.open("/messages/1?view=html")
    expect(page.locator(".remote")).to_contain_text("1 picture not loaded from far.example.net")
    key = re.search(r"pictures=([\w-]+)", page.get_by_role("link", name="Load remote pictures").get_attribute("href") or "")
    assert key
    answer = visit.site.get(f"/messages/1/passages/1/after/html/1?pictures={key[1]}")
    assert "img-src data: http://far.example.net; " in answer.headers["content-security-policy"]
    assert re.findall(r' src="(?!data:)([^"]*)"', answer.text) == [f"{FAR}/listed.png"]


def test_a_redirect_to_another_server_is_not_followed(visit: Visit, trap: Trap, far: PictureServer) -> None:
    connections = trap.connections
    frame = load(visit, f"<img id=moved src={FAR}/moved>{LISTED}")
    assert (measure(frame, "#moved"), measure(frame, "#listed")) == (0, 31)
    visit.page.wait_for_timeout(300)
    assert {request.path for request in far.requests} == {"/moved", "/listed.png"}
    assert trap.connections == connections


def test_attributes_of_a_picture_send_no_referrer_and_no_credentials(visit: Visit, far: PictureServer) -> None:
    load(
        visit,
        f"<img id=listed src={FAR}/1 referrerpolicy=unsafe-url crossorigin=use-credentials><meta name=referrer content=unsafe-url>"
        f"<img src=http://me:secret@far.example.net/2 attributionsrc={FAR}/3 ping={FAR}/4>",
    )
    visit.page.wait_for_timeout(300)
    assert sorted(request.path for request in far.requests) == ["/1", "/2"]
    assert not any(name in request.fields for request in far.requests for name in ("referer", "cookie", "origin", "authorization"))


def test_no_cookie_is_sent_or_kept(visit: Visit, secure: PictureServer) -> None:
    """Chromium sends none out of a sandbox; in other browsers the header makes the difference."""
    address = "https://secure.example.net"
    visit.context.add_cookies([{"name": "who", "value": "ana", "url": address, "sameSite": "None", "secure": True}])
    with visit.page.expect_response(lambda response: "pictures=" in response.url and "/html/" in response.url) as answer:
        frame = load(visit, f"<img id=listed src={address}/1>")
    assert answer.value.headers["cross-origin-embedder-policy"] == "credentialless"
    assert measure(frame, "#listed") == 31
    assert [request.fields.get("cookie") for request in secure.requests] == [None]
    assert [cookie.get("name") for cookie in visit.context.cookies(address)] == ["who"]
    visit.context.clear_cookies()


def test_nothing_hostile_came_late(visit: Visit, trap: Trap) -> None:
    visit.open("/").wait_for_timeout(500)
    assert leaks(visit, trap) == []
    visit.page.goto("about:blank")
    visit.page.set_content(f"<img src={OTHER}/i.png>")
    visit.page.wait_for_function("document.querySelector('img').complete")
    assert trap.connections > 0
