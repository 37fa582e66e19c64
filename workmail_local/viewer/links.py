"""The links and remote pictures of a message as a list to read and copy: in the frame of its HTML no link can be followed.

Nothing is contacted. Which links deceive a reader is decided as in a policy: by `mailhooks.policy.facts`.
"""

import re
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from mailhooks.mime.displayed_text import find_text_parts, is_html, read_text
from mailhooks.mime.message import Message
from mailhooks.policy.facts.links import Link, find_links
from mailhooks.policy.facts.look_alikes import list_skeletons
from workmail_local.viewer.excerpt import Excerpt, describe_cut
from workmail_local.viewer.html.excerpt import cut
from workmail_local.viewer.html.remote_pictures import RemotePicture, find_remote_pictures

MAX_LINKS: Final = 500
_MAX_ADDRESS: Final = 2000
_MAX_TEXTS: Final = 12

_USER: Final = re.compile(r"\s*[a-z]+:[/\\]{2}[^/\\?#]*@", re.IGNORECASE)
_NUMBERS: Final = re.compile(r"\[.*\]|[0-9.]+")
_LOADING: Final = {
    "javascript": "runs a script",
    "vbscript": "runs a script",
    "data": "has its content in the address",
    "file": "opens a file",
    "blob": "opens a file",
}
_ACE: Final = "xn--"


class LinkRow(NamedTuple):
    """A link.

    Attributes:
        text: as a reader sees it; "" for an address in a text, and for a picture without a description.
        shows_other_domain: see `mailhooks.policy.facts.links.Link`.
        host: of its last address, as the domain name system has it, so with A-labels; "" if it has none.
        warnings: what may deceive a reader, in words.
    """

    text: str
    address: str
    shows_other_domain: bool
    host: str = ""
    warnings: tuple[str, ...] = ()


def list_links(message: Message) -> Excerpt[LinkRow]:
    """Return the links of the displayed texts, each pair of text and address once, in the order of the message."""
    rows = _list_once(find_links(message))
    cut_rows = [row._replace(address=row.address[:_MAX_ADDRESS]) for row in rows[:MAX_LINKS]]
    longest = max((len(row.address) for row in rows[:MAX_LINKS]), default=0)
    notes = (describe_cut(len(cut_rows), len(rows), "links"), describe_cut(_MAX_ADDRESS, longest, "characters of the longest address"))
    return Excerpt(cut_rows, tuple(filter(None, notes)))


def list_remote_pictures(message: Message) -> list[RemotePicture]:
    """Return the pictures on other servers that the HTML shows, each address once."""
    texts = [part for part in find_text_parts(message) if is_html(part)][:_MAX_TEXTS]
    found = (picture for part in texts for picture in find_remote_pictures(cut(read_text(message.raw, part)).markup)[0])
    return list({picture.address.url: picture for picture in found}.values())


def _list_once(links: Iterable[Link]) -> list[LinkRow]:
    rows = dict.fromkeys(map(_make_row, links))
    with_text = {row.address for row in rows if row.text}
    # The plain text of a message often has the same addresses.
    return [row for row in rows if row.text or row.address not in with_text]


def _make_row(link: Link) -> LinkRow:
    host = link.targets[0] if link.targets else ""
    return LinkRow(link.text, link.written, link.shows_other_domain, host, tuple(_find_warnings(link, host)))


def _find_warnings(link: Link, host: str) -> Iterator[str]:
    if link.shows_other_domain:
        yield "the text shows another domain"
    last = link.addresses[-1] if link.addresses else None
    if last is not None and last.scheme in _LOADING:
        yield f"{_LOADING[last.scheme]} ({last.scheme}:)"
    if len(link.addresses) > 1:
        yield f"leads through {link.addresses[0].host}"
    if _USER.match(link.written[:_MAX_ADDRESS]):
        yield "has a user name before the host"
    if _NUMBERS.fullmatch(host):
        yield "an IP address in place of a name"
    if _ACE in host:
        yield describe_international(host)


def describe_international(host: str) -> str:
    """Describe a host with A-labels: with them, as a browser may show it, and whether its letters look like Latin ones.

    >>> describe_international("xn--bcher-kva.example")
    'xn--bcher-kva.example, shown as "bücher.example"'
    """
    labels = [(_read_label(label), label) for label in host.split(".")]
    is_alike = any(shown != label and any(map(str.isascii, list_skeletons(shown))) for shown, label in labels)
    name = ".".join(shown for shown, _ in labels)
    return f'{host}, shown as "{name}"{": foreign letters that look like Latin ones" if is_alike else ""}'


def _read_label(label: str) -> str:
    try:
        return label.removeprefix(_ACE).encode("ascii").decode("punycode") if label.startswith(_ACE) else label
    except UnicodeError:
        return label
