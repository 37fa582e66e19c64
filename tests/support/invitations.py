"""Calendar parts of invitations, answers and cancellations, as mailers write them."""

from typing import Final

ZONE: Final = (
    "BEGIN:VTIMEZONE\r\nTZID:W. Europe Standard Time\r\nBEGIN:STANDARD\r\nDTSTART:16010101T030000\r\n"
    "TZOFFSETFROM:+0200\r\nTZOFFSETTO:+0100\r\n"
    "RRULE:FREQ=YEARLY;INTERVAL=1;BYDAY=-1SU;BYMONTH=10\r\nEND:STANDARD\r\nBEGIN:DAYLIGHT\r\nDTSTART:16010101T020000\r\nTZOFFSETFROM:+0100\r\n"
    "TZOFFSETTO:+0200\r\nRRULE:FREQ=YEARLY;INTERVAL=1;BYDAY=-1SU;BYMONTH=3\r\nEND:DAYLIGHT\r\nEND:VTIMEZONE\r\n"
)
"""A zone as Outlook writes it."""

PEOPLE: Final = (
    'ORGANIZER;CN="Müller, Nora":mailto:nora@example.net\r\n'
    "ATTENDEE;CN=Ana;ROLE=REQ-PARTICIPANT;PARTSTAT=ACCEPTED:mailto:ana@example.com\r\n"
    "ATTENDEE;CN=Ben;ROLE=OPT-PARTICIPANT;PARTSTAT=NEEDS-ACTION:MAILTO:ben@example.com\r\n"
    "ATTENDEE;CUTYPE=ROOM;PARTSTAT=DECLINED;CN=Room 7:mailto:room7@example.com\r\n"
)


def calendar(*lines: str, method: str = "REQUEST", zone: str = ZONE, people: str = PEOPLE) -> bytes:
    """Make a calendar with one event of these lines, with CRLF."""
    event = "BEGIN:VEVENT\r\nUID:1@example.net\r\n" + "".join(f"{line}\r\n" for line in lines) + people + "END:VEVENT\r\n"
    return f"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//Example//EN\r\nMETHOD:{method}\r\n{zone}{event}END:VCALENDAR\r\n".encode()


INVITATION: Final = calendar(
    "SUMMARY:Planning\\, spring",
    "DTSTART;TZID=W. Europe Standard Time:20260504T090000",
    "DTEND;TZID=W. Europe Standard Time:20260504T103000",
    "RRULE:FREQ=WEEKLY;INTERVAL=2;BYDAY=MO;UNTIL=20260630T070000Z",
    "EXDATE;TZID=W. Europe Standard Time:20260518T090000",
    "LOCATION:Room 7",
    "DESCRIPTION:First line\\nSecond <b>line</b>",
)
