"""Where mail ends, on disk: a Maildir a mailbox, one a recipient elsewhere, and what was dropped, with the reason beside it.

    mailboxes/<address>/          the inbox; .Junk/ in it the junk folder
    outgoing/<address>/           what would be sent to other organizations
    gateway/<address>/            what a rule routes to an SMTP gateway
    dropped/<name>.eml, .json     what was dropped, or could not be bounced

A delivery has a name of its own: to do it again changes nothing, so that what a process has not finished is done once by the next.
"""

import hashlib
import json
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from local.mail.history import Destination

_FOLDERS: Final = {
    Destination.INBOX: ("mailboxes", ""),
    Destination.JUNK: ("mailboxes", ".Junk"),
    Destination.OUTGOING: ("outgoing", ""),
    Destination.GATEWAY: ("gateway", ""),
}
_PARTS: Final = ("tmp", "new", "cur")

_UNSAFE: Final = re.compile(r"[^a-z0-9@._+-]|^\.")
"""Characters that a folder's name escapes; "=" is one, so that an escape cannot be mistaken for text."""
_MAX_NAME: Final = 100


@dataclass(frozen=True, slots=True)
class Delivered:
    """A copy of a message in a mailbox, or on its way out.

    Attributes:
        destination: the kind of folder it is in.
        raw: its bytes.
        path: the file.
    """

    destination: Destination
    raw: bytes
    path: Path


class MaildirStore:
    """The folders under one.

    Args:
        root: made when it is not there.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self._made: set[Path] = set()

    def deliver(self, place: Destination, address: str, name: str, raw: bytes) -> None:
        """Puts a message into a Maildir, byte for byte; it is on the disk when this returns.

        Args:
            place: one that has mailboxes.
            address: whose; any text is safe.
            name: of this delivery: letters, digits, `.`, `-`. A second delivery of one name leaves one file.
        """
        folder = self._maildir(place, address)
        # It may have been delivered before, and moved since by a mail program, which adds flags behind a colon (Maildir's specification).
        with os.scandir(folder / "cur") as entries:
            if any(entry.name.partition(":")[0] == name for entry in entries):
                return
        _write(folder / "tmp" / name, folder / "new" / name, raw)

    def drop(self, name: str, raw: bytes, reason: Mapping[str, Any]) -> None:
        """Keeps what is delivered to nobody aside, and why."""
        folder = self.root / "dropped"
        folder.mkdir(parents=True, exist_ok=True)
        for ending, content in ((".json", json.dumps(reason, indent=2).encode()), (".eml", raw)):
            _write(folder / f".{name}{ending}", folder / f"{name}{ending}", content)

    def delivered(self, address: str, *places: Destination) -> list[Delivered]:
        """The copies for an address, oldest first, in these places; in all when none is given."""
        found = [copy for place in places or _FOLDERS for copy in self._in(place, address)]
        return sorted(found, key=lambda copy: copy.path.name)

    def dropped(self) -> list[tuple[bytes, dict[str, Any]]]:
        """What was dropped, oldest first, each with its reason."""
        files = sorted((self.root / "dropped").glob("[!.]*.eml"))
        return [(file.read_bytes(), json.loads(file.with_suffix(".json").read_text())) for file in files]

    def _in(self, place: Destination, address: str) -> Iterator[Delivered]:
        folder = self._folder(place, address)
        for part in ("new", "cur"):
            for file in folder.glob(f"{part}/*"):
                yield Delivered(place, file.read_bytes(), file)

    def _folder(self, place: Destination, address: str) -> Path:
        box, junk = _FOLDERS[place]
        return self.root / box / directory_name(address) / junk

    def _maildir(self, place: Destination, address: str) -> Path:
        folder = self._folder(place, address)
        if folder not in self._made:
            for part in _PARTS:
                (folder / part).mkdir(parents=True, exist_ok=True)
            self._made.add(folder)
        return folder


def directory_name(address: str) -> str:
    """Return a safe folder name for any address. Addresses that differ by more than case get different names.

    >>> directory_name("Ana@example.com"), directory_name("../x@example.com")
    ('ana@example.com', '=2e.=2fx@example.com')
    """
    name = _UNSAFE.sub(lambda found: "".join(f"={byte:02x}" for byte in found[0].encode("utf-8", "surrogatepass")), address.lower())
    return name if 0 < len(name) <= _MAX_NAME else f"{name[:40]}={hashlib.sha256(name.encode()).hexdigest()[:16]}"


def _write(temporary: Path, final: Path, raw: bytes) -> None:
    """All of it or nothing, and on the disk: the file first, then its name."""
    with temporary.open("wb") as file:
        file.write(raw)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(final)
    _sync_folder(final.parent)


def _sync_folder(folder: Path) -> None:
    if os.name == "nt":  # a folder cannot be opened there, and needs not
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
