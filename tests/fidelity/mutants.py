"""Broken copies of real messages, with lost, repeated and inserted pieces."""

import random
from collections.abc import Iterator

_PIECES = [
    b"\r\n",
    b"\n",
    b"\r\n\r\n",
    b"--",
    b"=",
    b"=\r\n",
    b"\xff",
    b"\x00",
    b"<!--",
    b"<![foo",
    b"</body>",
    b"</html>",
    b"charset=utf-8",
    b"charset=iso-2022-jp",
    b"multipart/related",
    b"attachment",
    b"Content-Type: text/html\r\n",
    b"Content-Type: text/plain; format=flowed; delsp=yes\r\n",
    b"Content-Transfer-Encoding: base64\r\n",
    b"Content-Transfer-Encoding: quoted-printable\r\n",
]


def mutants(raw: bytes, number: int) -> Iterator[bytes]:
    """Yield a number of broken copies of a message, the same ones each time."""
    chance = random.Random(raw)
    for _ in range(number):
        broken = bytearray(raw)
        for _ in range(chance.randint(1, 5)):
            at = chance.randrange(len(broken) + 1)
            match chance.randrange(3):
                case 0:
                    broken[at:at] = chance.choice(_PIECES)
                case 1:
                    del broken[at : at + chance.randint(1, 40)]
                case _:
                    start = chance.randrange(len(broken) + 1)
                    broken[at:at] = broken[start : start + chance.randint(1, 200)]
        yield bytes(broken)
