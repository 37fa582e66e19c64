"""The received message as it is passed on: with the changes of rules, the mark, the junk mark and our Received field."""

from collections.abc import Sequence

from mailhooks.actions import ActionType
from mailhooks.mime.edits import Edit, compose, splice_pieces
from mailhooks.mime.headers import HeaderBlock
from mailhooks.relay.listener import HeaderField, Listener
from mailhooks.relay.mark import FIELD_NAME, Marker, read_header


class OutgoingMessage:
    """Makes the edits of one received message, which differ by recipient in the junk mark only.

    Args:
        content: the received message.
        changes: of `content`: those of rules, and the removal of forged fields.
        received_field: our Received field, with its line end; b"" for none.
        marker: None to add no mark.
    """

    def __init__(self, content: bytes, changes: Sequence[Edit], received_field: bytes, listener: Listener, marker: Marker | None) -> None:
        self._content = content
        self._changes = list(changes)
        self._received_field = received_field
        self._listener = listener
        self._marker = marker
        self._by_action: dict[ActionType, tuple[Edit, ...]] = {}

    def edits(self, action: ActionType) -> tuple[Edit, ...]:
        """Return the edits of `content` for the recipients with an action that delivers."""
        if action not in self._by_action:
            self._by_action[action] = self._make_edits(action)
        return self._by_action[action]

    def _make_edits(self, action: ActionType) -> tuple[Edit, ...]:
        head, header = read_header(splice_pieces(self._content, self._changes))
        removed, added = self._junk_mark(action, head, header)

        def write(mark: bytes) -> list[Edit]:
            return compose(self._changes, [*removed, prepend(head, header, self._received_field + mark + added)])

        if self._marker is None:
            return tuple(write(b""))
        # The mark is over the message with an empty one in its place: an odd message may have other fields before it.
        empty = FIELD_NAME.encode() + b":" + header.newline
        return tuple(write(self._marker.make(splice_pieces(self._content, write(empty)), header.newline)))

    def _junk_mark(self, action: ActionType, head: bytes, header: HeaderBlock) -> tuple[list[Edit], bytes]:
        """Return the removals of fields that mean something else, and the field to add."""
        junk, bypass = self._listener.junk_field, self._listener.bypass_field
        if action is ActionType.MOVE_TO_JUNK and junk:
            fields = list(header.named(junk.name.lower()))
            if [field.value(head) for field in fields] == [junk.value.encode()]:
                return [], b""
            return [Edit(field.start, field.end, b"") for field in fields], write_field(junk, header.newline)
        if action is ActionType.BYPASS_SPAM_CHECK and bypass:
            # A filter before this host may have marked the message as junk.
            marked = header.named(junk.name.lower()) if junk else ()
            return [Edit(field.start, field.end, b"") for field in marked], write_field(bypass, header.newline)
        return [], b""


def prepend(head: bytes, header: HeaderBlock, lines: bytes) -> Edit:
    """Return the edit that adds fields before all others. In a message without a header, an empty line separates them from its body.

    Args:
        head: the message, or a prefix of it with the header.
    """
    rest = head[header.end : header.end + 2]
    if lines and not header.fields and rest and not rest.startswith((b"\r\n", b"\n")):
        lines += header.newline
    return header.prepended(lines)


def write_field(field: HeaderField, newline: bytes) -> bytes:
    """Write a field with its line end."""
    return f"{field.name}: {field.value}".encode("ascii") + newline
