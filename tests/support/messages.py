"""Makes messages of parts."""

import base64

OFFER = (
    b"From: Nora <nora@example.net>\r\nTo: ana@example.com, ben@example.com\r\nDate: Mon, 4 May 2026 08:00:00 +0000\r\nSubject: Offer\r\n"
    b'Message-ID: <1@example.net>\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary="b"\r\n\r\n--b\r\n'
    b'Content-Type: text/plain\r\n\r\nHello.\r\n--b\r\nContent-Type: application/octet-stream; name="a.exe"\r\n\r\nMZ\r\n--b--\r\n'
)
"""A message to two recipients, with a text and an executable."""


def part(content_type: str, name: str = "", octets: bytes = b"content", disposition: str = "attachment") -> bytes:
    of_name = f'; filename="{name}"' if name else ""
    head = f"Content-Type: {content_type}\r\nContent-Disposition: {disposition}{of_name}\r\nContent-Transfer-Encoding: base64\r\n\r\n"
    return head.encode() + base64.encodebytes(octets).replace(b"\n", b"\r\n").removesuffix(b"\r\n")


def text(octets: bytes = b"Hello", subtype: str = "plain") -> bytes:
    return f"Content-Type: text/{subtype}\r\n\r\n".encode() + octets


def multipart(subtype: str, *parts: bytes, boundary: bytes = b"b") -> bytes:
    head = b"Content-Type: multipart/" + subtype.encode() + b'; boundary="' + boundary + b'"\r\n\r\n'
    return head + b"".join(b"--" + boundary + b"\r\n" + piece + b"\r\n" for piece in parts) + b"--" + boundary + b"--"


def mail(content: bytes) -> bytes:
    return b"From: a@example.com\r\nDate: Mon, 4 May 2026 08:00:00 +0000\r\nMIME-Version: 1.0\r\n" + content + b"\r\n"


def mixed(*parts: bytes) -> bytes:
    return mail(multipart("mixed", text(), *parts))


def forwarded(content: bytes, name: str = "") -> bytes:
    of_name = f'; filename="{name}"' if name else ""
    return f"Content-Type: message/rfc822\r\nContent-Disposition: attachment{of_name}\r\n\r\n".encode() + mail(content)
