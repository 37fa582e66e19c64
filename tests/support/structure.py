"""Invariants of the structure of any bytes, for its test and for the fuzz target, which does without pytest."""

from mailhooks.mime import filenames
from mailhooks.mime.message import scan


def check_structure(raw: bytes) -> None:
    """Check that every part is inside of its parent, in order, and that names and types can be read."""
    for part in scan(raw).root.walk():
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
