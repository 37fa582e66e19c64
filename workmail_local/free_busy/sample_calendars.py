"""Sample calendars: feeds in the local S3, and the configuration of the availability function in the local Secrets Manager."""

import json
from contextlib import closing
from typing import Any, Final

from workmail_local.aws.services import LocalAws

SECRET: Final = "local-availability"  # noqa: S105 - a name
SECRET_IN_CONTAINERS: Final = "local-availability-in-containers"  # noqa: S105 - a name
"""The same for the function in a container, which reads the calendars at another URL."""

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

_GUIDE: Final = {"user2@external.example.com": (("Budget", "20210504T110000", "20210504T123000", "TU"),)}
"""The mailbox of `events/availability/guide.json`, with an event in the requested time."""

ADDRESSES: Final = tuple(_EVENTS)


def publish(wm: LocalAws) -> None:
    """Store the calendars of a room and two people, and the configuration for a function in a process on this machine."""
    wm.make_bucket(BUCKET)
    with closing(wm.client("s3")) as s3:
        for address, events in (_EVENTS | _GUIDE).items():
            body = _write_calendar(events).encode()
            s3.put_object(Bucket=BUCKET, Key=_key(address), Body=body, ContentType="text/calendar", ACL="public-read")
    publish_configuration(wm, wm.environment["AWS_ENDPOINT_URL_S3"], SECRET)


def publish_configuration(wm: LocalAws, url: str, secret: str) -> None:
    """Store the configuration in a secret.

    Args:
        url: of the local S3 for the function.
    """
    feeds = [{"mailbox": address, "url": f"{url}/{BUCKET}/{_key(address)}"} for address in _EVENTS | _GUIDE]
    configuration: dict[str, Any] = {
        "backends": {"feeds": {"type": "ics", "feeds": feeds, "timeZone": "Europe/Berlin"}},
        "routes": [{"mailboxes": ["*"], "backend": "feeds"}],
        "workingHours": {"timeZone": "Europe/Berlin", "periods": [{"days": _WEEK, "start": "09:00", "end": "17:00"}]},
        "details": [{"requesters": ["example.com"], "show": "details"}],
    }
    with closing(wm.client("secretsmanager")) as secrets:
        try:
            secrets.create_secret(Name=secret, SecretString=json.dumps(configuration))
        except secrets.exceptions.ResourceExistsException:
            # moto has one Secrets Manager for all instances of a process.
            secrets.put_secret_value(SecretId=secret, SecretString=json.dumps(configuration))


def _key(address: str) -> str:
    return f"{address.partition('@')[0]}.ics"


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
