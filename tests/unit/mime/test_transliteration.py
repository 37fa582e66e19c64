import pytest

from mailhooks.content.disclaimer import Disclaimer, OnUnknownCharset, add_disclaimer, explain
from mailhooks.mime.edits import splice
from mailhooks.mime.message import Message
from mailhooks.mime.text.body import Blocked
from mailhooks.mime.transliteration import transliterate


@pytest.mark.parametrize(
    "text, written",
    [
        ("Grüße aus Köln, ça va? 5 €", "Grusse aus Koln, ca va? 5 EUR"),
        ("\u201cQuote\u201d \u2018it\u2019s\u2019 \u2013 \u2014 \u2026 \u00ab x \u00bb", '"Quote" \'it\'s\' - -- ... " x "'),
        ("Ærø, Œuvre, Łódź, Þór, ðæ, đ, \u0131", "AEro, OEuvre, Lodz, THor, dae, d, i"),
        ("© 2026 Example® ™ § 5 № 7 ½", "(c) 2026 Example(R) (TM) Sec. 5 No 7 1/2"),
        ("e\u0301 \u00a0x\u200b\u202e ﬁ \uff21", "e  x fi A"),
        ("🔒 Confidential 👩\u200d💻", " Confidential"),
        ("Ⅻ ² Tel.\u2009☎ ⅓", "XII 2 Tel.  1/3"),
        ("naïve façade Ğ İ ő ű ț Å", "naive facade G I o u t A"),
        ("a\n\nb", "a\n\nb"),
        ("Жизнь", ""),
        ("機密", ""),
        ("Ωmega", ""),
        ("الرسالة", ""),
        ("🔒", ""),
        ("Été\n🔒", "Ete\n"),
    ],
)
def test_text_is_written_in_ascii_or_not_at_all(text: str, written: str):
    assert transliterate(text) == written


def test_lines_without_ascii_form_are_omitted_if_wanted():
    assert transliterate("Vertraulich für Sie.\n機密\nЖизнь\n\n5 €", omit_lines=True) == "Vertraulich fur Sie.\n\n5 EUR"
    assert transliterate("機密", omit_lines=True) == ""


HEAD = b"From: a@example.com\r\nMIME-Version: 1.0\r\nContent-Type: text/plain"
UNKNOWN = [
    HEAD + b"\r\n\r\ncaf\xc3\xa9 au lait\r\n",
    HEAD + b"\r\n\r\ncaf\xe9 au lait\r\n",
    HEAD + b"; charset=us-ascii\r\nContent-Transfer-Encoding: 8bit\r\n\r\ncaf\xc3\xa9\r\n",
    HEAD + b"; charset=us-ascii\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\ncaf=E9 x\r\n",
    HEAD + b"; charset=us-ascii\r\nContent-Transfer-Encoding: base64\r\n\r\nY2Fm6SBhdQ==\r\n",
    HEAD + b"; charset=x-company\r\n\r\nHello Bob\r\n",
    HEAD + b"; charset=unknown-8bit\r\nContent-Transfer-Encoding: 8bit\r\n\r\n\xc4\xe3\xba\xc3\r\n",
    HEAD + b"; charset=x-user-defined\r\n\r\ncaf\xe9 x\r\n",
    HEAD + b'; charset="x-mac-cyrillic"\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n=8F=F0=E8=E2=E5=F2, Bob\r\n',
    HEAD + b"; charset=iso-9999-1\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\nHello Bob\r\n",
]


@pytest.mark.parametrize("raw", UNKNOWN)
def test_plain_text_in_an_unknown_charset_gets_ascii(raw: bytes):
    base64 = b"base64" in raw
    for text, written in (("Private.", b"Private."), ("Grüße \u2013 5 €", b"Grusse - 5 EUR")):
        changed = add_disclaimer(raw, text=text, html="")
        assert explain(raw, text=text) == ""
        assert base64 or changed.endswith(b"\r\n\r\n" + written + b"\r\n")
        assert base64 or changed.replace(b"\r\n" + written + b"\r\n", b"").partition(b"\r\n\r\n")[2] == raw.partition(b"\r\n\r\n")[2]
        assert raw.count(b"charset=utf-8") == 0
    assert explain(raw, text="機密") == "the charset or encoding of its text is unknown or wrong"


def test_the_setting_decides_over_text_that_is_not_ascii():
    message = Message(UNKNOWN[0])
    for setting, text, written in (
        (OnUnknownCharset.TRANSLITERATE, "für Sie", b"fur Sie"),
        (OnUnknownCharset.OMIT_LINES, "für Sie\n機密", b"fur Sie"),
        (OnUnknownCharset.NONE, "fuer Sie", b"fuer Sie"),
    ):
        changed = splice(message.raw, Disclaimer(text, on_unknown_charset=setting).change(message).edits)
        assert changed.endswith(b"\r\n\r\n" + written + b"\r\n")
    for setting, text in (
        (OnUnknownCharset.TRANSLITERATE, "für Sie\n機密"),
        (OnUnknownCharset.OMIT_LINES, "機密"),
        (OnUnknownCharset.NONE, "für Sie"),
    ):
        with pytest.raises(Blocked):
            Disclaimer(text, on_unknown_charset=setting).change(message)


def test_html_in_an_unknown_charset_gets_character_references():
    raw = HEAD.replace(b"plain", b"html") + b"; charset=x-company\r\n\r\n<p>caf\xe9 au lait</p>\r\n"
    assert b"<p>&#26085;&#8364;</p>" in add_disclaimer(raw, text="x", html="<p>日€</p>")


def test_undeclared_japanese_gets_text_outside_of_its_shifts():
    raw = HEAD + b"\r\n\r\n" + "日本".encode("iso2022_jp").removesuffix(b"\x1b(B") + b"\r\n"
    assert add_disclaimer(raw, text="Private.", html="").endswith(b"\x1b(B\r\nPrivate.\r\n")
