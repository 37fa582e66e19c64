"""HTML as text. `tests/integration/content/test_displayed_text.py` compares the same functions with a browser."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mailhooks.mime.html_text import convert_to_plain_text, extract_searchable_text, extract_visible_text

BLOCKS = """address article aside blockquote body center dd details dialog dir div dl dt fieldset figcaption figure footer form h1 h2 h3 h4
h5 h6 header hgroup li listing main menu nav ol optgroup option p pre search section select summary ul xmp""".split()
TABLE = "caption table tbody td tfoot th thead tr".split()
BOXES = "button marquee textarea".split()
INLINE = """a abbr acronym b bdi bdo big blink cite code data del dfn em font i ins kbd label map mark nobr o:p output q s samp small span
strike strong sub sup time tt u var""".split()


@pytest.mark.parametrize(
    "html, text",
    [
        ("<p>a</p><p>b</p>", "a b"),
        ("<b>a</b>b <i>c</i>", "ab c"),
        ("a<br>b<td>c", "a b c"),
        ("a&nbsp;&amp;\n&#228;&bogus;", "a & ä&bogus;"),
        ("<title>t</title><style>s</style><script>j</script><!-- c -->x<textarea>y</textarea>", "x y"),
        ("a &lt;b&gt; < c", "a <b> < c"),
        ("x<a b='", "x"),
        ("a<template>b</template><noscript>c</noscript><iframe>d</iframe>", "ac"),
    ],
)
def test_visible_text_is_on_one_line(html: str, text: str):
    assert extract_visible_text(html) == text


@pytest.mark.parametrize("name", BLOCKS + TABLE + BOXES)
def test_words_in_two_blocks_are_two_words(name: str):
    """Case 521. Every mail program displays each block, cell or button in a place of its own."""
    for html in (f"<{name} open>Confidential</{name}><{name} open>Project</{name}>", f"Confidential<{name.upper()} open>Project</{name}>"):
        assert extract_searchable_text(html).split() == ["Confidential", "Project"]


@pytest.mark.parametrize("name", INLINE)
def test_a_word_in_elements_of_a_line_is_one_word(name: str):
    assert extract_searchable_text(f"in<{name}>voi</{name}><{name} class=x>ce</{name}>") == "invoice"


@pytest.mark.parametrize("html", ["in<wbr>voice", "in<!-- x -->voice", "in<img src=x>voice", "in<!--[if mso]>--><!--<![endif]-->voice"])
def test_a_word_with_markup_inside_is_one_word(html: str):
    assert extract_searchable_text(html) == "invoice"


@pytest.mark.parametrize(
    "html, text",
    [
        ("<p>a  b</p>\n<P>c<TD>d", "a b\n\nc\td"),
        ("a\n  wrapped\tline", "a wrapped line"),
        ("a&nbsp;&nbsp; b", "a\xa0\xa0 b"),
        ("<div>a<br></div><div>b</div><div><br></div>c<br><br>d", "a\nb\n\nc\n\nd"),
        ("<table><tr><td>a</td><td>b</td></tr><tr><td>c</table>", "a\tb\nc"),
        ("<pre>a\n b</pre><textarea>c\nd</textarea>", "a\nb\nc\nd"),
        ('<div style="white-space:pre-wrap">a\nb<p style="white-space:normal">c\nd</p></div>', "a\nb\n\nc d"),
        ("a<b>b</b><!-- c -->c", "abc"),
        ("\1a\0\5b", "ab"),
        ('a<span style="display:block">b</span>c<i style="float:left">d</i>e<img style="display:block">f', "a\nb\nc\nd\ne\nf"),
        ('<div style="display:inline">in</div><p style="display: inline-block">voice</p>', "invoice"),
        ('<div style="display:flex"><a>a</a><a>b</a></div><a>c</a><a>d</a>', "a\nb\ncd"),
        ("<select><option>a<option>b</select><label>c</label>", "a\nb\nc"),
    ],
)
def test_text_has_the_lines_that_are_displayed(html: str, text: str):
    assert extract_searchable_text(html) == text


@pytest.mark.parametrize(
    "html, text",
    [
        ("<title>t</title><style>s</style><script>j</script>a<noscript>b<p>c</noscript>", "ab\n\nc"),
        ("a<!-- b <p>c", "a\n<!-- b\n\nc"),
        ("a<a href='b>c<br/>d", "a\nc\nd"),
        ("a<script>b", "a\nb"),
        ("&lt;a&#228;<noscript>&amp;lt;</noscript>", "<aä&lt;"),
        ("in<template>x</template>voice", "invoice\nx"),
        ("in<datalist><option>x</datalist><dialog>y</dialog><video>z</video><rp>(</rp>voice", "invoice\nx\ny\nz\n("),
        ("in<iframe>x</iframe><noembed>y</noembed>voice", "invoice\nx\ny"),
        ("in<!--[if mso]>x<br>y<![endif]-->voice<!--[if !mso]><!-->z<!--<![endif]-->", "invoicez\nx\ny"),
        ("a<!--[if gte mso 9]><xml><o:Zoom>96</o:Zoom></xml><style>p{}</style><![endif]-->", "a"),
        ("<details><summary>a</summary>b</details>", "a\nb"),
    ],
)
def test_text_that_only_some_programs_display_comes_last(html: str, text: str):
    assert extract_searchable_text(html) == text


HIDING = [
    'style="display:none"',
    "style=display:none",
    "STYLE='DISPLAY : None ;'",
    'style="color:red;display:none!important;display:block"',
    'style="display:block;display:none"',
    "style=\"font-family:'A B';background:url(x.png);display:none\"",
    'style="display:none;font-size:1px;line-height:1px;max-height:0;max-width:0;opacity:0;overflow:hidden;mso-hide:all"',
    'style="visibility:hidden"',
    'style="visibility: collapse"',
    'style="font-size:0"',
    'style="font-size: 0px; color: #fff"',
    'style="opacity:0"',
    'style="opacity: 0.0"',
    'style="max-height:0;overflow:hidden"',
    "hidden",
    'class="preview" hidden=""',
    'style="display&#58;none"',
]


@pytest.mark.parametrize("hiding", HIDING)
@pytest.mark.parametrize("html", ["<div {}>x<b>x</b><p>x<br>x</p>x</div>", "<div><div {}>x</div></div>", "<p {}>x</p>"])
def test_text_that_a_style_hides_is_left_out(hiding: str, html: str):
    for convert in (extract_searchable_text, extract_visible_text, convert_to_plain_text):
        assert convert(f"a {html.format(hiding)} b").split() == ["a", "b"]


@pytest.mark.parametrize(
    "html",
    [
        "<span style=display:none>x</span>",
        "<table style=display:none><tr><td>x<td>x<table><tr><td>x</table>x</table>",
        "<table><tr style=display:none><td>x<td>x</td></tr><tr><td style=display:none>x</td></table>",
        "<ul style=display:none><li>x<ul><li>x</ul><li>x</ul>",
        "<ul><li style=display:none>x<li hidden>x</ul>",
        "<dl style=display:none><dt>x<dd>x<dt>x</dl>",
        "<div style=display:none><select><option>x<option>x</select><button>x</button><textarea>x</textarea></div>",
        "<div style=display:none><!-- x --><img><br><hr>x</div>",
        "<div style=visibility:hidden>x<span style=display:none>x</span>x</div>",
        "<style>.shown{display:block!important}</style><p style=display:none>x</p>",
    ],
)
def test_hidden_elements_end_where_a_browser_ends_them(html: str):
    assert extract_searchable_text(f"<div>a</div>{html}<div>b</div>").split() == ["a", "b"]


@pytest.mark.parametrize(
    "html",
    [
        "<p>x<span style=display:none>y</p>SEEN",
        '<p style="display:none;display:block">SEEN',
        '<p style="display:none;display:bogus">SEEN',
        '<p style="display:none !importan">SEEN',
        '<p style="display:none none">SEEN',
        '<p style="display:none;all:revert">SEEN',
        '<p style="/*display:none*/">SEEN',
        '<p style="/*;display:none;*/">SEEN',
        '<p style="{display:none}">SEEN',
        '<p style="color red display:none">SEEN',
        '<p style="background:url(a;display:none;b)">SEEN',
        "<p style=\"font-family:'a;display:none;b'\">SEEN",
        r'<p style="display:none;d\isplay:block">SEEN',
        '<p style="opacity:0;animation:appear 1s forwards">SEEN',
        '<p style="opacity:0.9;font-size:0.9em;max-height:0.5em">SEEN',
        '<p style="font-size:0;font:12px Arial">SEEN',
        '<p style="font-size:1px;line-height:0">SEEN',
        '<p style="max-height:0">SEEN',
        '<span style="max-height:0;overflow:hidden">SEEN</span>',
        '<p style="max-height:0;overflow:hidden;padding:9px">SEEN',
        '<div style="max-height:0;overflow:hidden"><b style="position:absolute">SEEN',
        '<p style="mso-hide:all">SEEN',
        "<p title=\"style='display:none'\">SEEN",
        "<p data-style=display:none>SEEN",
        "<p style=color:red style=display:none>SEEN",
        "<p hidden style=display:block>SEEN",
        '<body style="display:none">SEEN',
        "<style>p{display:block!important}</style><p style=display:none>SEEN",
        "<style>.a{display:block!important}</style><p class=a style=display:none>SEEN",
        '<style>p{content:"}";display:block!important}</style><p style=display:none>SEEN',
        r"<style>p{d\69splay:block!important}</style><p style=display:none>SEEN",
        r"<style>p{di\splay:block!important}</style><p style=display:none>SEEN",
        "<style>@import 'x.css'</style><p style=display:none>SEEN",
        "<style>p{animation:a 1s}</style><p style=opacity:0>SEEN",
        "<link rel=stylesheet href=x.css><p style=display:none>SEEN",
        "<p style=display:none>SEEN</p><style>p{display:block!important}",
        "<style>p{display:block}</style><p hidden>SEEN",
        "<div style=visibility:hidden><b style=visibility:visible>SEEN",
        "<style>b{visibility:visible}</style><div style=visibility:hidden><b>SEEN",
        "<div style=font-size:0><b style=font-size:9px>SEEN",
        "<div style=font-size:0><table><td>SEEN",
        "<div style=font-size:0><font size=3>SEEN",
        "<style>b{font:9px x}</style><div style=font-size:0><b>SEEN",
        "<p style=display:none>x<div>SEEN",
        "<p style=display:none><b>x<table><td>SEEN",
        "<div style=display:none>x</div>SEEN",
        "<div><span style=display:none>x</div>SEEN",
        "<b><span style=display:none>x</b>SEEN",
        "<a style=display:none>x<a>SEEN",
        "<h1 style=display:none>x</h2>SEEN",
        "<p><span style=display:none>x<div>SEEN",
        "<p><span style=display:none>x<hr>SEEN",
        "<a><span style=display:none>x<a>SEEN",
        "<button><div style=display:none>x<button>SEEN",
        "<ul><li><div style=display:none>x<li>SEEN",
        "<dl><dt><span style=display:none>x<dd>SEEN",
        "<ul><li style=display:none><div>x<li>SEEN",
        "<dl><dt style=display:none>x<dd>SEEN",
        "<table style=display:none>SEEN<tr><td>x</table>",
        "<table style=display:none><div>SEEN</div><tr><td>x</table>",
        "<table style=visibility:hidden>SEEN</table>",
        "<table><div style=display:none>x<tr><td>SEEN",
        "<table><tr><td style=display:none>x<td>SEEN",
        "<table><tr style=display:none><td>x<tr><td>SEEN",
        "<tr style=display:none>SEEN",
        "<table><tr style=display:none></table><td>SEEN",
        "<td style=display:none>SEEN",
        "<table></table><td style=display:none>SEEN",
        "<table><table></table><td style=display:none>SEEN",
        "<table><form style=display:none><tr><td>SEEN",
        "<form style=display:none><form></form>SEEN",
        "<select style=display:none><select>SEEN",
        "<select><span style=display:none>SEEN",
        "<svg style=display:none><p>SEEN",
        "<a style=display:none><svg><a/></a>SEEN",
        "<ruby><rt style=display:none>x<rt>SEEN",
        "<p style=display:none>x<xmp>SEEN</xmp>",
        "<div style=display:none><noscript></div>SEEN</noscript>",
        "<div style=display:none>" * 200 + "</div>" * 200 + "SEEN",
        "<p style='" + "color:red;" * 200 + "display:none'>SEEN",
    ],
)
def test_a_style_hides_no_text_that_a_person_sees(html: str):
    assert "SEEN" in extract_searchable_text(html)


def test_a_hidden_block_ends_a_paragraph():
    assert extract_searchable_text("<p>a<div hidden>x</div>b<div hidden>x</div>c") == "a\nbc"


def test_text_that_a_style_sheet_may_display_divides_no_word():
    html = "<style>.a{display:inline!important}</style>in<span class=a style=display:none>x</span>voice"
    assert extract_searchable_text(html) == "invoice\nx"


@pytest.mark.parametrize(
    "html, text",
    [
        ("<p>One</p><p>Two</p>", "One\n\nTwo"),
        ("One<br>Two<br/>Three", "One\nTwo\nThree"),
        ("<div>A\n   b</div>", "A b"),
        ("K&ouml;ln &amp; &lt;x&gt;", "Köln & <x>"),
        ("<style>p{}</style><script>x()</script><title>t</title>A", "A"),
        ('<a href="https://example.com/legal">Legal</a>', "Legal <https://example.com/legal>"),
        ('<a href="https://example.com">https://example.com</a>', "https://example.com"),
        ('<a href="mailto:%%FromAddress%%">%%FromAddress%%</a>', "%%FromAddress%%"),
        ('<a href="#top">Up</a>', "Up"),
        ('<img src="cid:logo.png" alt="Example GmbH">', "Example GmbH"),
        ('<img src="cid:logo.png">', ""),
        ("<ul><li>a</li><li>b</li></ul>", "a\nb"),
        ("<table><tr><td>a</td><td>b</td></tr></table>", "a b"),
        ("<!-- not shown -->A", "A"),
        ('<div style="display:none">A<a href="https://example.com">b</a></div>C', "C"),
    ],
)
def test_plain_text_has_lines_and_addresses(html: str, text: str):
    assert [line for line in convert_to_plain_text(html).split("\n") if line] == [line for line in text.split("\n") if line]


def test_plain_text_of_only_words_marks_images_and_addresses():
    assert convert_to_plain_text('<a href="https://example.com/legal">Legal</a> <img alt="x">', only_words=True) == "Legal \ufffc \ufffc"


PIECES = "<div style='display:none'>,<td hidden>,<table style=',opacity:0,'>,</,p>,a,<!--,[if mso]>,<svg,<select>".split(",")


@pytest.mark.fuzz
@given(
    st.text(alphabet=st.sampled_from(list("<>/abpdivhref=\"' &;!-\n%")))
    | st.lists(
        st.sampled_from(["<div style='", "display:none", "'>", "<td", "<table ", "</", "p>", "a", "<!--", "[if", "<select>", "<svg"])
    ).map("".join)
)
@example("&#" + "9" * 5000 + ";")
def test_any_html_has_a_text(html: str):
    for convert in (extract_visible_text, extract_searchable_text, convert_to_plain_text):
        assert isinstance(convert(html), str)


@pytest.mark.parametrize("name", ["style", "script", "title"])
@pytest.mark.parametrize("outer", ["svg", "math"])
def test_an_element_without_content_in_svg_hides_no_text(outer: str, name: str):
    html = f"<p>first</p><{outer}><{name}/></{outer}><p>SEEN <b>word</b></p><{name}>x</{name}>last"
    assert {"first", "SEEN", "word", "last"} <= set(extract_searchable_text(html).split())
