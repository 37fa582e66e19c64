"""The backend `ics` over HTTP, also with Radicale."""

import base64
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import Response

from mailhooks.availability.backends import ics
from mailhooks.availability.backends.caldav import CalDavBackend
from mailhooks.availability.backends.http import client as http
from mailhooks.availability.backends.ical import cache
from mailhooks.availability.backends.ics import IcsBackend
from mailhooks.availability.errors import (
    AuthenticationFailed,
    GenerationFailed,
    LookupFailed,
    MailboxNotFound,
    NoAccess,
    ServerBusy,
    TimedOut,
    Unreachable,
)
from mailhooks.availability.model import Schedule
from mailhooks.contract.availability import Window
from mailhooks.deadline import Deadline
from mailhooks.errors import SettingsError
from tests.support.backends import WINDOW, look_up
from tests.support.servers import radicale
from tests.support.servers.feeds import Feeds
from tests.unit.availability.ical.test_events import NINE, calendar, event

ROOM = "room@example.net"


def backend(url: str, **more: Any) -> IcsBackend:
    return IcsBackend({"type": "ics", "feeds": [{"mailbox": "Room@example.net", "url": url, **more}]})


FEED = calendar(event(*NINE))


def test_a_feed_is_fetched_again_only_when_it_has_changed(site: Feeds) -> None:
    def answer(request: Request) -> Response:
        unchanged = request.headers.get("If-None-Match") == '"1"'
        headers = {"ETag": '"1"', "Last-Modified": "Mon, 04 May 2026 00:00:00 GMT"}
        return Response(status_code=304) if unchanged else Response(FEED, headers=headers)

    site.responses["/room.ics"] = answer
    of = backend(f"{site.url}/room.ics")
    for _ in range(3):
        found = look_up(of, ROOM)
        assert isinstance(found, Schedule)
        assert len(found.events) == 1
    assert [headers.get("if-none-match") for _, _, headers, _ in site.requests] == [None, '"1"', '"1"']
    assert site.requests[1][2]["if-modified-since"] == "Mon, 04 May 2026 00:00:00 GMT"


def test_no_request_is_sent_for_a_mailbox_without_a_feed(site: Feeds) -> None:
    assert isinstance(look_up(backend(f"{site.url}/room.ics"), "other@example.net"), MailboxNotFound)
    assert site.requests == []


def test_a_feed_is_found_in_either_form_of_the_domain(site: Feeds) -> None:
    site.responses["/room.ics"] = Response(FEED)
    document = {"type": "ics", "feeds": [{"mailbox": "room@bücher.example", "url": f"{site.url}/room.ics"}]}
    of = IcsBackend(document)
    assert isinstance(look_up(of, "Room@xn--bcher-kva.example"), Schedule)
    assert of.scope("room@bücher.example") == of.scope("Room@xn--bcher-kva.example") != ""


@pytest.mark.parametrize(
    "status, failure",
    [
        (401, NoAccess),
        (403, NoAccess),
        (404, MailboxNotFound),
        (410, MailboxNotFound),
        (429, ServerBusy),
        (500, GenerationFailed),
        (503, ServerBusy),
        (504, TimedOut),
        (408, TimedOut),
        (520, ServerBusy),
        (522, TimedOut),
        (525, GenerationFailed),
        (304, GenerationFailed),
    ],
)
def test_each_http_status_has_its_failure(site: Feeds, status: int, failure: type[LookupFailed]) -> None:
    site.responses["/room.ics"] = Response("private", status)
    assert type(look_up(backend(f"{site.url}/room.ics"), ROOM)) is failure


def test_wrong_credentials_differ_from_missing_ones(site: Feeds) -> None:
    site.responses["/room.ics"] = Response("no", 401)
    assert type(look_up(backend(f"{site.url}/room.ics", username="u", password="p"), ROOM)) is AuthenticationFailed


@pytest.mark.parametrize("content", [b"", b"<html>Sign in</html>", FEED[:-20]])
def test_an_incomplete_calendar_is_a_failure(site: Feeds, content: bytes) -> None:
    site.responses["/room.ics"] = Response(content)
    assert type(look_up(backend(f"{site.url}/room.ics"), ROOM)) is GenerationFailed


def test_a_redirect_to_another_server_has_no_credentials(site: Feeds, host: Callable[..., Any]) -> None:
    other = host(Feeds())
    other.responses["/new.ics"] = Response(FEED)
    site.responses["/room.ics"] = Response(status_code=302, headers={"Location": "/next.ics"})
    site.responses["/next.ics"] = Response(status_code=302, headers={"Location": f"{other.url}/new.ics"})
    assert isinstance(look_up(backend(f"{site.url}/room.ics", username="u", password="ü"), ROOM), Schedule)
    expected = "Basic " + base64.b64encode("u:ü".encode()).decode()
    assert [headers.get("authorization") for _, _, headers, _ in site.requests] == [expected, expected]
    assert "authorization" not in other.requests[0][2]


@pytest.mark.parametrize("target", ["file:///etc/passwd", "/room.ics", "ftp://example.net/x", "http://[broken/", ""])
def test_an_unsafe_redirect_is_a_failure(site: Feeds, target: str) -> None:
    site.responses["/room.ics"] = Response(status_code=302, headers={"Location": target})
    assert type(look_up(backend(f"{site.url}/room.ics"), ROOM)) is GenerationFailed
    assert len(site.requests) <= 5


def test_a_feed_that_is_too_large_is_a_failure(site: Feeds) -> None:
    site.responses["/room.ics"] = Response(calendar("X-PAD:" + "x" * 21_000_000 + "\r\n"))
    assert type(look_up(backend(f"{site.url}/room.ics"), ROOM)) is GenerationFailed


def test_a_hanging_server_times_out_and_a_missing_one_is_unreachable(site: Feeds) -> None:
    site.delay = 5
    assert type(look_up(backend(f"{site.url}/room.ics"), ROOM, seconds=0.3)) is TimedOut
    assert type(look_up(backend("http://127.0.0.1:9/room.ics"), ROOM)) is Unreachable


def test_webcal_is_https(site: Feeds) -> None:
    assert type(look_up(backend(site.url.replace("http:", "webcal:") + "/room.ics"), ROOM)) is Unreachable
    assert site.requests == []


TWICE = [{"mailbox": mailbox, "url": "https://x"} for mailbox in ("a@example.net", "A@example.net")]


ODD_URLS = [
    ("a@example.net", "https://{domain}/x"),
    ("a@example.net", "https://x/{user}.ics"),
    ("a@example.net", "https://x/{}.ics"),
    ("a@example.net", "https://x/room.ics#{mailbox}"),
    ("example.net", "https://x/room.ics"),
    ("example.net", "https://x/{domain}.ics"),
    ("*", "https://x/room.ics"),
    ("room", "https://x/{mailbox}"),
    ("*.*.example.net", "https://x/{mailbox}"),
]


@pytest.mark.parametrize(
    "change",
    [
        {"timeZone": "Nowhere/City"},
        {"feeds": TWICE},
        {"feeds": [{"mailbox": mailbox, "url": "https://x/{mailbox}"} for mailbox in ("*.example.net", "*.Example.net")]},
        *({"feeds": [{"mailbox": mailbox, "url": url}]} for mailbox, url in ODD_URLS),
    ],
)
def test_invalid_settings_are_rejected(change: dict[str, Any]) -> None:
    document = {"type": "ics", "feeds": [{"mailbox": "a@example.net", "url": "https://x"}]} | change
    with pytest.raises(SettingsError):
        IcsBackend(document)


@pytest.mark.parametrize(
    "url, mailbox, path",
    [
        ("/{localPart}.ics", "room1@example.net", "/room1.ics"),
        ("/{domain}/{localPart}/calendar.ics", "Room1@Example.net", "/example.net/room1/calendar.ics"),
        ("/{mailbox}", "room1@example.net", "/room1@example.net"),
        ("/{localPart}.ics", "a/../b@example.net", "/a%2F..%2Fb.ics"),
        ("/{localPart}.ics", "50%25?x#y&z=1@example.net", "/50%2525%3Fx%23y%26z%3D1.ics"),
        ("/{localPart}.ics", "bücher@example.net", "/b%C3%BCcher.ics"),
        ("/{domain}/{localPart}", "room@bücher.example", "/xn--bcher-kva.example/room"),
        ("/feed?user={localPart}&of={domain}", "a+b&c@example.net", "/feed?user=a%2Bb%26c&of=example.net"),
    ],
)
def test_a_url_contains_the_mailbox(site: Feeds, url: str, mailbox: str, path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    requested: list[str] = []

    def send(_: Any, method: str, address: str, *arguments: Any, **more: Any) -> http.HttpResponse:
        requested.append(address)
        return http.HttpResponse(200, {}, FEED)

    monkeypatch.setattr(ics.http, "send", send)
    of = IcsBackend({"type": "ics", "feeds": [{"mailbox": "*", "url": f"https://cal.example.org{url}"}]})
    assert isinstance(look_up(of, mailbox), Schedule)
    assert requested == [f"https://cal.example.org{path}"]


@pytest.mark.parametrize("mailbox", ["..@example.net", ".@example.net", "@example.net", "\ud800@example.net"])
def test_a_mailbox_that_would_leave_the_path_has_no_feed(site: Feeds, mailbox: str) -> None:
    of = IcsBackend({"type": "ics", "feeds": [{"mailbox": "*", "url": f"{site.url}/{{localPart}}"}]})
    assert isinstance(look_up(of, mailbox), MailboxNotFound)
    assert site.requests == []


def test_the_most_specific_feed_applies(site: Feeds) -> None:
    names = {"*": "any", "*.example.net": "all", "example.net": "domain", "room@example.net": "own"}
    site.responses |= {f"/{name}/room.ics": Response(FEED) for name in names.values()}
    feeds = [{"mailbox": mailbox, "url": f"{site.url}/{name}/{{localPart}}.ics"} for mailbox, name in names.items()]
    of = IcsBackend({"type": "ics", "feeds": feeds})
    for mailbox in ("room@example.net", "Room@example.net", "room@sub.example.net", "room@example.org"):
        assert isinstance(look_up(of, mailbox), Schedule)
    assert isinstance(look_up(of, "other@example.net"), MailboxNotFound)
    paths = [path for _, path, _, _ in site.requests]
    assert paths == ["/own/room.ics", "/own/room.ics", "/all/room.ics", "/any/room.ics", "/domain/other.ics"]


def test_the_number_of_feeds_of_a_pattern_is_limited(site: Feeds, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ics, "_MAX_FEEDS", 2)
    of = IcsBackend({"type": "ics", "feeds": [{"mailbox": "*", "url": f"{site.url}/{{localPart}}"}]})
    site.responses |= {f"/room{number}": Response(FEED, headers={"ETag": '"1"'}) for number in range(4)}
    for number in (0, 1, 2, 3, 3, 0):
        assert isinstance(look_up(of, f"room{number}@example.net"), Schedule)
    assert ["if-none-match" in headers for _, _, headers, _ in site.requests] == [False, False, False, False, True, False]


def test_a_meeting_that_the_owner_has_declined_is_free(site: Feeds) -> None:
    site.responses["/room.ics"] = Response(calendar(event(*NINE, "ATTENDEE;PARTSTAT=DECLINED:mailto:alias@example.org")))
    for more, number in (({}, 1), ({"addresses": ["Alias@example.org"]}, 0)):
        found = look_up(backend(f"{site.url}/room.ics", **more), ROOM)
        assert isinstance(found, Schedule)
        assert len(found.events) == number


def test_a_collection_of_radicale_can_be_read_as_a_feed(tmp_path: Any) -> None:
    with radicale.running(tmp_path) as server:
        free = radicale.event("two", "DTSTART;VALUE=DATE:20260504", "TRANSP:TRANSPARENT")
        server.make(f"/{radicale.USER}/room/", radicale.event("one", *NINE, "SUMMARY:Budget"), free)
        found = look_up(backend(f"{server.url}/{radicale.USER}/room/", username=radicale.USER, password=radicale.PASSWORD), ROOM)
        assert isinstance(found, Schedule)
        assert [(e.start_time.hour, e.details and e.details.subject) for e in found.events] == [(9, "Budget")]


def test_the_cache_of_feeds_is_limited(site: Feeds, monkeypatch: pytest.MonkeyPatch) -> None:
    def answer(request: Request) -> Response:
        return Response(status_code=304) if "if-none-match" in request.headers else Response(FEED, headers={"ETag": '"1"'})

    boxes = [f"room{number}@example.net" for number in range(3)]
    site.responses |= {f"/{box}": answer for box in boxes}
    of = IcsBackend({"type": "ics", "feeds": [{"mailbox": box, "url": f"{site.url}/{box}"} for box in boxes]})
    monkeypatch.setattr(cache, "CACHE_OCTETS", 2 * len(FEED))
    for box in [*boxes, boxes[2], boxes[1], boxes[0]]:
        found = look_up(of, box)
        assert isinstance(found, Schedule)
        assert len(found.events) == 1
    assert ["if-none-match" in headers for _, _, headers, _ in site.requests] == [False, False, False, True, True, False]


def test_an_unreadable_feed_is_not_served_from_the_cache(site: Feeds) -> None:
    of = backend(f"{site.url}/room.ics")
    site.responses["/room.ics"] = Response(FEED, headers={"ETag": '"1"'})
    assert isinstance(look_up(of, ROOM), Schedule)
    site.responses["/room.ics"] = Response(FEED[:-20], headers={"ETag": '"2"'})
    assert type(look_up(of, ROOM)) is GenerationFailed
    site.responses["/room.ics"] = Response(FEED, headers={"ETag": '"3"'})
    assert isinstance(look_up(of, ROOM), Schedule)


def test_zones_are_separate_for_each_feed(site: Feeds) -> None:
    def zoned(offset: str) -> Response:
        rule = f"BEGIN:STANDARD\r\nDTSTART:20000101T000000\r\nTZOFFSETFROM:{offset}\r\nTZOFFSETTO:{offset}\r\nEND:STANDARD\r\n"
        zone = f"BEGIN:VTIMEZONE\r\nTZID:Office\r\n{rule}END:VTIMEZONE\r\n"
        return Response(calendar(zone, event("DTSTART;TZID=Office:20260504T120000", "DURATION:PT1H")))

    hours = []
    for offset in ("+0300", "-0500"):
        site.responses["/room.ics"] = zoned(offset)
        found = look_up(backend(f"{site.url}/room.ics"), ROOM)
        assert isinstance(found, Schedule)
        hours += [e.start_time.hour for e in found.events]
    assert hours == [9, 17]


def test_a_scope_contains_no_credentials() -> None:
    entries = [
        {"mailbox": f"{name}@example.net", "url": "https://cal.example.net/x", "username": name, "password": "secret"} for name in "ab"
    ]
    of = IcsBackend({"type": "ics", "feeds": entries})
    scopes = {of.scope("a@example.net"), of.scope("A@example.net"), of.scope("b@example.net"), of.scope("unknown@example.net")}
    assert len(scopes) == 3
    assert not any("secret" in scope or "example" in scope for scope in scopes)


def test_caldav_and_ics_return_the_same_times(tmp_path: Path) -> None:
    berlin = "TZID=Europe/Berlin"
    # The series starts in the same summer, because Radicale expands in UTC (see docs/availability.md). Radicale would join overlapping
    # events.
    series = (f"DTSTART;{berlin}:20260401T090000", f"DTEND;{berlin}:20260401T103000", "RRULE:FREQ=WEEKLY;BYDAY=MO,WE,FR")
    moved = radicale.event("series", f"RECURRENCE-ID;{berlin}:20260504T090000", f"DTSTART;{berlin}:20260504T150000", "DURATION:PT30M")
    texts = [
        radicale.event("series", *series, f"EXDATE;{berlin}:20260506T090000") + moved,
        radicale.event("day", "DTSTART;VALUE=DATE:20260509", "DTEND;VALUE=DATE:20260511"),
        radicale.event("maybe", "DTSTART:20260505T200000Z", "DURATION:PT2H", "STATUS:TENTATIVE"),
        radicale.event("free", "DTSTART:20260505T100000Z", "DURATION:PT2H", "TRANSP:TRANSPARENT"),
        radicale.event("months", f"DTSTART;{berlin}:20260424T230000", "DURATION:PT2H", "RRULE:FREQ=MONTHLY;BYDAY=-1FR", "SUMMARY:x"),
    ]
    window = Window(WINDOW.start_date, WINDOW.start_date + timedelta(days=28))
    with radicale.running(tmp_path) as server:
        server.make(f"/{radicale.USER}/room@example.net/", *texts)
        account = {"username": radicale.USER, "password": radicale.PASSWORD}
        dav = CalDavBackend({"type": "caldav", "url": f"{server.url}/{radicale.USER}/{{mailbox}}/", **account})
        of = backend(f"{server.url}/{radicale.USER}/room@example.net/", **account)
        found = [one.look_up(["room@example.net"], window, Deadline.after(10))["room@example.net"] for one in (dav, of)]
    said, read = ({(e.start_time, e.end_time, e.busy_type) for e in one.events} if isinstance(one, Schedule) else set() for one in found)
    assert len(read) == 14
    assert said == {(start, end, kind) for start, end, kind in read if start < window.end_date and end > window.start_date}
