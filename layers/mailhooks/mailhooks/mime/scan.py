"""Old import path of `mailhooks.mime.structure`, kept for one release (docs/api.md)."""

from mailhooks.mime.structure import scan

__all__ = ["scan"]
