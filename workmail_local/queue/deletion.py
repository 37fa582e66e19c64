"""Deletes finished messages: their traces and contents, and the files that were delivered for them."""

from collections.abc import Sequence

from workmail_local.errors import NotNow, UnknownMessage
from workmail_local.mail.history import State
from workmail_local.mail.search_query import SearchQuery
from workmail_local.storage.maildir import MaildirStore, name_delivery
from workmail_local.storage.message_store import MessageStore
from workmail_local.storage.spool import Spool


def delete_message(number: int, spool: Spool, maildirs: MaildirStore, store: MessageStore) -> None:
    """Delete a message.

    Raises:
        UnknownMessage: no message has this number.
        NotNow: it is not done.
        SpoolError: it cannot be deleted now.
    """
    trace = spool.trace(number)
    if trace is None:
        raise UnknownMessage(f"there is no message {number}")
    if trace.summary.state is not State.DONE:
        raise NotNow(f"message {number} is not done ({trace.summary.state}): wait until it is, or retry it now, and then delete it")
    _delete([number], spool, maildirs, store)


def delete_found(query: SearchQuery, spool: Spool, maildirs: MaildirStore, store: MessageStore) -> int:
    """Delete all messages that match and are done; return how many. Raises SpoolError when they cannot be deleted now."""
    return _delete(spool.find_done(query), spool, maildirs, store)


def _delete(numbers: Sequence[int], spool: Spool, maildirs: MaildirStore, store: MessageStore) -> int:
    # The files first: without its message, a file that is left would have no name by which it is found.
    runs = spool.list_runs(numbers)
    maildirs.remove({name_delivery(*run) for run in runs})
    store.forget(run.message_id for run in runs)
    return spool.remove(numbers)
