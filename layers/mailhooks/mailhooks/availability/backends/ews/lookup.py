"""Looks up mailboxes by EWS, with several requests if one mailbox fails a request for all."""

from collections import deque
from collections.abc import Sequence
from typing import Final

from mailhooks.availability.backends.ews.client import Client
from mailhooks.availability.backends.ews.errors import RequestFailed
from mailhooks.availability.backends.ews.response import read_response
from mailhooks.availability.backends.http.client import HttpResponse, failure_for
from mailhooks.availability.errors import GenerationFailed, LookupFailed, MailboxNotFound
from mailhooks.availability.model import Result
from mailhooks.contract.availability import Window
from mailhooks.contract.freebusy import BusyType
from mailhooks.deadline import Deadline

_MAX_REQUESTS: Final = 32
"""Requests per look-up. Isolating one mailbox of 100 takes 14."""

_MAX_ADDRESS: Final = 254
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
    """Look up mailboxes. If a request fails for all of them, or the response is for fewer, send it again for each half.

    Args:
        impersonate: the user on whose behalf the requests are sent.
        working_elsewhere: the busy type of events that Exchange marks as "working elsewhere".
    """
    results: dict[str, Result] = {
        mailbox: MailboxNotFound("the mailbox is not a valid address") for mailbox in mailboxes if not _is_valid(mailbox)
    }
    valid = [mailbox for mailbox in mailboxes if mailbox not in results]
    batches = deque([valid] if valid else [])
    requests = 0
    while batches:
        batch = batches.popleft()
        requests += 1
        try:
            response = client.request(batch, window, deadline, impersonate)
            results |= zip(batch, _read(response, len(batch), working_elsewhere), strict=True)
        except LookupFailed as failure:
            results |= dict.fromkeys(batch, failure)
        except RequestFailed as failed:
            if failed.divisible and len(batch) > 1 and requests + len(batches) + 2 <= _MAX_REQUESTS:
                half = len(batch) // 2
                batches += [batch[:half], batch[half:]]
            else:
                results |= dict.fromkeys(batch, failed.failure)
    return results


def _is_valid(mailbox: str) -> bool:
    return mailbox.isprintable() and " " not in mailbox and 0 < len(mailbox.encode(errors="replace")) <= _MAX_ADDRESS


def _read(response: HttpResponse, mailboxes: int, working_elsewhere: BusyType) -> list[Result]:
    """Read a response with its status. A SOAP fault has HTTP 500 (SOAP 1.1 section 6.2); throttling is a fault.

    QUIRK: servers also send faults with HTTP 503 or 429, and without a content type of XML.
    """
    if response.status == 200:
        return read_response(response.content, mailboxes, working_elsewhere)
    failed = RequestFailed(failure_for(response), divisible=response.status == 400)
    if response.status != 401 and b"Envelope" in response.content[:4096]:
        try:
            read_response(response.content, mailboxes, working_elsewhere)
        except RequestFailed as fault:
            # A known fault is better than the status, which a proxy may have set; an unknown fault is not.
            if response.status == 500 or type(fault.failure) is not GenerationFailed:
                failed = fault
    raise failed
