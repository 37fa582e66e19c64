"""The HTML around a disclaimer. tests/integration/content shows the same in a browser."""

import re

import pytest

from mailhooks.content.disclaimer import add_disclaimer, explain
from tests.support.layouts import HEAD, LAYOUTS, Layout


def add(html: str, position: str = "append", disclaimer: str = "<p>Private.</p>") -> str:
    changed = add_disclaimer(HEAD + html.encode(), text="Private.", html=disclaimer, position=position)
    return re.sub(r"mailhooks-[0-9a-f]{16}", "N", changed.decode().partition("\r\n\r\n")[2].replace("\r\n", "\n"))


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.name)
def test_all_bytes_of_the_message_stay_around_one_insertion(layout: Layout):
    before, after = layout.html, add(layout.html, layout.position)
    start, size = after.index('<div class="mailhooks-disclaimer'), len(after) - len(before)
    places = [at for at in range(start + 1) if after[:at] + after[at + size :] == before]
    assert any(re.fullmatch(r"(</[a-z]+>)*\s*(<style>body[^<]*</style>)?", after[at:start]) for at in places)


@pytest.mark.parametrize(
    "html, added",
    [
        ("<p>x</p>", '\n<div class="mailhooks-disclaimer N" style="clear:both"><p>Private.</p></div>\n'),
        ("<body><p>x</p></body>", '\n<div class="mailhooks-disclaimer N" style="clear:both"><p>Private.</p></div>\n'),
        ("<a href=x>y", '</a>\n<div class="mailhooks-disclaimer N" style="clear:both"><p>Private.</p></div>\n'),
        (
            "<table align=left><tr><td>x</table>",
            '\n<div class="mailhooks-disclaimer N" style="clear:both"><!--[if mso]><br clear="all"><![endif]--><p>Private.</p></div>\n',
        ),
        ("<p align=left>x</p>", '\n<div class="mailhooks-disclaimer N" style="clear:both"><p>Private.</p></div>\n'),
        (
            "<style>p{display:none}</style>x",
            '\n<div class="mailhooks-disclaimer N" style="clear:both!important"><p style="display:revert!important">Private.</p></div>\n',
        ),
        (
            "<style>p{color:#fff}</style>x",
            '\n<div class="mailhooks-disclaimer N" style="clear:both!important"><p style="color:inherit!important">Private.</p></div>\n',
        ),
        (
            "<style>p{color:#333;margin:0}</style>x",
            '\n<div class="mailhooks-disclaimer N" style="clear:both!important"><p>Private.</p></div>\n',
        ),
    ],
)
def test_plain_mail_gets_a_small_block(html: str, added: str):
    assert add(html).replace(html.partition("</body>")[0], "", 1).removesuffix("</body>") == added


def test_the_disclaimers_own_styles_stay():
    own = '<p style="display:none">a</p><p style=\'color:red\'>b</p><td bgcolor="#eee">c</td><img width=5 height="5" src="x"><br>'
    found = add("<style>*{display:none;color:#fff;background:#000;width:0;height:0}</style>x", disclaimer=own)
    hidden, red, cell, image = found.split("<p ")[1], found.split("<p ")[2], found.split("<td")[1], found.split("<img")[1].split("<br")[0]
    assert ';display:none">a' in hidden
    assert "display:revert" not in hidden
    assert ";color:red'>b" in red
    assert "color:inherit" not in red.partition(">b<")[0]
    assert "background:#eee!important" in cell
    assert "width:5px!important;height:5px!important" in image


@pytest.mark.parametrize(
    "html",
    [
        "<frameset cols='50%,50%'><frame src=a><frame src=b></frameset>",
        "<html><head><title>x</title></head><frameset><frame></frameset><noframes>Text</noframes></html>",
        "<!-- x --><frameset></frameset>",
        f'<div style="position:absolute">{"word " * 400}</div>',
    ],
)
def test_html_without_a_place_is_not_changed(html: str):
    for position in ("append", "prepend"):
        assert add(html, position) == html
        assert explain(HEAD + html.encode(), position=position) == "its text has no place for more text, such as a frameset"


def test_a_banner_is_not_put_over_absolute_boxes():
    html = '<div style="position:absolute;top:0;height:40px">x</div>'
    assert add(html, "prepend") == html
    assert "margin-top:40px" in add(html)


@pytest.mark.parametrize(
    "html, place",
    [
        ('<body><div style="display:none">Tea</div>|<p>Hello</p></body>', True),
        ('<body><span style="display:none">Tea</span><div hidden>&nbsp;</div>|<p>Hello</p></body>', True),
        ('<body><img width=1 height=1 src=x><div style="mso-hide:all;max-height:0">Tea</div>|<p>Hello</p></body>', True),
        ('<body><div><center><div style="visibility:hidden"><div>Tea</div></div>|<p>Hello</p></center></div></body>', True),
        ("<style>#pre{display:none}</style><body><p id=pre>Tea</p>|<p>Hello</p></body>", True),
        ("<style>span.pre{display:none}</style><body><span class='x pre'>Tea</span>|<p>Hello</p></body>", True),
        ('<body>|<p>Hello</p><div style="display:none">Tea</div></body>', False),
        ('<body>|Hello <div style="display:none">Tea</div></body>', False),
        ('<body>|<div style="font-size:0;line-height:0"><img src=x width=600></div><p>Hello</p></body>', False),
        ('<body>|<div style="display:none">Tea<p>Hello</p></body>', False),
        ('<body>|<table><tr><td><div style="display:none">Tea</div>Hello</td></tr></table></body>', False),
        ("<style>@media print{.pre{display:none}}</style><body>|<p class=pre>Tea</p></body>", False),
    ],
)
def test_a_banner_is_below_a_hidden_preview_text(html: str, place: bool):
    before, after = html.split("|")
    found = add(before + after, "prepend")
    assert found.startswith(before + "\n<div class")
    assert found.endswith("</div>\n" + after)
    assert ("text-align" in found) is place
