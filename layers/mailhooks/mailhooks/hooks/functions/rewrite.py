"""The hook of the function `rewrite`: a subject tag, header fields, attachments that are not let through; a policy made of settings."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

from mailhooks.content.header_changes import HeaderChanges
from mailhooks.content.subject_tag import checked_tag
from mailhooks.errors import SettingsError
from mailhooks.hooks.policy_hook import FixedPolicy, MailflowHook, NoEffects
from mailhooks.mime.edits import Edit, splice
from mailhooks.mime.message import Message
from mailhooks.policy.evaluation.apply_changes import apply_changes
from mailhooks.policy.evaluation.outcome import WantedChange
from mailhooks.policy.policy import Policy
from mailhooks.policy.rules.actions import ChangeHeaders, ContentChange, StripAttachments, TagSubject
from mailhooks.policy.rules.conditions import All
from mailhooks.policy.rules.rule import Rule
from mailhooks.settings import Settings, parse_json

if TYPE_CHECKING:
    from mailhooks.content.attachment_rules import AttachmentRules


@dataclass(frozen=True, slots=True)
class Rewrite:
    """What to make of a message. The text that it shows is neither read nor changed.

    Attributes:
        subject_tag: see `mailhooks.content.subject_tag`; `""` for none.
        fields: see `mailhooks.content.header_changes`.
        attachments: see `mailhooks.content.attachments`.
    """

    subject_tag: str = ""
    fields: HeaderChanges = field(default_factory=HeaderChanges)
    attachments: "AttachmentRules | None" = None

    @classmethod
    def from_settings(cls, settings: Settings) -> "Rewrite":
        """Raises:
        SettingsError: SUBJECT_TAG, ADD_HEADERS or REMOVE_HEADERS holds what no mail may carry, or a rule for attachments cannot be meant.
        """
        add = parse_json("ADD_HEADERS", settings.add_headers, "{}")
        if not isinstance(add, dict) or not all(isinstance(value, str) for value in add.values()):
            raise SettingsError('ADD_HEADERS: set it to a JSON object of names and values, such as {"X-Name": "value"}')
        return cls(
            checked_tag(settings.subject_tag),
            HeaderChanges.checked(add.items(), settings.remove_headers),
            _attachment_rules(settings),
        )

    def apply(self, raw: bytes) -> bytes:
        """The rewritten message; `raw` itself when it is as it should be. Raises as `edits`."""
        return splice(raw, self.edits(raw))

    def edits(self, raw: bytes) -> list[Edit]:
        """The edits that rewrite a message; none when it is as it should be, and so none for their own result.

        Raises:
            CannotChangeSafely: an attachment is to go that cannot; or `raw` has no header field, or its header is broken before what is to
                be changed. A subject that stands before the break is tagged all the same, lest a line of garbage keep the tag away.
        """
        [rule] = self.policy().rules
        wanted = [WantedChange(rule, change, 1) for change in self._changes()]
        applied = apply_changes(Message(raw), wanted, {})
        if wanted and len(applied.refusals) == len(wanted):
            raise applied.refusals[0][1]
        return list(applied.edits)

    def policy(self) -> Policy:
        """The same as a policy of one rule, for every message."""
        return Policy((Rule("rewrite", 0, All.of((), "all"), self._changes()),), file="settings")

    def _changes(self) -> tuple[ContentChange, ...]:
        changes: list[ContentChange] = []
        if self.attachments is not None:
            changes.append(StripAttachments(self.attachments))
        if self.fields.add or self.fields.remove:
            changes.append(ChangeHeaders(self.fields))
        if self.subject_tag:
            changes.append(TagSubject(self.subject_tag))
        return tuple(changes)


def _attachment_rules(settings: Settings) -> "AttachmentRules | None":
    """The rules; None when there are none, so that a function which only tags does not load what knows file types."""
    given = {
        "extensions": settings.strip_extensions,
        "types": settings.strip_types,
        "true_types": settings.strip_true_types,
        "max_octets": settings.strip_over_bytes,
    }
    treatments = {
        "encrypted_archives": settings.strip_encrypted_archives,
        "unlistable_archives": settings.strip_unlistable_archives,
        "forwarded": settings.strip_forwarded,
        "ses_unsupported": settings.ses_unsupported,
    }
    if not any(given.values()) and set(treatments.values()) == {"leave"}:
        return None
    from mailhooks.content.attachment_rules import AttachmentRules

    rules = AttachmentRules.checked(**given, **treatments)  # type: ignore[arg-type]  # each is of its argument's type
    return rules if rules.any else None


class RewriteHook(MailflowHook):
    """Rewrites every message that it gets and lets it go to everybody."""

    name = "rewrite"
    stamps = False

    def __init__(self, rewrite: Rewrite) -> None:
        super().__init__(FixedPolicy(rewrite.policy()), NoEffects())

    @classmethod
    def from_settings(cls, settings: Settings) -> Self:
        """Raises as `Rewrite.from_settings`."""
        return cls(Rewrite.from_settings(settings))
