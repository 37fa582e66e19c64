"""The mark of a message that a listener has checked: a header field with an HMAC over the message and the listener's name.

    X-Mailhooks-Checked: v=1; l=inbound; h=<base64 of the HMAC-SHA256>

The HMAC covers the fields in `is_covered`, the listener's bypass field, and the body in relaxed canonicalization (RFC 6376 section 3.4), of
the message as it was passed on. So a mark stays valid if mail servers add trace fields, fold fields in another way, or remove white space
at line ends. What programs read in different ways is covered octet by octet: an added field must not end the header for one of them.
"""

import hmac
import re
from base64 import b64encode
from collections.abc import Collection, Iterator, Sequence
from hashlib import sha256
from typing import Final

from mailhooks.mime.headers import Field, HeaderBlock, scan
from mailhooks.mime.message import Message
from mailhooks.relay.relaxed_body import RelaxedBody, split_pieces

FIELD_NAME: Final = "X-Mailhooks-Checked"

LISTENER_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
"""The form of a listener's name: it is part of a header field."""

_COVERED: Final = frozenset({"from", "to", "cc", "date", "subject", "message-id", "mime-version"})
_SPACES: Final = re.compile(rb"[ \t\r\n]+")
_MARK: Final = re.compile(rb"v=1;l=([A-Za-z0-9._-]+);h=([A-Za-z0-9+/]{43}=)")
_LONGEST_MARK: Final = 2048
"""Octets of a field that are read, with its folds."""

_FIRST_PREFIX: Final = 64 * 1024
"""Octets of a message in which its header is searched first."""


class Marker:
    """Makes and verifies the marks of one listener.

    Args:
        listener: its name, of the form `LISTENER_NAME`.
        secrets: the first one makes marks; all of them verify, so that a secret can be replaced. None: no mark is made, and none is valid.
        bypass_name: the name of the listener's bypass field, if it has one: who gets a marked message must not add the field to it.
    """

    def __init__(self, listener: str, secrets: Sequence[bytes], bypass_name: str = "") -> None:
        self._listener = listener.encode("ascii")
        self._secrets = tuple(secrets)
        self._more = frozenset({bypass_name.lower()})

    def has_valid_mark(self, message: Message) -> bool:
        """Return whether a mark of this listener is valid for the message as it is."""
        wanted = [digest for field in find_marks(message.header) if (digest := self._read(message.raw, field))]
        if not (wanted and self._secrets):
            return False
        digest = digest_message([message.raw], self._more)
        valid = [self._sign(secret, digest) for secret in self._secrets]
        return any(hmac.compare_digest(each, expected) for each in wanted for expected in valid)

    def make(self, pieces: Sequence[bytes | memoryview], newline: bytes) -> bytes:
        """Return the field for a message, with its line end; b"" without a secret.

        Args:
            pieces: the message as it is passed on, without the mark.
        """
        if not self._secrets:
            return b""
        digest = self._sign(self._secrets[0], digest_message(pieces, self._more))
        return b"%s: v=1; l=%s; h=%s%s" % (FIELD_NAME.encode(), self._listener, digest, newline)

    def _read(self, raw: bytes, field: Field) -> bytes | None:
        """Return the HMAC of a mark, in base64; None if it is not a mark of this listener."""
        mark = _MARK.fullmatch(_SPACES.sub(b"", raw[field.body : min(field.end, field.body + _LONGEST_MARK)]))
        return mark[2] if mark and mark[1] == self._listener else None

    def _sign(self, secret: bytes, digest: bytes) -> bytes:
        return b64encode(hmac.digest(secret, b"mailhooks mark 1\0" + self._listener + b"\0" + digest, "sha256"))


def find_marks(header: HeaderBlock) -> Iterator[Field]:
    """Yield all fields with the name of a mark, valid or not."""
    return header.named(FIELD_NAME.lower())


def is_covered(name: str) -> bool:
    """Return whether marks cover the fields with a name, given in lower case."""
    return name in _COVERED or name.startswith("content-")


def digest_message(pieces: Sequence[bytes | memoryview], more: Collection[str] = ()) -> bytes:
    """Return the SHA-256 digest of what a mark covers.

    Fields with different names may change places on the way; those with one name may not.

    Args:
        pieces: of the message, in order.
        more: names of further fields to cover, in lower case.
    """
    head, header = read_header(pieces)
    lines = [
        (field.lname, _SPACES.sub(b" ", field.value(head)).strip())
        for field in header.fields
        if is_covered(field.lname) or field.lname in more
    ]
    lines += _list_disputed(head, header)
    digest = sha256()
    for name, value in sorted(lines, key=lambda line: line[0]):
        digest.update(b"%s:%d:%s\r\n" % (name.encode("ascii"), len(value), value))
    digest.update(b"\r\n")
    body = RelaxedBody(digest.update)
    for chunk in split_pieces(pieces, header.body):
        body.add(chunk)
    body.finish()
    return digest.digest()


def _list_disputed(head: bytes, header: HeaderBlock) -> Iterator[tuple[str, bytes]]:
    """Yield what programs read in different ways: the choices, and the octets of each such field up to the next field."""
    if not header.options:
        return
    yield "", b" ".join(sorted(f"{name}={value}".encode() for name, value in header.options))
    starts = [*(field.start for field in header.fields), header.end]
    yield "", head[header.start : starts[0]]
    for field, end in zip(header.fields, starts[1:], strict=True):
        octets = head[field.start : end]
        if scan(octets).options:
            yield field.lname, octets


def read_header(pieces: Sequence[bytes | memoryview]) -> tuple[bytes, HeaderBlock]:
    """Return the header of a message in pieces, and a prefix of the message that contains it. It is `scan` of the whole message."""
    total = sum(map(len, pieces))
    wanted = _FIRST_PREFIX
    while True:
        prefix = _read_prefix(pieces, wanted)
        header = scan(prefix)
        # The line after the header decides where it ends, and the start of the next line may decide it too.
        end_of_line = prefix.find(b"\n", header.body)
        if len(prefix) == total or 0 <= end_of_line < len(prefix) - 2:
            return prefix, header
        wanted *= 8


def _read_prefix(pieces: Sequence[bytes | memoryview], octets: int) -> bytes:
    found, missing = [], octets
    for piece in pieces:
        if missing <= 0:
            break
        found.append(memoryview(piece)[:missing])
        missing -= len(found[-1])
    return b"".join(found)
