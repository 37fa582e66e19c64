"""Reads responses of Google Calendar's "Freebusy: query" (Google Calendar API, also "Handle API errors")."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from mailhooks.address_patterns import canonical
from mailhooks.availability.backends.http import client as http
from mailhooks.availability.backends.http.json_api import WindowTooLong, json_object, loggable
from mailhooks.availability.backends.http.retry_after import parse_retry_after
from mailhooks.availability.errors import GenerationFailed, LookupFailed, MailboxNotFound, NoAccess, ServerBusy
from mailhooks.availability.model import Result, Schedule
from mailhooks.contract.freebusy import BusyType, CalendarEvent
from mailhooks.contract.timestamps import parse_iso_time


class TooManyCalendars(GenerationFailed):
    """The request has more calendars than the service accepts."""


class Faltered(GenerationFailed):
    """An internal error of Google, which asks for retries with growing pauses."""

    transient = True


_MEANINGS: Final[Mapping[str, type[LookupFailed]]] = {
    "notFound": MailboxNotFound,
    "tooManyCalendarsRequested": TooManyCalendars,
    "groupTooBig": TooManyCalendars,
    "timeRangeTooLong": WindowTooLong,
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
"""Error types by reason. See `_failure_type` for other reasons."""

_EXHAUSTED: Final = "dailyLimitExceeded"
"""The reason that a retry meets until midnight (Google Calendar API, "Handle API errors")."""


def read_response(content: bytes, mailboxes: Sequence[str]) -> dict[str, Result]:
    """Read the result of each mailbox. Mailboxes that the response leaves out, such as groups, are missing.

    Raises:
        GenerationFailed: the response is not freeBusy's.
    """
    document = json_object(content)
    calendars, groups = document.get("calendars"), document.get("groups")
    if not isinstance(calendars, dict) or "nextPageToken" in document:
        raise GenerationFailed("the response is not freeBusy's")
    by_name = {canonical(name): entry for name, entry in (groups if isinstance(groups, dict) else {}).items() if _list_reasons(entry)}
    named: dict[str, Any] = {}
    for name, entry in calendars.items():
        # Two different results of one calendar: either of them may be the true one.
        named[canonical(name)] = entry if named.get(canonical(name), entry) == entry else None
    by_name |= named
    return {mailbox: _read_result(by_name[canonical(mailbox)]) for mailbox in mailboxes if canonical(mailbox) in by_name}


def _read_result(entry: Any) -> Result:
    reasons = _list_reasons(entry)
    if reasons:
        reason = next((each for each in reasons if _failure_type(each) is not GenerationFailed), reasons[0])
        text = f"Google has no busy times for the calendar ({loggable(reason)})"
        return _failure_type(reason)(text, transient=False if reason == _EXHAUSTED else None)
    if not isinstance(entry, dict) or not isinstance(entry.get("busy"), list):
        return GenerationFailed("the calendar has no list of busy times")
    try:
        return Schedule(tuple(CalendarEvent(_parse_time(busy["start"]), _parse_time(busy["end"]), BusyType.BUSY) for busy in entry["busy"]))
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError):
        return GenerationFailed("a busy time cannot be read")


def _list_reasons(entry: Any) -> list[str]:
    errors = (entry.get("errors") or entry.get("error")) if isinstance(entry, dict) else None
    if not errors:
        return []
    found = [str(error.get("reason")) for error in errors if isinstance(error, dict)] if isinstance(errors, list) else []
    return found or ["unknown"]


def failure_for(response: http.HttpResponse) -> LookupFailed:
    """Return the failure that an error response means."""
    reasons = list(_reasons(json_object(response.content).get("error")))
    general = http.failure_for(response)
    kind = type(general)
    if response.status == 500:
        kind = Faltered
    if kind in {GenerationFailed, NoAccess}:
        kind = next((meaning for reason in reasons if (meaning := _failure_type(reason)) is not GenerationFailed), kind)
    if kind is MailboxNotFound:  # HTTP 404 concerns the URL
        kind = GenerationFailed
    named = f"{general}, {loggable(reasons[0])}" if reasons else str(general)
    transient = (kind.transient or general.transient) and _EXHAUSTED not in reasons
    return kind(named, retry_after=parse_retry_after(response.headers), transient=transient)


def _reasons(error: Any) -> Iterator[str]:
    """Yield an error's reasons, also those of google.rpc.ErrorInfo and google.rpc.Code."""
    if not isinstance(error, dict):
        return
    for listed in (error.get("errors"), error.get("details")):
        for one in listed if isinstance(listed, list) else ():
            if isinstance(one, dict) and isinstance(reason := one.get("reason"), str):
                yield reason
    if isinstance(status := error.get("status"), str):
        yield status


def _failure_type(reason: str) -> type[LookupFailed]:
    if reason in _MEANINGS:
        return _MEANINGS[reason]
    # rateLimitExceeded, userRateLimitExceeded, quotaExceeded, dailyLimitExceeded.
    return ServerBusy if reason.endswith("Exceeded") else GenerationFailed


def _parse_time(text: str) -> datetime:
    moment = parse_iso_time(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)  # the requested zone
