"""New lines that are not allowed in mail (RFC 5322 sections 2.1.1 and 2.3, RFC 2045 sections 2.7 and 6.7)."""

import re
from collections.abc import Iterator

from tests.fidelity.reading import Leaf
from tests.fidelity.verdict import Finding, Kind

_LONG = 998
_ENCODED_LONG = 76
_BARE = {
    "a bare LF": re.compile(rb"(?<!\r)\n"),
    "a CRLF among bare LF": re.compile(rb"\r\n"),
    "a bare CR": re.compile(rb"\r(?!\n)"),
    "a NUL": re.compile(rb"\x00"),
}
_EIGHT_BIT = re.compile(r"[^\x00-\x7f]")


def illegal_lines(raw: bytes, changed: bytes, before: list[Leaf], after: list[Leaf]) -> Iterator[Finding]:
    if longer := _new_long_lines(raw, changed):
        yield Finding(Kind.ILLEGAL_LINE, f"a line of {longer} octets")
    for what, pattern in _BARE.items():
        if pattern.search(changed) and not pattern.search(raw) and b"\n" in raw:
            yield Finding(Kind.ILLEGAL_LINE, what)
    for old, new in zip(before, after, strict=False):
        if old.source != new.source:
            yield from (Finding(Kind.ILLEGAL_LINE, f"part {new.path or 'message'}: {detail}") for detail in _encoded(old, new))


def _new_long_lines(raw: bytes, changed: bytes) -> int:
    """Return the octets of the longest line over the limit that is not part of a line before; 0 if there is none."""
    there = set(_lines_over(raw, _LONG))
    new = [line for line in _lines_over(changed, _LONG) if line not in there and not any(line in old for old in there)]
    return max(map(len, new), default=0)


def _lines_over(raw: bytes, limit: int) -> list[bytes]:
    return [found[0].rstrip(b"\r") for found in re.finditer(rb"[^\n]{%d,}" % (limit + 1), raw) if len(found[0].rstrip(b"\r")) > limit]


def _encoded(old: Leaf, new: Leaf) -> Iterator[str]:
    if new.encoding not in {"8bit", "binary"} and _EIGHT_BIT.search(new.source) and not _EIGHT_BIT.search(old.source):
        yield f"8-bit octets under {new.encoding}"
    if new.encoding in {"quoted-printable", "base64"}:
        there = set(old.source.splitlines())
        pieces = "\n".join(line for line in there if len(line) > _ENCODED_LONG)
        long = [line for line in new.source.splitlines() if len(line) > _ENCODED_LONG and line not in there and line not in pieces]
        if long:
            yield f"a line of {len(long[0])} characters in {new.encoding}"
    if new.charset in {"", "us-ascii", "ascii"} and not new.octets.isascii() and old.octets.isascii():
        yield "8-bit text without a charset"
