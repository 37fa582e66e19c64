"""Signatures stay valid: S/MIME by openssl, PGP by gpg, DKIM by dkimpy, on messages and keys made here."""

import importlib.util
import re
import shutil
from collections.abc import Iterator
from contextlib import suppress
from email import message_from_bytes

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from mailhooks.content.attachment_rules import AttachmentRules
from mailhooks.content.attachments import strip
from mailhooks.content.change import OnUnmodifiable
from mailhooks.content.disclaimer import Disclaimer, Position, add_disclaimer
from mailhooks.errors import CannotChangeSafely
from mailhooks.mime.edits import splice
from mailhooks.mime.message import Message
from tests.support import sealed as makers
from tests.support.hooks import apply_policy
from tests.support.policies import make_policy
from tests.support.sealed import HEAD, Sealed, parts

TEXT, HTML = "Strictly private.", "<p>Strictly private.</p>"
HEADERS = {"headers": {"add": {"X-Checked": "ja, gewiß"}, "remove": "X-Mailer"}}
REWRITE = make_policy({"do": [HEADERS, {"subject_tag": "[EXTERNAL]"}]})
MODES = [position.value for position in Position]


@pytest.fixture(scope="module")
def smime() -> Iterator[dict[str, Sealed]]:
    if not shutil.which("openssl"):
        pytest.skip("openssl is not installed")
    with makers.smime() as made:
        yield made


@pytest.fixture(scope="module")
def pgp() -> Iterator[dict[str, Sealed]]:
    if not shutil.which("gpg"):
        pytest.skip("gpg is not installed")
    with makers.pgp() as made:
        yield made


SEALED = [
    ("smime", "S/MIME, clear-signed"),
    ("smime", "S/MIME, clear-signed, with bare LF"),
    ("smime", "S/MIME, signed and opaque"),
    ("smime", "S/MIME, encrypted"),
    ("pgp", "PGP/MIME, signed"),
    ("pgp", "PGP/MIME, encrypted"),
    ("pgp", "PGP, inline"),
]


@pytest.fixture(params=SEALED, ids=[name for _, name in SEALED])
def sealed(request: pytest.FixtureRequest) -> Sealed:
    fixture, name = request.param
    of_kind: dict[str, Sealed] = request.getfixturevalue(fixture)
    return of_kind[name]


def test_the_verifier_detects_one_changed_letter(sealed: Sealed):
    assert sealed.is_valid(sealed.raw)
    damaged = sealed.damage(sealed.raw)
    assert damaged != sealed.raw
    assert not sealed.is_valid(damaged)


@pytest.mark.parametrize("position", MODES)
def test_signed_and_encrypted_mail_gets_no_disclaimer(sealed: Sealed, position: str):
    assert add_disclaimer(sealed.raw, text=TEXT, html=HTML, position=position) is sealed.raw


def test_a_signature_is_valid_after_a_rewrite_of_the_header(sealed: Sealed):
    changed = apply_policy(REWRITE, sealed.raw)
    assert b"Subject: [EXTERNAL] Signed mail" in changed
    assert b"X-Mailer" not in changed
    assert sealed.is_valid(changed)
    assert apply_policy(REWRITE, changed) == changed


def test_a_signature_is_valid_with_all_attachments_to_remove(sealed: Sealed):
    everything = AttachmentRules.checked(types=["application/*"], max_octets=1)
    with suppress(CannotChangeSafely):
        assert sealed.is_valid(strip(sealed.raw, everything))


@pytest.mark.parametrize("position", MODES)
def test_wrapped_mail_keeps_its_octets_and_its_signature(sealed: Sealed, position: str):
    disclaimer = Disclaimer(TEXT, HTML, Position(position), on_unmodifiable=OnUnmodifiable.WRAP)
    wrapped = splice(sealed.raw, disclaimer.change(Message(sealed.raw)).edits)
    message = message_from_bytes(wrapped)
    cover, enclosed = message.get_payload()
    assert enclosed.get_content_type() == "message/rfc822"
    assert {leaf.get_content_type(): TEXT.encode() in leaf.get_payload(decode=True) for leaf in cover.get_payload()} == {
        "text/plain": True,
        "text/html": True,
    }
    header, _, inner = re.split(rb"(\r?\n){2}", parts(wrapped)[1], maxsplit=1)
    assert b"message/rfc822" in header
    assert inner == sealed.raw
    assert sealed.is_valid(inner)
    assert [message[name] for name in ("From", "To", "Subject", "Date", "Message-ID")] == [
        message_from_bytes(sealed.raw)[name] for name in ("From", "To", "Subject", "Date", "Message-ID")
    ]
    assert disclaimer.change(Message(wrapped)).edits == []
    assert sealed.is_valid(parts(apply_policy(REWRITE, wrapped))[1].partition(header)[2].lstrip(b"\r\n"))


PLAIN = HEAD + b"Content-Type: text/plain; charset=utf-8\r\n\r\nHello Bob,  \r\n\r\nkind regards\r\n\r\n\r\n"
CANONICAL = [(b"relaxed", b"relaxed"), (b"simple", b"simple")]


class Dkim:
    """Signs for example.net and verifies, with the key record at hand."""

    def __init__(self) -> None:
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        kinds = serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
        self._private = key.private_bytes(serialization.Encoding.PEM, *kinds)
        public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        self._record = b"v=DKIM1; k=rsa; p=" + b"".join(public.splitlines()[1:-1])

    def sign(self, raw: bytes, canonical: tuple[bytes, bytes]) -> bytes:
        import dkim

        fields = [b"from", b"to", b"subject", b"date", b"message-id"]
        signature: bytes = dkim.sign(raw, b"test", b"example.net", self._private, canonicalize=canonical, include_headers=fields)
        return signature + raw

    def verifies(self, raw: bytes) -> bool:
        import dkim

        return bool(dkim.verify(raw, dnsfunc=lambda name, timeout=5: self._record if b"test._domainkey.example.net" in name else None))


@pytest.fixture(scope="module")
def dkim_key() -> Dkim:
    if not importlib.util.find_spec("dkim"):
        pytest.skip("dkimpy is not installed")
    return Dkim()


@pytest.mark.parametrize("canonical", CANONICAL, ids=["relaxed", "simple"])
def test_dkim_verifies_if_no_hook_changes_the_message(dkim_key: Dkim, smime: dict[str, Sealed], canonical: tuple[bytes, bytes]):
    for sealed in smime.values():
        signed = dkim_key.sign(sealed.raw, canonical)
        passed = add_disclaimer(signed, text=TEXT, html=HTML)
        assert passed == signed
        assert dkim_key.verifies(passed)


@pytest.mark.parametrize("canonical", CANONICAL, ids=["relaxed", "simple"])
def test_dkim_verifies_if_only_unsigned_fields_change(dkim_key: Dkim, canonical: tuple[bytes, bytes]):
    signed = dkim_key.sign(PLAIN, canonical)
    changed = apply_policy(make_policy({"do": HEADERS}), signed)
    assert changed != signed
    assert dkim_key.verifies(changed)


def test_dkim_detects_a_tag_and_a_disclaimer(dkim_key: Dkim):
    signed = dkim_key.sign(PLAIN, (b"relaxed", b"relaxed"))
    assert dkim_key.verifies(signed)
    assert not dkim_key.verifies(apply_policy(REWRITE, signed))
    assert not dkim_key.verifies(add_disclaimer(signed, text=TEXT, html=HTML))
