"""Old import path of `mailhooks.content.attachments`, kept for one release (docs/api.md)."""

from mailhooks.content import attachments
from mailhooks.content.attachments import AttachmentRules, Finding, strip
from mailhooks.mime.message import Message, Structure

__all__ = ["AttachmentRules", "find", "strip"]


def find(raw: bytes, structure: Structure, rules: AttachmentRules) -> list[Finding]:
    """Return the attachments that match a rule, as `mailhooks.content.attachments.find`. The structure is that of `raw`."""
    message = Message(raw)
    message.structure = structure
    return attachments.find(message, rules)
