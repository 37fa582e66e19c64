"""The fields of the forms."""

import re
from collections.abc import Iterable
from typing import Final

from starlette.datastructures import FormData

from mailhooks.contract import FlowDirection

_SEPARATORS: Final = re.compile(r"[\s,;]+")


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
