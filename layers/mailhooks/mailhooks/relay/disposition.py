"""The disposition of a received message: what an adapter carries out."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

from mailhooks.actions import ActionType
from mailhooks.address_patterns import canonical
from mailhooks.errors import PermanentError
from mailhooks.mime.edits import Edit, size_after, splice_pieces
from mailhooks.relay.dsn import may_bounce, write_bounce
from mailhooks.relay.listener import Listener
from mailhooks.relay.outgoing import OutgoingMessage
from mailhooks.relay.received import Received


@dataclass(frozen=True, slots=True)
class Copy:
    """The message as some recipients get it.

    Attributes:
        recipients: as the client wrote them, in its order; added ones last.
        content: the received message.
        edits: of `content`: the changes of rules, the mark, the junk mark and our Received field.
    """

    recipients: tuple[str, ...]
    content: bytes
    edits: tuple[Edit, ...]

    @property
    def size(self) -> int:
        """The size of this copy in octets."""
        return size_after(self.content, self.edits)

    def pieces(self) -> list[bytes | memoryview]:
        """Return this copy, not joined: a second copy of a large message may not fit into memory."""
        return splice_pieces(self.content, self.edits)


@dataclass(frozen=True, slots=True, kw_only=True)
class Disposition:
    """The decision on one received message. An adapter carries it out in this order.

    1. It calls `finish`, which sends the notifications.
    2. It sends the report of the recipients in `bounced` whom it cannot reject in the dialogue.
    3. It passes the message on to `deliver`, as `copies`, and answers its client at once.

    Attributes:
        received: the message.
        listener: the listener that received it.
        deliver: who gets the message, as the client wrote the addresses and in its order, each once; added ones last.
        bounced: the bounce text by recipient, for those who do not get the message, with a notice to the sender.
        dropped: the recipients who do not get the message, without a notice.
        replaced_by: for some of `dropped`, the addresses that get the message in their place.
        actions: the action of each recipient of the client.
        outgoing: makes the edits.
        is_changed: whether a rule changes the message. The mark and trace fields are no change.
        already_checked: whether a valid mark shows that this listener has checked the message, so that it is passed on unevaluated.
        quarantined_by: the names of the rules that hold the message, on a platform that quarantines it.
        invocation_id: see `Envelope`.
        when: the time of the evaluation.
        on_finish: see `finish`.
        on_rejected: see `without_change`.
    """

    received: Received
    listener: Listener
    deliver: tuple[str, ...]
    bounced: Mapping[str, str]
    dropped: tuple[str, ...]
    replaced_by: Mapping[str, tuple[str, ...]]
    actions: Mapping[str, ActionType]
    outgoing: OutgoingMessage
    is_changed: bool
    already_checked: bool
    quarantined_by: tuple[str, ...]
    invocation_id: str
    when: datetime
    on_finish: "Callable[[Disposition, bool], None]"
    on_rejected: "Callable[[PermanentError], Disposition]"

    @property
    def edits(self) -> tuple[Edit, ...]:
        """The edits of the one copy for all recipients."""
        return self.outgoing.edits(self._common_action)

    @property
    def size(self) -> int:
        """The size of the one copy for all recipients, in octets."""
        return self._one_copy.size

    def pieces(self) -> list[bytes | memoryview]:
        """Return the one copy for all recipients. See `Copy.pieces`."""
        return self._one_copy.pieces()

    def copies(self, split: bool) -> tuple[Copy, ...]:
        """Return the copies to pass on, at least one if a recipient gets the message.

        Args:
            split: whether the adapter can pass on several copies, with different junk marks. If it cannot, a junk mark that is not for all
                recipients is left out.
        """
        if not self.deliver:
            return ()
        if not split:
            return (self._one_copy,)
        by_action: dict[ActionType, list[str]] = {}
        for recipient in self.deliver:
            by_action.setdefault(self._action_for(recipient), []).append(recipient)
        return tuple(Copy(tuple(each), self.received.content, self.outgoing.edits(action)) for action, each in by_action.items())

    @property
    def mixes_marks(self) -> bool:
        """Whether the recipients of the client who get the message have different junk marks."""
        return len(self._delivering_actions) > 1

    def list_lost(self, refused: Collection[str]) -> tuple[str, ...]:
        """Return the recipients of the client for whom no address gets the message if the next host refuses these addresses.

        The sender did not write to an added address, and is not to learn of it. If it gets the message in place of a recipient, that
        recipient has lost it.
        """
        lost = (each for each, added in self.replaced_by.items() if set(added) <= set(refused))
        return (*(each for each in refused if each in self.actions), *lost)

    def bounce_report(self, recipients: Collection[str]) -> bytes | None:
        """Return the delivery status notification for some of `bounced`, to send with a null reverse-path to `received.mail_from`.

        None if none may be sent: the message has a null reverse-path or is an automatic one itself (see `may_bounce`), or `bounced` has
        none of these recipients. The same recipients give the same Message-ID.
        """
        reasons = [(recipient, text) for recipient, text in self.bounced.items() if recipient in recipients]
        if not reasons or not may_bounce(self.received.mail_from, self.received.content):
            return None
        names = " ".join(sorted({canonical(recipient) for recipient, _ in reasons}))
        identity = sha256(f"{self.invocation_id} {names}".encode("utf-8", "surrogateescape")).hexdigest()[:40]
        return write_bounce(
            self.received.content,
            reverse_path=self.received.mail_from,
            recipients=reasons,
            reporting_mta=self.listener.host_name,
            postmaster=self.listener.postmaster,
            message_id=f"<{identity}.bounce@{self.listener.host_name}>",
            date=self.when,
        )

    def without_change(self, error: PermanentError) -> "Disposition":
        """Return the disposition if the next host cannot get the changed message. A rule may refuse delivery of the unchanged one.

        Raises:
            TryAgain: a rule requires its change.
        """
        return self.on_rejected(error)

    def finish(self, *, split: bool = False) -> None:
        """Send the notifications, log and count the message. Call it once, with the `split` of `copies`.

        Raises:
            TryAgain: a notification failed, and its rule requires it.
        """
        self.on_finish(self, split)

    @property
    def _one_copy(self) -> Copy:
        return Copy(self.deliver, self.received.content, self.edits)

    @property
    def _common_action(self) -> ActionType:
        """The action of all recipients of the client who get the message. Added ones get the same copy."""
        found = self._delivering_actions
        return next(iter(found)) if len(found) == 1 else ActionType.DEFAULT

    @property
    def _delivering_actions(self) -> frozenset[ActionType]:
        return frozenset(action for action in self.actions.values() if action.delivers)

    def _action_for(self, recipient: str) -> ActionType:
        return self.actions.get(recipient, ActionType.DEFAULT)
