"""The time zones that a calendar's times name, and those that it defines itself."""

import io
import re
from contextlib import suppress
from datetime import UTC, datetime, tzinfo
from typing import Final

from dateutil.tz import tzical

from mailhooks.availability import timezones
from mailhooks.availability.backends.ical.lines import Component
from mailhooks.availability.backends.ical.recurrence_limits import check_rule
from mailhooks.availability.backends.ical.values import Unreadable, parse_moment, split_line

_MOST_RULES: Final = 100
"""Of one zone: each is looked at for each time. Zones with all changes since 1900 have about 60."""

_RULE: Final = re.compile(r"(FREQ=YEARLY|(INTERVAL|BYMONTH|COUNT)=\d+|(BYDAY|BYMONTHDAY|UNTIL|WKST)=[^;]*|;)+", re.IGNORECASE | re.ASCII)
"""Once a year, or some days of one month: more would be no change of clocks, and take long to count."""

_OFFSET: Final = re.compile(r"[+-]([01]\d|2[0-3])[0-5]\d([0-5]\d)?", re.ASCII)


class Zones:
    """The zones of one calendar: no other calendar's definitions are heard, though they may bear the same names.

    Attributes:
        here: of times that name none.
        own: whether the calendar says so itself (X-WR-TIMEZONE).
    """

    def __init__(self, calendar: Component, default: tzinfo | None) -> None:
        named = timezones.find_zone(calendar.value("X-WR-TIMEZONE")) if "X-WR-TIMEZONE" in calendar.lines else None
        self.here: tzinfo = named or default or UTC
        self.own = named is not None
        self._defined = {component.value("TZID").strip('"'): component for component in calendar.all("VTIMEZONE")}
        self._known: dict[str, tzinfo] = {}

    def of(self, name: str) -> tzinfo:
        """The zone of a TZID.

        Raises:
            Unreadable: nobody knows it.
        """
        if name not in self._known:
            self._known[name] = self._found(name)
        return self._known[name]

    def _found(self, name: str) -> tzinfo:
        if found := timezones.find_zone(name):
            return found
        if name in self._defined:
            return _defined(self._defined[name])
        # QUIRK: Evolution and others write /freeassociation.sourceforge.net/Europe/Berlin (RFC 5545 section 3.2.19).
        pieces = name.split("/")
        for first in range(2, len(pieces)):
            if found := timezones.find_zone("/".join(pieces[first:])):
                return found
        # Not taken for the calendar's own zone: busy time would be shown hours off.
        raise Unreadable("a time zone that nobody knows")


def _defined(component: Component) -> tzinfo:
    """Of a VTIMEZONE (RFC 5545 section 3.6.5)."""
    lines = ["BEGIN:VTIMEZONE", "TZID:x"]
    if not 0 < len(component.parts) <= _MOST_RULES:
        raise Unreadable("a time zone without rules, or with too many")
    for part in component.parts:
        lines += [f"BEGIN:{part.name}", *_observance(part), f"END:{part.name}"]
    with suppress(ValueError, TypeError, KeyError, IndexError, OverflowError):
        found: tzinfo = tzical(io.StringIO("\n".join([*lines, "END:VTIMEZONE", ""]))).get()
        # dateutil reads its rules when it is asked for a time.
        found.utcoffset(datetime(2026, 1, 1))
        return found
    raise Unreadable("a time zone that cannot be read")


def _observance(part: Component) -> list[str]:
    offsets = {name: part.value(name) for name in ("TZOFFSETFROM", "TZOFFSETTO")}
    if not all(map(_OFFSET.fullmatch, offsets.values())):
        raise Unreadable("a time zone without offsets")
    start = _wall(part.value("DTSTART"))
    lines = [f"DTSTART:{start:%Y%m%dT%H%M%S}", *(f"{name}:{value}" for name, value in offsets.items())]
    for line in part.lines.get("RRULE", ()):
        rule = split_line(line)[1]
        if not _RULE.fullmatch(rule) or ("BY" in rule.upper() and "BYMONTH=" not in rule.upper()):
            raise Unreadable("a time zone that changes more often than in one month of a year")
        lines.append(f"RRULE:{check_rule(rule, start)}")
    for line in part.lines.get("RDATE", ()):
        lines += [f"RDATE:{_wall(text):%Y%m%dT%H%M%S}" for text in split_line(line)[1].split(",")]
    return lines


def _wall(text: str) -> datetime:
    found = parse_moment(text.strip(), lambda: UTC)
    # QUIRK: some write a date.
    return found.replace(tzinfo=None) if isinstance(found, datetime) else datetime(found.year, found.month, found.day)
