"""The hook of the function `rewrite`: a subject tag and changes of header fields."""

from dataclasses import dataclass, field
from typing import Self

from .errors import CannotChangeSafely, SettingsError
from .fields import FieldChanges
from .hook import Mail
from .mime.edit import Edit, splice
from .mime.headers import scan
from .settings import Settings, parse_json
from .subject import checked_tag, tag_edits


@dataclass(frozen=True, slots=True)
class Rewrite:
    """What to make of a message's header block. The body is neither read nor changed.

    Attributes:
        subject_tag: see `mailhooks.subject`; `""` for none.
        fields: see `mailhooks.fields`.
    """

    subject_tag: str = ""
    fields: FieldChanges = field(default_factory=FieldChanges)

    @classmethod
    def from_settings(cls, settings: Settings) -> "Rewrite":
        """Raises:
        SettingsError: SUBJECT_TAG, ADD_HEADERS or REMOVE_HEADERS holds what no mail may carry.
        """
        add = parse_json("ADD_HEADERS", settings.add_headers, "{}")
        if not isinstance(add, dict) or not all(isinstance(value, str) for value in add.values()):
            raise SettingsError('ADD_HEADERS: set it to a JSON object of names and values, such as {"X-Name": "value"}')
        return cls(checked_tag(settings.subject_tag), FieldChanges.checked(add.items(), settings.remove_headers))

    def apply(self, raw: bytes) -> bytes:
        """The rewritten message; `raw` itself when it is as it should be. Raises as `edits`."""
        return splice(raw, self.edits(raw))

    def edits(self, raw: bytes) -> list[Edit]:
        """The edits that rewrite a message; none when it is as it should be, and so none for their own result.

        Raises:
            CannotChangeSafely: `raw` has no header field, or its header is broken before what is to be changed. A subject that stands
                before the break is tagged all the same, lest a sender evade the tag by a line of garbage.
        """
        block = scan(raw)
        has_subject = any(block.named("subject"))
        if not block.fields or not (block.complete or (has_subject and self.subject_tag)):
            raise CannotChangeSafely("the header is none, or broken by a line that is no field")
        edits = self.fields.edits(raw, block) if block.complete else []
        if self.subject_tag:
            edits += tag_edits(raw, block, self.subject_tag)
        return edits


class RewriteHook:
    """Rewrites every message that it gets and lets it go to everybody."""

    name = "rewrite"

    def __init__(self, rewrite: Rewrite) -> None:
        self._rewrite = rewrite

    @classmethod
    def from_settings(cls, settings: Settings) -> Self:
        """Raises as `Rewrite.from_settings`."""
        return cls(Rewrite.from_settings(settings))

    def __call__(self, mail: Mail) -> None:
        mail.edit(self._rewrite.edits(mail.raw))
