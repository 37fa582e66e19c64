"""The messages in transit, for the Message Flow API."""

import threading
import time
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Final

CONTENT_LIFETIME_S = 24 * 60 * 60
"""Seconds for which a messageId opens the content (guide, "Lambda event data": `messageId`)."""


_MAX_UPDATES: Final = 64 * 1024 * 1024
"""Bytes of the updates that are kept for delivered messages."""


@dataclass(frozen=True, slots=True)
class S3Reference:
    """The shape `S3Reference` of the service's model, with the size of the object in bytes."""

    bucket: str
    key: str
    version: str | None = None
    size: int = 0


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
        references: the locations of the content of all Puts, also of rejected ones, in order.
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

    @property
    def size(self) -> int:
        """The bytes of both contents."""
        return len(self.original) + len(self.content)


class MessageStore:
    """Messages by ID. Safe to use from several threads, because the API answers in a thread of its own.

    A Put for a delivered message leaves it unchanged, "even though GetRawMessageContent returns an updated message" (API reference,
    PutRawMessageContent): the store keeps such updates, the newest up to `_MAX_UPDATES` bytes, and the delivered copies stay as they are.

    Args:
        clock: returns seconds since the epoch; a test passes its own to move time.

    Attributes:
        loader: loads messages that are no longer in transit; returns None for an unknown ID.
        release: is called with the S3 references of each message that is removed; None for no call.
    """

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._messages: dict[str, StoredMessage] = {}
        self._updates: dict[str, StoredMessage] = {}
        self._lock = threading.Lock()
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
        """Remove a message from transit. From now on `get` asks the loader for it."""
        message = self._messages.pop(message_id, None)
        if message and self.release:
            self.release(message.references)

    def keep_update(self, message: StoredMessage) -> None:
        """Return the content of this message from now on to those who get it: the message was put after its delivery."""
        with self._lock:
            self._updates.pop(message.message_id, None)
            self._updates[message.message_id] = message
            size = sum(each.size for each in self._updates.values())
            while size > _MAX_UPDATES and len(self._updates) > 1:
                size -= self._updates.pop(next(iter(self._updates))).size

    def find_update(self, message_id: str) -> bytes | None:
        """Return the content that was put after the delivery; None when there is none."""
        update = self._updates.get(message_id)
        return update.content if update else None

    def forget(self, message_ids: Iterable[str]) -> None:
        """Remove the contents that were put after the delivery of these messages."""
        with self._lock:
            for message_id in message_ids:
                self._updates.pop(message_id, None)

    def clear(self) -> None:
        """Remove all messages and the loader."""
        self._messages.clear()
        self._updates.clear()
        self.loader = self._messages.get

    def get(self, message_id: str) -> StoredMessage:
        """Return a message of any age.

        Raises:
            KeyError: no message has this ID.
        """
        found = self._messages.get(message_id) or self._updates.get(message_id) or self.loader(message_id)
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
        message = self.get(message_id)
        message.frozen = True
        if message_id not in self._messages:
            self.keep_update(message)

    def replace(self, message_id: str, content: bytes, *references: S3Reference) -> None:
        """Replace the content after an accepted Put. Raises KeyError as `get`."""
        message = self.get(message_id)
        message.content = content
        message.puts += 1
        if message_id not in self._messages:
            self.keep_update(message)
        self._add_references(message, references)

    def reject(self, message: StoredMessage, reason: str, *references: S3Reference) -> None:
        """Note a rejected Put."""
        message.rejections.append(reason)
        self._add_references(message, references)

    def _add_references(self, message: StoredMessage, references: tuple[S3Reference, ...]) -> None:
        if message.message_id in self._messages:
            message.references += references
        elif self.release and references:
            self.release([*references])

    def __contains__(self, message_id: str) -> bool:
        """Return whether a message is in transit."""
        return message_id in self._messages
