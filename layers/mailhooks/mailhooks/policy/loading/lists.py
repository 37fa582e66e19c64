"""The policy's lists, the lists in them put in: each is resolved once, and what conditions make of it is made once."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final, TypeVar

from mailhooks.policy.loading.problems import InvalidValue, Place

MAX_TEXTS: Final = 200_000
"""Texts of all lists, those of the lists in them counted wherever they are put in: a small file can ask for very many."""

MAX_TAKEN: Final = 500_000
"""Texts of lists that are copied into conditions and actions."""

_LONGEST_WAY: Final = 8
"""Lists of a circle that are named."""

_T = TypeVar("_T")


class Lists:
    """The lists of a policy by their names.

    Attributes:
        refused: what is wrong with them, by place from the top.
    """

    def __init__(self, given: Mapping[str, Sequence[str]] | None = None, line: Callable[[Place], int] = lambda _: 0) -> None:
        """Args:
        given: texts by name as they are written, `list:NAME` among them.
        line: of the file, for a place.
        """
        self._given = given or {}
        self._line = line
        self._made: dict[tuple[str, str], Any] = {}
        self._places: dict[str, dict[str, tuple[str, int]]] = {}
        self._taken = 0
        self.refused: list[tuple[Place, str]] = []
        self._texts = self._resolved()

    def __contains__(self, name: str) -> bool:
        return name in self._given

    def texts(self, name: str) -> tuple[str, ...]:
        """What a list holds, in its order, nothing twice."""
        return self._texts.get(name, ())

    def taken(self, name: str) -> tuple[str, ...]:
        """The same, for somebody who keeps a copy.

        Raises:
            InvalidValue: there are too many of them.
        """
        before = self._taken
        self._taken += len(self.texts(name))
        if self._taken <= MAX_TAKEN:
            return self.texts(name)
        if before > MAX_TAKEN:
            return self.texts(name)[:1]  # it is told already
        raise InvalidValue(f"expected lists of at most {MAX_TAKEN:,} texts in all that rules take: some in fewer rules, or shorter ones")

    def once(self, kind: str, name: str, make: Callable[[tuple[str, ...]], _T], failing: _T) -> _T:
        """What is made of a list's texts, made when it is first asked for. What is refused then is told once; later there is `failing`.

        Raises:
            InvalidValue: as `make` does.
        """
        key = kind, name
        if key not in self._made:
            self._made[key] = failing
            self._made[key] = make(self.texts(name))
        made: _T = self._made[key]
        return made

    def origin(self, name: str, text: str) -> str:
        """In words, in which list a text stands that `name` holds, be it in a list in it, and on which line."""
        if name not in self._places:
            self._places[name] = self._places_in(name)
        each, index = self._places[name][text]
        line = self._line(("lists", each, index))
        return f'in list "{each}"' + (f" (line {line})" if line else "")

    def _places_in(self, name: str) -> dict[str, tuple[str, int]]:
        """Where each text stands that a list holds: list and position."""
        found: dict[str, tuple[str, int]] = {}
        waiting = {name: None}
        while waiting:
            each, _ = waiting.popitem()
            for index, text in enumerate(self._given[each]):
                if text not in found:
                    found[text] = each, index
                    if _is_list(text) and text[5:] in self._given:
                        waiting[text[5:]] = None
        return found

    def _resolved(self) -> dict[str, tuple[str, ...]]:
        """Each list once, after those that it holds."""
        inner = {name: self._inner(name) for name in self._given}
        missing = Counter({name: len(names) for name, names in inner.items()})
        around: dict[str, list[str]] = {name: [] for name in self._given}
        for name, names in inner.items():
            for each in names:
                around[each].append(name)
        made: dict[str, tuple[str, ...]] = {}
        room = MAX_TEXTS
        ready = [name for name in self._given if not missing[name]]
        for name in ready:
            size = len(self._given[name]) + sum(len(made[each]) for each in inner[name])
            if 0 <= room < size:
                text = f"expected lists of at most {MAX_TEXTS:,} texts in all, counting those of the lists in them for each of these"
                self.refused.append((("lists", name), text))
            room -= size
            made[name] = tuple(dict.fromkeys(self._put_in(name, made))) if room >= 0 else ()
            for each in around[name]:
                missing[each] -= 1
                if not missing[each]:
                    ready.append(each)
        self._refuse_circles({name: [each for each in inner[name] if each not in made] for name in self._given if name not in made})
        return made

    def _inner(self, name: str) -> list[str]:
        """The lists that a list names, each once."""
        found: dict[str, None] = {}
        for index, text in enumerate(self._given[name]):
            if not _is_list(text):
                continue
            if text[5:] in self._given:
                found[text[5:]] = None
            else:
                self.refused.append((("lists", name, index), unknown(text)))
        return list(found)

    def _put_in(self, name: str, made: Mapping[str, tuple[str, ...]]) -> Iterator[str]:
        for text in dict.fromkeys(self._given[name]):
            if _is_list(text):
                yield from made.get(text[5:], ())
            else:
                yield text

    def _refuse_circles(self, inner: Mapping[str, list[str]]) -> None:
        """Of the lists that cannot be resolved, each names such a one, so that all of them lead into a circle."""
        for name in inner:
            way = [name]
            while way[-1] not in way[:-1] and len(way) <= _LONGEST_WAY:
                way.append(inner[way[-1]][0])
            more = " > ..." if way[-1] not in way[:-1] else ""
            self.refused.append((("lists", name), f"expected a list that does not hold itself, as {' > '.join(way)}{more} does"))


def unknown(text: str) -> str:
    """What is said of a `list:NAME` that names none."""
    return f"expected the name of a list under `lists`, and {text[5:]!r} is none"


def _is_list(text: str) -> bool:
    return text.startswith("list:")
