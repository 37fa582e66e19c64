"""The message of one evaluation, with its envelope and its deadline."""

from collections.abc import Callable, Collection

from mailhooks.deadline import Deadline
from mailhooks.envelope import Envelope
from mailhooks.errors import Misconfigured, PermanentError
from mailhooks.mime.message import Message


class Mail:
    """One message in transit, as an adapter gives it to `PolicyEvaluator`.

    Args:
        fetch: returns the octets of the message; called at the first use, and again only after a TransientError.

    Attributes:
        envelope: the envelope.
        deadline: the time by which the adapter has to answer.
        organization_domains: the setting ORGANIZATION_DOMAINS, as `ascii_domain` writes them; used if the policy has no domains.
        authserv_ids: the authserv-ids (RFC 8601 section 2.5) whose Authentication-Results are believed.
        logs_decision: the setting LOG_DECISION.
        is_writable: whether the platform waits for the decision, so that the message can be changed and held.
    """

    def __init__(
        self,
        envelope: Envelope,
        fetch: Callable[[], bytes],
        deadline: Deadline,
        *,
        organization_domains: frozenset[str] = frozenset(),
        authserv_ids: Collection[str] = (),
        logs_decision: bool = False,
        is_writable: bool = True,
    ) -> None:
        self.envelope = envelope
        self.deadline = deadline
        self.organization_domains = organization_domains
        self.authserv_ids = authserv_ids
        self.logs_decision = logs_decision
        self.is_writable = is_writable
        self._fetch = fetch
        self._message: Message | None = None
        self._unreadable: PermanentError | Misconfigured | None = None

    @property
    def message(self) -> Message:
        """The message, fetched at the first use.

        Raises:
            PermanentError, TransientError, Misconfigured: do not catch them; the adapter handles them.
        """
        if self._unreadable is not None:
            raise self._unreadable
        if self._message is None:
            try:
                self._message = Message(self._fetch())
            except (PermanentError, Misconfigured) as error:
                # A second fetch would fail in the same way.
                self._unreadable = error
                raise
        return self._message

    @property
    def message_read(self) -> Message | None:
        """The message; None if it was not fetched."""
        return self._message

    @property
    def raw(self) -> bytes:
        """The bytes of the message. Raises as `message`."""
        return self.message.raw

    def time_left(self) -> float:
        """Return the seconds until the deadline."""
        return self.deadline.left()
