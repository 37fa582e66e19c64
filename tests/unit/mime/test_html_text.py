import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mailhooks.mime.html_text import convert_to_plain_text, extract_searchable_text, extract_visible_text


@pytest.mark.parametrize(
    "html, text",
    [
        ("<p>a</p><p>b</p>", "a b"),
        ("<b>a</b>b <i>c</i>", "ab c"),
        ("a<br>b<td>c", "a b c"),
        ("a&nbsp;&amp;\n&#228;&bogus;", "a & ä&bogus;"),
        ("<title>t</title><style>s</style><script>j</script><!-- c -->x<textarea>y</textarea>", "xy"),
        ("a &lt;b&gt; < c", "a <b> < c"),
        ("x<a b='", "x"),
    ],
)
def test_visible_text_is_on_one_line(html: str, text: str):
    assert extract_visible_text(html) == text


@pytest.mark.parametrize(
    "html, text",
    [
        ("<p>a  b</p>\n<P>c<TD>d", "\na  b\n\n\nc\nd"),
        ("a<b>b</b><!-- c -->c", "abc"),
        ("<title>t</title><style>s</style><script>j</script>a<noscript>b<p>c</noscript>", "ab\nc"),
        ("a<!-- b <p>c", "a<!-- b \nc"),
        ("a<a href='b>c<br/>d", "ac\nd"),
        ("a<script>b", "ab"),
        ("&lt;a&#228;<noscript>&amp;lt;</noscript>", "<aä&lt;"),
    ],
)
def test_searchable_text_has_what_only_some_programs_display(html: str, text: str):
    assert extract_searchable_text(html) == text


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
        ("<!-- not shown -->A", "A"),
    ],
)
def test_plain_text_has_lines_and_addresses(html: str, text: str):
    assert [line for line in convert_to_plain_text(html).split("\n") if line] == [line for line in text.split("\n") if line]


def test_plain_text_of_only_words_marks_images_and_addresses():
    assert convert_to_plain_text('<a href="https://example.com/legal">Legal</a> <img alt="x">', only_words=True) == "Legal \ufffc \ufffc"


@pytest.mark.fuzz
@given(st.text(alphabet=st.sampled_from(list("<>/abpdivhref=\"' &;!-\n%"))))
@example("&#" + "9" * 5000 + ";")
def test_any_html_has_a_text(html: str):
    for convert in (extract_visible_text, extract_searchable_text, convert_to_plain_text):
        assert isinstance(convert(html), str)


def test_hostile_html_takes_linear_time():
    started = time.perf_counter()
    for html in ("<!-- ", "<a ", "<noscript>", "<iframe></iframe>", "<xmp><noscript>", "&#"):
        extract_searchable_text(html * 50_000)
    assert time.perf_counter() - started < 10
