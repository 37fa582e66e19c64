"""Delivered mail, as Maildirs: `<root>/<address>/` is the inbox, `<root>/<address>/.Junk/` the junk folder."""

import hashlib
import mailbox
import re
import shutil
from collections import Counter
from pathlib import Path
from typing import NamedTuple

from local.errors import ForeignFolder

_MARK = ".local-workmail"
_MARK_TEXT = "Mail delivered by the local WorkMail. This folder is emptied at each run.\n"
# "=" is not among them, so that what it introduces can be told from what was there before.
_UNSAFE = re.compile(r"[^a-z0-9@._+-]|^\.")
_MAX_NAME = 100


class Copy(NamedTuple):
    """One copy of a message in a mailbox: the mailbox's folder name, `Inbox` or `Junk`, and the SHA-256 of the bytes."""

    mailbox: str
    folder: str
    digest: str


class Mailboxes:
    """The mailboxes under one folder.

    Args:
        root: made when it is not there; emptied of what an earlier run left.

    Raises:
        ForeignFolder: it is there and holds something else.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        if root.is_symlink() or (root.exists() and not (root.is_dir() and self._is_ours())):
            raise ForeignFolder(f"{root} holds something else than delivered mail; it is left as it is")
        if root.exists():
            shutil.rmtree(root)
        root.mkdir(parents=True)
        (root / _MARK).write_text(_MARK_TEXT)

    def deliver(self, address: str, folder: str, raw: bytes) -> None:
        """Puts the message into a mailbox, byte for byte. `folder` is `Inbox` or a subfolder's name."""
        box = mailbox.Maildir(self.root / directory_name(address))
        target = box if folder == "Inbox" else box.add_folder(folder)
        target.add(raw)

    def copies(self) -> Counter[Copy]:
        """What lies in the mailboxes, read from disk."""
        found: Counter[Copy] = Counter()
        for box in filter(Path.is_dir, self.root.iterdir()):
            for file in (*box.glob("new/*"), *box.glob(".*/new/*")):
                folder = file.parent.parent
                name = "Inbox" if folder == box else folder.name.removeprefix(".")
                found[Copy(box.name, name, digest(file.read_bytes()))] += 1
        return found

    def _is_ours(self) -> bool:
        return (self.root / _MARK).is_file() or not any(self.root.iterdir())


def directory_name(address: str) -> str:
    """A file name for an address, whatever is in it. Two addresses that differ by more than case have two names.

    >>> directory_name("Ana@example.com"), directory_name("../x@example.com")
    ('ana@example.com', '=2e.=2fx@example.com')
    """
    name = _UNSAFE.sub(lambda found: "".join(f"={byte:02x}" for byte in found[0].encode("utf-8", "surrogatepass")), address.lower())
    return name if 0 < len(name) <= _MAX_NAME else f"{name[:40]}={digest(name.encode())[:16]}"


def digest(raw: bytes) -> str:
    """SHA-256, in hexadecimal."""
    return hashlib.sha256(raw).hexdigest()
