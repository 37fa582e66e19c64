"""Multistatus responses of CalDAV servers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailhooks.availability.backends.caldav import multistatus as dav
from mailhooks.availability.backends.caldav.freebusy import read_calendar_data
from mailhooks.availability.backends.caldav.multistatus import Resource, read_multistatus
from mailhooks.availability.errors import GenerationFailed

DATA = "BEGIN:VCALENDAR\nEND:VCALENDAR"


def multistatus(*responses: str) -> bytes:
    names = 'xmlns="DAV:" xmlns:C="urn:ietf:params:xml:ns:caldav"'
    return f'<?xml version="1.0" encoding="utf-8"?><multistatus {names}>{"".join(responses)}</multistatus>'.encode()


def response(data: str, status: str = "HTTP/1.1 200 OK") -> str:
    data = f"<prop><C:calendar-data>{data}</C:calendar-data></prop>"
    return f"<response><href>/x</href><propstat>{data}<status>{status}</status></propstat></response>"


def read_one(*parts: str) -> Resource:
    [resource] = read_multistatus(multistatus(f"<response><href>/x</href>{''.join(parts)}</response>"))
    return resource


def test_each_property_has_the_status_of_its_group() -> None:
    groups = {"200 OK": "<C:calendar-data>a</C:calendar-data>", "404 Not Found": "<sync-token/>", "403": "<C:calendar-timezone/>"}
    resource = read_one(*(f"<propstat><prop>{prop}</prop><status>HTTP/1.1 {status}</status></propstat>" for status, prop in groups.items()))
    assert (resource.href, resource.status, list(resource.properties)) == ("/x", 200, [dav.DATA])
    assert resource.failed == {dav.SYNC_TOKEN: 404, dav.TIME_ZONE: 403}


def test_the_status_may_stand_before_the_properties_and_in_any_form() -> None:
    for status in ("HTTP/1.1 200 OK", "HTTP/1.1 200", "HTTP/2 200 ", "\n HTTP/1.0  204 No Content\n"):
        resource = read_one(f"<propstat><status>{status}</status><prop><sync-token>1</sync-token></prop></propstat>")
        assert resource.text(dav.SYNC_TOKEN) == "1", status
    for status in ("", "200", "HTTP/1.1 OK", "HTTP/1.1 2000", "HTTP/1.1 500 no"):
        resource = read_one(f"<propstat><prop><sync-token>1</sync-token></prop><status>{status}</status></propstat>")
        assert (resource.properties, dav.SYNC_TOKEN in resource.failed) == ({}, True), status


def test_elements_names_and_hrefs_of_a_property_are_read() -> None:
    kinds = '<resourcetype> <collection/> <C:calendar x="1"/> </resourcetype>'
    names = '<C:supported-calendar-component-set><C:comp name="VEVENT"/><C:comp name="VTODO"/></C:supported-calendar-component-set>'
    homes = "<C:calendar-home-set><href> /a/ </href><href>/b/</href></C:calendar-home-set>"
    resource = read_one(f"<propstat><prop>{kinds}{names}{homes}</prop><status>HTTP/1.1 200 OK</status></propstat>")
    assert resource.elements(dav.RESOURCE_TYPE) == ["DAV: collection", dav.CALENDAR]
    assert resource.properties[dav.COMPONENTS].names == ["VEVENT", "VTODO"]
    assert resource.hrefs(dav.HOME) == ["/a/", "/b/"]
    assert (resource.elements(dav.TRANSPARENCY), resource.hrefs(dav.ADDRESSES), resource.text(dav.TAG)) == ([], [], "")


def test_a_href_within_a_property_is_not_the_resources() -> None:
    resource = read_one(
        "<propstat><prop><C:calendar-home-set><href>/y</href></C:calendar-home-set></prop><status>HTTP/1.1 200</status></propstat>"
    )
    assert resource.href == "/x"


@given(st.text(st.characters(blacklist_categories=["Cs"]), max_size=50))
def test_any_text_of_an_event_leaves_the_other_events(text: str) -> None:
    # Servers escape markup, but send other characters as they are.
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    found = read_multistatus(multistatus(response(text), response(DATA)))
    assert [resource.text(dav.DATA) for resource in found][1:] == [DATA]


@pytest.mark.parametrize(
    "content",
    [
        b'<!DOCTYPE x [<!ENTITY a "b">]>' + multistatus(response("&a;")),
        b'<!DOCTYPE x SYSTEM "http://127.0.0.1/x">' + multistatus(response(DATA)),
        ('<!DOCTYPE x [<!ENTITY a "b">]>' + multistatus(response("&a;")).decode().split("?>")[1]).encode("utf-16"),
        multistatus(response("&a;")),
        multistatus("<response>" + "<x>" * 60 + "</x>" * 60 + "</response>"),
        b"<a>" * 100_000,
        multistatus("<response/>" * 100_001),
        multistatus(response(f"{DATA}</C:calendar-data><C:calendar-data>{DATA}")),
        multistatus(f"<response><resourcetype>{'<a/>' * 1001}</resourcetype></response>"),
        b'<multistatus xmlns="DAV:"><response><a xmlns="' + b"x" * 5000 + b'"/></response></multistatus>',
        multistatus("<response " + " ".join(f"a{number}='1'" for number in range(10_000)) + "/>"),
        b'<multistatus xmlns="dav:"></multistatus>',
        b"<multistatus/>",
        b"\xef\xbb\xbf",
        b"\xff\xfe",
        b'<?xml version="1.0" encoding="klingon"?>' + multistatus().split(b"?>")[1],
    ],
)
def test_hostile_and_foreign_responses_are_failures(content: bytes) -> None:
    with pytest.raises(GenerationFailed):
        read_multistatus(content)


def test_a_long_event_is_not_a_long_tag() -> None:
    text = "DESCRIPTION:" + "x" * 200_000
    found = read_multistatus(multistatus(response(f"<![CDATA[{text}]]>"), response(text)))
    assert [resource.text(dav.DATA) for resource in found] == [text, text]


def test_the_data_of_all_parts_is_read() -> None:
    assert read_calendar_data(multistatus(response(DATA), response(f"<![CDATA[{DATA}]]>"))) == [DATA.encode()] * 2


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"<html><p>Sign in</html>",
        multistatus(),
        multistatus("<response><href>/x</href><status>HTTP/1.1 200 OK</status></response>"),
        multistatus(response(DATA), response(DATA, "HTTP/1.1 403 Forbidden")),
        multistatus(response(DATA, "")),
        multistatus(response(DATA))[:-3],
    ],
)
def test_any_other_response_to_a_query_of_busy_times_is_a_failure(content: bytes) -> None:
    with pytest.raises(GenerationFailed):
        read_calendar_data(content)
