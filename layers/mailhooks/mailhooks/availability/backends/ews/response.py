"""Reads the answer to GetUserAvailability (EWS reference, "GetUserAvailability operation"; MS-OXWAVLS section 2.2)."""

from datetime import UTC, datetime
from typing import Final

from mailhooks.availability.backends.ews.errors import RequestFailed, failure_for_code, fault_for_code
from mailhooks.availability.backends.ews.working_hours import read_hours
from mailhooks.availability.backends.ews.xml import Element, InvalidXml, children, children_by_name, descendants, local_name, parse, text
from mailhooks.availability.errors import GenerationFailed, LookupFailed, NoAccess
from mailhooks.availability.model import Schedule
from mailhooks.contract.freebusy import BusyType, CalendarEvent, Details, InstanceType

BUSY_TYPES: Final = {
    "Free": BusyType.FREE,
    "Tentative": BusyType.TENTATIVE,
    "Busy": BusyType.BUSY,
    "OOF": BusyType.BUSY,
    # In Outlook it is no conflict, and Microsoft Graph counts it as free; AWS's sample function, which knows only BUSY for what it does
    # not know, makes it BUSY. Hence a setting.
    "WorkingElsewhere": BusyType.FREE,
    # Nothing is known of this time. AWS's sample function takes it for BUSY too.
    "NoData": BusyType.BUSY,
}
"""What is not here is BUSY: busy time must never look free."""

_SHOWS_EVENTS: Final = frozenset({"FreeBusy", "FreeBusyMerged", "Detailed", "DetailedMerged"})
"""Types of view in which no events means that there are none."""

Result = Schedule | LookupFailed


def read_response(content: bytes, mailboxes: int, working_elsewhere: BusyType = BusyType.FREE) -> list[Result]:
    """What is told of each mailbox, in the order asked: "the order of users in the request determines the order in the response".

    Args:
        content: the SOAP envelope.
        mailboxes: how many were asked for.
        working_elsewhere: what that kind of time counts as.

    Raises:
        RequestRefused: a fault, no answer of EWS at all, or one for more or fewer mailboxes, so that nobody can tell whose is whose.
    """
    try:
        root = parse(content)
    except InvalidXml as error:
        raise RequestFailed(GenerationFailed(f"the answer is not EWS: {error}")) from None
    body = children_by_name(root).get("Body") if local_name(root) == "Envelope" else None
    if body is None:
        raise RequestFailed(GenerationFailed("the answer is not EWS: no SOAP envelope"))
    parts = children_by_name(body)
    if "Fault" in parts:
        raise _fault(parts["Fault"])
    answer = children_by_name(parts["GetUserAvailabilityResponse"]) if "GetUserAvailabilityResponse" in parts else {}
    code = _failed(answer.get("ResponseMessage"))
    if code is not None:
        raise fault_for_code(code, _back_off(answer["ResponseMessage"]))
    responses = list(children(answer.get("FreeBusyResponseArray"), "FreeBusyResponse"))
    if len(responses) != mailboxes:
        raise RequestFailed(GenerationFailed(f"the server answers for {len(responses)} of {mailboxes} mailboxes"), divisible=True)
    return [_result(response, working_elsewhere) for response in responses]


def _fault(element: Element) -> RequestFailed:
    code = next((text(found) for found in descendants(element, "ResponseCode")), "") or text(children_by_name(element).get("faultcode"))
    return fault_for_code(_values(element).get("InnerErrorResponseCode") or code.rpartition(":")[2], _back_off(element))


def _back_off(element: Element) -> float | None:
    """Seconds. EWS reference, "EWS throttling in Exchange": BackOffMilliseconds, in MessageXml."""
    value = _values(element).get("BackOffMilliseconds", "")
    return int(value) / 1000 if value.isascii() and value.isdigit() else None


def _values(element: Element) -> dict[str, str]:
    return {value.get("Name", ""): text(value) for value in descendants(element, "Value")}


def _failed(message: Element | None) -> str | None:
    """A ResponseMessage's code if it tells of a failure: "" where it names none."""
    if message is None:
        return None
    code = text(children_by_name(message).get("ResponseCode"))
    return code if code not in ("", "NoError") or message.get("ResponseClass") == "Error" else None


def _result(response: Element, working_elsewhere: BusyType) -> Result:
    parts = children_by_name(response)
    message = parts.get("ResponseMessage")
    code = _failed(message)
    if message is not None and code is not None:
        return failure_for_code(_values(message).get("InnerErrorResponseCode") or code, _back_off(message))
    view = children_by_name(parts["FreeBusyView"]) if "FreeBusyView" in parts else {}
    array = view.get("CalendarEventArray")
    kind = text(view.get("FreeBusyViewType"))
    if not any(True for _ in children(array, "CalendarEvent")):
        # QUIRK An empty array comes from some servers whatever the view: it says that nothing is there only where the view shows events.
        if kind == "None":
            return NoAccess("the server shows nothing of the calendar")
        if (kind and kind not in _SHOWS_EVENTS) or (array is None and not kind):
            return GenerationFailed("the server tells no events")
        if text(view.get("MergedFreeBusy")).strip("0"):
            return GenerationFailed("the server tells of busy time, but of no events")
    try:
        events = [_event(event, working_elsewhere) for event in children(array, "CalendarEvent")]
    except (ValueError, OverflowError):
        # Without the one that cannot be read busy time would look free.
        return GenerationFailed("the server tells of an event whose time cannot be read")
    return Schedule(tuple(events), read_hours(view.get("WorkingHours")))


def _event(element: Element, working_elsewhere: BusyType) -> CalendarEvent:
    parts = children_by_name(element)
    kind = text(parts.get("BusyType"))
    busy = working_elsewhere if kind == "WorkingElsewhere" else BUSY_TYPES.get(kind, BusyType.BUSY)
    # QUIRK An end before the start: the time in between is taken, whichever way round.
    start, end = sorted((read_moment(text(parts.get("StartTime"))), read_moment(text(parts.get("EndTime")))))
    return CalendarEvent(start, end, busy, _details(parts))


def read_moment(written: str) -> datetime:
    """A moment in UTC. One without an offset is in the zone that was asked for, which is UTC.

    >>> read_moment("2026-05-04T09:00:00+0200")
    datetime.datetime(2026, 5, 4, 7, 0, tzinfo=datetime.timezone.utc)

    Raises:
        ValueError, OverflowError: it is none.
    """
    moment = datetime.fromisoformat(written)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _details(event: dict[str, Element]) -> Details | None:
    if "CalendarEventDetails" not in event:
        return None
    parts = children_by_name(event["CalendarEventDetails"])
    if _flag(parts.get("IsException")):
        instance = InstanceType.EXCEPTION
    else:
        instance = InstanceType.RECURRING_INSTANCE if _flag(parts.get("IsRecurring")) else InstanceType.SINGLE_INSTANCE
    # QUIRK The reference's own example has IsPrivate beside the details too. What is neither true nor false is private.
    private = any(text(flag).lower() not in ("", "false", "0") for flag in (parts.get("IsPrivate"), event.get("IsPrivate")))
    subject, location = text(parts.get("Subject")), text(parts.get("Location"))
    return Details(subject, location, instance, _flag(parts.get("IsMeeting")), _flag(parts.get("IsReminderSet")), private)


def _flag(element: Element | None) -> bool:
    return text(element).lower() in ("true", "1")
