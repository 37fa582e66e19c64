"""Whether a PDF needs a password (ISO 32000-2, section 7.6).

Many invoices and forms are encrypted with an empty user password, so that every program opens them and only their change needs a password.
They are not locked to the reader. The empty password is tried.
"""

import hashlib
import re
from collections.abc import Iterator
from itertools import islice
from typing import Final

from mailhooks.content.encryption.ciphers import apply_rc4, hash_password_2b
from mailhooks.content.encryption.slow_checks import SlowChecks
from mailhooks.patterns import compile_late

_MAX_REFERENCES: Final = 8
"""Mentions of an encryption that are read; an update of a file adds one."""
_MAX_DICTIONARY: Final = 8192

_ENCRYPT: Final = b"".join(b"(?:%c|#%02x|#%02X)" % (letter, letter, letter) for letter in b"Encrypt")
"""A name may have any letter as `#` and its number (section 7.3.5)."""
_MENTION: Final = compile_late(rb"/" + _ENCRYPT)
"""Ten times as fast as `_MARK`; most files have none."""
_MARK: Final = compile_late(
    rb"\bstream(?=\r?\n)|\bendstream\b|/(?P<key>%s)\s*+(?:(?P<number>\d{1,10})\s++(?P<generation>\d{1,5})\s++R\b|(?=<<))" % _ENCRYPT
)
_ID: Final = compile_late(rb"/ID\s*+\[\s*+(?=[<(])")
_TOKEN: Final = compile_late(
    rb"/(?P<name>[^\0\s/<>\[\](){}%]*+)|(?P<open><<)|(?P<close>>>)|<(?P<hex>[0-9A-Fa-f\s]*+)>?|(?P<text>\()|(?P<number>[+-]?\d+)|"
    rb"(?P<word>\w+)|%[^\r\n]*+|\S"
)
_NAME_CODE: Final = compile_late(rb"#([0-9A-Fa-f]{2})")
_IN_TEXT: Final = compile_late(rb"\\(?:([0-7]{1,3})|\r\n?|\n|(.))|([()])|\r\n?|[^\\()\r]++", re.DOTALL)
_ESCAPES: Final = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"b": b"\b", b"f": b"\f"}

_PADDING: Final = bytes.fromhex("28bf4e5e4e758a4164004e56fffa01082e2e00b6d0683e802f0ca9fe6453697a")
"""The end of a short password (algorithm 2, step a)."""


def is_encrypted_pdf(octets: bytes, checks: SlowChecks) -> bool:
    """Return whether a PDF needs a password to be read. An encryption that cannot be read counts as one with a password.

    Time is linear, for any content.
    """
    if not _MENTION.search(octets):
        return False
    # Each update of a file mentions the same object: the last mention is enough.
    found = {number or at: (at, number) for at, number in _find_references(octets)}
    return any(_is_locked(octets, at, number, checks) for at, number in islice(found.values(), _MAX_REFERENCES))


def _find_references(octets: bytes) -> Iterator[tuple[int, tuple[int, int] | None]]:
    """Yield the end of each mention of an encryption outside of streams, and the object that it refers to; None if it follows there."""
    in_stream = False
    for found in _MARK.finditer(octets):
        if not found["key"]:
            in_stream = found[0] == b"stream"
        elif not in_stream:
            yield found.end(), (int(found["number"]), int(found["generation"])) if found["number"] else None


def _is_locked(octets: bytes, at: int, reference: tuple[int, int] | None, checks: SlowChecks) -> bool:
    if reference is None:
        start = at
    else:
        # The last object with a number counts.
        objects = list(re.finditer(rb"(?<!\d)0*%d\s++%d\s++obj\s*+(?=<<)" % reference, octets))
        if not objects:
            return False
        start = objects[-1].end()
    values = _read_dictionary(octets[start : start + _MAX_DICTIONARY])
    if "Filter" not in values:
        return False
    if values["Filter"] != "Standard":
        return True
    if values.get("R") in _HASHED:
        return not _opens_by_hash(values, checks)
    around = octets[max(at - _MAX_DICTIONARY, 0) : at + _MAX_DICTIONARY]
    identifiers = [_read_string(around, found.end()) for found in islice(_ID.finditer(around), _MAX_REFERENCES)]
    return not any(_opens_by_rc4(values, identifier) for identifier in dict.fromkeys((*identifiers, b"")))


def _read_dictionary(octets: bytes) -> dict[str, bytes | int | str]:
    """Return the values of a dictionary that are strings, numbers and names or words."""
    values: dict[str, bytes | int | str] = {}
    depth, key, at = 0, "", 0
    while found := _TOKEN.search(octets, at):
        at = found.end()
        value: bytes | int | str
        if found["open"]:
            depth, key = depth + 1, ""
            continue
        if found["close"]:
            depth -= 1
            if depth <= 0:
                break
            continue
        if found["name"] is not None:
            value = _NAME_CODE.sub(lambda code: bytes.fromhex(code[1].decode()), found["name"]).decode("latin-1")
            if not key:
                key = value if depth == 1 else ""
                continue
        elif found["text"] or found["hex"] is not None:
            value, at = _read_text(octets, at) if found["text"] else (_read_hex(found["hex"]), at)
        elif found["number"] or found["word"]:
            value = int(found["number"][:20]) if found["number"] else found["word"].decode("latin-1")
        else:
            # An array, which ends what a key means here; or a comment.
            key = key if found[0].startswith(b"%") else ""
            continue
        if depth == 1 and key:
            values.setdefault(key, value)
        key = ""
    return values


def _read_string(octets: bytes, at: int) -> bytes:
    found = _TOKEN.match(octets, at)
    if not found:
        return b""
    return _read_text(octets, found.end())[0] if found["text"] else _read_hex(found["hex"] or b"")


def _read_hex(octets: bytes) -> bytes:
    digits = b"".join(octets.split())
    return bytes.fromhex((digits + b"0" * (len(digits) % 2)).decode())


def _read_text(octets: bytes, at: int) -> tuple[bytes, int]:
    """Return a literal string whose bracket is before `at`, and the offset behind it (section 7.3.4.2)."""
    pieces: list[bytes] = []
    depth = 1
    for found in _IN_TEXT.finditer(octets, at):
        if found[3]:
            depth += 1 if found[3] == b"(" else -1
            if not depth:
                return b"".join(pieces), found.end()
        if found[1]:
            pieces.append(bytes([int(found[1], 8) & 255]))
        elif found[2]:
            pieces.append(_ESCAPES.get(found[2], found[2]))
        elif found[0][:1] != b"\\":
            pieces.append(b"\n" if found[0][:1] == b"\r" else found[0])
    return b"".join(pieces), len(octets)


_HASHED: Final = frozenset({5, 6})
"""Revisions with AES-256."""


def _opens_by_hash(values: dict[str, bytes | int | str], checks: SlowChecks) -> bool:
    """Return whether the empty user password is right (algorithm 11)."""
    user = values.get("U")
    if not isinstance(user, bytes) or len(user) < 48:
        return False
    if values["R"] == 5:
        return user[:32] == hashlib.sha256(user[32:40]).digest()
    return checks.allow() and user[:32] == hash_password_2b(user[32:40])


def _opens_by_rc4(values: dict[str, bytes | int | str], identifier: bytes) -> bool:
    """Return whether the empty user password is right (algorithm 6)."""
    revision, user, owner, permissions = (values.get(key) for key in ("R", "U", "O", "P"))
    if not isinstance(user, bytes) or not isinstance(owner, bytes) or not isinstance(permissions, int) or revision not in {2, 3, 4}:
        return False
    length = values.get("Length", 40)
    octets = 5 if revision == 2 else 16 if values.get("V") == 4 or not isinstance(length, int) else max(5, min(length // 8, 16))
    seed = _PADDING + owner[:32] + (permissions & 0xFFFFFFFF).to_bytes(4, "little") + identifier
    seed += b"\xff" * 4 if revision == 4 and values.get("EncryptMetadata") == "false" else b""
    key = hashlib.md5(seed, usedforsecurity=False).digest()
    if revision == 2:
        return apply_rc4(key[:5], _PADDING) == user[:32]
    for _ in range(50):
        key = hashlib.md5(key[:octets], usedforsecurity=False).digest()
    key = key[:octets]
    found = hashlib.md5(_PADDING + identifier, usedforsecurity=False).digest()
    for number in range(20):
        found = apply_rc4(bytes(octet ^ number for octet in key), found)
    return found == user[:16]
