"""Replies that are not a rule's: our own, and those of the next host."""

import re
import textwrap
from typing import Final

from mailhooks.relay.errors import Refused, TryAgain
from mailhooks.relay.replies import Reply

_LINE_CHARACTERS: Final = 480
_MAX_LINES: Final = 50
_STATUS: Final = re.compile(r"([245]\.[0-9]{1,3}\.[0-9]{1,3})(?: |$)")


def make_reply(code: int, enhanced: str, text: str) -> Reply:
    """Return a reply with a text of any length: it is cut into lines (RFC 5321 section 4.5.3.1.5), and what is not ASCII becomes `?`."""
    lines = [piece for line in text.splitlines() for piece in textwrap.wrap(re.sub("[^ -~]", "?", line), _LINE_CHARACTERS) or [""]]
    return Reply(code, enhanced, tuple(lines[:_MAX_LINES]) or ("",))


def read_reply(code: int, text: str) -> Reply:
    """Return the reply of another host as ours. One without an enhanced status code gets that of its class (RFC 2034 section 4)."""
    found = _STATUS.match(text)
    # A host may send an enhanced code of another class than its reply.
    enhanced = found[1] if found and found[1].startswith(str(code)[0]) else f"{code // 100}.0.0"
    return make_reply(code, enhanced, "\n".join(_STATUS.sub("", line, count=1) for line in text.splitlines()))


def reply_to_error(error: TryAgain | Refused) -> Reply:
    """Return the reply to a client whose message is not accepted."""
    return read_reply(451, error.text) if isinstance(error, TryAgain) else make_reply(error.code, error.enhanced, error.text)


def is_positive(reply: Reply) -> bool:
    """Return whether the command was carried out."""
    return 200 <= reply.code < 300


def is_transient(reply: Reply) -> bool:
    """Return whether the client may try again."""
    return 400 <= reply.code < 500


TOO_LARGE: Final = make_reply(552, "5.3.4", "The message is too large")
