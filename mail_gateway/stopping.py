"""Ends the connections of a listener when the process stops."""

import asyncio
from collections.abc import Set as AbstractSet
from typing import Final, Protocol

_POLL_S: Final = 0.02
"""Seconds between two looks at the connections."""


class Connection(Protocol):
    """The connection of a client."""

    def stop(self) -> None:
        """End it, unless a message is under way."""
        ...

    def cut_off(self) -> None:
        """End it at once."""
        ...


async def end_connections(server: asyncio.Server | None, connections: AbstractSet[Connection], wait_s: float) -> None:
    """Stop to accept connections, and end those that there are. A client without an answer keeps its message.

    Args:
        server: None if it has not started.
        connections: those that are not at their end yet.
        wait_s: seconds in which messages under way may have their answers; then the rest is cut off.
    """
    if server:
        server.close()
    clock = asyncio.get_running_loop().time
    ends = clock() + wait_s
    # Again and again: a connection may have been accepted in the meantime.
    while connections:
        is_late = clock() >= ends
        for connection in list(connections):
            connection.cut_off() if is_late else connection.stop()
        await asyncio.sleep(_POLL_S)
