"""Invariants of the structure of any bytes, for its test and for the fuzz target, which does without pytest."""

from mailhooks.mime import filenames
from mailhooks.mime.message import Message, Structure


def check_structure(raw: bytes) -> None:
    """Check each reading: every part is inside of its parent, in order, and names and types can be read."""
    message = Message(raw)
    for reading in message.readings or (message,):
        _check_parts(reading.raw, reading.structure)


def _check_parts(raw: bytes, structure: Structure) -> None:
    for part in structure.root.walk():
        assert 0 <= part.start <= part.header.end <= part.body <= part.end <= len(raw)
        position = part.body
        for child in part.children:
            assert position <= child.start
            assert child.end <= part.end
            position = child.end
        filenames.find_filename(raw, part)
        part.header.disposition(raw)
        for name in filenames.find_all_filenames(raw, part):
            filenames.find_extensions(name)
            assert filenames.make_printable(name).isprintable()
        assert part.charset
