"""Every status, every error and unusual forms of getSchedule's responses."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from mailhooks.availability.backends.graph.response import Reader, failure_for
from mailhooks.availability.backends.http.client import HttpResponse
from mailhooks.availability.backends.http.json_api import WindowTooLong
from mailhooks.availability.errors import GenerationFailed, LookupFailed, MailboxNotFound, NoAccess, ServerBusy, TimedOut
from mailhooks.availability.model import Schedule
from mailhooks.contract.availability import Window
from mailhooks.contract.freebusy import AvailabilityErrorCode, BusyType, CalendarEvent, Details, InstanceType

DAY = datetime(2026, 5, 4, tzinfo=UTC)
WINDOW = Window(DAY, DAY + timedelta(days=1))
SLOT = timedelta(minutes=30)
ANA, BEN = "ana@example.com", "ben@example.com"

NINE = {"dateTime": "2026-05-04T09:00:00.0000000", "timeZone": "UTC"}
TEN = {"dateTime": "2026-05-04T10:00:00.0000000", "timeZone": "UTC"}


def read(entries: list[Any], *mailboxes: str, reader: Reader | None = None) -> dict[str, Schedule | LookupFailed]:
    return (reader or Reader()).read(json.dumps({"value": entries}).encode(), mailboxes or (ANA,), WINDOW)


def item(**changes: Any) -> dict[str, Any]:
    return {"status": "busy", "start": NINE, "end": TEN, **changes}


def event(**changes: Any) -> CalendarEvent:
    """Return the event of an item with these changes."""
    schedule = read([{"scheduleId": ANA, "scheduleItems": [item(**changes)]}])[ANA]
    assert isinstance(schedule, Schedule)
    (found,) = schedule.events
    return found


@pytest.mark.parametrize(
    "status, busy_type",
    [
        ("free", BusyType.FREE),
        ("tentative", BusyType.TENTATIVE),
        ("busy", BusyType.BUSY),
        ("oof", BusyType.BUSY),
        ("workingElsewhere", BusyType.FREE),
        ("unknown", BusyType.BUSY),
        ("Tentative", BusyType.TENTATIVE),  # the notation of the article "Get free/busy schedule"
        ("unknownFutureValue", BusyType.BUSY),
        ("somethingNewer", BusyType.BUSY),
        (None, BusyType.BUSY),
        (3, BusyType.BUSY),
    ],
)
def test_every_status_is_converted_to_a_busy_type(status: Any, busy_type: BusyType) -> None:
    assert event(status=status).busy_type is busy_type


def test_the_busy_types_of_working_elsewhere_and_unknown_are_configurable() -> None:
    reader = Reader(working_elsewhere=BusyType.TENTATIVE, unknown=BusyType.FREE)
    entry = {"scheduleId": ANA, "scheduleItems": [item(status="workingElsewhere"), item(status="unknown")]}
    schedule = read([entry], reader=reader)[ANA]
    assert isinstance(schedule, Schedule)
    assert [found.busy_type for found in schedule.events] == [BusyType.TENTATIVE, BusyType.FREE]


CODES: list[tuple[Any, type[LookupFailed], AvailabilityErrorCode]] = [
    ("5009", MailboxNotFound, AvailabilityErrorCode.MAILBOX_NOT_FOUND),
    ("5035", MailboxNotFound, AvailabilityErrorCode.MAILBOX_NOT_FOUND),
    ("ErrorMailRecipientNotFound", MailboxNotFound, AvailabilityErrorCode.MAILBOX_NOT_FOUND),
    ("ErrorInvalidUser", MailboxNotFound, AvailabilityErrorCode.MAILBOX_NOT_FOUND),
    ("ErrorInvalidSmtpAddress", MailboxNotFound, AvailabilityErrorCode.MAILBOX_NOT_FOUND),
    ("ErrorNonExistentMailbox", MailboxNotFound, AvailabilityErrorCode.MAILBOX_NOT_FOUND),
    ("ErrorAccountDisabled", MailboxNotFound, AvailabilityErrorCode.MAILBOX_NOT_FOUND),
    ("5037", NoAccess, AvailabilityErrorCode.FREE_BUSY_GENERATION_FAILED),
    ("ErrorNoFreeBusyAccess", NoAccess, AvailabilityErrorCode.FREE_BUSY_GENERATION_FAILED),
    ("ErrorAccessDenied", NoAccess, AvailabilityErrorCode.FREE_BUSY_GENERATION_FAILED),
    ("ErrorProxyRequestNotAllowed", NoAccess, AvailabilityErrorCode.FREE_BUSY_GENERATION_FAILED),
    ("ErrorServerBusy", ServerBusy, AvailabilityErrorCode.SERVER_BUSY),
    ("ErrorADUnavailable", ServerBusy, AvailabilityErrorCode.SERVER_BUSY),
    ("ErrorExceededConnectionCount", ServerBusy, AvailabilityErrorCode.SERVER_BUSY),
    ("ErrorInternalServerTransientError", ServerBusy, AvailabilityErrorCode.SERVER_BUSY),
    ("ErrorTimeoutExpired", TimedOut, AvailabilityErrorCode.TIMEOUT_EXPIRED),
    ("5006", WindowTooLong, AvailabilityErrorCode.FREE_BUSY_GENERATION_FAILED),
    ("ErrorResultSetTooBig", WindowTooLong, AvailabilityErrorCode.FREE_BUSY_GENERATION_FAILED),
    ("ErrorFreeBusyGenerationFailed", GenerationFailed, AvailabilityErrorCode.FREE_BUSY_GENERATION_FAILED),
    ("ErrorFreeBusyDLLimitReached", GenerationFailed, AvailabilityErrorCode.FREE_BUSY_GENERATION_FAILED),
    ("ErrorMailboxLogonFailed", GenerationFailed, AvailabilityErrorCode.FREE_BUSY_GENERATION_FAILED),
    ("ErrorProxyRequestProcessingFailed", GenerationFailed, AvailabilityErrorCode.FREE_BUSY_GENERATION_FAILED),
    ("ErrorPublicFolderRequestProcessingFailed", GenerationFailed, AvailabilityErrorCode.FREE_BUSY_GENERATION_FAILED),
    ("ErrorAvailabilityConfigNotFound", GenerationFailed, AvailabilityErrorCode.FREE_BUSY_GENERATION_FAILED),
    ("5021", GenerationFailed, AvailabilityErrorCode.FREE_BUSY_GENERATION_FAILED),
    (5009, MailboxNotFound, AvailabilityErrorCode.MAILBOX_NOT_FOUND),
    (5021, GenerationFailed, AvailabilityErrorCode.FREE_BUSY_GENERATION_FAILED),
    (True, GenerationFailed, AvailabilityErrorCode.FREE_BUSY_GENERATION_FAILED),
    ([5009], GenerationFailed, AvailabilityErrorCode.FREE_BUSY_GENERATION_FAILED),
    (None, GenerationFailed, AvailabilityErrorCode.FREE_BUSY_GENERATION_FAILED),
    ("names secret@example.com", GenerationFailed, AvailabilityErrorCode.FREE_BUSY_GENERATION_FAILED),
]


@pytest.mark.parametrize("code, kind, documented", CODES)
def test_every_error_of_a_mailbox_has_its_failure(code: Any, kind: type[LookupFailed], documented: AvailabilityErrorCode) -> None:
    error = {"message": "Unable to resolve secret@example.com", "responseCode": code}
    found = read([{"scheduleId": ANA, "error": error}, {"scheduleId": BEN, "scheduleItems": []}], ANA, BEN)
    failed = found[ANA]
    assert type(failed) is kind
    assert failed.code is documented
    assert "example.com" not in str(failed)
    assert found[BEN] == Schedule()


@pytest.mark.parametrize("error", ["5009", "", {}, [], False])
def test_an_empty_error_is_a_failure(error: Any) -> None:
    assert type(read([{"scheduleId": ANA, "error": error, "scheduleItems": []}])[ANA]) is GenerationFailed


def test_a_null_error_is_no_error() -> None:
    assert read([{"scheduleId": ANA, "error": None, "scheduleItems": []}]) == {ANA: Schedule()}


def test_a_numeric_code_is_quoted() -> None:
    assert "(5021)" in str(read([{"scheduleId": ANA, "error": {"responseCode": 5021}}])[ANA])


@pytest.mark.parametrize(
    "moment, expected",
    [
        ({"dateTime": "2026-05-04T09:00:00.0000000", "timeZone": "UTC"}, DAY.replace(hour=9)),
        ({"dateTime": "2026-05-04T09:00:00", "timeZone": None}, DAY.replace(hour=9)),
        ({"dateTime": "2026-05-04T09:00:00"}, DAY.replace(hour=9)),
        ({"dateTime": "2026-05-04T09:00:00Z", "timeZone": "UTC"}, DAY.replace(hour=9)),
        ({"dateTime": "2026-05-04t08:59:60z"}, DAY.replace(hour=9)),
        ({"dateTime": "2026-05-03T24:00:00.0000000", "timeZone": "UTC"}, DAY),
        ({"dateTime": "2026-05-04T09:00:00.5000000", "timeZone": "UTC"}, DAY.replace(hour=9, microsecond=500_000)),
        ({"dateTime": "2026-05-04T01:00:00.0000000", "timeZone": "Pacific Standard Time"}, DAY.replace(hour=8)),
        ({"dateTime": "2026-05-04T09:00:00.0000000", "timeZone": "Europe/Berlin"}, DAY.replace(hour=7)),
    ],
)
def test_a_time_is_read_in_its_zone(moment: dict[str, Any], expected: datetime) -> None:
    assert event(start=moment).start_time == expected


@pytest.mark.parametrize(
    "changes",
    [
        {"start": None},
        {"start": {"timeZone": "UTC"}},
        {"start": {"dateTime": "yesterday", "timeZone": "UTC"}},
        {"start": {"dateTime": "2026-05-04T09:00:00", "timeZone": "tzone://Microsoft/Custom"}},
        {"start": {"dateTime": 20260504, "timeZone": "UTC"}},
        {"start": {"dateTime": "0001-01-01T00:00:00", "timeZone": "Europe/Berlin"}},
        {"start": TEN, "end": NINE},
    ],
)
def test_an_unreadable_item_fails_its_mailbox_only(changes: dict[str, Any]) -> None:
    found = read(
        [{"scheduleId": ANA, "scheduleItems": [item(), item(**changes)]}, {"scheduleId": BEN, "scheduleItems": [item()]}], ANA, BEN
    )
    assert type(found[ANA]) is GenerationFailed
    assert isinstance(found[BEN], Schedule)


@pytest.mark.parametrize("items", [[None], ["busy"], "busy", 7, "", {}, 0, False])
def test_invalid_items_fail_their_mailbox(items: Any) -> None:
    assert type(read([{"scheduleId": ANA, "scheduleItems": items, "availabilityView": "0000"}])[ANA]) is GenerationFailed


@pytest.mark.parametrize("view", [22, ["2"], {}, False])
def test_an_invalid_view_fails_its_mailbox(view: Any) -> None:
    assert type(read([{"scheduleId": ANA, "scheduleItems": [], "availabilityView": view}])[ANA]) is GenerationFailed


def test_two_different_schedules_of_a_mailbox_are_not_read() -> None:
    free, busy = {"scheduleId": ANA, "scheduleItems": []}, {"scheduleId": ANA.upper(), "scheduleItems": [item()]}
    assert read([free, busy]) == read([busy, free, busy], ANA, BEN, "c@example.com") == {}
    assert read([free, free]) == {ANA: Schedule()}


def details(subject: str, location: str, *, private: bool = False) -> Details:
    return Details(subject, location, InstanceType.SINGLE_INSTANCE, is_meeting=False, is_reminder_set=False, is_private=private)


@pytest.mark.parametrize(
    "changes, expected",
    [
        ({}, None),
        ({"isPrivate": False}, None),
        ({"isPrivate": True}, None),
        ({"subject": None, "location": None}, None),
        ({"subject": "", "location": ""}, None),
        ({"subject": "Budget"}, details("Budget", "")),
        ({"location": "Room 1"}, details("", "Room 1")),
        ({"subject": "Budget", "location": {"displayName": "Room 1"}}, details("Budget", "Room 1")),
        ({"subject": "Budget", "location": {}}, details("Budget", "")),
        ({"subject": "Budget", "location": "Room 1", "isPrivate": True}, details("Budget", "Room 1", private=True)),
        ({"subject": "Budget", "isPrivate": None}, details("Budget", "")),
        ({"subject": "Budget", "isPrivate": False}, details("Budget", "")),
        *(({"subject": "Budget", "isPrivate": odd}, details("Budget", "", private=True)) for odd in ("true", "false", 1, 0, "", {})),
    ],
)
def test_an_event_has_details_if_it_has_a_subject_or_a_location(changes: dict[str, Any], expected: Details | None) -> None:
    assert event(**changes).details == expected


# Entries and mailboxes


def test_an_entry_is_found_in_either_form_of_the_domain() -> None:
    ours, theirs = "Ana@bücher.example", "ana@xn--bcher-kva.example"
    entries = [{"scheduleId": BEN, "scheduleItems": [item()]}, {"scheduleId": theirs, "scheduleItems": []}]
    assert read(entries, ours, BEN)[ours] == Schedule()


def test_entries_are_found_by_name_in_any_case_and_order() -> None:
    found = read([{"scheduleId": BEN.upper(), "scheduleItems": [item()]}, {"scheduleId": ANA, "scheduleItems": []}], ANA, BEN)
    assert found[ANA] == Schedule()
    assert found[BEN] != Schedule()


@pytest.mark.parametrize("name", [{}, {"scheduleId": None}, {"scheduleId": "a.lee@contoso.onmicrosoft.com"}])
def test_an_entry_with_another_name_is_found_by_its_position(name: dict[str, Any]) -> None:
    found = read([{"scheduleId": BEN, "scheduleItems": [item()]}, {**name, "scheduleItems": []}], BEN, ANA)
    assert found[ANA] == Schedule()


def test_an_entry_of_another_requested_mailbox_is_not_used() -> None:
    entry = {"scheduleId": BEN, "scheduleItems": [item()]}
    assert set(read([entry, entry], ANA, BEN)) == {BEN}


def test_positions_are_used_only_if_no_entry_is_missing() -> None:
    assert read([{"scheduleItems": []}], ANA, BEN) == {}


def test_an_invalid_entry_is_missing() -> None:
    assert read([None]) == {}


@pytest.mark.parametrize("content", [b"", b"<html>", b"[]", b"null", b'{"value": {}}', b'{"values": []}', b"\xff"])
def test_a_response_that_is_not_getschedules_is_a_failure(content: bytes) -> None:
    with pytest.raises(GenerationFailed):
        Reader().read(content, [ANA], WINDOW)


# The merged view


def busy_times(entry: dict[str, Any], reader: Reader | None = None) -> list[tuple[int, int, BusyType]]:
    """Return start, end and busy type of each event, in slots from the window's start."""
    schedule = read([{"scheduleId": ANA, **entry}], reader=reader)[ANA]
    assert isinstance(schedule, Schedule)
    return [((e.start_time - DAY) // SLOT, (e.end_time - DAY) // SLOT, e.busy_type) for e in schedule.events]


def view(digits: str) -> str:
    """Return a view of the whole window that begins with these digits."""
    return digits.ljust(48, "0")


def test_the_merged_view_is_used_if_items_are_missing() -> None:
    expected = [(1, 3, BusyType.BUSY), (3, 4, BusyType.TENTATIVE), (5, 7, BusyType.BUSY)]
    for entry in ({}, {"scheduleItems": []}, {"scheduleItems": None}):
        assert busy_times({"availabilityView": view("0221033"), **entry}) == expected


def test_digits_of_the_merged_view_follow_the_settings() -> None:
    assert busy_times({"availabilityView": view("04?")}) == [(1, 3, BusyType.BUSY)]
    assert busy_times({"availabilityView": view("04?")}, Reader(BusyType.BUSY, BusyType.TENTATIVE)) == [
        (1, 2, BusyType.BUSY),
        (2, 3, BusyType.TENTATIVE),
    ]
    assert busy_times({"availabilityView": view("04?")}, Reader(BusyType.FREE, BusyType.FREE)) == []


@pytest.mark.parametrize("digits", ["4" * 48, "4" * 1000, "?" * 48, "x" * 48, "5" * 48])
def test_a_view_of_unknown_times_is_busy(digits: str) -> None:
    # Case 572: a mailbox elsewhere, with no data.
    assert busy_times({"availabilityView": digits, "scheduleItems": []}) == [(0, 48, BusyType.BUSY)]


@pytest.mark.parametrize(
    "digits, items, expected",
    [
        ("2222", [item()], [(18, 20, BusyType.BUSY), (0, 4, BusyType.BUSY)]),
        ("0" * 18 + "22", [item()], [(18, 20, BusyType.BUSY)]),
        ("0" * 18 + "2222", [item()], [(18, 20, BusyType.BUSY), (20, 22, BusyType.BUSY)]),
        ("0" * 18 + "22", [item(status="free")], [(18, 20, BusyType.FREE), (18, 20, BusyType.BUSY)]),
        ("0" * 18 + "12", [item(status="tentative")], [(18, 20, BusyType.TENTATIVE), (19, 20, BusyType.BUSY)]),
        ("0" * 18 + "11", [item()], [(18, 20, BusyType.BUSY)]),
        ("0" * 18 + "33", [item(status="oof")], [(18, 20, BusyType.BUSY)]),
        ("0" * 18 + "00", [item()], [(18, 20, BusyType.BUSY)]),
        ("0" * 18 + "44", [item(status="workingElsewhere")], [(18, 20, BusyType.FREE)]),
        ("0" * 18 + "444", [item(status="workingElsewhere")], [(18, 20, BusyType.FREE), (20, 21, BusyType.BUSY)]),
        ("0" * 18 + "22", [item(status="workingElsewhere")], [(18, 20, BusyType.FREE), (18, 20, BusyType.BUSY)]),
        ("0" * 18 + "44", [item(status="free")], [(18, 20, BusyType.FREE), (18, 20, BusyType.BUSY)]),
        ("", [item()], [(18, 20, BusyType.BUSY)]),
        (7, [item()], [(18, 20, BusyType.BUSY)]),
        (None, [item(), item(status="free")], [(18, 20, BusyType.BUSY), (18, 20, BusyType.FREE)]),
    ],
)
def test_the_busier_of_items_and_merged_view_applies(digits: Any, items: list[Any], expected: list[tuple[int, int, BusyType]]) -> None:
    assert busy_times({"availabilityView": digits, "scheduleItems": items}) == expected


def test_an_item_in_a_part_of_a_slot_explains_the_slot() -> None:
    short = item(start=NINE, end=NINE | {"dateTime": "2026-05-04T09:05:00"})
    schedule = read([{"scheduleId": ANA, "availabilityView": "0" * 18 + "2", "scheduleItems": [short]}])[ANA]
    assert isinstance(schedule, Schedule)
    assert [found.end_time - found.start_time for found in schedule.events] == [timedelta(minutes=5)]


@pytest.mark.parametrize("unit", ["2", "02", "0123", "4?"])
def test_a_view_is_read_up_to_the_windows_end(unit: str) -> None:
    found = busy_times({"availabilityView": unit * 1_000_000})
    assert max(end for _, end, _ in found) == 48


@pytest.mark.parametrize("digits", ["4", "4444", "4" * 47, "0004", "2", "02"])
def test_a_view_with_busy_slots_and_no_items_covers_the_window_or_is_a_failure(digits: str) -> None:
    assert type(read([{"scheduleId": ANA, "availabilityView": digits, "scheduleItems": []}])[ANA]) is GenerationFailed


def test_no_data_for_a_part_of_the_window_is_busy_there() -> None:
    assert busy_times({"availabilityView": view("0044"), "scheduleItems": []}) == [(2, 4, BusyType.BUSY)]
    assert busy_times({"availabilityView": "4" * 48, "scheduleItems": [item()]}) == [
        (18, 20, BusyType.BUSY),
        (0, 18, BusyType.BUSY),
        (20, 48, BusyType.BUSY),
    ]


def test_a_view_without_items_that_lacks_slots_is_not_free_time() -> None:
    assert type(read([{"scheduleId": ANA, "availabilityView": "0" * 47}])[ANA]) is GenerationFailed
    odd = Window(DAY, DAY + timedelta(minutes=100))
    found = Reader().read(json.dumps({"value": [{"scheduleId": ANA, "availabilityView": "000"}]}).encode(), [ANA], odd)[ANA]
    assert found == Schedule((CalendarEvent(DAY + 3 * SLOT, DAY + 4 * SLOT, BusyType.BUSY),))


@pytest.mark.parametrize(
    "zone, start, end, hours",
    [
        ("W. Europe Standard Time", "2026-05-04T11:00:00.0000000", "2026-05-04T12:00:00.0000000", (9, 10)),
        ("Pacific Standard Time", "2026-05-04T02:00:00.0000000", "2026-05-04T03:00:00.0000000", (9, 10)),
        ("tzone://Microsoft/Utc", "2026-05-04T09:00:00", "2026-05-04T10:00:00", (9, 10)),
        ("India Standard Time", "2026-05-04T14:30:00", "2026-05-04T15:30:00", (9, 10)),
        ("Europe/Berlin", "2026-05-04t11:00:00", "2026-05-04t12:00:00", (9, 10)),
        ("UTC", "2026-05-04T09:00:00z", "2026-05-04t12:00:00+02:00", (9, 10)),
        # The hour from 02:00 to 03:00 comes twice.
        ("W. Europe Standard Time", "2026-10-25T02:15:00", "2026-10-25T02:45:00", (174 * 24 + 0.25, 174 * 24 + 1.75)),
    ],
)
def test_times_of_items_may_have_another_zone(zone: str, start: str, end: str, hours: tuple[float, float]) -> None:
    found = event(start={"dateTime": start, "timeZone": zone}, end={"dateTime": end, "timeZone": zone})
    assert ((found.start_time - DAY) / timedelta(hours=1), (found.end_time - DAY) / timedelta(hours=1)) == hours


def test_each_schedule_has_its_own_error() -> None:
    entries = [
        {"scheduleId": ANA, "error": {"responseCode": "5009", "message": "x"}, "scheduleItems": []},
        {"scheduleId": BEN, "scheduleItems": [item()], "availabilityView": "0"},
    ]
    content = json.dumps({"value": entries, "@odata.nextLink": "https://example.com/next"}).encode()
    found = Reader().read(content, [ANA, BEN, "cem@example.com"], WINDOW)
    assert [type(found.get(mailbox)).__name__ for mailbox in (ANA, BEN, "cem@example.com")] == ["MailboxNotFound", "Schedule", "NoneType"]


def test_deeply_nested_json_is_not_a_response() -> None:
    with pytest.raises(GenerationFailed):
        Reader().read(b"[" * 1_000_000, [ANA], WINDOW)


@pytest.mark.parametrize(
    "entry",
    [
        {},
        {"scheduleItems": None},
        {"availabilityView": ""},
        {"scheduleItems": None, "availabilityView": ""},
        {"availabilityView": 0},
        {"scheduleItems": [], "availabilityView": ""},
        {"scheduleItems": [], "availabilityView": "000"},
        {"scheduleItems": [], "availabilityView": view("0"), "scheduleItems@odata.nextLink": "https://example.com/next"},
    ],
)
def test_an_empty_entry_is_not_a_free_calendar(entry: dict[str, Any]) -> None:
    assert type(read([{"scheduleId": ANA, **entry}])[ANA]) is GenerationFailed


@pytest.mark.parametrize(
    "entry", [{"scheduleItems": []}, {"scheduleItems": [], "availabilityView": "0" * 48}, {"availabilityView": "0" * 48}]
)
def test_no_items_or_a_free_merged_view_is_a_free_calendar(entry: dict[str, Any]) -> None:
    assert busy_times(entry) == []


# Errors of unusual form


@pytest.mark.parametrize(
    "status, body, kind",
    [
        (404, {"error": {}}, GenerationFailed),
        (404, {"error": {"code": None}}, GenerationFailed),
        (404, {"error": "not found"}, GenerationFailed),
        (400, {"error": {"code": "names secret@example.com"}}, GenerationFailed),
        (400, {"error": {"code": "invalidRequest", "innererror": {"code": "ErrorTimeIntervalTooBig"}}}, WindowTooLong),
        (400, {"error": {"code": "5006"}}, WindowTooLong),
        (401, {"error": {"code": "ErrorServerBusy"}}, None),
        (429, {"error": {"code": "ErrorInvalidUser"}}, ServerBusy),
    ],
)
def test_errors_of_unusual_form_are_read(status: int, body: Any, kind: type[LookupFailed] | None) -> None:
    failed = failure_for(HttpResponse(status, {}, json.dumps(body).encode()))
    assert type(failed).__name__ == (kind.__name__ if kind else "AuthenticationFailed")
    assert "example.com" not in str(failed)
