"""Old import path of `mailhooks.hooks.preflight`, kept for one release (docs/api.md)."""

from mailhooks.hooks.preflight import blocking
from mailhooks.hooks.preflight import rejections as refusals

__all__ = ["blocking", "refusals"]
