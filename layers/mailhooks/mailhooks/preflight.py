"""Old import path of `mailhooks.hooks.preflight`, kept for one release (docs/api.md)."""

from collections.abc import Iterable

from mailhooks.hooks import preflight
from mailhooks.hooks.preflight import Rejection, blocking
from mailhooks.hooks.preflight import rejections as refusals
from mailhooks.mime.edits import Edit
from mailhooks.mime.message import Message

__all__ = ["blocking", "refusals", "refusals_of_edits"]


def refusals_of_edits(original: bytes, edits: Iterable[Edit], *, added_parts: int = 0) -> list[Rejection]:
    """Return why WorkMail would reject a change, as `mailhooks.hooks.preflight.rejections_of_edits`."""
    return preflight.rejections_of_edits(Message(original), edits, added_parts=added_parts)
