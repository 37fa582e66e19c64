"""The message files in a folder."""

import os
from collections.abc import Iterator
from pathlib import Path

_MAILDIR = frozenset({"cur", "new"})


def find_messages(folder: Path) -> Iterator[Path]:
    """Yield the message files below a folder in the order of their paths: `*.eml`, and all files in a Maildir's `cur` and `new`.

    Links to folders are not followed, because they may form a circle. Outlook's `.msg` files are not messages of RFC 5322.
    """
    for place, folders, names in os.walk(folder):
        folders.sort()
        in_maildir = Path(place).name in _MAILDIR
        for name in sorted(names):
            lower = name.lower()
            if lower.endswith(".eml") or (in_maildir and not lower.endswith(".msg") and not name.startswith(".")):
                yield Path(place, name)
