"""Writes a message as the data of SMTP (RFC 5321 section 4.5.2), block by block, so that no copy of a large message is made."""

import re
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Final

BLOCK_OCTETS: Final = 64 * 1024

_CRLF: Final = b"\r\n"
_END: Final = b".\r\n"

_NULS: Final = re.compile(rb"\0+")
_END_WITH_NUL: Final = re.compile(rb"[\r\n](?:\0\.\0?|\.\0)[\r\n]")


def split_blocks(pieces: Iterable[bytes | memoryview]) -> Iterator[bytes]:
    """Yield the octets of the pieces in blocks of at most `BLOCK_OCTETS`."""
    for piece in pieces:
        view = memoryview(piece)
        for start in range(0, len(view), BLOCK_OCTETS):
            yield bytes(view[start : start + BLOCK_OCTETS])


def is_ascii(pieces: Iterable[bytes | memoryview]) -> bool:
    """Return whether a message can be sent without 8BITMIME (RFC 6152)."""
    return all(block.isascii() for block in split_blocks(pieces))


def add_dots(pieces: Iterable[bytes | memoryview]) -> Iterator[bytes]:
    r"""Yield the content of a message as it is sent after DATA: with a second dot at each line that begins with one, and then the end.

    Only CRLF ends a line. The receiver removes no other dot, so that the message stays as it is, also with bare CR and LF. The end is
    in the last block alone.

    >>> b"".join(add_dots([b".a\r", b"\n.b\n.c\r\n"]))
    b'..a\r\n..b\n.c\r\n.\r\n'
    """
    before = _CRLF  # the content begins a line
    for block in split_blocks(pieces):
        text = before + block
        yield text.replace(b"\r\n.", b"\r\n..")[len(before) :]
        before = text[-2:]
    yield _END if before == _CRLF else _CRLF + _END


def has_false_end(pieces: Iterable[bytes | memoryview]) -> bool:
    r"""Return whether a lenient host could see the end of the message before its end: a lone dot next to a bare CR or LF, or to NUL.

    Such a host would read the rest as commands: a second message, with any sender ("SMTP smuggling"; RFC 5321 section 4.1.1.4 allows only
    CRLF as a line end). Some hosts leave NUL out, and so see a lone dot to which no second one was added. The content is read with the
    line end that `add_dots` may add.

    >>> [has_false_end([content]) for content in (b"a\r\n.\r\nb", b"a\n.\r\nb", b"a\r\n.\nb", b"a\r.\rb", b"a\n.", b"a\n.b\n", b"\0.\r\n")]
    [False, True, True, True, True, False, True]
    """
    before = _CRLF
    for block in split_blocks(chain(pieces, [_CRLF])):
        window = before + block
        if b"\0" in window:
            window = _NULS.sub(b"\0", window)
        if _has_false_end(window):
            return True
        before = window[-5:]
    return False


def _has_false_end(window: bytes) -> bool:
    """Return whether a window has a false end. A dot at its start or its end is seen whole in the window before or after this one."""
    for opening in (b"\n.", b"\r."):
        at = window.find(opening, 1)
        while at >= 0:
            after = window[at + 2 : at + 4]
            is_lone = after[:1] in (b"\r", b"\n")
            is_proper = window[at - 1 : at + 2] == b"\r\n." and (after == b"\r\n" or after == b"\r")
            if is_lone and not is_proper:
                return True
            at = window.find(opening, at + 1)
    return b"\0" in window and _END_WITH_NUL.search(window) is not None
