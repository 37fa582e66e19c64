"""The hook of the function `rewrite`: a policy of one rule, made from settings: subject tag, header fields, attachments."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

from mailhooks.content.header_changes import HeaderChanges, check_tag
from mailhooks.errors import SettingsError
from mailhooks.hooks.policy_hook import FixedPolicy, PolicyHook
from mailhooks.policy.policy import Policy
from mailhooks.policy.rules.conditions import All
from mailhooks.policy.rules.rule import ChangeHeaders, ContentChange, Rule, StripAttachments, TagSubject
from mailhooks.settings import Settings, parse_json

if TYPE_CHECKING:
    from mailhooks.content.attachment_rules import AttachmentRules


@dataclass(frozen=True, slots=True)
class Rewrite:
    """The changes of each message. The displayed text is neither read nor changed."""

    subject_tag: str = ""
    fields: HeaderChanges = field(default_factory=HeaderChanges)
    attachments: "AttachmentRules | None" = None

    @classmethod
    def from_settings(cls, settings: Settings) -> "Rewrite":
        """Raises:
        SettingsError: SUBJECT_TAG, ADD_HEADERS, REMOVE_HEADERS or a rule for attachments is invalid.
        """
        add = parse_json("ADD_HEADERS", settings.add_headers, "{}")
        if not isinstance(add, dict) or not all(isinstance(value, str) for value in add.values()):
            raise SettingsError('ADD_HEADERS: set it to a JSON object of names and values, such as {"X-Name": "value"}')
        if len({name.lower() for name in add}) < len(add):
            raise SettingsError("ADD_HEADERS: a name occurs twice; upper and lower case do not matter in header names")
        return cls(
            check_tag(settings.subject_tag),
            HeaderChanges.checked(add.items(), settings.remove_headers),
            _attachment_rules(settings),
        )

    def policy(self) -> Policy:
        """Return a policy of one rule that applies to every message."""
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
    """Return the rules; None if there are none, so that a function that only tags does not load the file types."""
    given: dict[str, Any] = {
        "extensions": settings.strip_extensions,
        "types": settings.strip_types,
        "true_types": settings.strip_true_types,
        "max_octets": settings.strip_over_bytes,
        "encrypted_archives": settings.strip_encrypted_archives,
        "unlistable_archives": settings.strip_unlistable_archives,
        "forwarded": settings.strip_forwarded,
        "ses_unsupported": settings.ses_unsupported,
    }
    if all(value in ((), 0, "leave") for value in given.values()):
        return None
    from mailhooks.content.attachment_rules import AttachmentRules

    rules = AttachmentRules.checked(**given)
    return rules if rules.any else None


class RewriteHook(PolicyHook):
    """Rewrites every message and delivers it to all recipients."""

    name = "rewrite"
    stamps = False

    def __init__(self, rewrite: Rewrite) -> None:
        super().__init__(FixedPolicy(rewrite.policy()))

    @classmethod
    def from_settings(cls, settings: Settings) -> Self:
        """Raises as `Rewrite.from_settings`."""
        return cls(Rewrite.from_settings(settings))
