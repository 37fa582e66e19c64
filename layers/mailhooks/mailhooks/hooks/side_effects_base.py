"""The base class of side effects, for policies without such actions: it imports no AWS service."""

from mailhooks.contract import Verdict
from mailhooks.deadline import Deadline
from mailhooks.errors import Misconfigured
from mailhooks.hooks.invocation import Mail
from mailhooks.policy.rules.rule import Archive, Notify


class SideEffects:
    """Carries out the actions that concern neither verdict nor content. Each method here raises Misconfigured."""

    def archive(self, effect: Archive, mail: Mail, deadline: Deadline) -> None:  # noqa: ARG002 - for subclasses
        """Store a copy of the message. Raises TransientError, Misconfigured."""
        raise Misconfigured("archive: this function has no side effects")

    def notify(self, effect: Notify, mail: Mail, rule: str, verdict: Verdict, deadline: Deadline) -> None:  # noqa: ARG002 - for subclasses
        """Send a notification of the message. Raises TransientError, Misconfigured."""
        raise Misconfigured("notify: this function has no side effects")
