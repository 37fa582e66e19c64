"""Old import path of `mailhooks.mime.message`, kept for one release (docs/api.md)."""

from mailhooks.mime.message import scan

__all__ = ["scan"]
