"""What Google Calendar's Freebusy: query answers: busy times, and errors for one calendar or for all.

Google Calendar API: "Freebusy: query" and "Handle API errors".
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from mailhooks.address_patterns import canonical
from mailhooks.availability.backends.http import client as http
from mailhooks.availability.backends.http.json_api import json_object, loggable
from mailhooks.availability.errors import GenerationFailed, LookupFailed, MailboxNotFound, NoAccess, ServerBusy
from mailhooks.availability.model import Result, Schedule
from mailhooks.contract.freebusy import BusyType, CalendarEvent


class TooManyCalendars(GenerationFailed):
    """More than one call takes."""


class Faltered(GenerationFailed):
    """An error of Google's own: it asks to be tried again with growing pauses."""

    transient = True


_MEANINGS: Final[Mapping[str, type[LookupFailed]]] = {
    "notFound": MailboxNotFound,
    "tooManyCalendarsRequested": TooManyCalendars,
    "internalError": Faltered,
    "backendError": Faltered,
    "forbidden": NoAccess,
    "forbiddenForNonOrganizer": NoAccess,
    "insufficientPermissions": NoAccess,
    "accessNotConfigured": NoAccess,
    "accessDenied": NoAccess,
    "RATE_LIMIT_EXCEEDED": ServerBusy,
    "RESOURCE_EXHAUSTED": ServerBusy,
}
"""By reason. Those of usage limits besides are told by their ending; any other is a `GenerationFailed`."""


def read(content: bytes, mailboxes: Sequence[str]) -> dict[str, Result]:
    """What an answer says of each mailbox; those that it leaves out are missing, groups among them.

    Raises:
        GenerationFailed: it is no answer of freeBusy.
    """
    document = json_object(content)
    calendars, groups = document.get("calendars"), document.get("groups")
    if not isinstance(calendars, dict):
        raise GenerationFailed("the answer is not one of freeBusy")
    by_name = {canonical(name): entry for name, entry in (groups if isinstance(groups, dict) else {}).items() if _reasons_of(entry)}
    by_name |= {canonical(name): entry for name, entry in calendars.items()}
    return {mailbox: _result(by_name[canonical(mailbox)]) for mailbox in mailboxes if canonical(mailbox) in by_name}


def _result(entry: Any) -> Result:
    reasons = _reasons_of(entry)
    if reasons:
        return _meaning(reasons[0])(f"Google has no busy times for the calendar ({loggable(reasons[0])})")
    try:
        return Schedule(tuple(CalendarEvent(_moment(busy["start"]), _moment(busy["end"]), BusyType.BUSY) for busy in entry["busy"]))
    except (ValueError, TypeError, KeyError, OverflowError):
        return GenerationFailed("a busy time cannot be read")


def _reasons_of(entry: Any) -> list[str]:
    errors = entry.get("errors") if isinstance(entry, dict) else None
    if not errors:
        return []
    found = [str(error.get("reason")) for error in errors if isinstance(error, dict)] if isinstance(errors, list) else []
    return found or ["unknown"]


def failure(answer: http.HttpResponse) -> LookupFailed:
    """What an answer means that is no success."""
    reasons = list(_reasons(json_object(answer.content).get("error")))
    general = http.failure_for(answer)
    kind = type(general)
    if answer.status == 500:
        kind = Faltered
    if kind in {GenerationFailed, NoAccess}:
        kind = next((meaning for reason in reasons if (meaning := _meaning(reason)) is not GenerationFailed), kind)
    if kind is MailboxNotFound:  # of the address that was called
        kind = GenerationFailed
    named = f"{general}, {loggable(reasons[0])}" if reasons else str(general)
    return kind(named, retry_after=http.parse_retry_after(answer))


def _reasons(error: Any) -> Iterator[str]:
    """Those of the errors listed, and those in the form of google.rpc.ErrorInfo and google.rpc.Code."""
    if not isinstance(error, dict):
        return
    for listed in (error.get("errors"), error.get("details")):
        for one in listed if isinstance(listed, list) else ():
            if isinstance(one, dict) and isinstance(reason := one.get("reason"), str):
                yield reason
    if isinstance(status := error.get("status"), str):
        yield status


def _meaning(reason: str) -> type[LookupFailed]:
    if reason in _MEANINGS:
        return _MEANINGS[reason]
    # rateLimitExceeded, userRateLimitExceeded, quotaExceeded, dailyLimitExceeded
    return ServerBusy if reason.endswith("Exceeded") else GenerationFailed


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)  # the zone asked for
