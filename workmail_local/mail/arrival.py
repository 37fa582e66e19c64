"""Waits for the arrival of a message. The caller decides how: in a thread, or in an event loop."""

from typing import Final

from workmail_local.mail.history import History, MessageSummary, State
from workmail_local.mail.search_query import SearchQuery

PAUSE_S: Final = 0.05
"""Seconds between two checks."""


class Arrival:
    """Finds the newest message that a query matches, once it is done. Earlier messages count too, unless `query.since` is set."""

    def __init__(self, history: History, query: SearchQuery) -> None:
        self._history = history
        self._query = query
        self._version: int | None = None
        self._newest: MessageSummary | None = None

    def check(self) -> MessageSummary | None:
        """Return the message; None while it is missing or not done. Cheap when nothing has changed since the last check."""
        # Read first: a message that arrives during the search has another version, and is found by the next check.
        version = self._history.version()
        if version != self._version:
            self._version = version
            self._newest = next(iter(self._history.summaries(limit=1, query=self._query)), None)
        return self._newest if self._newest and self._newest.state is State.DONE else None

    def explain(self) -> str:
        """Return why there is no message yet."""
        if self._newest is None:
            return "no message matches"
        return f"message {self._newest.number} matches, but is not done: {self._newest.state}"
