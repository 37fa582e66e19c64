"""Old import path of `mailhooks.hooks.preflight`, kept for one release (docs/api.md)."""

from mailhooks.hooks.preflight import blocking, refusals

__all__ = ["blocking", "refusals"]
