"""The lists of a policy. Each list is resolved once, and the values built from its texts are built once."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from graphlib import CycleError, TopologicalSorter
from typing import Any, Final, TypeVar

from mailhooks.policy.loading.problems import InvalidValue, Place

MAX_TEXTS: Final = 200_000
"""Texts of all lists together. A list in a list counts each time, because a small file can name one list very often."""

MAX_COPIED_TEXTS: Final = 500_000
"""Texts of lists that are copied into conditions and actions."""

_MAX_CIRCLE: Final = 8
"""Lists of a circle that an error names."""

_T = TypeVar("_T")


class Lists:
    """The lists of a policy by their names. `problems` has places from the top."""

    def __init__(self, given: Mapping[str, Sequence[str]] | None = None, line: Callable[[Place], int] = lambda _: 0) -> None:
        """Resolve the lists: the texts as written, some of them `list:NAME`. `line` returns the line of a place in the file."""
        self._given = given or {}
        self._line = line
        self._built: dict[tuple[str, str], Any] = {}
        self._places: dict[str, dict[str, tuple[str, int]]] = {}
        self._copied = 0
        self.problems: list[tuple[Place, str]] = []
        self._texts = self._resolve()

    def find_name(self, text: str) -> str | None:
        """Return the name in `list:NAME`; None for another text.

        Raises:
            InvalidValue: there is no such list.
        """
        if not text.startswith("list:"):
            return None
        if text[5:] not in self._given:
            from mailhooks.suggestions import suggest  # Late: a valid policy does not need it.

            raise InvalidValue(f"expected the name of a list under `lists`, got {text[5:]!r}{suggest(text[5:], self._given)}")
        return text[5:]

    def texts(self, name: str) -> tuple[str, ...]:
        """Return the texts of a list and of the lists in it, in their order and without repetition."""
        return self._texts.get(name, ())

    def texts_counted(self, name: str) -> tuple[str, ...]:
        """Return the texts of a list for a copy, and count them against MAX_COPIED_TEXTS.

        Raises:
            InvalidValue: the limit is exceeded.
        """
        before = self._copied
        self._copied += len(self.texts(name))
        if self._copied <= MAX_COPIED_TEXTS:
            return self.texts(name)
        if before > MAX_COPIED_TEXTS:
            return self.texts(name)[:1]  # the problem is reported once
        raise InvalidValue(f"expected at most {MAX_COPIED_TEXTS:,} texts of lists in all rules: shorten lists, or use them in fewer rules")

    def cached(self, kind: str, name: str, build: Callable[[tuple[str, ...]], _T], failed: _T) -> _T:
        """Return the value built from a list's texts. It is built at the first call for each `kind`.

        If `build` raises InvalidValue, only the first call raises it: later calls return `failed`.
        """
        key = kind, name
        if key not in self._built:
            self._built[key] = failed
            self._built[key] = build(self.texts(name))
        built: _T = self._built[key]
        return built

    def describe_origin(self, name: str, text: str) -> str:
        """Return the list and the line that a text of the list `name` comes from."""
        if name not in self._places:
            self._places[name] = self._find_places(name)
        each, index = self._places[name][text]
        line = self._line(("lists", each, index))
        return f'in list "{each}"' + (f" (line {line})" if line else "")

    def _find_places(self, name: str) -> dict[str, tuple[str, int]]:
        """Return the list and the position of each text of a list."""
        found: dict[str, tuple[str, int]] = {}
        waiting = {name: None}
        while waiting:
            each, _ = waiting.popitem()
            for index, text in enumerate(self._given[each]):
                if text not in found:
                    found[text] = each, index
                    if text.startswith("list:") and text[5:] in self._given:
                        waiting[text[5:]] = None
        return found

    def _resolve(self) -> dict[str, tuple[str, ...]]:
        """Return the texts of each list. A list is resolved after the lists in it."""
        inner = {name: self._inner_lists(name) for name in self._given}
        resolved: dict[str, tuple[str, ...]] = {}
        room = MAX_TEXTS
        sorter = TopologicalSorter(inner)
        with suppress(CycleError):  # lists outside of circles can still be resolved
            sorter.prepare()
        while ready := sorter.get_ready():
            for name in ready:
                size = len(self._given[name]) + sum(len(resolved[each]) for each in inner[name])
                if 0 <= room < size:
                    text = f"expected at most {MAX_TEXTS:,} texts in all lists; the texts of a list in a list count again"
                    self.problems.append((("lists", name), text))
                room -= size
                resolved[name] = tuple(dict.fromkeys(self._expand(name, resolved))) if room >= 0 else ()
            sorter.done(*ready)
        self._reject_circles({name: [each for each in inner[name] if each not in resolved] for name in self._given if name not in resolved})
        return resolved

    def _inner_lists(self, name: str) -> list[str]:
        """Return the lists that a list names, each once."""
        found: dict[str, None] = {}
        for index, text in enumerate(self._given[name]):
            try:
                if (inner := self.find_name(text)) is not None:
                    found[inner] = None
            except InvalidValue as error:
                self.problems.append((("lists", name, index), str(error)))
        return list(found)

    def _expand(self, name: str, resolved: Mapping[str, tuple[str, ...]]) -> Iterator[str]:
        for text in dict.fromkeys(self._given[name]):
            if text.startswith("list:"):
                yield from resolved.get(text[5:], ())
            else:
                yield text

    def _reject_circles(self, inner: Mapping[str, list[str]]) -> None:
        """Add a problem for each list that cannot be resolved. Each of them names another such list, so all lead into a circle."""
        for name in inner:
            path = [name]
            while path[-1] not in path[:-1] and len(path) <= _MAX_CIRCLE:
                path.append(inner[path[-1]][0])
            more = " > ..." if path[-1] not in path[:-1] else ""
            self.problems.append((("lists", name), f"expected a list that does not contain itself, got {' > '.join(path)}{more}"))
