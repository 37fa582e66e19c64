"""Templates of administrators: text with variables such as `%%Title%%`, as in disclaimers of Exchange."""

import html
import re
import unicodedata
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import pairwise
from typing import Final, NamedTuple

from mailhooks.mime import encoded_words
from mailhooks.mime.addresses import parse_display_name
from mailhooks.mime.message import Message
from mailhooks.patterns import compile_late

MESSAGE_VARIABLES: Final = frozenset({"fromname", "fromaddress", "fromdomain", "subject", "date"})
"""Variables with values from the message, in lower case. A directory may have more."""

_VARIABLE: Final = compile_late(r"%%([A-Za-z][A-Za-z0-9]{0,39})%%")

_CONTROL: Final = compile_late("[\x00-\x08\x0b\x0e-\x1f\x7f]")

_VARYING: Final = compile_late(r"(?P<variable>%%[A-Za-z][A-Za-z0-9]{0,39}%%)|\ufffc|(?<!\S)[^\s@]*?(?:://|@|\bwww\.)(?P<host>[\w.-]*)\S*")
"""Parts of a template that differ in a quote: values of variables, images, and addresses. QUIRK: mail programs omit the scheme of an
address, write it twice, or replace it by the address of a server that checks links. The host name stays.
"""

_LONGEST_VALUE: Final = 200
_LONGEST_ADDRESS: Final = 1000
"""Letters and digits of a variable's value, and around an address or instead of an image, at most."""

_MIN_CONSTANT: Final = 40
"""Constant letters and digits that identify a text for any sender: more than in `Mit freundlichen Grüßen`."""

_MIN_SAMPLE: Final = 20
"""Letters and digits in one piece, and of a text with the sender's values. Fewer occur in any text."""

_MAX_SAMPLE: Final = 120
"""Letters and digits of a text with the sender's values that are compared, at most."""

_MAX_OCCURRENCES: Final = 100
"""Occurrences that are checked. This bounds the time."""

_BLOCK: Final = "(?:address|blockquote|div|dl|dt|dd|h[1-6]|hr|li|ol|p|table|tbody|tfoot|thead|tr|ul)"
_BREAK: Final = compile_late(rf"\n|<br\b[^<>]*>|</{_BLOCK}\s*>|(?=<{_BLOCK}\b)", re.IGNORECASE)
"""The end of a line in HTML, as it is written or displayed. A template is often written on one line."""

_TAG: Final = compile_late(r"<(/?)([A-Za-z][A-Za-z0-9]*)(?:[^<>\"']|\"[^\"]*\"|'[^']*')*>")
_VOID: Final = frozenset({"area", "br", "col", "hr", "img", "input", "wbr"})


class _Stretch(NamedTuple):
    """Letters and digits that a text always has, and the maximum of others between them and the stretch before."""

    letters: str
    gap: int


@dataclass(frozen=True)
class Template:
    """A text with variables. The case of names does not matter. In HTML, values are escaped."""

    source: str
    is_html: bool = False

    @cached_property
    def variables(self) -> frozenset[str]:
        """The names of the variables, in lower case."""
        return frozenset(name.lower() for name in _VARIABLE.findall(self.source))

    def check(self, known: Collection[str]) -> None:
        """Check that each variable is known, and that no `%%` and no control character is left that would be displayed.

        Args:
            known: names in lower case.

        Raises:
            ValueError: a variable is unknown, or misses its end, or has a name that is not of letters and digits; or there is a control
                character.
        """
        if unknown := sorted(self.variables - set(known)):
            raise ValueError(f"unknown variables: {', '.join(unknown)}; use {', '.join(sorted(known))}")
        if "%%" in _VARIABLE.sub("", self.source):
            raise ValueError("a variable is not complete; write it as %%Name%%, of letters and digits, and a percent sign once")
        if _CONTROL.search(self.source):
            raise ValueError("remove the control characters")

    def render(self, values: Mapping[str, str]) -> str:
        """Return the text with values, whose names are in lower case.

        A line is omitted if all its variables are empty. In HTML, tags that belong to other lines stay. Control characters and line ends
        are removed from values, because they come from mail.
        """
        if self.is_html:
            ends = [0, *(found.end() for found in _BREAK.finditer(self.source)), len(self.source)]
            return "".join(self._line(self.source[start:end], values) or "" for start, end in pairwise(ends))
        return "\n".join(line for source in self.source.split("\n") if (line := self._line(source, values)) is not None)

    def occurs_in(self, text: str, values: Mapping[str, str]) -> bool:
        """Return whether a text contains this template, perhaps with other values: its constant parts, in order and close together.

        Lines with variables may be missing, and are compared only if the other lines are too short. If all are too short, the beginning of
        the template with `values` is searched. The text must be reduced by `keep_alphanumeric`.
        """
        for stretches in (self._stretches(), self._stretches(in_lines_with_variables=True)):
            lengths = [len(stretch.letters) for stretch in stretches]
            if sum(lengths) >= _MIN_CONSTANT and max(lengths) >= _MIN_SAMPLE:
                anchor = lengths.index(max(lengths))
                return any(_surround(stretches, anchor, text, at) for at in _find_occurrences(stretches[anchor].letters, text))
        sample = keep_alphanumeric(self.render(values))[:_MAX_SAMPLE]
        return len(sample) >= _MIN_SAMPLE and sample in text

    def _stretches(self, *, in_lines_with_variables: bool = False) -> list[_Stretch]:
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
        """Yield constant letters and digits, and the maximum of others after them; None if no others can follow."""
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
        fields.setdefault(field.lname, field.displayed_value(message.raw))
    # The name is parsed before it is decoded: an encoded word may contain commas and brackets (RFC 2047 section 5).
    name = parse_display_name(fields.get("from", b"").decode("latin-1"))
    return {
        "fromname": encoded_words.decode(name.encode("latin-1")),
        "fromaddress": mail_from,
        "fromdomain": mail_from.rpartition("@")[2],
        "subject": encoded_words.decode(fields.get("subject", b"")),
        "date": encoded_words.decode(fields.get("date", b"")),
    }


def keep_alphanumeric(text: str) -> str:
    """Return the letters and digits of a text, without case and accents, to compare it with a quoted text.

    Quoting adds marks and line ends. QUIRK: some programs send an umlaut as two characters (Unicode's decomposed form).

    >>> keep_alphanumeric("> Grüße, 1\\n> x")
    'grusse1x'
    """
    return "".join(map(_letter, text))


@lru_cache(4096)
def _letter(char: str) -> str:
    return "".join(base for base in unicodedata.normalize("NFKD", char).casefold() if base.isalnum())


def _find_occurrences(sample: str, text: str) -> Iterator[int]:
    at = -1
    for _ in range(_MAX_OCCURRENCES):
        at = text.find(sample, at + 1)
        if at < 0:
            return
        yield at


def _surround(stretches: list[_Stretch], anchor: int, text: str, at: int) -> bool:
    """Return whether the other stretches are around the stretch of index `anchor`, which is at offset `at`."""
    start, end = at, at + len(stretches[anchor].letters)
    for letters, gap in stretches[anchor + 1 :]:
        found = text.find(letters, end, end + gap + len(letters))
        if found < 0:
            return False
        end = found + len(letters)
    for (letters, _), (_, gap) in reversed(list(pairwise(stretches[: anchor + 1]))):
        start = text.rfind(letters, max(start - gap - len(letters), 0), start)
        if start < 0:
            return False
    return True


def _unpaired_tags(line: str) -> str:
    """Return the tags to keep of an omitted line of HTML: none if they close each other, else all. With comments, keep the whole line."""
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
