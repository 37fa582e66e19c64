"""The public path of `scan` (docs/api.md)."""

from mailhooks.mime.message import scan

__all__ = ["scan"]
