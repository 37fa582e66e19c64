"""Finds the time zones of a calendar's times, including those that the calendar defines."""

import re
from bisect import bisect_right
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from typing import Final

from mailhooks.availability import timezones
from mailhooks.availability.backends.ical.budget import Budget
from mailhooks.availability.backends.ical.lines import Component
from mailhooks.availability.backends.ical.rules import Rule
from mailhooks.availability.backends.ical.values import InvalidValue, parse_moment, split_line, unescape

_MAX_RULES: Final = 100
"""Rules of one zone. A zone with all changes since 1900 has about 60."""

_FIRST_CHANGE: Final = datetime(1970, 1, 1)
_LAST_CHANGE: Final = datetime(2100, 1, 1)
"""The changes that a definition's rules are expanded to. A definition of Outlook begins in 1601."""

_RULE: Final = re.compile(
    r"(FREQ=YEARLY|(INTERVAL|BYMONTH|BYHOUR|BYMINUTE|BYSECOND|COUNT)=\d+|(BYDAY|BYMONTHDAY|UNTIL|WKST)=[^;]*|;)+", re.IGNORECASE | re.ASCII
)
"""Once a year, or on some days of one month. Other rules are no changes of clocks, and expanding them would be slow."""

_OFFSET: Final = re.compile(r"([+-]?)([01]?\d|2[0-3])(?::?([0-5]\d)(?::?([0-5]\d))?)?", re.ASCII)
"""QUIRK: some programs leave out the sign or the minutes, or write a colon."""

_NAMED_OFFSET: Final = re.compile(r"(?:UTC([+-]\d\d?)|(?:UTC|GMT)?([+-]\d\d:?\d\d))", re.ASCII | re.IGNORECASE)
"""QUIRK: an offset as a name. `GMT+2` is no such name, because `Etc/GMT+2` is two hours behind UTC."""

_LONGEST_NAME: Final = 3
"""The most parts of an IANA name, as in America/Argentina/Buenos_Aires."""


class Zones:
    """The zones of one calendar. Other calendars may define other zones with the same names."""

    def __init__(self, calendar: Component, default: tzinfo | None) -> None:
        self._declared, self._default = calendar.value("X-WR-TIMEZONE"), default or UTC
        self._defined = {_clean(component.value("TZID")): component for component in calendar.all("VTIMEZONE")}
        self._known: dict[str, tzinfo] = {}

    def find_default(self, budget: Budget) -> tzinfo:
        """Return the zone of times that name none: the calendar's X-WR-TIMEZONE if it is known, otherwise the configured zone."""
        if not self._declared:
            return self._default
        try:
            return self.find(self._declared, budget)
        except InvalidValue:
            return self._default

    def find(self, name: str, budget: Budget) -> tzinfo:
        """Return the zone of a TZID.

        Raises:
            InvalidValue: the zone is unknown.
        """
        if name not in self._known:
            self._known[name] = self._search(_clean(name), budget)
        return self._known[name]

    def _search(self, name: str, budget: Budget) -> tzinfo:
        failure = InvalidValue("an unknown time zone")
        known = timezones.find_zone(name.removeprefix("/"))
        # QUIRK: the tz database has EST without summer time, but calendars define it with one. Other known names are often defined badly.
        if name in self._defined and (known is None or (known.key.upper() == name.upper() and "/" not in name)):
            try:
                return _build_zone(self._defined[name], budget)
            except InvalidValue as error:
                failure = error
                known = known or timezones.find_zone(self._defined[name].value("X-LIC-LOCATION"))
        if known:
            return known
        if offset := _NAMED_OFFSET.fullmatch(name):
            return timezone(_parse_offset(offset[1] or offset[2]))
        # QUIRK: Evolution and others write /freeassociation.sourceforge.net/Europe/Berlin (RFC 5545 section 3.2.19).
        pieces = name.rsplit("/", _LONGEST_NAME)
        for first in range(1, len(pieces)):
            if "/" in "/".join(pieces[:first]) and (found := timezones.find_zone("/".join(pieces[first:]))):
                return found
        # The default zone would show busy time at a wrong hour.
        raise failure


def _clean(name: str) -> str:
    """Return a TZID without quotation marks and escapes. QUIRK: some calendars have escapes in the parameter, too."""
    return unescape(name.strip().strip('"')).strip()


class DefinedZone(tzinfo):
    """The zone of a VTIMEZONE (RFC 5545 section 3.6.5)."""

    def __init__(self, first: timedelta, changes: list[tuple[datetime, timedelta]]) -> None:
        """Create a zone.

        Args:
            first: the offset before all changes.
            changes: the UTC time and the new offset of each change, in order.
        """
        self._changes = [moment for moment, _ in changes]
        self._offsets = [first, *(offset for _, offset in changes)]
        pairs = list(zip(self._changes, self._offsets, self._offsets[1:], strict=False))
        # The clock times from which on the new offset applies: for times that exist twice (fold 0 and 1), or not at all.
        self._clocks = (
            [moment + max(before, after) for moment, before, after in pairs],
            [moment + min(before, after) for moment, before, after in pairs],
        )

    def utcoffset(self, moment: datetime | None) -> timedelta:
        if moment is None:
            return self._offsets[0]
        return self._offsets[bisect_right(self._clocks[moment.fold], moment.replace(tzinfo=None, fold=0))]

    def fromutc(self, moment: datetime) -> datetime:
        offset = self._offsets[bisect_right(self._changes, moment.replace(tzinfo=None))]
        found = moment + offset
        return found if self.utcoffset(found) == offset else found.replace(fold=1)

    def dst(self, _: datetime | None) -> None:
        return None

    def tzname(self, _: datetime | None) -> None:
        return None


def _build_zone(component: Component, budget: Budget) -> tzinfo:
    """Build the zone of a VTIMEZONE."""
    if not 0 < len(component.parts) <= _MAX_RULES:
        raise InvalidValue("a time zone without rules, or with too many")
    changes: dict[datetime, tuple[timedelta, timedelta]] = {}
    for part in component.parts:
        after = _parse_offset(part.value("TZOFFSETTO"))
        before = _parse_offset(part.value("TZOFFSETFROM")) if "TZOFFSETFROM" in part.lines else after
        try:
            changes |= {clock - before: (before, after) for clock in _list_changes(part, before, budget)}
        except OverflowError:
            raise InvalidValue("a time zone that begins too early or ends too late") from None
    ordered = sorted(changes.items())
    return DefinedZone(ordered[0][1][0], [(moment, after) for moment, (_, after) in ordered])


def _list_changes(part: Component, before: timedelta, budget: Budget) -> list[datetime]:
    """Return the clock times of an observance's changes, in the offset before each of them."""
    start = _parse_local_time(part.value("DTSTART"))
    # QUIRK: .NET programs begin in the year 1, for which UTC may be in no year.
    start = start.replace(year=max(start.year, 2))
    found = [start]
    for line in part.lines.get("RRULE", ()):
        text = split_line(line)[1]
        if not _RULE.fullmatch(text) or ("BY" in text.upper() and "BYMONTH=" not in text.upper()):
            raise InvalidValue("a time zone that changes more often than in one month of a year")
        rule = Rule(text, start)
        # RFC 5545 section 3.6.5 requires UNTIL in UTC. QUIRK: some write a local time.
        until = _parse_local_time(rule.until) + (before if rule.until.endswith("Z") else timedelta()) if rule.until else _LAST_CHANGE
        is_endless = rule.count is None and not rule.until
        found += rule.expand(_FIRST_CHANGE if is_endless else start, min(until, _LAST_CHANGE), budget)
    for line in part.lines.get("RDATE", ()):
        texts = split_line(line)[1].split(",")
        budget.count_values(len(texts))
        found += map(_parse_local_time, texts)
    return found


def _parse_offset(text: str) -> timedelta:
    match = _OFFSET.fullmatch(text)
    if not match:
        raise InvalidValue("a time zone without offsets")
    found = timedelta(hours=int(match[2]), minutes=int(match[3] or 0), seconds=int(match[4] or 0))
    return -found if match[1] == "-" else found


def _parse_local_time(text: str) -> datetime:
    found = parse_moment(text.strip(), lambda: UTC)
    # QUIRK: some calendars have a date.
    return found.replace(tzinfo=None) if isinstance(found, datetime) else datetime(found.year, found.month, found.day)
