"""A look-up by EWS: one request, or as many as it takes to get around a mailbox that spoils it for the others."""

from collections import deque
from collections.abc import Sequence
from typing import Final

from mailhooks.availability.backends.ews.client import Client
from mailhooks.availability.backends.ews.errors import RequestFailed
from mailhooks.availability.backends.ews.response import Result, read_response
from mailhooks.availability.backends.http.client import HttpResponse, failure_for
from mailhooks.availability.errors import GenerationFailed, LookupFailed, MailboxNotFound
from mailhooks.availability.model import Schedule
from mailhooks.contract.availability import Window
from mailhooks.contract.freebusy import BusyType
from mailhooks.deadline import Deadline

_MOST_REQUESTS: Final = 32
"""Of one look-up. To single out one mailbox of 100 takes 14."""

_LONGEST_ADDRESS: Final = 254
"""RFC 5321 section 4.5.3.1.3, without the angle brackets."""


def look_up(
    client: Client,
    mailboxes: Sequence[str],
    window: Window,
    deadline: Deadline,
    *,
    impersonate: str | None = None,
    working_elsewhere: BusyType = BusyType.FREE,
) -> dict[str, Result]:
    """What is told of each mailbox. A request that is refused as a whole, or answered for too few, is made again in halves.

    Args:
        impersonate: in whose name.
        working_elsewhere: what that kind of time counts as.
    """
    results: dict[str, Result] = {
        mailbox: MailboxNotFound("no address that could be asked for") for mailbox in mailboxes if not _is_askable(mailbox)
    }
    askable = [mailbox for mailbox in mailboxes if mailbox not in results]
    batches = deque([askable] if askable else [])
    requests = 0
    while batches:
        batch = batches.popleft()
        requests += 1
        try:
            answer = client.ask(batch, window, deadline, impersonate)
            results |= zip(batch, _read(answer, len(batch), working_elsewhere), strict=True)
        except LookupFailed as failed:
            results |= dict.fromkeys(batch, failed)
        except RequestFailed as refused:
            if refused.divisible and len(batch) > 1 and requests + len(batches) + 2 <= _MOST_REQUESTS:
                half = len(batch) // 2
                batches += [batch[:half], batch[half:]]
            else:
                results |= dict.fromkeys(batch, refused.failure)
    return results


def _is_askable(mailbox: str) -> bool:
    return mailbox.isprintable() and " " not in mailbox and 0 < len(mailbox.encode(errors="replace")) <= _LONGEST_ADDRESS


def _read(answer: HttpResponse, mailboxes: int, working_elsewhere: BusyType) -> list[Schedule | LookupFailed]:
    """SOAP 1.1 section 6.2: a fault comes with HTTP 500; throttling is one. QUIRK: it comes with 503 too, or with 429, and without saying
    that it is XML.
    """
    if answer.status == 200:
        return read_response(answer.content, mailboxes, working_elsewhere)
    refused = RequestFailed(failure_for(answer), divisible=answer.status == 400)
    if answer.status != 401 and b"Envelope" in answer.content[:4096]:
        try:
            read_response(answer.content, mailboxes, working_elsewhere)
        except RequestFailed as told:
            # What it says is better than a status that anything in between may have made; a fault that says nothing is not.
            if answer.status == 500 or type(told.failure) is not GenerationFailed:
                refused = told
    raise refused
