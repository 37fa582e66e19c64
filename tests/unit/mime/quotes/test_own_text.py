"""The sender's own text in a message: in replies above, below and between quotes, in forwarded messages, and without the signature."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mailparser_reply import EmailReplyParser

from mailhooks.mime.displayed_text import read_every_text
from mailhooks.mime.html_text import extract_visible_text
from mailhooks.mime.message import Message
from mailhooks.mime.quotes.own_text import read_own_text
from tests.support.mail import CORPUS
from tests.support.tables import check_rows
from tests.unit.mime.quotes.test_reply import HERE, TEXT_PIECES, rows, samples

SIGNATURE = re.compile(r"(?m)^-- ?$")

NOT_THE_TEXT_ABOVE = {
    "a snippet answered first, then the client's own quote of it all": "Yes, why not.",
    "a passage answered, then the program's own quote of the same mail": "I agree with most of it. Rather one.",
    "Gmail, old, the signature in the quote's outer element": "Sounds good.",
    "Gmail, a passage quoted by hand in the reply": "Yes, Tuesday.",
    "Outlook for phones": "Ok",
}
"""Samples in which quoted lines or a signature of the mail program are above the place."""


def own(text: str, *, is_html: bool = False) -> str:
    """Return the own text of a part, with one space for all white space."""
    return " ".join(read_own_text(text, is_html=is_html).split())


@pytest.mark.parametrize("name", ["quotes_text.txt", "quotes_html.txt"])
def test_own_text_is_the_reply_above_the_quote(name: str):
    is_html = name == "quotes_html.txt"

    def check(title: str, text: str) -> None:
        reply, _, quote = text.partition(HERE if is_html else f"{HERE}\n")
        shown = extract_visible_text(reply) if is_html else reply
        expected = NOT_THE_TEXT_ABOVE.get(title, SIGNATURE.split(shown)[0])
        assert own(reply + quote, is_html=is_html) == " ".join(expected.split())

    check_rows(samples(name), check)


def test_own_text_in_plain_text_is_below_and_between_quoted_lines_too() -> None:
    """A line of the data that is not the sender's own begins with a tilde."""

    def check(title: str, marked: str) -> None:
        lines = marked.split("\n")
        wanted = [line for line in lines if line and not line.startswith("~")]
        found = read_own_text("\n".join(line.removeprefix("~") for line in lines), is_html=False)
        assert [line for line in found.split("\n") if line] == wanted

    check_rows(samples("own_text.txt"), check)


def test_own_text_in_html_is_below_and_between_quotes_too() -> None:
    cite = "<blockquote type=cite>{}</blockquote>"
    wrote = "<div>On 2 Apr 2012, at 18:26, Bob &lt;bob@example.com&gt; wrote:</div>"
    head = "<div class=gmail_attr>On Mon, Apr 2, 2012 Bob wrote:<br></div>"
    gmail = f"<div class=gmail_quote>{head}<blockquote class=gmail_quote>{{}}</blockquote></div>"
    check_rows(
        [
            ("new", "<p>See the <b>attached</b> file.</p><p>Kim</p>", "See the attached file. Kim"),
            ("above", "<p>Fine.</p>" + wrote + cite.format("<p>Is it attached?</p>"), "Fine."),
            ("below", wrote + cite.format("<p>Is it attached?</p>") + "<p>Yes.</p>", "Yes."),
            ("between", wrote + "Yes.".join(cite.format(f"<p>{each}</p>") for each in ("One?", "Two?")) + "<p>No.</p>", "Yes. No."),
            ("Gmail, above", "<div dir=ltr>Fine.</div><br>" + gmail.format("Is it attached?"), "Fine."),
            (
                "Gmail, its signature",
                "<div>Fine.</div><div class=gmail_signature>Ann, attached to Sales</div>" + gmail.format("x"),
                "Fine.",
            ),
            ("a signature, then a reply", "<div class=gmail_signature>Ann</div>" + gmail.format("Two?") + "<div>Yes.</div>", "Yes."),
            ("an element of a forward", "FYI<div class=moz-forward-container>-------- Forwarded --------<p>Attached.</p></div>", "FYI"),
            ("only a forward", "<div class=moz-forward-container>-------- Forwarded --------<p>Attached.</p></div>", ""),
            ("images and a picture's text", "<p><img src=cid:a> Fine.</p>", "Fine."),
            ("a preformatted reply", "<pre>Yes.\n\n&gt; Two?\n&gt; Three?\nNo.\n</pre>", "Yes. No."),
            ("nothing", "", ""),
        ],
        lambda _, html, expected: _check(html, expected),
    )


def _check(html: str, expected: str) -> None:
    assert own(html, is_html=True) == expected


def test_white_space_and_empty_lines_of_plain_text_are_kept() -> None:
    text = "4111  1111\t1111\u200b1111\n\n\nBob\n\nOn 2 Apr 2012, at 18:26, Bob <bob@example.com> wrote:\n> Lunch?\n"
    assert read_own_text(text, is_html=False) == "4111  1111\t1111\u200b1111\n\nBob"


SENTENCES = [
    "Fine.",
    "Siehe Anhang!",
    "Voici le fichier.",
    "見てください。",
    "Так и сделаем.",
    "We met on Monday",
    "1. An item",
    "Straße 5",
]
QUOTED = ["> Is it attached?", "> > Siehe Anhang", "> ", ">", "> -- ", "> Kim wrote:"]
ATTRIBUTIONS = [attribution for _, attribution in rows("attributions.txt")]


@pytest.mark.fuzz
@given(
    st.lists(st.lists(st.sampled_from(SENTENCES), min_size=1, max_size=3), min_size=1, max_size=5),
    st.lists(st.sampled_from(QUOTED[:2]), min_size=1, max_size=1),
    st.lists(st.lists(st.sampled_from(QUOTED), max_size=3), min_size=5, max_size=5),
    st.sampled_from(ATTRIBUTIONS),
    st.booleans(),
)
def test_own_paragraphs_around_quoted_ones_are_found_in_all_languages(
    own_blocks: list[list[str]], first: list[str], quoted: list[list[str]], attribution: str, ends_with_quote: bool
):
    lines = [attribution]
    for block, cited in zip(own_blocks, quoted, strict=False):
        lines += ["", *first, *cited, "", *block]
    lines += ["", *first] if ends_with_quote else []
    assert read_own_text("\n".join(lines), is_html=False).split() == " ".join(line for block in own_blocks for line in block).split()


@pytest.mark.fuzz
@given(st.lists(st.one_of(st.sampled_from(TEXT_PIECES), st.text(max_size=30)), max_size=25))
def test_own_text_is_some_of_the_lines_in_their_order(lines: list[str]):
    text = "\n".join(lines)
    remaining = iter(text.splitlines())
    found = [line for line in read_own_text(text, is_html=False).splitlines() if line]
    assert all(any(line == each for each in remaining) for line in found)


HTML_PIECES = [*"ab<>/&;= '\"\n-", "<p>", "<blockquote>", "</blockquote>", "<div class=gmail_quote>", "</div>", "Bob wrote:", "&gt;"]


@pytest.mark.fuzz
@given(st.lists(st.sampled_from(HTML_PIECES), max_size=40).map("".join))
def test_own_text_of_any_html_has_no_characters_that_the_html_does_not_have(html: str):
    assert set(own(html, is_html=True)) <= set(html) | {" "}


SIGNED = "the signature is no own text"
MARKED = "the title of a forwarded message is no own text"
BELOW = "the own text is below the quote"
UNMARKED = "the attribution is in a language that the other program does not know"
HEADERS = "a pasted header is no quote"
LINES = "lines of dashes are text"

DISAGREEMENTS = {
    "rubymail_attachment_with_base64_encoded_name": MARKED,
    "rubymail_attachment_with_encoded_name": MARKED,
    "rubymail_content_transfer_encoding_x_uuencode": SIGNED,
    "rubymail_empty_group_lists": SIGNED,
    "rubymail_header_fields_with_empty_values": SIGNED,
    "rubymail_japanese": SIGNED,
    "rubymail_japanese_attachment": SIGNED,
    "rubymail_raw_email10": LINES,
    "rubymail_raw_email2": MARKED,
    "rubymail_raw_email4": SIGNED,
    "rubymail_raw_email5": LINES,
    "rubymail_raw_email6": LINES,
    "rubymail_raw_email8": MARKED,
    "rubymail_raw_email_incorrect_header": HEADERS,
    "rubymail_report_422": SIGNED,
    "rubymail_report_530": SIGNED,
    "talon_android": UNMARKED,
    "talon_sparrow": SIGNED,
    "talon_thunderbird": BELOW,
}
"""Where mail-parser-reply finds another reply in real mail, and why this result is right."""


# mail-parser-reply calls re.sub in a way that Python 3.13 warns of.
@pytest.mark.filterwarnings("ignore:'count' is passed as positional argument:DeprecationWarning")
def test_own_text_of_real_mail_is_the_reply_that_another_program_finds() -> None:
    other = EmailReplyParser(languages=["en", "de", "fr", "it", "nl", "pl", "ja", "es", "sv", "da", "cs", "ko", "zh"])
    differing = {}
    for path in CORPUS:
        for text, is_html in read_every_text(Message(path.read_bytes()), 256 * 1024):
            if not is_html and own(text) != (reply := " ".join((other.parse_reply(text) or "").split())):
                differing[path.stem] = reply
    assert differing.keys() == DISAGREEMENTS.keys()
    for name, reply in differing.items():
        assert DISAGREEMENTS[name] != SIGNED or "--" in reply


def test_own_text_of_real_mail_is_the_same_in_its_html() -> None:
    def check(path: Path) -> None:
        texts = {is_html: own(text, is_html=is_html) for text, is_html in read_every_text(Message(path.read_bytes()), 256 * 1024)}
        assert texts[True] == texts[False]

    replies = [path for path in CORPUS if path.name.startswith("talon_") and b"multipart/alternative" in path.read_bytes().lower()]
    # The two texts of the message of Outlook differ as sent.
    check_rows([path for path in replies if path.stem != "talon_outlook"], check)
