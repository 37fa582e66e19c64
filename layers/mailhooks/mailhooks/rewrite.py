"""The hook of the function `rewrite`: a subject tag and changes of header fields."""

from dataclasses import dataclass, field

from .errors import CannotChangeSafely
from .fields import FieldChanges
from .hook import Mail
from .mime.edit import splice
from .mime.headers import scan
from .settings import Settings
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
        return cls(checked_tag(settings.subject_tag), FieldChanges.checked(settings.add_headers, settings.remove_headers))

    def apply(self, raw: bytes) -> bytes:
        """The rewritten message; `raw` itself when it is as it should be. Applied to its own result it changes nothing.

        Raises:
            CannotChangeSafely: `raw` has no header field, or a line among them that is none, so that nobody knows where the body begins.
        """
        block = scan(raw)
        if not block.fields or not block.complete:
            raise CannotChangeSafely("the header is none, or broken by a line that is no field")
        edits = self.fields.edits(raw, block)
        if self.subject_tag:
            edits += tag_edits(raw, block, self.subject_tag)
        return splice(raw, edits)


class RewriteHook:
    """Rewrites every message that it gets and lets it go to everybody."""

    name = "rewrite"

    def __init__(self, rewrite: Rewrite) -> None:
        self._rewrite = rewrite

    def __call__(self, mail: Mail) -> None:
        mail.replace(self._rewrite.apply(mail.raw))
