"""Delivered and dropped mail on disk, with a Maildir for each address.

    mailboxes/<address>/          the inbox, with the junk folder in .Junk/
    outgoing/<address>/           mail for other organizations, also by SES
    gateway/<address>/            mail that a rule routes to an SMTP gateway
    dropped/<name>.eml, .json     dropped mail, and mail that could not be bounced, with the reason

Each delivery has a name of its own, so that repeating it after a crash leaves one copy.
"""

import hashlib
import json
import os
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from mailhooks.address_patterns import canonical
from workmail_local.errors import ForeignFolder
from workmail_local.mail.history import Destination

_FOLDERS: Final = {
    Destination.INBOX: ("mailboxes", ""),
    Destination.JUNK: ("mailboxes", ".Junk"),
    Destination.OUTGOING: ("outgoing", ""),
    Destination.GATEWAY: ("gateway", ""),
}

_UNSAFE: Final = re.compile(r"[^a-z0-9@._+-]|^\.")
"""Characters that a folder's name escapes; "=" is one of them, so that no text looks like an escape."""

_MAX_NAME: Final = 100

_DELIVERY: Final = re.compile(r"[0-9]+\.M[0-9]+P[0-9a-f]{16}(?=\.)")
"""The beginning of the names of all files of a rule run; see `name_delivery`."""

_MAIL: Final = ("mailboxes", "outgoing", "gateway", "dropped")
"""The folders of a store."""


@dataclass(frozen=True, slots=True)
class Delivered:
    """A copy of a message in a Maildir."""

    destination: Destination
    raw: bytes
    path: Path


class MaildirStore:
    """The Maildirs and dropped mail in one folder, which is created when it does not exist.

    Attributes:
        on_delivery: is called with the arguments of each delivery of a new file.
        on_removal: is called after files are removed, with a function that returns whether the file of a delivery's name is one of them.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self.on_delivery: Callable[[Destination, str, str], None] = lambda _destination, _address, _name: None
        self.on_removal: Callable[[Callable[[str], bool]], None] = lambda _is_removed: None

    def deliver(self, destination: Destination, address: str, name: str, raw: bytes) -> None:
        """Write a message to a Maildir, byte for byte; it is on disk when this returns.

        Args:
            destination: Inbox, Junk, Outgoing or SMTP gateway.
            address: any text is safe.
            name: of this delivery: letters, digits, `.`, `-`. A second delivery with the same name leaves one file.
        """
        folder = self._folder(destination, address)
        try:
            is_new = _write_once(folder, name, raw)
        except FileNotFoundError:
            for part in ("tmp", "new", "cur"):
                (folder / part).mkdir(parents=True, exist_ok=True)
            is_new = _write_once(folder, name, raw)
        if is_new:
            self.on_delivery(destination, address, name)

    def has(self, destination: Destination, address: str, name: str) -> bool:
        """Return whether a delivery with this name is there; see `deliver`."""
        folder = self._folder(destination, address)
        return any(file.name.partition(":")[0] == name for part in ("new", "cur") for file in (folder / part).glob("*"))

    def drop(self, name: str, raw: bytes, reason: Mapping[str, Any]) -> None:
        """Store a dropped message and the reason."""
        folder = self._root / "dropped"
        folder.mkdir(parents=True, exist_ok=True)
        for ending, content in ((".json", json.dumps(reason, indent=2).encode()), (".eml", raw)):
            _write(folder / f".{name}{ending}", folder / f"{name}{ending}", content)

    def delivered(self, address: str, *destinations: Destination) -> list[Delivered]:
        """Return the copies for an address, oldest first; only those in these destinations if any are given."""
        found = [
            Delivered(destination, file.read_bytes(), file)
            for destination in destinations or _FOLDERS
            for part in ("new", "cur")
            for file in self._folder(destination, address).glob(f"{part}/*")
        ]
        return sorted(found, key=lambda copy: copy.path.name)

    def dropped(self) -> list[tuple[bytes, dict[str, Any]]]:
        """Return the dropped messages, oldest first, each with the reason."""
        files = sorted((self._root / "dropped").glob("[!.]*.eml"))
        return [(file.read_bytes(), json.loads(file.with_suffix(".json").read_text())) for file in files]

    def remove(self, deliveries: Collection[str]) -> None:
        """Remove the files of these deliveries (`name_delivery`), also those that a mail program has moved to another folder."""

        def is_removed(name: str) -> bool:
            found = _DELIVERY.match(name)
            return found is not None and found[0] in deliveries

        for folder in _MAIL:
            for path, _, names in os.walk(self._root / folder):
                for name in filter(is_removed, names):
                    Path(path, name).unlink(missing_ok=True)
        self.on_removal(is_removed)

    def remove_all(self) -> None:
        """Remove all deliveries and their folders.

        Raises:
            ForeignFolder: a folder contains other files. Nothing is removed then.
        """
        found = [(Path(path), folders, names) for each in _MAIL for path, folders, names in os.walk(self._root / each, topdown=False)]
        for path, folders, names in found:
            # A dropped message has a point before its name until it is complete.
            if any(not _DELIVERY.match(name.removeprefix(".")) for name in names) or any((path / each).is_symlink() for each in folders):
                box = self._root / path.relative_to(self._root).parts[0]
                raise ForeignFolder(f"{box} contains other files than delivered mail, so nothing is deleted: give another folder")
        for path, _, names in found:
            for name in names:
                (path / name).unlink(missing_ok=True)
            path.rmdir()

    def _folder(self, destination: Destination, address: str) -> Path:
        box, junk = _FOLDERS[destination]
        return self._root / f"{box}/{directory_name(address)}/{junk}"


def name_delivery(number: int, received: float, message_id: str) -> str:
    """Return the beginning of the file names of a rule run's deliveries, to which a suffix is added.

    It begins with the time, as in any Maildir, so that names sort by arrival.

    Args:
        number, received: of the message.
        message_id: of the rule run.
    """
    return f"{int(received):010}.M{number:08}P{hashlib.sha256(message_id.encode()).hexdigest()[:16]}"


def directory_name(address: str) -> str:
    """Return a safe folder name for any address. Addresses with different canonical forms get different names.

    >>> directory_name("Ana@example.com"), directory_name("../x@example.com")
    ('ana@example.com', '=2e.=2fx@example.com')
    """
    name = _UNSAFE.sub(lambda found: "".join(f"={byte:02x}" for byte in found[0].encode("utf-8", "surrogatepass")), canonical(address))
    return name if 0 < len(name) <= _MAX_NAME else f"{name[:40]}={hashlib.sha256(name.encode()).hexdigest()[:16]}"


def _write_once(folder: Path, name: str, raw: bytes) -> bool:
    """Write a message to a Maildir. Return whether it was not there before.

    A mail program may have moved it to cur/, and added flags after a colon (Maildir specification).
    """
    with os.scandir(folder / "cur") as read:
        if any(file.name.partition(":")[0] == name for file in read):
            return False
    final = folder / f"new/{name}"
    is_new = not final.exists()
    _write(folder / f"tmp/{name}", final, raw)
    return is_new


def _write(temporary: Path, final: Path, raw: bytes) -> None:
    """Write a file completely or not at all, and wait until the file and its name are on disk."""
    with temporary.open("wb") as file:
        file.write(raw)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(final)
    sync_folder(final.parent)


def sync_folder(folder: Path) -> None:
    """Wait until the names of a folder's files are on disk."""
    if os.name == "nt":  # Windows cannot open a folder, and does not need to
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
