"""The octets of a message that a test or a program gives in any of Python's usual forms."""

import copy
import re
from email.message import Message
from email.policy import EmailPolicy
from email.utils import getaddresses
from pathlib import Path
from typing import Final

from workmail_local.errors import InvalidArgument
from workmail_local.mail.event_builder import with_crlf

_ADDRESS_FIELDS: Final = ("from", "sender", "to", "cc", "bcc")
_BLIND_FIELDS: Final = ("bcc", "resent-bcc")
_LONE_LF: Final = re.compile(rb"(?<!\r)\n")


def to_octets(message: bytes | bytearray | str | Message | Path) -> bytes:
    """Return a message as SMTP transfers it.

    Args:
        message: bytes are returned unchanged, also with line ends of LF, so that a test can send any octets. A `str` is encoded in UTF-8 (a
            surrogate of `surrogateescape` as its octet), and its LF become CRLF. An `EmailMessage`, or another `Message`, is written with
            lines of CRLF by its own policy, with UTF-8 in the header if an address is beyond ASCII (RFC 6531), as smtplib does. The file of
            a `Path` is read; see `with_crlf`.

    Raises:
        InvalidArgument: it has another type, or is a `str` of one line, such as the name of a file.
        OSError: the file cannot be read.
    """
    if isinstance(message, bytes | bytearray):
        return bytes(message)
    if isinstance(message, str):
        if "\n" not in message.strip():
            raise InvalidArgument("a str is the message itself: its header, an empty line, its text. To send a file, give a pathlib.Path")
        return _LONE_LF.sub(b"\r\n", message.encode("utf-8", "surrogateescape"))
    if isinstance(message, Message):
        return _write(message)
    if isinstance(message, Path):
        return with_crlf(message.read_bytes())
    raise InvalidArgument(f"a message is bytes, a str, an email.message.EmailMessage or a pathlib.Path, not {type(message).__name__}")


def without_blind_copies(message: Message) -> bytes:
    """Return a message as `to_octets`, without its Bcc fields: the sender's program removes them (RFC 5322 section 3.6.3)."""
    if not any(name in message for name in _BLIND_FIELDS):
        return _write(message)
    copied = copy.copy(message)
    for name in _BLIND_FIELDS:
        del copied[name]
    return _write(copied)


def _write(message: Message) -> bytes:
    fields = [str(value) for name in _ADDRESS_FIELDS for value in message.get_all(name, ())]
    policy = message.policy.clone(linesep="\r\n")
    if isinstance(policy, EmailPolicy) and not all(address.isascii() for _, address in getaddresses(fields)):
        policy = policy.clone(utf8=True)
    return message.as_bytes(policy=policy)
