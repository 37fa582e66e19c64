"""The errors of the library, sorted by their consequence for the message.

- `PermanentError`: a retry would not help. The message is delivered unchanged; the reason is logged and counted.
- `TransientError`: a retry may help. The hook raises it to Lambda, so that WorkMail retries the invocation and applies the rule's fallback
  action when the rule timeout is over. A gateway answers its client with 451.
- All others, `Misconfigured` included, are unexpected: the setting ON_ERROR decides between the two.

The class of a service's error has the name that the service uses. No text of an error quotes a message or an address.
"""

from collections.abc import Mapping, Sequence


class MailhooksError(Exception):
    """Base of the errors of this package, except `ContractError`, which is a `ValueError`."""


class SettingsError(MailhooksError):
    """An environment variable has an invalid value. Raised when the function starts."""


class Misconfigured(MailhooksError):
    """A service rejects a call because of its set-up: a permission, a bucket, a policy. An administrator has to correct it."""


class InvalidContentLocation(Misconfigured):
    """PutRawMessageContent cannot read the object: wrong region, a bucket of another account, or a missing bucket policy."""


class PermanentError(MailhooksError):
    """The message cannot be read or changed, now or later."""


class ResourceNotFoundException(PermanentError):
    """The message is not there: WorkMail keeps the content of mail in transit for a day."""


class MessageFrozen(PermanentError):
    """WorkMail rejects changes of this message; usually it was redirected."""


class MessageRejected(PermanentError):
    """WorkMail rejects the changed content, or would reject the content that a hook made; the text has the reason."""


class CannotChangeSafely(PermanentError):
    """A change might damage this message."""


class TransientError(MailhooksError):
    """A retry may not meet this error."""


class StillHeld(TransientError):
    """A rule holds the message, and no approver has decided yet. The log and the metrics count it as held, not as failed.

    Attributes:
        states: a `mailhooks.report_names.HoldState` by the name of the rule that holds the message.
        failures: as in the log of the hook, such as of a mail to one of several approvers.
        log: further fields for the log line, which the hook adds.
    """

    def __init__(self, states: Mapping[str, str], failures: Sequence[Mapping[str, str]] = ()) -> None:
        super().__init__("an approver has not decided yet: the message is evaluated again later")
        self.states = dict(states)
        self.failures: Sequence[Mapping[str, str]] = list(failures)
        self.log: Mapping[str, object] = {}


class Throttled(TransientError):
    """A service rejects a call because there are too many."""


class ServiceFailed(TransientError):
    """A service had an internal error (5xx), broke the connection or sent an incomplete response."""


class NoTimeLeft(TransientError):
    """The time for the message is nearly over: WorkMail, or the client of a gateway, waits no longer."""


class ContractError(ValueError):
    """A document breaks WorkMail's contract, or requests what WorkMail would reject.

    Attributes:
        pointer: the place in the document, as a JSON Pointer (RFC 6901); `""` is the whole document.
        expected: the value that the contract requires there.
        got: the *type* of the value that is there ("a string of 12 characters"). Never its content, because the error's text is logged and
            an event contains addresses and subjects.
    """

    def __init__(self, pointer: str, expected: str, got: str) -> None:
        super().__init__(f"at {pointer or 'the top'}: expected {expected}, got {got}")
        self.pointer = pointer
        self.expected = expected
        self.got = got


PermanentTrouble = PermanentError
"""Old name, kept for one release (docs/api.md)."""

PassingTrouble = TransientError
"""Old name, kept for one release (docs/api.md)."""
