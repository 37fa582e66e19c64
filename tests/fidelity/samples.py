"""Messages with everything that the judge checks, and an implementation that is correct for them."""

MESSAGE = b"""\
Received: from mx.example.net
\tby mx.example.com; Mon, 4 May 2026 08:00:00 +0000
From: Ada <ada@example.net>
To: bob@example.com
Subject: =?utf-8?q?Caf=C3=A9?=
Date: Mon, 4 May 2026 08:00:00 +0000
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary=outer

A preamble.
--outer
Content-Type: multipart/alternative; boundary=inner

--inner
Content-Type: text/plain; charset=us-ascii

Hello Bob,
kind regards

--inner
Content-Type: text/html; charset=utf-8
Content-Transfer-Encoding: quoted-printable

<html><head><title>Hi</title></head><body><p>Hello Bob,<br>kind=20
regards =C3=A9</p></body></html>

--inner--

--outer
Content-Type: text/plain; name=notes.txt
Content-Disposition: attachment; filename=notes.txt

My notes.
--outer
Content-Type: application/pdf
Content-Transfer-Encoding: base64

JVBERi0xLjQKJSBub3QgcmVhbGx5IGEgUERG
--outer
Content-Type: message/rfc822

From: cyd@example.org
Subject: Forwarded

The forwarded text.
--outer--
""".replace(b"\n", b"\r\n")

SIGNED = b"""\
From: ada@example.net
MIME-Version: 1.0
Content-Type: multipart/signed; protocol="application/pgp-signature"; boundary=s

--s
Content-Type: text/plain

Signed words. \n
--s
Content-Type: application/pgp-signature

not really
--s--
""".replace(b"\n", b"\r\n")

PLAIN = b"From: ada@example.net\r\nSubject: Hi\r\n\r\nHello Bob\r\n"
FLOWED = b"From: ada@example.net\r\nContent-Type: text/plain; format=flowed\r\n\r\nHello Bob, this flows \r\n"
LONG = b"From: ada@example.net\r\n\r\n" + b"x" * 900 + b"\r\n"

STAMP = b"X-Stamped: yes\r\n"


def honest(raw: bytes, *, text: str, html: str, position: str) -> bytes:
    """Add a disclaimer correctly, but only to the messages of this module."""
    if STAMP in raw:
        return raw
    disclaimer = text.encode().replace(b"\n", b"\r\n")
    changed = raw.replace(b"\r\n\r\n", b"\r\n" + STAMP + b"\r\n", 1)
    if b"--inner" not in raw:
        return changed + b"\r\n" + disclaimer + b"\r\n"
    changed = changed.replace(b"kind regards\r\n", b"kind regards\r\n\r\n" + disclaimer + b"\r\n")
    return changed.replace(b"</body>", b"=\r\n" + html.encode() + b"</body>")
