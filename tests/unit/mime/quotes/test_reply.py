"""Finding the quote, in replies of many mail programs and in mail that only looks like a reply."""

import email
import email.policy
import re
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailhooks.mime.html import find_end
from mailhooks.mime.html_text import extract_visible_text
from mailhooks.mime.quotes.attribution import Budget, Level, Line, find_attribution, is_trailer
from mailhooks.mime.quotes.reply import find_html_quote, find_quote, find_text_quote
from tests.support.mail import CORPUS
from tests.support.tables import check_rows

HERE = "[[HERE]]"
DATA = Path(__file__).parent / "data"


def samples(name: str) -> list[tuple[str, str]]:
    """Read the sections `=== title` of a file, as pairs of title and text."""
    blocks = re.split(r"(?m)^=== ", (DATA / name).read_text("utf-8"))[1:]
    return [(title, body) for title, _, body in (block.partition("\n") for block in blocks)]


def as_octets(text: str) -> str:
    """Return one character for each octet."""
    return text.encode().decode("latin-1")


def as_text(octets: str) -> str:
    return octets.encode("latin-1").decode("utf-8", "replace")


def test_the_quote_is_found_in_plain_text() -> None:
    def check(title: str, text: str) -> None:
        lines = text.split("\n")
        place = lines.index(HERE)
        del lines[place]
        assert find_text_quote(lines) == place, "as it is"
        assert find_text_quote([line + "  " for line in lines]) == place, "trailing spaces"
        assert find_text_quote([f" {line}" if line and not line.startswith(">") else line for line in lines]) == place, "indented"

    check_rows(samples("quotes_text.txt"), check)


def rows(name: str) -> list[tuple[str, str]]:
    """Read the lines `language: text` of a file."""
    return [(language, text) for language, _, text in (line.partition(": ") for line in (DATA / name).read_text("utf-8").splitlines())]


QUOTES_BELOW_AN_ATTRIBUTION = {
    "marked": "\n\n> Lunch?\n> Bob",
    "marked, no empty line": "\n> Lunch?\n> Bob",
    "bars": "\n\n| Lunch?\n| Bob",
    "nothing marked": "\n\nLunch?\nBob",
}


@pytest.mark.parametrize("quote", QUOTES_BELOW_AN_ATTRIBUTION.values(), ids=QUOTES_BELOW_AN_ATTRIBUTION.keys())
def test_the_attribution_is_found_in_many_languages(quote: str):
    def check(language: str, attribution: str) -> None:
        assert find_text_quote(f"Noon suits me well.\n\n{attribution}{quote}".split("\n")) == 2
        assert find_text_quote(f"Noon suits me well.\n\nKim\n\n{attribution}{quote}".split("\n")) == 4

    check_rows(rows("attributions.txt"), check)


@pytest.mark.parametrize("width", [66, 72, 78])
def test_no_text_is_inserted_inside_a_wrapped_attribution(width: int):
    def check(language: str, attribution: str) -> None:
        longer = attribution.replace("Bob Example", "Bartholomew Longname-Example of the Office")
        wrapped = "\n".join(textwrap.wrap(longer, width, break_long_words=False, break_on_hyphens=False))
        assert find_text_quote(f"Noon suits me well.\n\n{wrapped}\n\n> Lunch?".split("\n")) == 2

    check_rows(rows("attributions.txt"), check)


def test_the_fields_above_a_quote_are_found_in_many_languages() -> None:
    def check(language: str, words: str) -> None:
        title, *fields = words.split(" | ")
        block = "\n".join(
            f"{name}: {value}" for name, value in zip(fields, ("Bob Example", "04.05.2026 09:14", "Kim", "noon"), strict=True)
        )
        assert find_text_quote(f"Fine.\n\n{block}\n\nLunch?".split("\n")) == 2
        assert find_text_quote(f"Fine.\n\n-------- {title} --------\n{block}\n\nLunch?".split("\n")) == 2
        assert find_text_quote(f"Fine.\n\n-----{title}-----\n\nLunch?".split("\n")) == 2

    check_rows(rows("header_blocks.txt"), check)


def test_no_quote_is_found_in_plain_text() -> None:
    def check(title: str, text: str) -> None:
        assert find_text_quote(text.split("\n")) is None

    check_rows(samples("no_quotes_text.txt"), check)


def test_the_quote_is_found_in_html() -> None:
    def check(title: str, html: str) -> None:
        reply, mark, quote = (as_octets(piece) for piece in html.partition(HERE))
        assert mark
        assert find_html_quote(reply + quote, as_text) == len(reply)

    check_rows(samples("quotes_html.txt"), check)


LAYOUTS: dict[str, Callable[[str], str]] = {
    "tags in upper case": lambda html: re.sub(r"<(/?\w+)", lambda tag: tag[0].upper(), html),
    "a line for each tag": lambda html: html.replace(">", ">\r\n"),
    "wrapped in a table": lambda html: f"<html><body><table><tr><td>{html}</td></tr></table></body></html>",
}


def test_the_layout_of_html_does_not_matter() -> None:
    def check(title: str, html: str) -> None:
        reply, _, quote = (as_octets(piece) for piece in html.partition(HERE))
        for layout, change in LAYOUTS.items():
            marked = change(reply + "\0" + quote)
            changed, expected = marked.replace("\0", ""), marked.partition("\0")[0]
            place = find_html_quote(changed, as_text)
            assert place is not None, layout
            assert extract_visible_text(changed[:place]) == extract_visible_text(expected), layout

    # Line ends count in `pre`.
    check_rows([row for row in samples("quotes_html.txt") if "<pre" not in row[1]], check)


def test_no_quote_is_found_in_html() -> None:
    def check(title: str, html: str) -> None:
        assert find_html_quote(as_octets(html), as_text) is None

    check_rows(samples("no_quotes_html.txt"), check)


def parts(path: Path) -> Iterator[tuple[str, bytes, str]]:
    message = email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
    for part in message.walk():
        if part.get_content_maintype() == "text":
            yield part.get_content_subtype(), part.get_payload(decode=True), part.get_content_charset("us-ascii")


TALON = [path for path in CORPUS if path.name.startswith("talon_")]
QUOTE_BEGINS = re.compile(
    r"-----|----- |On [A-Z0-9]|02\.04\.2012|> (Subject|On )|From: ",
)


@pytest.mark.parametrize("path", TALON, ids=lambda path: path.stem)
def test_the_quote_is_found_in_replies_of_twelve_mail_programs(path: Path):
    assert len(TALON) == 12
    for subtype, octets, charset in parts(path):
        if subtype == "plain":
            lines = octets.decode(charset).splitlines()
            place = find_text_quote(lines)
            # Thunderbird writes the reply below the quote: the disclaimer is at the end.
            shown = ("\n".join(lines[:place]), "\n".join(lines[len(lines) if place is None else place :]))
        else:
            html = octets.decode("latin-1")
            at = find_html_quote(html, lambda piece, charset=charset: piece.encode("latin-1").decode(charset))
            assert at is not None
            shown = (extract_visible_text(html[:at]), extract_visible_text(html[at:].encode("latin-1").decode(charset)))
        reply, quote = (text.strip() for text in shown)
        assert re.search(r"\A(Hello|Allo!|On 04/02/2012)", reply)
        if "thunderbird" in path.name:
            assert reply.endswith("Hello")
            assert not quote
        else:
            assert "wrote" not in reply
            assert QUOTE_BEGINS.match(quote)


def test_a_quote_is_found_in_real_mail_only_where_there_is_one() -> None:
    def check(path: Path) -> None:
        quoting = {path for path in TALON if "thunderbird" not in path.name}
        quoting |= {path for path in CORPUS if "We should not include these files" in path.read_text("latin-1")}
        for subtype, octets, _ in parts(path):
            text = octets.decode("latin-1")
            found = find_text_quote(text.splitlines()) if subtype == "plain" else find_html_quote(text, str)
            assert (found is not None) == (path in quoting)

    check_rows(CORPUS, check)


TEXT_PIECES = [
    *[
        "| a",
        ": a",
        "AB> a",
        ">>> a@example.com 2026 >>>",
        "Bob <a@example.com",
        ">:",
        "4 May 2026 09:14 Bob:",
        "٤ مايو ٢٠٢٦:",
        "From a",
        "> a",
        ">> b",
        "On 2 Apr 2012, at 18:26, Bob <bob@example.com> wrote:",
        "Bob wrote:",
        "wrote:",
        "On",
        "-----Original Message-----",
        "-" * 32,
    ],
    *[
        "_" * 32,
        "From: a@example.com",
        "To: b",
        "Subject: c",
        "Date: d",
        "Received: x",
        "-- ",
        "text",
        "",
        "Sent from my iPhone",
        ":",
        "\ufffc",
    ],
]


@pytest.mark.fuzz
@given(st.lists(st.one_of(st.sampled_from(TEXT_PIECES), st.text(max_size=30)), max_size=25))
def test_any_text_has_a_result_and_it_is_a_line_with_text(lines: list[str]):
    place = find_text_quote(lines)
    assert place is None or lines[place].strip()


@pytest.mark.fuzz
@given(st.lists(st.one_of(st.sampled_from(TEXT_PIECES), st.text(max_size=30)), max_size=12), st.integers(0, 3))
def test_empty_lines_at_the_end_do_not_matter(lines: list[str], count: int):
    assert find_text_quote(lines + [""] * count) == find_text_quote(lines)


@pytest.mark.fuzz
@given(st.text(st.characters(codec="latin-1")))
def test_any_html_has_a_result_before_its_end(html: str):
    place = find_html_quote(html, str)
    assert place is None or 0 <= place < len(html)


def test_only_a_bounded_number_of_lines_around_a_line_is_read():
    class Counting(list[Line]):
        looks = 0

        def __getitem__(self, index):
            Counting.looks += 1 if isinstance(index, int) else len(range(*index.indices(len(self))))
            return super().__getitem__(index)

    for texts in (
        ["On On On"],
        ["Bob wrote:"],
        ["From: a"],
        ["To:", "x"],
        ["_" * 32],
        ["--- a ---", "From: a"],
        ["Bob wrote:", "> a", "b"],
        ["From: a", "To: b", *["x"] * 50],
        ["From: <a@example.com>", *["Importance: x"] * 3],
        ["Abc: <a@example.com> 4 May 2026 09:14", "Def: g", "Hij: k"],
        ["> a", "From b", "To c", "d"],
        ["On 4 May 2026,", "at 10:18,", "Bob <a@example.com>,"],
    ):
        count = 0
        for size in (1000, 2000):
            Counting.looks = 0
            lines = [Line(text, 0, False, Level.CITED if text.startswith(">") else Level.NONE) for text in texts] * (size // len(texts))
            find_quote(Counting(lines))
            assert size <= 1000 or Counting.looks <= 2.2 * count
            count = Counting.looks
            assert count < 100 * size


def test_deeply_nested_html_is_read_without_recursion():
    html = "<div>" * 50_000 + "Fine.<blockquote type=cite>Lunch?</blockquote>"
    assert find_html_quote(html, str) == html.index("<blockquote")
    assert find_end(html) == len(html)


def test_a_long_line_is_no_attribution():
    assert find_attribution([Line("On 2 Apr 2012 18:26 " + "x " * 500 + "wrote:", 0, True)], 0, Budget(), above_quote=True) is None


def test_text_that_programs_add_at_the_end_is_no_reply() -> None:
    def check(text: str) -> None:
        assert is_trailer(Line(text, 0))

    check_rows(
        [
            "-- ",
            "______________",
            "Sent from my phone",
            "You received this message because you are subscribed",
            "Von meinem iPhone gesendet",
        ],
        check,
    )


def test_a_reply_is_not_text_that_programs_add() -> None:
    def check(text: str) -> None:
        assert not is_trailer(Line(text, 0))

    check_rows(["Yes", "- an item", "_emphasis_", "Sent it yesterday"], check)
