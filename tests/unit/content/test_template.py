import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailhooks.content.template import Template


@pytest.mark.parametrize(
    "source, values, rendered",
    [
        ("Hello", {}, "Hello"),
        ("%%FromName%%", {"fromname": "Ana"}, "Ana"),
        ("%%fromname%% %%FROMNAME%%", {"fromname": "Ana"}, "Ana Ana"),
        ("a\n%%Title%%\nb", {"title": ""}, "a\nb"),
        ("a\nPhone: %%Phone%%\nb", {}, "a\nb"),
        ("%%Phone%% %%Fax%%", {"fax": "1"}, " 1"),
        ("a\n\nb", {}, "a\n\nb"),
        ("100 %% and %%1x%% and %%", {}, "100 %% and %%1x%% and %%"),
        ("%%A%%", {"a": "%%B%%", "b": "no"}, "%%B%%"),
    ],
)
def test_lines_with_only_empty_variables_are_omitted(source: str, values: dict[str, str], rendered: str):
    assert Template(source).render(values) == rendered


@pytest.mark.parametrize(
    "source, rendered",
    [
        ("<p>A</p>\n<p>%%X%%</p>\n<p>B</p>", "<p>A</p>\n\n<p>B</p>"),
        ("<p>A<br>%%X%%<br/>B</p>", "<p>A<br>B</p>"),
        ("<p>%%X%%<br>A</p>", "<p>A</p>"),
        ("<div>%%X%%\nA</div>", "<div>A</div>"),
        ("<P>A<BR>%%X%%</P>", "<P>A<BR></P>"),
        ("<table><tr><td>%%X%%</td></tr><tr><td>A</td></tr></table>", "<table><tr><td>A</td></tr></table>"),
        ('<ul><li><a title="1 > 0" href="%%X%%">%%X%%</a></li></ul>', "<ul></ul>"),
        ("<p><b>%%X%%</p>A</b>", "<p><b></p>A</b>"),
        ("<!--[if mso]>%%X%%<![endif]--><b>A</b>", "<!--[if mso]><![endif]--><b>A</b>"),
        ("<p>%%X%% of %%Y%%</p>", "<p> of y</p>"),
        ("<p>%%Y%%</p>", "<p>y</p>"),
    ],
)
def test_an_omitted_line_of_html_keeps_tags_of_other_lines(source: str, rendered: str):
    assert Template(source, is_html=True).render({"y": "y"}) == rendered


def test_a_value_is_escaped_only_in_html():
    values = {"x": """<a href="x" title='y'>&"""}
    assert Template("%%X%%", is_html=True).render(values) == "&lt;a href=&quot;x&quot; title=&#x27;y&#x27;&gt;&amp;"
    assert Template("%%X%%").render(values) == values["x"]


@pytest.mark.parametrize("is_html", [False, True])
def test_control_characters_of_a_value_are_removed(is_html: bool):
    value = "Ana\r\nBcc: x@example.net\x00\x1b[2J\u202e\u2028\ud800 Silva"
    rendered = Template("%%X%%", is_html=is_html).render({"x": value})
    assert rendered.isprintable()
    assert "Ana" in rendered
    assert "Silva" in rendered


def test_a_value_of_white_space_is_empty():
    assert Template("a\n%%X%%").render({"x": " \t\r\n\u2028"}) == "a"


def test_variables_are_in_lower_case():
    assert Template("%%FromName%% %%Title%% %%fromname%%").variables == {"fromname", "title"}


@pytest.mark.fuzz
@given(st.text(), st.text())
def test_a_template_without_variables_is_rendered_as_it_is(text: str, value: str):
    if "%%" not in text:
        assert Template(text).render({}) == text
        assert Template(text, is_html=True).render({"x": value}) == text
    shown = "".join(char if char.isprintable() else " " for char in value).strip()
    assert Template("<%%X%%").render({"x": value}) == ("" if not shown else f"<{shown}")


def test_rendering_takes_linear_time():
    for source in ("<b" * 50_000 + "%%X%%", '<a "' * 30_000 + "%%X%%", "<br" * 50_000 + "%%X%%", "%%" * 100_000, "<p>" * 50_000 + "%%X%%"):
        started = time.perf_counter()
        Template(source, is_html=True).render({})
        assert time.perf_counter() - started < 10
