"""Signed and encrypted messages by their form, and ordinary mail with signed, encrypted or key files attached."""

import base64

import pytest

from mailhooks.content.disclaimer import add_disclaimer, explain

HEAD = b"From: ada@example.com\r\nSubject: List\r\nMIME-Version: 1.0\r\n"
TEXT = b"Content-Type: text/plain\r\n\r\nThe invoice.\r\n"
EMPTY = b"Content-Type: text/plain; charset=us-ascii\r\n\r\n\r\n"
ARMOUR = b"-----BEGIN PGP MESSAGE-----\r\n\r\nhQ==\r\n-----END PGP MESSAGE-----\r\n"
VERSION = b"Content-Type: application/pgp-encrypted\r\n\r\nVersion: 1\r\n"
ENCRYPTED = b"Content-Type: application/octet-stream; name=encrypted.asc\r\n\r\n" + ARMOUR
SIGNED_MAIL = (
    b"Content-Type: multipart/signed; boundary=s\r\n\r\n--s\r\n" + TEXT + b"\r\n--s\r\n"
    b"Content-Type: application/pgp-signature\r\n\r\nx\r\n--s--\r\n"
)

SIGNED, CLOSED = "it is signed", "it is encrypted"
OPAQUE = "it is an S/MIME message whose text is inside of a signature or an encryption"
INLINE = "its text is a PGP message"


def attached(kind: str, name: str, content: bytes = b"MIIB", disposition: str = "attachment") -> bytes:
    fields = f'Content-Type: {kind}; name="{name}"\r\nContent-Transfer-Encoding: base64\r\n'
    fields += f'Content-Disposition: {disposition}; filename="{name}"\r\n' if disposition else ""
    return fields.encode() + b"\r\n" + base64.encodebytes(content)


def mixed(*parts: bytes, kind: str = "mixed") -> bytes:
    head = HEAD + f"Content-Type: multipart/{kind}; boundary=mx\r\n\r\n".encode()
    return head + b"".join(b"--mx\r\n" + part + b"\r\n" for part in parts) + b"--mx--\r\n"


ATTACHED = [
    attached("application/pkcs7-mime", "fattura.xml.p7m"),
    attached("application/x-pkcs7-mime", "IT01234567890_00001.xml.P7M"),
    attached("application/pkcs7-mime", "fattura.xml.p7m", disposition=""),
    attached("application/pkcs7-mime", "contract_smime.p7m"),
    attached("application/pkcs7-signature", "invoice.pdf.p7s"),
    attached("application/pkcs7-signature", "smime.p7s"),
    attached("application/octet-stream", "invoice.p7m"),
    attached("application/pgp-signature", "invoice.pdf.asc"),
    attached("application/pgp-keys", "OpenPGP_0x1234.asc", b"-----BEGIN PGP PUBLIC KEY BLOCK-----\r\n"),
    attached("application/pgp-encrypted", "backup.pgp", b"\x85\x01\x0c"),
    attached("application/octet-stream", "backup.asc", ARMOUR),
    attached("application/octet-stream", "encrypted.asc", ARMOUR),
]


@pytest.mark.parametrize("file", ATTACHED)
def test_mail_with_an_attached_signed_or_encrypted_file_is_ordinary(file: bytes):
    for raw in (mixed(file, TEXT), mixed(TEXT, file), mixed(TEXT, file, file)):
        assert explain(raw) == ""
        changed = add_disclaimer(raw, text="Private.", html="")
        assert b"The invoice.\r\n\r\nPrivate.\r\n" in changed
        assert file in changed


@pytest.mark.parametrize(
    "raw, reason",
    [
        (HEAD + SIGNED_MAIL, SIGNED),
        (mixed(SIGNED_MAIL, TEXT), SIGNED),
        (mixed(VERSION, ENCRYPTED, kind="encrypted"), CLOSED),
        (HEAD + attached("application/pkcs7-mime; smime-type=enveloped-data", "smime.p7m"), OPAQUE),
        (HEAD + attached("application/pkcs7-mime", "message.p7m"), OPAQUE),
        (HEAD + attached("application/octet-stream", "smime.p7m"), OPAQUE),
        (HEAD + b"Content-Type: application/pkcs7-mime\r\n\r\nMIIB\r\n", OPAQUE),
        (mixed(attached("application/pkcs7-mime", "smime.p7m"), TEXT), OPAQUE),
        (mixed(b"Content-Type: application/x-pkcs7-mime\r\n\r\nMIIB\r\n", TEXT), OPAQUE),
        (mixed(EMPTY, VERSION, ENCRYPTED), CLOSED),
        (mixed(VERSION, ENCRYPTED), CLOSED),
        (mixed(TEXT, VERSION, ENCRYPTED), CLOSED),
        (mixed(EMPTY, attached("application/pgp-encrypted", "PGPMIME version identification.asc", b"Version: 1\r\n"), ENCRYPTED), CLOSED),
        (mixed(b"Content-Type: text/html\r\n\r\n\r\n", VERSION, ENCRYPTED), CLOSED),
        (mixed(EMPTY, ENCRYPTED), CLOSED),
        (mixed(EMPTY, attached("application/octet-stream", "encrypted.asc", ARMOUR)), CLOSED),
        (HEAD + b"\r\nDear Bob\r\n" + ARMOUR, INLINE),
        (HEAD + b"\r\n" + ARMOUR.replace(b"PGP MESSAGE", b"PGP SIGNED MESSAGE"), INLINE),
        (HEAD + b"\r\n" + ARMOUR.replace(b"PGP MESSAGE", b"PGP MESSAGE, PART 01/02"), INLINE),
        (HEAD + b"Content-Transfer-Encoding: base64\r\n\r\n" + base64.encodebytes(ARMOUR), INLINE),
        (
            HEAD
            + b"Content-Type: text/plain; charset=utf-16\r\nContent-Transfer-Encoding: base64\r\n\r\n"
            + base64.encodebytes(ARMOUR.decode().encode("utf-16")),
            INLINE,
        ),
        (HEAD + b"Content-Type: text/html\r\n\r\n<p>" + ARMOUR.replace(b"\r\n", b"<br>") + b"</p>", INLINE),
    ],
)  # fmt: skip
def test_a_signed_or_encrypted_message_is_not_changed(raw: bytes, reason: str):
    for position in ("append", "prepend", "after-reply"):
        assert explain(raw, position=position) == reason
        assert add_disclaimer(raw, text="Private.", html="", position=position) is raw


@pytest.mark.parametrize(
    "raw",
    [
        HEAD + b"Autocrypt: addr=ada@example.com; keydata=mQEN\r\n\r\nHello\r\n",
        HEAD + b"\r\nMy key:\r\n-----BEGIN PGP PUBLIC KEY BLOCK-----\r\n\r\nmQ==\r\n-----END PGP PUBLIC KEY BLOCK-----\r\n",
        HEAD + b"\r\nSearch for -----BEGIN PGP MESSAGE----- in it.\r\n",
        HEAD + b"\r\nYes.\r\n\r\n> -----BEGIN PGP MESSAGE-----\r\n> hQ==\r\n",
        HEAD + b"OpenPGP: id=1234; url=https://example.com/key.asc\r\n\r\nHello\r\n",
    ],
)
def test_mail_with_a_key_or_about_pgp_is_ordinary(raw: bytes):
    assert explain(raw) == ""
