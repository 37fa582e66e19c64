"""A disclaimer in HTML as Chromium displays it without scripts, as mail programs do: below the content, in full width, readable."""

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Page

from mailhooks.content.disclaimer import add_disclaimer
from tests.support.chromium import NO_NETWORK, start_chromium
from tests.support.layouts import HEAD, LAYOUTS, Layout

TEXT = "This message is confidential."
LINK = '<a href="https://example.com/legal">our terms</a>'
HTML = f"<p>{TEXT} Read {LINK} first.</p>"
TABLE = f'<table width="100%"><tr><td style="border-top:1px solid #ccc">{TEXT} Read {LINK} first.</td></tr></table>'

READ = """text => {
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const boxes = [], own = [];
  let node, found = null;
  const rects = n => { const r = document.createRange(); r.selectNodeContents(n); return [...r.getClientRects()]; };
  while (node = walker.nextNode()) {
    const block = node.parentElement.closest('.mailhooks-disclaimer');
    if (!block && node.data.includes(text)) found = node;
    if (block) { if (node.data.includes(text)) found = node; own.push(node); continue; }
    if (!node.data.trim() || ['STYLE', 'SCRIPT', 'TITLE'].includes(node.parentElement.tagName)) continue;
    if (!node.parentElement.checkVisibility({opacityProperty: true, visibilityProperty: true})) continue;
    let clipped = false;
    for (let e = node.parentElement; e; e = e.parentElement) clipped ||= e.clientHeight === 0 && getComputedStyle(e).overflow === 'hidden';
    if (clipped) continue;
    boxes.push(...rects(node));
  }
  document.querySelectorAll('img, textarea, select, svg, button').forEach(e => {
    if (!e.closest('.mailhooks-disclaimer')) boxes.push(e.getBoundingClientRect()); });
  const shown = boxes.filter(b => b.width > 1 && b.height > 1);
  const parent = found.parentElement, block = parent.closest('.mailhooks-disclaimer');
  const line = rects(found)[0] || {width: 0, height: 0, top: 0, bottom: 0, left: 0, right: 0};
  const area = block.getBoundingClientRect();
  const style = getComputedStyle(document.body);
  const body = document.body.getBoundingClientRect();
  const canvas = document.createElement('div');
  canvas.style.cssText = 'background:Canvas;position:absolute';
  document.documentElement.append(canvas);
  let ground = getComputedStyle(canvas).backgroundColor;
  canvas.remove();
  for (let e = parent; e; e = e.parentElement) {
    const s = getComputedStyle(e), c = s.backgroundColor;
    if (c !== 'rgba(0, 0, 0, 0)') { ground = c; break; }
    if (s.backgroundImage !== 'none') { ground = 'picture'; break; }
  }
  block.scrollIntoView();
  const seen = rects(found)[0] || line;
  const hit = document.elementFromPoint(seen.left + seen.width / 2, seen.top + seen.height / 2);
  const link = block.querySelector('a');
  return {
    top: area.top, bottom: area.bottom, left: area.left, right: area.right,
    content: [Math.min(...shown.map(b => b.top)), Math.max(...shown.map(b => b.bottom))],
    body: [body.left + parseFloat(style.paddingLeft), body.right - parseFloat(style.paddingRight)],
    line: [line.width, line.height, line.left, line.right], size: parseFloat(getComputedStyle(parent).fontSize),
    visible: parent.checkVisibility({opacityProperty: true, visibilityProperty: true}),
    inLink: block.closest('a') !== null || parent.closest('a') !== null || (found.data.includes('confid') && parent.tagName === 'A'),
    linkStyle: link ? [getComputedStyle(link).color, link.checkVisibility({opacityProperty: true, visibilityProperty: true})] : null,
    colour: getComputedStyle(parent).color, ground, hit: hit !== null && block.contains(hit),
    dir: getComputedStyle(parent).direction, align: getComputedStyle(parent).textAlign, weight: getComputedStyle(parent).fontWeight,
  };
}"""


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    with start_chromium(NO_NETWORK) as browser:
        yield browser.new_page(viewport={"width": 900, "height": 700}, java_script_enabled=False)


def add(layout: Layout, html: str) -> str:
    raw = HEAD + layout.html.encode() + b"\r\n"
    changed = add_disclaimer(raw, text=TEXT, html=html, position=layout.position)
    assert changed != raw
    return changed.decode().partition("\r\n\r\n")[2]


def read(page: Page, html: str) -> dict[str, Any]:
    page.goto("about:blank")  # the colours of a document stay after its content is replaced
    page.set_content(html, wait_until="load")
    found: dict[str, Any] = page.evaluate(READ, TEXT)
    return found


def luminance(colour: str) -> float:
    channels = [float(part) / 255 for part in colour[colour.index("(") + 1 : -1].split(",")[:3]]
    red, green, blue = (value / 12.92 if value <= 0.03928 else ((value + 0.055) / 1.055) ** 2.4 for value in channels)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.name)
def test_the_disclaimer_is_below_the_content_in_full_width_and_readable(page: Page, layout: Layout, scheme: str):
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    found = read(page, add(layout, TABLE if scheme == "dark" else HTML))
    faults = [*find_faults_of_place(found, layout.position), *find_faults_of_text(found)]
    assert not faults, "; ".join(faults)


def find_faults_of_place(found: dict[str, Any], position: str) -> Iterator[str]:
    top, bottom = found["content"]
    if position == "append" and top is not None and found["top"] < bottom - 5:
        yield f"begins at {found['top']}, the content ends at {bottom}"
    if position == "prepend" and found["bottom"] > top + 1:
        yield f"ends at {found['bottom']}, the content begins at {top}"
    left, right = found["body"]
    if position != "after-reply" and (found["left"] > left + 20 or found["right"] < right - 20):
        yield f"extends from {found['left']} to {found['right']}, the body from {left} to {right}"
    if found["line"][2] < 0 or found["line"][3] > 901:
        yield f"is outside of the window: {found['line']}"


def find_faults_of_text(found: dict[str, Any]) -> Iterator[str]:
    if not (found["visible"] and found["hit"]) or found["line"][0] < 100 or found["size"] < 9 or found["line"][1] < 9:
        yield f"is not visible: {found['visible']}, {found['hit']}, {found['line']}, {found['size']}"
    if found["inLink"]:
        yield "is a link"
    link_colour, link_is_visible = found["linkStyle"]
    if found["ground"] == "picture" or contrast(found["colour"], found["ground"]) < 3:
        yield f"is {found['colour']} on {found['ground']}"
    elif contrast(link_colour, found["ground"]) < 3 or not link_is_visible:
        yield f"has a link that is {link_colour} on {found['ground']}"
    if found["dir"] == "rtl" or found["align"] in ("right", "end"):
        yield f"is {found['dir']}, {found['align']}"
    if found["weight"] not in ("400", "normal"):
        yield f"has the weight {found['weight']}"
