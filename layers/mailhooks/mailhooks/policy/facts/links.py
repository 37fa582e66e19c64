"""The links of a message's displayed text: their addresses, and the texts that a reader sees. The time is linear for every message."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from typing import Final
from urllib.parse import parse_qs, unquote

from mailhooks.mime.displayed_text import read_every_text
from mailhooks.mime.html import BLOCKS, Kind, Token, tokenize, unescape
from mailhooks.mime.html_text import extract_searchable_text
from mailhooks.mime.message import Message
from mailhooks.policy.facts.related_domains import is_related
from mailhooks.policy.facts.searched_text import SearchedText
from mailhooks.policy.facts.shown_domains import begins_with_domain, find_shown_domains
from mailhooks.policy.facts.urls import Url, parse_url

READ_OCTETS: Final = 1024 * 1024
"""Octets of each text part in which links are searched."""

_MAX_LINKS: Final = 5000
_MAX_TEXT: Final = 1000
"""Characters of a link's text that are compared."""
_MAX_WRAPPERS: Final = 3
"""Rewriting services in each other that are read."""
_MAX_INNER: Final = 2
"""HTML in HTML, such as a conditional comment in `noscript`."""

_WITHOUT_DOMAIN: Final = frozenset({"tel", "sms", "smsto", "callto", "facetime", "geo", "mailto"})
_CODE_HOSTS: Final = ("github.com", "gitlab.com", "bitbucket.org", "codeberg.org")
"""Sites whose links show names of files such as `parser.py`."""

_OPENED_BY_HREF: Final = frozenset({"a", "area"})
_VML: Final = ("v:", "o:", "w:")
"""Prefixes of the elements that Outlook draws (MS-VML): buttons of newsletters are `v:roundrect` with an `href`."""
_SUBMITS: Final = frozenset({"button", "input"})
_NOT_DISPLAYED: Final = frozenset({"script", "style", "title", "textarea", "xmp"})

_FOR_OUTLOOK: Final = re.compile(r"<!--\[if(?![^\]]*!)[^\]]*+\]>(.*)<!\[endif\]-->\Z", re.DOTALL | re.IGNORECASE)
"""A comment that Outlook reads as HTML (Microsoft, "About conditional comments")."""

_BARE: Final = re.compile(
    r"(?:(?<![A-Za-z0-9])(?:(?:https?|ftp):[/\\]{2}|mailto:)|(?<![A-Za-z0-9_@./-])www\d?\.)[^\s<>\"`{}|\u2018-\u201f\u00ab\u00bb\u3000-\u3002\uff08\uff09\uff0c]++",
    re.IGNORECASE,
)
"""An address in a text, which mail programs make a link of."""
_IN_ANGLES: Final = re.compile(r"<(?:URL:)?((?:https?|ftp)://[^<>\"]{1,2000}+)>", re.IGNORECASE)
"""An address in angle brackets may be broken over lines (RFC 3986, appendix C)."""
_SPACE: Final = re.compile(r"\s+")
_TRAILING: Final = ".,;:!?'*_~)]\u2026"
_PAIRS: Final = {")": "(", "]": "["}


@dataclass(frozen=True)
class Link:
    """A link.

    Attributes:
        addresses: the address; if it is that of a service that rewrites links, also the address behind it, which is last.
        written: the address as written.
        text: the text that a reader sees; `""` for an address in a text.
    """

    addresses: tuple[Url, ...]
    written: str
    text: str = ""

    @cached_property
    def hosts(self) -> tuple[str, ...]:
        """The hosts of the addresses, without those that have none. Those of `mailto` are the domains of its recipients."""
        return tuple(host for url in self.addresses for host in _find_hosts(url))

    @property
    def targets(self) -> tuple[str, ...]:
        """The hosts of the last address."""
        return _find_hosts(self.addresses[-1]) if self.addresses else ()

    @cached_property
    def searched_addresses(self) -> tuple[SearchedText, ...]:
        """The addresses as a browser reads them; one that no browser opens, as written."""
        return tuple(SearchedText(url.text) for url in self.addresses) or (SearchedText(self.written),)

    @cached_property
    def searched_text(self) -> SearchedText:
        return SearchedText(self.text)

    @cached_property
    def shows_other_domain(self) -> bool:
        """Whether its text shows a domain at which its last address is not. Domains of one organization are one."""
        targets = self.targets
        # A telephone number, and a new mail without recipients, lead to no domain. `javascript:` and `data:` may lead to any.
        if not self.addresses or (not targets and self.addresses[-1].scheme in _WITHOUT_DOMAIN):
            return False
        shown = find_shown_domains(self.text, of_code=any(is_related(target, host) for target in targets for host in _CODE_HOSTS))
        return any(not any(is_related(domain, target) for target in targets) for domain in shown)


def find_links(message: Message) -> Iterator[Link]:
    """Yield the links of the displayed text parts, and the addresses that mail programs make links of."""
    texts = read_every_text(message, READ_OCTETS)
    return islice((link for text, is_html in texts for link in (_find_in_html(text) if is_html else _find_in_plain(text))), _MAX_LINKS)


def _find_in_plain(text: str) -> Iterator[Link]:
    for angles in _IN_ANGLES.finditer(text):
        if _SPACE.search(angles[1]):
            yield _make_link(_SPACE.sub("", angles[1]), None)
    for bare in _BARE.finditer(text):
        address = _trim(bare[0])
        yield _make_link(address if ":" in address[:7] else f"http://{address}", None)


def _trim(address: str) -> str:
    """Remove the punctuation of the sentence from the end of an address. A closing bracket belongs to the address if it opens there."""
    surplus = {closing: address.count(closing) - address.count(opening) for closing, opening in _PAIRS.items()}
    end = len(address)
    while end and (last := address[end - 1]) in _TRAILING:
        if last in surplus:
            if surplus[last] <= 0:
                break
            surplus[last] -= 1
        end -= 1
    return address[:end]


def _find_in_html(html: str) -> Iterator[Link]:
    return _HtmlReader(_find_base(html)).read(html)


class _HtmlReader:
    """Reads the links of HTML, and of the HTML in it for some programs only."""

    def __init__(self, base: Url | None, depth: int = 0) -> None:
        self._base = base
        self._depth = depth
        self._opened: tuple[Token, str] | None = None
        """The start tag of the link that is open, and its address."""
        self._images: list[str] = []
        """The texts of the images in that link."""
        self._outside: list[str] = []
        """The text outside of links."""

    def read(self, html: str) -> Iterator[Link]:
        """Yield the links."""
        for token in tokenize(html):
            if token.kind is Kind.START:
                yield from self._open(token)
            elif token.kind is Kind.END and self._opened is not None and token.name == self._opened[0].name:
                yield from self._close(html, token.start)
            elif token.kind is Kind.TEXT and self._opened is None:
                self._outside.append(unescape(token.text))
            elif inner := self._find_inner(token):
                yield from _HtmlReader(self._base, self._depth + 1).read(inner)
        yield from self._close(html, len(html))
        yield from _find_in_plain("".join(self._outside))

    def _open(self, token: Token) -> Iterator[Link]:
        """Yield the link that a start tag closes, and the link of an element without text."""
        name, address = token.name, _read_address(token)
        if name in BLOCKS:
            self._outside.append("\n")
        if name == "a" or (address is not None and name.startswith(_VML)):
            yield from self._close(token.html, token.start)
            if address is not None:
                self._opened = token, address
        elif address is not None:
            yield _make_link(address, self._base, token.attrs.get("alt") or token.attrs.get("value") or "")
        elif name == "img" and self._opened is not None:
            self._images.append(token.attrs.get("alt", ""))

    def _close(self, html: str, end: int) -> Iterator[Link]:
        """Yield the link that is open."""
        if self._opened is not None:
            start, address = self._opened
            text = " ".join((extract_searchable_text(html[start.end : end]), *self._images))
            yield _make_link(address, self._base, text)
            self._opened, self._images = None, []
            self._outside.append("\n")

    def _find_inner(self, token: Token) -> str:
        """Return the HTML in a token that some mail programs read: `noscript`, and conditional comments for Outlook; else `""`."""
        if self._depth >= _MAX_INNER:
            return ""
        if token.kind is Kind.RAW and token.name not in _NOT_DISPLAYED:
            return token.text
        found = _FOR_OUTLOOK.match(token.text) if token.kind is Kind.COMMENT else None
        return found[1] if found else ""


def _find_base(html: str) -> Url | None:
    """Return the address that relative ones belong to: of the first `base` with an address, anywhere in the document."""
    if "<base" not in html and "<base" not in html.lower():
        return None
    for token in tokenize(html):
        if token.kind is Kind.START and token.name == "base" and "href" in token.attrs:
            return parse_url(token.attrs["href"])
    return None


def _read_address(token: Token) -> str | None:
    """Return the address that a click on an element opens; None if there is none."""
    name = token.name
    if name in _OPENED_BY_HREF or name.startswith(_VML):
        attrs = token.attrs
        return attrs.get("href", attrs.get("xlink:href"))
    if name == "form":
        return token.attrs.get("action")
    return token.attrs.get("formaction") if name in _SUBMITS else None


def _make_link(written: str, base: Url | None, text: str = "") -> Link:
    url = parse_url(written, base)
    if url is None and base is None:
        # QUIRK: for a browser these are relative. Web mailers open `www.example.net` and `//example.net` as `http://`.
        bare = re.sub(r"[\t\n\r]+", "", written).strip()
        slashes = bare[:2].replace("\\", "/") == "//"
        url = parse_url(f"http:{bare}" if slashes else f"http://{bare}") if slashes or begins_with_domain(bare) else None
    addresses = [] if url is None else [url]
    while addresses and len(addresses) <= _MAX_WRAPPERS and (inner := unwrap(addresses[-1])):
        addresses.append(inner)
    return Link(tuple(addresses), written.strip(), _SPACE.sub(" ", text).strip()[:_MAX_TEXT])


_PARAMETERS: Final = (
    (re.compile(r"(?:.+\.)?safelinks\.protection\.outlook\.(?:com|us|cn)"), "", ("url",)),
    (re.compile(r"urldefense\.(?:proofpoint\.)?(?:com|us)"), "/v1/url", ("u",)),
    (re.compile(r"linkprotect\.cudasvc\.com"), "/url", ("a",)),
    (re.compile(r"protect\d?\.fireeye\.com"), "/v1/url", ("u",)),
    (re.compile(r"[\w-]+-ctp\.trendmicro\.com"), "/", ("url",)),
    (re.compile(r"clicktime\.symantec\.com"), "/", ("u",)),
    (re.compile(r"slack-redir\.net"), "/link", ("url",)),
    (re.compile(r"(?:www\.)?linkedin\.com"), "/redir/", ("url",)),
    (re.compile(r"(?:www\.)?youtube\.com"), "/redirect", ("q",)),
    (re.compile(r"(?:www\.)?google\.[a-z.]{2,6}"), "/url", ("q", "url")),
    (re.compile(r"lm?\.(?:facebook|instagram)\.com"), "/", ("u",)),
)
"""Services that rewrite links, by host, beginning of the path, and the parameters with the address behind it."""
_PROOFPOINT_2: Final = re.compile(r"/v2/url\?(?:.*&)?u=([^&#]+)")
_PROOFPOINT_3: Final = re.compile(r"/v3/__(.+?)__;")
_IN_PATH: Final = (
    (re.compile(r"secure-web\.cisco\.com"), re.compile(r"/[^/?#]+/(https?%3A%2F%2F[^/?#]+)", re.IGNORECASE)),
    (re.compile(r"(?:url|protect)\.(?:avanan\.click|checkpoint\.com)"), re.compile(r"/v2/(?:r\d+/)?___(https?://.+?)___")),
)
"""Services that have the address in their path, by host."""
_PROOFPOINT_2_ESCAPES: Final = str.maketrans("-_", "%/")


def unwrap(url: Url) -> Url | None:
    """Return the address behind that of a service that rewrites links; None if it is none of the known ones.

    The services: Safe Links of Microsoft, URL Defense of Proofpoint (versions 1 to 3), Barracuda, Cisco, Check Point, FireEye, Symantec,
    Trend Micro; Google, Facebook, LinkedIn, YouTube, Slack.

    >>> unwrap(parse_url("https://nam02.safelinks.protection.outlook.com/?url=https%3A%2F%2Fexample.net%2Fa&data=x")).text
    'https://example.net/a'
    """
    if url.host.startswith("urldefense."):
        if found := _PROOFPOINT_2.match(url.rest):
            return parse_url(unquote(found[1].translate(_PROOFPOINT_2_ESCAPES)))
        if found := _PROOFPOINT_3.match(url.rest):
            return parse_url(re.sub(r"\A(https?):/+", r"\1://", unquote(found[1])))
    for host, inner in _IN_PATH:
        if host.fullmatch(url.host) and (found := inner.match(url.rest)):
            return parse_url(unquote(found[1]))
    for host, path, names in _PARAMETERS:
        if host.fullmatch(url.host) and url.rest.startswith(path):
            query = url.rest.partition("?")[2].partition("#")[0]
            given = parse_qs(query) if query.count("&") < 100 else {}
            return next((parse_url(given[name][0]) for name in names if name in given), None)
    return None


def _find_hosts(url: Url) -> tuple[str, ...]:
    if url.scheme != "mailto":
        return (url.host,) if url.host else ()
    recipients = unquote(url.rest.partition("?")[0]).split(",")
    hosts = (parse_url(f"http://{recipient.rpartition('@')[2].strip()}") for recipient in recipients if "@" in recipient)
    return tuple(host.host for host in hosts if host)
