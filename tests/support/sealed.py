"""Signed and encrypted messages with new keys, and a check of each by a mail program's tool."""

import os
import re
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email import message_from_bytes
from pathlib import Path

HEAD = b"""\
Received: from mx.example.net by mx.example.com; Mon, 4 May 2026 08:00:00 +0000
From: Ada <ada@example.net>
To: bob@example.com
Subject: Signed mail
Date: Mon, 4 May 2026 08:00:00 +0000
Message-ID: <signed@example.net>
X-Mailer: a mailer
""".replace(b"\n", b"\r\n")

CONTENT = """\
Content-Type: multipart/mixed; boundary=outer

--outer
Content-Type: multipart/alternative; boundary=inner

--inner
Content-Type: text/plain; charset=utf-8
Content-Transfer-Encoding: quoted-printable

Words that are signed: Gr=C3=BC=C3=9Fe=20
 and a line that begins with a space.

--inner
Content-Type: text/html; charset=utf-8

<html><body><p>Words that are signed</p></body></html>
--inner--
--outer
Content-Type: application/pdf; name=report.pdf
Content-Transfer-Encoding: base64

JVBERi0xLjQK
--outer--
""".replace("\n", "\r\n").encode()

WORD = b"Words that are signed"


@dataclass(frozen=True)
class Sealed:
    """A signed or encrypted message, and its check.

    Attributes:
        raw: the message.
        is_valid: returns whether the signature is valid, or the text can be decrypted and is the sender's.
        damage: changes one letter of the signed or encrypted part.
    """

    raw: bytes
    is_valid: Callable[[bytes], bool]
    damage: Callable[[bytes], bytes]


def run(*command: str, given: bytes = b"", **environment: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(command, input=given, capture_output=True, env=os.environ | environment, timeout=60, check=False)


def output_of(*command: str, given: bytes = b"", **environment: str) -> bytes:
    done = run(*command, given=given, **environment)
    assert done.returncode == 0, done.stderr.decode(errors="replace")
    return done.stdout


def change_word(raw: bytes) -> bytes:
    return raw.replace(WORD, WORD.swapcase(), 1)


def change_letter(raw: bytes) -> bytes:
    """Change a letter in the middle of the last long run of base64."""
    at = next(found.start() + 8 for found in reversed(list(re.finditer(rb"(?m)^[A-Za-z0-9+/]{60,}", raw))))
    return raw[:at] + (b"A" if raw[at : at + 1] != b"A" else b"B") + raw[at + 1 :]


def parts(raw: bytes) -> list[bytes]:
    """Return the parts of the outermost multipart, octet for octet: the standard library might not write a parsed part back alike."""
    boundary = re.escape(str(message_from_bytes(raw).get_boundary()).encode())
    return re.split(rb"\r?\n--%s(?:--)?[ \t]*\r?\n" % boundary, raw)[1:-1]


@contextmanager
def smime() -> Iterator[dict[str, Sealed]]:
    """Yield messages of openssl, with a new certificate."""
    with tempfile.TemporaryDirectory() as name:
        key, certificate = Path(name, "key.pem"), Path(name, "certificate.pem")
        output_of(
            *"openssl req -x509 -newkey rsa:2048 -nodes -days 30 -subj /CN=Ada/emailAddress=ada@example.net".split(),
            *("-addext", "keyUsage=digitalSignature,keyEncipherment"),
            *("-keyout", str(key), "-out", str(certificate)),
        )
        own = ("-signer", str(certificate), "-inkey", str(key))

        def verifies(raw: bytes) -> bool:
            done = run("openssl", "smime", "-verify", "-purpose", "any", "-CAfile", str(certificate), given=raw)
            return done.returncode == 0 and WORD in done.stdout

        def decrypts(raw: bytes) -> bool:
            done = run("openssl", "smime", "-decrypt", "-recip", str(certificate), "-inkey", str(key), given=raw)
            return done.returncode == 0 and done.stdout == CONTENT

        def of(*command: str) -> bytes:
            return HEAD + output_of("openssl", "smime", "-crlfeol", *command, given=CONTENT)

        clear = of("-sign", *own)
        yield {
            "S/MIME, clear-signed": Sealed(clear, verifies, change_word),
            "S/MIME, clear-signed, with bare LF": Sealed(clear.replace(b"\r\n", b"\n"), verifies, change_word),
            "S/MIME, signed and opaque": Sealed(of("-sign", "-nodetach", *own), verifies, change_letter),
            "S/MIME, encrypted": Sealed(of("-encrypt", "-binary", "-aes256", str(certificate)), decrypts, change_letter),
        }


@contextmanager
def pgp() -> Iterator[dict[str, Sealed]]:
    """Yield messages of gpg, with a new key ring."""
    with tempfile.TemporaryDirectory(prefix="gpg") as home:  # short: a socket lies in it
        gpg = (
            "gpg",
            "--batch",
            "--quiet",
            "--homedir",
            home,
            "--no-auto-key-locate",
            "--trust-model",
            "always",
            "--passphrase",
            "",
            "--pinentry-mode",
            "loopback",
        )
        output_of(*gpg, "--quick-gen-key", "ada@example.net", "rsa2048", "sign,encr", "never")
        try:
            yield _pgp(gpg, Path(home))
        finally:
            run("gpgconf", "--homedir", home, "--kill", "gpg-agent")


def _pgp(gpg: tuple[str, ...], home: Path) -> dict[str, Sealed]:
    def detached(raw: bytes) -> bool:
        signed, signature = parts(raw)
        file = home / "signature.asc"
        file.write_bytes(signature.partition(b"\r\n\r\n")[2])
        return run(*gpg, "--verify", str(file), "-", given=signed).returncode == 0

    def inline(raw: bytes) -> bool:
        return run(*gpg, "--verify", given=raw.partition(b"\r\n\r\n")[2]).returncode == 0

    def decrypts(raw: bytes) -> bool:
        return run(*gpg, "--decrypt", given=parts(raw)[1].partition(b"\r\n\r\n")[2]).stdout == CONTENT

    def multipart(kind: str, *content: tuple[bytes, bytes]) -> bytes:
        field = f'MIME-Version: 1.0\r\nContent-Type: multipart/{kind}; micalg=pgp-sha512; boundary="=-s"\r\n\r\n'
        each = b"".join(b"--=-s\r\n" + header + body + b"\r\n" for header, body in content)
        return HEAD + field.encode() + each + b"--=-s--\r\n"

    def crlf(armoured: bytes) -> bytes:
        return armoured.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")

    signed = (
        (b"", CONTENT),
        (b"Content-Type: application/pgp-signature\r\n\r\n", crlf(output_of(*gpg, "--armor", "--detach-sign", given=CONTENT))),
    )
    encrypted = (
        (b"Content-Type: application/pgp-encrypted\r\n\r\n", b"Version: 1"),
        (
            b"Content-Type: application/octet-stream\r\n\r\n",
            crlf(output_of(*gpg, "--armor", "--encrypt", "--recipient", "ada@example.net", given=CONTENT)),
        ),
    )
    return {
        "PGP/MIME, signed": Sealed(multipart('signed; protocol="application/pgp-signature"', *signed), detached, change_word),
        "PGP/MIME, encrypted": Sealed(multipart('encrypted; protocol="application/pgp-encrypted"', *encrypted), decrypts, change_letter),
        "PGP, inline": Sealed(HEAD + b"\r\n" + crlf(output_of(*gpg, "--clear-sign", given=WORD + b" here.\n")), inline, change_word),
    }
