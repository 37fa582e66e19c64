"""The backend `caldav` with the calendars of real servers."""

from typing import Any

import pytest

from mailhooks.availability.backends.caldav import CalDavBackend
from mailhooks.availability.errors import GenerationFailed, LookupFailed, MailboxNotFound, NoAccess
from mailhooks.availability.model import Result, Schedule
from tests.support.backends import look_up
from tests.support.calendar_features import FEATURES, RARE, WINDOW, ZONE, Feature, Times, berlin, times_of, to_calendar
from tests.support.servers.caldav.site import Site

_ALL = FEATURES | RARE
_LUNCH = Feature(["DTSTART@20261020T120000 DTEND@20261020T130000"], [("10-20T10:00", "10-20T11:00", "BUSY")])


def backend(site: Site, template: str, **more: Any) -> CalDavBackend:
    user, password = site.account
    return CalDavBackend({"type": "caldav", "url": template, "username": user, "password": password, "timeZone": ZONE} | more)


def ask(site: Site, template: str, mailbox: str, **more: Any) -> Result:
    return look_up(backend(site, template, **more), mailbox, WINDOW, 30)


def seen(found: Result) -> Times:
    assert isinstance(found, Schedule), found
    return times_of(found.events)


@pytest.fixture(scope="module")
def stored(site: Site) -> dict[str, Feature]:
    """The features that the server accepts, each in a calendar of its own."""
    zone = f"<C:calendar-timezone>{to_calendar(berlin()).decode()}</C:calendar-timezone>"
    found = {}
    for name, feature in _ALL.items():
        assert site.make_calendar(name, zone).status_code == 201
        if site.put(name, name, feature.to_object(f"{name}@example.com")):
            found[name] = feature
    return found


def test_each_accepted_event_has_its_busy_times(site: Site, stored: dict[str, Feature]) -> None:
    asked = backend(site, f"{site.url}{site.home}{{localPart}}/")
    found = {name: seen(look_up(asked, f"{name}@example.net", WINDOW, 30)) for name in stored}
    assert found == {name: sorted(feature.busy) for name, feature in stored.items()}
    # A server may refuse a rare event, but not all: a folder that nothing was stored in has no busy time either.
    assert len(stored) >= len(_ALL) - 3


@pytest.mark.parametrize("path", ["home", "principal"])
def test_the_calendars_of_a_user_are_merged(site: Site, stored: dict[str, Feature], path: str) -> None:
    found = ask(site, site.template(getattr(site, path)), site.mailbox)
    assert set(seen(found)) >= {time for feature in stored.values() for time in feature.busy}


def test_a_calendar_with_all_events_has_all_busy_times(site: Site, stored: dict[str, Feature]) -> None:
    site.make_calendar("everything", f"<C:calendar-timezone>{to_calendar(berlin()).decode()}</C:calendar-timezone>")
    accepted = [site.put("everything", name, feature.to_object(f"{name}-again@example.com")) for name, feature in stored.items()]
    assert all(accepted)
    found = seen(ask(site, f"{site.url}{site.home}{{localPart}}/", "everything@example.net"))
    assert found == sorted({time for feature in stored.values() for time in feature.busy})


@pytest.mark.usefixtures("stored")
@pytest.mark.parametrize("query", ["events", "free-busy"])
@pytest.mark.parametrize("path", ["home", "principal"])
@pytest.mark.parametrize("mailbox", ["typo@example.net", "calendar@example.net"])
def test_an_unknown_mailbox_is_never_free(site: Site, path: str, query: str, mailbox: str) -> None:
    found = ask(site, site.template(getattr(site, path)), mailbox, query=query)
    assert isinstance(found, (MailboxNotFound, NoAccess)), found


@pytest.mark.usefixtures("stored")
@pytest.mark.parametrize("query", ["events", "free-busy"])
def test_an_unknown_calendar_is_not_found(site: Site, query: str) -> None:
    found = ask(site, f"{site.url}{site.home}{{localPart}}/", "typo@example.net", query=query)
    assert type(found) is MailboxNotFound


@pytest.mark.usefixtures("stored")
def test_the_calendars_of_another_user_are_not_free(site: Site) -> None:
    found = ask(site, site.template(site.home), "eve@example.net")
    assert isinstance(found, LookupFailed)


@pytest.mark.parametrize("query", ["events", "free-busy"])
def test_an_administrator_reads_each_user_and_no_other(site: Site, stored: dict[str, Feature], query: str) -> None:
    if site.reader is None:
        return
    user, password = site.reader
    of_bob, of_a_typo = (
        ask(site, site.template(site.home), mailbox, username=user, password=password, query=query)
        for mailbox in (site.mailbox, "typo@example.net")
    )
    assert type(of_a_typo) is MailboxNotFound
    if query == "events":
        assert set(seen(of_bob)) >= {time for feature in stored.values() for time in feature.busy}


def test_an_empty_calendar_is_free(site: Site) -> None:
    site.make_calendar("empty")
    assert seen(ask(site, f"{site.url}{site.home}{{localPart}}/", "empty@example.net")) == []


def test_an_added_and_a_removed_event_are_seen_at_once(site: Site) -> None:
    site.make_calendar("changing")
    asked = backend(site, f"{site.url}{site.home}{{localPart}}/")
    mailbox = "changing@example.net"
    assert seen(look_up(asked, mailbox, WINDOW)) == []
    assert site.put("changing", "lunch", _LUNCH.to_object("changing@example.com"))
    assert seen(look_up(asked, mailbox, WINDOW)) == _LUNCH.busy
    assert seen(look_up(asked, mailbox, WINDOW)) == _LUNCH.busy
    site.delete("changing", "lunch")
    assert seen(look_up(asked, mailbox, WINDOW)) == []


def test_characters_that_xml_forbids_do_not_hide_the_event(site: Site) -> None:
    site.make_calendar("odd")
    content = _LUNCH.to_object("odd@example.com")
    if not site.put("odd", "odd", content.replace(b"Secret", b"a\x0bb\x1fc")):
        assert site.put("odd", "odd", content)
    assert seen(ask(site, f"{site.url}{site.home}{{localPart}}/", "odd@example.net")) == _LUNCH.busy


def test_a_transparent_calendar_of_a_user_counts_only_if_it_is_named(site: Site) -> None:
    transparent = "<C:schedule-calendar-transp><C:transparent/></C:schedule-calendar-transp>"
    if site.make_calendar("reminders", transparent).status_code != 201:
        site.make_calendar("reminders")
    # DAViCal stores the property of a new calendar only, SOGo that of an existing one.
    site.change_calendar("reminders", transparent)
    night = Feature(["DTSTART@20261101T033300 DTEND@20261101T033400"], [("11-01T02:33", "11-01T02:34", "BUSY")])
    assert site.put("reminders", "night", night.to_object("reminders@example.com"))
    # Radicale and Xandikos do not store the property.
    counts = site.name in {"Radicale", "Xandikos"}
    assert (night.busy[0] in seen(ask(site, site.template(site.home), site.mailbox))) == counts
    assert seen(ask(site, f"{site.url}{site.home}{{localPart}}/", "reminders@example.net")) == night.busy


@pytest.mark.usefixtures("stored")
def test_busy_times_are_queried_where_the_server_supports_it(site: Site) -> None:
    found = ask(site, f"{site.url}{site.home}{{localPart}}/", "single@example.net", query="free-busy")
    if site.name == "SOGo":
        assert isinstance(found, GenerationFailed)
    else:
        assert seen(found) == FEATURES["single"].busy
