import pytest

from mailhooks.mime.message import Message
from mailhooks.mime.text.body import Blocked, Obstacle, find_displayed

ARMOUR = "-----BEGIN PGP MESSAGE-----"
SIGNED = "-----BEGIN PGP SIGNED MESSAGE-----"
REST = "\n\nhQEMA5vJ\n-----END PGP MESSAGE-----\n"


def obstacle(kind: str, body: str) -> Obstacle | None:
    raw = f"Content-Type: text/{kind}; charset=utf-8\n\n{body}".replace("\n", "\r\n").encode()
    try:
        find_displayed(Message(raw))
    except Blocked as blocked:
        return blocked.obstacle
    return None


@pytest.mark.parametrize("text", [ARMOUR, SIGNED, f"Hello\n\n{ARMOUR}", f"{ARMOUR} \t"])
def test_a_line_of_text_begins_a_pgp_message(text: str):
    assert obstacle("plain", text + REST) is Obstacle.INLINE_PGP


@pytest.mark.parametrize("text", [f"> {ARMOUR}", f"Paste all from {ARMOUR} on", "-----BEGIN PGP PUBLIC KEY BLOCK-----", f"- {SIGNED}"])
def test_quoted_text_begins_no_pgp_message(text: str):
    assert obstacle("plain", text + REST) is None


@pytest.mark.parametrize(
    "html",
    [
        f"<pre>{ARMOUR}{REST}</pre>",
        f"<html><head><title>x</title></head><body>{ARMOUR}<br>",
        f"<p>Hello<br>{SIGNED}<br>Hash: SHA256<br>",
        f"<p>Hello</p><p>&nbsp;{SIGNED}</p>",
        f"<div>Hello</div><div>\u200b{ARMOUR}</div>",
        f"<table><tr><td>{ARMOUR}<br>hQEMA5vJ</td></tr></table>",
        f"<p>Hello<pre>\nx\n{SIGNED}\n</pre>",
        "<p>-----BEGIN&nbsp;PGP\nMESSAGE-----<br>",
        "<p><span>-----BEGIN</span> <b>PGP</b> MESSAGE-----<br>",
        f"<div style='white-space: pre-wrap'>Hello\n{ARMOUR}{REST}</div>",
        f"<blockquote>{ARMOUR}<br></blockquote>",
        f"<blockquote type=cite>{ARMOUR}<br></blockquote><p>{SIGNED}",
        # after the lines that are read
        "<b>x</b>" * 100_000 + f"\n{ARMOUR}{REST}",
    ],
)
def test_a_displayed_line_of_html_begins_a_pgp_message(html: str):
    assert obstacle("html", html) is Obstacle.INLINE_PGP


@pytest.mark.parametrize(
    "html",
    [
        f"<p>Yes</p><blockquote type=cite><pre>{ARMOUR}{REST}</pre></blockquote>",
        f"<p>Yes</p><blockquote type=cite><pre>\n{ARMOUR}{REST}</pre></blockquote>",
        f"<p>Yes</p><div class=yahoo_quoted><p>{SIGNED}</p></div>",
        f"<p>Yes<br>&gt; {ARMOUR}<br>&gt; hQEMA5vJ",
        f"<pre>Yes\n&gt; {SIGNED}\n&gt; x</pre>",
        f"<p>Paste all from {ARMOUR} on",
        f"<!-- {ARMOUR} --><p title='{ARMOUR}'>Hello",
        "<p>-----BEGIN PGP PUBLIC KEY BLOCK-----<br>",
    ],
)
def test_quoted_html_begins_no_pgp_message(html: str):
    assert obstacle("html", html) is None


def test_html_lines_are_read_only_if_the_words_occur(monkeypatch: pytest.MonkeyPatch):
    looked: list[int] = []
    monkeypatch.setattr("mailhooks.mime.text.body.read_lines", lambda html, decode: looked.append(len(html)) or [])
    assert obstacle("html", "<p>BEGIN your day with privacy") is None
    assert not looked
    assert obstacle("html", f"<p>{ARMOUR}") is None
    assert looked
