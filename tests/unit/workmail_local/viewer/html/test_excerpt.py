"""What a page shows of a long HTML text, and its notes."""

import re

import pytest

from mailhooks.mime.message import Message
from workmail_local.viewer.html.excerpt import LIMIT, count_shown, cut
from workmail_local.viewer.html.sanitizer import sanitize
from workmail_local.viewer.rendered import render_documents

LONG = "x" * (LIMIT + 100_000)
STYLES = "p{color:red}" * 40_000


@pytest.mark.parametrize("bit", ["x" * 1000, "<p>x</p>", "<b>", "<img src='data:image/png;base64,AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA'>"])
def test_long_markup_is_cut_between_tags(bit: str) -> None:
    markup = bit * (600_000 // len(bit))
    found, [note] = cut(markup, 100_000)
    shown = count_shown(found)
    assert markup.startswith(found)
    assert 99_000 <= shown <= 100_000
    assert found.count("<") == found.count(">")
    assert note == f"{shown:,} of {count_shown(markup):,} characters shown"
    assert cut(markup, count_shown(markup)) == (markup, ())


def test_markup_is_not_cut_because_of_an_embedded_picture() -> None:
    """Case 465: 420 kB, almost all of it a picture."""
    markup = f"<p>Before</p><img src='data:image/png;base64,{'A' * 417_000}'><p>Behind</p>"
    assert cut(markup) == (markup, ())
    assert count_shown(markup) < 60
    assert "<p>Behind</p>" in sanitize(markup)


NOT_DISPLAYED = {
    "comment": f"<!-- {LONG} -->",
    "conditional comment": f"<!--[if mso]>{'<table>' * 60_000}<![endif]-->",
    "markup that is read as a comment": f"<?xml {LONG}>",
    "script": f"<script>{LONG}</script>",
    "script that contains tags": f"<script>{'<p>' * 200_000}</script>",
    "frame": f"<iframe>{LONG}</iframe>",
    "noembed": f"<noembed>{LONG}</noembed>",
    "many comments": "<!-- a comment -->" * 30_000,
    "many scripts": "<script>a(b,c,d,e,f,g,h,i,j,k,l,m,n)</script>" * 9000,
    "comment in noscript": f"<noscript><!-- {LONG} --></noscript>",
    "embedded font": f"<style>@font-face{{src:url(data:font/woff2;base64,{LONG})}}</style>",
}


@pytest.mark.parametrize("long", NOT_DISPLAYED.values(), ids=NOT_DISPLAYED)
def test_what_is_not_displayed_does_not_count(long: str) -> None:
    found = cut(f"<p>hi</p>{long}<p>rest")
    assert sanitize(found.markup).startswith("<p>hi</p>")
    assert sanitize(found.markup).endswith("<p>rest")
    assert found.notes == ()


LEFT_OUT = {
    "style sheet": (f"<style>{STYLES}</style>", "1 style sheet left out, too long"),
    "two style sheets": (f"<style>{STYLES}</style>" * 2, "2 style sheets left out, too long"),
    "the second of two style sheets": (f"<style>{STYLES[:200_000]}</style>" * 2, "1 style sheet left out, too long"),
    "style sheet in noscript": (f"<noscript><style>{STYLES}</style></noscript>", "1 style sheet left out, too long"),
    "style sheet in a comment": (f"<style><!--{STYLES}--></style>", "1 style sheet left out, too long"),
    "style sheet in SVG": (f"<svg><style>{STYLES}</style></svg>", "1 style sheet left out, too long"),
    "title": (f"<title>{LONG}</title>", "1 title left out, too long"),
    "attribute": (f'<img alt="{LONG}">', "attributes of 1 tag left out, too long"),
    "attribute without quotes": (f"<b title={LONG}></b>", "attributes of 1 tag left out, too long"),
    "many attributes": (f"<b {'a=1 ' * 100_000}></b>", "attributes of 1 tag left out, too long"),
    "style attribute": (f"<b style='{STYLES}'></b>", "attributes of 1 tag left out, too long"),
    "end tag with attributes": (f"<b></b {LONG}>", "attributes of 1 tag left out, too long"),
    "name": (f"<{LONG}></{LONG}>", "2 tags left out, too long"),
    "document type": (f"<!doctype html {LONG}>", "attributes of 1 tag left out, too long"),
}


@pytest.mark.parametrize("long, note", LEFT_OUT.values(), ids=LEFT_OUT)
def test_what_is_too_long_is_left_out_with_a_note(long: str, note: str) -> None:
    found = cut(f"<p>hi</p>{long}<p>hello")
    assert sanitize(found.markup).startswith("<p>hi</p>")
    assert sanitize(found.markup).endswith("<p>hello")
    assert found.notes == (note,)
    assert len(found.markup) < LIMIT


def test_tag_without_attributes_keeps_its_end() -> None:
    """Else the picture would contain what follows it."""
    assert cut(f"<svg><path d='{LONG}'/><text>a</text></svg>").markup == "<svg><path /><text>a</text></svg>"


UNCLOSED = {
    "style sheet": (f"<style>{STYLES}", ("1 style sheet left out, too long",)),
    "style sheet in noscript": (f"<noscript><style>{STYLES}", ("1 style sheet left out, too long",)),
    "title": (f"<title>{LONG}", ("1 title left out, too long",)),
    "comment": (f"<!-- {LONG}", ()),
    "script": (f"<script>{LONG}", ()),
    "attribute": (f"<img alt='{LONG}", ()),
    "tag": (f"<{LONG}", ()),
    "start tag of a style sheet": (f"<style media='{LONG}", ()),
    "start tag of noscript": (f"<noscript a='{LONG}", ()),
}


@pytest.mark.parametrize("long, notes", UNCLOSED.values(), ids=UNCLOSED)
def test_what_has_no_end_hides_nothing_before_it(long: str, notes: tuple[str, ...]) -> None:
    found = cut(f"<p>hi</p>{long}")
    assert re.fullmatch(r"<p>hi</p>(?:</?(?:noscript|style|title)>)*", sanitize(found.markup))
    assert found.notes == notes


@pytest.mark.parametrize("name", ["xmp", "textarea", "noscript", "plaintext"])
@pytest.mark.parametrize("is_closed", [True, False])
def test_long_content_without_markup_is_shown_in_part(name: str, is_closed: bool) -> None:
    found = cut(f"<p>hi</p><{name}>{LONG}{f'</{name}><p>rest' if is_closed else ''}")
    assert LIMIT - 50 < sanitize(found.markup).count("x") <= LIMIT
    [note] = found.notes
    assert re.fullmatch(r"300,000 of 400,0\d\d characters shown", note)


def test_the_rest_counts_without_what_is_not_displayed() -> None:
    found = cut(f"{LONG}<!-- {LONG} --><style>{STYLES}</style><script>{LONG}</script>")
    assert re.fullmatch(r"300,000 of 400,0\d\d characters shown", found.notes[0])


def test_the_notes_of_a_message_are_those_of_its_excerpt() -> None:
    raw = f"Content-Type: text/html\r\n\r\n<style>{STYLES}</style><p>hello".encode()
    [document] = render_documents(Message(raw))
    assert "<p>hello" in document.markup
    assert document.notes == ("1 style sheet left out, too long",)


@pytest.mark.parametrize("bit", ["<!-->", "<!--", "<style", "<style>", "<style></style>", "<script></script>", "<title a='", "<!-- --!>"])
def test_markup_is_cut_in_bounded_steps(bit: str) -> None:
    assert len(cut(bit * (3_000_000 // len(bit)), 10_000).markup) < 200_000
