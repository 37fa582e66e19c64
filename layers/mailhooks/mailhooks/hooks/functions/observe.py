"""The hook of the function `observe`: takes notice of a message. The log line and the metrics are the shell's own."""

from typing import Self

from mailhooks.hooks.invocation import Mail
from mailhooks.settings import Settings


class ObserveHook:
    """Reads the message, so that its size is counted, or leaves it alone.

    Args:
        content: whether to read the message.
    """

    name = "observe"

    def __init__(self, *, content: bool) -> None:
        self._content = content

    @classmethod
    def from_settings(cls, settings: Settings) -> Self:
        return cls(content=settings.observe_content)

    def __call__(self, mail: Mail) -> None:
        if self._content:
            _ = mail.raw
