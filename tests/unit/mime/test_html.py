"""The tokenizer of HTML, and the offsets for a block."""

import re
from unittest import mock

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mailhooks.mime import html as module
from mailhooks.mime.html import Kind, find_end, find_exit, find_start, find_token, tokenize, unescape
from mailhooks.mime.quotes.reply import find_html_quote

HERE = "[[HERE]]"
MARKUP = [
    *"< > </ <! <!-- --> --!> <!--> <!---> <!doctype> <!DOCTYPE-x <? <?xml?> <![if!mso]> <![endif]> </> </1> <1".split(),
    *"& &amp; &#x; &#0; = / ' \"".split(),
    *"<p> </p> <P/> <div> </div> <body> <BODY/> </body> </body\t> </html> <html> <head> </head> <br> <hr/> <img/>".split(),
    *"<pre> <td> <tr> </td> <table> </table>".split(),
    *"<script> </script> </scripty> <style> </STYLE > <title> </title> <textarea> </textarea> <xmp> </xmp> <iframe> <noscript>".split(),
    *[
        "<frameset>",
        "<plaintext>",
        "<a b='",
        '<a b=">">',
        "<a b=c'd>",
        "<a b='c' b=d e>",
        "<a\n=x>",
        "<a / b>",
        " ",
        "\n",
        "\u3042",
        "\xa0",
        "word",
    ],
    *["<blockquote type=cite>", "</blockquote>", '<div class="gmail_quote">', "<div id=divRplyFwdMsg>", "&gt; q<br>"],
    *["<b>From:</b> a@example.com<br>", "To: b<br>Subject: c", "-----Original Message-----"],
    "On 2 Apr 2012, at 18:26, Bob &lt;bob@example.com&gt; wrote:",
]
HTML = st.lists(st.one_of(st.sampled_from(MARKUP), st.text(max_size=4)), max_size=25).map("".join)


def split(html: str) -> tuple[str, int]:
    """Return HTML without the mark, and the offset of the mark."""
    before, mark, after = html.partition(HERE)
    assert mark
    return before + after, len(before)


def kinds(html: str) -> list[tuple[str, str]]:
    return [(token.kind.name, token.text) for token in tokenize(html)]


@pytest.mark.parametrize(
    "html, found",
    [
        ("a<b>c", [("TEXT", "a"), ("START", "<b>"), ("TEXT", "c")]),
        ("a < b <3 >", [("TEXT", "a < b <3 >")]),
        ("<a title='>' href=x>y</A >", [("START", "<a title='>' href=x>"), ("TEXT", "y"), ("END", "</A >")]),
        ("<a title=it's>y", [("START", "<a title=it's>"), ("TEXT", "y")]),
        ('<a "x>y', [("START", '<a "x>'), ("TEXT", "y")]),
        ("<a b=>y", [("START", "<a b=>"), ("TEXT", "y")]),
        ("<!-- > <b> -->x", [("COMMENT", "<!-- > <b> -->"), ("TEXT", "x")]),
        ("<!-->x", [("COMMENT", "<!-->"), ("TEXT", "x")]),
        ("<!--->x", [("COMMENT", "<!--->"), ("TEXT", "x")]),
        ("<!--!>x--!>y", [("COMMENT", "<!--!>x--!>"), ("TEXT", "y")]),
        ("<!>x", [("COMMENT", "<!>"), ("TEXT", "x")]),
        ("<![if !mso]>x<![endif]>", [("COMMENT", "<![if !mso]>"), ("TEXT", "x"), ("COMMENT", "<![endif]>")]),
        ("<!--[if mso]><p>x</p><![endif]-->y", [("COMMENT", "<!--[if mso]><p>x</p><![endif]-->"), ("TEXT", "y")]),
        ("<!--[if !mso]><!-->x<!--<![endif]-->", [("COMMENT", "<!--[if !mso]><!-->"), ("TEXT", "x"), ("COMMENT", "<!--<![endif]-->")]),
        ("<?xml version='1.0'?><!DOCTYPE html>", [("COMMENT", "<?xml version='1.0'?>"), ("DOCTYPE", "<!DOCTYPE html>")]),
        ("</>x</ b>", [("COMMENT", "</>"), ("TEXT", "x"), ("COMMENT", "</ b>")]),
        ("<SCRIPT>a</b></scripts></Script>", [("START", "<SCRIPT>"), ("RAW", "a</b></scripts>"), ("END", "</Script>")]),
        ("<style></style>x", [("START", "<style>"), ("END", "</style>"), ("TEXT", "x")]),
        ("x<a b='", [("TEXT", "x"), ("UNFINISHED", "<a b='")]),
        ("x<!-- y", [("TEXT", "x"), ("UNFINISHED", "<!-- y")]),
        ("x<title>y</titl>", [("TEXT", "x"), ("UNFINISHED", "<title>y</titl>")]),
        ("x<", [("TEXT", "x"), ("UNFINISHED", "<")]),
        ("x</", [("TEXT", "x"), ("UNFINISHED", "</")]),
        ("x<plaintext>y</plaintext>", [("TEXT", "x"), ("UNFINISHED", "<plaintext>y</plaintext>")]),
        ("", []),
    ],
)
def test_markup_and_text_are_separated_as_in_browsers(html: str, found: list[tuple[str, str]]):
    assert kinds(html) == found


def test_attributes_are_read_with_any_quotes():
    (token,) = tokenize("<DIV Class = 'a&amp;b' id=x/y data-x \n title=\"it's\" CLASS=c / z==>")
    assert token.name == "div"
    assert token.attrs == {"class": "a&b", "id": "x/y", "data-x": "", "title": "it's", "z": "="}


@pytest.mark.fuzz
@given(st.one_of(HTML, st.text()))
@example("&#" + "9" * 5000 + ";")
@example("&#" + "0" * 5000 + ";")
def test_tokens_cover_any_string_without_gaps_or_overlaps(html: str):
    position = 0
    for token in tokenize(html):
        assert token.start == position < token.end
        position = token.end
        assert isinstance(token.attrs, dict)
        assert token.kind is not Kind.UNFINISHED or position == len(html)
    assert position == len(html)


@pytest.mark.fuzz
@given(HTML)
@example("x</")
@example("<a b='")
@example("<title/>")
@example("<body><frameset></frameset>")
def test_an_inserted_block_changes_no_other_markup(html: str):
    block = '<div id="new">new</div>'
    before = kinds(html)
    for at, end_tags in (find_exit(html), (find_start(html), ""), (find_html_quote(html, str), "")):
        if at is None or at < 0:
            continue
        assert 0 <= at <= len(html)
        found = list(tokenize(html[:at] + end_tags + block + html[at:]))
        index = next(index for index, token in enumerate(found) if token.start == at + len(end_tags))
        assert [token.text for token in found[index : index + 3]] == ['<div id="new">', "new", "</div>"]
        assert found[index].kind is Kind.START
        added = [token for token in found[:index] if token.start >= at]
        assert all(token.kind is Kind.END for token in added)
        if added and added[0].name in ("textarea", "xmp", "noscript"):
            # Its content has an end now.
            assert html.startswith("".join(token.text for token in found[: index - len(added)]))
            continue
        rest = [(token.kind.name, token.text) for token in (*found[: index - len(added)], *found[index + 3 :])]
        # A text may be split into two tokens.
        assert rest == before or [text for _, text in rest if text] == _cut(before, at)


@pytest.mark.fuzz
@given(HTML)
@example("<b>x</b><i><b>y</body>")
@example("<span>x<frameset>")
@example("</body><frameset>")
@example("<style></styles></style><div></div >x</html>")
def test_the_exit_is_the_same_without_the_expression_for_most_of_the_html(html: str):
    with mock.patch.object(module, "_read_body", return_value=0):
        expected = find_exit(html)
    assert find_exit(html) == expected


def _cut(found: list[tuple[str, str]], at: int) -> list[str]:
    pieces: list[str] = []
    position = 0
    for _, text in found:
        inside = at - position
        pieces += [text[:inside], text[inside:]] if 0 < inside < len(text) else [text]
        position += len(text)
    return pieces


@pytest.mark.parametrize(
    "html",
    [
        "<html><body><p>x</p>[[HERE]]</body></html>",
        "<HTML><BODY><p>x</p>[[HERE]]</BODY ></HTML>\r\n",
        "<p>x</p>[[HERE]]</html>",
        "<p>x</p>[[HERE]]",
        "[[HERE]]",
        "plain[[HERE]]",
        "<body>x<!-- </body> --><script>'</body>'</script><a title='</body>'>y</a>[[HERE]]</body><!-- </body> -->",
        "<body>x</body></html>\nA list's footer[[HERE]]",
        "<html><body>x</body></html><html><body>y[[HERE]]</body></html>",
        "<body>x</body></html><img src='https://example.com/logo.png'>[[HERE]]",
        "<body>x[[HERE]]</body></div></td></html>",
        "<body>x[[HERE]]</body><script>a</script><!--[if mso]>y<![endif]-->",
        "<body>x</body>y[[HERE]]</body>",
        "<p>x</p>[[HERE]]<a href='",
        "<p>x</p>[[HERE]]<!-- </body>",
        "<p>x</p>[[HERE]]<",
        "<p>x</p><textarea></body>[[HERE]]",
        "<body>x[[HERE]]</body><style>",
        "<body>x<frameset></frameset>[[HERE]]</body>",
    ],
)
def test_the_end_is_after_the_displayed_text(html: str):
    html, at = split(html)
    assert find_end(html) == at


@pytest.mark.parametrize(
    "html",
    [
        "<html><head><title>t</title></head><body bgcolor='>'>[[HERE]]x</body></html>",
        "<html><head><style>p{}</style></head>[[HERE]]\n<p>x",
        "<!DOCTYPE html><html lang=en>[[HERE]]<p>x",
        "<?xml version='1.0'?>\n<!DOCTYPE html>[[HERE]]\nx",
        "<html><head><meta charset=utf-8>[[HERE]]<!-- <body> --><p>x",
        "<!-- <body> --><style>a{}</style>[[HERE]]<p>x",
        "[[HERE]]",
        "[[HERE]]x",
        "[[HERE]]<p>x",
        "[[HERE]]A gateway's line<html><body>x",
        "\xef\xbb\xbf<html><body>[[HERE]]x",
        "<html>[[HERE]]<style>x",
        "[[HERE]]<title/><body>x",
    ],
)
def test_the_start_is_before_the_displayed_text(html: str):
    html, at = split(html)
    assert find_start(html) == at


@pytest.mark.parametrize(
    "html", ["<html><head></head><frameset cols=*><frame src=a></frameset></html>", "<FRAMESET>", "<frameset><noframes><body>x"]
)
def test_frames_have_no_place_for_text(html: str):
    assert find_end(html) == find_start(html) == -1


def test_a_token_is_found_only_in_displayed_text():
    html = "<!-- _D_ --><a title=_D_ _D_><style>_D_</style><title>_D_</title><b>x _D_</b>_D_"
    start, end = find_token(html, "_D_") or (0, 0)
    assert (start, html[start:end]) == (html.index("x _D_") + 2, "_D_")
    assert find_token("<!-- _D_ -->_<b>D</b>_", "_D_") is None
    assert find_token("x", "") is None


def test_character_references_without_a_character_are_harmless():
    assert unescape("&#" + "9" * 10_000 + ";&#" + "0" * 10_000 + "65;&#x41;&#;&") == "\ufffdAA&#;&"


@pytest.mark.parametrize(
    "piece", ["<", "<a ", '<a b="', "<!--", "<div>", "</div>", "<script>", "&", "&#", "<title></title", "<a =", "<p a=b c='d'>x", "\xa0"]
)
def test_hostile_html_has_few_tokens(piece: str):
    html = piece * 2000
    assert sum(1 for _ in tokenize(html)) <= 4000
    assert re.sub(r"\s", "", "".join(token.text for token in tokenize(html))) == re.sub(r"\s", "", html)
