"""Makes a policy of a file or a text, or says what is wrong with it, all of it, line by line."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from ..contract.schema import findings
from . import clock, verbs
from .conditions import All, Condition, Not
from .context import At, BadValue, Context
from .document import Document, read
from .errors import PolicyError, Problem
from .lexicon import conditions
from .model import Mixed, OnError, Policy, Rule

_MOST_PROBLEMS: Final = 50

_RATE_ALONE: Final = "expected rate to stand directly under `when`: it counts what meets all other conditions"


def load_policy(path_or_text: Path | str) -> Policy:
    """See `mailhooks.policy.load`."""
    if isinstance(path_or_text, Path):
        try:
            text = path_or_text.read_text("utf-8-sig")
        except ValueError:
            raise PolicyError(path_or_text.name, (Problem(0, "", "", "save it as UTF-8"),)) from None
        return make(read(text, path_or_text.name))
    return make(read(path_or_text))


def from_data(data: Mapping[str, Any], name: str = "policy") -> Policy:
    """The policy in plain data, such as settings were made into.

    Raises:
        PolicyError: as `load`, without lines.
    """
    return make(Document(name, data))


def make(document: Document) -> Policy:
    """The policy in a document. Raises PolicyError."""
    problems = [_problem(document, place, text) for place, text in findings("policy", document.data, _MOST_PROBLEMS)]
    if problems:
        raise PolicyError(document.file, _in_order(problems))
    return _Maker(document).policy()


class _Maker:
    """Makes a policy of a document that is as its schema says, and finds what the schema cannot say."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self._data: dict[str, Any] = document.data
        self._problems: list[Problem] = []
        defaults = self._data.get("defaults", {})
        self._mixed: str | None = defaults.get("mixed")
        self._on_error: str = defaults.get("on_error", "skip")

    def policy(self) -> Policy:
        lists = self._lists()
        zone = clock.zone("UTC")
        try:
            zone = clock.zone(self._data.get("time_zone", "UTC"))
        except ValueError as error:
            self._refuse(("time_zone",), f"expected {error}")
        self._refuse_names_twice()
        rules = []
        for index, value in enumerate(self._data["rules"]):
            try:
                rules.append(self._rule(index, value, Context(lists, value["name"], zone)))
            except BadValue as bad:
                self._refuse(("rules", index, *bad.place), str(bad))
        if self._problems:
            raise PolicyError(self._document.file, _in_order(self._problems))
        domains = frozenset(domain.lower() for domain in self._data.get("organization", {}).get("domains", ()))
        return Policy(tuple(rules), domains, _digest(self._data), self._document.file, self._data.get("lists", {}))

    def _rule(self, index: int, value: dict[str, Any], context: Context) -> Rule:
        active = value.get("active", {})
        begins, ends = (self._moment(index, key, active) for key in ("from", "until"))
        if begins and ends and begins >= ends:
            raise BadValue("expected until to be after from", "active", "until")
        condition = self._condition(value, context)
        with At("do"):
            actions = verbs.actions(value["do"], context)
        mixed = value.get("mixed", self._mixed)
        rule = Rule(
            value["name"],
            index,
            condition,
            actions,
            value.get("stop", False),
            value.get("mode") == "report",
            value.get("enabled", True),
            begins,
            ends,
            Mixed(mixed or "all"),
            OnError(value.get("on_error", self._on_error)),
            value,
            self._document.line(("rules", index)),
        )
        if mixed is None and rule.changes_content and condition.per_recipient:
            raise BadValue(
                "expected mixed: all or none, as the rule changes the content for some recipients, and a message has one content for all"
            )
        return rule

    def _condition(self, value: dict[str, Any], context: Context) -> Condition:
        """What has to hold: `when`, and none of `unless`; a count only when all else does."""
        made: list[Condition] = []
        with At("when"):
            for name, content in value.get("when", {}).items():
                if name != "rate" and _counts(content):
                    raise BadValue(_RATE_ALONE, name)
                made.append(conditions({name: content}, context))
        with At("unless"):
            if unless := value.get("unless"):
                if _counts(unless):
                    raise BadValue(_RATE_ALONE)
                made.append(Not("unless", conditions(unless, context, exceptions=True)))
        return made[0] if len(made) == 1 else All.of(made, "when")

    def _moment(self, index: int, key: str, active: dict[str, str]) -> Any:
        try:
            return clock.moment(active[key]) if key in active else None
        except ValueError as error:
            self._refuse(("rules", index, "active", key), f"expected {error}")
            return None

    def _lists(self) -> dict[str, tuple[str, ...]]:
        """The lists by name, with the texts of those in them."""
        given: dict[str, list[str]] = self._data.get("lists", {})
        made: dict[str, tuple[str, ...]] = {}
        for name in given:
            try:
                made[name] = tuple(dict.fromkeys(_texts(name, given, ())))
            except BadValue as bad:
                self._refuse(("lists", name, *bad.place), str(bad))
                made[name] = ()
        return made

    def _refuse_names_twice(self) -> None:
        seen: set[str] = set()
        for index, rule in enumerate(self._data["rules"]):
            if rule["name"] in seen:
                self._refuse(("rules", index, "name"), "expected a name of its own: an earlier rule has it")
            seen.add(rule["name"])

    def _refuse(self, place: Sequence[str | int], text: str) -> None:
        self._problems.append(_problem(self._document, tuple(place), text))


def _texts(name: str, given: Mapping[str, list[str]], around: tuple[str, ...]) -> Iterator[str]:
    if name in around:
        raise BadValue(f"expected a list that does not hold itself, as {' > '.join((*around, name))} does")
    for index, text in enumerate(given[name]):
        if not text.startswith("list:"):
            yield text
        elif text[5:] in given:
            yield from _texts(text[5:], given, (*around, name))
        else:
            raise BadValue(f"expected the name of a list under `lists`, and {text[5:]!r} is none", index)


def _counts(value: Any) -> bool:
    """Whether `rate` stands in a group of conditions."""
    if isinstance(value, list):
        return any(map(_counts, value))
    return isinstance(value, dict) and ("rate" in value or any(_counts(value[key]) for key in ("any", "all", "not") if key in value))


def _problem(document: Document, place: tuple[str | int, ...], text: str) -> Problem:
    rule = ""
    if place[:1] == ("rules",) and len(place) > 1 and isinstance(place[1], int):
        found = document.data["rules"][place[1]]
        name = found.get("name") if isinstance(found, dict) else None
        rule = name if isinstance(name, str) and name.isprintable() else ""
    shown = "/".join(map(str, place[2:] if rule else place))
    return Problem(document.line(place), rule, shown, text)


def _in_order(problems: list[Problem]) -> tuple[Problem, ...]:
    return tuple(sorted(problems, key=lambda problem: problem.line))


def _digest(data: Any) -> str:
    import json

    return hashlib.sha256(json.dumps(data, sort_keys=True).encode("utf-8", "surrogatepass")).hexdigest()[:16]
