"""WorkMail's request to a custom availability provider and the response that it expects, as dataclasses.

Guide, "Building a Custom Availability Provider Lambda function": "Request elements" and "Response elements". Field names are the guide's,
in snake case. Times are aware and in UTC. Mail hooks do not import this module, which would add to their cold start.
"""

import re
from dataclasses import dataclass, field, fields, is_dataclass
from datetime import datetime, time
from enum import Enum
from functools import cache
from typing import Any, Self

from mailhooks.contract.errors import ContractError, describe_kind
from mailhooks.contract.freebusy import (
    AvailabilityErrorCode,
    BusyType,
    CalendarEvent,
    DayOfWeek,
    Details,
    InstanceType,
    MailboxAvailability,
    MailboxError,
    Month,
    TimeZone,
    TimeZoneTransition,
    Week,
    WorkingHours,
    WorkingPeriod,
    to_known_code,
)
from mailhooks.contract.schema import check
from mailhooks.contract.timestamps import check_order, convert_to_utc, format_time, parse_request_time, parse_time

__all__ = [
    "AvailabilityErrorCode",
    "AvailabilityRequest",
    "AvailabilityResponse",
    "BusyType",
    "CalendarEvent",
    "DayOfWeek",
    "Details",
    "InstanceType",
    "MailboxAvailability",
    "MailboxError",
    "Month",
    "Requester",
    "TimeZone",
    "TimeZoneTransition",
    "Week",
    "Window",
    "WorkingHours",
    "WorkingPeriod",
    "check_availability_request",
    "check_availability_response",
]


@dataclass(frozen=True, slots=True)
class Requester:
    """The user who requests free/busy times.

    A value is empty if WorkMail omits it or sends another type, because a response does not depend on it; an unknown requester sees no
    details.

    Attributes:
        email: the primary address.
        organization: the WorkMail organization ID.
        origin: the remote address of the request, if WorkMail sends it.
        bearer: reserved by the guide for future use. `repr` omits it, because it may become a credential.
    """

    email: str = ""
    user_name: str = ""
    organization: str = ""
    user_id: str = ""
    origin: str | None = None
    bearer: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Window:
    """The requested time span; `end_date` is exclusive.

    Raises:
        ContractError: a time is naive, or the end is not after the start.
    """

    start_date: datetime
    end_date: datetime

    def __post_init__(self) -> None:
        convert_to_utc(self, start_date="/window/startDate", end_date="/window/endDate")
        if self.end_date <= self.start_date:
            raise ContractError("/window/endDate", "a time after startDate", "an earlier or equal one")


@dataclass(frozen=True, slots=True)
class AvailabilityRequest:
    """A request for free/busy times."""

    requester: Requester
    mailboxes: tuple[str, ...]
    window: Window

    @classmethod
    def parse(cls, document: Any) -> Self:
        """Check and read a request. Unknown properties are ignored, because WorkMail may add some at any time.

        A response needs the mailboxes and the window only. Mailboxes that are not strings are omitted: the response cannot name them.

        Raises:
            ContractError: the request breaks `schemas/availability-request.json`, or it has mailboxes and none of them is a string.
        """
        check("availability-request", document)
        window = document["window"]
        return cls(
            _read_requester(document.get("requester")),
            list_mailboxes(document["mailboxes"]),
            Window(parse_request_time(window["startDate"], "/window/startDate"), parse_request_time(window["endDate"], "/window/endDate")),
        )


def list_mailboxes(requested: list[Any]) -> tuple[str, ...]:
    """Return the requested mailboxes that are strings.

    Raises:
        ContractError: there are mailboxes, and none of them is a string.
    """
    mailboxes = tuple(mailbox for mailbox in requested if isinstance(mailbox, str))
    if requested and not mailboxes:
        raise ContractError("/mailboxes/0", "an address (a string)", describe_kind(requested[0]))
    return mailboxes


def _read_requester(document: Any) -> Requester:
    given = document if isinstance(document, dict) else {}
    texts = {name: value for name, value in given.items() if isinstance(value, str)}
    email, user_name, organization, user_id = (texts.get(name, "") for name in ("email", "userName", "organization", "userId"))
    return Requester(email, user_name, organization, user_id, origin=texts.get("origin"), bearer=texts.get("bearer"))


@dataclass(frozen=True, slots=True)
class AvailabilityResponse:
    """One result for each requested mailbox, in the request's order."""

    mailboxes: tuple[MailboxAvailability | MailboxError, ...]

    def to_response(self, request: AvailabilityRequest) -> dict[str, Any]:
        """Return the response as JSON data, checked.

        Raises:
            ContractError: the results do not match the requested mailboxes one by one, or the response breaks the schema (see
                `check_availability_response`).
        """
        requested = request.mailboxes
        if len(self.mailboxes) != len(requested):
            raise ContractError("/mailboxes", f"{len(requested)} results, one for each requested mailbox", f"{len(self.mailboxes)}")
        for index, (result, mailbox) in enumerate(zip(self.mailboxes, requested, strict=True)):
            if result.mailbox != mailbox:
                raise ContractError(f"/mailboxes/{index}/mailbox", "the mailbox that the request has here, in its spelling", "another one")
        response: dict[str, Any] = _to_json(self)
        # `CalendarEvent` has checked the times, so one event is checked for all events that differ only in their times and texts.
        check("availability-response", {"mailboxes": [_with_distinct_events(mailbox) for mailbox in response["mailboxes"]]})
        return response


def _with_distinct_events(mailbox: dict[str, Any]) -> dict[str, Any]:
    """Remove events for which the schema has the same result, so that full calendars are checked as fast as others."""
    if "events" not in mailbox:
        return mailbox
    distinct: dict[object, dict[str, Any]] = {}
    for event in mailbox["events"]:
        # The schema checks the value of instanceType and only the type of the other details.
        details = tuple((name, str(value) if name == "instanceType" else type(value)) for name, value in event.get("details", {}).items())
        distinct.setdefault((str(event["busyType"]), details), event)
    return mailbox | {"events": list(distinct.values())}


def check_availability_request(document: object) -> None:
    """Check an availability request.

    Raises:
        ContractError: as `AvailabilityRequest.parse`.
    """
    AvailabilityRequest.parse(document)


def map_unknown_errors(document: Any) -> Any:
    """Return a response with ErrorFreeBusyGenerationFailed for each error name that is not in the guide's table.

    WorkMail reads such a response in the same way (guide, "Error"): the name affects only its own mailbox. Other parts stay, unchecked.
    """
    mailboxes = document.get("mailboxes") if isinstance(document, dict) else None
    if not isinstance(mailboxes, list):
        return document
    return {**document, "mailboxes": [_map_unknown_error(mailbox) for mailbox in mailboxes]}


def _map_unknown_error(mailbox: Any) -> Any:
    error = mailbox.get("error") if isinstance(mailbox, dict) else None
    return {**mailbox, "error": str(to_known_code(error))} if isinstance(error, str) else mailbox


def check_availability_response(document: Any) -> None:
    """Check an availability response against the guide's "Response elements".

    Raises:
        ContractError: the response breaks the schema, a day does not exist, or an event ends before it starts.
    """
    check("availability-response", document)
    for nth_mailbox, mailbox in enumerate(document["mailboxes"]):
        for nth_event, event in enumerate(mailbox.get("events", ())):
            place = f"/mailboxes/{nth_mailbox}/events/{nth_event}"
            start = parse_time(event["startTime"], f"{place}/startTime")
            check_order(start, parse_time(event["endTime"], f"{place}/endTime"), place)


def _to_json(value: Any) -> Any:
    """Convert a value to JSON data. A dataclass becomes an object with the guide's names, without fields that are None."""
    match value:
        case datetime():
            return format_time(value)
        case time():
            return value.isoformat()
        case Enum():
            return value.value
        case tuple():
            return [_to_json(item) for item in value]
        case _ if is_dataclass(value):
            cls: Any = type(value)
            contents = ((name, getattr(value, attribute)) for attribute, name in _json_names(cls))
            return {name: _to_json(content) for name, content in contents if content is not None}
        case _:
            return value


@cache
def _json_names(cls: Any) -> tuple[tuple[str, str], ...]:
    """Return the names of a dataclass's fields, each with the guide's name: `is_reminder_set` and `isReminderSet`."""
    return tuple((item.name, re.sub("_(.)", lambda match: match[1].upper(), item.name)) for item in fields(cls))
