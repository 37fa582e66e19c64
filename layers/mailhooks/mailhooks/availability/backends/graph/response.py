"""Reads responses of Microsoft Graph's getSchedule.

Microsoft Graph: "calendar: getSchedule", "scheduleInformation", "scheduleItem", "freeBusyError". The error names are those of EWS
("ResponseCode"), as both use the same service of Exchange.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

from mailhooks.address_patterns import canonical
from mailhooks.availability import timezones
from mailhooks.availability.backends.graph.working_hours import read_hours
from mailhooks.availability.backends.http import client as http
from mailhooks.availability.backends.http.json_api import WindowTooLong, json_object, loggable
from mailhooks.availability.backends.http.retry_after import parse_retry_after
from mailhooks.availability.backends.merged_view import ELSEWHERE, add_busier_slots, choose_busier, complete_view
from mailhooks.availability.errors import GenerationFailed, LookupFailed, MailboxNotFound, NoAccess, ServerBusy, TimedOut
from mailhooks.availability.model import Result, Schedule
from mailhooks.contract.availability import Window
from mailhooks.contract.freebusy import BusyType, CalendarEvent, Details, InstanceType
from mailhooks.contract.timestamps import parse_iso_time


class TooManyMailboxes(GenerationFailed):
    """The request has more mailboxes than the service accepts."""


_MEANINGS: Final[Mapping[str, type[LookupFailed]]] = {
    # Numbers are errors of one mailbox. 5006: "calendar: getSchedule". 5009: microsoft-graph-docs issue 11225. 5035 and 5037: the
    # ExceptionCode of the same errors in EWS's responses (5037: Microsoft's support article on ErrorNoFreeBusyAccess).
    "5006": WindowTooLong,
    "5009": MailboxNotFound,
    "5035": MailboxNotFound,
    "5037": NoAccess,
    "erroraccessdenied": NoAccess,
    "erroraccountdisabled": MailboxNotFound,
    "erroradunavailable": ServerBusy,
    "errorexceededconnectioncount": ServerBusy,
    "errorinternalservertransienterror": ServerBusy,
    "errorinvalidsmtpaddress": MailboxNotFound,
    "errorinvaliduser": MailboxNotFound,
    "errormailboxdataarraytoobig": TooManyMailboxes,
    "errormailrecipientnotfound": MailboxNotFound,
    "errornofreebusyaccess": NoAccess,
    "errornonexistentmailbox": MailboxNotFound,
    "errorproxyrequestnotallowed": NoAccess,
    "errorresultsettoobig": WindowTooLong,
    "errorserverbusy": ServerBusy,
    "errortimeintervaltoobig": WindowTooLong,
    "errortimeoutexpired": TimedOut,
    # Graph's errors ("Microsoft Graph error responses and resource types", "Throttling").
    "activitylimitreached": ServerBusy,
    "applicationthrottled": ServerBusy,
    "servicenotavailable": ServerBusy,
    "toomanyrequests": ServerBusy,
}
"""Error types by code in lower case. Any other code is a `GenerationFailed`."""

_STATUSES: Final[Mapping[str, BusyType]] = {
    "free": BusyType.FREE,
    "tentative": BusyType.TENTATIVE,
    "busy": BusyType.BUSY,
    "oof": BusyType.BUSY,
}

_ELSEWHERE: Final = frozenset({"workingelsewhere", "unknown"})

_VIEW: Final = {"0": "free", "1": "tentative", "2": "busy", "3": "oof"}
"""The digits of `availabilityView` ("scheduleInformation"), except `ELSEWHERE`. Working elsewhere comes as 0 (article "Get free/busy
schedule"; microsoft-graph-docs issue 17869)."""


class Reader(NamedTuple):
    """Reads responses, with the busy types for the statuses workingElsewhere and unknown."""

    working_elsewhere: BusyType = BusyType.FREE
    unknown: BusyType = BusyType.BUSY

    def read(self, content: bytes, mailboxes: Sequence[str], window: Window) -> dict[str, Result]:
        """Read the result of each mailbox. Mailboxes that the response leaves out are missing.

        Args:
            window: the requested one: `availabilityView` begins at its start.

        Raises:
            GenerationFailed: the response is not getSchedule's.
        """
        entries = json_object(content).get("value")
        if not isinstance(entries, list):
            raise GenerationFailed("the response is not getSchedule's")
        return {mailbox: self._read_result(entry, window) for mailbox, entry in _match_entries(entries, mailboxes)}

    def _read_result(self, entry: Mapping[str, Any], window: Window) -> Result:
        error = entry.get("error")
        if error is not None:
            code = error.get("responseCode") if isinstance(error, dict) else None
            return _failure_type(code, GenerationFailed)(f"Microsoft 365 has no schedule for the mailbox ({loggable(_text(code))})")
        if "scheduleItems@odata.nextLink" in entry:
            # Graph's documentation has no pages of items, and the items of a further page would look free.
            return GenerationFailed("the response has only a part of the schedule items")
        items, view = entry.get("scheduleItems"), entry.get("availabilityView")
        if not items and view is not None and not isinstance(view, str):
            return GenerationFailed("the availability view cannot be read")
        has_view, view = isinstance(view, str), view if isinstance(view, str) else ""
        if items is None or (items == [] and has_view):
            # QUIRK: a mailbox outside of Exchange Online may have nothing but the view (EWS, "FreeBusyViewType": MergedOnly).
            items, view = [], complete_view(view, window) if view else ""
            if not view:
                return GenerationFailed("the response has no times for the mailbox, or none for a part of the window")
        if not isinstance(items, list):
            return GenerationFailed("the schedule items cannot be read")
        try:
            events = [self._read_event(item) for item in items]
            elsewhere = (event for event, item in zip(events, items, strict=True) if _status(item) in _ELSEWHERE)
            merged = add_busier_slots(events, view, window, self._read_digit, elsewhere)
        except (ValueError, TypeError, KeyError, AttributeError, OverflowError):
            # To skip the item would show busy time as free.
            return GenerationFailed("a schedule item cannot be read")
        return Schedule(merged, read_hours(entry.get("workingHours"), window))

    def _read_event(self, item: Mapping[str, Any]) -> CalendarEvent:
        # In the hour that a clock repeats, the longest event that the times can mean.
        start, end = _parse_time(item["start"], fold=0), _parse_time(item["end"], fold=1)
        return CalendarEvent(start, end, self._busy_type(_status(item)), _read_details(item))

    def _busy_type(self, status: str) -> BusyType:
        match status:
            case "workingelsewhere":
                return self.working_elsewhere
            case "unknown":
                return self.unknown
            case _:
                return _STATUSES.get(status, BusyType.BUSY)

    def _read_digit(self, digit: str) -> BusyType:
        if digit == ELSEWHERE:
            return choose_busier(self.working_elsewhere, self.unknown)
        return self._busy_type(_VIEW.get(digit, "unknown"))


def failure_for(response: http.HttpResponse) -> LookupFailed:
    """Return the failure that an error response means. HTTP 404 concerns the user in the path: `MailboxNotFound`."""
    codes = list(_codes(json_object(response.content).get("error")))
    general = http.failure_for(response)
    kind = type(general)
    if response.status == 404 and codes:
        kind = MailboxNotFound
    elif response.status == 509:  # "Bandwidth Limit Exceeded": Graph's other form of throttling
        kind = ServerBusy
    # "Use the most detailed one that you understand" (Graph's documentation): the last one is the innermost.
    known = [code for code in codes if code.lower() in _MEANINGS]
    if known and kind in {GenerationFailed, MailboxNotFound, NoAccess}:
        kind = _failure_type(known[-1], kind)
    named = f"{general}, {loggable((known or codes)[-1])}" if codes else str(general)
    # 500 was seen now and then (msgraph-sdk-design, pull request 2).
    transient = kind.transient or general.transient or (response.status == 500 and kind in {GenerationFailed, TimedOut})
    return kind(named, retry_after=parse_retry_after(response.headers), transient=transient)


def _codes(error: Any) -> Iterator[str]:
    """Yield an error's code and the codes of its inner errors (`innerError` or `innererror`)."""
    while isinstance(error, dict):
        if isinstance(code := error.get("code"), str):
            yield code
        error = error.get("innerError", error.get("innererror"))


def _failure_type(code: Any, otherwise: type[LookupFailed]) -> type[LookupFailed]:
    return _MEANINGS.get(_text(code).lower(), otherwise)


def _text(code: Any) -> str:
    """Return a code as text. `responseCode` is a string in the reference, but may be a number."""
    return str(code) if isinstance(code, str | int) and not isinstance(code, bool) else ""


def _match_entries(entries: Sequence[Any], mailboxes: Sequence[str]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield each mailbox with its entry.

    It is the entry of that name, unless there are two different ones. Without one, it is the entry at the mailbox's position, unless that
    names another mailbox.
    """
    named: dict[str, Any] = {}
    for entry in entries:
        if isinstance(entry, dict) and isinstance(name := entry.get("scheduleId"), str):
            # Two different schedules of one mailbox: either of them may be the true one.
            named[canonical(name)] = entry if named.get(canonical(name), entry) == entry else None
    asked = {canonical(mailbox) for mailbox in mailboxes}
    for place, mailbox in enumerate(mailboxes):
        entry = named.get(canonical(mailbox))
        if entry is None and len(entries) == len(mailboxes):
            entry = entries[place]
            if isinstance(entry, dict) and canonical(str(entry.get("scheduleId"))) in asked:
                entry = None
        if isinstance(entry, dict):
            yield mailbox, entry


def _status(item: Mapping[str, Any]) -> str:
    status = item.get("status")
    return status.lower() if isinstance(status, str) else "unknown"


def _parse_time(value: Mapping[str, Any], fold: int) -> datetime:
    """Parse `{"dateTime": "2018-08-06T09:00:00.0000000", "timeZone": "UTC"}` into UTC. The request asks for UTC.

    QUIRK: some responses have the mailbox's own zone, by its Windows name.
    """
    moment = parse_iso_time(value["dateTime"])
    if moment.tzinfo is None:
        name = value.get("timeZone") or "UTC"
        zone = UTC if name == "UTC" else timezones.find_zone(name)
        if zone is None:
            raise ValueError("an unknown time zone")
        moment = moment.replace(tzinfo=zone, fold=fold)
    return moment.astimezone(UTC)


def _read_details(item: Mapping[str, Any]) -> Details | None:
    """Return None if there is neither a subject nor a location. Graph does not report recurrence, attendees and reminders."""
    subject, location = item.get("subject"), item.get("location")
    if isinstance(location, dict):
        location = location.get("displayName")
    subject, location = (text if isinstance(text, str) else "" for text in (subject, location))
    if not subject and not location:
        return None
    private = item.get("isPrivate")
    private = private is not None and private is not False  # a value of another type counts as private
    return Details(subject, location, InstanceType.SINGLE_INSTANCE, is_meeting=False, is_reminder_set=False, is_private=private)
