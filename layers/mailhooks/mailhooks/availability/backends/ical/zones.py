"""Finds the time zones of a calendar's times, including those that the calendar defines."""

import io
import re
from contextlib import suppress
from datetime import UTC, datetime, tzinfo
from typing import Final

from dateutil.tz import tzical

from mailhooks.availability import timezones
from mailhooks.availability.backends.ical.lines import Component
from mailhooks.availability.backends.ical.recurrence_limits import check_rule
from mailhooks.availability.backends.ical.values import InvalidValue, parse_moment, split_line

_MAX_RULES: Final = 100
"""Rules of one zone: each is checked for each time. A zone with all changes since 1900 has about 60."""

_RULE: Final = re.compile(r"(FREQ=YEARLY|(INTERVAL|BYMONTH|COUNT)=\d+|(BYDAY|BYMONTHDAY|UNTIL|WKST)=[^;]*|;)+", re.IGNORECASE | re.ASCII)
"""Once a year, or on some days of one month. Other rules are no changes of clocks, and counting them would be slow."""

_OFFSET: Final = re.compile(r"[+-]([01]\d|2[0-3])[0-5]\d([0-5]\d)?", re.ASCII)


class Zones:
    """The zones of one calendar. Other calendars may define other zones with the same names.

    Attributes:
        default: the zone of times that name none.
        is_declared: whether the calendar declares its default zone (X-WR-TIMEZONE).
    """

    def __init__(self, calendar: Component, default: tzinfo | None) -> None:
        declared = timezones.find_zone(calendar.value("X-WR-TIMEZONE")) if "X-WR-TIMEZONE" in calendar.lines else None
        self.default: tzinfo = declared or default or UTC
        self.is_declared = declared is not None
        self._defined = {component.value("TZID").strip('"'): component for component in calendar.all("VTIMEZONE")}
        self._known: dict[str, tzinfo] = {}

    def find(self, name: str) -> tzinfo:
        """Return the zone of a TZID.

        Raises:
            InvalidValue: the zone is unknown.
        """
        if name not in self._known:
            self._known[name] = self._search(name)
        return self._known[name]

    def _search(self, name: str) -> tzinfo:
        if found := timezones.find_zone(name):
            return found
        if name in self._defined:
            return _build_zone(self._defined[name])
        # QUIRK: Evolution and others write /freeassociation.sourceforge.net/Europe/Berlin (RFC 5545 section 3.2.19).
        pieces = name.split("/")
        for first in range(2, len(pieces)):
            if found := timezones.find_zone("/".join(pieces[first:])):
                return found
        # The default zone would show busy time at a wrong hour.
        raise InvalidValue("an unknown time zone")


def _build_zone(component: Component) -> tzinfo:
    """Build the zone of a VTIMEZONE (RFC 5545 section 3.6.5)."""
    lines = ["BEGIN:VTIMEZONE", "TZID:x"]
    if not 0 < len(component.parts) <= _MAX_RULES:
        raise InvalidValue("a time zone without rules, or with too many")
    for part in component.parts:
        lines += [f"BEGIN:{part.name}", *_observance(part), f"END:{part.name}"]
    with suppress(ValueError, TypeError, KeyError, IndexError, OverflowError):
        found: tzinfo = tzical(io.StringIO("\n".join([*lines, "END:VTIMEZONE", ""]))).get()
        # dateutil parses the rules at the first use.
        found.utcoffset(datetime(2026, 1, 1))
        return found
    raise InvalidValue("a time zone that cannot be read")


def _observance(part: Component) -> list[str]:
    offsets = {name: part.value(name) for name in ("TZOFFSETFROM", "TZOFFSETTO")}
    if not all(map(_OFFSET.fullmatch, offsets.values())):
        raise InvalidValue("a time zone without offsets")
    start = _parse_local_time(part.value("DTSTART"))
    lines = [f"DTSTART:{start:%Y%m%dT%H%M%S}", *(f"{name}:{value}" for name, value in offsets.items())]
    for line in part.lines.get("RRULE", ()):
        rule = split_line(line)[1]
        if not _RULE.fullmatch(rule) or ("BY" in rule.upper() and "BYMONTH=" not in rule.upper()):
            raise InvalidValue("a time zone that changes more often than in one month of a year")
        lines.append(f"RRULE:{check_rule(rule, start)}")
    for line in part.lines.get("RDATE", ()):
        lines += [f"RDATE:{_parse_local_time(text):%Y%m%dT%H%M%S}" for text in split_line(line)[1].split(",")]
    return lines


def _parse_local_time(text: str) -> datetime:
    found = parse_moment(text.strip(), lambda: UTC)
    # QUIRK: some calendars have a date.
    return found.replace(tzinfo=None) if isinstance(found, datetime) else datetime(found.year, found.month, found.day)
