"""Recognition of the disclaimer, also of a colleague, in the quotes of different mail programs."""

import re
import textwrap
import time
import unicodedata
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailhooks.content.disclaimer import Disclaimer
from mailhooks.content.template import Template, keep_alphanumeric
from mailhooks.mime.edits import splice
from mailhooks.mime.html_text import convert_to_plain_text
from mailhooks.mime.message import Message
from tests.unit.content.test_disclaimer import message, shown

ANA = {"fromname": "Ana Silva", "title": "Engineer", "phone": "+49 221 1", "fromaddress": "ana@example.com"}
BEN = {"fromname": "Benedikt Müller-Lüdenscheidt", "title": "", "phone": "", "fromaddress": "ben@example.com"}

HTML = """<p>Mit freundlichen Grüßen<br>
<b>%%FromName%%</b><br>
%%Title%%<br>
Telefon: %%Phone%%<br>
<img src="cid:logo.png" alt="Beispiel GmbH"><br>
Beispiel GmbH, Domstraße 1, 50667 Köln, Geschäftsführerin: Ärmgard Öztürk<br>
<a href="https://www.example.com/recht">Rechtliche Hinweise</a></p>
<p>Diese Nachricht ist vertraulich. Sie sind nicht gemeint, %%FromName%% schon? Dann löschen Sie sie bitte.<br>https://beispiel.example</p>"""
TEXT = convert_to_plain_text(HTML)

ONCE = Disclaimer(html=HTML, once_per_thread=True)


def is_left_alone(disclaimer: Disclaimer, text: str | None, values: dict[str, str], html: str | None = None) -> bool:
    return disclaimer.change(Message(message(text, html)), values).edits == []


def outlook(text: str) -> str:
    """Quote without marks: addresses after links without a space, images in brackets, links replaced by those of a checking server."""
    text = re.sub(
        r" <(https://[^>]*)>", r"<https://eur01.safelinks.example.net/?url=https%3A%2F%2Fwww.example.com%2Frecht&data=05|0123>", text
    )
    return "-----Original Message-----\nFrom: x\nSubject: y\n\n" + text.replace("Beispiel GmbH\n", "[cid:image001.png@01DA0000]\n", 1)


def gmail(text: str) -> str:
    text = text.replace("Beispiel GmbH\n", "[image: Beispiel GmbH]\n", 1)
    return "On Mon, 4 May 2026 at 08:00, X <x@example.com> wrote:\n\n" + "\n".join(f"> {line}" for line in textwrap.wrap(text, 70))


def thunderbird(text: str) -> str:
    return "Am 04.05.26 um 08:00 schrieb X:\n" + "\n".join(f">> {line}" for line in text.split("\n"))


def apple_mail(text: str) -> str:
    return "> Am 04.05.2026 um 08:00 schrieb X:\n> \n" + unicodedata.normalize("NFD", "".join(f"> {line}\n" for line in text.split("\n")))


def web_mail(text: str) -> str:
    """Quote without the addresses of links, in a column, in capitals."""
    return "\n".join(f"| {line.upper()}" for line in textwrap.wrap(re.sub(r" <https:[^>]*>", "", text), 30))


CLIENTS = [outlook, gmail, thunderbird, apple_mail, web_mail]


@pytest.mark.parametrize("quote", CLIENTS)
@pytest.mark.parametrize("theirs, own", [(ANA, BEN), (BEN, ANA), (ANA, ANA)])
def test_the_disclaimer_of_a_colleague_is_recognized_in_any_quote(quote: Callable[[str], str], theirs: dict[str, str], own: dict[str, str]):
    said = shown(splice(message("Hello\n"), ONCE.change(Message(message("Hello\n")), theirs).edits))
    assert is_left_alone(ONCE, "Danke!\n\n" + quote(said), own)
    assert not is_left_alone(ONCE, "Danke!\n\n" + quote("Hello\n"), own)


def test_html_without_classes_is_recognized_by_its_words():
    rendered = Template(HTML, is_html=True).render(ANA)
    assert is_left_alone(ONCE, None, BEN, f"<p>Danke</p><blockquote>{rendered}</blockquote>\n")
    assert not is_left_alone(ONCE, None, BEN, "<p>Danke</p>\n")


def test_a_plain_text_reply_to_html_is_recognized():
    both = Disclaimer(text="Kurz und bündig.", html=HTML, once_per_thread=True)
    assert is_left_alone(both, thunderbird(Template(TEXT).render(ANA)), BEN)


@pytest.mark.parametrize(
    "other",
    [
        "Mit freundlichen Grüßen\nAna Silva",
        "Mit freundlichen Grüßen\nAna Silva\nTelefon: +49 221 1\n\nDiese Nachricht ist vertraulich.",
        TEXT.replace("Domstraße 1", "Domstraße 2").replace("%%FromName%%", "Ana Silva"),
        TEXT.replace("beispiel.example", "anders.example").replace("%%FromName%%", "Ana Silva"),
        "Beispiel GmbH, Domstraße 1, 50667 Köln, Geschäftsführerin: Ärmgard Öztürk",
    ],
)
def test_another_disclaimer_with_the_same_phrase_is_not_recognized(other: str):
    assert not is_left_alone(ONCE, thunderbird(other), ANA)


@pytest.mark.parametrize(
    "template",
    [
        "Kind regards\n%%FromName%%",
        "Mit freundlichen Grüßen\n%%FromName%%\n%%Title%%",
        "Mit freundlichen Grüßen\n\n%%FromName%%\nTel.: %%Phone%%\nMail: %%FromAddress%%",
        "Mit freundlichen Grüßen aus Köln, %%FromName%%",
    ],
)
def test_with_few_constant_letters_the_senders_own_text_counts(template: str):
    once = Disclaimer(text=template, once_per_thread=True)
    assert not is_left_alone(once, thunderbird(Template(template).render(ANA)), BEN)
    assert not is_left_alone(once, thunderbird("Mit freundlichen Grüßen\nTel.: 1\nMail: x@example.net\n"), BEN)
    assert is_left_alone(once, thunderbird(Template(template).render(BEN)), BEN)


def test_a_line_with_variables_counts_if_there_is_no_other():
    template = "%%FromName%% schreibt im Namen der Beispiel GmbH, Domstraße 1, 50667 Köln, HRB %%Number%%"
    once = Disclaimer(text=template, once_per_thread=True)
    assert is_left_alone(once, gmail(Template(template).render(ANA)), BEN)
    assert not is_left_alone(once, gmail("Ana schreibt im Namen der Firma"), BEN)


def test_constant_parts_must_be_in_order_and_close_together():
    once = Disclaimer(text="This message is for its addressee.\n%%FromName%%\nExample Ltd, Cologne", once_per_thread=True)
    first, second = "This message is for its addressee.", "Example Ltd, Cologne"
    assert is_left_alone(once, f"{first}\nBen\n{second}\n", ANA)
    assert is_left_alone(once, f"{first}\nOther Ltd\n{'word ' * 300}\n{first}\n{second}\n", ANA)
    assert not is_left_alone(once, f"{second}\nBen\n{first}\n", ANA)
    assert not is_left_alone(once, f"{first}\n{'word ' * 300}\n{second}\n", ANA)


def test_a_text_without_variables_is_compared_as_a_whole():
    boilerplate = (
        "This e-mail may contain confidential information. If you are not the intended recipient, please notify the sender and delete it."
    )
    once = Disclaimer(text=f"{boilerplate}\nExample Ltd, Cologne", once_per_thread=True)
    assert is_left_alone(once, gmail(once.text), {})
    assert not is_left_alone(once, gmail(f"{boilerplate}\nOther Ltd, Bonn"), {})


def test_recognition_takes_linear_time():
    once = Template("ab" * 20 + "\n%%X%%\na\n%%X%%\nb\n%%X%%\n" + "ba" * 30)
    for said in ("ab" * 500_000, "ba" * 500_000, ("ab" * 20 + "c" * 300) * 3000, "\u0300\u0316" * 500_000):
        started = time.perf_counter()
        once.occurs_in(keep_alphanumeric(said), {})
        assert time.perf_counter() - started < 10


_LINES = st.lists(
    st.lists(st.sampled_from(["%%A%%", "%%B%%", "Grüße", "Beispiel GmbH, Köln", "https://example.com/x", "1", " ", "-"]), max_size=4).map(
        " ".join
    ),
    max_size=8,
).map("\n".join)
_VALUE = st.sampled_from(["", "Ana", "Köln", "1", "x" * 100])


@pytest.mark.fuzz
@given(_LINES, _VALUE, _VALUE, st.text(max_size=30), st.text(max_size=30))
def test_any_template_with_enough_constant_text_is_recognized(source: str, a: str, b: str, before: str, after: str):
    template = Template(source)
    said = keep_alphanumeric(f"{before}\n{template.render({'a': a, 'b': b})}\n{after}")
    constant = max((len(keep_alphanumeric(line)) for line in source.split("\n") if "%%" not in line and "://" not in line), default=0)
    assert template.occurs_in(said, {}) or constant < 40
    assert not template.occurs_in(keep_alphanumeric(before + after), {})
