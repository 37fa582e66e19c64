"""One message in transit, as a hook sees it."""

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Protocol, cast

from mailhooks.contract import MailFlowEvent, Verdict
from mailhooks.deadline import Deadline
from mailhooks.errors import CannotChangeSafely, Misconfigured, PermanentError
from mailhooks.mime.edits import Edit, pieces
from mailhooks.mime.message import Message
from mailhooks.settings import Settings

if TYPE_CHECKING:
    from mailhooks.hooks.preflight import Rejection


class ContentStore(Protocol):
    """Where messages are read and written: `mailhooks.aws.message_flow.MessageFlow`, or a stand-in."""

    def get(self, message_id: str, deadline: Deadline) -> bytes: ...

    def put(self, message_id: str, pieces: Sequence[bytes | memoryview], deadline: Deadline) -> None: ...


class DecisionStore(Protocol):
    """What a `ContentStore` may be besides: a place where a hook keeps for a day what it has decided for an invocation, lest a retry, which
    finds the message already changed, decide otherwise.
    """

    def save_decision(self, key: str, text: str, deadline: Deadline) -> None: ...

    def load_decision(self, key: str, deadline: Deadline) -> str | None: ...


class Mail:
    """One message in transit, as a hook sees it.

    Attributes:
        event: what WorkMail says of the message.
        deadline: when an answer comes too late.
        log: what a hook adds to the message's line in the log: identifiers, counts and kinds, never a word or address of the message.
        counts: what it adds to the message's metrics.
        unchanged_because: what a hook sets that answers all the same: why it could not change the message as it should have.
        unforeseen: what a hook sets that answers all the same, likewise: what nobody foresaw. The answer counts unless ON_ERROR is retry.
        otherwise: what a hook sets that answers something else where WorkMail does not take the changed message: gives that answer.
    """

    def __init__(
        self,
        event: MailFlowEvent,
        content: Callable[[], ContentStore],
        deadline: Deadline,
        settings: Settings,
        *,
        writable: bool,
    ) -> None:
        self.event = event
        self._content = content
        self.deadline = deadline
        self.log: dict[str, object] = {}
        self.counts: dict[str, int] = {}
        self.unchanged_because: PermanentError | None = None
        self.unforeseen: Exception | None = None
        self.otherwise: Callable[[PermanentError | Misconfigured], Verdict] | None = None
        self._settings = settings
        self._message: Message | None = None
        self._edits: list[Edit] | None = None
        self._added_parts = 0
        self._closes = True
        self._refusals: tuple[Rejection, ...] | None = None
        self._writable = writable

    @property
    def message(self) -> Message:
        """The message, fetched at the first touch.

        Raises:
            PermanentError, PassingTrouble, Misconfigured: let them through; the shell knows what follows.
        """
        if self._message is None:
            self._message = Message(self._content().get(self.event.message_id, self.deadline))
        return self._message

    @property
    def raw(self) -> bytes:
        """The message's MIME bytes. Raises as `message`."""
        return self.message.raw

    def edit(self, edits: Iterable[Edit], *, added_parts: int = 0, wraps: bool = False) -> None:
        """Sets the changes to `raw` that the message shall have. They are written once, after the hook, if they change anything; closing
        delimiters that the message lacks are then written with them, as WorkMail takes no change without these.

        Args:
            edits: in offsets of `raw`.
            added_parts: how many parts the message has more afterwards; a change that adds others is held back as a mistake.
            wraps: whether the edits put the whole message into a new one, where it stays as it is.
        """
        if not self._writable:
            raise TypeError("an asynchronous hook cannot change the message: WorkMail has delivered it meanwhile")
        self._edits = [edit for edit in edits if self.raw[edit.start : edit.end] != edit.new]
        self._added_parts = added_parts
        self._closes = not wraps
        self._refusals = None

    def add_edit(self, edit: Edit) -> None:
        """Adds one more to the changes that are set, before what they insert at the same place, and such that WorkMail takes it as them."""
        self._edits = [edit, *(self._edits or [])]

    def replace(self, content: bytes) -> None:
        """Sets what the message shall become: as `edit`, for those who have the whole message anew."""
        if not content:
            raise ValueError("a message cannot be replaced by nothing: drop or bounce it instead")
        self.edit([Edit(0, len(self.raw), content)])

    def verdict(self) -> Verdict:
        """A new answer, that lets the message go to everybody until told otherwise."""
        return Verdict(self.event, self._settings.organization_domains)

    @property
    def organization_domains(self) -> frozenset[str]:
        """By the setting ORGANIZATION_DOMAINS, in lower case."""
        return self._settings.organization_domains

    def memory(self) -> "DecisionStore | None":
        """Where decisions are kept, if there is such a place."""
        content = self._content()
        return cast("DecisionStore", content) if hasattr(content, "save_decision") and hasattr(content, "load_decision") else None

    def time_left(self) -> float:
        """Seconds until an answer comes too late."""
        return self.deadline.left()

    def discard(self) -> None:
        """Forgets changes that were set: the message goes on as it is."""
        self._edits = None

    @property
    def changed(self) -> bool:
        return bool(self._edits)

    @property
    def size_after(self) -> int:
        """Bytes that the message will have with the changes that are set."""
        return len(self.raw) + sum(len(new) - (end - start) for start, end, new in self._edits or ())

    @property
    def bytes_read(self) -> int | None:
        """Size of the content, None when nothing touched it."""
        return None if self._message is None else len(self._message.raw)

    def refusals(self) -> "tuple[Rejection, ...]":
        """Why WorkMail would not take the changes that are set (see `mailhooks.hooks.preflight`); empty when it would, or when none are."""
        if self._refusals is None:
            # Late: not needed by hooks that change nothing.
            from mailhooks.hooks.preflight import blocking, rejections_of_edits
            from mailhooks.mime.text.closing_delimiters import close_multiparts

            self._refusals = ()
            if self._edits:
                if self._closes:
                    self._edits = close_multiparts(self.message, self._edits)
                self._refusals = blocking(rejections_of_edits(self.message, self._edits, added_parts=self._added_parts))
        return self._refusals

    def write(self) -> int:
        """Writes the changed message. Called by the shell. Returns its size in bytes.

        Raises:
            CannotChangeSafely: WorkMail would refuse the change (see `refusals`).
            PermanentError, PassingTrouble, Misconfigured: see `MessageFlow.put`.
        """
        if found := self.refusals():
            raise CannotChangeSafely(f"WorkMail would refuse the changed message: {'; '.join(map(str, found[:5]))}")
        changed = pieces(self.raw, self._edits or [])
        size = sum(map(len, changed))
        self._content().put(self.event.message_id, changed, self.deadline)
        return size
