"""Old import path of `mailhooks.mime.edits`, kept for one release (docs/api.md)."""

from mailhooks.mime.edits import Edit, splice

__all__ = ["Edit", "splice"]
