import doctest

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailhooks.content import markup
from mailhooks.content.markup import HTA, HTML, KNOWN, SCRIPTLET, SVG, identify

SCRIPT = "<script>x()</script>"
VECTOR = '<svg xmlns="http://www.w3.org/2000/svg"><script>x()</script></svg>'
IN_XML = '<x:script xmlns:x="http://www.w3.org/1999/xhtml">x()</x:script>'


def test_the_examples_are_correct():
    assert doctest.testmod(markup).failed == 0


@pytest.mark.parametrize(
    "text",
    [
        f"<html>{SCRIPT}",
        "<!-- saved from url -->\n<html><script>x()</script></html>",
        f"\r\n\t <!-- a --> <!-- b -->\n<!DOCTYPE html>{SCRIPT}",
        f"<!--><html>{SCRIPT}",
        f"<!---><html>{SCRIPT}",
        f"<!-- a --!><html>{SCRIPT}",
        f"<?php x ?><html>{SCRIPT}",
        f'<?xml version="1.0"?><!-- a --><?b c?><html>{SCRIPT}',
        f'<?xml version="1.0"?><!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0//EN" "x"><html>{SCRIPT}',
        f"<!doctype html><!-- x -->{SCRIPT}",
        f"</x><html>{SCRIPT}",
        f"<![CDATA[x]]><html>{SCRIPT}",
        f"<!foo><html>{SCRIPT}",
        f"\0\f\v<html>{SCRIPT}",
        f"{' ' * 2000}<html>{SCRIPT}",
        f"<!--{'x' * 3000}--><html>{SCRIPT}",
        "<!-- without end",
        f"<!-- x --> Hello {SCRIPT}",
        f"<project>{SCRIPT}",
        f'<?xml version="1.0"?><foo>{IN_XML}</foo>',
        f"<foo>{IN_XML}</foo>",
        "<foo xmlns:x='&#104;ttp://www.w3.org/1999/xhtml'>",
        '<h:html xmlns:h="http://www.w3.org/1999/xhtml">',
        '<?xml-stylesheet type="text/xsl" href="#s"?><a xmlns:s="http://www.w3.org/1999/XSL/Transform">',
        *(f"<{tag}>{SCRIPT}" for tag in "a b p br h1 div font table style title body iframe HEAD".split()),
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-be", "utf-32"])
def test_html_is_recognized_behind_anything_that_a_browser_skips(text: str, encoding: str):
    marks = {"utf-16-be": "\ufeff"}
    assert HTML in identify((marks.get(encoding, "") + text).encode(encoding))


@pytest.mark.parametrize(
    "text",
    [
        VECTOR,
        f'<?xml version="1.0"?>{VECTOR}',
        f'<?xml version="1.0"?>\n<!-- Generator -->\n<!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" "x.dtd">{VECTOR}',
        f'<!DOCTYPE svg [<!ENTITY a "b>"> <!-- ]> --> ]>{VECTOR}',
        '<s:svg xmlns:s="http://www.w3.org/2000/svg">',
        '<g xmlns="http://www.w3.org/2000/svg">',
        f"<!-- g -->{VECTOR}",
        f"<?a >?><?b?>{VECTOR}",
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_svg_is_recognized_behind_anything_that_a_browser_skips(text: str, encoding: str):
    assert SVG in identify(text.encode(encoding))


@pytest.mark.parametrize(
    "text, kind",
    [
        ('<html><hta:application id="a"><script>', HTA),
        ("<!-- a --><HTA:APPLICATION/>", HTA),
        ('<job id="a"><script language="VBScript">', SCRIPTLET),
        ('<?xml version="1.0"?><!-- a --><package><job><script>', SCRIPTLET),
        ("<scriptlet><registration/><script>", SCRIPTLET),
    ],
)
def test_script_files_with_markup_are_recognized(text: str, kind: str):
    assert kind in identify(text.encode())


@pytest.mark.parametrize(
    "extension, declared, kinds",
    [
        (".html", "", (HTML,)),
        (".xhtml", "", (HTML,)),
        (".hta", "", (HTA,)),
        (".svg", "", (SVG,)),
        ("", "text/html", (HTML,)),
        ("", "application/xhtml+xml", (HTML,)),
        (".txt", "text/plain", ()),
        (".js", "", ()),
    ],
)
def test_a_browser_opens_any_text_by_its_extension_or_declared_type(extension: str, declared: str, kinds: tuple[str, ...]):
    assert identify(b"Hello <script>", frozenset({extension}), declared) == kinds


@pytest.mark.parametrize(
    "text, extension",
    [
        ("Hello <html>", ".dat"),
        ("<project><modules>", ".xml"),
        ("<ada@example.com> wrote", ".txt"),
        ('<?xml version="1.0"?><invoice>', ".xml"),
        ('<?xml-stylesheet type="text/xsl" href="invoice.xsl"?><invoice>', ".xml"),
        ("<job><task>", ".xml"),
        ("< html>", ""),
        ("<", ""),
        ("", ""),
        ("WEBVTT <b>", ".vtt"),
    ],
)
def test_other_text_is_no_markup(text: str, extension: str):
    assert identify(text.encode(), frozenset({extension})) == ()


@pytest.mark.fuzz
@given(
    st.lists(
        st.sampled_from(["<!--", "-->", "<?", "?>", "<!doctype ", "[", "]", '"', "'", ">", "<", "/", "svg", "html", " ", "x"]), max_size=60
    ).map("".join),
    st.sampled_from(["utf-8", "utf-16", "utf-32", "utf-16-le"]),
)
def test_any_text_has_known_types(text: str, encoding: str):
    assert set(identify(text.encode(encoding))) <= KNOWN
