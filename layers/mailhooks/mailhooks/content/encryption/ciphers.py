"""Ciphers with which the passwords of old files are checked. They protect nothing here."""

import hashlib
from itertools import cycle
from typing import Final


def apply_rc4(key: bytes, data: bytes) -> bytes:
    """Encrypt or decrypt by RC4."""
    state, j = list(range(256)), 0
    for i, octet in zip(range(256), cycle(key), strict=False):
        j = (j + state[i] + octet) & 255
        state[i], state[j] = state[j], state[i]
    i = j = 0
    found = bytearray()
    for octet in data:
        i = (i + 1) & 255
        j = (j + state[i]) & 255
        state[i], state[j] = state[j], state[i]
        found.append(octet ^ state[(state[i] + state[j]) & 255])
    return bytes(found)


def hash_password_2b(salt: bytes) -> bytes:
    """Return the hash of an empty user password of a PDF of revision 6 (ISO 32000-2, algorithm 2.B)."""
    key = hashlib.sha256(salt).digest()
    number, last = 0, 0
    while number < _MIN_ROUNDS or last > number - 32:
        encrypted = _encrypt_cbc(key[:16], key[16:32], key * 64)
        name = ("sha256", "sha384", "sha512")[sum(encrypted[:16]) % 3]
        key, last = hashlib.new(name, encrypted).digest(), encrypted[-1]
        number += 1
    return key[:32]


_MIN_ROUNDS: Final = 64


def _double(octet: int) -> int:
    return (octet << 1) ^ (0x11B if octet & 0x80 else 0)


def _make_tables() -> tuple[list[int], list[list[int]]]:
    """Return the S-box of AES (FIPS 197, section 5.1.1), and the tables that join it with the mix of columns."""
    exponents, power = [0] * 256, 1
    logarithms = [0] * 256
    for exponent in range(255):
        exponents[exponent], logarithms[power] = power, exponent
        power ^= _double(power)
    box = []
    for octet in range(256):
        inverse = exponents[-logarithms[octet] % 255] if octet else 0
        turned = 0
        for shift in range(5):
            turned ^= (inverse << shift | inverse >> (8 - shift)) & 255
        box.append(turned ^ 0x63)
    first = [_double(octet) << 24 | octet << 16 | octet << 8 | (_double(octet) ^ octet) for octet in box]
    return box, [[(word >> shift | word << (32 - shift)) & 0xFFFFFFFF for word in first] for shift in (0, 8, 16, 24)]


_BOX, _MIXED = _make_tables()


def _expand_key(key: bytes) -> list[int]:
    """Return the words of the round keys (section 5.2)."""
    words = [int.from_bytes(key[at : at + 4], "big") for at in range(0, 16, 4)]
    constant = 1
    for place in range(4, 44):
        word = words[-1]
        if place % 4 == 0:
            word = (word << 8 | word >> 24) & 0xFFFFFFFF
            word = sum(_BOX[word >> shift & 255] << shift for shift in (0, 8, 16, 24)) ^ constant << 24
            constant = _double(constant)
        words.append(words[-4] ^ word)
    return words


def _encrypt_cbc(key: bytes, vector: bytes, data: bytes) -> bytes:
    """Encrypt whole blocks by AES-128 in CBC mode (NIST SP 800-38A, section 6.2)."""
    keys, box = _expand_key(key), _BOX
    t0, t1, t2, t3 = _MIXED
    a, b, c, d = (int.from_bytes(vector[at : at + 4], "big") for at in range(0, 16, 4))
    found = bytearray()
    for at in range(0, len(data), 16):
        block = int.from_bytes(data[at : at + 16], "big")
        a ^= block >> 96 ^ keys[0]
        b ^= block >> 64 & 0xFFFFFFFF ^ keys[1]
        c ^= block >> 32 & 0xFFFFFFFF ^ keys[2]
        d ^= block & 0xFFFFFFFF ^ keys[3]
        for k in range(4, 40, 4):
            a, b, c, d = (
                t0[a >> 24] ^ t1[b >> 16 & 255] ^ t2[c >> 8 & 255] ^ t3[d & 255] ^ keys[k],
                t0[b >> 24] ^ t1[c >> 16 & 255] ^ t2[d >> 8 & 255] ^ t3[a & 255] ^ keys[k + 1],
                t0[c >> 24] ^ t1[d >> 16 & 255] ^ t2[a >> 8 & 255] ^ t3[b & 255] ^ keys[k + 2],
                t0[d >> 24] ^ t1[a >> 16 & 255] ^ t2[b >> 8 & 255] ^ t3[c & 255] ^ keys[k + 3],
            )
        a, b, c, d = (
            (box[w >> 24] << 24 | box[x >> 16 & 255] << 16 | box[y >> 8 & 255] << 8 | box[z & 255]) ^ keys[40 + place]
            for place, (w, x, y, z) in enumerate(((a, b, c, d), (b, c, d, a), (c, d, a, b), (d, a, b, c)))
        )
        found += (a << 96 | b << 64 | c << 32 | d).to_bytes(16, "big")
    return bytes(found)
