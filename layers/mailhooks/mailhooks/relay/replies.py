"""SMTP replies with a rule's bounce text (RFC 5321 section 4.2, RFC 2034)."""

import re
import textwrap
from typing import Final, NamedTuple

from mailhooks.actions import COMMON_BOUNCE_TEXT
from mailhooks.mime.transliteration import transliterate

_STATUS: Final = "5.7.1"
"""RFC 3463 section 3.8, "Delivery not authorized, message refused"."""

_MAX_LINE: Final = 400
_MAX_LINES: Final = 20
"""A reply line has at most 512 octets (RFC 5321 section 4.5.3.1.5); clients stop reading after some lines."""

_LINE_ENDS: Final = re.compile("\r\n|[\r\n\x0b\x0c\x1c-\x1e\x85\u2028\u2029]")
_NOT_PRINTABLE: Final = re.compile("[^ -~]+")
_CODES: Final = re.compile(r"(?:5[0-9]{2}[ -])?(5\.[0-9]{1,3}\.[0-9]{1,3}) ")
_CODE: Final = re.compile(r"5[0-9]{2}[ -]")


class Reply(NamedTuple):
    """A negative reply, of lines of printable ASCII."""

    code: int
    enhanced: str
    lines: tuple[str, ...]

    def __str__(self) -> str:
        """The reply as SMTP transfers it, without the last line end."""
        last = len(self.lines) - 1
        return "\r\n".join(
            f"{self.code}{' ' if number == last else '-'}{self.enhanced} {line}".rstrip() for number, line in enumerate(self.lines)
        )


def bounce_reply(text: str) -> Reply:
    """Return the reply 550 with a bounce text, which may begin with an enhanced status code. Never raises.

    >>> str(bounce_reply("Not für you.\\nAsk Bo."))
    '550-5.7.1 Not fur you.\\r\\n550 5.7.1 Ask Bo.'
    """
    enhanced = _STATUS
    if given := _CODES.match(text):
        enhanced, text = given[1], text[given.end() :]
    elif code := _CODE.match(text):
        text = text[code.end() :]
    lines: list[str] = []
    for line in _LINE_ENDS.split(text if text.strip() else COMMON_BOUNCE_TEXT):
        lines += textwrap.wrap(_to_ascii(line), _MAX_LINE)
        if len(lines) > _MAX_LINES:
            lines[_MAX_LINES - 1 :] = ["[...]"]
            break
    return Reply(550, enhanced, tuple(lines) or (COMMON_BOUNCE_TEXT,))


def _to_ascii(line: str) -> str:
    """Return a line in ASCII. A client need not understand UTF-8 in replies (RFC 6531 section 3.7.4.2)."""
    return _NOT_PRINTABLE.sub("?", line if line.isascii() else transliterate(line) or line)
