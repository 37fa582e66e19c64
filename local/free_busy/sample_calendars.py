"""Sample calendars: feeds in the local S3, and the configuration of the availability function in the local Secrets Manager."""

import json
from contextlib import closing
from typing import Any, Final

from local.aws.services import LocalAws
from local.servers import HOST

SECRET: Final = "local-availability"  # noqa: S105 - a name
BUCKET: Final = "local-calendars"

_WEEK: Final = ["MON", "TUE", "WED", "THU", "FRI"]
_EVENTS: Final = {
    "room1@example.net": (
        ("Weekly planning", "20260105T090000", "20260105T103000", "MO,WE"),
        ("Customer call", "20260106T130000", "20260106T140000", "TU,TH"),
        ("Fire drill", "20260109T110000", "20260109T113000", "FR"),
    ),
    "bob@example.net": (
        ("Standup", "20260105T091500", "20260105T093000", "MO,TU,WE,TH,FR"),
        ("Lunch", "20260105T120000", "20260105T130000", "MO,TU,WE,TH,FR"),
        ("Review", "20260105T150000", "20260105T170000", "MO,TH"),
    ),
}
"""Weekly events of each mailbox: subject, first start, first end, days."""

ADDRESSES: Final = tuple(_EVENTS)


def publish(wm: LocalAws, host: str = HOST) -> None:
    """Store the calendars of a room and a person of example.net, and the configuration.

    Args:
        host: the name by which the function reaches the local servers.
    """
    wm.make_bucket(BUCKET)
    with closing(wm.client("s3")) as s3, closing(wm.client("secretsmanager")) as secrets:
        feeds = []
        for address, events in _EVENTS.items():
            key = f"{address.partition('@')[0]}.ics"
            s3.put_object(Bucket=BUCKET, Key=key, Body=_write_calendar(events).encode(), ContentType="text/calendar", ACL="public-read")
            feeds.append({"mailbox": address, "url": f"{wm.environment['AWS_ENDPOINT_URL_S3'].replace(HOST, host)}/{BUCKET}/{key}"})
        configuration: dict[str, Any] = {
            "backends": {"feeds": {"type": "ics", "feeds": feeds, "timeZone": "Europe/Berlin"}},
            "routes": [{"mailboxes": ["example.net"], "backend": "feeds"}],
            "workingHours": {"timeZone": "Europe/Berlin", "periods": [{"days": _WEEK, "start": "09:00", "end": "17:00"}]},
            "details": [{"requesters": ["example.com"], "show": "details"}],
        }
        try:
            secrets.create_secret(Name=SECRET, SecretString=json.dumps(configuration))
        except secrets.exceptions.ResourceExistsException:
            # moto has one Secrets Manager for all instances of a process.
            secrets.put_secret_value(SecretId=SECRET, SecretString=json.dumps(configuration))


def _write_calendar(events: tuple[tuple[str, str, str, str], ...]) -> str:
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//example.net//sample//EN"]
    for number, (summary, start, end, days) in enumerate(events):
        lines += [
            "BEGIN:VEVENT",
            f"UID:{number}@example.net",
            "DTSTAMP:20260101T000000Z",
            f"SUMMARY:{summary}",
            f"DTSTART;TZID=Europe/Berlin:{start}",
            f"DTEND;TZID=Europe/Berlin:{end}",
            f"RRULE:FREQ=WEEKLY;BYDAY={days}",
            "END:VEVENT",
        ]
    return "\r\n".join([*lines, "END:VCALENDAR", ""])
