"""The HTTP statuses of the errors that an action raises."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from starlette.exceptions import HTTPException

from mail_gateway.errors import CommandError
from workmail_local.errors import NotNow, SpoolError, UnknownMessage
from workmail_local.queue.release import ReleaseFailed

_STATUSES: Final[tuple[tuple[type[CommandError], int], ...]] = (
    (UnknownMessage, 404),
    (NotNow, 409),
    (ReleaseFailed, 502),
    (SpoolError, 503),
)


def find_status(error: CommandError) -> int:
    """Return the status of an error; 400 for one that the request caused."""
    return next((status for kind, status in _STATUSES if isinstance(error, kind)), 400)


@contextmanager
def raise_as_status() -> Iterator[None]:
    """Raise HTTPException in place of an error of an action, with its status and its text."""
    try:
        yield
    except CommandError as error:
        raise HTTPException(find_status(error), str(error)) from None
