"""The messages in transit, as WorkMail keeps them for the Message Flow API."""

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
        content: the bytes as they are now; `original` until a Put is accepted.
        received_at: seconds since the epoch, by the store's clock.
        frozen: whether WorkMail lets nobody change it.
        puts: how many Puts were accepted.
        refusals: why Puts were refused, in order.
        references: where the accepted Puts' content lay, in order.
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
    """Messages by ID. Safe to use from several threads: the API answers on its own.

    Args:
        clock: tells the time in seconds since the epoch; a test passes its own to let a day go by.
        keeper: has messages that are not in memory any more; None for nobody.
    """

    def __init__(self, clock: Callable[[], float] = time.time, keeper: Callable[[str], StoredMessage | None] | None = None) -> None:
        self._clock = clock
        self._keeper = keeper
        self._messages: dict[str, StoredMessage] = {}
        self._lock = threading.Lock()

    def add(self, raw: bytes, message_id: str | None = None, direction: str = "INBOUND") -> str:
        """Takes a message into transit and returns its ID. An ID that is in use starts again with this content."""
        message_id = message_id or str(uuid.uuid4())
        self.take(StoredMessage(message_id, direction, raw, raw, received_at=self._clock()))
        return message_id

    def take(self, message: StoredMessage) -> None:
        """Takes a message as it is; one of the same ID goes."""
        with self._lock:
            self._messages[message.message_id] = message

    def forget(self, message_id: str) -> None:
        """Lets go of a message. Who has the ID asks the keeper from now on."""
        with self._lock:
            self._messages.pop(message_id, None)

    def clear(self) -> None:
        """Remove all messages and the keeper."""
        with self._lock:
            self._messages.clear()
        self._keeper = None

    def keep(self, keeper: Callable[[str], StoredMessage | None]) -> None:
        """Names who has the messages that are forgotten."""
        self._keeper = keeper

    def get(self, message_id: str) -> StoredMessage:
        """The message, however old.

        Raises:
            KeyError: there is none with this ID.
        """
        found = self._messages.get(message_id) or (self._keeper(message_id) if self._keeper else None)
        if found is None:
            raise KeyError(message_id)
        return found

    def find(self, message_id: str) -> StoredMessage | None:
        """The message as the API finds it: None when there is none, or when it is older than a day."""
        try:
            message = self.get(message_id)
        except KeyError:
            return None
        return None if self._clock() - message.received_at > CONTENT_LIFETIME_S else message

    def content(self, message_id: str) -> bytes:
        """The bytes as they are now. Raises KeyError when there is no such message."""
        return self.get(message_id).content

    def puts(self, message_id: str) -> int:
        """How many Puts were accepted. Raises KeyError when there is no such message."""
        return self.get(message_id).puts

    def refusals(self, message_id: str) -> tuple[str, ...]:
        """Why Puts were refused, in order. Raises KeyError when there is no such message."""
        return tuple(self.get(message_id).refusals)

    def age(self, message_id: str) -> float:
        """Seconds since the message arrived. Raises KeyError when there is no such message."""
        return self._clock() - self.get(message_id).received_at

    def freeze(self, message_id: str) -> None:
        """From now on every Put meets MessageFrozen, as for a redirected message. Raises KeyError when there is no such message."""
        self.get(message_id).frozen = True

    def replace(self, message_id: str, content: bytes, reference: S3Reference | None = None) -> None:
        """An accepted Put: what Get returns from now on. Raises KeyError when there is no such message."""
        message = self.get(message_id)
        with self._lock:
            message.content = content
            message.puts += 1
            if reference is not None:
                message.references.append(reference)

    def refuse(self, message_id: str, why: str) -> None:
        """A refused Put, kept so that whoever runs a hook sees it. Raises KeyError when there is no such message."""
        message = self.get(message_id)
        with self._lock:
            message.refusals.append(why)

    def __contains__(self, message_id: str) -> bool:
        try:
            return bool(self.get(message_id))
        except KeyError:
            return False

    def __len__(self) -> int:
        return len(self._messages)
