"""The answer of the next host, or of SES, for a recipient."""

from typing import NamedTuple


class Answer(NamedTuple):
    """A reply as in SMTP (RFC 5321 section 4.2).

    Attributes:
        code: 2xx: the message is passed on; 4xx: not now; 5xx: not now and not later.
        text: one line of ASCII, often with an enhanced status code. It may have an address.
    """

    code: int
    text: str

    @property
    def is_accepted(self) -> bool:
        return 200 <= self.code < 300

    @property
    def is_permanent(self) -> bool:
        return self.code >= 500

    @property
    def reply(self) -> str:
        """The reply as it was."""
        return f"{self.code} {self.text}"
