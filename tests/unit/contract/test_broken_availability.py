"""Availability documents that break the contract: the error names the right place."""

from typing import Any

import pytest

from mailhooks.contract import check_availability_request, check_availability_response
from mailhooks.contract.availability import AvailabilityRequest
from tests.unit.contract.documents import Edit, both, check_error, load, put, row, without

START, END = "/window/startDate", "/window/endDate"


def dated(sentence: str, text: str) -> Any:
    return row(f"a start {sentence}", put(START, text), START, f"a string of {len(text)} characters")


REQUESTS = [
    row("a null request", put("", None), "", "null"),
    row("an empty request", put("", {}), "/requester", "nothing"),
    row("no requester", without("/requester"), "/requester", "nothing"),
    row("a requester that is an address", put("/requester", "a@example.com"), "/requester", "a string of 13 characters"),
    row("a requester without an address", without("/requester/email"), "/requester/email", "nothing"),
    row("a requester with an empty address", put("/requester/email", ""), "/requester/email", "an empty string"),
    row("a requester without a user name", without("/requester/userName"), "/requester/userName", "nothing"),
    row("a requester without an organization", without("/requester/organization"), "/requester/organization", "nothing"),
    row("a requester without an ID", without("/requester/userId"), "/requester/userId", "nothing"),
    row("a requester's ID that is a number", put("/requester/userId", 18), "/requester/userId", "a number"),
    row("an origin that is an object", put("/requester/origin", {"ip": ""}), "/requester/origin", "an object"),
    row("a bearer that is a boolean", put("/requester/bearer", False), "/requester/bearer", "a boolean"),
    row("no mailboxes", without("/mailboxes"), "/mailboxes", "nothing"),
    row("mailboxes separated by commas", put("/mailboxes", "a@example.com,b"), "/mailboxes", "a string of 15 characters"),
    row("a mailbox that is an object", put("/mailboxes/1", {"mailbox": "a"}), "/mailboxes/1", "an object"),
    row("an empty mailbox", put("/mailboxes/0", ""), "/mailboxes/0", "an empty string"),
    row("no window", without("/window"), "/window", "nothing"),
    row("a window without a start", without(START), START, "nothing"),
    row("a window without an end", without(END), END, "nothing"),
    row("a start that is a number", put(START, 1620086400), START, "a number"),
    row("an end before the start", put(END, "2020-01-01T00:00:00Z"), END, "an earlier or equal one"),
    row("an end on the 31st of June", put(END, "2021-06-31T00:00:00Z"), END, "one that does not"),
    row("a start on a 29th of February that is not", put(START, "2021-02-29T00:00:00Z"), START, "one that does not"),
    row("a start in the year 0", put(START, "0000-05-04T00:00:00Z"), START, "one that does not"),
    dated("without a zone", "2021-05-04T00:00:00"),
    dated("in another zone", "2021-05-04T00:00:00+02:00"),
    dated("with a zone without its colon", "2021-05-04T00:00:00+0000"),
    dated("without a time of day", "2021-05-04"),
    dated("without seconds", "2021-05-04T00:00Z"),
    dated("with a space", "2021-05-04 00:00:00Z"),
    dated("with a comma", "2021-05-04T00:00:00,000Z"),
    dated("with a point and nothing behind it", "2021-05-04T00:00:00.Z"),
    dated("in the 13th month", "2021-13-04T00:00:00Z"),
    dated("on the 32nd", "2021-05-32T00:00:00Z"),
    dated("at hour 24", "2021-05-04T24:00:00Z"),
    dated("at minute 60", "2021-05-04T00:60:00Z"),
    dated("in Arabic digits", "٢٠٢١-05-04T00:00:00Z"),
    dated("with a line end", "2021-05-04T00:00:00Z\n"),
    dated("in a basic format", "20210504T000000Z"),
]


@pytest.mark.parametrize("edit, pointer, got", REQUESTS)
def test_a_broken_request_is_rejected_at_the_right_place(edit: Edit, pointer: str, got: str) -> None:
    broken = edit(load("availability-request-guide"))
    for check in (check_availability_request, AvailabilityRequest.parse):
        error = check_error(check, broken)
        assert (error.pointer, error.got) == (pointer, got)


FIRST, LAST = "/mailboxes/0", "/mailboxes/1"
EVENT, HOURS = f"{FIRST}/events/0", f"{FIRST}/workingHours"
DETAILS, ZONE, PERIOD = f"{EVENT}/details", f"{HOURS}/timezone", f"{HOURS}/workingPeriods/0"


UTC_HOURS = load("availability-response-aws-sample")["mailboxes"][0]["workingHours"]


def missing(pointer: str) -> Any:
    return row(f"no {pointer}", without(pointer), pointer, "nothing")


RESPONSES = [
    row("the list of mailboxes alone", put("", []), "", "an empty array"),
    row("an empty response", put("", {}), "/mailboxes", "nothing"),
    row("a property next to mailboxes", put("/errors", []), "", "another one"),
    row("mailboxes by their names", put("/mailboxes", {"a@example.com": {}}), "/mailboxes", "an object"),
    row("a mailbox that is an address", put(LAST, "a@example.com"), LAST, "a string of 13 characters"),
    missing(f"{LAST}/mailbox"),
    row("an empty mailbox", put(f"{LAST}/mailbox", ""), f"{LAST}/mailbox", "an empty string"),
    row("a property next to the mailbox's", put(f"{FIRST}/Events", []), FIRST, "another one named Events"),
    row("neither events nor an error", without(f"{LAST}/error"), f"{LAST}/events", "nothing"),
    row("events and an error", put(f"{LAST}/events", []), f"{LAST}/events", "an empty array"),
    row("working hours and an error", put(f"{LAST}/workingHours", UTC_HOURS), f"{LAST}/workingHours", "an object"),
    row("an error that WorkMail does not map", put(f"{LAST}/error", "Unknown"), f"{LAST}/error", "a string of 7 characters"),
    row("an error by its EWS name", put(f"{LAST}/error", "ERROR_SERVER_BUSY"), f"{LAST}/error", "a string of 17 characters"),
    row("a null error", put(f"{LAST}/error", None), f"{LAST}/error", "null"),
    row("null events", put(f"{FIRST}/events", None), f"{FIRST}/events", "null"),
    row("an event that is a list", put(EVENT, []), EVENT, "an empty array"),
    *(missing(f"{EVENT}/{name}") for name in ("startTime", "endTime", "busyType")),
    row("a start in local time", put(f"{EVENT}/startTime", "2021-05-03T23:00:00"), f"{EVENT}/startTime", "a string of 19 characters"),
    row("an end with an offset", put(f"{EVENT}/endTime", "2021-05-04T03:00:00-05:00"), f"{EVENT}/endTime", "a string of 25 characters"),
    row("an end on the 31st of April", put(f"{EVENT}/endTime", "2021-04-31T00:00:00Z"), f"{EVENT}/endTime", "one that does not"),
    row("an end before the start", put(f"{EVENT}/endTime", "2021-05-03T22:59:59.999Z"), f"{EVENT}/endTime", "an earlier one"),
    row("a busy type of EWS", put(f"{EVENT}/busyType", "OOF"), f"{EVENT}/busyType", "a string of 3 characters"),
    row("a busy type as the guide's table has it", put(f"{EVENT}/busyType", "Busy"), f"{EVENT}/busyType", "a string of 4 characters"),
    row("null details", put(DETAILS, None), DETAILS, "null"),
    *(missing(f"{DETAILS}/{name}") for name in ("subject", "location", "instanceType", "isMeeting", "isReminderSet", "isPrivate")),
    row("a null subject", put(f"{DETAILS}/subject", None), f"{DETAILS}/subject", "null"),
    row("an unknown instance type", put(f"{DETAILS}/instanceType", "SERIES"), f"{DETAILS}/instanceType", "a string of 6 characters"),
    row("a private flag that is a string", put(f"{DETAILS}/isPrivate", "false"), f"{DETAILS}/isPrivate", "a string of 5 characters"),
    row("a property next to the details", put(f"{DETAILS}/body", ""), DETAILS, "another one"),
    missing(ZONE),
    missing(f"{HOURS}/workingPeriods"),
    missing(f"{ZONE}/name"),
    missing(f"{ZONE}/bias"),
    row("a bias with a fraction", put(f"{ZONE}/bias", 60.5), f"{ZONE}/bias", "a number"),
    row("a bias that is a boolean", put(f"{ZONE}/bias", True), f"{ZONE}/bias", "a boolean"),
    row("a bias in seconds", put(f"{ZONE}/bias", 3600), f"{ZONE}/bias", "a number"),
    row("daylightTime without standardTime", without(f"{ZONE}/standardTime"), f"{ZONE}/standardTime", "nothing"),
    row("standardTime without daylightTime", without(f"{ZONE}/daylightTime"), f"{ZONE}/daylightTime", "nothing"),
    *(missing(f"{ZONE}/standardTime/{name}") for name in ("offset", "time", "month", "week", "dayOfWeek")),
    row(
        "a time of day without seconds", put(f"{ZONE}/daylightTime/time", "02:00"), f"{ZONE}/daylightTime/time", "a string of 5 characters"
    ),
    row("a time of day at 24", put(f"{ZONE}/standardTime/time", "24:00:00"), f"{ZONE}/standardTime/time", "a string of 8 characters"),
    row("a month by its number", put(f"{ZONE}/standardTime/month", 5), f"{ZONE}/standardTime/month", "a number"),
    row("a fifth week", put(f"{ZONE}/standardTime/week", "FIFTH"), f"{ZONE}/standardTime/week", "a string of 5 characters"),
    row(
        "a day by its full name",
        put(f"{ZONE}/daylightTime/dayOfWeek", "SUNDAY"),
        f"{ZONE}/daylightTime/dayOfWeek",
        "a string of 6 characters",
    ),
    row("no working period", put(f"{HOURS}/workingPeriods", []), f"{HOURS}/workingPeriods", "an empty array"),
    *(missing(f"{PERIOD}/{name}") for name in ("startMinutes", "endMinutes", "days")),
    row("a start before midnight", put(f"{PERIOD}/startMinutes", -1), f"{PERIOD}/startMinutes", "a number"),
    row("an end after the day", put(f"{PERIOD}/endMinutes", 1441), f"{PERIOD}/endMinutes", "a number"),
    row("a period on no day", put(f"{PERIOD}/days", []), f"{PERIOD}/days", "an empty array"),
    row("a day twice", put(f"{PERIOD}/days", ["MON", "MON"]), f"{PERIOD}/days", "an array of 2 items, one of them twice"),
    row("an unknown day", put(f"{PERIOD}/days/-", "Mon"), f"{PERIOD}/days/1", "a string of 3 characters"),
    row(
        "two breaks, the outer one",
        both(put(f"{EVENT}/busyType", "OOF"), put(f"{LAST}/error", "Unknown")),
        f"{LAST}/error",
        "a string of 7 characters",
    ),
]


@pytest.mark.parametrize("edit, pointer, got", RESPONSES)
def test_a_broken_response_is_rejected_at_the_right_place(edit: Edit, pointer: str, got: str) -> None:
    error = check_error(check_availability_response, edit(load("availability-response-guide")))
    assert (error.pointer, error.got) == (pointer, got)
    assert error.expected not in ("", "a value")
