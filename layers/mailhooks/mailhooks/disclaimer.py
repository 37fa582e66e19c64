"""Public names to add a disclaimer to a message: `add_disclaimer` and `explain` (docs/disclaimer.md)."""

from mailhooks.content.disclaimer import add_disclaimer, explain

__all__ = ["add_disclaimer", "explain"]
