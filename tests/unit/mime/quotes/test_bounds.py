"""The bounds of the search for the newest reply at the beginning of a message."""

import sys
from collections.abc import Callable, Iterator
from itertools import chain, repeat
from typing import Any

import pytest

from mailhooks.mime.html import Token
from mailhooks.mime.quotes import attribution, html_lines, reply
from mailhooks.mime.quotes.attribution import Level, Line
from mailhooks.mime.quotes.html_lines import MAX_LINES, MAX_OCTETS, MAX_PIECES
from mailhooks.mime.quotes.reply import find_html_quote, find_quote, find_text_quote

WROTE = "On 2 Apr 2012, at 18:26, Bob <bob@example.com> wrote:"
QUOTE = "<blockquote type=cite>Lunch?</blockquote>"


def html_after(before: str) -> tuple[int | None, int]:
    """Return the found and the expected offset of a quote after `before`."""
    return find_html_quote(before + QUOTE + "<br>" * 10, str), len(before)


@pytest.mark.parametrize(
    "rest",
    [
        "<blockquote type=cite>" + "<div>Lunch?</div>" * 3 * MAX_LINES,
        "<blockquote type=cite>" + "<b>L</b>" * MAX_PIECES,
        "<blockquote type=cite>Lunch? <!--" + "x" * MAX_OCTETS + "-->on Tuesday",
        "<hr id=zwchr>" + "<p>Lunch?" * 3 * MAX_LINES,
        "<div class=gmail_quote>" + "<img>" * MAX_PIECES,
    ],
    ids=["lines", "tags", "octets", "all that follows", "images"],
)
def test_a_quote_of_any_length_is_found_in_html(rest: str):
    assert find_html_quote("<p>Fine!</p>" + rest, str) == len("<p>Fine!</p>")


def test_a_quote_of_any_length_is_found_in_plain_text():
    assert find_text_quote(chain(["Fine!", "", WROTE], repeat("> Lunch?"))) == 2
    assert find_text_quote(["Fine!", "", WROTE, "> Lunch? " * 1_000_000]) == 2


def test_endless_plain_text_is_not_read_to_its_end():
    assert find_text_quote(repeat("Lunch?")) is None
    assert find_text_quote(repeat("")) is None
    assert find_text_quote(repeat("Lunch? " * 5_000)) is None


@pytest.mark.parametrize(
    "reply",
    [
        "<p>" + "many words " * 10_000,
        ("<p class=MsoNormal><span style='color:#1F497D'>" + "many words " * 10 + "<o:p></o:p></span></p>\r\n") * 2_500,
        "<table>" + ("<tr>" + "<td width=64 style='height:15.0pt'><p>12,345.67</p></td>" * 10 + "</tr>") * 1_000 + "</table>",
        "<div>Fine!<br></div>" * (MAX_LINES - 10),
        "<b>x</b>" * (MAX_PIECES // 4),
        "<style>" + "p.MsoNormal {margin: 0}\n" * 100_000 + "</style><!--[if mso]>" + "<xml></xml>" * 100_000 + "<![endif]--><p>Fine!",
        "<p>Fine!<img src='data:image/png;base64," + "iVBORw0KGgo" * 1_000_000 + "'>",
    ],
    ids=[
        "20,000 words in a paragraph",
        "50,000 words by Outlook",
        "10,000 cells",
        "lines",
        "tags",
        "style sheets and comments",
        "a picture",
    ],
)
def test_a_quote_below_a_long_reply_is_found(reply: str):
    place, expected = html_after(reply + "</p>")
    assert place == expected


def test_a_quote_below_a_long_reply_is_found_in_plain_text():
    reply = ["A line of some twelve words, of which a very long reply has many."] * (MAX_LINES - 10)
    assert find_text_quote([*reply, "", WROTE, "> Lunch?"]) == len(reply) + 1
    assert find_text_quote(["many words " * 1_000_000, "", WROTE, "> Lunch?"]) == 2


@pytest.mark.parametrize(
    "reply",
    [
        "<div>Fine!</div>" * MAX_LINES,
        "<b>x</b>" * MAX_PIECES,
        "<pre>" + "x\n" * MAX_LINES,
        "Fine!<!--" + "x" * MAX_OCTETS + "-->",
        "Fine!<div>" * MAX_PIECES,
    ],
    ids=["lines", "tags", "lines of pre", "octets", "nesting"],
)
def test_a_quote_after_the_bounds_is_not_found(reply: str):
    assert html_after(reply)[0] is None


def test_a_quote_after_the_bounds_is_not_found_in_plain_text():
    assert find_text_quote(["Fine!"] * MAX_LINES + [WROTE, "> Lunch?"]) is None
    assert find_text_quote(["words " * 3_000] * 400 + [WROTE, "> Lunch?"]) == 400
    assert find_text_quote(["words " * 3_000] * 500 + [WROTE, "> Lunch?"]) is None


@pytest.mark.parametrize("lines, found", [(MAX_LINES - 10, False), (MAX_LINES + 10, True)])
def test_a_reply_below_the_quote_counts_up_to_the_bounds(lines: int, found: bool):
    quoted = ["> Lunch?"] * lines
    assert (find_text_quote(["Hello", WROTE, *quoted, "No."]) == 1) == found
    html = "<p>Hello</p>" + "<blockquote type=cite>" + "<br>Lunch?" * lines + "</blockquote>No."
    assert (find_html_quote(html, str) == len("<p>Hello</p>")) == found


def times(unit: str, size: int) -> str:
    """Repeat a text up to a size. `#` is a new number each time, because repeated tags are cached."""
    return "".join(unit.replace("#", str(number)) for number in range(size // len(unit)))


HOSTILE = {
    "tiny tags": "<b>",
    "open paragraphs": "<p>",
    "deep nesting": "<div>x",
    "unheard of elements": "<abc><defg>",
    "comments": "<!---->",
    "style sheets": "<style></style>",
    "short lines": "x<br>",
    "attributes": "<div a=# " + "a='&amp;' " * 30 + ">",
    "attributes in one tag": "<div a='&amp;' <",
    "space at the end of tags": "<div a=#" + " " * 300 + ">",
    "classes": "<span class='# x_x_x_gmail_quote_1_2 " + "x_y " * 20 + "'>",
    "borders": "<blockquote style='#" + "border-left" * 40 + "'>x",
    "character references": "&notanentity;&lt;",
    "a character reference a line": "&lt;<br>",
    "words": "x ",
    "long texts": "words " * 50 + "<b>",
    "lines of pre": "x\n",
    "attributions": f"{WROTE} <br>",
    "halves of attributions": "On Monday <br>Bob wrote: <br>",
    "quotes with replies below": "&gt; x<br>&gt; y<br>No.<br>Bob wrote: <br>",
    "header blocks": "From: x<br>To: y<br>",
    "rules": "________________<br>--x: y--<br>",
}


HOSTILE_TEXT = {
    "bars": ["| x"],
    "bars below attributions": ["Bob <a@example.com> 4 May 2026:", "| a", "y"],
    "tables below attributions": ["Bob 2026 <a@example.com>:", "| a | b |"],
    "initials": ["A> x", "B> y"],
    "frames": [">>> a@example.com 2026 >>>"],
    "wrapped recipients": ["From: a", "To: b", *["x; y"] * 50],
    "other fields": ["From: <a@example.com>", *["Importance: x"] * 3],
    "unknown fields": ["", "Xyz: <a@example.com> 4 May 2026 09:14", "Abc: d", "Efg: h"],
    "fields in a line": ["From: a To: b Date: c " * 20],
    "dashes": ["-- " + "original message x " * 20 + "--"],
    "dashes around addresses": ["--- a@example original --", "From: a"],
    "lines that continue": ["On 4 May 2026, a@example.com,"],
    "wrapped addresses": ["<a@example.com", "> x"],
    "addresses on their own lines": ["<", "a@example.com", "> wrote:"],
    "attributions without quotes": ["4 May 2026 09:14 <a@example.com>:"],
    "attributions with replies below": ["4 May 2026 09:14 <a@example.com>:", "> x", "No."],
    "brackets": ["<a@" * 150 + ":", "> x", "y"],
    "digits of another script": ["٤ " * 250 + ":", "> x"],
    "verbs of another script": ["เขียน " * 90 + "2026:", "> a", "b"],
    "fields without colons below quotes": ["> x", "From a", "To b", "y"],
    "direction marks": ["\u202a" * 300 + "x:", "> a", "b"],
}


@pytest.fixture
def low_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (html_lines, reply):
        monkeypatch.setattr(module, "MAX_LINES", 400)
        monkeypatch.setattr(module, "MAX_PIECES", 2_400)
    monkeypatch.setattr(html_lines, "_ENOUGH", 500)
    monkeypatch.setattr(attribution, "_BUDGET", 6_000)


def calls(action: Callable[[], object]) -> int:
    """Count calls of functions and steps of generators, in Python and in C."""
    counted = 0

    def count(_frame: object, event: str, _argument: object) -> None:
        nonlocal counted
        counted += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        action()
    finally:
        sys.setprofile(before)
    return counted


@pytest.mark.usefixtures("low_bounds")
@pytest.mark.parametrize("unit", HOSTILE.values(), ids=HOSTILE.keys())
def test_four_times_as_much_hostile_html_takes_no_more_work(unit: str, monkeypatch: pytest.MonkeyPatch):
    read: list[int] = []

    def decode(piece: str) -> str:
        read.append(len(piece))
        return piece

    def read_markup(token: Token, real: Callable[[Token], Any] = html_lines.read_markup) -> Any:
        read.append(len(token.text))
        return real(token)

    monkeypatch.setattr(html_lines, "read_markup", read_markup)
    works = []
    for size in (150_000, 600_000):
        read.clear()
        html = ("<pre>" if unit == "x\n" else "x<br>") + times(unit, size)
        works.append((calls(lambda html=html: find_html_quote(html, decode)), sum(read)))
    # The last text or tag may exceed the bound.
    most = (html_lines.MAX_PIECES + 1) * html_lines.PIECE_LENGTH + 2 * html_lines._ENOUGH
    assert works[1][0] <= works[0][0] * 1.05
    assert works[1][1] <= most


@pytest.mark.usefixtures("low_bounds")
@pytest.mark.parametrize("unit", HOSTILE_TEXT.values(), ids=HOSTILE_TEXT.keys())
def test_four_times_as_much_hostile_text_takes_no_more_work(unit: list[str]):
    works = [calls(lambda size=size: find_text_quote(["Fine.", "", *unit * (size // len(unit))])) for size in (2_000, 8_000)]
    assert works[1] <= works[0] * 1.05


@pytest.mark.parametrize("unit", HOSTILE_TEXT.values(), ids=HOSTILE_TEXT.keys())
def test_twice_as_much_hostile_text_takes_at_most_twice_the_work(unit: list[str], monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(attribution, "_BUDGET", 20_000)
    works = [calls(lambda size=size: find_text_quote(["Fine.", "", *unit * (size // len(unit))])) for size in (2_000, 4_000)]
    assert works[1] <= works[0] * 2.2


@pytest.mark.usefixtures("low_bounds")
def test_tokens_are_read_up_to_the_bound(monkeypatch: pytest.MonkeyPatch):
    taken = 0

    def counted(html: str, real: Callable[[str], Iterator[Token]] = html_lines.tokenize) -> Iterator[Token]:
        nonlocal taken
        for token in real(html):
            taken += 1
            yield token

    monkeypatch.setattr(html_lines, "tokenize", counted)
    for size in (10_000, 40_000):
        taken = 0
        find_html_quote("<b>" * size, str)
        assert taken == html_lines.MAX_PIECES


@pytest.mark.usefixtures("low_bounds")
@pytest.mark.parametrize(
    "texts",
    [
        ["On 2 Apr 2012, 18:26 at a@example.com we spoke. Then Bob wrote:"],
        ["On 1 2 3 4 5 6 wrote:", "> x", "> y", "No."],
        ["On Monday", "2", "2", "x:", "> a", "> b", "No."],
        ["Bob:", "> a", "b"],
    ],
    ids=["prose", "all at once", "wrapped", "an author"],
)
def test_the_search_for_attributions_has_a_budget(texts: list[str], monkeypatch: pytest.MonkeyPatch):
    looked = 0

    def find_verb(bare: str, real: Callable[[str], int] = attribution._find_verb) -> int:
        nonlocal looked
        looked += len(bare)
        return real(bare)

    monkeypatch.setattr(attribution, "_find_verb", find_verb)
    lines = [Line(text, 0, False, Level.CITED if text.startswith(">") else Level.NONE) for text in texts * 4_000]
    assert find_quote(lines) is None
    assert attribution._BUDGET / 2 < looked <= 3 * attribution._BUDGET


def test_space_at_the_end_of_a_tag_is_read_once(monkeypatch: pytest.MonkeyPatch):
    read: list[str] = []

    def read_markup(token: Token, real: Callable[[Token], Any] = html_lines.read_markup) -> Any:
        read.append(token.text)
        return real(token)

    monkeypatch.setattr(html_lines, "read_markup", read_markup)
    html = "Hello<br><div class=gmail_quote" + " " * 2_000 + "/" * 2_000 + ">Lunch?</div>"
    assert find_html_quote(html, str) == html.index("<div")
    assert [text.rstrip() for text in read] == ["<div class=gmail_quote"]
    assert len(read[0]) < 30


def test_a_border_of_none_is_no_quote():
    for style, is_quote in (("border-left: 1px solid", True), ("border-left: none", False), ("border-left:0", False)):
        html = f"Hello<br><blockquote style='{style}'>Lunch?</blockquote>"
        assert (find_html_quote(html, str) is not None) == is_quote
