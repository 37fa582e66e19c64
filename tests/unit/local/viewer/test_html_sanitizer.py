import pytest

from local.viewer.html_sanitizer import closed, defused, quiet

JOINER = "\N{WORD JOINER}"


def plain(markup: str) -> str:
    return markup.replace(JOINER, "|")


@pytest.mark.parametrize(
    "markup, expected",
    [
        ("<link rel=x>", "<x-link rel=x>"),
        ("<LINK/rel=x>", "<x-LINK/rel=x>"),
        ("<iframe>", "<x-iframe>"),
        ("<Frame src=x>", "<x-Frame src=x>"),
        ("<meta\nname=x>", "<x-meta\nname=x>"),
        ("<linked>", "<linked>"),
        ("<a href=x>", "<a h|ref=x>"),
        ("<a\tHREF = 'x'>", "<a\tH|REF = 'x'>"),
        ('<a title=""href=x>', '<a title=""h|ref=x>'),
        ("<a/href=x>", "<a/h|ref=x>"),
        ("<svg><a xlink:href=x>", "<svg><a xlink:h|ref=x>"),
        ('<!-- <a x=" --> <a href=y> ">', '<!-- <a x=" --> <a h|ref=y> ">'),
        ("<a href='#place'>", "<a href='#place'>"),
        ("see href and hreflang=de", "see href and hreflang=de"),
    ],
)
def test_what_a_browser_opens_a_connection_for_has_another_name(markup: str, expected: str) -> None:
    assert plain(closed(markup)) == expected


@pytest.mark.parametrize(
    "markup, expected",
    [
        ("<img src=x>", "<img s|rc=x>"),
        ("<img SRCSET='x 2x'>", "<img S|RCSET='x 2x'>"),
        ("<img src='data:image/png,x'>", "<img src='data:image/png,x'>"),
        ("<td background = x>", "<td b|ackground = x>"),
        ("<video poster=x>", "<video p|oster=x>"),
        ("<form action=x><button formaction=y>", "<form a|ction=x><button f|ormaction=y>"),
        ("<p style='background:url(x)'>", "<p style='background:u|rl(x)'>"),
        ("<p style='background:URL( \"data:x\")'>", "<p style='background:URL( \"data:x\")'>"),
        ("@import 'x'; @important", "@|import 'x'; @important"),
        ("background: image-set('x' 1x)", "background: i|mage-set('x' 1x)"),
        (r"background: \75 rl(x) u\rl(y); content: '\201C'", r"background: \|75 rl(x) u\|rl(y); content: '\201C'"),
        ("the src of it, curl(1)", "the src of it, curl(1)"),
    ],
)
def test_what_a_browser_would_ask_for_has_another_name_and_text_looks_the_same(markup: str, expected: str) -> None:
    assert plain(quiet(markup)) == expected


def test_all_that_is_added_to_text_cannot_be_seen() -> None:
    text = '<p>Write &lt;a href="x"&gt; or &lt;img src="y"&gt;</p>'
    assert defused(text).replace(JOINER, "").startswith(text)


@pytest.mark.parametrize("bit", ["<", "<a ", '<a "', "href", " href=", "src =", "url(", "@", "<iframe", " " * 3])
def test_any_markup_takes_linear_time(bit: str) -> None:
    assert len(defused(bit * (300_000 // len(bit)))) < 700_000
