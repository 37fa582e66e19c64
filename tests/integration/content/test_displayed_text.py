"""The text that conditions see, compared with the text that Chromium displays of the same HTML (`innerText`), without scripts.

The exceptions are named in EXCEPTIONS; the property and the samples below leave them out, and each one has a test of its own.
"""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mailhooks.mime.html_text import extract_searchable_text, extract_visible_text
from tests.fidelity.reading import Leaf, parse, shown
from tests.support.chromium import NO_NETWORK, start_chromium
from tests.support.layouts import LAYOUTS, Layout

CORPUS = Path(__file__).parents[2] / "corpus/mail"

READ = """async documents => {
  const texts = [];
  for (const text of documents) {
    const frame = document.createElement('iframe');
    frame.sandbox = 'allow-same-origin';
    frame.srcdoc = text;
    await new Promise(loaded => { frame.onload = loaded; document.body.append(frame); });
    texts.push(frame.contentDocument.body.innerText);
    frame.remove();
  }
  return texts;
}"""

EXCEPTIONS = {
    "boxes in a line": ("<button>a</button><button>b</button>", "ab", "a b"),
    "text in a field": ("a<textarea>b</textarea>", "a", "a b"),
    "parts of tables outside of a table": ("<td>a</td><td>b</td>", "ab", "a b"),
    "text after the end of the body": ("a</body></html>b", "ab", "a b"),
    "details that are closed, which most mail programs display": ("<details><summary>a</summary>b</details>", "a", "a b"),
    "text that is too small or transparent": ("a<div style=font-size:0>b</div><div style=opacity:0>c</div>", "a b c", "a"),
    "text of no height": ("a<div style='max-height:0;overflow:hidden'>b</div>", "a b", "a"),
    "blocks that are invisible have their place": ("a<div style=visibility:hidden>b</div>c", "ac", "a c"),
    "text that programs without an element display": ("a<template>b</template>", "a", "a b"),
    "text for Outlook": ("a<!--[if mso]>b<![endif]-->", "a", "a b"),
    "markup without its end": ("a<a title='b", "a", "a <a title='b"),
    "style sheets": ("<style>p{display:none}</style>a<p>b</p>", "a", "a b"),
    "style sheets against a style": ("<style>p{display:block!important}</style><p style=display:none>a</p>b", "a b", "b a"),
    "styles that are not certain": (r"a<p style='d\isplay:none'>b</p>", "a", "a b"),
    "start tags that look like empty elements": ("<div hidden>a<div/>b</div>c</div>d", "d", "c d"),
    "elements that end by rules of their own": ("a<form style=display:none>b</form>c", "ac", "ac b"),
    "drawings": ("a<svg><desc>b</desc></svg>", "a", "ab"),
    "formulas": ("a<math><mi>b</mi></math>", "a \U0001d44f", "ab"),
}
"""HTML, what Chromium displays, and what conditions see. A condition sees what any mail program displays, and nothing that all hide."""


Read = Callable[[list[str]], list[str]]


@pytest.fixture(scope="module")
def read() -> Iterator[Read]:
    """Return a function that reads the displayed text of documents in Chromium. Nothing is loaded."""
    with start_chromium(NO_NETWORK) as browser:
        page = browser.new_context(offline=True).new_page()
        yield lambda documents: page.evaluate(READ, documents)


def list_words(text: str) -> list[list[str]]:
    """Return the words of each line that has words. No-break spaces are part of words."""
    lines = ([word for word in re.split("[ \t]", line) if word] for line in text.split("\n"))
    return [line for line in lines if line]


@pytest.mark.parametrize("name", EXCEPTIONS)
def test_exceptions_are_as_they_are_named(read: Read, name: str):
    html, displayed, seen = EXCEPTIONS[name]
    assert read([html])[0].split() == displayed.split()
    assert extract_searchable_text(html).split() == seen.split()


BLOCKS = "address article aside blockquote center div dir fieldset figure footer header hgroup main menu nav p section".split()
BLOCKS += "h1 h2 h3 h4 h5 h6 figcaption search summary pre".split()
LINE = "abbr b bdi big cite code data em font i ins kbd label mark o:p output q s small span strong sub sup tt u var".split()
STYLES = [
    "",
    "",
    'style="color:red"',
    'style="display:none"',
    "STYLE='Display: None !important'",
    "style=\"font-family:'A';display:none\"",
    'style="display:none;display:block"',
    'style="display:block"',
    'style="display:inline"',
    'style="display:inline-block"',
    'style="display:flex"',
    'style="float:left"',
    'style="position:absolute;top:0"',
    'style="background:url(a;display:none)"',
    'style="white-space:nowrap;overflow:hidden"',
    "hidden",
    'hidden style="display:block"',
    "title='<b style=display:none>'",
]
PIECES = ["", "in", "voi", "ce", " ", "\n", "&nbsp;", "&amp;", "a b", "x\n  y", "ü", "漢字", "<wbr>", "<hr>", "<!-- c -->"]
PIECES += ["<br>", "<br style=display:none>", "<img>", "<img style=display:block>"]
WORDS = st.sampled_from(PIECES)
LISTS = [("ul", ["li"], "</li>"), ("ol", ["li"], ""), ("dl", ["dt", "dd"], ""), ("select", ["option"], ""), ("div", ["p"], "</p>")]


@st.composite
def elements(draw: st.DrawFn, content: st.SearchStrategy[str]) -> str:
    name = draw(st.sampled_from([*BLOCKS, *LINE, *LINE]))
    return f"<{name} {draw(st.sampled_from(STYLES))}>{draw(content)}</{name}>"


@st.composite
def lists(draw: st.DrawFn, content: st.SearchStrategy[str]) -> str:
    """Draw a list, in which end tags of items may be left out."""
    name, items, end = draw(st.sampled_from(LISTS))
    content = st.sampled_from(["in", "voice"]) if name == "select" else content
    styles = st.sampled_from(["", "style=display:none"] if name != "select" else [""])
    drawn = draw(st.lists(st.tuples(st.sampled_from(items), styles, content), min_size=1, max_size=3))
    return f"<{name} {draw(styles)}>" + "".join(f"<{item} {style}>{text}{end}" for item, style, text in drawn) + f"</{name}>"


@st.composite
def tables(draw: st.DrawFn, content: st.SearchStrategy[str]) -> str:
    styles = st.sampled_from(["", "style=display:none"])
    rows = draw(st.lists(st.lists(st.tuples(st.sampled_from(["td", "th"]), styles, content), max_size=3), max_size=3))
    end = draw(st.booleans())
    cells = ["".join(f"<{name} {style}>{text}" + f"</{name}>" * end for name, style, text in row) for row in rows]
    body = "".join(f"<tr {draw(styles)}>{row}" + "</tr>" * end for row in cells)
    return f"<table {draw(styles)}>{draw(st.sampled_from(['', '<caption>c</caption>', '<tbody>', ' ']))}{body}</table>"


DOCUMENTS = st.recursive(
    WORDS, lambda content: st.lists(elements(content) | lists(content) | tables(content) | WORDS, max_size=5).map("".join), max_leaves=12
).map("<!DOCTYPE html>".__add__)


@pytest.mark.fuzz
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], deadline=None)
@given(st.lists(DOCUMENTS, min_size=1, max_size=20))
def test_conditions_see_the_words_that_a_browser_displays(read: Read, documents: list[str]):
    for html, displayed in zip(documents, read(documents), strict=True):
        assert list_words(extract_searchable_text(html)) == list_words(displayed), html


LAYOUTS_OF_EXCEPTIONS = {
    "textarea not closed": "text in a field",
    "template not closed": "text that programs without an element display",
    "math not closed": "formulas",
    "details not closed": "details that are closed, which most mail programs display",
    "tiny span not closed": "text that is too small or transparent",
    "transparent div not closed": "text that is too small or transparent",
    "Outlook's hidden div not closed": "text of no height",
    "banner below a preview text in a wrapper": "text of no height",
    "style not closed": "markup without its end",
    "title not closed": "markup without its end",
    "comment not closed": "markup without its end",
    "attribute not closed": "markup without its end",
    "link in SVG not closed": "drawings",
    "banner below a preview text by a class": "style sheets",
}


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.name)
def test_conditions_see_the_words_of_layouts(read: Read, layout: Layout):
    is_equal = list_words(extract_searchable_text(layout.html)) == list_words(read([layout.html])[0])
    assert is_equal is (layout.name not in LAYOUTS_OF_EXCEPTIONS)


def test_each_layout_has_a_named_exception():
    assert set(LAYOUTS_OF_EXCEPTIONS.values()) <= set(EXCEPTIONS)


def test_conditions_see_the_words_of_real_mail(read: Read):
    documents = [
        Leaf("", part, ()).text
        for path in sorted(CORPUS.glob("*.eml"))
        for part in shown(parse(path.read_bytes()), "html")
        if part.get_content_subtype() == "html"
    ]
    for html, displayed in zip(documents, read(documents), strict=True):
        assert extract_visible_text(html).split() == displayed.split()
