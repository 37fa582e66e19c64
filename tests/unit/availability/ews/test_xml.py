"""Unusual, incomplete and hostile XML of servers."""

from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailhooks.availability.backends.ews.errors import RequestFailed
from mailhooks.availability.backends.ews.response import read_response
from mailhooks.availability.errors import GenerationFailed, LookupFailed
from mailhooks.availability.model import Schedule
from mailhooks.contract.freebusy import BusyType, CalendarEvent
from tests.support.servers.ews import answer, calendar, error, event, t

NINE, TEN = datetime(2026, 5, 4, 9, tzinfo=UTC), datetime(2026, 5, 4, 10, tzinfo=UTC)


def test_namespaces_and_comments_are_ignored() -> None:
    content = answer(calendar(event("2026-05-04T09:00:00Z", "2026-05-04T10:00:00Z", "Tentative")))
    for old, new in (
        (b"<m:", b"<t:"),
        (b"</m:", b"</t:"),
        (b"<t:BusyType>", b"<!-- x --><?y z?><t:BusyType><!-- x -->"),
        (b"http://schemas.m", b"https://schemas.m"),
    ):
        content = content.replace(old, new)
    assert read_response(content, 1) == [Schedule((CalendarEvent(NINE, TEN, BusyType.TENTATIVE),))]


def test_white_space_around_the_document_is_ignored() -> None:
    assert read_response(b"\r\n " + answer(calendar()) + b"\r\n", 1) == [Schedule()]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "iso-8859-1"])
def test_any_declared_encoding_is_read(encoding: str) -> None:
    content = answer(calendar(event("2026-05-04T09:00:00Z", "2026-05-04T10:00:00Z", details=t("Subject", "Prüfung")))).decode()
    ((found,),) = [
        result.events
        for result in read_response(
            content.replace('encoding="utf-8"', f'encoding="{encoding[:10].removesuffix("-sig")}"').encode(encoding), 1
        )
        if isinstance(result, Schedule)
    ]
    assert found.details is not None
    assert found.details.subject == "Prüfung"


def read_or_reject(content: bytes) -> None:
    """Check that a response with one event is read completely or rejected, without another exception."""
    with suppress(RequestFailed):
        assert read_response(content, 1) == [Schedule((CalendarEvent(NINE, TEN, BusyType.BUSY),))]


@pytest.mark.parametrize(
    "encoding", ["x-unknown", "utf-9", "", "\x00", "a" * 100_000, "ebcdic-cp-fi", "base64", "idna", "undefined", "rot13"]
)
def test_an_unknown_encoding_is_read_as_utf_8_or_a_failure(encoding: str) -> None:
    content = answer(calendar(event("2026-05-04T09:00:00Z", "2026-05-04T10:00:00Z"))).replace(b"utf-8", encoding.encode())
    read_or_reject(content)


@pytest.mark.parametrize(
    "old, new",
    [
        (b' xmlns:t="', b' xmlns:x="'),
        (b"http://schemas.microsoft.com/exchange/services/2006/types", b"urn:example"),
        (b"http://schemas.microsoft.com/exchange/services/2006/messages", b""),
        (b"http://schemas.xmlsoap.org/soap/envelope/", b"http://www.w3.org/2003/05/soap-envelope"),
        (b"<t:CalendarEvent>", b'<t:CalendarEvent xmlns:t="urn:other">'),
    ],
)
def test_odd_namespaces_are_read_or_a_failure(old: bytes, new: bytes) -> None:
    content = answer(calendar(event("2026-05-04T09:00:00Z", "2026-05-04T10:00:00Z")))
    assert old in content
    read_or_reject(content.replace(old, new))


def test_invalid_utf_8_is_replaced() -> None:
    content = answer(calendar(event("2026-05-04T09:00:00Z", "2026-05-04T10:00:00Z", details=t("Subject", "Pr_fung"))))
    (result,) = read_response(content.replace(b"_", b"\xfc"), 1)
    assert isinstance(result, Schedule)
    assert result.events[0].details is not None
    assert result.events[0].details.subject == "Pr\ufffdfung"


DTD = "<!DOCTYPE s [<!ENTITY a '{}'>]>"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"<",
        b"<a/>",
        b"<!DOCTYPE html><html/>",
        b"<s:Envelope xmlns:s='x'/>",
        b"<Envelope><Body/></Envelope>",
        b"<Envelope><Body><GetUserAvailabilityResponse/></Body></Envelope>",
        b"<Envelope><Body><Fault/></Body></Envelope>",
        answer(calendar()).replace(b"<s:Envelope", DTD.format("x").encode() + b"<s:Envelope"),
        answer(calendar()).replace(b"<s:Envelope", DTD.format("x").encode() + b"<s:Envelope").replace(b"Detailed", b"&a;"),
        answer(calendar()).replace(b"Detailed", b"&undefined;"),
        b"<a>" * 5000,
    ],
)
def test_a_response_that_is_not_ews_is_rejected(content: bytes) -> None:
    with pytest.raises(RequestFailed) as refused:
        read_response(content, 1)
    assert type(refused.value.failure) is GenerationFailed


@given(st.data())
def test_a_mangled_response_is_read_or_rejected(data: st.DataObject) -> None:
    whole = answer(
        calendar(event("2026-05-04T09:00:00Z", "2026-05-04T10:00:00Z", details=t("Subject", "x") + t("IsPrivate", "true"))),
        error("ErrorNoCalendar"),
    )
    start = data.draw(st.integers(0, len(whole)))
    end = data.draw(st.integers(start, min(len(whole), start + 40)))
    mangled = whole[:start] + data.draw(st.binary(max_size=20)) + whole[end:]
    results: list[Any] = []
    with suppress(RequestFailed):
        results = read_response(mangled, 2)
    assert all(isinstance(result, (Schedule, LookupFailed)) for result in results)
