"""What the values of conditions and actions refer to: the policy's lists, the rule, its time zone."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from ..errors import SettingsError
from ..patterns import Pattern
from .conditions import Condition
from .recipients import AddressSet
from .regex import LineRegex, Regex, compile_regex

_R = TypeVar("_R")


class BadValue(Exception):
    """A value that the schema lets through cannot be meant. `place` leads from the condition's value to it."""

    def __init__(self, text: str, *place: str | int) -> None:
        super().__init__(text)
        self.place = place


class At:
    """`with At("when"):` what is refused inside lies there."""

    def __init__(self, *place: str | int) -> None:
        self._place = place

    def __enter__(self) -> None: ...

    def __exit__(self, _kind: object, error: BaseException | None, _traceback: object) -> None:
        if isinstance(error, BadValue):
            error.place = (*self._place, *error.place)


def of_setting(error: SettingsError) -> BadValue:
    """What an error says that was written for environment variables, whose name comes first."""
    return BadValue(str(error).partition(": ")[2] or str(error))


def several(value: Any) -> Iterator[tuple[At, Any]]:
    """The values of a list, or the single one that stands for a list of one; each with where it lies."""
    if isinstance(value, list | tuple):
        for index, each in enumerate(value):
            yield At(index), each
    else:
        yield At(), value


@dataclass(frozen=True, slots=True)
class Context:
    """What the values of conditions refer to.

    Attributes:
        lists: by name, the lists in them put in.
        rule: the name of the rule that is read.
        zone: for times without one.
    """

    lists: Mapping[str, tuple[str, ...]]
    rule: str
    zone: ZoneInfo

    def texts(self, value: Any, *place: str | int) -> tuple[str, ...]:
        """One text or several, with the texts of a list for each `list:NAME`."""
        found: list[str] = []
        for at, text in several(value):
            if not text.startswith("list:"):
                found.append(text)
            elif text[5:] in self.lists:
                found.extend(self.lists[text[5:]])
            else:
                with At(*place), at:
                    raise BadValue(f"expected the name of a list under `lists`, and {text[5:]!r} is none")
        return tuple(found)

    def regexes(self, value: Any, *place: str | int) -> tuple[Regex, ...]:
        return self._regexes(compile_regex, value, *place)

    def _regexes(self, kind: Callable[[str], _R], value: Any, *place: str | int) -> tuple[_R, ...]:
        found = []
        for at, pattern in several(value):
            with At(*place), at:
                try:
                    found.append(kind(pattern))
                except ValueError as error:
                    raise BadValue(f"expected {error}") from None
        return tuple(found)

    def addresses(self, value: Any) -> AddressSet:
        patterns, regexes = (value.get("patterns", ()), value.get("regex", ())) if isinstance(value, dict) else (value, ())
        place = ("patterns",) if isinstance(value, dict) else ()
        try:
            return AddressSet.of(map(Pattern.parse, self.texts(patterns, *place)), self._regexes(LineRegex, regexes, "regex"))
        except ValueError as error:
            raise BadValue(f"expected {error}; or list:NAME", *place) from None


Maker = Callable[[str, Any, Context], Condition]
