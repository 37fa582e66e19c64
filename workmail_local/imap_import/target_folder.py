"""A folder of the server during an import: which messages of the zip file it has already."""

from collections import defaultdict
from dataclasses import replace
from datetime import datetime
from typing import Final

from workmail_local.imap_import.journal import Done, Journal
from workmail_local.imap_import.message import Message, digest
from workmail_local.imap_import.server import ImapServer, Stored

_SAME_S: Final = 1
"""Seconds between two internal dates that are the same: a server may round."""


class TargetFolder:
    """A folder of the server.

    A message of the server counts for one message of the zip file at most, so two messages with one Message-ID stay two.
    """

    def __init__(self, name: str, server: ImapServer, journal: Journal) -> None:
        self.name = name
        self._journal = journal
        server.create_folder(name)
        state = server.examine(name)
        self._first_uid, done = journal.open_folder(name, state.validity, state.next_uid)
        self._done = {each.digest: each for each in done}
        self._next_uid = 0 if state.messages else state.next_uid
        self._unclaimed: dict[str, list[Stored]] = defaultdict(list)
        self._needs_index = bool(state.messages)

    def __contains__(self, content_digest: str) -> bool:
        """Whether the journal has a message."""
        return content_digest in self._done

    def add(self, message: Message, uid: int | None) -> None:
        """Store in the journal that the server has a message."""
        done = Done(message.digest, uid, message.message_id, message.size, _seconds(message.date))
        self._journal.add(self.name, done)
        self._done[message.digest] = done
        if uid and not self._needs_index:
            self._next_uid = uid + 1

    def forget_index(self) -> None:
        """Read the folder again before the next search: after a lost connection it may have one message more."""
        self._needs_index = True

    def find(self, message: Message, server: ImapServer) -> int | None:
        """Return the UID of a message that the server has; None if it lacks the message. The UID counts for no other message."""
        if self._needs_index:
            self._read_index(server)
        for stored in self._list_candidates(message.message_id):
            if self._is_same(message, stored, server):
                self._unclaimed[stored.message_id].remove(stored)
                return stored.uid
        return None

    def find_newest(self, message: Message, server: ImapServer) -> int | None:
        """Return the UID of a message that was just stored on a server without UIDPLUS; None if that is not certain."""
        found = [stored for stored in server.list_messages(self.name, self._next_uid) if stored.message_id == message.message_id]
        return found[0].uid if len(found) == 1 else None

    def _list_candidates(self, message_id: str) -> list[Stored]:
        """Return the messages with this Message-ID, and then those in whose headers the server and this program may read another one.

        QUIRK: `Message-ID  :`, and a broken line above the field; and some servers add a Message-ID.
        """
        names = [message_id, ""] if message_id else ["", *filter(None, self._unclaimed)]
        return [stored for name in names for stored in self._unclaimed.get(name, ())]

    def _is_same(self, message: Message, stored: Stored, server: ImapServer) -> bool:
        if stored.size == message.size:
            stored.digest = stored.digest or digest(server.read(self.name, stored.uid))
            if stored.digest == message.digest:
                return True
        # Without the same bytes, Message-ID and internal date decide; without a Message-ID, only in what was added since the import began.
        known = stored.message_id == message.message_id if message.message_id else stored.uid >= self._first_uid
        return bool(self._journal.rewrites) and known and abs(_seconds(stored.date) - _seconds(message.date)) <= _SAME_S

    def _read_index(self, server: ImapServer) -> None:
        """List the messages that are on the server and not in the journal."""
        for stored in server.list_messages(self.name, self._next_uid):
            self._unclaimed[stored.message_id].append(stored)
            self._next_uid = max(self._next_uid, stored.uid + 1)
        claimed = {done.uid for done in self._done.values() if done.uid}
        for message_id, found in self._unclaimed.items():
            self._unclaimed[message_id] = [stored for stored in found if stored.uid not in claimed]
        for done in [done for done in self._done.values() if not done.uid]:
            self._claim_without_uid(done)
        self._needs_index = False

    def _claim_without_uid(self, done: Done) -> None:
        """Remove the message that an earlier run stored on a server without UIDPLUS."""
        found = self._unclaimed.get(done.message_id, [])
        match = next((stored for stored in found if stored.size == done.size and abs(_seconds(stored.date) - done.date) <= _SAME_S), None)
        if match:
            found.remove(match)
            self._done[done.digest] = replace(done, uid=match.uid)


def _seconds(date: datetime) -> int:
    return int(date.timestamp())
