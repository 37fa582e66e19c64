"""What a rule may do, as values: verdicts for recipients, changes of the content, and what is done beside the message."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

from mailhooks.content.change import Change, OnUnmodifiable
from mailhooks.contract import ActionType
from mailhooks.errors import CannotChangeSafely
from mailhooks.mime.message import Message
from mailhooks.policy.facts.recipients import AddressSet

if TYPE_CHECKING:
    from mailhooks.content.attachment_rules import AttachmentRules
    from mailhooks.content.disclaimer import Disclaimer
    from mailhooks.content.header_changes import HeaderChanges

VARIABLES: Final = frozenset({"subject", "fromname", "fromaddress", "fromdomain", "date", "rule", "messageid"})
"""What a bounce's text may have between `%%` and `%%`, in lower case."""


@dataclass(frozen=True, slots=True)
class SetVerdict:
    """What becomes of the message for the recipients that matched.

    Attributes:
        type: deliver, drop, junk, bypass the spam check, or bounce.
        text: of a bounce, a template.
    """

    type: ActionType
    text: str = ""

    def bounce_text(self, values: Mapping[str, str]) -> str:
        if "%%" not in self.text:
            return self.text
        from mailhooks.content.template import Template

        return Template(self.text).render(values).strip()


@dataclass(frozen=True, slots=True)
class AddRecipients:
    """Sends the message to these too, as Bcc."""

    addresses: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RemoveRecipients:
    """Does not deliver to those of the message's recipients that fall under these."""

    addresses: AddressSet


class ContentChange(Protocol):
    """A change of the content."""

    @property
    def name(self) -> str: ...

    @property
    def on_unmodifiable(self) -> OnUnmodifiable: ...

    @property
    def variables(self) -> frozenset[str]:
        """The variables that its texts have, in lower case."""

    def change(self, message: Message, values: Mapping[str, str]) -> Change:
        """Raises:
        CannotChangeSafely: the message is not to be changed so.
        """


@dataclass(frozen=True, slots=True)
class TagSubject:
    """Puts a tag before the subject (see `mailhooks.content.subject_tag`)."""

    tag: str
    name: str = "subject_tag"
    on_unmodifiable: OnUnmodifiable = OnUnmodifiable.PASS
    variables: frozenset[str] = frozenset()

    def change(self, message: Message, values: Mapping[str, str]) -> Change:  # noqa: ARG002 - the protocol's
        from mailhooks.content.subject_tag import tag_edits

        block = message.header
        # A subject that stands before a broken line is tagged all the same, lest a line of garbage keep the tag away.
        if not block.fields or not (block.complete or any(block.named("subject"))):
            raise CannotChangeSafely("the header is none, or broken by a line that is no field")
        return Change(tag_edits(message, self.tag))


@dataclass(frozen=True, slots=True)
class ChangeHeaders:
    """Sets, adds and removes header fields (see `mailhooks.content.header_changes`)."""

    fields: "HeaderChanges"
    name: str = "headers"
    on_unmodifiable: OnUnmodifiable = OnUnmodifiable.PASS
    variables: frozenset[str] = frozenset()

    def change(self, message: Message, values: Mapping[str, str]) -> Change:  # noqa: ARG002 - the protocol's
        block = message.header
        if not block.fields or not block.complete:
            raise CannotChangeSafely("the header is none, or broken by a line that is no field")
        return Change(self.fields.edits(message))


@dataclass(frozen=True, slots=True)
class StripAttachments:
    """Puts a notice in the place of attachments (see `mailhooks.content.attachments`)."""

    rules: "AttachmentRules"
    on_unmodifiable: OnUnmodifiable = OnUnmodifiable.PASS
    name: str = "strip_attachments"
    variables: frozenset[str] = frozenset()

    def change(self, message: Message, values: Mapping[str, str]) -> Change:  # noqa: ARG002 - the protocol's
        from mailhooks.content import attachments

        if not message.header.complete:
            # Where its body begins, programs see differently: no place to splice at. What it should lose is another matter.
            if attachments.find(message, self.rules):
                raise CannotChangeSafely("the header is broken by a line that is no field")
            return Change([])
        return Change(attachments.edits(message, self.rules))


@dataclass(frozen=True, slots=True)
class AddDisclaimer:
    """Adds a disclaimer (see `mailhooks.content.disclaimer`)."""

    disclaimer: "Disclaimer"
    name: str = "disclaimer"

    @property
    def on_unmodifiable(self) -> OnUnmodifiable:
        return self.disclaimer.on_unmodifiable

    @property
    def variables(self) -> frozenset[str]:
        return frozenset().union(*(template.variables for template in self.disclaimer.templates))

    def change(self, message: Message, values: Mapping[str, str]) -> Change:
        from mailhooks.mime.text.body import Blocked

        try:
            return self.disclaimer.change(message, values)
        except Blocked as blocked:
            raise NoDisclaimer(blocked.obstacle, f"no disclaimer: {blocked.obstacle}") from None

    def wrap(self, message: Message, values: Mapping[str, str]) -> Change:
        """As `change`, around a message whose own text shall stay as it is."""
        from mailhooks.mime.text.body import Blocked

        try:
            return self.disclaimer.wrap(message, values)
        except Blocked as blocked:
            raise NoDisclaimer(blocked.obstacle, f"no disclaimer: {blocked.obstacle}") from None


class NoDisclaimer(CannotChangeSafely):
    """A message's text is not to be changed, for the reason `obstacle` (a `mailhooks.mime.text.body.Obstacle`)."""

    def __init__(self, obstacle: str, text: str) -> None:
        super().__init__(text)
        self.obstacle = obstacle

    @property
    def may_go_on(self) -> bool:
        """Whether it goes on even where such mail is bounced: a report answers mail, and to bounce it would answer an answer; what shows no
        text has nothing to add to.
        """
        from mailhooks.mime.text.body import Obstacle

        return self.obstacle in {Obstacle.NO_TEXT, Obstacle.NO_WORDS, Obstacle.REPORT}


@dataclass(frozen=True, slots=True)
class Archive:
    """Keeps a copy of the message as it came, and its envelope, in a bucket."""

    bucket: str
    prefix: str = "mail/"
    retain_days: int | None = None
    lock: str | None = None
    name: str = "archive"


@dataclass(frozen=True, slots=True)
class Notify:
    """Tells somebody: one of `sns`, `eventbridge`, `webhook` is set, the last with the name of its secret."""

    sns: str = ""
    eventbridge: str = ""
    webhook: str = ""
    secret: str = ""
    include: frozenset[str] = frozenset()
    name: str = "notify"


@dataclass(frozen=True, slots=True)
class Count:
    """Counts the message in a metric."""

    metric: str
    name: str = "count"


Effect = Archive | Notify | Count
Action = SetVerdict | AddRecipients | RemoveRecipients | ContentChange | Effect
