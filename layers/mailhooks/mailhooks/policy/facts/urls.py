"""URLs as a browser reads them (WHATWG, "URL", sections 3.5 and 4.4), as far as conditions need them: scheme, host and the rest."""

import re
import string
import unicodedata
from typing import Final, NamedTuple
from urllib.parse import unquote

from mailhooks.policy.facts.text_normalization import remove_ignorable

_MAX_URL: Final = 8000
"""Characters of a URL that are read. Browsers and servers accept about as many."""

_MAX_HOST: Final = 253
"""Characters of a host beyond ASCII. Its A-labels have at least as many (RFC 1035 section 2.3.4)."""

_SPECIAL: Final = frozenset({"http", "https", "ftp", "ws", "wss", "file"})
"""Schemes with a host, in which a backslash is a slash (section 4.2, "special scheme")."""

_CONTROLS_AND_SPACE: Final = "".join(map(chr, range(33)))
_REMOVED: Final = re.compile(r"[\t\n\r]+")
_SCHEME: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*+):")
_SLASHES: Final = re.compile(r"[/\\]*+")
_AUTHORITY: Final = re.compile(r"[^/\\?#]*+")
_OPAQUE_AUTHORITY: Final = re.compile(r"[^/?#]*+")
_HOST_AND_PORT: Final = re.compile(r"(\[[^\]]*+\]|[^:\[\]]*+)(?::([0-9]*+))?")
_LAST_SLASH: Final = re.compile(r"[^/]*\Z")

_FORBIDDEN: Final = frozenset("\0\t\n\r #/:<>?@[\\]^|%\x7f" + _CONTROLS_AND_SPACE)
"""Characters that no domain has (section 3.3)."""

_NUMBER: Final = re.compile(r"(?:0[xX][0-9A-Fa-f]*|[0-9]+)")
_OCTAL: Final = frozenset("01234567")


class Url(NamedTuple):
    """A URL.

    Attributes:
        scheme: in lower case.
        host: with A-labels, and without dots at its end; `""` if the scheme has none.
        rest: the path, the query and the fragment as written.
    """

    scheme: str
    host: str
    rest: str

    @property
    def text(self) -> str:
        """The URL without the user, the password and the port.

        >>> parse_url("HTTPS:/\\\\www.example.com@EVIL.example:443/a").text
        'https://evil.example/a'
        """
        return f"{self.scheme}://{self.host}{self.rest}" if self.host else f"{self.scheme}:{self.rest}"


def parse_url(text: str, base: Url | None = None) -> Url | None:
    """Return the URL that a browser opens; None if it opens none. Time is linear, for any text.

    Args:
        text: as in an attribute, with character references resolved.
        base: the URL that relative ones belong to.
    """
    text = _REMOVED.sub("", text[:_MAX_URL].strip(_CONTROLS_AND_SPACE))
    found = _SCHEME.match(text)
    if found is None:
        return None if base is None or not base.host else _resolve(text, base)
    scheme, rest = found[1].lower(), text[found.end() :]
    if scheme == "file":
        return _read_authority(scheme, rest[2:], _AUTHORITY) if rest[:2].replace("\\", "/") == "//" else Url(scheme, "", rest)
    if scheme in _SPECIAL:
        if base is not None and base.scheme == scheme and rest[:2].replace("\\", "/") != "//":
            return _resolve(rest, base)
        return _read_authority(scheme, rest[_end_of(_SLASHES, rest) :], _AUTHORITY)
    return _read_authority(scheme, rest[2:], _OPAQUE_AUTHORITY) if rest.startswith("//") else Url(scheme, "", rest)


def _end_of(pattern: re.Pattern[str], text: str) -> int:
    found = pattern.match(text)
    return found.end() if found else 0


def _resolve(text: str, base: Url) -> Url | None:
    """Return a relative URL as an absolute one. Segments such as `..` stay as they are."""
    slashed = text.replace("\\", "/", 2) if base.scheme in _SPECIAL else text
    if slashed.startswith("//"):
        return _read_authority(base.scheme, text[_end_of(_SLASHES, text) :], _AUTHORITY)
    if slashed.startswith("/"):
        return base._replace(rest=slashed)
    path = re.split(r"[?#]", base.rest, maxsplit=1)[0]
    if not text or text[0] == "#":
        return base._replace(rest=base.rest.partition("#")[0] + text)
    return base._replace(rest=path + text if text[0] == "?" else (_LAST_SLASH.sub("", path) or "/") + text)


def _read_authority(scheme: str, text: str, authority: re.Pattern[str]) -> Url | None:
    end = _end_of(authority, text)
    host_and_port = text[:end].rpartition("@")[2]
    found = _HOST_AND_PORT.fullmatch(host_and_port)
    if not found or int((found[2] or "0")[:9]) > 0xFFFF:
        return None
    if scheme not in _SPECIAL:
        return Url(scheme, found[1].lower(), text[end:])
    host = parse_host(found[1])
    if host is None or (not host and scheme != "file"):
        return None
    return Url(scheme, host, re.sub(r"\A[^?#]*", lambda path: path[0].replace("\\", "/"), text[end:], count=1) or "/")


def parse_host(text: str) -> str | None:
    """Return a host in the form in which hosts are compared; None if a browser rejects it.

    >>> parse_host("B\u00fccher.Example."), parse_host("0x7f.1"), parse_host("ex%61mple.com")
    ('xn--bcher-kva.example', '127.0.0.1', 'example.com')
    """
    if text.startswith("["):
        return _parse_ipv6(text[1:-1])
    if "%" in text:
        text = unquote(text, "utf-8", "replace")
    host = text.lower() if text.isascii() else _to_ascii(text)
    if host is None or not _FORBIDDEN.isdisjoint(host):
        return None
    if host.endswith("..") or not _is_number(host.removesuffix(".").rpartition(".")[2]):
        return host.rstrip(".")
    return _parse_ipv4(host.removesuffix("."))


def _to_ascii(text: str) -> str | None:
    """Return a host with A-labels; None if it is too long. Like a browser, and unlike `ascii_domain`, it accepts labels of any letters."""
    if len(text) > _MAX_HOST:
        return None
    # Each letter by itself: at the end of a word, Python has another small form of the Greek sigma.
    mapped = "".join(map(str.lower, unicodedata.normalize("NFKC", remove_ignorable(text)))).replace("\u3002", ".")
    labels = (label if label.isascii() else f"xn--{label.encode('punycode').decode('ascii')}" for label in mapped.split("."))
    return ".".join(labels)


def _is_number(label: str) -> bool:
    return _NUMBER.fullmatch(label) is not None


def _parse_ipv4(text: str) -> str | None:
    """Return an IPv4 address with four decimal numbers (section 3.5, "IPv4 parser"): browsers read octal, hexadecimal and fewer numbers."""
    numbers: list[int] = []
    for label in text.split("."):
        if not _is_number(label) or len(label) > 40:
            return None
        if label[:2].lower() == "0x":
            numbers.append(int(label[2:] or "0", 16))
        elif len(label) > 1 and label[0] == "0":
            if not _OCTAL.issuperset(label):
                return None
            numbers.append(int(label, 8))
        else:
            numbers.append(int(label))
    *first, last = numbers
    if len(numbers) > 4 or any(number > 255 for number in first) or last >= 256 ** (5 - len(numbers)):
        return None
    value = last + sum(number << (8 * (3 - place)) for place, number in enumerate(first))
    return ".".join(str(value >> shift & 255) for shift in (24, 16, 8, 0))


def _parse_ipv6(text: str) -> str | None:
    import ipaddress  # Late: a URL with such a host is rare.

    if not set(text) <= set(string.hexdigits + ":."):
        return None
    try:
        return f"[{ipaddress.IPv6Address(text).compressed}]"
    except ValueError:
        return None
