"""A rule of a policy, and its actions: verdicts for recipients, changes of the content, and side effects."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any, ClassVar, Final, NamedTuple

from mailhooks.actions import ActionType
from mailhooks.address_patterns import canonical
from mailhooks.content.change import Change, OnUnmodifiable
from mailhooks.errors import CannotChangeSafely
from mailhooks.mime.message import Message
from mailhooks.policy.facts.recipients import AddressSet
from mailhooks.policy.rules.conditions import All, Condition

if TYPE_CHECKING:
    from mailhooks.content.attachment_rules import AttachmentRules
    from mailhooks.content.disclaimer import Disclaimer
    from mailhooks.content.header_changes import HeaderChanges

# Late imports below: a policy loads the module of an action at a cold start only if a rule has the action.

_NO_HEADER: Final = "the header is missing, or broken by a line that is not a field"

VARIABLES: Final = frozenset({"subject", "fromname", "fromaddress", "fromdomain", "date", "rule", "messageid"})
"""The variables of a bounce text, written between `%%` and `%%`, in lower case."""


def _render(text: str, values: Mapping[str, str]) -> str:
    if "%%" not in text:
        return text
    from mailhooks.content.template import Template

    return Template(text).render(values).strip()


class SetVerdict(NamedTuple):
    """Set the verdict of the matching recipients. `text` is the template of a bounce message."""

    type: ActionType
    text: str = ""

    def bounce_text(self, values: Mapping[str, str]) -> str:
        """Return the bounce message. `values` has the variables by their names in lower case."""
        return _render(self.text, values)


class AddRecipients(NamedTuple):
    """Deliver the message to further addresses, as Bcc."""

    addresses: tuple[str, ...]


class RemoveRecipients(NamedTuple):
    """Drop the message for recipients with these addresses."""

    addresses: AddressSet


class ContentChange(ABC):
    """An action that changes the content of the message."""

    __slots__ = ()
    name: ClassVar[str]

    @property
    def on_unmodifiable(self) -> OnUnmodifiable:
        return OnUnmodifiable.PASS

    @property
    def variables(self) -> frozenset[str]:
        """The variables in its texts, in lower case."""
        return frozenset()

    @abstractmethod
    def change(self, message: Message, values: Mapping[str, str]) -> Change:
        """Return the change of a message. `values` has the variables by their names in lower case.

        Raises:
            CannotChangeSafely: the message must not be changed in this way.
        """


@dataclass(frozen=True, slots=True)
class TagSubject(ContentChange):
    """Add a tag to the subject (see `mailhooks.content.header_changes`)."""

    tag: str
    name: ClassVar = "subject_tag"

    def change(self, message: Message, values: Mapping[str, str]) -> Change:  # noqa: ARG002 - the protocol's
        from mailhooks.content.header_changes import tag_edits

        block = message.header
        # A subject above a broken line gets its tag, so that a sender cannot prevent the tag by a line of garbage.
        if not block.fields or not (block.complete or any(block.named("subject"))):
            raise CannotChangeSafely(_NO_HEADER)
        return Change(tag_edits(message, self.tag))


@dataclass(frozen=True, slots=True)
class ChangeHeaders(ContentChange):
    """Set, add and remove header fields (see `mailhooks.content.header_changes`)."""

    fields: "HeaderChanges"
    name: ClassVar = "headers"

    def change(self, message: Message, values: Mapping[str, str]) -> Change:  # noqa: ARG002 - the protocol's
        block = message.header
        if not block.fields or not block.complete:
            raise CannotChangeSafely(_NO_HEADER)
        return Change(self.fields.edits(message))


@dataclass(frozen=True, slots=True)
class StripAttachments(ContentChange):
    """Replace attachments by notices (see `mailhooks.content.attachments`)."""

    rules: "AttachmentRules"
    on_unmodifiable: OnUnmodifiable = OnUnmodifiable.PASS
    name: ClassVar = "strip_attachments"

    def change(self, message: Message, values: Mapping[str, str]) -> Change:  # noqa: ARG002 - the protocol's
        from mailhooks.content import attachments

        return Change(attachments.edits(message, self.rules))


@dataclass(frozen=True, slots=True)
class AddDisclaimer(ContentChange):
    """Add a disclaimer (see `mailhooks.content.disclaimer`)."""

    disclaimer: "Disclaimer"
    address_book: Mapping[str, Mapping[str, str]] = field(default_factory=dict, compare=False, repr=False)
    """Attributes by canonical address of the sender, names in lower case: more variables."""
    name: ClassVar = "disclaimer"

    @property
    def on_unmodifiable(self) -> OnUnmodifiable:
        return self.disclaimer.on_unmodifiable

    @property
    def variables(self) -> frozenset[str]:
        return frozenset().union(*(template.variables for template in self.disclaimer.templates))

    def change(self, message: Message, values: Mapping[str, str]) -> Change:
        return self._unless_blocked(self.disclaimer.change, message, self._with_attributes(values))

    def wrap(self, message: Message, values: Mapping[str, str]) -> Change:
        """Return the change that puts the message, as it is, into a new one with the disclaimer. Arguments and errors as for `change`."""
        return self._unless_blocked(self.disclaimer.wrap, message, self._with_attributes(values))

    def _with_attributes(self, values: Mapping[str, str]) -> Mapping[str, str]:
        """Return the values of the message and the attributes of its sender, which cannot replace them."""
        attributes = self.address_book.get(canonical(values.get("fromaddress", "")))
        return {**attributes, **values} if attributes else values

    @staticmethod
    def _unless_blocked(make: Callable[[Message, Mapping[str, str]], Change], message: Message, values: Mapping[str, str]) -> Change:
        from mailhooks.mime.text.body import Blocked

        try:
            return make(message, values)
        except Blocked as blocked:
            raise NoDisclaimer(blocked.obstacle) from None


class NoDisclaimer(CannotChangeSafely):
    """A message gets no disclaimer. The obstacle is a `mailhooks.mime.text.body.Obstacle`."""

    def __init__(self, obstacle: str) -> None:
        super().__init__(f"no disclaimer: {obstacle}")
        self.obstacle = obstacle

    @property
    def allows_delivery(self) -> bool:
        """Whether the message is delivered even if the rule bounces or drops messages without a disclaimer.

        A report answers a message, and its bounce would answer an answer. A message without text has no text to add a disclaimer to.
        """
        from mailhooks.mime.text.body import Obstacle

        return self.obstacle in {Obstacle.NO_TEXT, Obstacle.NO_WORDS, Obstacle.REPORT}


class Archive(NamedTuple):
    """Store a copy of the received message and its envelope in an S3 bucket."""

    bucket: str
    prefix: str = "mail/"
    retain_days: int | None = None
    lock: str | None = None
    name: str = "archive"


class Notify(NamedTuple):
    """Send a notification with fields of the message to SNS, EventBridge or a webhook. `secret` names the webhook's secret."""

    sns: str = ""
    eventbridge: str = ""
    webhook: str = ""
    secret: str = ""
    include: frozenset[str] = frozenset()
    name: str = "notify"

    @property
    def kind(self) -> str:
        """The kind of the target: sns, eventbridge or webhook."""
        return "sns" if self.sns else "eventbridge" if self.eventbridge else "webhook"


class Count(NamedTuple):
    """Count the message in a metric."""

    metric: str
    name: str = "count"


Effect = Archive | Notify | Count


class OnTimeout(StrEnum):
    """What happens to the recipients of a hold without a decision in time."""

    DELIVER = "deliver"
    BOUNCE = "bounce"
    DROP = "drop"


@dataclass(frozen=True, slots=True)
class Hold:
    """Hold the message until an approver or a state machine decides. The verdicts of the policy apply only after the approval.

    Attributes:
        approvers: addresses that get a mail with a link each. Approvers or `target`, or both; none of them with `state_machine`.
        target: where a notification with a link is sent.
        state_machine: the ARN of a Step Functions state machine whose output decides.
        timeout_s: seconds from the first attempt until `on_timeout` decides.
        text: the template of the bounce message, with VARIABLES and `%%reason%%`.
    """

    approvers: tuple[str, ...]
    target: Notify | None
    state_machine: str
    timeout_s: int
    on_timeout: OnTimeout
    text: str
    name: ClassVar = "hold"

    def bounce_text(self, values: Mapping[str, str], reason: str) -> str:
        """Return the bounce message. `values` as for `SetVerdict`."""
        return _render(self.text, {**values, "reason": " ".join(reason.split())})


Action = SetVerdict | AddRecipients | RemoveRecipients | ContentChange | Effect | Hold


class Mixed(StrEnum):
    """What to do with a change that a rule wants for some of the recipients. WorkMail delivers one content to all of them."""

    ALL = "all"
    """Deliver the changed content to all."""
    NONE = "none"
    """Deliver the unchanged content to all."""


class RuleErrorPolicy(StrEnum):
    """What to do when a condition or an action of a rule fails."""

    SKIP = "skip"
    """Treat the rule as one that does not match; skip the action."""
    APPLY = "apply"
    """Treat the condition as one that matches; skip the action."""
    RETRY = "retry"
    """Fail the invocation. WorkMail retries it, and finally applies the fallback action of its flow rule."""


@dataclass(frozen=True, slots=True)
class Rule:
    """A policy rule.

    Attributes:
        name: unique in its policy.
        index: its position in the policy, from 0.
        condition: matches the recipients to whom the rule applies.
        stop: whether the matching recipients skip all later rules.
        report: whether the rule is in report mode: it is evaluated and logged, and changes nothing.
        begins, ends: the rule is active from `begins` and before `ends`; None for no limit.
        source: the rule as in the policy file.
        line: the line of the file on which it begins; 0 without a file.
    """

    name: str
    index: int
    condition: Condition
    actions: tuple[Action, ...]
    stop: bool = False
    report: bool = False
    enabled: bool = True
    begins: datetime | None = None
    ends: datetime | None = None
    mixed: Mixed = Mixed.ALL
    on_error: RuleErrorPolicy = RuleErrorPolicy.SKIP
    source: Mapping[str, Any] = field(default_factory=dict, compare=False, repr=False)
    line: int = field(default=0, compare=False)

    def is_active(self, now: datetime) -> bool:
        """Return whether the rule is enabled and within its time limits."""
        return self.enabled and (self.begins is None or self.begins <= now) and (self.ends is None or now < self.ends)

    @property
    def has_no_condition(self) -> bool:
        """Whether the rule applies to all recipients of every message."""
        return isinstance(self.condition, All) and not self.condition.conditions

    @property
    def holds(self) -> bool:
        """Whether the rule holds messages."""
        return any(isinstance(action, Hold) for action in self.actions)

    @property
    def changes(self) -> tuple[ContentChange, ...]:
        """The actions that change the content."""
        return tuple(action for action in self.actions if isinstance(action, ContentChange))
