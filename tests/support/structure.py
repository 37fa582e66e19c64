"""What holds for the structure of any bytes whatsoever: for its test, and for the coverage-guided fuzzer, which has no test library."""

from mailhooks.mime import filenames
from mailhooks.mime.structure import scan


def check_structure(raw: bytes) -> None:
    """Every part lies inside of the one around it, in order, and all that is asked of a part has an answer."""
    for part in scan(raw).root.walk():
        assert 0 <= part.start <= part.header.end <= part.body <= part.end <= len(raw)
        position = part.body
        for child in part.children:
            assert position <= child.start
            assert child.end <= part.end
            position = child.end
        filenames.find_filename(raw, part)
        filenames.find_disposition(raw, part)
        for name in filenames.find_all_filenames(raw, part):
            filenames.find_extensions(name)
            assert filenames.make_printable(name).isprintable()
        assert part.charset
