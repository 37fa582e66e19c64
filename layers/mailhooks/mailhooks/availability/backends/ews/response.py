"""Reads the response to GetUserAvailability (EWS reference, "GetUserAvailability operation"; MS-OXWAVLS section 2.2)."""

from datetime import UTC, datetime
from typing import Final

from mailhooks.availability.backends.ews.errors import RequestFailed, failure_for_code, fault_for_code
from mailhooks.availability.backends.ews.working_hours import read_hours
from mailhooks.availability.backends.ews.xml import Element, InvalidXml, children, children_by_name, descendants, local_name, parse, text
from mailhooks.availability.backends.merged_view import add_busier_slots, complete_view
from mailhooks.availability.errors import GenerationFailed, NoAccess
from mailhooks.availability.model import Result, Schedule
from mailhooks.contract.availability import Window
from mailhooks.contract.freebusy import BusyType, CalendarEvent, Details, InstanceType
from mailhooks.contract.timestamps import parse_iso_time

BUSY_TYPES: Final = {
    "Free": BusyType.FREE,
    "Tentative": BusyType.TENTATIVE,
    "Busy": BusyType.BUSY,
    "OOF": BusyType.BUSY,
    # A setting: Outlook shows no conflict and Microsoft Graph counts it as free, but AWS's sample function converts it to BUSY, as every
    # type that it does not know.
    "WorkingElsewhere": BusyType.FREE,
    # Exchange has no data for this time. AWS's sample function converts it to BUSY too.
    "NoData": BusyType.BUSY,
}
"""Any other type is BUSY: busy time must never look free."""

_VIEW: Final = {"0": BusyType.FREE, "1": BusyType.TENTATIVE}
"""The digits of MergedFreeBusy (EWS reference). All others are busy: 2 busy, 3 out of office, 4 and 5 no data."""

_SHOWS_EVENTS: Final = frozenset({"FreeBusy", "FreeBusyMerged", "Detailed", "DetailedMerged"})
"""Views that contain all events. In these, an empty list means that the calendar is free."""


def read_response(
    content: bytes, mailboxes: int, working_elsewhere: BusyType = BusyType.FREE, window: Window | None = None
) -> list[Result]:
    """Read the result of each mailbox, in the request's order.

    EWS reference: "the order of users in the request determines the order in the response".

    Args:
        mailboxes: the number of requested mailboxes.
        window: the requested one: `MergedFreeBusy` begins at its start. None: only events are read.

    Raises:
        RequestFailed: the content is a fault or not EWS, or has results for more or fewer mailboxes, which cannot be assigned to them.
    """
    try:
        root = parse(content)
    except InvalidXml as error:
        raise RequestFailed(GenerationFailed(f"the response is not EWS: {error}")) from None
    body = children_by_name(root).get("Body") if local_name(root) == "Envelope" else None
    if body is None:
        raise RequestFailed(GenerationFailed("the response is not EWS: it has no SOAP envelope"))
    parts = children_by_name(body)
    if "Fault" in parts:
        raise _fault(parts["Fault"])
    response = children_by_name(parts["GetUserAvailabilityResponse"]) if "GetUserAvailabilityResponse" in parts else {}
    code = _error_code(response.get("ResponseMessage"))
    if code is not None:
        raise fault_for_code(code, read_back_off(response["ResponseMessage"]))
    results = list(children(response.get("FreeBusyResponseArray"), "FreeBusyResponse"))
    if len(results) != mailboxes:
        raise RequestFailed(GenerationFailed(f"the response has {len(results)} results for {mailboxes} mailboxes"), divisible=True)
    return [_read_result(result, working_elsewhere, window) for result in results]


def _fault(element: Element) -> RequestFailed:
    code = next((text(found) for found in descendants(element, "ResponseCode")), "") or text(children_by_name(element).get("faultcode"))
    return fault_for_code(_values(element).get("InnerErrorResponseCode") or code.rpartition(":")[2], read_back_off(element))


def read_back_off(element: Element) -> float | None:
    """Return the pause in seconds that the server asks for (EWS reference, "EWS throttling in Exchange": BackOffMilliseconds)."""
    value = _values(element).get("BackOffMilliseconds", "")
    # A float, because int() rejects thousands of digits.
    return float(value) / 1000 if value.isascii() and value.isdigit() else None


def _values(element: Element) -> dict[str, str]:
    return {value.get("Name", ""): text(value) for value in descendants(element, "Value")}


def _error_code(message: Element | None) -> str | None:
    """Return the code of a ResponseMessage that reports an error; "" if it has no code, None if it reports success."""
    if message is None:
        return None
    code = text(children_by_name(message).get("ResponseCode"))
    return code if code not in ("", "NoError") or message.get("ResponseClass", "").lower() == "error" else None


def _read_result(response: Element, working_elsewhere: BusyType, window: Window | None) -> Result:
    parts = children_by_name(response)
    message = parts.get("ResponseMessage")
    code = _error_code(message)
    if message is not None and code is not None:
        return failure_for_code(_values(message).get("InnerErrorResponseCode") or code, read_back_off(message))
    view = children_by_name(parts["FreeBusyView"]) if "FreeBusyView" in parts else {}
    merged = text(view.get("MergedFreeBusy")) if window else ""
    # QUIRK: some servers send several arrays, or events outside of them.
    elements = list(descendants(response, "CalendarEvent"))
    if not elements:
        kind = text(view.get("FreeBusyViewType"))
        has_events = kind in _SHOWS_EVENTS or (not kind and "CalendarEventArray" in view)
        # QUIRK: some servers send an empty array with any view, so it means a free calendar only in a view with events.
        if kind == "None":
            return NoAccess("the server does not show the calendar to this account")
        if window and merged and (not has_events or merged.strip("0")):
            merged = complete_view(merged, window) or ""
            has_events = bool(merged)
        if not has_events:
            return GenerationFailed("the response has no events")
        if not merged and text(view.get("MergedFreeBusy")).strip("0"):
            return GenerationFailed("the response has busy time without events")
    try:
        events = [_read_event(element, working_elsewhere) for element in elements]
        if window and merged:
            elsewhere = [event for event, element in zip(events, elements, strict=True) if _busy_type_name(element) == "WorkingElsewhere"]
            events = list(add_busier_slots(events, merged, window, lambda digit: _VIEW.get(digit, BusyType.BUSY), elsewhere))
    except (ValueError, OverflowError):
        # To skip the event would show busy time as free.
        return GenerationFailed("the time of an event cannot be read")
    return Schedule(tuple(events), read_hours(view.get("WorkingHours")))


def _read_event(element: Element, working_elsewhere: BusyType) -> CalendarEvent:
    parts = children_by_name(element)
    kind = _busy_type_name(element)
    busy = working_elsewhere if kind == "WorkingElsewhere" else BUSY_TYPES.get(kind, BusyType.BUSY)
    # QUIRK: some events end before they start. The time between both is busy.
    start, end = sorted((read_moment(text(parts.get("StartTime"))), read_moment(text(parts.get("EndTime")))))
    return CalendarEvent(start, end, busy, _read_details(parts))


def _busy_type_name(event: Element) -> str:
    return text(children_by_name(event).get("BusyType"))


def read_moment(written: str) -> datetime:
    """Parse a time. Without an offset it is in the requested zone, which is UTC.

    >>> read_moment("2026-05-04T09:00:00+0200")
    datetime.datetime(2026, 5, 4, 7, 0, tzinfo=datetime.timezone.utc)

    Raises:
        ValueError, OverflowError: the text is not a time.
    """
    moment = parse_iso_time(written)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _read_details(event: dict[str, Element]) -> Details | None:
    if "CalendarEventDetails" not in event:
        return None
    parts = children_by_name(event["CalendarEventDetails"])
    if _is_true(parts.get("IsException")):
        instance = InstanceType.EXCEPTION
    else:
        instance = InstanceType.RECURRING_INSTANCE if _is_true(parts.get("IsRecurring")) else InstanceType.SINGLE_INSTANCE
    # QUIRK: the reference's example also has IsPrivate outside of the details. A value other than true or false counts as private.
    private = any(text(flag).lower() not in ("", "false", "0") for flag in (parts.get("IsPrivate"), event.get("IsPrivate")))
    subject, location = text(parts.get("Subject")), text(parts.get("Location"))
    return Details(subject, location, instance, _is_true(parts.get("IsMeeting")), _is_true(parts.get("IsReminderSet")), private)


def _is_true(element: Element | None) -> bool:
    return text(element).lower() in ("true", "1")
