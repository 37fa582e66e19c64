"""Templates of mail in the HTML view, against the same markup opened by itself with the network cut."""

import base64
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from tests.integration.workmail_local.web.pages import FROM_CLARA, Visit
from tests.support.templates import TEMPLATES

WIDTH, HEIGHT = 700, 500
_COUNT = """async (urls) => {
  const [one, other] = await Promise.all(urls.map(async (url) => {
    const image = new Image();
    image.src = url;
    await image.decode();
    const canvas = new OffscreenCanvas(image.width, image.height);
    const context = canvas.getContext("2d");
    context.drawImage(image, 0, 0);
    return context.getImageData(0, 0, image.width, image.height).data;
  }));
  let different = one.length === other.length ? 0 : Infinity;
  for (let at = 0; at < one.length; at += 4)
    if (Math.max(...[0, 1, 2].map((each) => Math.abs(one[at + each] - other[at + each]))) > 48) different++;
  return different;
}"""


@pytest.fixture(scope="module")
def alone(browser: Browser) -> Iterator[Page]:
    """Open a page of a browser without a network, in the size of the frame."""
    context = browser.new_context(viewport={"width": WIDTH, "height": HEIGHT}, java_script_enabled=False)
    page = context.new_page()
    yield page
    context.close()


def open_alone(page: Page, markup: str) -> bytes:
    page.unroute_all()
    page.route("**", lambda route: route.abort())
    body = b"\xef\xbb\xbf" + markup.encode()
    page.route("http://alone.example.org/", lambda route: route.fulfill(content_type="text/html", body=body))
    page.goto("http://alone.example.org/")
    return page.screenshot()


def open_in_view(visit: Visit, markup: str) -> bytes:
    visit.history.add(FROM_CLARA + b"Subject: x\r\nContent-Type: text/html; charset=utf-8\r\n\r\n" + markup.encode())
    visit.page.set_viewport_size({"width": 1700, "height": 1000})
    page = visit.open("/messages/1?view=html")
    # At the corner of the window, in the size of the other page.
    size = {"width": f"{WIDTH}px", "height": f"{HEIGHT}px"}
    place = {**size, "position": "fixed", "inset": "0 auto auto 0", "border": "0", "borderRadius": "0", "resize": "none"}
    page.locator('iframe[title="HTML"]').evaluate("(frame, place) => Object.assign(frame.style, place)", place)
    return page.screenshot(clip={"x": 0, "y": 0, "width": WIDTH, "height": HEIGHT})


def count_differences(page: Page, one: bytes, other: bytes) -> int:
    """Return how many pixels differ visibly: more than by the smoothing of a round edge."""
    page.goto("about:blank")
    urls = [f"data:image/png;base64,{base64.b64encode(picture).decode()}" for picture in (one, other)]
    return int(page.evaluate(_COUNT, urls))


@pytest.mark.parametrize("name, scheme", [*((name, "light") for name in TEMPLATES), ("dark-mode", "dark")])
def test_a_template_looks_as_by_itself(visit: Visit, alone: Page, name: str, scheme: str) -> None:
    for page in (visit.page, alone):
        page.emulate_media(color_scheme=scheme)
    view, page = open_in_view(visit, TEMPLATES[name]), open_alone(alone, TEMPLATES[name])
    if folder := os.environ.get("PICTURES"):
        for picture, kind in ((view, "view"), (page, "alone")):
            Path(folder, f"{name}.{scheme}.{kind}.png").write_bytes(picture)
    assert count_differences(visit.page, view, page) == 0
    assert visit.requests_elsewhere == []
