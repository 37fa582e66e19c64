"""Availability documents that break the contract: the error names the right place."""

from mailhooks.contract import check_availability_request, check_availability_response
from mailhooks.contract.availability import AvailabilityRequest
from tests.unit.contract.documents import Row, both, check_broken, load, put, without

START, END = "/window/startDate", "/window/endDate"


def dated(sentence: str, text: str) -> Row:
    return (f"a start {sentence}", put(START, text), START, f"a string of {len(text)} characters")


REQUESTS: list[Row] = [
    ("a null request", put("", None), "", "null"),
    ("an empty request", put("", {}), "/mailboxes", "nothing"),
    ("no mailboxes", without("/mailboxes"), "/mailboxes", "nothing"),
    ("mailboxes separated by commas", put("/mailboxes", "a@example.com,b"), "/mailboxes", "a string of 15 characters"),
    ("mailboxes that are objects", put("/mailboxes", [{"mailbox": "a"}, None]), "/mailboxes/0", "an object"),
    ("no window", without("/window"), "/window", "nothing"),
    ("a window without a start", without(START), START, "nothing"),
    ("a window without an end", without(END), END, "nothing"),
    ("a start that is a number", put(START, 1620086400), START, "a number"),
    ("an end before the start", put(END, "2020-01-01T00:00:00Z"), END, "an earlier or equal one"),
    ("an end on the 31st of June", put(END, "2021-06-31T00:00:00Z"), END, "one that does not"),
    ("a start on a 29th of February that is not", put(START, "2021-02-29T00:00:00Z"), START, "one that does not"),
    ("a start in the year 0", put(START, "0000-05-04T00:00:00Z"), START, "one that does not"),
    dated("without a zone", "2021-05-04T00:00:00"),
    ("a start before the year 1 in UTC", put(START, "0001-01-01T00:00:00+14:00"), START, "one that does not"),
    ("an end in the year 10000", put(END, "9999-12-31T23:59:60Z"), END, "one that does not"),
    dated("at second 61", "2021-05-04T00:00:61Z"),
    dated("with an offset of 24 hours", "2021-05-04T00:00:00+24:00"),
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


def test_a_broken_request_is_rejected_at_the_right_place() -> None:
    check_broken(REQUESTS, "availability-request-guide", check_availability_request, AvailabilityRequest.parse)


FIRST, LAST = "/mailboxes/0", "/mailboxes/1"
EVENT, HOURS = f"{FIRST}/events/0", f"{FIRST}/workingHours"
DETAILS, ZONE, PERIOD = f"{EVENT}/details", f"{HOURS}/timezone", f"{HOURS}/workingPeriods/0"


UTC_HOURS = load("availability-response-aws-sample")["mailboxes"][0]["workingHours"]


def missing(pointer: str) -> Row:
    return (f"no {pointer}", without(pointer), pointer, "nothing")


RESPONSES: list[Row] = [
    ("the list of mailboxes alone", put("", []), "", "an empty array"),
    ("an empty response", put("", {}), "/mailboxes", "nothing"),
    ("a property next to mailboxes", put("/errors", []), "", "another one"),
    ("mailboxes by their names", put("/mailboxes", {"a@example.com": {}}), "/mailboxes", "an object"),
    ("a mailbox that is an address", put(LAST, "a@example.com"), LAST, "a string of 13 characters"),
    missing(f"{LAST}/mailbox"),
    ("a null mailbox", put(f"{LAST}/mailbox", None), f"{LAST}/mailbox", "null"),
    ("a property next to the mailbox's", put(f"{FIRST}/Events", []), FIRST, "another one named Events"),
    ("neither events nor an error", without(f"{LAST}/error"), f"{LAST}/events", "nothing"),
    ("events and an error", put(f"{LAST}/events", []), f"{LAST}/events", "an empty array"),
    ("working hours and an error", put(f"{LAST}/workingHours", UTC_HOURS), f"{LAST}/workingHours", "an object"),
    ("an error that WorkMail does not map", put(f"{LAST}/error", "Unknown"), f"{LAST}/error", "a string of 7 characters"),
    ("an error by its EWS name", put(f"{LAST}/error", "ERROR_SERVER_BUSY"), f"{LAST}/error", "a string of 17 characters"),
    ("a null error", put(f"{LAST}/error", None), f"{LAST}/error", "null"),
    ("null events", put(f"{FIRST}/events", None), f"{FIRST}/events", "null"),
    ("an event that is a list", put(EVENT, []), EVENT, "an empty array"),
    *(missing(f"{EVENT}/{name}") for name in ("startTime", "endTime", "busyType")),
    ("a start in local time", put(f"{EVENT}/startTime", "2021-05-03T23:00:00"), f"{EVENT}/startTime", "a string of 19 characters"),
    ("an end with an offset", put(f"{EVENT}/endTime", "2021-05-04T03:00:00-05:00"), f"{EVENT}/endTime", "a string of 25 characters"),
    ("an end on the 31st of April", put(f"{EVENT}/endTime", "2021-04-31T00:00:00Z"), f"{EVENT}/endTime", "one that does not"),
    ("an end before the start", put(f"{EVENT}/endTime", "2021-05-03T22:59:59.999Z"), f"{EVENT}/endTime", "an earlier one"),
    ("a busy type of EWS", put(f"{EVENT}/busyType", "OOF"), f"{EVENT}/busyType", "a string of 3 characters"),
    ("a busy type as the guide's table has it", put(f"{EVENT}/busyType", "Busy"), f"{EVENT}/busyType", "a string of 4 characters"),
    ("null details", put(DETAILS, None), DETAILS, "null"),
    *(missing(f"{DETAILS}/{name}") for name in ("subject", "location", "instanceType", "isMeeting", "isReminderSet", "isPrivate")),
    ("a null subject", put(f"{DETAILS}/subject", None), f"{DETAILS}/subject", "null"),
    ("an unknown instance type", put(f"{DETAILS}/instanceType", "SERIES"), f"{DETAILS}/instanceType", "a string of 6 characters"),
    ("a private flag that is a string", put(f"{DETAILS}/isPrivate", "false"), f"{DETAILS}/isPrivate", "a string of 5 characters"),
    ("a property next to the details", put(f"{DETAILS}/body", ""), DETAILS, "another one"),
    missing(ZONE),
    missing(f"{HOURS}/workingPeriods"),
    missing(f"{ZONE}/name"),
    missing(f"{ZONE}/bias"),
    ("a bias with a fraction", put(f"{ZONE}/bias", 60.5), f"{ZONE}/bias", "a number"),
    ("a bias that is a boolean", put(f"{ZONE}/bias", True), f"{ZONE}/bias", "a boolean"),
    ("a bias in seconds", put(f"{ZONE}/bias", 3600), f"{ZONE}/bias", "a number"),
    ("daylightTime without standardTime", without(f"{ZONE}/standardTime"), f"{ZONE}/standardTime", "nothing"),
    ("standardTime without daylightTime", without(f"{ZONE}/daylightTime"), f"{ZONE}/daylightTime", "nothing"),
    *(missing(f"{ZONE}/standardTime/{name}") for name in ("offset", "time", "month", "week", "dayOfWeek")),
    ("a time of day without seconds", put(f"{ZONE}/daylightTime/time", "02:00"), f"{ZONE}/daylightTime/time", "a string of 5 characters"),
    ("a time of day at 24", put(f"{ZONE}/standardTime/time", "24:00:00"), f"{ZONE}/standardTime/time", "a string of 8 characters"),
    ("a month by its number", put(f"{ZONE}/standardTime/month", 5), f"{ZONE}/standardTime/month", "a number"),
    ("a fifth week", put(f"{ZONE}/standardTime/week", "FIFTH"), f"{ZONE}/standardTime/week", "a string of 5 characters"),
    (
        "a day by its full name",
        put(f"{ZONE}/daylightTime/dayOfWeek", "SUNDAY"),
        f"{ZONE}/daylightTime/dayOfWeek",
        "a string of 6 characters",
    ),
    ("no working period", put(f"{HOURS}/workingPeriods", []), f"{HOURS}/workingPeriods", "an empty array"),
    *(missing(f"{PERIOD}/{name}") for name in ("startMinutes", "endMinutes", "days")),
    ("a start before midnight", put(f"{PERIOD}/startMinutes", -1), f"{PERIOD}/startMinutes", "a number"),
    ("an end after the day", put(f"{PERIOD}/endMinutes", 1441), f"{PERIOD}/endMinutes", "a number"),
    ("a period on no day", put(f"{PERIOD}/days", []), f"{PERIOD}/days", "an empty array"),
    ("a day twice", put(f"{PERIOD}/days", ["MON", "MON"]), f"{PERIOD}/days", "an array of 2 items, one of them twice"),
    ("an unknown day", put(f"{PERIOD}/days/-", "Mon"), f"{PERIOD}/days/1", "a string of 3 characters"),
    (
        "two breaks, the outer one",
        both(put(f"{EVENT}/busyType", "OOF"), put(f"{LAST}/error", "Unknown")),
        f"{LAST}/error",
        "a string of 7 characters",
    ),
]


def test_a_broken_response_is_rejected_at_the_right_place() -> None:
    check_broken(RESPONSES, "availability-response-guide", check_availability_response)
