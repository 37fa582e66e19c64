"""What the values of conditions and actions refer to: the policy's lists, the rule, its time zone."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from mailhooks.address_patterns import Pattern
from mailhooks.policy.facts.recipients import AddressSet
from mailhooks.policy.facts.regex import LineRegex, Regex, compile_regex
from mailhooks.policy.loading.lists import Lists, unknown
from mailhooks.policy.loading.problems import ErrorCollector, ErrorPath, InvalidValue, several
from mailhooks.policy.rules.conditions import Condition

_R = TypeVar("_R")
_S = TypeVar("_S")


@dataclass(frozen=True, slots=True)
class Context:
    """What the values of conditions refer to.

    Attributes:
        lists: by name, the lists in them put in.
        rule: the name of the rule that is read.
        zone: for times without one.
    """

    lists: Lists
    rule: str
    zone: ZoneInfo

    def texts(self, value: Any, *place: str | int) -> tuple[str, ...]:
        """One text or several, with the texts of a list for each `list:NAME`."""
        found: list[str] = []
        for at, text in several(value):
            if not text.startswith("list:"):
                found.append(text)
                continue
            with ErrorPath(*place), at:
                if text[5:] not in self.lists:
                    raise InvalidValue(unknown(text))
                found.extend(self.lists.taken(text[5:]))
        return tuple(found)

    def made(
        self, kind: str, one: Callable[[str], _R], whole: Callable[[list[_R]], _S], value: Any, *place: str | int
    ) -> tuple[list[_R], list[_S]]:
        """What is made of one text or several, and of each list among them: of a list only once, however many rules take it.

        Args:
            kind: of what is made.
            one: makes it of a text; raises ValueError, which says what is expected.
            whole: makes one thing of all that a list holds.

        Raises:
            InvalidValue: names each text that is refused, and the list in which it stands.
        """
        own: list[_R] = []
        shared: dict[str, _S] = {}
        together, around = ErrorCollector(), ErrorPath(*place)
        for at, text in several(value):
            with together, around, at:
                if not text.startswith("list:"):
                    own.append(_made(one, text))
                elif text[5:] not in self.lists:
                    raise InvalidValue(unknown(text))
                elif text not in shared:
                    shared[text] = self._of_list(text[5:], kind, one, whole)
        together.end()
        return own, list(shared.values())

    def _of_list(self, name: str, kind: str, one: Callable[[str], _R], whole: Callable[[list[_R]], _S]) -> _S:
        def make(texts: tuple[str, ...]) -> _S:
            found: list[_R] = []
            together = ErrorCollector()
            for text in texts:
                with together:
                    found.append(_made(one, text, lambda text: f" {self.lists.origin(name, text)}"))
            together.end()
            return whole(found)

        return self.lists.once(kind, name, make, whole([]))

    def regexes(self, value: Any, *place: str | int) -> tuple[Regex, ...]:
        return self._regexes(compile_regex, value, *place)

    def _regexes(self, kind: Callable[[str], _R], value: Any, *place: str | int) -> tuple[_R, ...]:
        found = []
        together = ErrorCollector()
        for at, pattern in several(value):
            with together, ErrorPath(*place), at:
                try:
                    found.append(kind(pattern))
                except ValueError as error:
                    raise InvalidValue(f"expected {error}") from None
        together.end()
        return tuple(found)

    def addresses(self, value: Any) -> AddressSet:
        patterns, regexes = (value.get("patterns", ()), value.get("regex", ())) if isinstance(value, dict) else (value, ())
        place = ("patterns",) if isinstance(value, dict) else ()
        own, shared = self.made("addresses", _pattern, AddressSet.of, patterns, *place)
        return AddressSet.of(own, self._regexes(LineRegex, regexes, "regex"), shared)


def _pattern(text: str) -> Pattern:
    try:
        return Pattern.parse(text)
    except ValueError as error:
        raise ValueError(f"{error}; or list:NAME") from None


def _made(one: Callable[[str], _R], text: str, where: Callable[[str], str] = lambda _: "") -> _R:
    try:
        return one(text)
    except ValueError as error:
        shown = text if len(text) <= 80 else f"{text[:77]}..."
        raise InvalidValue(f"expected {error}, got {shown!r}{where(text)}") from None


Maker = Callable[[str, Any, Context], Condition]
