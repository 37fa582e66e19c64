"""URLs with placeholders for the mailbox, for backends that configure one URL for many mailboxes."""

import re
from typing import Final
from urllib.parse import quote, urlsplit

from mailhooks.errors import SettingsError

_FIELD: Final = re.compile(r"\{([^{}]*)\}")
_NAMES: Final = {"mailbox", "localPart", "domain"}


def check_template(template: str, *, is_shared: bool) -> None:
    """Check the placeholders of a URL.

    Args:
        is_shared: whether the URL is for several mailboxes, which must not have the same URL.

    Raises:
        SettingsError: a placeholder is unknown or outside of path and query, or the URL is the same for several mailboxes.
    """
    parts = urlsplit(template)
    names = set(_FIELD.findall(f"{parts.path}?{parts.query}"))
    if names - _NAMES or _FIELD.search(parts.netloc + parts.fragment):
        raise SettingsError("url: expected no placeholders but {mailbox}, {localPart} and {domain}, in its path or query, got another")
    if is_shared and not names & {"mailbox", "localPart"}:
        raise SettingsError(
            "url: put {mailbox}, or {localPart} and perhaps {domain}, into its path, such as https://cal.example.net/{localPart}.ics"
        )


def fill_template(template: str, mailbox: str) -> str | None:
    """Insert a mailbox into a URL template, quoted as one segment of the path or one value of the query.

    Return None if no quoting keeps it in its segment.

    >>> fill_template("https://cal.example.net/{domain}/{localPart}.ics", "a/b@example.net")
    'https://cal.example.net/example.net/a%2Fb.ics'
    """
    local, _, domain = mailbox.rpartition("@")
    values = {"mailbox": mailbox, "localPart": local, "domain": domain}
    # One or two dots would change the path. `@` needs no quoting (RFC 3986 section 3.3).
    if any(value in {"", ".", ".."} for value in values.values()):
        return None
    try:
        return _FIELD.sub(lambda field: quote(values[field[1]], safe="@"), template)
    except UnicodeEncodeError:  # half of a surrogate pair, which JSON can contain
        return None
