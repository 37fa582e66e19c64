"""Loads the configuration of the subscriptions, a JSON document.

Errors name the place and do not quote an address.
"""

import json
from collections import Counter
from dataclasses import dataclass
from typing import Any, Final

from mailhooks.address_patterns import canonical
from mailhooks.contract import ContractError
from mailhooks.contract.schema import check
from mailhooks.errors import SettingsError

MAX_OCTETS: Final = 512 * 1024
MAX_SUBSCRIPTIONS: Final = 3
"""Of a mailbox (WorkMail guide, "Working with notifications")."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WantedSubscription:
    """A subscription of one mailbox, as configured.

    Attributes:
        mailbox: its address in the form of `canonical`.
        name: that of the subscription in the configuration.
        folders: EWS's distinguished IDs (`inbox`); empty for all folders.
        events: kinds of events as in EWS, without the suffix Event (`NewMail`).
        status_minutes: between two heartbeats (StatusFrequency), 1 to 1440.
    """

    mailbox: str
    name: str
    folders: tuple[str, ...]
    events: tuple[str, ...]
    status_minutes: int


def load(text: str) -> tuple[WantedSubscription, ...]:
    """Return the subscriptions that a configuration wants, one for each mailbox and name.

    Args:
        text: JSON that fits `contract/schemas/push-config.json`.

    Raises:
        SettingsError: the text is not JSON, breaks the schema, repeats a name or a mailbox, or wants more than three subscriptions of a
            mailbox.
    """
    document = _parse(text)
    wanted: list[WantedSubscription] = []
    names: set[str] = set()
    for index, entry in enumerate(document["subscriptions"]):
        place = f"at /subscriptions/{index}"
        if entry["name"] in names:
            raise SettingsError(f"{place}/name: expected a name of one subscription only, got one that an earlier subscription has")
        names.add(entry["name"])
        mailboxes = [canonical(mailbox) for mailbox in entry["mailboxes"]]
        if len(set(mailboxes)) < len(mailboxes):
            raise SettingsError(f"{place}/mailboxes: expected each mailbox once, got one twice")
        folders = entry.get("folders", ["inbox"])
        wanted += (
            WantedSubscription(
                mailbox=mailbox,
                name=entry["name"],
                folders=() if folders == "all" else tuple(folders),
                events=tuple(entry.get("events", ["NewMail"])),
                status_minutes=entry.get("statusMinutes", 5),
            )
            for mailbox in mailboxes
        )
        if max(Counter(each.mailbox for each in wanted).values()) > MAX_SUBSCRIPTIONS:
            raise SettingsError(f"{place}/mailboxes: expected at most {MAX_SUBSCRIPTIONS} subscriptions of a mailbox, got more for one")
    return tuple(wanted)


def _parse(text: str) -> dict[str, Any]:
    if len(text.encode("utf-8", "surrogatepass")) > MAX_OCTETS:
        raise SettingsError(f"the configuration is larger than {MAX_OCTETS // 1024} KB")
    try:
        document: dict[str, Any] = json.loads(text)
    except (ValueError, RecursionError) as error:
        where = f" (line {error.lineno}, column {error.colno})" if isinstance(error, json.JSONDecodeError) else ""
        # Not chained: json's error contains the document.
        raise SettingsError(f"the configuration is not JSON{where}") from None
    try:
        check("push-config", document)
    except ContractError as error:
        raise SettingsError(str(error)) from None
    return document
