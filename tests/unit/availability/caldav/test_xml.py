"""Multistatus responses of CalDAV servers."""

import pytest

from mailhooks.availability.backends.caldav import read_calendar_data
from mailhooks.availability.errors import GenerationFailed

DATA = "BEGIN:VCALENDAR\nEND:VCALENDAR\n"


def multistatus(*responses: str) -> bytes:
    names = 'xmlns="DAV:" xmlns:C="urn:ietf:params:xml:ns:caldav"'
    return f'<?xml version="1.0" encoding="utf-8"?><multistatus {names}>{"".join(responses)}</multistatus>'.encode()


def response(data: str, status: str = "HTTP/1.1 200 OK") -> str:
    data = f"<prop><C:calendar-data>{data}</C:calendar-data></prop>"
    return f"<response><href>/x</href><propstat>{data}<status>{status}</status></propstat></response>"


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
        b'<!DOCTYPE x [<!ENTITY a "b">]>' + multistatus(response("&a;")),
        multistatus(response(DATA)).decode().replace("utf-8", "utf-16").encode("utf-16"),
    ],
)
def test_any_other_response_is_a_failure_and_not_free_time(content: bytes) -> None:
    with pytest.raises(GenerationFailed):
        read_calendar_data(content)
