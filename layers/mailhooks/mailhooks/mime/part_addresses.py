"""The addresses by which the HTML of a message refers to its parts: `cid:` (RFC 2392) and Content-Location (RFC 2557)."""

from collections.abc import Iterator
from typing import Final
from urllib.parse import unquote, urljoin

from mailhooks.mime.message import Message, Part
from mailhooks.patterns import compile_late

_WITHOUT_BASE: Final = "http://thismessage.invalid/"
"""The base of relative addresses in a message that names none (RFC 2557 section 5: `thismessage:/`, which `urljoin` does not know)."""

_SPACE: Final = compile_late(r"\s+")
_IN_BRACKETS: Final = compile_late(r"<([^<>]*)>")


class PartAddresses:
    """The addresses of the parts of a message. A part and a reference to it share one of their spellings."""

    def __init__(self, message: Message) -> None:
        self._raw = message.raw
        self._bases: dict[int, str] = {}
        self._located: set[int] = set()
        by_number: dict[str, str] = {}
        for number, part in message.structure.numbered():
            base = by_number.get(number.rpartition(".")[0], "")
            # The white space is that of a folded address (RFC 2557 section 4.4.2).
            if location := _SPACE.sub("", self._read(part, "content-location")).strip('"'):
                base = _join(base, location)
                self._located.add(id(part))
            by_number[number] = self._bases[id(part)] = base

    def list_own(self, part: Part) -> list[str]:
        """Return the addresses of a part, each once and in all spellings."""
        value = self._read(part, "content-id")
        found = _IN_BRACKETS.search(value)
        spellings = list(_spell_identity(found[1] if found else value))
        if id(part) in self._located:
            spellings += _spell(self._bases[id(part)])
        return list(dict.fromkeys(spellings))

    def resolve(self, part: Part, address: str) -> list[str]:
        """Return the spellings of an address in the HTML of a part, the likeliest first; none if no part can have it."""
        address = _SPACE.sub("", address)
        if address[:4].lower() == "cid:":
            return list(_spell_identity(address[4:]))
        return _spell(_join(self._bases[id(part)], address)) if self._located and address else []

    def _read(self, part: Part, name: str) -> str:
        return next(part.values(self._raw, name), b"").decode("utf-8", "replace")


def _join(base: str, address: str) -> str:
    """Resolve a relative address (RFC 3986 section 5.2); an address that is not valid stays as it is."""
    try:
        return urljoin(base or _WITHOUT_BASE, address)
    except ValueError:  # such as an IPv6 address without its bracket
        return address


def _spell_identity(identity: str) -> Iterator[str]:
    return (f"cid:{spelling}" for each in _spell(_SPACE.sub("", identity)) if (spelling := each.strip("<>")))


def _spell(address: str) -> list[str]:
    """Return an address percent-decoded and as it is, then both in lower case.

    QUIRK: the RFC's own example is percent-decoded and its erratum (454) is not, and programs also write a Content-ID percent-encoded.
    Some change the case.
    """
    exact = (_SPACE.sub("", unquote(address)), address)
    return list(dict.fromkeys((*exact, *map(str.casefold, exact))))
