"""`python -m tests.servers`: the table of docs/availability.md, and what each server's answer lacks.

For each server: how many of the features have their right busy times, by events and by the server's own free-busy-query, minute by minute.
"""

import sys
import tempfile
from datetime import datetime, timedelta
from pathlib import Path

from mailhooks.availability.backends.caldav import CalDavBackend
from mailhooks.availability.model import Schedule
from tests.servers.conftest import OF_DEBIAN, OF_THE_INDEX
from tests.support.backends import look_up
from tests.support.calendar_features import FEATURES, RARE, WINDOW, ZONE, Feature, Times, berlin, times_of, to_calendar
from tests.support.servers.caldav import debian
from tests.support.servers.caldav.site import Site


def compare(site: Site, features: dict[str, Feature]) -> None:
    """Print which features of a server's calendars have the right answer."""
    zone = f"<C:calendar-timezone>{to_calendar(berlin()).decode()}</C:calendar-timezone>"
    site.make_calendar("everything", zone)
    expected = {}
    for name, feature in features.items():
        site.make_calendar(name, zone)
        if site.put(name, name, feature.to_object(f"{name}@example.com")):
            site.put("everything", name, feature.to_object(f"{name}-again@example.com"))
            expected[name] = sorted(feature.busy)
    expected["everything"] = sorted({time for busy in expected.values() for time in busy})
    user, password = site.account
    for query in ("events", "free-busy"):
        config = {"url": f"{site.url}{site.home}{{localPart}}/", "username": user, "password": password, "timeZone": ZONE, "query": query}
        backend = CalDavBackend(config)
        found = {name: look_up(backend, f"{name}@example.net", WINDOW, 30) for name in expected}
        busy = {name: minutes(times_of(result.events)) for name, result in found.items() if isinstance(result, Schedule)}
        wrong = [name for name in expected if busy.get(name) != minutes(expected[name])]
        free = [name for name in wrong if name in busy and minutes(expected[name]).keys() - busy[name].keys()]
        print(
            f"{site.name}: {query}: {len(expected) - len(wrong)} of {len(expected)} right; busy shown as free: {len(free)}; wrong: {wrong}"
        )


def minutes(times: Times) -> dict[datetime, str]:
    """Return the busy type of each busy minute of the window."""
    found: dict[datetime, str] = {}
    for start, end, kind in sorted(times, key=lambda time: time[2], reverse=True):
        minute, last = (datetime.fromisoformat(f"2026-{text}+00:00") for text in (start, end))
        minute = max(minute, WINDOW.start_date)
        while minute < min(last, WINDOW.end_date):
            found[minute] = kind
            minute += timedelta(minutes=1)
    return found


def main() -> str | None:
    try:
        debian.require()
    except debian.Missing as missing:
        return str(missing)
    for features in (FEATURES, RARE):
        for name, running in (OF_THE_INDEX | OF_DEBIAN).items():
            with tempfile.TemporaryDirectory(prefix="calendar-servers-", ignore_cleanup_errors=True) as folder:
                Path(folder).chmod(0o755)
                with running(Path(folder) / name.replace("/", "-")) as site:
                    compare(site, features)
    return None


if __name__ == "__main__":
    sys.exit(main())
