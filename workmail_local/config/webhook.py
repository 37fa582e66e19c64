"""The table `[webhook]` of `workmail.toml`: a URL that is called for each message."""

from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from mail_gateway.toml_reader import Table
from workmail_local.mail.history import State
from workmail_local.mail.search_query import SearchQuery

_EVENTS: Final = {str(state): state for state in (State.DONE, State.ACCEPTED)}


@dataclass(frozen=True, slots=True)
class Webhook:
    """A URL that gets the summary of each message.

    Attributes:
        on: the state of a message in which the URL is called.
        search: only messages that this search finds; "" for all.
    """

    url: str
    on: State = State.DONE
    search: str = ""


def read_webhook(table: Table) -> Webhook:
    """Read the table. Raises ConfigurationError."""
    table.reject_other_keys("url", "on", "search")
    url = table.read_text("url")
    found = "one with a user" if "@" in url else repr(url)
    table.require(_is_url(url), "url", found=found, expected="a URL such as http://127.0.0.1:3000/mail")
    search = table.read_text("search", "")
    unknown = ", ".join(SearchQuery.parse(search).as_text)
    table.require(not unknown, "search", found=unknown, expected="operators with values that they have")
    return Webhook(url, table.read_word("on", _EVENTS, "done"), search)


def _is_url(text: str) -> bool:
    try:
        parts = urlsplit(text)
        # Only the access to `port` checks it.
        valid = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
    return valid and parts.username is None and not parts.fragment and text.isascii() and text.isprintable() and " " not in text
