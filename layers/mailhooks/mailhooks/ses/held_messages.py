"""Reads held messages for the page on which approvers decide."""

import os
from typing import Self

from mailhooks.deadline import Deadline
from mailhooks.errors import ResourceNotFoundException
from mailhooks.ses.message_table import MessageTable
from mailhooks.ses.object_store import ObjectStore
from mailhooks.ses.settings import SesSettings


class HeldMessages:
    """The held messages in the bucket of received mail."""

    def __init__(self, settings: SesSettings) -> None:
        self._table = MessageTable(settings.messages_table, 0)
        self._store = ObjectStore(settings.mail_bucket, settings.mail_prefix)

    @classmethod
    def from_env(cls) -> Self:
        """Raises:
        SettingsError: a setting is invalid.
        """
        return cls(SesSettings.from_env(os.environ))

    def get(self, held_id: str, deadline: Deadline) -> bytes:
        """Return the octets of a message, by the ID that the record of its hold has.

        Raises:
            ResourceNotFoundException: the message is not known.
            UnreadableObject, TransientError, Misconfigured: see `ObjectStore.read`.
        """
        message_id = self._table.find_held(held_id, deadline)
        if message_id is None:
            raise ResourceNotFoundException("the message is not known: its note has expired")
        return self._store.read(message_id, deadline)
