"""The messages in transit, for the Message Flow API."""

import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field

from local.storage.s3_reference import S3Reference

CONTENT_LIFETIME_S = 24 * 60 * 60
"""Seconds for which a messageId opens the content (guide, "Lambda event data": `messageId`)."""


@dataclass(slots=True)
class StoredMessage:
    """One message in transit.

    Attributes:
        message_id: the ID that opens it.
        direction: `INBOUND` or `OUTBOUND`.
        original: the bytes as they arrived.
        content: the current bytes; those of `original` until a Put is accepted.
        received_at: seconds since the epoch, by the store's clock.
        frozen: whether WorkMail rejects every change.
        puts: number of accepted Puts.
        refusals: the reasons of rejected Puts, in order.
        references: the locations of the accepted Puts' content, in order.
    """

    message_id: str
    direction: str
    original: bytes
    content: bytes
    received_at: float
    frozen: bool = False
    puts: int = 0
    refusals: list[str] = field(default_factory=list)
    references: list[S3Reference] = field(default_factory=list)


class MessageStore:
    """Messages by ID. Safe to use from several threads, because the API answers in a thread of its own.

    Args:
        clock: returns seconds since the epoch; a test passes its own to move time.
    """

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._loader: Callable[[str], StoredMessage | None] | None = None
        self._messages: dict[str, StoredMessage] = {}
        self._lock = threading.Lock()

    def add(self, raw: bytes, message_id: str | None = None, direction: str = "INBOUND") -> str:
        """Add a message and return its ID. A message with the same ID is replaced."""
        message_id = message_id or str(uuid.uuid4())
        self.insert(StoredMessage(message_id, direction, raw, raw, received_at=self._clock()))
        return message_id

    def insert(self, message: StoredMessage) -> None:
        """Add a message in its current state. A message with the same ID is replaced."""
        with self._lock:
            self._messages[message.message_id] = message

    def remove(self, message_id: str) -> None:
        """Remove a message. From now on `get` asks the loader for it."""
        with self._lock:
            self._messages.pop(message_id, None)

    def clear(self) -> None:
        """Remove all messages and the loader."""
        with self._lock:
            self._messages.clear()
        self._loader = None

    def set_loader(self, loader: Callable[[str], StoredMessage | None]) -> None:
        """Set the function that loads messages which are no longer in transit."""
        self._loader = loader

    def get(self, message_id: str) -> StoredMessage:
        """Return a message of any age.

        Raises:
            KeyError: no message has this ID.
        """
        found = self._messages.get(message_id) or (self._loader(message_id) if self._loader else None)
        if found is None:
            raise KeyError(message_id)
        return found

    def find(self, message_id: str) -> StoredMessage | None:
        """Return a message as the API finds it; None when it is unknown or older than a day."""
        try:
            message = self.get(message_id)
        except KeyError:
            return None
        return None if self._clock() - message.received_at > CONTENT_LIFETIME_S else message

    def content(self, message_id: str) -> bytes:
        """Return the current bytes. Raises KeyError as `get`."""
        return self.get(message_id).content

    def puts(self, message_id: str) -> int:
        """Return the number of accepted Puts. Raises KeyError as `get`."""
        return self.get(message_id).puts

    def refusals(self, message_id: str) -> tuple[str, ...]:
        """Return the reasons of rejected Puts, in order. Raises KeyError as `get`."""
        return tuple(self.get(message_id).refusals)

    def freeze(self, message_id: str) -> None:
        """Make every further Put fail with MessageFrozen, as for a redirected message. Raises KeyError as `get`."""
        self.get(message_id).frozen = True

    def replace(self, message_id: str, content: bytes, reference: S3Reference | None = None) -> None:
        """Replace the content after an accepted Put. Raises KeyError as `get`."""
        message = self.get(message_id)
        with self._lock:
            message.content = content
            message.puts += 1
            if reference is not None:
                message.references.append(reference)

    def add_refusal(self, message_id: str, reason: str) -> None:
        """Record the reason of a rejected Put, for the author of the hook. Raises KeyError as `get`."""
        message = self.get(message_id)
        with self._lock:
            message.refusals.append(reason)

    def __contains__(self, message_id: str) -> bool:
        try:
            return bool(self.get(message_id))
        except KeyError:
            return False

    def __len__(self) -> int:
        return len(self._messages)
