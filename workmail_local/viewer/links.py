"""The links of a message as a list to read and copy: in the frame of its HTML no link can be followed."""

from collections.abc import Iterable
from typing import Final, NamedTuple

from mailhooks.mime.message import Message
from mailhooks.policy.facts.links import Link, find_links
from workmail_local.viewer.excerpt import Excerpt, describe_cut

MAX_LINKS: Final = 500
_MAX_ADDRESS: Final = 2000


class LinkRow(NamedTuple):
    """A link.

    Attributes:
        text: as a reader sees it; "" for an address in a text, and for a picture without a description.
        shows_other_domain: see `mailhooks.policy.facts.links.Link`.
    """

    text: str
    address: str
    shows_other_domain: bool


def list_links(message: Message) -> Excerpt[LinkRow]:
    """Return the links of the displayed texts, each pair of text and address once, in the order of the message."""
    rows = _list_once(find_links(message))
    cut = [row._replace(address=row.address[:_MAX_ADDRESS]) for row in rows[:MAX_LINKS]]
    longest = max((len(row.address) for row in rows[:MAX_LINKS]), default=0)
    notes = (describe_cut(len(cut), len(rows), "links"), describe_cut(_MAX_ADDRESS, longest, "characters of the longest address"))
    return Excerpt(cut, tuple(filter(None, notes)))


def _list_once(links: Iterable[Link]) -> list[LinkRow]:
    rows = dict.fromkeys(LinkRow(link.text, link.written, link.shows_other_domain) for link in links)
    with_text = {row.address for row in rows if row.text}
    # The plain text of a message often has the same addresses.
    return [row for row in rows if row.text or row.address not in with_text]
