"""Selects the lines that the sender of the newest message wrote: no quotes, no attributions, no forwarded messages, no signature."""

from collections.abc import Iterator, Sequence
from typing import Final

from mailhooks.mime.quotes.attribution import Line, Mark
from mailhooks.mime.quotes.html_lines import read_lines
from mailhooks.mime.quotes.reply import QuoteSearch, find_top_quote, read_text_lines

_SIGNATURE: Final = "--"
"""The line above a signature (RFC 3676 section 4.3), without the space at its end."""

_IMAGE: Final = "\ufffc"


def read_own_text(text: str, *, is_html: bool) -> str:
    """Return the sender's own text in the text of a part, also if it is below the quote or between quoted lines.

    Lines after the bounds of `html_lines` are not read. The text above a forwarded message is the sender's own.

    >>> read_own_text("Fine!\\n\\nOn 2 Apr 2012, at 18:26, Bob <bob@example.com> wrote:\\n> Lunch?\\n", is_html=False)
    'Fine!'
    """
    if is_html:
        found = select_own_lines(read_lines(text, str))
        return "\n".join(f"\n{line.text}" if line.gap and at else line.text for at, line in enumerate(found)).replace(_IMAGE, " ")
    lines = text.splitlines()
    # The lines as written: only these have the white space and the characters that conditions may search.
    return "\n".join(
        f"\n{lines[line.at]}" if line.gap and at else lines[line.at] for at, line in enumerate(select_own_lines(read_text_lines(lines)))
    )


def select_own_lines(lines: Sequence[Line]) -> list[Line]:
    """Return the sender's own lines, in their order."""
    quotes = list(QuoteSearch(lines).iterate_quotes(each_block=True))
    if top := find_top_quote(lines, quotes):
        return list(_skip_signature(lines[: top.start]))
    own: list[Line] = []
    position = 0
    for quote in quotes:
        own += _skip_signature(lines[position : quote.start])
        if quote.reply is None:
            return own
        position = quote.reply
    return [*own, *_skip_signature(lines[position:])]


def _skip_signature(lines: Sequence[Line]) -> Iterator[Line]:
    """Yield the lines above the signature. It extends to the next quote."""
    for line in lines:
        if line.mark is Mark.SIGNATURE or line.text == _SIGNATURE:
            return
        yield line
