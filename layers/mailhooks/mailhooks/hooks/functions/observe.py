"""The hook of the function `observe`: the runtime logs and counts the message."""

from typing import Self

from mailhooks.hooks.invocation import Mail, Reply
from mailhooks.settings import Settings


class ObserveHook:
    """Does not look at the message, or reads it so that its size is counted.

    Args:
        content: whether to read the message.
    """

    name = "observe"

    def __init__(self, *, content: bool) -> None:
        self._content = content

    @classmethod
    def from_settings(cls, settings: Settings) -> Self:
        return cls(content=settings.observe_content)

    def __call__(self, mail: Mail) -> Reply:
        if self._content:
            _ = mail.message
        return Reply()
