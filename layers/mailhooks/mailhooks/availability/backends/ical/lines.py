"""Calendar data (RFC 5545 section 3) taken apart into components and their lines; no value is read yet.

Not with icalendar: that one reads every value of every component (0.6 s a MB, most of it of years gone by), gives up all of a calendar for
an alarm that it cannot read, takes what is not closed for closed, and keeps the zones of one calendar for the next one.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from mailhooks.availability.errors import GenerationFailed

_CONTENT: Final = frozenset(
    b"TZID X-WR-TIMEZONE CALSCALE UID SEQUENCE DTSTART DTEND DURATION RRULE RDATE EXDATE RECURRENCE-ID FREEBUSY STATUS TRANSP CLASS "
    b"X-MICROSOFT-CDO-BUSYSTATUS SUMMARY LOCATION TZOFFSETFROM TZOFFSETTO".split()
)
"""The lines that are kept."""

_PRESENCE: Final = frozenset({b"ATTENDEE", b"ORGANIZER"})
"""Of these it is kept that they are there."""

_WITHIN: Final = {
    "VEVENT": "VCALENDAR",
    "VFREEBUSY": "VCALENDAR",
    "VTIMEZONE": "VCALENDAR",
    "STANDARD": "VTIMEZONE",
    "DAYLIGHT": "VTIMEZONE",
}
"""What stands in what; VCALENDAR in nothing. Anywhere else something before it was not closed."""

_DEEPEST: Final = 20
_OF_USE: Final = _CONTENT | _PRESENCE | {b"BEGIN", b"END"}
_FOLD: Final = re.compile(rb"(?:\r\n|\n|\r)[ \t]")
_NAME: Final = re.compile(rb"[A-Za-z0-9-]+")


@dataclass(slots=True)
class Component:
    """One component.

    Attributes:
        name: in upper case, as those below.
        lines: the lines of some properties, unfolded, by the property's name.
        parts: the components in it, without those that say nothing of anybody's time.
    """

    name: str
    lines: dict[str, list[str]] = field(default_factory=dict)
    parts: list["Component"] = field(default_factory=list)

    def all(self, name: str) -> list["Component"]:
        return [part for part in self.parts if part.name == name]

    def value(self, name: str) -> str:
        """The value of the first line of that name, as it stands there; "" for none. For properties whose parameters hold no colon."""
        lines = self.lines.get(name)
        return lines[0].partition(":")[2].strip() if lines else ""


def parse_calendars(content: bytes) -> list[Component]:
    """The VCALENDAR objects in `content`; what stands around them is passed over.

    Raises:
        GenerationFailed: there is none (a page to sign in, for one), the content was cut short, or a component is not closed: what would
            be missed then would be shown as free time.
    """
    found: list[Component] = []
    stack: list[Component] = []
    for name, line in _lines(content):
        if name == b"BEGIN":
            component = Component(_text(line).partition(":")[2].strip().upper())
            _check(component, stack)
            if not stack and component.name == "VCALENDAR":
                found.append(component)
            elif stack and component.name in {*_WITHIN, "VALARM"}:
                stack[-1].parts.append(component)
            stack.append(component)
        elif name == b"END":
            if not stack or stack.pop().name != _text(line).partition(":")[2].strip().upper():
                raise GenerationFailed("the calendar's components are not closed in order")
        elif stack:
            stack[-1].lines.setdefault(name.decode(), []).append(_text(line) if name in _CONTENT else "")
    if not found:
        raise GenerationFailed("the answer is no calendar")
    if stack:
        raise GenerationFailed("the calendar was cut short")
    return found


def _check(component: Component, stack: list[Component]) -> None:
    outer = stack[-1].name if stack else ""
    if len(stack) == _DEEPEST or (component.name == "VCALENDAR" and stack) or _WITHIN.get(component.name, outer) != outer:
        raise GenerationFailed("a component of the calendar is not closed")


def _lines(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    """The lines that are of use, with their names. QUIRK: line ends may be of any kind."""
    # Unfolded (RFC 5545 section 3.1) before anything is looked at: a name or a character may be folded in its middle.
    for line in _FOLD.sub(b"", content.removeprefix(b"\xef\xbb\xbf")).splitlines():
        match = _NAME.match(line)
        name = match[0].upper() if match else b""
        if name in _OF_USE:
            yield name, line


def _text(line: bytes) -> str:
    return line.decode("utf-8", "replace")
