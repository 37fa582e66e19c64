"""Which calendars the backend `caldav` reads for a user, and which users it does not find."""

from collections.abc import Callable
from typing import Any

import pytest
from starlette.responses import Response

from mailhooks.availability.backends.caldav import CalDavBackend
from mailhooks.availability.errors import AuthenticationFailed, GenerationFailed, LookupFailed, MailboxNotFound, NoAccess
from mailhooks.availability.model import Result, Schedule
from tests.support.backends import look_up
from tests.support.servers.webdav import CALENDAR, HOME, WebDav, data, failed, multistatus, resource

BOB = "bob@example.net"
HOURS = [8, 9, 10, 11, 12]

Host = Callable[..., Any]


@pytest.fixture
def dav(host: Host) -> WebDav:
    return host(WebDav())


def event(hour: int, *more: str) -> bytes:
    lines = [f"UID:{hour}", f"DTSTART:20260504T{hour:02}0000Z", "DURATION:PT30M", *more]
    return "\r\n".join(["BEGIN:VCALENDAR", "VERSION:2.0", "BEGIN:VEVENT", *lines, "END:VEVENT", "END:VCALENDAR", ""]).encode()


def ask(dav: WebDav, path: str = "/dav/{localPart}/", mailbox: str = BOB, **more: str) -> Result:
    return look_up(CalDavBackend({"type": "caldav", "url": dav.url + path, **more}), mailbox)


def hours(found: Result) -> list[int]:
    assert isinstance(found, Schedule), found
    return sorted(event.start_time.hour for event in found.events)


def add_home(dav: WebDav, *members: str, path: str = "/dav/bob/") -> None:
    def answer(request: Any) -> Response:
        return multistatus(resource(path, HOME), *(members if request.headers["Depth"] == "1" else ()))

    dav.responses["PROPFIND", path] = answer


def components(*names: str) -> str:
    inner = "".join(f'<C:comp name="{name}"/>' for name in names)
    return f"<C:supported-calendar-component-set>{inner}</C:supported-calendar-component-set>"


@pytest.mark.parametrize(
    "properties, counts",
    [
        (CALENDAR, True),
        (CALENDAR + components("VEVENT", "VTODO"), True),
        (CALENDAR + components("vevent"), True),
        (CALENDAR + components(), True),
        (CALENDAR + components("VTODO"), False),
        (CALENDAR + "<C:schedule-calendar-transp><C:opaque/></C:schedule-calendar-transp>", True),
        (CALENDAR + "<C:schedule-calendar-transp/>", True),
        (CALENDAR + "<C:schedule-calendar-transp><C:transparent/></C:schedule-calendar-transp>", False),
        ("<D:resourcetype><D:collection/><C:calendar/><S:subscribed/></D:resourcetype>", False),
        ("<D:resourcetype><D:collection/><C:calendar/><S:shared/></D:resourcetype>", False),
        ("<D:resourcetype><D:collection/><C:calendar/><S:shared-owner/></D:resourcetype>", True),
        (
            "<D:resourcetype><D:collection/><C:calendar/><S:shared/></D:resourcetype>"
            "<C:schedule-calendar-transp><C:opaque/></C:schedule-calendar-transp>",
            True,
        ),
        ("<D:resourcetype><D:collection/><C:schedule-inbox/></D:resourcetype>", False),
        ("<D:resourcetype><D:collection/><C:schedule-outbox/></D:resourcetype>", False),
        ("<D:resourcetype><D:collection/></D:resourcetype>", False),
        ("<D:resourcetype/>", False),
    ],
)
def test_the_calendars_of_a_home_that_make_its_user_busy(dav: WebDav, properties: str, counts: bool) -> None:
    dav.add_calendar("/dav/bob/main/", event(8))
    dav.add_calendar("/dav/bob/other/", event(9))
    add_home(dav, resource("/dav/bob/main/", CALENDAR), resource("/dav/bob/other/", properties))
    assert hours(ask(dav)) == ([8, 9] if counts else [8])


def test_a_subscribed_calendar_counts_by_its_own_url_if_the_server_has_its_events(dav: WebDav) -> None:
    # homeglow pull request 146: iCloud answers with no events in place of those of the feed.
    subscribed = "<D:resourcetype><D:collection/><C:calendar/><S:subscribed/></D:resourcetype>"
    for path, events in {"/dav/bob/full/": [event(8)], "/dav/bob/empty/": []}.items():
        dav.add_calendar(path, *events)
        dav.responses["PROPFIND", path] = multistatus(resource(path, subscribed))
    assert hours(ask(dav, "/dav/{localPart}/full/")) == [8]
    assert type(ask(dav, "/dav/{localPart}/empty/")) is MailboxNotFound


@pytest.mark.parametrize(
    "href", ["/dav/bob/main/", "/dav/bob/main", "main/", "/dav/%62ob/main/", "//{host}/dav/bob/main/", "http://{host}/dav/bob/main/"]
)
def test_each_form_of_a_href_is_followed(dav: WebDav, href: str) -> None:
    dav.add_calendar("/dav/bob/main/", event(8))
    dav.add_calendar("/dav/bob/main", event(8))
    add_home(dav, resource(href.replace("{host}", dav.url.removeprefix("http://")), CALENDAR))
    assert hours(ask(dav)) == [8]


def test_a_proxys_port_and_scheme_are_not_taken_from_a_href(dav: WebDav) -> None:
    dav.add_calendar("/dav/bob/main/", event(8))
    add_home(dav, resource("https://127.0.0.1:1/dav/bob/main/", CALENDAR))
    assert hours(ask(dav)) == [8]


def test_credentials_are_not_sent_to_another_host(dav: WebDav) -> None:
    add_home(dav, resource("http://other.example.net/dav/bob/main/", CALENDAR))
    found = ask(dav, username="svc", password="secret")
    assert type(found) is GenerationFailed
    assert "configure its URL" in str(found)


def test_a_principal_leads_to_its_homes(dav: WebDav) -> None:
    homes = "<C:calendar-home-set><D:href>/homes/bob/</D:href><D:href>/rooms/bob/</D:href></C:calendar-home-set>"
    principal = f"<D:resourcetype><D:principal/></D:resourcetype>{homes}"
    dav.responses["PROPFIND", "/principals/bob/"] = multistatus(resource("/principals/bob/", principal))
    for number, home in enumerate(("/homes/bob/", "/rooms/bob/")):
        dav.add_calendar(f"{home}main/", event(8 + number))
        add_home(dav, resource(f"{home}main/", CALENDAR), path=home)
    assert hours(ask(dav, "/principals/{localPart}/")) == [8, 9]


def test_a_declined_meeting_is_free_by_the_principals_addresses(dav: WebDav) -> None:
    addresses = (
        "<C:calendar-user-address-set><D:href>mailto:robert@example.net</D:href><D:href>/p/bob/</D:href></C:calendar-user-address-set>"
    )
    home = "<C:calendar-home-set><D:href>/dav/bob/</D:href></C:calendar-home-set>"
    principal = f"<D:resourcetype><D:principal/></D:resourcetype>{home}{addresses}"
    dav.responses["PROPFIND", "/p/bob/"] = multistatus(resource("/p/bob/", principal))
    meeting = "ORGANIZER:mailto:eve@example.net"
    dav.add_calendar(
        "/dav/bob/main/",
        event(8, meeting, "ATTENDEE;PARTSTAT=DECLINED:mailto:robert@example.net"),
        event(9, meeting, "ATTENDEE;PARTSTAT=DECLINED:mailto:eve@example.net"),
    )
    add_home(dav, resource("/dav/bob/main/", CALENDAR))
    assert hours(ask(dav, "/p/{localPart}/")) == [9]


def test_a_home_that_is_its_own_principal_is_read_once(dav: WebDav) -> None:
    # DAViCal.
    own = "<C:calendar-home-set><D:href>/dav/bob/</D:href></C:calendar-home-set>"
    dav.add_calendar("/dav/bob/main/", event(8))
    add_home(dav, resource("/dav/bob/main/", CALENDAR + own))
    assert hours(ask(dav)) == [8]
    dav.responses["PROPFIND", "/dav/bob/main/"] = multistatus(resource("/dav/bob/main/", CALENDAR + own))
    assert hours(ask(dav, "/dav/{localPart}/main/")) == [8]


@pytest.mark.parametrize(
    "answer, failure",
    [
        (multistatus(failed("/dav/bob/", 404)), MailboxNotFound),
        (multistatus(resource("/dav/bob/", "<D:resourcetype/>", 404)), MailboxNotFound),
        (multistatus(resource("/dav/bob/", "<D:resourcetype/>", 403)), NoAccess),
        (multistatus(failed("/dav/bob/", 403)), NoAccess),
        (multistatus(resource("/dav/bob/", HOME)), MailboxNotFound),
        (multistatus(resource("/dav/bob/", CALENDAR + components("VTODO"))), MailboxNotFound),
        (multistatus(), GenerationFailed),
        (multistatus(resource("/dav/bob/", HOME), resource("/dav/eve/", HOME)), GenerationFailed),
        (multistatus(resource("http://[broken/", HOME)), GenerationFailed),
        (Response("", 401), AuthenticationFailed),
        (Response("", 403), NoAccess),
        (Response("", 404), MailboxNotFound),
        (Response("", 410), MailboxNotFound),
        (Response("", 500), GenerationFailed),
        (Response("not XML", 207), GenerationFailed),
        (Response("<html/>", 207), GenerationFailed),
    ],
)
def test_a_user_that_is_not_shown_is_not_free(dav: WebDav, answer: Response, failure: type[LookupFailed]) -> None:
    dav.responses["PROPFIND", "/dav/bob/"] = answer
    assert type(ask(dav)) is failure


@pytest.mark.parametrize(
    "mailbox, path, href, is_bob",
    [
        ("typo@example.net", "/SOGo/dav/{localPart}/Calendar/", "/SOGo/dav/anonymous/Calendar/", False),
        ("calendar@example.net", "/SOGo/dav/{localPart}/Calendar/", "/SOGo/dav/anonymous/Calendar/", False),
        ("a@example.net", "/SOGo/dav/{localPart}/Calendar/", "/SOGo/dav/anonymous/Calendar/", False),
        ("typo@example.net", "/dav/{localPart}/", "/dav/", False),
        ("bob@example.net", "/dav/calendars/user/{localPart}/main/", "/dav/calendars/user/svc/bob.main/", True),
        ("bob@example.net", "/prefix/dav/{localPart}/", "/dav/bob/", True),
        ("bob@example.net", "/dav/{mailbox}/", "/dav/bob%40example.net", True),
        ("Bob@example.net", "/dav/{localPart}/", "/dav/bob/", True),
    ],
)
def test_a_response_for_another_user_is_not_used(dav: WebDav, mailbox: str, path: str, href: str, is_bob: bool) -> None:
    asked = path.replace("{localPart}", mailbox.split("@")[0]).replace("{mailbox}", mailbox)
    dav.responses["PROPFIND", asked] = multistatus(resource(href, CALENDAR))
    for place in (asked, href, href.replace("%40", "@")):
        dav.responses["REPORT", place] = multistatus(resource("1.ics", data(event(8))))
    found = ask(dav, path, mailbox)
    assert hours(found) == [8] if is_bob else type(found) is MailboxNotFound


@pytest.mark.parametrize(
    "status, failure",
    [(401, NoAccess), (403, NoAccess), (500, GenerationFailed), (507, GenerationFailed), (404, None), (410, None)],
)
def test_a_member_that_is_not_shown_may_be_a_calendar(dav: WebDav, status: int, failure: type[LookupFailed] | None) -> None:
    dav.add_calendar("/dav/bob/main/", event(8))
    for member in (failed("/dav/bob/secret/", status), resource("/dav/bob/secret/", "<D:resourcetype/>", status)):
        add_home(dav, resource("/dav/bob/main/", CALENDAR), member)
        found = ask(dav)
        assert hours(found) == [8] if failure is None else type(found) is failure


def test_the_number_of_calendars_is_limited(dav: WebDav) -> None:
    add_home(dav, *(resource(f"/dav/bob/{number}/", CALENDAR) for number in range(101)))
    assert type(ask(dav)) is GenerationFailed
    assert dav.methods == ["PROPFIND", "PROPFIND"]


def test_a_failure_of_one_calendar_is_a_failure_of_the_user(dav: WebDav) -> None:
    dav.add_calendar("/dav/bob/main/", event(8))
    dav.responses["REPORT", "/dav/bob/other/"] = Response("", 403)
    add_home(dav, resource("/dav/bob/main/", CALENDAR), resource("/dav/bob/other/", CALENDAR))
    assert type(ask(dav)) is NoAccess


def test_only_redirects_on_the_same_server_are_followed(dav: WebDav) -> None:
    dav.add_calendar("/dav/bob/", event(8))
    dav.responses["PROPFIND", "/dav/bob"] = Response(status_code=301, headers={"Location": "/dav/bob/"})
    assert hours(ask(dav, "/dav/{localPart}")) == [8]
    for location in ("http://other.example.net/dav/bob/", "http://[broken/", ""):
        dav.responses["PROPFIND", "/dav/bob"] = Response(status_code=301, headers={"Location": location})
        assert type(ask(dav, "/dav/{localPart}")) is GenerationFailed
    dav.responses["PROPFIND", "/dav/bob"] = Response(status_code=302, headers={"Location": "/dav/bob"})
    dav.requests.clear()
    assert type(ask(dav, "/dav/{localPart}")) is GenerationFailed
    assert len(dav.requests) <= 3


@pytest.mark.parametrize("status", [200, 405, 501])
def test_a_server_without_propfind_is_asked_for_the_calendar_itself(dav: WebDav, status: int) -> None:
    dav.responses["PROPFIND", "/dav/bob/"] = Response("", status)
    dav.responses["REPORT", "/dav/bob/"] = multistatus(resource("1.ics", data(event(8))))
    assert hours(ask(dav)) == [8]
    # An empty response does not show that the mailbox exists.
    dav.responses["REPORT", "/dav/bob/"] = multistatus()
    assert type(ask(dav)) is MailboxNotFound
    dav.responses["REPORT", "/dav/bob/"] = Response("", 501)
    dav.responses["GET", "/dav/bob/"] = Response(event(9))
    assert hours(ask(dav)) == [9]


def test_times_without_a_zone_are_in_the_calendars_zone(dav: WebDav) -> None:
    def zone(name: str, offset: str) -> str:
        standard = ["BEGIN:STANDARD", "DTSTART:19700101T000000", f"TZOFFSETFROM:{offset}", f"TZOFFSETTO:{offset}", "END:STANDARD"]
        lines = ["BEGIN:VCALENDAR", "BEGIN:VTIMEZONE", f"TZID:{name}", *standard, "END:VTIMEZONE", "END:VCALENDAR"]
        return "<C:calendar-timezone>" + "&#13;\n".join(lines) + "</C:calendar-timezone>"

    local = event(8).replace(b"080000Z", b"080000")
    found = []
    for properties in ("", zone("Europe/Berlin", "+0100"), zone("Ship", "+0300"), "<C:calendar-timezone>0100</C:calendar-timezone>"):
        dav.add_calendar("/dav/bob/", local, properties=properties)
        found += [hours(ask(dav)), hours(ask(dav, timeZone="America/New_York"))]
    assert found == [[8], [12], [6], [6], [5], [5], [8], [12]]
