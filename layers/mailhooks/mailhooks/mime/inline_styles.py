"""The style of one element: whether it hides the text for certain, and whether the element is a block.

A condition must not miss text that a person sees. So a style that is not understood in full hides nothing, and neither does one that a
style sheet of the message may override. Time is linear.
"""

import re
from collections.abc import Mapping
from functools import cached_property
from itertools import islice
from typing import Final

from mailhooks.mime.styles import find_rules
from mailhooks.patterns import compile_late

_QUOTED: Final = compile_late(r"\"[^\"\n\\]*\"|'[^'\n\\]*'|\([^()\"'\\]*\)")
_UNCERTAIN: Final = compile_late(r"[\"'()\[\]{}\\@<]|/\*")
_ZERO: Final = compile_late(r"(?:0+(?:\.0*)?|\.0+)(?:px|pt|r?em|%)?")
_SIZES: Final = compile_late(r"padding|border|min-height|position|overflow-|column|writing-mode")
"""Properties with which an element without height may display text."""

_HIDING_VALUES: Final = {"display": ("none",), "visibility": ("hidden", "collapse")}
_HIDING: Final = frozenset(("display", "visibility", "opacity", "font-size", "max-height"))
_CHANGES: Final = frozenset("all animation animation-name transition".split())
"""Properties with which an element that is hidden at first may be displayed."""

_MAX_DECLARATIONS: Final = 100
_MAX_RULES: Final = 20_000

_IMPORTANT: Final = compile_late(
    r"(?<![\w-])(display|visibility|opacity|font|font-size|max-height|overflow|overflow-[xy]|all)\s*:([^:;{}!]*)!"
)
_HARMLESS: Final = _HIDING_VALUES | {"overflow": ("hidden",)}
"""Values in a style sheet that display nothing."""

_DISPLAY: Final = compile_late(r"(?<![\w-])(?:display|all)\s*+:\s*+(?!none)")
_COMMENT: Final = compile_late(r"/\*.*?(?:\*/|\Z)|<!--|-->", re.DOTALL)
_HEX_ESCAPE: Final = compile_late(r"\\([0-9a-f]{1,6})\s?")
_ESCAPED_LETTER: Final = compile_late(r"\\[a-z\n]")
_UNREAD: Final = compile_late(r"animation|transition|@import")
"""Changes of a style over time, and a style sheet whose content is not known."""


class InlineStyle:
    """The declarations of a `style` attribute.

    Attributes:
        is_certain: whether all declarations are certain. Otherwise there are none.
        hides: the properties that hide text.
    """

    def __init__(self, text: str) -> None:
        text = _QUOTED.sub("x", text.lower())
        pieces = text.split(";")
        self.is_certain = len(pieces) <= _MAX_DECLARATIONS and not _UNCERTAIN.search(text)
        self._values: dict[str, str] = {}
        self._important: set[str] = set()
        for piece in pieces if self.is_certain else ():
            name, _, value = piece.partition(":")
            self._add(name.strip(), *value.partition("!"))
        self.hides = self._find_hiding()

    def __contains__(self, name: str) -> bool:
        return name in self._values

    def get(self, name: str) -> str:
        """Return the last value of a property, in lower case; `""` without one. It may be invalid: then an earlier one applies."""
        return self._values.get(name, "")

    def is_important(self, name: str) -> bool:
        return name in self._important

    def _add(self, name: str, value: str, bang: str, priority: str) -> None:
        is_important = bang != "" and priority.strip() == "important"
        if is_important:
            self._important.add(name)
        if is_important or name not in self._important:
            self._values[name] = value.strip() if is_important or not bang else ""

    def _find_hiding(self) -> frozenset[str]:
        if _HIDING.isdisjoint(self._values) or not _CHANGES.isdisjoint(self._values):
            return frozenset()
        found = {name for name, values in _HIDING_VALUES.items() if self.get(name) in values}
        found |= {name for name in ("opacity", "font-size", "max-height") if _ZERO.fullmatch(self.get(name))}
        if "font" in self:
            found.discard("font-size")
        if self.get("overflow") != "hidden" or any(map(_SIZES.match, self._values)):
            found.discard("max-height")
        return frozenset(found)


class StyleSheets:
    """The style sheets of a message, as far as they may override an inline style."""

    def __init__(self, html: str) -> None:
        self._lower = html.lower()

    def may_override(self, name: str, attrs: Mapping[str, str]) -> bool:
        """Return whether a rule may override a property of an element with these attributes, which is not important there."""
        anywhere, by_name = self._overrides
        names = {name, "all", *(("font",) if name == "font-size" else ())}
        return "*" in anywhere or bool(names & anywhere) or (("class" in attrs or "id" in attrs) and bool(names & by_name))

    def may_display(self) -> bool:
        """Return whether a rule may display an element with the attribute `hidden`."""
        return "*" in self._overrides[0] or _DISPLAY.search(self._text) is not None

    def declare(self, name: str) -> bool:
        """Return whether a rule may have a property, of any element."""
        return "*" in self._overrides[0] or name in self._text

    @cached_property
    def _text(self) -> str:
        """The text of all sheets, also of those in comments."""
        sheets = (piece.partition("</style")[0] for piece in self._lower.split("<style")[1:])
        return _HEX_ESCAPE.sub(lambda found: chr(min(int(found[1], 16), 0xFFFF)).lower(), _COMMENT.sub("", "\n".join(sheets)))

    @cached_property
    def _overrides(self) -> tuple[set[str], set[str]]:
        """The important properties of any elements, `*` for all properties; and those of elements with a class or an id."""
        lower = self._lower
        linked = "<link" in lower and "stylesheet" in lower
        if linked or _UNREAD.search(self._text) or _ESCAPED_LETTER.search(self._text) or lower.rfind("<style") > lower.rfind("</style"):
            return {"*"}, set()
        found = _find_important(self._text)
        anywhere: set[str] = set()
        by_name: set[str] = set()
        count = 0
        for selectors, declarations, _ in islice(find_rules(lower), _MAX_RULES) if found else ():
            important = _find_important(declarations)
            count += len(important)
            (by_name if important and all(map(_needs_name, selectors.split(","))) else anywhere).update(important)
        # A rule that is split in another way than here counts for every element.
        return (anywhere, by_name) if count == len(found) else (anywhere | set(found), by_name)


def _find_important(text: str) -> list[str]:
    return [name for name, value in _IMPORTANT.findall(text) if value.strip() not in _HARMLESS.get(name, ())]


def _needs_name(selector: str) -> bool:
    """Return whether a selector, such as `td .name`, matches only elements with a class or an id."""
    last = re.split(r"[\s>+~]+", selector.strip())[-1]
    return ("." in last or "#" in last) and not re.search(r"[()\[\]*&]", last)
