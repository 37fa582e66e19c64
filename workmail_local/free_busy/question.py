"""A question for free/busy times, as an administrator types it on the console or on the web page."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from tzlocal import get_localzone

from mailhooks.availability import timezones
from mailhooks.contract import ContractError
from mailhooks.contract.availability import Window
from workmail_local.errors import InvalidField
from workmail_local.free_busy.model import Calendar


@dataclass(frozen=True, slots=True)
class Question:
    """A question for free/busy times.

    Attributes:
        mailboxes: addresses.
        requester: the address of the user who asks; it decides which details the answer has.
        begin, end: `today`, a date, or a date and time in the zone. "" is today, and the end of the day of `begin`.
        zone: an IANA or Windows name; "" is the zone of this machine.
    """

    mailboxes: Sequence[str]
    requester: str
    begin: str = ""
    end: str = ""
    zone: str = ""

    def check(self) -> tuple[dict[str, Any], Calendar]:
        """Return the request as WorkMail sends it, and the calendar for its answer.

        Raises:
            InvalidField: a field cannot be used.
        """
        if not self.mailboxes:
            raise InvalidField("mailboxes", "give at least one mailbox")
        if not self.requester:
            raise InvalidField("requester", "give the address of the user who asks: it decides which details the answer has")
        zone = _find_zone(self.zone)
        begin = _read_time("begin", self.begin or "today", zone)
        end = _read_time("end", self.end or begin.date().isoformat(), zone, is_end=True)
        try:
            window = Window(begin.astimezone(UTC), end.astimezone(UTC))
        except ContractError:
            raise InvalidField("end", "give a time after the beginning") from None
        name = self.requester.partition("@")[0] or self.requester
        request = {
            "requester": {"email": self.requester, "userName": name, "organization": "m-" + "0" * 32, "userId": name},
            "mailboxes": list(self.mailboxes),
            "window": {"startDate": window.start_date.isoformat(), "endDate": window.end_date.isoformat()},
        }
        return request, Calendar(window, zone)


def _find_zone(name: str) -> ZoneInfo:
    if not name:
        try:
            return get_localzone()
        except LookupError:
            raise InvalidField("zone", "this machine has no time zone (TZ): give one, such as Europe/Berlin") from None
    zone = timezones.find_zone(name)
    if zone is None:
        raise InvalidField("zone", "give the name of a time zone, such as Europe/Berlin")
    return zone


def _read_time(field: str, text: str, zone: ZoneInfo, *, is_end: bool = False) -> datetime:
    """Read a time. A date alone is the beginning of that day, and as an end the end of that day."""
    text = str(datetime.now(zone).date()) if text.lower() == "today" else text
    try:
        found = datetime.fromisoformat(text)
        if is_end and len(text) <= len("2026-05-04"):
            found += timedelta(days=1)
    except (ValueError, OverflowError):
        raise InvalidField(field, "give today, a date such as 2026-05-04 or a time such as 2026-05-04T08:30") from None
    if not 1970 <= found.year <= 2200:
        raise InvalidField(field, "give a year from 1970 to 2200")
    return found if found.tzinfo else found.replace(tzinfo=zone)
