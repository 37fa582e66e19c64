"""Why a recipient does not get a message, for the sender."""

import hashlib
import re
from typing import Final, NamedTuple, Self

from mailhooks.relay.replies import bounce_reply
from mailhooks.ses.answer import Answer

_ENHANCED: Final = re.compile(r"(5\.[0-9]{1,3}\.[0-9]{1,3}) ")
_UNPRINTABLE: Final = re.compile(r"[^\x20-\x7e]+")
_LONGEST_DIAGNOSTIC: Final = 800
"""Characters, so that the field stays on one line."""


class Reason(NamedTuple):
    """A reason of a bounce message.

    Attributes:
        text: for people.
        status: the enhanced status code (RFC 3463).
        diagnostic: the reply of SMTP for programs (RFC 3464 section 2.3.6), as one line of ASCII.
    """

    text: str
    status: str
    diagnostic: str

    @classmethod
    def of_rule(cls, text: str) -> Self:
        """Return the reason of a rule. Its text may begin with an enhanced status code."""
        reply = bounce_reply(text)
        return cls(text, reply.enhanced, _to_diagnostic(f"{reply.code} {reply.enhanced} {' '.join(reply.lines)}"))

    @classmethod
    def of_answer(cls, answer: Answer) -> Self:
        """Return the reason of the next host."""
        return cls._of_reply(f"The next mail server answers: {answer.reply}", answer)

    @classmethod
    def of_refusal(cls, answer: Answer) -> Self:
        """Return the reason of this function itself."""
        return cls._of_reply(answer.text, answer)

    @classmethod
    def _of_reply(cls, text: str, answer: Answer) -> Self:
        found = _ENHANCED.match(answer.text)
        return cls(text, found[1] if found else "5.0.0", _to_diagnostic(answer.reply))

    @property
    def digest(self) -> str:
        return hashlib.sha256(self.text.encode("utf-8", "replace")).hexdigest()[:16]


def _to_diagnostic(reply: str) -> str:
    return f"smtp; {_UNPRINTABLE.sub('?', reply)}"[:_LONGEST_DIAGNOSTIC]
