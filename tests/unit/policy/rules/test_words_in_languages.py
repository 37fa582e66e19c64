"""One word in many languages, as subject, text and HTML, in five charsets and three transfer encodings."""

import base64
import quopri
import unicodedata
from collections.abc import Iterator
from html import escape

import pytest

from mailhooks.policy import Policy
from tests.support.languages import LANGUAGES, Sample
from tests.support.policies import evaluate, mail, make_policy
from tests.support.tables import check_rows
from workmail_local.mail.event_builder import HeaderSummary

HEAD = b"From: Nora <nora@example.net>\r\nTo: ana@example.com\r\nDate: Tue, 24 Nov 2026 10:00:00 +0100\r\nMIME-Version: 1.0\r\n"
ENCODINGS = ("8bit", "quoted-printable", "base64")


def encode(text: str, charset: str) -> bytes:
    """Return the octets of a text as a mailer writes them. Windows-1258 has Vietnamese letters with their tone behind them."""
    if charset != "windows-1258":
        return text.encode({"hz-gb-2312": "hz", "ks_c_5601-1987": "cp949", "windows-874": "cp874"}.get(charset, charset))
    octets = b""
    for char in text:
        decomposed = unicodedata.normalize("NFD", char)
        tone = next((mark for mark in decomposed if mark in "\u0300\u0301\u0303\u0309\u0323"), "")
        octets += (unicodedata.normalize("NFC", decomposed.replace(tone, "", 1)) + tone if tone else char).encode("cp1258")
    return octets


def subject_field(text: str, charset: str, encoding: str) -> bytes:
    """Return a Subject with raw octets, or in encoded words by Q or B, each of some letters (RFC 2047)."""
    if encoding == "8bit":
        return b"Subject: " + encode(text, charset) + b"\r\n"
    words = []
    for first in range(0, len(text), 8):
        octets = encode(text[first : first + 8], charset)
        if encoding == "base64":
            words.append(f"=?{charset}?B?{base64.b64encode(octets).decode()}?=")
        else:
            words.append(f"=?{charset}?Q?{''.join(f'={octet:02X}' for octet in octets)}?=")
    return ("Subject: " + "\r\n ".join(words) + "\r\n").encode("ascii")


def text_part(text: str, charset: str, encoding: str, subtype: str) -> bytes:
    """Return a message with one text part, plain or HTML."""
    if subtype == "html":
        text = f"<html><body><p>{escape(text)}</p></body></html>"
    octets = encode(text + "\r\n", charset)
    octets = {"8bit": bytes, "quoted-printable": quopri.encodestring, "base64": base64.encodebytes}[encoding](octets)
    fields = f"Subject: Hello\r\nContent-Type: text/{subtype}; charset={charset}\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n"
    return HEAD + fields.encode("ascii") + octets


def messages(sample: Sample, word: str) -> Iterator[tuple[str, bytes]]:
    """Yield a sentence with the word in every way, each with a name. UTF-16 and UTF-32 are never without an encoding (RFC 2781)."""
    text = sample.sentence.format(word)
    for charset in sample.five_charsets():
        for encoding in ENCODINGS:
            wide = charset.startswith(("utf-16", "utf-32"))
            if encoding == "8bit" and wide:
                continue
            for subtype in ("plain", "html"):
                yield f"{subtype} {charset} {encoding}", text_part(text, charset, encoding, subtype)
            # A raw subject has no charset: mailers that send one today send UTF-8.
            if encoding != "8bit" or charset == "utf-8":
                yield f"subject {charset} {encoding}", subject_field(text, charset, encoding) + HEAD + b"\r\nHello\r\n"


def is_found(policy: Policy, raw: bytes) -> bool:
    return bool(evaluate(policy, mail(raw, subject=HeaderSummary.of(raw).subject[:256])).verdicts)


def policy_for(word: str) -> Policy:
    return make_policy({"when": {"subject_or_body": {"words": word}}, "do": "drop"})


def longer_words(word: str) -> tuple[str, ...]:
    """Return words that the word is only a part of."""
    return word + word[:2], word[:1] + word, word[:1] + word + word[:1]


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_word_is_found_in_a_sentence_and_not_in_a_longer_word(language):
    sample = LANGUAGES[language]
    policy = policy_for(sample.word)

    def check(name: str, raw: bytes, expected: bool) -> None:
        assert is_found(policy, raw) == expected

    rows = [(name, raw, True) for name, raw in messages(sample, sample.word)]
    if sample.spaced:
        for longer in longer_words(sample.word):
            rows += [(f"{longer} {name}", raw, False) for name, raw in messages(sample, longer)]
    check_rows(rows, check)


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_word_is_found_in_any_case_and_composition(language):
    sample = LANGUAGES[language]
    policy = policy_for(sample.word)

    def check(name: str, text: str) -> None:
        assert is_found(policy, text_part(sample.sentence.format(text), "utf-8", "8bit", "plain"))

    forms = {form: unicodedata.normalize(form, sample.word) for form in ("NFC", "NFD", "NFKC", "NFKD")}
    check_rows([*forms.items(), ("upper", sample.word.upper()), ("lower", sample.word.lower()), ("title", sample.word.title())], check)


def test_there_are_thirty_languages_in_five_charsets_each():
    assert len(LANGUAGES) >= 30
    assert {len(sample.five_charsets()) for sample in LANGUAGES.values()} == {5}
    assert sum(1 for sample in LANGUAGES.values() if not sample.spaced) >= 7
