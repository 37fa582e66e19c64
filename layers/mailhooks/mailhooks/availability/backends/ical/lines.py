"""Splits calendar data (RFC 5545 section 3) into components and lines, without parsing values.

icalendar is not used here: it parses every value of every component (0.6 s per MB, mostly of past years), rejects a whole calendar because
of one invalid alarm, accepts incomplete data, and reuses the zones of one calendar for the next one.
"""

import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from mailhooks.availability.errors import GenerationFailed

_CONTENT: Final = frozenset(
    b"TZID X-WR-TIMEZONE CALSCALE UID SEQUENCE DTSTART DTEND DURATION RRULE RDATE EXDATE RECURRENCE-ID FREEBUSY STATUS TRANSP CLASS "
    b"SUMMARY X-MICROSOFT-CDO-BUSYSTATUS X-MICROSOFT-CDO-ALLDAYEVENT LOCATION TZOFFSETFROM TZOFFSETTO X-LIC-LOCATION "
    b"FBTYPE ATTENDEE".split()
)
"""Properties whose lines are stored."""

_PRESENCE: Final = frozenset({b"ORGANIZER"})
"""Properties that are stored without their lines. ATTENDEE is one of them unless a participant has declined."""

_PARENTS: Final = {
    "VEVENT": "VCALENDAR",
    "VFREEBUSY": "VCALENDAR",
    "VTIMEZONE": "VCALENDAR",
    "STANDARD": "VTIMEZONE",
    "DAYLIGHT": "VTIMEZONE",
}
"""The parent of each component. A component elsewhere means that a component before it was not closed."""

_MAX_DEPTH: Final = 20
_STORED: Final = _CONTENT | _PRESENCE | {b"BEGIN", b"END"}
_FOLD: Final = re.compile(rb"(?:\r{0,2}\n|\r)[ \t]")
"""QUIRK: programs that convert line ends twice write CR CR LF."""

_MAY_BE_EMPTY: Final = frozenset({b"RRULE", b"RDATE", b"EXDATE", b"RECURRENCE-ID"})
"""QUIRK: programs write these properties without a value, and mean none."""

_HIDDEN: Final = re.compile(
    rb"[\r\n][ \t]+BEGIN:V(?:EVENT|FREEBUSY)[ \t]*[\r\n]|[\r\n](?:VERSION|PRODID|METHOD):[^\r\n]*BEGIN:V", re.IGNORECASE
)
"""A component that is part of the line before it, because a program has indented all lines, or wrote `\\n` for line ends."""

_NAME: Final = re.compile(rb"[A-Za-z0-9-]+")


@dataclass(slots=True)
class Component:
    """A component.

    Attributes:
        name: in upper case, as all names here.
        lines: the unfolded lines of some properties, by the property's name.
        parts: the inner components that concern free/busy times.
    """

    name: str
    lines: dict[str, list[str]] = field(default_factory=dict)
    parts: list["Component"] = field(default_factory=list)

    def all(self, name: str) -> list["Component"]:
        """Return the inner components with a name."""
        return [part for part in self.parts if part.name == name]

    def value(self, name: str) -> str:
        """Return the raw value of a property's first line; "" if there is none. For properties whose parameters have no colon."""
        lines = self.lines.get(name)
        return lines[0].partition(":")[2].strip() if lines else ""


def parse_calendars(content: bytes, others: frozenset[bytes] = frozenset()) -> list[Component]:
    """Return the VCALENDAR components of `content`. Other content is ignored.

    Args:
        others: further properties whose lines are stored. With ATTENDEE, those of all participants.

    Raises:
        GenerationFailed: there is no calendar (as in a sign-in page), the content is incomplete, or a component is not closed. Events that
            would be missed would look like free time.
    """
    found: list[Component] = []
    stack: list[Component] = []
    with_lines = _CONTENT | others
    for name, line in _split_lines(content, _STORED | others):
        if name == b"BEGIN":
            component = Component(_decode(line).partition(":")[2].strip().upper())
            _check_nesting(component, stack)
            if not stack and component.name == "VCALENDAR":
                found.append(component)
            elif stack and component.name in {*_PARENTS, "VALARM"}:
                stack[-1].parts.append(component)
            stack.append(component)
        elif name == b"END":
            if not stack or stack[-1].name != _decode(line).partition(":")[2].strip().upper():
                raise GenerationFailed("the calendar's components are not closed in order")
            _drop_participants(stack.pop(), others)
        elif stack:
            stack[-1].lines.setdefault(name.decode(), []).append(_decode(line) if name in with_lines else "")
    if not found:
        raise GenerationFailed("the response is not a calendar")
    if stack:
        raise GenerationFailed("the calendar is incomplete")
    return found


def _drop_participants(component: Component, others: frozenset[bytes]) -> None:
    """Remove the lines of participants if none of them has declined. They can be most of a feed."""
    lines = component.lines.get("ATTENDEE")
    if lines and b"ATTENDEE" not in others and not any("DECLINED" in line.upper() for line in lines):
        component.lines["ATTENDEE"] = [""]


def _check_nesting(component: Component, stack: list[Component]) -> None:
    outer = stack[-1].name if stack else ""
    if len(stack) == _MAX_DEPTH or (component.name == "VCALENDAR" and stack) or _PARENTS.get(component.name, outer) != outer:
        raise GenerationFailed("a component of the calendar is not closed")


def _split_lines(content: bytes, stored: frozenset[bytes]) -> Iterator[tuple[bytes, bytes]]:
    """Yield the relevant lines with their names. QUIRK: servers use any kind of line end."""
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        content = content.decode("utf-16", "replace").encode()
    if _HIDDEN.search(content):
        raise GenerationFailed("the calendar's lines are indented or joined")
    # Unfolded first (RFC 5545 section 3.1): a fold may be in the middle of a name or of a character.
    for line in _FOLD.sub(b"", content.replace(b"\0", b"")).splitlines():
        # Feeds that are joined from several files have a byte order mark before each of them.
        line = line.removeprefix(codecs.BOM_UTF8)
        match = _NAME.match(line)
        name = match[0].upper() if match else b""
        if name in stored and not (name in _MAY_BE_EMPTY and line.rstrip().endswith(b":")):
            yield name, line


def _decode(line: bytes) -> str:
    return line.decode("utf-8", "replace")
