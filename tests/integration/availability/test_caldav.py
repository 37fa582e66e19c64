"""The backend `caldav` with Radicale, and the URLs that it asks."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from mailhooks.availability.backends.caldav import CalDavBackend
from mailhooks.availability.backends.url_template import fill_template
from mailhooks.availability.errors import AuthenticationFailed, MailboxNotFound
from mailhooks.availability.model import Result, Schedule
from mailhooks.contract.availability import Window
from mailhooks.errors import SettingsError
from tests.support.backends import DAY, look_up
from tests.support.calendar_features import FEATURES, RARE, WINDOW, ZONE, times_of
from tests.support.servers import radicale

BOB = "bob@example.net"


def backend(url: str, **more: str) -> CalDavBackend:
    return CalDavBackend({"type": "caldav", "url": url, **more})


def seen(found: Result) -> list[tuple[str, str, str]]:
    assert isinstance(found, Schedule), found
    return sorted((f"{e.start_time:%dT%H:%M}", f"{e.end_time:%dT%H:%M}", str(e.busy_type)) for e in found.events)


# Radicale


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[radicale.Server]:
    with radicale.running(tmp_path_factory.mktemp("radicale"), max_freebusy_occurrence="40") as found:
        berlin = "TZID=Europe/Berlin"
        found.make(
            f"/{radicale.USER}/bob@example.net/",
            radicale.event("one", "DTSTART:20260504T090000Z", "DTEND:20260504T100000Z", "SUMMARY:Secret"),
            radicale.event("two", f"DTSTART;{berlin}:20260504T140000", "DURATION:PT45M", "STATUS:TENTATIVE"),
            radicale.event("three", "DTSTART:20260504T180000Z", "DTEND:20260504T190000Z", "TRANSP:TRANSPARENT"),
            radicale.event("four", "DTSTART:20260504T200000Z", "DTEND:20260504T210000Z", "STATUS:CANCELLED"),
            radicale.event("five", "DTSTART:20260427T060000Z", "DTEND:20260427T063000Z", "RRULE:FREQ=WEEKLY"),
            radicale.event("six", "DTSTART:20260503T230000Z", "DTEND:20260504T010000Z"),
        )
        found.make(f"/{radicale.USER}/empty@example.net/")
        found.make(
            f"/{radicale.USER}/often@example.net/",
            radicale.event("x", "DTSTART:20260101T060000Z", "DTEND:20260101T063000Z", "RRULE:FREQ=DAILY"),
        )
        yield found


def of_radicale(server: radicale.Server, path: str = "{mailbox}/", password: str = radicale.PASSWORD, **more: str) -> CalDavBackend:
    return backend(f"{server.url}/{radicale.USER}/{path}", username=radicale.USER, password=password, **more)


def test_events_keep_their_own_start(server: radicale.Server) -> None:
    assert seen(look_up(of_radicale(server), BOB)) == [
        ("03T23:00", "04T01:00", "BUSY"),
        ("04T06:00", "04T06:30", "BUSY"),
        ("04T09:00", "04T10:00", "BUSY"),
        ("04T12:00", "04T12:45", "TENTATIVE"),
    ]


def test_busy_times_are_queried(server: radicale.Server) -> None:
    found = seen(look_up(of_radicale(server, query="free-busy"), BOB))
    # Radicale cuts events that start before the window.
    assert found == [
        (found[0][0], "04T01:00", "BUSY"),
        ("04T06:00", "04T06:30", "BUSY"),
        ("04T09:00", "04T10:00", "BUSY"),
        ("04T12:00", "04T12:45", "TENTATIVE"),
    ]


@pytest.mark.parametrize("query", ["events", "free-busy"])
def test_an_empty_calendar_is_free_and_a_missing_one_not_found(server: radicale.Server, query: str) -> None:
    asked = of_radicale(server, query=query)
    assert seen(look_up(asked, "empty@example.net")) == []
    assert type(look_up(asked, "unknown@example.net")) is MailboxNotFound


@pytest.mark.parametrize("query", ["events", "free-busy"])
def test_a_wrong_password_is_an_authentication_failure(server: radicale.Server, query: str) -> None:
    assert isinstance(look_up(of_radicale(server, password="wrong", query=query), BOB), AuthenticationFailed)


def test_a_window_with_too_many_occurrences_is_split(server: radicale.Server) -> None:
    found = look_up(of_radicale(server, query="free-busy"), "often@example.net", Window(DAY, DAY + timedelta(days=100)))
    assert isinstance(found, Schedule)
    assert len({event.start_time for event in found.events}) == 100


def test_the_calendars_of_a_user_are_merged(server: radicale.Server) -> None:
    asked = backend(f"{server.url}/{{mailbox}}/", username=radicale.USER, password=radicale.PASSWORD)
    found = seen(look_up(asked, radicale.USER))
    assert found == sorted([*seen(look_up(of_radicale(server), BOB)), ("04T06:00", "04T06:30", "BUSY")])


def test_each_feature_of_calendars_has_its_busy_times(tmp_path: Path) -> None:
    # Radicale accepts neither RDATE with periods nor this pair of rules.
    features = {name: feature for name, feature in (FEATURES | RARE).items() if name not in {"rdate-period", "two-rules"}}
    with radicale.running(tmp_path) as server:
        for name, feature in features.items():
            server.make(f"/{radicale.USER}/{name}/")
            server.put(f"/{radicale.USER}/{name}/1.ics", feature.to_object(name))
        asked = of_radicale(server, "{localPart}/", timeZone=ZONE)
        found = {name: look_up(asked, f"{name}@example.net", WINDOW) for name in features}
    answers = {name: times_of(result.events) if isinstance(result, Schedule) else result for name, result in found.items()}
    assert answers == {name: sorted(feature.busy) for name, feature in features.items()}


# Addresses


@pytest.mark.parametrize(
    "mailbox, path",
    [
        ("bob@example.net", "/bob@example.net/"),
        ("b/../x@example.net", "/b%2F..%2Fx@example.net/"),
        ("b?x#y@example.net", "/b%3Fx%23y@example.net/"),
        ("bøb@example.net", "/b%C3%B8b@example.net/"),
        ("%2e%2e@example.net", "/%252e%252e@example.net/"),
        ("../admin@example.net", "/..%2Fadmin@example.net/"),
        ("b\\..\\x@example.net", "/b%5C..%5Cx@example.net/"),
        ("{domain}@example.net", "/%7Bdomain%7D@example.net/"),
        ("b\r\nX: y@example.net", "/b%0D%0AX%3A%20y@example.net/"),
    ],
)
def test_a_mailbox_stays_in_its_segment_of_the_path(mailbox: str, path: str) -> None:
    assert fill_template("https://dav.example.net/{mailbox}/", mailbox) == f"https://dav.example.net{path}"


@pytest.mark.parametrize("mailbox", ["..@example.net", ".@example.net", "@example.net", "bob@..", "bob", "\ud800@example.net"])
def test_a_mailbox_that_would_change_the_path_is_not_found(mailbox: str) -> None:
    assert fill_template("https://dav.example.net/{domain}/{localPart}/", mailbox) is None
    assert isinstance(look_up(backend("http://127.0.0.1:9/{domain}/{localPart}/"), mailbox), MailboxNotFound)


@pytest.mark.parametrize("url", ["https://x.example/", "https://{mailbox}/", "https://x.example/{user}/", "https://x.example/{domain}/"])
def test_a_url_that_is_the_same_for_all_mailboxes_is_rejected(url: str) -> None:
    with pytest.raises(SettingsError, match="localPart"):
        backend(url)


def test_an_unknown_time_zone_is_a_settings_error() -> None:
    with pytest.raises(SettingsError, match="timeZone"):
        backend("https://dav.example.net/{mailbox}", timeZone="Europe/Atlantis")


def test_an_unreadable_certificate_is_a_settings_error() -> None:
    with pytest.raises(SettingsError, match="caCertificates"):
        backend("https://dav.example.net/{mailbox}", caCertificates="-----BEGIN PRIVATE KEY-----")
