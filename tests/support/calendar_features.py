"""Events with the busy times that RFC 5545 gives them between 19 October and 2 November 2026, in Europe/Berlin.

The clocks change on 25 October in Berlin and on 1 November in New York.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from mailhooks.contract.availability import Window
from mailhooks.contract.freebusy import CalendarEvent

ZONE: Final = "Europe/Berlin"
WINDOW: Final = Window(datetime(2026, 10, 19, tzinfo=UTC), datetime(2026, 11, 2, tzinfo=UTC))

Times = list[tuple[str, str, str]]
"""Start, end and busy type, as month, day, hour and minute in UTC."""


def _zone(name: str, daylight: str, standard: str, forward: str, back: str) -> str:
    """Return a VTIMEZONE. `forward` and `back` are BYMONTH and BYDAY of the changes at 2 o'clock (standard time)."""
    return f"""BEGIN:VTIMEZONE
TZID:{name}
BEGIN:DAYLIGHT
TZOFFSETFROM:{standard}
TZOFFSETTO:{daylight}
DTSTART:20070325T020000
RRULE:FREQ=YEARLY;{forward}
END:DAYLIGHT
BEGIN:STANDARD
TZOFFSETFROM:{daylight}
TZOFFSETTO:{standard}
DTSTART:20071028T030000
RRULE:FREQ=YEARLY;{back}
END:STANDARD
END:VTIMEZONE
"""


def berlin(name: str = ZONE) -> str:
    """Return the definition of the zone of Berlin under a name."""
    return _zone(name, "+0200", "+0100", "BYMONTH=3;BYDAY=-1SU", "BYMONTH=10;BYDAY=-1SU")


_NEW_YORK: Final = _zone("America/New_York", "-0400", "-0500", "BYMONTH=3;BYDAY=2SU", "BYMONTH=11;BYDAY=1SU").replace("T030000", "T020000")


@dataclass(frozen=True)
class Feature:
    """One or several VEVENTs of one UID.

    Attributes:
        events: the properties of each VEVENT. `@` is `;TZID=Europe/Berlin:`, and `~` a space in a value.
        busy: the right answer.
        zones: VTIMEZONEs.
    """

    events: Sequence[str]
    busy: Times = field(default_factory=list)
    zones: str = berlin()

    def to_object(self, uid: str) -> bytes:
        """Return a calendar object resource (RFC 4791 section 4.1)."""
        events = (
            "\n".join(["BEGIN:VEVENT", f"UID:{uid}", "DTSTAMP:20260101T000000Z", "SUMMARY:Secret", *_lines(event), "END:VEVENT\n"])
            for event in self.events
        )
        return to_calendar(self.zones + "".join(events))


def _lines(event: str) -> list[str]:
    return [line.replace("~", " ") for line in event.replace("@", f";TZID={ZONE}:").split()]


def to_calendar(components: str) -> bytes:
    """Return a VCALENDAR."""
    return f"BEGIN:VCALENDAR\nVERSION:2.0\nPRODID:-//example.com//features//EN\n{components}END:VCALENDAR\n".replace("\n", "\r\n").encode()


def _busy(*times: str) -> Times:
    """Parse `10-20T07:00/08:00`, or `10-20T22:00/10-21T22:00`."""
    return [(start, end if "T" in end else f"{start[:6]}{end}", "BUSY") for start, end in (time.split("/") for time in times)]


FEATURES: Final[dict[str, Feature]] = {
    "single": Feature(["DTSTART@20261020T090000 DTEND@20261020T100000"], _busy("10-20T07:00/08:00")),
    "duration": Feature(["DTSTART@20261028T080000 DURATION:PT45M"], _busy("10-28T07:00/07:45")),
    "zero-length": Feature(["DTSTART@20261029T120000 DTEND@20261029T120000"]),
    "long-before": Feature(["DTSTART@20261010T090000 DTEND@20261019T060000"], _busy("10-10T07:00/10-19T04:00")),
    "long-after": Feature(["DTSTART@20261031T120000 DTEND@20261105T120000"], _busy("10-31T11:00/11-05T11:00")),
    "over-dst": Feature(["DTSTART@20261025T010000 DTEND@20261025T040000"], _busy("10-24T23:00/10-25T03:00")),
    "all-day": Feature(["DTSTART;VALUE=DATE:20261021 DTEND;VALUE=DATE:20261022"], _busy("10-20T22:00/10-21T22:00"), ""),
    "all-day-recurring": Feature(
        ["DTSTART;VALUE=DATE:20260426 DTEND;VALUE=DATE:20260427 RRULE:FREQ=WEEKLY;INTERVAL=26;BYDAY=SU"],
        _busy("10-24T22:00/10-25T23:00"),
        "",
    ),
    "floating": Feature(["DTSTART:20261024T100000 DTEND:20261024T110000"], _busy("10-24T08:00/09:00"), ""),
    "transparent": Feature(["DTSTART@20261022T090000 DTEND@20261022T120000 TRANSP:TRANSPARENT"]),
    "tentative": Feature(["DTSTART@20261022T130000 DTEND@20261022T140000 STATUS:TENTATIVE"], [("10-22T11:00", "10-22T12:00", "TENTATIVE")]),
    "cancelled": Feature(["DTSTART@20261022T150000 DTEND@20261022T160000 STATUS:CANCELLED"]),
    "private": Feature(["DTSTART@20261027T100000 DTEND@20261027T110000 CLASS:PRIVATE"], _busy("10-27T09:00/10:00")),
    "windows-zone": Feature(
        ["DTSTART;TZID=W.~Europe~Standard~Time:20261030T130000 DTEND;TZID=W.~Europe~Standard~Time:20261030T140000"],
        _busy("10-30T12:00/13:00"),
        berlin("W. Europe Standard Time"),
    ),
    "custom-zone": Feature(
        ["DTSTART;TZID=Our~Office~Clock:20261027T150000 DTEND;TZID=Our~Office~Clock:20261027T160000"],
        _busy("10-27T14:00/15:00"),
        berlin("Our Office Clock"),
    ),
    "new-york-weekly": Feature(
        ["DTSTART;TZID=America/New_York:20260903T180000 DTEND;TZID=America/New_York:20260903T190000 RRULE:FREQ=WEEKLY;BYDAY=TH"],
        _busy("10-22T22:00/23:00", "10-29T22:00/23:00"),
        _NEW_YORK,
    ),
    "monthly": Feature(["DTSTART@20260122T200000 DTEND@20260122T210000 RRULE:FREQ=MONTHLY;BYDAY=4TH"], _busy("10-22T18:00/19:00")),
    "until-utc": Feature(
        ["DTSTART@20261005T110000 DTEND@20261005T120000 RRULE:FREQ=WEEKLY;BYDAY=MO;UNTIL=20261026T100000Z"],
        _busy("10-19T09:00/10:00", "10-26T10:00/11:00"),
    ),
    "rdate": Feature(
        ["DTSTART@20261019T083000 DTEND@20261019T093000 RDATE@20261023T083000,20261030T083000"],
        _busy("10-19T06:30/07:30", "10-23T06:30/07:30", "10-30T07:30/08:30"),
    ),
    "exdate-and-moved": Feature(
        [
            "DTSTART@20260105T140000 DTEND@20260105T150000 RRULE:FREQ=WEEKLY;BYDAY=MO,WE,FR EXDATE@20261023T140000",
            "RECURRENCE-ID@20261028T140000 DTSTART@20261029T163000 DTEND@20261029T173000",
        ],
        _busy("10-19T12:00/13:00", "10-21T12:00/13:00", "10-26T13:00/14:00", "10-29T15:30/16:30", "10-30T13:00/14:00"),
    ),
    "cancelled-and-transparent-recurrences": Feature(
        [
            "DTSTART@20261015T180000 DTEND@20261015T183000 RRULE:FREQ=DAILY;COUNT=10",
            "RECURRENCE-ID@20261020T180000 DTSTART@20261020T180000 DTEND@20261020T183000 STATUS:CANCELLED",
            "RECURRENCE-ID@20261023T180000 DTSTART@20261023T180000 DTEND@20261023T183000 TRANSP:TRANSPARENT",
        ],
        _busy("10-19T16:00/16:30", "10-21T16:00/16:30", "10-22T16:00/16:30", "10-24T16:00/16:30"),
    ),
    "moved-in-and-out": Feature(
        [
            "DTSTART@20260902T070000 DTEND@20260902T073000 RRULE:FREQ=WEEKLY;BYDAY=WE",
            "RECURRENCE-ID@20261104T070000 DTSTART@20261030T160000 DTEND@20261030T163000",
            "RECURRENCE-ID@20261021T070000 DTSTART@20261110T070000 DTEND@20261110T073000",
        ],
        _busy("10-28T06:00/06:30", "10-30T15:00/15:30"),
    ),
}
"""Features of common calendars."""

RARE: Final[dict[str, Feature]] = {
    "rdate-years-later": Feature(["DTSTART@20240105T090000 DURATION:PT1H RDATE@20261027T090000"], _busy("10-27T08:00/09:00")),
    "rdate-period": Feature(
        ["DTSTART@20240105T090000 DURATION:PT1H RDATE;VALUE=PERIOD;TZID=Europe/Berlin:20261027T090000/PT3H"], _busy("10-27T08:00/11:00")
    ),
    "rdate-after-until": Feature(
        ["DTSTART@20260105T090000 DURATION:PT1H RRULE:FREQ=WEEKLY;UNTIL=20260202T080000Z RDATE@20261021T090000"],
        _busy("10-21T07:00/08:00"),
    ),
    "moved-after-until": Feature(
        [
            "DTSTART@20260105T090000 DURATION:PT1H RRULE:FREQ=WEEKLY;UNTIL=20260202T080000Z",
            "RECURRENCE-ID@20260126T090000 DTSTART@20261021T090000 DURATION:PT1H",
        ],
        _busy("10-21T07:00/08:00"),
    ),
    "moved-before-start": Feature(
        [
            "DTSTART@20270104T090000 DURATION:PT1H RRULE:FREQ=WEEKLY",
            "RECURRENCE-ID@20270111T090000 DTSTART@20261021T090000 DURATION:PT1H",
        ],
        _busy("10-21T07:00/08:00"),
    ),
    "extended-recurrence": Feature(
        [
            "DTSTART@20260105T090000 DURATION:PT1H RRULE:FREQ=WEEKLY;COUNT=30",
            "RECURRENCE-ID@20260126T090000 DTSTART@20260126T090000 DTEND@20261021T090000",
        ],
        [("01-26T08:00", "10-21T07:00", "BUSY")],
    ),
    "busy-recurrence-of-a-free-series": Feature(
        [
            "DTSTART@20261005T090000 DURATION:PT1H RRULE:FREQ=DAILY;COUNT=30 TRANSP:TRANSPARENT",
            "RECURRENCE-ID@20261021T090000 DTSTART@20261021T090000 DURATION:PT1H",
        ],
        _busy("10-21T07:00/08:00"),
    ),
    "recurrence-without-its-series": Feature(
        ["RECURRENCE-ID@20261021T090000 DTSTART@20261021T100000 DURATION:PT1H"], _busy("10-21T08:00/09:00")
    ),
    "moves-with-the-following-ones": Feature(
        [
            "DTSTART@20260105T090000 DURATION:PT1H RRULE:FREQ=WEEKLY;COUNT=10",
            "RECURRENCE-ID;RANGE=THISANDFUTURE;TZID=Europe/Berlin:20260302T090000 DTSTART@20261019T090000 DURATION:PT1H",
        ],
        _busy("10-19T07:00/08:00", "10-26T08:00/09:00"),
    ),
    "two-rules": Feature(
        ["DTSTART@20260105T090000 DURATION:PT1H RRULE:FREQ=WEEKLY;COUNT=3 RRULE:FREQ=MONTHLY;BYMONTHDAY=21"], _busy("10-21T07:00/08:00")
    ),
    "thousands-by-count": Feature(
        ["DTSTART@20150105T090000 DURATION:PT1H RRULE:FREQ=MONTHLY;BYMONTHDAY=21;COUNT=500"], _busy("10-21T07:00/08:00")
    ),
    "yearly-day-without-end": Feature(["DTSTART;VALUE=DATE:19801027 RRULE:FREQ=YEARLY"], _busy("10-26T23:00/10-27T23:00"), ""),
    "three-weeks": Feature(["DTSTART@20261001T090000 DURATION:P3W"], _busy("10-01T07:00/10-22T07:00")),
    "until-a-day": Feature(
        ["DTSTART@20261005T090000 DURATION:PT1H RRULE:FREQ=WEEKLY;UNTIL=20261026"], _busy("10-19T07:00/08:00", "10-26T08:00/09:00")
    ),
    "zone-without-definition": Feature(
        ["DTSTART;TZID=Europe/Paris:20261021T090000 DTEND;TZID=Europe/Paris:20261021T100000"], _busy("10-21T07:00/08:00")
    ),
}
"""Features that servers' queries by time often miss."""


def times_of(events: Iterable[CalendarEvent]) -> Times:
    """Return the busy times of an answer inside the window, in the form of `Feature.busy`."""
    begin, end = WINDOW.start_date, WINDOW.end_date
    inside = {event for event in events if event.start_time < min(event.end_time, end) and event.end_time > begin}
    return sorted({(f"{event.start_time:%m-%dT%H:%M}", f"{event.end_time:%m-%dT%H:%M}", str(event.busy_type)) for event in inside})
