import time
from html import unescape
from pathlib import Path

import pytest

from local.config.samples import load
from local.console.style import Style
from local.console.text_columns import columns
from local.errors import PreviewError
from local.viewer.page import page_of
from local.viewer.part_changes import Mark, Side
from local.viewer.preview_result import Result, disclaimer_of, report, tried
from mailhooks.content.change import OnUnmodifiable
from mailhooks.content.disclaimer import Disclaimer, OnNoText, Position
from mailhooks.mime.edits import splice
from mailhooks.mime.message import Message
from mailhooks.mime.text.wrapping import Image
from tests.support.mail import CORPUS
from tests.support.markup import Elements

HEADER = b"From: Ana <ana@example.com>\r\nDate: Mon, 4 May 2026 08:00:00 +0000\r\nMIME-Version: 1.0\r\n"
REPLY = (
    HEADER + b"Content-Type: multipart/mixed; boundary=m\r\n\r\n--m\r\nContent-Type: multipart/alternative; boundary=a\r\n\r\n--a\r\n"
    b"Content-Type: text/plain; charset=us-ascii\r\n\r\nHello\r\n\r\nOn Mon, Clara wrote:\r\n> Hi\r\n"
    b"--a\r\nContent-Type: text/html; charset=us-ascii\r\n\r\n"
    b'<body>Hello<div class="gmail_quote">On Mon, Clara wrote:<blockquote>Hi</blockquote></div></body>\r\n--a--\r\n'
    b'--m\r\nContent-Type: application/pdf; name="plan.pdf"\r\nContent-Transfer-Encoding: base64\r\n\r\nAAAA\r\n'
    b"--m\r\nContent-Type: message/rfc822\r\n\r\nSubject: inner\r\n\r\nInner text\r\n--m--\r\n"
)
PLAIN = HEADER + b"\r\nHello\r\n"
SIGNED = (
    HEADER + b"Content-Type: multipart/signed; boundary=s\r\n\r\n--s\r\nContent-Type: text/plain\r\n\r\nHello\r\n"
    b"--s\r\nContent-Type: application/pkcs7-signature\r\n\r\nAAAA\r\n--s--\r\n"
)
GERMAN = Disclaimer(text="Beispiel GmbH, Köln")


def notes(result: Result) -> dict[str, tuple[Mark, tuple[str, ...]]]:
    return {row.place: (row.mark, row.notes) for row in result.rows_after}


def after_reply(text: str = "Beispiel GmbH, Köln", **changes: object) -> Disclaimer:
    return Disclaimer(text=text, position=Position.AFTER_REPLY, **changes)  # type: ignore[arg-type]


def shown(result: Result) -> str:
    return "\n".join(report(result, Style()))


def test_each_part_says_what_was_done_to_it_where_and_why() -> None:
    said = notes(tried("m.eml", REPLY, after_reply()))
    assert said == {
        "": (Mark.CHANGED, ("header: added X-Mailhooks-Disclaimer",)),
        "1": (Mark.KEPT, ()),
        "1.1": (
            Mark.CHANGED,
            ("above the quote, line 3", "us-ascii cannot say the disclaimer: now utf-8", "7bit cannot carry it: now quoted-printable"),
        ),
        "1.2": (Mark.CHANGED, ('above the quote, before <div class="gmail_quote">, line 2',)),
        "2": (Mark.KEPT, ('untouched: attachment "plan.pdf"',)),
        "3": (Mark.KEPT, ("untouched: a message of its own",)),
        "3.1": (Mark.KEPT, ("untouched: in a forwarded message",)),
    }


@pytest.mark.parametrize(
    "body, position, where",
    [
        (b"Hello\r\n", Position.APPEND, "at the end, line 3"),
        (b"Hello\r\n", Position.AFTER_REPLY, "at the end: nothing is quoted, line 3"),
        (b"Hello\r\n", Position.PREPEND, "at the beginning, line 1"),
        (b"D, but not all of it\r\n", Position.PREPEND, "at the beginning, line 1"),
        (b"Hello\r\n\r\nDisclaimers\r\n", Position.APPEND, "at the end, line 5"),
        (b"A\r\n_DISCLAIMER_\r\nB\r\n", Position.APPEND, "in place of _DISCLAIMER_, line 2"),
        (b"A\r\n\r\nOn Mon, Clara wrote:\r\n> Hi\r\n", Position.AFTER_REPLY, "above the quote, line 3"),
    ],
)
def test_the_place_in_plain_text(body: bytes, position: Position, where: str) -> None:
    result = tried("m.eml", HEADER + b"\r\n" + body, Disclaimer(text="D", position=position))
    assert notes(result)[""][1][0] == where


@pytest.mark.parametrize(
    "body, position, where",
    [
        (b"<html><body><p>A</p></body></html>", Position.APPEND, "at the end, before </body>, line 2"),
        (b"<html><body><p>A</p></body></html>", Position.PREPEND, "at the beginning, before <p>, line 2"),
        (b"<html><body><p>A</p></body></html>", Position.AFTER_REPLY, "at the end, before </body>: nothing is quoted, line 2"),
        (b"Just text", Position.APPEND, "at the end, line 3"),
        (b"<p>A</p>\r\n<p>_DISCLAIMER_</p>", Position.APPEND, "in place of _DISCLAIMER_, line 2"),
    ],
)
@pytest.mark.parametrize("encoding", [b"7bit", b"quoted-printable"])
def test_the_place_in_html(body: bytes, position: Position, where: str, encoding: bytes) -> None:
    raw = HEADER + b"Content-Type: text/html\r\nContent-Transfer-Encoding: " + encoding + b"\r\n\r\n" + body + b"\r\n"
    assert notes(tried("m.eml", raw, Disclaimer(text="D", position=position)))[""][1][0] == where


def test_parts_that_were_added_say_what_they_are_for() -> None:
    html = HEADER + b"Content-Type: text/html\r\n\r\n<p>A</p>\r\n"
    logo = Disclaimer(html='<img src="cid:logo">', text="D", images=(Image("logo", "png", b"PNG"),))
    said = notes(tried("m.eml", html, logo))
    assert [(place, str(mark)) for place, (mark, _) in said.items()] == [("", "+"), ("1", "~"), ("2", "+")]
    assert said["2"][1] == ("added: an image that the disclaimer shows",)
    assert said[""][1][0] == "added: the HTML and the images that it shows"


def test_a_wrapped_message_is_shown_whole_inside_of_the_new_one() -> None:
    result = tried("m.eml", SIGNED, Disclaimer(text="D", on_unmodifiable=OnUnmodifiable.WRAP))
    rows = {row.place: row for row in result.rows_after}
    assert result.changed
    assert rows["2"].notes == ("added: the original, octet for octet",)
    assert [rows[place].mark for place in ("1", "1.1", "1.2")] == [Mark.ADDED] * 3
    assert (rows["2.1"].part.content_type, rows["2.1"].mark) == ("multipart/signed", Mark.KEPT)


def test_a_part_beside_mail_without_text_is_an_added_one() -> None:
    raw = HEADER + b"Content-Type: application/pdf\r\n\r\n%PDF\r\n"
    said = notes(tried("m.eml", raw, Disclaimer(text="D", on_no_text=OnNoText.ADD_PART)))
    assert [(place, str(mark)) for place, (mark, _) in said.items()] == [("", "+"), ("1", "+"), ("1.1", "+"), ("1.2", "+"), ("2", " ")]


@pytest.mark.parametrize(
    "raw, disclaimer, outcome",
    [
        (SIGNED, GERMAN, "declined: it is signed"),
        (b"\x00\xff", GERMAN, "declined: its structure is broken, so that programs read it differently"),
        (splice(PLAIN, GERMAN.change(Message(PLAIN)).edits), GERMAN, "nothing to do: the message has this disclaimer"),
        (PLAIN, Disclaimer(text="%%Title%%"), "nothing to do: the disclaimer is empty for this message"),
    ],
    ids=["signed", "broken", "there", "empty"],
)
def test_a_message_that_stays_as_it_is_says_why_and_is_the_same_object(raw: bytes, disclaimer: Disclaimer, outcome: str) -> None:
    result = tried("m.eml", raw, disclaimer)
    assert (result.outcome, result.changed, result.after.raw is raw) == (outcome, False, True)
    assert "After" not in shown(result)


def test_variables_are_filled_in_from_the_message_and_those_of_a_directory_are_named() -> None:
    result = tried("m.eml", PLAIN, Disclaimer(text="%%FromName%% at %%FromAddress%%\n%%Title%%"))
    assert result.after.raw.endswith(b"Hello\r\n\r\nAna at ana@example.com\r\n")
    assert "directory.json beside the function can know them: title" in shown(result)


def test_what_workmail_would_refuse_is_said_and_the_files_own_line_ends_are_kept_and_no_reason() -> None:
    bare = b"From: ana@example.com\n\n" + b"Hello\n" * 400
    result = tried("m.eml", bare, Disclaimer(text="D"))
    assert b"\r" not in result.after.raw
    assert [finding.place for finding in result.findings] == ["date"]
    assert "REFUSED: a required header is missing (date)" in shown(result)
    assert "LF and were kept" in shown(result)


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.stem)
@pytest.mark.parametrize("disclaimer", [after_reply(), after_reply(on_unmodifiable=OnUnmodifiable.WRAP, on_no_text=OnNoText.ADD_PART)])
def test_real_mail_is_told_within_100_columns_and_nothing_in_it_is_a_command(path: Path, disclaimer: Disclaimer) -> None:
    result = tried(path.name, path.read_bytes(), disclaimer)
    lines = list(report(result, Style()))
    assert max(map(columns, lines)) <= 100
    assert all(line.isprintable() for line in lines)
    leaves = [row for row in result.rows_after if not row.part.children and not row.part.embedded]
    # Each part was there before or is called added; each that is called kept has its octets.
    before = sum(not part.children and not part.embedded for part in result.before.structure.root.walk())
    wrapped = any(row.part.content_type == "message/rfc822" and row.mark is Mark.ADDED for row in result.rows_after)
    assert wrapped or before == sum(row.mark is not Mark.ADDED for row in leaves)
    for row in leaves:
        assert row.mark is not Mark.KEPT or result.after.raw[row.part.body : row.part.end] in result.before.raw
    page_of(result)


def test_the_lines_of_the_structure_are_bounded() -> None:
    raw = HEADER + b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + b"--b\r\n\r\nA\r\n" * 5000 + b"--b--\r\n"
    started = time.perf_counter()
    result = tried("m.eml", raw, GERMAN)
    assert "... and 4,941 more parts" in shown(result)
    assert len(page_of(result)) < 500_000
    assert time.perf_counter() - started < 5


# What is asked for


def test_a_disclaimer_is_a_file_of_either_kind_or_the_text_itself(tmp_path: Path) -> None:
    (tmp_path / "d.html").write_text("\ufeff<p>Köln</p>", "utf-8")
    (tmp_path / "d.txt").write_text("Köln", "utf-8")
    assert disclaimer_of(str(tmp_path / "d.html")).html == "<p>Köln</p>"
    assert disclaimer_of(str(tmp_path / "d.txt")).text == "Köln"
    assert disclaimer_of("Just text.").text == "Just text."
    assert disclaimer_of("x" * 5000).text == "x" * 5000
    both = disclaimer_of(str(tmp_path / "d.html"), str(tmp_path / "d.txt"), position="prepend", on_unmodifiable="wrap")
    assert (both.text, both.html, both.position, both.on_unmodifiable) == ("Köln", "<p>Köln</p>", "prepend", "wrap")


@pytest.mark.parametrize(
    "given, text, why",
    [
        ("banner.html", None, "there is no file banner.html"),
        ("banner.txt", None, "there is no file banner.txt"),
        ("  ", None, "empty"),
        ("A", "B", "--text goes with an HTML disclaimer"),
    ],
)
def test_what_cannot_be_meant_is_refused(given: str, text: str | None, why: str) -> None:
    with pytest.raises(PreviewError, match=why):
        disclaimer_of(given, text)


def test_files_that_cannot_be_read_are_refused(tmp_path: Path) -> None:
    (tmp_path / "latin.txt").write_bytes(b"K\xf6ln")
    (tmp_path / "d.html").write_text('<img src="cid:logo.png">')
    with pytest.raises(PreviewError, match="UTF-8"):
        disclaimer_of(str(tmp_path / "latin.txt"))
    with pytest.raises(PreviewError, match="not an HTML file"):
        disclaimer_of(str(tmp_path / "d.html"), str(tmp_path / "d.html"))
    with pytest.raises(PreviewError, match=r"cid:logo\.png"):
        disclaimer_of(str(tmp_path / "d.html"), images=tmp_path)
    with pytest.raises(PreviewError, match="no folder"):
        disclaimer_of("D", images=tmp_path / "none")


# The page


HOSTILE = (
    b'From: "</h1><script>x()</script>" <a@example.com>\r\nDate: Mon, 4 May 2026 08:00:00 +0000\r\nSubject: <img src=x onerror=y()>\r\n'
    b'X-"><script>: 1\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n'
    b"Content-Type: multipart/alternative; boundary=c\r\n\r\n"
    b"--c\r\nContent-Type: text/plain\r\n\r\n</pre><script>x()</script>\r\n"
    b'--c\r\nContent-Type: text/html\r\n\r\n<link rel=preconnect href=//example.net>"></iframe><script>x()</script><img src=http://example.net/i>'
    b'<img src="cid:own">\r\n--c--\r\n--b\r\nContent-Type: image/png"onload=x; name="<script>.png"\r\nContent-ID: <own>\r\n'
    b"Content-Transfer-Encoding: base64\r\n\r\nAAAA\r\n--b--\r\n"
)


OURS = set(
    "html head meta title style body header h1 p ul li nav a main details summary div section h3 iframe pre span table tr th td".split()
)


@pytest.mark.parametrize("raw", [HOSTILE, REPLY, SIGNED, *(sample.raw for sample in load() if sample.function == "disclaimer")])
def test_the_page_has_our_own_elements_only_and_refers_to_nothing(raw: bytes) -> None:
    page = page_of(tried('<script>"m".eml', raw, after_reply()))
    tags = Elements(page).tags
    assert {tag for tag, _ in tags} <= OURS
    for _, attributes in tags:
        assert not any(name.startswith("on") for name in attributes)
        assert "src" not in attributes
        assert (attributes.get("href") or "#").startswith("#")
    policies = [
        attributes["content"] for tag, attributes in tags if tag == "meta" and attributes.get("http-equiv") == "Content-Security-Policy"
    ]
    assert policies == ["default-src 'none'; img-src data: cid:; style-src 'unsafe-inline'"]


def frames(page: str) -> list[dict[str, str | None]]:
    return [attributes for tag, attributes in Elements(page).tags if tag == "iframe"]


def test_html_is_shown_in_a_sandbox_with_the_policy_before_anything_of_the_mail() -> None:
    before, after = frames(page_of(tried("m.eml", HOSTILE, after_reply())))
    for frame in (before, after):
        assert frame["sandbox"] == ""
        content = frame["srcdoc"] or ""
        assert content.startswith('<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; img-src data: cid:;')
        assert "<link" not in content
        assert "</iframe><script>x()</script>" in content
        assert 'src="data:image/png;base64,AAAA"' in content
    assert "mailhooks-disclaimer" in (after["srcdoc"] or "")
    assert "mailhooks-disclaimer" not in (before["srcdoc"] or "")


def test_an_image_shown_a_thousand_times_does_not_make_the_page_a_thousand_times_as_large() -> None:
    raw = (
        HEADER
        + b"Content-Type: multipart/related; boundary=b\r\n\r\n--b\r\nContent-Type: text/html\r\n\r\n"
        + b"<img src=cid:own>\r\n" * 5000
        + b"--b\r\nContent-Type: image/png\r\nContent-ID: <own>\r\n\r\n"
        + b"A" * 500_000
        + b"\r\n--b--\r\n"
    )
    assert len(page_of(tried("m.eml", raw, GERMAN))) < 10_000_000


def test_the_page_shows_what_was_done_and_why_not() -> None:
    page = unescape(page_of(tried("m.eml", REPLY, after_reply())))
    assert "above the quote, line 3" in page
    assert "X-Mailhooks-Disclaimer" in page
    assert "+X-Mailhooks-Disclaimer: " in page
    declined = page_of(tried("m.eml", SIGNED, GERMAN))
    assert "declined: it is signed" in declined


def test_both_sides_of_a_message_are_what_they_are() -> None:
    assert [place for place, _, _ in Side(Message(REPLY)).placed()] == ["", "1", "1.1", "1.2", "2", "3", "3.1"]


def test_the_text_of_a_wrapped_message_is_not_called_gone() -> None:
    page = page_of(tried("m.eml", SIGNED, Disclaimer(text="D", on_unmodifiable=OnUnmodifiable.WRAP)))
    text = page[page.index('id="text"') : page.index('id="structure"')]
    assert 'class="removed"' not in text
    assert '<span class="added">D</span>' in text
