"""Messages and disclaimers of the viewer's tests."""

from typing import Any

from mailhooks.content.disclaimer import Disclaimer, Position

HEADER = b"From: Ana <ana@example.com>\r\nDate: Mon, 4 May 2026 08:00:00 +0000\r\nMIME-Version: 1.0\r\n"
PLAIN = HEADER + b"\r\nHello\r\n"
REPLY = (
    HEADER + b"Content-Type: multipart/mixed; boundary=m\r\n\r\n--m\r\nContent-Type: multipart/alternative; boundary=a\r\n\r\n--a\r\n"
    b"Content-Type: text/plain; charset=us-ascii\r\n\r\nHello\r\n\r\nOn Mon, Clara wrote:\r\n> Hi\r\n"
    b"--a\r\nContent-Type: text/html; charset=us-ascii\r\n\r\n"
    b'<body>Hello<div class="gmail_quote">On Mon, Clara wrote:<blockquote>Hi</blockquote></div></body>\r\n--a--\r\n'
    b'--m\r\nContent-Type: application/pdf; name="plan.pdf"\r\nContent-Transfer-Encoding: base64\r\n\r\nAAAA\r\n'
    b"--m\r\nContent-Type: message/rfc822\r\n\r\nSubject: inner\r\n\r\nInner text\r\n--m--\r\n"
)
SIGNED = (
    HEADER + b"Content-Type: multipart/signed; boundary=s\r\n\r\n--s\r\nContent-Type: text/plain\r\n\r\nHello\r\n"
    b"--s\r\nContent-Type: application/pkcs7-signature\r\n\r\nAAAA\r\n--s--\r\n"
)
GERMAN = Disclaimer(text="Beispiel GmbH, Köln")


def after_reply(text: str = "Beispiel GmbH, Köln", **options: Any) -> Disclaimer:
    return Disclaimer(text=text, position=Position.AFTER_REPLY, **options)
