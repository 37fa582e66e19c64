"""Text with variables, such as `%%Title%%`, as Exchange's disclaimers have them; for texts that administrators write."""

import html
import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import pairwise
from typing import Final, NamedTuple

from mailhooks.mime import encoded_words
from mailhooks.mime.addresses import parse_display_name
from mailhooks.mime.message import Message

MESSAGE_VARIABLES: Final = frozenset({"fromname", "fromaddress", "fromdomain", "subject", "date"})
"""The variables whose values every message has, in lower case. A directory may have more."""

_VARIABLE: Final = re.compile(r"%%([A-Za-z][A-Za-z0-9]{0,39})%%")

_VARYING: Final = re.compile(r"(?P<variable>%%[A-Za-z][A-Za-z0-9]{0,39}%%)|\ufffc|(?<!\S)[^\s@]*?(?:://|@|\bwww\.)(?P<host>[\w.-]*)\S*")
"""What differs where a text is quoted: variables' values, what only HTML shows, and addresses. QUIRK: of an address, mail programs leave
out the scheme, write the whole twice, or lead it through a server that checks links; the host's name stays.
"""

_LONGEST_VALUE: Final = 200
_LONGEST_ADDRESS: Final = 1000
"""Letters and digits in the place of a variable, and around an address or in the place of an image, at most."""

_LEAST_CONSTANT: Final = 40
"""Letters and digits that are characteristic of a text, whoever sends it: more than are in `Mit freundlichen Grüßen`."""

_LEAST_SAMPLE: Final = 20
"""Of them in one piece, and with the values of a sender: fewer are found anywhere."""

_SAMPLE: Final = 120
"""Of them with the values of a sender, at most."""

_OCCURRENCES: Final = 100
"""Places that are looked at. This bounds the time."""

_BLOCK: Final = "(?:address|blockquote|div|dl|dt|dd|h[1-6]|hr|li|ol|p|table|tbody|tfoot|thead|tr|ul)"
_BREAK: Final = re.compile(rf"\n|<br\b[^<>]*>|</{_BLOCK}\s*>|(?=<{_BLOCK}\b)", re.IGNORECASE)
"""Where a line of HTML ends: as it is written, and as it is shown. Templates often come on one line altogether."""

_TAG: Final = re.compile(r"<(/?)([A-Za-z][A-Za-z0-9]*)(?:[^<>\"']|\"[^\"]*\"|'[^']*')*>")
_VOID: Final = frozenset({"area", "br", "col", "hr", "img", "input", "wbr"})


class _Stretch(NamedTuple):
    """Letters and digits that a text always has, and how many others are before them, up to the stretch before, at most."""

    letters: str
    gap: int


@dataclass(frozen=True)
class Template:
    """A text with variables. Names are the same whatever their case.

    Attributes:
        source: the text.
        is_html: whether values have to be escaped.
    """

    source: str
    is_html: bool = False

    @cached_property
    def variables(self) -> frozenset[str]:
        """The names that occur, in lower case."""
        return frozenset(name.lower() for name in _VARIABLE.findall(self.source))

    def render(self, values: Mapping[str, str]) -> str:
        """The text for these values, whose names are in lower case. A line whose variables are all empty is left out; of HTML, the tags
        stay that belong to other lines.

        Values lose control characters and line ends: they come from mail.
        """
        if self.is_html:
            ends = [0, *(found.end() for found in _BREAK.finditer(self.source)), len(self.source)]
            return "".join(self._line(self.source[start:end], values) or "" for start, end in pairwise(ends))
        return "\n".join(line for source in self.source.split("\n") if (line := self._line(source, values)) is not None)

    def occurs_in(self, said: str, values: Mapping[str, str]) -> bool:
        """Whether a text has this one somewhere, be it with other values: all that is constant in it, in order and close together.

        Lines with variables may be left out, and count only where the others say too little. Where these do so too, what is looked for is
        the beginning of the text with `values`.

        Args:
            said: the letters and digits of the text (see `keep_alphanumeric`).
        """
        for stretches in (self._stretches(), self._stretches(in_lines_with_variables=True)):
            lengths = [len(stretch.letters) for stretch in stretches]
            if sum(lengths) >= _LEAST_CONSTANT and max(lengths) >= _LEAST_SAMPLE:
                anchor = lengths.index(max(lengths))
                return any(_are_around(stretches, anchor, said, at) for at in _places(stretches[anchor].letters, said))
        sample = keep_alphanumeric(self.render(values))[:_SAMPLE]
        return len(sample) >= _LEAST_SAMPLE and sample in said

    def _stretches(self, *, in_lines_with_variables: bool = False) -> list[_Stretch]:
        """What of a plain text is constant."""
        stretches: list[_Stretch] = []
        text, gap = "", 0
        for constant, varying in self._constants(in_lines_with_variables):
            text += constant
            if varying is not None:
                if text:
                    stretches.append(_Stretch(text, gap))
                    text, gap = "", 0
                gap += varying
        return [*stretches, _Stretch(text, gap)] if text else stretches

    def _constants(self, in_lines_with_variables: bool) -> Iterator[tuple[str, int | None]]:
        """Constant letters and digits, and how many others may follow; None where none can."""
        for line in self.source.split("\n"):
            variables = len(_VARIABLE.findall(line))
            if variables and not in_lines_with_variables:
                yield "", len(keep_alphanumeric(line)) + _LONGEST_VALUE * variables
                continue
            if variables:
                yield "", 0
            done = 0
            for found in _VARYING.finditer(line):
                others = _LONGEST_VALUE if found["variable"] else _LONGEST_ADDRESS
                yield keep_alphanumeric(line[done : found.start()]), others
                yield keep_alphanumeric(found["host"] or ""), others
                done = found.end()
            yield keep_alphanumeric(line[done:]), 0 if variables else None

    def _line(self, source: str, values: Mapping[str, str]) -> str | None:
        """A line with its values; None when it has nothing to say."""
        found = []

        def value(variable: re.Match[str]) -> str:
            text = "".join(char if char.isprintable() else " " for char in values.get(variable[1].lower(), "")).strip()
            found.append(text)
            return html.escape(text) if self.is_html else text

        line = _VARIABLE.sub(value, source)
        if any(found) or not found:
            return line
        return _unpaired_tags(line) if self.is_html else None


def read_values(message: Message, mail_from: str) -> dict[str, str]:
    """Return the values of `MESSAGE_VARIABLES`; `""` for a field the message does not have."""
    fields: dict[str, bytes] = {}
    for field in message.header.fields:
        fields.setdefault(field.lname, field.value(message.raw))
    # The name is parsed before it is decoded: an encoded word may hold commas and brackets (RFC 2047 section 5).
    name = parse_display_name(fields.get("from", b"").decode("latin-1"))
    return {
        "fromname": encoded_words.decode(name.encode("latin-1")),
        "fromaddress": mail_from,
        "fromdomain": mail_from.rpartition("@")[2],
        "subject": encoded_words.decode(fields.get("subject", b"")),
        "date": encoded_words.decode(fields.get("date", b"")),
    }


def keep_alphanumeric(text: str) -> str:
    """Its letters and digits, to compare texts by: quoting adds marks and line ends. Case and accents do not matter: QUIRK: some programs
    send umlauts as two characters each (Unicode's decomposed form).

    >>> keep_alphanumeric("> Grüße, 1\\n> x")
    'grusse1x'
    """
    return "".join(map(_letter, text))


@lru_cache(4096)
def _letter(char: str) -> str:
    return "".join(base for base in unicodedata.normalize("NFKD", char).casefold() if base.isalnum())


def _places(sample: str, said: str) -> Iterator[int]:
    at = -1
    for _ in range(_OCCURRENCES):
        at = said.find(sample, at + 1)
        if at < 0:
            return
        yield at


def _are_around(stretches: list[_Stretch], anchor: int, said: str, at: int) -> bool:
    """Whether the other stretches are around that one of index `anchor`, which is at `at`."""
    start, end = at, at + len(stretches[anchor].letters)
    for text, gap in stretches[anchor + 1 :]:
        found = said.find(text, end, end + gap + len(text))
        if found < 0:
            return False
        end = found + len(text)
    for (text, _), (_, gap) in reversed(list(pairwise(stretches[: anchor + 1]))):
        start = said.rfind(text, max(start - gap - len(text), 0), start)
        if start < 0:
            return False
    return True


def _unpaired_tags(line: str) -> str:
    """What has to stay of a line of HTML that is left out: nothing when its tags close each other, else all of them, or, where comments
    make even that unsure, the line.
    """
    if "<!" in line:
        return line
    tags = [tag for tag in _TAG.finditer(line) if tag[2].lower() not in _VOID]
    waiting: list[str] = []
    for closing, name in (tag.group(1, 2) for tag in tags):
        if not closing:
            waiting.append(name.lower())
        elif not waiting or waiting.pop() != name.lower():
            break
    else:
        if not waiting:
            return ""
    return "".join(tag[0] for tag in tags)
