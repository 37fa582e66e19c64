"""The fields of the forms, and the values of a query."""

import re
from collections.abc import Iterable
from typing import Final

from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.requests import Request

from mailhooks.contract import FlowDirection
from workmail_local.mail.search_query import MAX_QUERY, SearchQuery
from workmail_local.web.statuses import raise_as_status

PAGE: Final = 50
"""Messages of one page of the list."""

_SEPARATORS: Final = re.compile(r"[\s,;]+")
_NUMBER: Final = re.compile("0*[1-9][0-9]*", re.ASCII)
_MAX_DIGITS: Final = 15
_MAX_LIMIT: Final = 500


def read_texts(data: FormData, names: Iterable[str]) -> dict[str, str]:
    """Return the text fields of a form; a missing field is ""."""
    return {name: value.strip() if isinstance(value := data.get(name), str) else "" for name in names}


def split_addresses(text: str) -> list[str]:
    """Split a list of addresses, and remove duplicates.

    >>> split_addresses("ana@example.com, ben@example.com; ana@example.com")
    ['ana@example.com', 'ben@example.com']
    """
    return list(dict.fromkeys(filter(None, _SEPARATORS.split(text))))


def parse_direction(text: str) -> FlowDirection:
    """Return the direction; any text but "outbound" is inbound."""
    return FlowDirection.OUTBOUND if text.upper() == FlowDirection.OUTBOUND else FlowDirection.INBOUND


def read_range(request: Request) -> tuple[int | None, int | None]:
    """Return `before` and `limit` of the query; see `read_number`."""
    limit = read_number(request, "limit")
    return read_number(request, "before"), limit and min(limit, _MAX_LIMIT)


def read_number(request: Request, name: str) -> int | None:
    """Return a number of the query; None when it is missing or empty.

    Raises:
        HTTPException: 400, it is not a whole number from 1, or has more digits than any message's.
    """
    text = request.query_params.get(name, "")
    if text and not (len(text) <= _MAX_DIGITS and _NUMBER.fullmatch(text)):
        raise HTTPException(400, f"{name} must be a whole number from 1, of at most {_MAX_DIGITS} digits")
    return int(text) if text else None


def parse_count(text: str, default: int) -> int:
    """Return a number of at most four digits; the default for any other text."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 5 else default


def read_search(request: Request) -> str:
    """Return the text of the search in `q`; "" without one.

    Raises:
        HTTPException: 400, it is too long. It is not cut: a shorter one finds more messages, perhaps to delete them.
    """
    text = request.query_params.get("q", "")
    if len(text) > MAX_QUERY:
        raise HTTPException(400, f"q has more than {MAX_QUERY} characters")
    return text


def read_query(request: Request) -> SearchQuery:
    """Return the search in `q`. Raises HTTPException: 400, it is too long."""
    return SearchQuery.parse(read_search(request))


def read_known_query(request: Request) -> SearchQuery:
    """Return the search in `q` for a program; see `SearchQuery.parse_known`. Raises HTTPException: 400, it is too long or not known."""
    with raise_as_status():
        return SearchQuery.parse_known(read_search(request))
