"""Old import path of `mailhooks.content.attachments`, kept for one release (docs/api.md)."""

from mailhooks.content.attachments import AttachmentRules, find, strip

__all__ = ["AttachmentRules", "find", "strip"]
