"""The place of a disclaimer, and the messages that are not changed. tests/fidelity checks the same with another parser."""

import hashlib
from email import message_from_bytes, policy
from email.message import EmailMessage

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailhooks.content.change import OnUnmodifiable
from mailhooks.content.disclaimer import STAMP, Disclaimer, OnNoText, Position, add_disclaimer, explain
from mailhooks.mime.edits import Edit, splice
from mailhooks.mime.message import Message, scan
from mailhooks.mime.text.body import Blocked, find_displayed, find_pieces
from tests.support.mail import CORPUS

TEXT, HTML = "Grüße vom Amt", "<p>Grüße vom Amt</p>"
REAL = [path.read_bytes() for path in CORPUS]


def message(text: str | None = "Hello\n", html: str | None = None, reply: bool = False) -> bytes:
    mail = EmailMessage(policy=policy.SMTP)
    mail["From"], mail["To"], mail["Date"], mail["Subject"] = "a@example.com", "b@example.net", "Mon, 4 May 2026 08:00:00 +0000", "Hi"
    if text is not None:
        mail.set_content(text)
    if html is not None:
        (mail.add_alternative if text is not None else mail.set_content)(html, subtype="html")
    return mail.as_bytes()


def shown(raw: bytes, subtype: str = "plain") -> str:
    body = message_from_bytes(raw, policy=policy.default).get_body((subtype,))
    assert body is not None
    return body.get_content().replace("\r\n", "\n")


def test_both_forms_of_an_alternative_get_the_disclaimer():
    changed = add_disclaimer(message("Hello\n", "<html><body>Hello</body></html>\n"), text=TEXT, html=HTML)
    assert shown(changed) == f"Hello\n\n{TEXT}\n"
    assert "<p>Grüße vom Amt</p></div>\n</body>" in shown(changed, "html").replace("&#252;", "ü").replace("&#223;", "ß")


def test_plain_text_is_derived_from_html_and_html_from_plain_text():
    assert shown(add_disclaimer(message(), text="", html="<p>A <b>b</b></p><p>c&amp;d</p>")) == "Hello\n\nA b\nc&d\n"
    assert "a &lt; b<br>\nc" in shown(add_disclaimer(message(None, "<p>x</p>\n"), text="a < b\nc", html=""), "html")


def test_a_prepended_disclaimer_is_before_the_text():
    changed = add_disclaimer(message("Hello\n", "<body class=x><p>Hello</p></body>\n"), text=TEXT, html=HTML, position="prepend")
    assert shown(changed) == f"{TEXT}\n\nHello\n"
    assert shown(changed, "html").startswith('<body class=x>\n<div class="mailhooks-disclaimer')


def test_the_disclaimer_is_between_reply_and_quote():
    text = "Yes.\n\nOn Mon, 4 May 2026 at 08:00, Ana <a@example.com> wrote:\n> Really?\n"
    html = '<p>Yes.</p><div class="gmail_quote">On Mon ... wrote:<blockquote>Really?</blockquote></div>\n'
    changed = add_disclaimer(message(text, html), text="SAID", html="SAID", position="after-reply")
    assert shown(changed).index("Yes.") < shown(changed).index("SAID") < shown(changed).index("On Mon")
    assert shown(changed, "html").index("Yes.") < shown(changed, "html").index("SAID") < shown(changed, "html").index("gmail_quote")


def test_without_a_quote_the_disclaimer_is_at_the_end():
    assert add_disclaimer(message(), text=TEXT, html=HTML, position="after-reply").endswith(b"vom Amt\r\n")


def test_the_disclaimer_replaces_a_token_for_any_position():
    raw = message("Hello\n\n_DISCLAIMER_\n\nBye\n", "<p>Hello</p><p>_DISCLAIMER_</p><p>Bye</p>\n")
    changed = add_disclaimer(raw, text="SAID", html="SAID", position="prepend")
    assert shown(changed) == "Hello\n\nSAID\n\nBye\n"
    assert "_DISCLAIMER_" not in shown(changed, "html")


def test_an_empty_text_gets_no_blank_lines():
    assert shown(add_disclaimer(message("\n"), text="SAID", html="")).strip("\n") == "SAID"
    parts = b"--b\r\nContent-Type: text/plain\r\n\r\n--b\r\nContent-Type: a/b\r\n\r\nx\r\n--b--\r\n"
    raw = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + parts
    changed = add_disclaimer(raw, text="SAID", html="")
    assert [raw_part.content_type for raw_part in scan(changed).root.walk()] == ["multipart/mixed", "text/plain", "a/b"]
    assert b"\r\n\r\nSAID\r\n--b\r\n" in changed


@pytest.mark.parametrize("disposition", ["", "Content-Disposition: inline\r\n"])
def test_forms_of_the_text_with_a_file_name_get_the_disclaimer(disposition: str):
    parts = [f"--b\r\nContent-Type: text/{kind}; name=a.{kind}\r\n{disposition}\r\n<p>x</p>\r\n" for kind in ("plain", "html")]
    raw = f"From: a@example.com\r\nContent-Type: multipart/alternative; boundary=b\r\n\r\n{''.join(parts)}--b--\r\n".encode()
    assert add_disclaimer(raw, text="SAID", html="SAID").count(b"SAID") == 2


def test_a_second_disclaimer_is_added():
    first = add_disclaimer(message(), text="one", html="")
    both = add_disclaimer(first, text="two", html="")
    assert shown(both) == "Hello\n\none\n\ntwo\n"
    assert both.count(STAMP.encode()) == 2


@pytest.mark.parametrize(
    "kind, reason",
    [
        ('multipart/signed; boundary="b"; protocol="application/pkcs7-signature"', "signed"),
        ('multipart/encrypted; boundary="b"', "encrypted"),
        ('multipart/report; boundary="b"', "report"),
        ("application/pkcs7-mime; smime-type=signed-data", "S/MIME"),
        ("application/x-microsoft-rpmsg-message", "rights-managed"),
        ("text/calendar; method=REQUEST", "no displayed text"),
        ("multipart/mixed", "broken"),
        ("text/plain; charset=utf-16", "charset"),
    ],
)
def test_an_unchangeable_message_is_returned_itself_with_a_reason(kind: str, reason: str):
    raw = f"From: a@example.com\r\nContent-Type: {kind}\r\n\r\n--b\r\n\r\ntext\r\n--b--\r\n".encode()
    assert add_disclaimer(raw, text=TEXT, html=HTML) is raw
    assert reason in explain(raw)


def test_inline_pgp_is_not_changed():
    raw = message("-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\nHello\n-----BEGIN PGP SIGNATURE-----\n")
    assert add_disclaimer(raw, text=TEXT, html=HTML) is raw


def test_forwarded_messages_and_attached_texts_are_not_changed():
    inner = message("forwarded text\n")
    mail = EmailMessage(policy=policy.SMTP)
    mail["From"] = "a@example.com"
    mail.set_content("own text\n")
    mail.add_attachment(message_from_bytes(inner, policy=policy.SMTP))
    mail.add_attachment("log\n", filename="log.txt")
    raw = mail.as_bytes()
    changed = add_disclaimer(raw, text="SAID", html="")
    assert changed.count(b"SAID") == 1
    assert changed[changed.index(b"forwarded") :] == raw[raw.index(b"forwarded") :]


def test_a_message_without_text_gets_a_part_if_set():
    content = b"Content-Type: application/pdf; name=x.pdf\r\nContent-Transfer-Encoding: base64\r\n\r\nAAAA\r\n"
    raw = b"From: a@example.com\r\nMIME-Version: 1.0\r\n" + content
    with pytest.raises(Blocked):
        Disclaimer(text=TEXT).change(Message(raw))
    change = Disclaimer(text=TEXT, on_no_text=OnNoText.ADD_PART).change(Message(raw))
    parsed = message_from_bytes(splice(raw, change.edits), policy=policy.default)
    assert TEXT in parsed.get_body(("plain",)).get_content()
    [attachment] = [part for part in parsed.walk() if part.get_content_type() == "application/pdf"]
    assert (attachment.get_filename(), attachment.get_content()) == ("x.pdf", b"\0\0\0")
    assert len(list(scan(splice(raw, change.edits)).root.walk())) == 1 + change.added_parts


def test_a_report_is_never_wrapped():
    raw = b'Content-Type: multipart/report; boundary="b"\r\n\r\n--b\r\n\r\nx\r\n--b--\r\n'
    with pytest.raises(Blocked):
        Disclaimer(text=TEXT, on_unmodifiable=OnUnmodifiable.WRAP).change(Message(raw))


def test_a_line_of_the_disclaimer_is_never_a_delimiter():
    part = b"-------------\r\nContent-Type: text/plain\r\n\r\nhi\r\n-------------\r\nContent-Type: a/b\r\n\r\nx\r\n"
    raw = b'From: a@example.com\r\nContent-Type: multipart/mixed; boundary="-----------"\r\n\r\n' + part + b"---------------\r\n"
    changed = add_disclaimer(raw, text="-------------\nConfidential\n---------------", html="")
    assert [part.content_type for part in scan(changed).root.walk()] == ["multipart/mixed", "text/plain", "a/b"]
    assert "-------------\nConfidential\n---------------" in shown(changed)


@pytest.mark.parametrize("kind", ["plain", "html"])
def test_a_token_in_a_long_line_makes_no_line_too_long(kind: str):
    raw = f"Content-Type: text/{kind}; charset=utf-8\r\n\r\n{'x' * 980}_DISCLAIMER_\r\n".encode()
    changed = add_disclaimer(raw, text="A" * 60, html="A" * 60)
    assert max(map(len, changed.split(b"\r\n"))) <= 998
    assert f"x{'A' * 60}" in shown(changed, kind).replace("\n", "") or kind == "html"


def test_a_token_in_a_quote_is_ignored():
    text = "Yes.\n\nOn Mon, 4 May 2026 at 08:00, Ana <a@example.com> wrote:\n> put _DISCLAIMER_ there\n"
    changed = shown(add_disclaimer(message(text), text="SAID", html=""))
    assert "> put _DISCLAIMER_ there\n" in changed
    assert changed.endswith("\nSAID\n")


def test_thousands_of_parameters_are_not_read():
    field = b"Content-Type: a/b; name=x" + b";" * 8000
    raw = b"Content-Type: multipart/mixed; boundary=BB\r\n\r\n" + (b"--BB\r\n" + field + b"\r\n\r\nx\r\n") * 3 + b"--BB--\r\n"
    assert "broken" in explain(raw)
    assert all(part.params == {} for part in scan(raw).root.children)


def digests(raw: bytes) -> list[str]:
    """Return digests of the parts that are not displayed text."""
    message = Message(raw)
    shown = find_displayed(message)
    texts = {id(text.part) for first in shown for text in find_pieces(message, first)}
    leaves = (part for part in message.structure.root.walk() if not part.children)
    own = {(part.start, part.end) for part in message.structure.root.walk() if id(part) in texts}
    return [hashlib.sha256(raw[leaf.start : leaf.end]).hexdigest() for leaf in leaves if (leaf.start, leaf.end) not in own]


def undone(raw: bytes, edits: list[Edit]) -> list[Edit]:
    """Return the edits that undo `edits`, in offsets of their result."""
    back, shift = [], 0
    for start, end, new in sorted(edits, key=lambda edit: edit[:2]):
        back.append(Edit(start + shift, start + shift + len(new), raw[start:end]))
        shift += len(new) - (end - start)
    return back


@st.composite
def mutated_mail(draw: st.DrawFn) -> bytes:
    """Generate real mail with repeated, moved, cut or overwritten lines."""
    lines = draw(st.sampled_from(REAL)).splitlines(keepends=True)
    for _ in range(draw(st.integers(0, 4))):
        at = draw(st.integers(0, len(lines)))
        match draw(st.sampled_from(["double", "drop", "move", "overwrite", "insert"])):
            case "double":
                lines[at:at] = lines[at : at + draw(st.integers(1, 5))]
            case "drop":
                del lines[at : at + draw(st.integers(1, 3))]
            case "move":
                taken = lines[at : at + 3]
                del lines[at : at + 3]
                lines[draw(st.integers(0, len(lines))) :][:0] = taken
            case "overwrite" if lines[at:]:
                lines[at] = lines[at][: draw(st.integers(0, 40))] + draw(st.binary(max_size=10)) + lines[at][-2:]
            case _:
                lines.insert(
                    at, draw(st.sampled_from([b"\r\n", b"--\r\n", b"Content-Type: text/html\r\n", b"=\r\n", b"<!--\r\n", b"> \r\n"]))
                )
    return b"".join(lines)


@pytest.mark.fuzz
@given(
    st.one_of(mutated_mail(), st.binary(max_size=200)),
    st.sampled_from([(TEXT, HTML), ("plain", ""), ("", "<p>日本</p>"), ("x" * 1200, "<p>y</p>")]),
    st.sampled_from(list(Position)),
    st.booleans(),
)
def test_only_the_text_is_changed_and_only_once(raw: bytes, words: tuple[str, str], position: Position, around: bool):
    disclaimer = Disclaimer(
        *words,
        position,
        on_unmodifiable=OnUnmodifiable.WRAP if around else OnUnmodifiable.PASS,
        on_no_text=OnNoText.ADD_PART if around else OnNoText.PASS,
    )
    try:
        change = disclaimer.change(Message(raw))
    except Blocked:
        return
    changed = splice(raw, change.edits)
    assert disclaimer.change(Message(changed)).edits == []
    assert splice(changed, undone(raw, change.edits)) == raw
    longest = max(map(len, raw.split(b"\n")))
    assert all(len(line) <= max(longest, 999) for line in changed.split(b"\n"))
    if change.edits and not around:
        assert digests(changed) == digests(raw)
