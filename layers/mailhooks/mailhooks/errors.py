"""What can go wrong with a message, sorted by what follows from it.

- `PermanentError`: trying again would not help. The message goes on unchanged; the reason is logged and counted.
- `TransientError`: trying again may well help. It is raised to Lambda, so that WorkMail tries the invocation again and, when the rule's
  timeout is over, takes the rule's fallback action.
- Everything else, `Misconfigured` included, is unforeseen: the setting ON_ERROR decides between the two.

Classes that stand for an error of a service carry the service's own name for it. No text here quotes a message or an address.
"""


class MailhooksError(Exception):
    """The family of this package's errors; `ContractError` (a `ValueError`) stands beside it."""


class SettingsError(MailhooksError):
    """An environment variable does not hold what it should. Raised when the function starts."""


class Misconfigured(MailhooksError):
    """A service refuses because of how it is set up: a permission, a bucket, a policy. An administrator has to act."""


class InvalidContentLocation(Misconfigured):
    """PutRawMessageContent cannot read the object: wrong region, another account's bucket, or a bucket policy that is missing."""


class PermanentError(MailhooksError):
    """The message cannot be read or changed, now or later."""


class ResourceNotFoundException(PermanentError):
    """The message is gone: WorkMail keeps the content of mail in transit for a day."""


class MessageFrozen(PermanentError):
    """WorkMail lets nobody change this message; usually it was redirected."""


class MessageRejected(PermanentError):
    """WorkMail does not take the changed content; its text says why."""


class CannotChangeSafely(PermanentError):
    """The message is such that a change might damage it."""


class TransientError(MailhooksError):
    """Something that may be over at the next try."""


class Throttled(TransientError):
    """A service says that too much is asked of it."""


class ServiceFailed(TransientError):
    """A service had an error of its own (5xx), broke the connection or sent less than it promised."""


class NoTimeLeft(TransientError):
    """The time that WorkMail waits is nearly over."""
