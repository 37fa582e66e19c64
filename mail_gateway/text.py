"""Text from configurations and mail, for a terminal or a log."""


def escape_controls(text: str) -> str:
    """Escape control characters: text from mail must not control a terminal."""
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)
