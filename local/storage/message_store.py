"""The messages in transit, for the Message Flow API."""

import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field

CONTENT_LIFETIME_S = 24 * 60 * 60
"""Seconds for which a messageId opens the content (guide, "Lambda event data": `messageId`)."""


@dataclass(frozen=True, slots=True)
class S3Reference:
    """The shape `S3Reference` of the service's model."""

    bucket: str
    key: str
    version: str | None = None


@dataclass(slots=True)
class StoredMessage:
    """One message in transit.

    Attributes:
        message_id: the ID that opens it.
        received_at: seconds since the epoch, by the store's clock.
        direction: `INBOUND` or `OUTBOUND`.
        original: the bytes as they arrived.
        content: the current bytes; those of `original` until a Put is accepted.
        frozen: whether WorkMail rejects every change.
        puts: number of accepted Puts.
        rejections: the reasons of rejected Puts, in order.
        references: the locations of the accepted Puts' content, in order.
    """

    message_id: str
    received_at: float
    direction: str
    original: bytes
    content: bytes
    frozen: bool = False
    puts: int = 0
    rejections: list[str] = field(default_factory=list)
    references: list[S3Reference] = field(default_factory=list)


class MessageStore:
    """Messages by ID. Safe to use from several threads, because the API answers in a thread of its own.

    Args:
        clock: returns seconds since the epoch; a test passes its own to move time.

    Attributes:
        loader: loads messages that are no longer in transit; returns None for an unknown ID.
        release: is called with the S3 references of each message that is removed; None for no call.
    """

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._messages: dict[str, StoredMessage] = {}
        self.loader: Callable[[str], StoredMessage | None] = self._messages.get
        self.release: Callable[[list[S3Reference]], None] | None = None

    def add(self, raw: bytes, message_id: str | None = None, direction: str = "INBOUND") -> str:
        """Add a message and return its ID. A message with the same ID is replaced."""
        message = StoredMessage(message_id or str(uuid.uuid4()), self._clock(), direction, raw, raw)
        self.insert(message)
        return message.message_id

    def insert(self, message: StoredMessage) -> None:
        """Add a message in its current state. A message with the same ID is replaced."""
        self._messages[message.message_id] = message

    def remove(self, message_id: str) -> None:
        """Remove a message. From now on `get` asks the loader for it."""
        message = self._messages.pop(message_id, None)
        if message and self.release:
            self.release(message.references)

    def clear(self) -> None:
        """Remove all messages and the loader."""
        self._messages.clear()
        self.loader = self._messages.get

    def get(self, message_id: str) -> StoredMessage:
        """Return a message of any age.

        Raises:
            KeyError: no message has this ID.
        """
        found = self._messages.get(message_id) or self.loader(message_id)
        if found is None:
            raise KeyError(message_id)
        return found

    def is_expired(self, message: StoredMessage) -> bool:
        """Return whether a message is older than a day, so that the API does not return it."""
        return self._clock() - message.received_at > CONTENT_LIFETIME_S

    def content(self, message_id: str) -> bytes:
        """Return the current bytes. Raises KeyError as `get`."""
        return self.get(message_id).content

    def puts(self, message_id: str) -> int:
        """Return the number of accepted Puts. Raises KeyError as `get`."""
        return self.get(message_id).puts

    def rejections(self, message_id: str) -> tuple[str, ...]:
        """Return the reasons of rejected Puts, in order. Raises KeyError as `get`."""
        return tuple(self.get(message_id).rejections)

    refusals = rejections
    """The old name of `rejections`."""

    def freeze(self, message_id: str) -> None:
        """Make every further Put fail with MessageFrozen, as for a redirected message. Raises KeyError as `get`."""
        self.get(message_id).frozen = True

    def replace(self, message_id: str, content: bytes, *references: S3Reference) -> None:
        """Replace the content after an accepted Put. Raises KeyError as `get`."""
        message = self.get(message_id)
        message.content = content
        message.puts += 1
        message.references += references

    def __contains__(self, message_id: str) -> bool:
        """Return whether a message is in transit."""
        return message_id in self._messages
