"""The hook of the function `observe`: the runtime logs and counts the message."""

from typing import Self

from mailhooks.hooks.invocation import Mail, Reply
from mailhooks.settings import Settings, reject_removed


class ObserveHook:
    """Reads each message, so that its size is counted and its Message-ID logged."""

    name = "observe"

    @classmethod
    def from_settings(cls, settings: Settings) -> Self:
        """Raises:
        SettingsError: a removed setting has a value, such as OBSERVE_CONTENT=false.
        """
        reject_removed(settings)
        return cls()

    def __call__(self, mail: Mail) -> Reply:
        _ = mail.message
        return Reply()
