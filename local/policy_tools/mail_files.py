"""The messages in a folder, one after the other."""

import os
from collections.abc import Iterator
from pathlib import Path

_MAILDIR = frozenset({"cur", "new"})


def messages(folder: Path) -> Iterator[Path]:
    """The files that are messages, in the order of their paths: `*.eml`, and all that a Maildir has in `cur` and `new`. Links to folders
    are not followed, as they may lead in circles; Outlook's .msg files are none.
    """
    for place, folders, names in os.walk(folder):
        folders.sort()
        in_maildir = Path(place).name in _MAILDIR
        for name in sorted(names):
            lower = name.lower()
            if lower.endswith(".eml") or (in_maildir and not lower.endswith(".msg") and not name.startswith(".")):
                yield Path(place, name)
