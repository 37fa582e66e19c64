"""What Microsoft Graph's getSchedule answers: schedules, and errors for one mailbox or for all.

Microsoft Graph: "calendar: getSchedule", "scheduleInformation", "scheduleItem", "freeBusyError"; the error names are those of EWS
("ResponseCode"), as both ask the same service of Exchange.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from mailhooks.address_patterns import canonical
from mailhooks.availability import timezones
from mailhooks.availability.backends.graph.working_hours import read_hours
from mailhooks.availability.backends.http import client as http
from mailhooks.availability.backends.http.json_api import json_object, loggable
from mailhooks.availability.errors import GenerationFailed, LookupFailed, MailboxNotFound, NoAccess, ServerBusy, TimedOut
from mailhooks.availability.model import Result, Schedule
from mailhooks.contract.availability import Window
from mailhooks.contract.freebusy import BusyType, CalendarEvent, Details, InstanceType


class TooManyMailboxes(GenerationFailed):
    """More than one call takes."""


class WindowTooLong(GenerationFailed):
    """Longer than a call takes, or so long that a calendar has more than 1000 entries in it."""


_MEANINGS: Final[Mapping[str, type[LookupFailed]]] = {
    # Numbers come per mailbox. 5006: "calendar: getSchedule". 5009: microsoft-graph-docs issue 11225. 5035 and 5037: the ExceptionCode of
    # the same errors in EWS's answers (5037: Microsoft's support article on ErrorNoFreeBusyAccess).
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
    # Graph's own ("Microsoft Graph error responses and resource types", "Throttling").
    "activitylimitreached": ServerBusy,
    "applicationthrottled": ServerBusy,
    "servicenotavailable": ServerBusy,
    "toomanyrequests": ServerBusy,
}
"""By code, in lower case. Any other is a `GenerationFailed`."""

_STATUSES: Final[Mapping[str, BusyType]] = {
    "free": BusyType.FREE,
    "tentative": BusyType.TENTATIVE,
    "busy": BusyType.BUSY,
    "oof": BusyType.BUSY,
}

_VIEW: Final = {"0": "free", "1": "tentative", "2": "busy", "3": "oof", "4": "workingelsewhere"}
"""The digits of `availabilityView` ("scheduleInformation"). The article "Get free/busy schedule" counts working elsewhere under 0."""


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads answers.

    Attributes:
        working_elsewhere: what an event with the status workingElsewhere is.
        unknown: what one with the status unknown is.
    """

    working_elsewhere: BusyType = BusyType.FREE
    unknown: BusyType = BusyType.BUSY

    def read(self, content: bytes, mailboxes: Sequence[str], window: Window, slot: timedelta) -> dict[str, Result]:
        """What an answer to `mailboxes` says of each; those that it leaves out are missing.

        Args:
            window: what was asked for.
            slot: the length of a digit of `availabilityView`.

        Raises:
            GenerationFailed: it is no answer of getSchedule.
        """
        entries = json_object(content).get("value")
        if not isinstance(entries, list):
            raise GenerationFailed("the answer is not one of getSchedule")
        return {mailbox: self._result(entry, window, slot) for mailbox, entry in _matched(entries, mailboxes)}

    def _result(self, entry: Mapping[str, Any], window: Window, slot: timedelta) -> Result:
        error = entry.get("error")
        if error is not None:
            code = error.get("responseCode") if isinstance(error, dict) else None
            return _meaning(code, GenerationFailed)(f"Microsoft 365 has no schedule for the mailbox ({loggable(_text(code))})")
        items, view = entry.get("scheduleItems"), entry.get("availabilityView")
        if items is None and not (view and isinstance(view, str)):
            return GenerationFailed("the answer tells nothing of the mailbox's times")
        if not isinstance(items, list | None):
            return GenerationFailed("the schedule items cannot be read")
        try:
            events = tuple(map(self._event, items or ())) or tuple(self._merged(view, window, slot))
        except (ValueError, TypeError, KeyError, AttributeError, OverflowError):
            # Not without the one that cannot be read: busy time would be shown as free.
            return GenerationFailed("a schedule item cannot be read")
        return Schedule(events, read_hours(entry.get("workingHours"), window))

    def _event(self, item: Mapping[str, Any]) -> CalendarEvent:
        return CalendarEvent(_moment(item["start"]), _moment(item["end"]), self._busy_type(item.get("status")), _details(item))

    def _busy_type(self, status: Any) -> BusyType:
        name = status.lower() if isinstance(status, str) else "unknown"
        match name:
            case "workingelsewhere":
                return self.working_elsewhere
            case "unknown":
                return self.unknown
            case _:
                return _STATUSES.get(name, BusyType.BUSY)

    def _merged(self, view: Any, window: Window, slot: timedelta) -> Iterator[CalendarEvent]:
        """QUIRK: of a mailbox outside of Exchange Online, the merged view may be all there is (EWS, "FreeBusyViewType": MergedOnly)."""
        digits = view if isinstance(view, str) else ""
        for run in re.finditer(r"(.)\1*", digits):
            busy = self._busy_type(_VIEW.get(run[1], "unknown"))
            if busy is not BusyType.FREE:
                yield CalendarEvent(window.start_date + run.start() * slot, window.start_date + run.end() * slot, busy)


def failure(answer: http.HttpResponse) -> LookupFailed:
    """What an answer means that is no success. One with status 404 speaks of the user in the address: `MailboxNotFound`."""
    codes = list(_codes(json_object(answer.content).get("error")))
    general = http.failure_for(answer)
    kind = type(general)
    if answer.status == 404 and codes:
        kind = MailboxNotFound
    elif answer.status == 509:  # "Bandwidth Limit Exceeded": Graph's other form of throttling
        kind = ServerBusy
    # "Use the most detailed one that you understand": the innermost comes last.
    known = [code for code in codes if code.lower() in _MEANINGS]
    if known and kind in {GenerationFailed, MailboxNotFound, NoAccess}:
        kind = _meaning(known[-1], kind)
    named = f"{general}, {loggable((known or codes)[-1])}" if codes else str(general)
    return kind(named, retry_after=http.parse_retry_after(answer))


def _codes(error: Any) -> Iterator[str]:
    """An error's code and those of the errors in it, `innerError` or `innererror`."""
    while isinstance(error, dict):
        if isinstance(code := error.get("code"), str):
            yield code
        error = error.get("innerError", error.get("innererror"))


def _meaning(code: Any, otherwise: type[LookupFailed]) -> type[LookupFailed]:
    return _MEANINGS.get(_text(code).lower(), otherwise)


def _text(code: Any) -> str:
    """`responseCode` is a string by the reference; a JSON number means the same."""
    return str(code) if isinstance(code, str | int) and not isinstance(code, bool) else ""


def _matched(entries: Sequence[Any], mailboxes: Sequence[str]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Each mailbox with its entry: the one that names it, in any case; else the one in its place, if that names nobody else's."""
    named: dict[str, Any] = {}
    for entry in entries:
        if isinstance(entry, dict) and isinstance(name := entry.get("scheduleId"), str):
            named.setdefault(canonical(name), entry)
    asked = {canonical(mailbox) for mailbox in mailboxes}
    for place, mailbox in enumerate(mailboxes):
        entry = named.get(canonical(mailbox))
        if entry is None and len(entries) == len(mailboxes):
            entry = entries[place]
            if isinstance(entry, dict) and canonical(str(entry.get("scheduleId"))) in asked:
                entry = None
        if isinstance(entry, dict):
            yield mailbox, entry


def _moment(value: Mapping[str, Any]) -> datetime:
    """`{"dateTime": "2018-08-06T09:00:00.0000000", "timeZone": "UTC"}`: local time of the zone, which is UTC as we ask for it."""
    moment = datetime.fromisoformat(value["dateTime"])
    if moment.tzinfo is not None:
        return moment
    name = value.get("timeZone") or "UTC"
    zone = UTC if name == "UTC" else timezones.find_zone(name)
    if zone is None:
        raise ValueError("a time zone that is not known")
    return moment.replace(tzinfo=zone)


def _details(item: Mapping[str, Any]) -> Details | None:
    """None where neither subject nor location is told. Recurrence, attendees and reminders Graph does not tell, so that every event is a
    single one without them.
    """
    subject, location = item.get("subject"), item.get("location")
    if isinstance(location, dict):
        location = location.get("displayName")
    subject, location = (text if isinstance(text, str) else "" for text in (subject, location))
    if not subject and not location:
        return None
    private = item.get("isPrivate")
    private = private is not None and private is not False  # of another type: rather private than shown
    return Details(subject, location, InstanceType.SINGLE_INSTANCE, is_meeting=False, is_reminder_set=False, is_private=private)
