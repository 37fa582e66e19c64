"""The preview of a change: a message before and after, the changes of each part, and reasons for a rejection by WorkMail."""

from dataclasses import dataclass

from mailhooks.content.change import Change
from mailhooks.content.disclaimer import Disclaimer
from mailhooks.content.template import MESSAGE_VARIABLES, read_values
from mailhooks.hooks.preflight import Rejection, rejections
from mailhooks.mime.addresses import find_envelope_addresses
from mailhooks.mime.edits import splice
from mailhooks.mime.message import Message
from mailhooks.mime.text.body import Blocked
from workmail_local.mail.event_builder import with_crlf
from workmail_local.viewer.part_changes import PartRow, describe_changes


@dataclass(frozen=True, slots=True)
class Preview:
    """The result of a disclaimer or a policy for one message.

    Attributes:
        name: the name of the message's file.
        heading: the disclaimer's or policy's options, in a few words.
        before, after: the message; the same object when it is unchanged.
        outcome: the result in words, with the reason when the message is unchanged.
        rows_after: the parts of `after`.
        rejections: reasons for which WorkMail might reject the changed message.
        notes: further remarks.
        details: further results, each with a label.
    """

    name: str
    heading: str
    before: Message
    after: Message
    outcome: str
    rows_after: list[PartRow]
    rejections: list[Rejection]
    notes: list[str]
    details: tuple[tuple[str, list[str]], ...] = ()

    @property
    def changed(self) -> bool:
        return self.after is not self.before

    @property
    def rows_before(self) -> list[PartRow]:
        """The parts of `before`. Notes and marks are in `rows_after`."""
        return [PartRow(*numbered) for numbered in self.before.structure.numbered()] if self.changed else self.rows_after


def preview_disclaimer(name: str, raw: bytes, disclaimer: Disclaimer) -> Preview:
    """Return the preview of a disclaimer for one message.

    Args:
        name: the name of the message's file.
        raw: the message.
    """
    before, change = Message(raw), Change([])
    # WorkMail's event has the first address in From as `mailFrom`.
    values = read_values(before, next(iter(find_envelope_addresses(before, "from")), ""))
    text = disclaimer.templates[0].render(values)
    try:
        change = disclaimer.change(before, values)
        why = "the message has this disclaimer" if text.strip() else "the disclaimer is empty for this message"
        outcome = "changed" if change.edits else f"nothing to do: {why}"
    except Blocked as blocked:
        outcome = f"declined: {blocked.obstacle}"
    after = Message(splice(raw, change.edits)) if change.edits else before
    return Preview(
        name,
        f"position {disclaimer.position}",
        before,
        after,
        outcome,
        describe_changes(before, after, change.edits, disclaimer, text),
        # With the line ends of SMTP: for WorkMail a bare LF ends no line.
        rejections(with_crlf(raw), with_crlf(after.raw), added_parts=change.added_parts) if change.edits else [],
        _notes(raw, disclaimer),
    )


def _notes(raw: bytes, disclaimer: Disclaimer) -> list[str]:
    notes = []
    unknown = sorted(frozenset().union(*(template.variables for template in disclaimer.templates)) - MESSAGE_VARIABLES)
    if unknown:
        notes.append(f"empty in this preview, because their values come from the policy's address book: {', '.join(unknown)}")
    if with_crlf(raw) is not raw:
        notes.append("the file has LF line ends, which were kept; WorkMail would receive CRLF")
    return notes
