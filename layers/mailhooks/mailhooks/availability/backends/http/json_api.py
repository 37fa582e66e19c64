"""What the JSON APIs of Microsoft and Google have in common."""

import json
import re
from collections.abc import Callable, Sequence
from typing import Any, Final

from mailhooks.availability.errors import GenerationFailed, LookupFailed
from mailhooks.availability.model import Answers, Result

_WORD: Final = re.compile(r"[A-Za-z0-9_]{1,60}")


def json_object(content: bytes) -> dict[str, Any]:
    """Return the JSON object in a response's body; {} for any other content."""
    try:
        document = json.loads(content)
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}


def loggable(code: str) -> str:
    """Return an error code for a log. Anything but a single word may be text that quotes an address."""
    return code if _WORD.fullmatch(code) else "a code of another form"


def look_up_apart(look_up: Callable[[Sequence[str]], Answers], mailboxes: Sequence[str]) -> dict[str, Result]:
    """Look up a part of a batch without affecting the results of the other parts.

    A failure of the whole part becomes the failure of each of its mailboxes.
    """
    try:
        found = look_up(mailboxes)
    except LookupFailed as failed:
        return dict.fromkeys(mailboxes, failed)
    return {mailbox: found.get(mailbox) or GenerationFailed("the response leaves this mailbox out") for mailbox in mailboxes}
