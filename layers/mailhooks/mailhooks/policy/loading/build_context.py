"""The context in which conditions and actions are built: the policy's lists and files, the rule's name, the time zone."""

from collections.abc import Callable
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from mailhooks.address_patterns import Pattern
from mailhooks.policy.facts.recipients import AddressSet
from mailhooks.policy.facts.regex import LineRegex, Regex, compile_regex
from mailhooks.policy.loading.lists import Lists
from mailhooks.policy.loading.problems import ErrorPath, InvalidValue, as_list, build_all, parse
from mailhooks.policy.rules.conditions import Condition

if TYPE_CHECKING:
    from mailhooks.policy.loading.policy_folder import AddressBook, PolicyFolder

_R = TypeVar("_R")
_S = TypeVar("_S")


class BuildContext(NamedTuple):
    """The context of one rule.

    Attributes:
        rule: its name.
        zone: the name of the time zone of times without one.
        folder: the files that actions may name.
        address_book: the attributes of senders: more variables of disclaimers.
        plus_addresses: whether addresses with a tag match the address without it, if a condition does not decide.
    """

    lists: Lists
    rule: str
    zone: str
    folder: "PolicyFolder"
    address_book: "AddressBook"
    plus_addresses: bool = False

    def texts(self, value: Any, *place: str | int) -> tuple[str, ...]:
        """Return one or several texts, with the texts of a list in place of each `list:NAME`."""

        def expand(text: str) -> tuple[str, ...]:
            name = self.lists.find_name(text)
            return (text,) if name is None else self.lists.texts_counted(name)

        with ErrorPath(*place):
            return tuple(chain.from_iterable(build_all(expand, as_list(value))))

    def build_each(
        self, kind: str, build: Callable[[str], _R], combine: Callable[[list[_R]], _S], value: Any, *place: str | int
    ) -> tuple[list[_R], list[_S]]:
        """Build a value from each text, and one value from each list. Values of a list are built once for all rules.

        Args:
            kind: the kind of value, for the cache of the lists.
            build: raises ValueError with the expected form.
            combine: builds one value from the values of a list.
            value: one or several texts at `place`, some of them `list:NAME`.

        Raises:
            InvalidValue: has each invalid text, and its list if it is in one.
        """
        own: list[_R] = []
        shared: dict[str, _S] = {}

        def build_one(text: str) -> None:
            name = self.lists.find_name(text)
            if name is None:
                own.append(_build(build, text))
            elif name not in shared:
                shared[name] = self._build_list(name, kind, build, combine)

        with ErrorPath(*place):
            build_all(build_one, as_list(value))
        return own, list(shared.values())

    def build_flat(self, kind: str, build: Callable[[str], _R], value: Any, *place: str | int) -> tuple[_R, ...]:
        """Build a value from each text and from each text of a list, without repetition. Arguments and errors as for `build_each`."""
        own, lists = self.build_each(kind, build, list, value, *place)
        return tuple(dict.fromkeys(chain(own, *lists)))

    def _build_list(self, name: str, kind: str, build: Callable[[str], _R], combine: Callable[[list[_R]], _S]) -> _S:
        def build_texts(texts: tuple[str, ...]) -> _S:
            here = ErrorPath()
            origin = partial(self.lists.describe_origin, name)
            return combine(build_all(lambda text: _build(build, text, origin), ((here, text) for text in texts)))

        return self.lists.cached(kind, name, build_texts, combine([]))

    def regexes(self, value: Any, *place: str | int) -> tuple[Regex, ...]:
        """Compile one or several expressions. Raises InvalidValue."""
        return self._compile(compile_regex, value, *place)

    def _compile(self, compile_one: Callable[[str], _R], value: Any, *place: str | int) -> tuple[_R, ...]:
        with ErrorPath(*place):
            return tuple(build_all(lambda pattern: parse(compile_one, pattern), as_list(value)))

    def addresses(self, value: Any) -> AddressSet:
        """Build a set of addresses from patterns, or from a mapping with `patterns`, `regex` and `plus_addresses`. Raises InvalidValue."""
        given = value if isinstance(value, dict) else {"patterns": value}
        place = ("patterns",) if isinstance(value, dict) else ()
        own, shared = self.build_each("addresses", _pattern, AddressSet.of, given.get("patterns", ()), *place)
        regexes = self._compile(LineRegex, given.get("regex", ()), "regex")
        if not (own or shared or regexes):
            raise InvalidValue("expected patterns or regex")
        return AddressSet.of(own, regexes, shared, plus_addresses=given.get("plus_addresses", self.plus_addresses))


def _pattern(text: str) -> Pattern:
    try:
        return Pattern.parse(text, tagged=True)
    except ValueError as error:
        raise ValueError(f"{error}; or list:NAME") from None


def _build(build: Callable[[str], _R], text: str, origin: Callable[[str], str] | None = None) -> _R:
    try:
        return build(text)
    except ValueError as error:
        shown = text if len(text) <= 80 else f"{text[:77]}..."
        raise InvalidValue(f"expected {error}, got {shown!r}{f' {origin(text)}' if origin else ''}") from None


ConditionBuilder = Callable[[str, Any, BuildContext], Condition]
"""Builds a condition from its name and its value, which the schema allows. Raises InvalidValue."""
