"""What WorkMail asks of a custom availability provider, and the answer that it expects, as values.

Guide, "Building a Custom Availability Provider Lambda function": "Request elements" and "Response elements". The fields have the guide's
names in snake case. Moments are aware and in UTC. Mail hooks do not import this module: it would cost their cold start.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, fields, is_dataclass
from datetime import datetime, time
from enum import Enum
from functools import cache
from typing import Any, Self

from mailhooks.contract.errors import ContractError
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
)
from mailhooks.contract.schema import check
from mailhooks.contract.timestamps import check_order, put_in_utc, read_time, write_time

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
    """Who asks.

    Attributes:
        email: the primary address.
        user_name: the user name.
        organization: the requester's WorkMail organization ID.
        user_id: the requester's ID.
        origin: the remote address of the request, where WorkMail says it.
        bearer: reserved by the guide for future use; no `repr` shows it, as it may become a credential.
    """

    email: str
    user_name: str
    organization: str
    user_id: str
    origin: str | None = None
    bearer: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Window:
    """The time asked for: from `start_date` up to, not including, `end_date`.

    Raises:
        ContractError: a moment is naive, or the end is not after the start.
    """

    start_date: datetime
    end_date: datetime

    def __post_init__(self) -> None:
        put_in_utc(self, start_date="/window/startDate", end_date="/window/endDate")
        if self.end_date <= self.start_date:
            raise ContractError("/window/endDate", "a time after startDate", "one that is not")


@dataclass(frozen=True, slots=True)
class AvailabilityRequest:
    """Whose time is asked for, by whom and when."""

    requester: Requester
    mailboxes: tuple[str, ...]
    window: Window

    @classmethod
    def parse(cls, document: Any) -> Self:
        """Checks the request and reads it. Unknown properties pass: WorkMail may add some at any time.

        Raises:
            ContractError: the request is not what the guide's "Request elements" say.
        """
        check("availability-request", document)
        requester, window = document["requester"], document["window"]
        return cls(
            Requester(
                email=requester["email"],
                user_name=requester["userName"],
                organization=requester["organization"],
                user_id=requester["userId"],
                origin=requester.get("origin"),
                bearer=requester.get("bearer"),
            ),
            tuple(document["mailboxes"]),
            Window(read_time(window["startDate"], "/window/startDate"), read_time(window["endDate"], "/window/endDate")),
        )


@dataclass(frozen=True, slots=True)
class AvailabilityResponse:
    """One answer for each mailbox asked, in the order asked."""

    mailboxes: tuple[MailboxAvailability | MailboxError, ...]

    def to_response(self, request: AvailabilityRequest) -> dict[str, Any]:
        """The response for WorkMail, checked.

        Raises:
            ContractError: a mailbox asked has no answer or two, an answer is for another mailbox or out of order, or the response
                breaks the schema (see `check_availability_response`).
        """
        asked = request.mailboxes
        if len(self.mailboxes) != len(asked):
            raise ContractError("/mailboxes", f"{len(asked)} answers, one for each mailbox asked", f"{len(self.mailboxes)}")
        for index, (answer, mailbox) in enumerate(zip(self.mailboxes, asked, strict=True)):
            if answer.mailbox != mailbox:
                raise ContractError(f"/mailboxes/{index}/mailbox", "the mailbox asked in this place, spelled as asked", "another one")
        response: dict[str, Any] = _document(self)
        # Times are written here and their order is `CalendarEvent`'s: of events that differ in nothing else one is checked for all.
        check("availability-response", {"mailboxes": [_with_distinct_events(mailbox) for mailbox in response["mailboxes"]]})
        return response


def _with_distinct_events(mailbox: dict[str, Any]) -> dict[str, Any]:
    """The mailbox with one event of each kind, by all that the schema could object to: so a full calendar takes no longer."""
    if "events" not in mailbox:
        return mailbox
    distinct: dict[object, dict[str, Any]] = {}
    for event in mailbox["events"]:
        # Of all but these two the schema asks for the type alone.
        details = tuple((name, str(value) if name == "instanceType" else type(value)) for name, value in event.get("details", {}).items())
        distinct.setdefault((str(event["busyType"]), details), event)
    return mailbox | {"events": list(distinct.values())}


def check_availability_request(document: object) -> None:
    """Checks an availability request as `AvailabilityRequest.parse` does.

    Raises:
        ContractError: where it breaks, what was expected and what kind of thing came.
    """
    AvailabilityRequest.parse(document)


def check_availability_response(document: Any) -> None:
    """Checks an availability response against the guide's "Response elements", whoever wrote it.

    Raises:
        ContractError: the schema is broken, a day does not exist, or an event ends before it starts.
    """
    check("availability-response", document)
    for place, event in _events(document):
        start = read_time(event["startTime"], f"{place}/startTime")
        check_order(start, read_time(event["endTime"], f"{place}/endTime"), place)


def _events(response: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for nth_mailbox, mailbox in enumerate(response["mailboxes"]):
        for nth_event, event in enumerate(mailbox.get("events", ())):
            yield f"/mailboxes/{nth_mailbox}/events/{nth_event}", event


def _document(value: Any) -> Any:
    """A value as JSON has it: a dataclass becomes an object under the guide's names, without what is None."""
    match value:
        case datetime():
            return write_time(value)
        case time():
            return value.isoformat()
        case Enum():
            return value.value
        case tuple():
            return [_document(item) for item in value]
        case _ if is_dataclass(value):
            cls: Any = type(value)
            named = ((name, getattr(value, attribute)) for attribute, name in _names(cls))
            return {name: _document(content) for name, content in named if content is not None}
        case _:
            return value


@cache
def _names(cls: Any) -> tuple[tuple[str, str], ...]:
    """A dataclass's fields, each with the guide's name: `is_reminder_set` is `isReminderSet`."""
    return tuple((item.name, _camel(item.name)) for item in fields(cls))


def _camel(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(map(str.capitalize, others))
