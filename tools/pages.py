"""Reads the fenced blocks of pages. Needs the standard library alone: the walk-through runs before anything is installed."""

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

_FENCE: Final = re.compile(
    r"(?:^ *<!-- (?P<marker>[^>]+) -->\n)?^(?P<indent> *)```(?P<language>\w*)[^\n]*\n(?P<text>.*?)^(?P=indent)```", re.MULTILINE | re.DOTALL
)


class Fence(NamedTuple):
    """A fenced block.

    Attributes:
        line: of the opening fence.
        marker: the comment on the line above, such as "needs an account"; empty for none.
        text: without the indentation of the block.
    """

    line: int
    marker: str
    language: str
    text: str


def read_fences(page: str) -> Iterator[Fence]:
    """Yield the fenced blocks in the text of a page."""
    for found in _FENCE.finditer(page):
        indent = len(found["indent"])
        text = "".join(line[indent:] for line in found["text"].splitlines(keepends=True))
        yield Fence(page.count("\n", 0, found.start("indent")) + 1, found["marker"] or "", found["language"], text)
