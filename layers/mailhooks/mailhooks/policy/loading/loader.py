"""Makes a policy of a file or a text, or says what is wrong with it, all of it, line by line."""

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from mailhooks.address_patterns import ascii_domain
from mailhooks.contract.schema import list_violations
from mailhooks.policy.errors import PolicyError, Problem
from mailhooks.policy.loading import action_builders
from mailhooks.policy.loading.build_context import Context
from mailhooks.policy.loading.condition_builders import conditions
from mailhooks.policy.loading.lists import Lists
from mailhooks.policy.loading.problems import ErrorCollector, ErrorPath, InvalidValue, Place
from mailhooks.policy.loading.yaml_document import Document, read
from mailhooks.policy.policy import Policy
from mailhooks.policy.rules import schedule
from mailhooks.policy.rules.conditions import All, Condition, Not
from mailhooks.policy.rules.rule import Mixed, Rule, RuleErrorPolicy

_MOST_PROBLEMS: Final = 50
"""That are told; of the others there is the number."""

_MOST_BREACHES: Final = 1000
"""Of the schema, that are looked for."""

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


def make(document: Document) -> Policy:
    """The policy in a document. Raises PolicyError."""
    breaches = list_violations("policy", document.data, _MOST_BREACHES)
    maker = _Maker(document, breaches)
    if len(breaches) >= _MOST_BREACHES:
        # There may be more: what else breaks the schema is not known, and nothing can be made of it.
        raise maker.refusal()
    return maker.policy()


class _Maker:
    """Makes a policy of a document, and finds what its schema cannot say: also in one that breaks the schema, as far as it does not."""

    def __init__(self, document: Document, breaches: Sequence[tuple[Place, str]]) -> None:
        self._document = document
        self._data: dict[str, Any] = document.data if isinstance(document.data, dict) else {}
        self._found: list[tuple[Place, str]] = list(breaches)
        self._broken = {place[: 2 if place[:1] == ("rules",) else 1] for place, _ in breaches}
        defaults = self._sound("defaults", {})
        self._mixed: str | None = defaults.get("mixed")
        self._on_error: str = defaults.get("on_error", "skip")

    def policy(self) -> Policy:
        lists = Lists(self._lists(), self._document.line)
        self._found += lists.refused
        zone = schedule.zone("UTC")
        try:
            zone = schedule.zone(self._sound("time_zone", "UTC"))
        except ValueError as error:
            self._refuse(("time_zone",), f"expected {error}")
        self._refuse_names_twice()
        rules = []
        for index, value in self._sound_rules():
            try:
                rules.append(self._rule(index, value, Context(lists, value["name"], zone)))
            except InvalidValue as bad:
                self._found += [(("rules", index, *place), text) for place, text in bad.found]
        domains = self._domains()
        if self._found:
            raise self.refusal()
        return Policy(tuple(rules), domains, _digest(self._data), self._document.file, self._data.get("lists", {}))

    def _rule(self, index: int, value: dict[str, Any], context: Context) -> Rule:
        active = value.get("active", {})
        begins, ends = (self._moment(index, key, active) for key in ("from", "until"))
        together = ErrorCollector()
        with together:
            if begins and ends and begins >= ends:
                raise InvalidValue("expected until to be after from", "active", "until")
        with together:
            condition = self._condition(value, context)
        with together, ErrorPath("do"):
            actions = action_builders.actions(value["do"], context)
        together.end()
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
            RuleErrorPolicy(value.get("on_error", self._on_error)),
            value,
            self._document.line(("rules", index)),
        )
        if mixed is None and rule.changes_content and condition.per_recipient:
            raise InvalidValue(
                "expected mixed: all or none, as the rule changes the content for some recipients, and a message has one content for all"
            )
        return rule

    def _condition(self, value: dict[str, Any], context: Context) -> Condition:
        """What has to hold: `when`, and none of `unless`; a count only when all else does."""
        made: list[Condition] = []
        together, when = ErrorCollector(), ErrorPath("when")
        for name, content in value.get("when", {}).items():
            with together, when:
                if name != "rate" and _counts(content):
                    raise InvalidValue(_RATE_ALONE, name)
                made.append(conditions({name: content}, context))
        with together, ErrorPath("unless"):
            if unless := value.get("unless"):
                if _counts(unless):
                    raise InvalidValue(_RATE_ALONE)
                made.append(Not("unless", conditions(unless, context, exceptions=True)))
        together.end()
        return made[0] if len(made) == 1 else All.of(made, "when")

    def _moment(self, index: int, key: str, active: dict[str, str]) -> Any:
        try:
            return schedule.moment(active[key]) if key in active else None
        except ValueError as error:
            self._refuse(("rules", index, "active", key), f"expected {error}")
            return None

    def _domains(self) -> frozenset[str]:
        found = [ascii_domain(domain) for domain in self._sound("organization", {}).get("domains", ())]
        for index, domain in enumerate(found):
            if not domain.isascii():
                self._refuse(("organization", "domains", index), "expected a domain")
        return frozenset(found)

    def _sound(self, key: str, default: Any) -> Any:
        """What stands under a key of the policy; the default where that breaks the schema."""
        return default if (key,) in self._broken else self._data.get(key, default)

    def _sound_rules(self) -> Iterator[tuple[int, dict[str, Any]]]:
        """The rules that do not break the schema. None where no list can be known, or their own list is none: it is not their fault."""
        if isinstance(self._data.get("lists", {}), dict):
            yield from ((index, rule) for index, rule in enumerate(self._sound("rules", ())) if ("rules", index) not in self._broken)

    def _lists(self) -> dict[str, list[str]]:
        """The lists as they are written; of those that break the schema, the texts."""
        given: dict[str, list[str]] = self._data.get("lists", {})
        if ("lists",) not in self._broken:
            return given
        lists = given.items() if isinstance(given, dict) else ()
        return {name: [text for text in texts if isinstance(text, str)] if isinstance(texts, list) else [] for name, texts in lists}

    def _refuse_names_twice(self) -> None:
        seen: set[str] = set()
        for index, rule in self._sound_rules():
            if rule["name"] in seen:
                self._refuse(("rules", index, "name"), "expected a name of its own: an earlier rule has it")
            seen.add(rule["name"])

    def _refuse(self, place: Sequence[str | int], text: str) -> None:
        self._found.append((tuple(place), text))

    def refusal(self) -> PolicyError:
        """All that was found, in the order of the file."""
        problems = sorted((_problem(self._document, place, text) for place, text in self._found), key=lambda problem: problem.line)
        return PolicyError(self._document.file, tuple(problems[:_MOST_PROBLEMS]), max(0, len(problems) - _MOST_PROBLEMS))


def _counts(value: Any) -> bool:
    """Whether `rate` stands in a group of conditions."""
    if isinstance(value, list):
        return any(map(_counts, value))
    return isinstance(value, dict) and ("rate" in value or any(_counts(value[key]) for key in ("any", "all", "not") if key in value))


def _problem(document: Document, place: Place, text: str) -> Problem:
    rule = ""
    if place[:1] == ("rules",) and len(place) > 1 and isinstance(place[1], int):
        found = document.data["rules"][place[1]]
        name = found.get("name") if isinstance(found, dict) else None
        rule = name if isinstance(name, str) and name.isprintable() else ""
    shown = "/".join(map(str, place[2:] if rule else place))
    return Problem(document.line(place), rule, shown, text)


def _digest(data: Any) -> str:
    import json

    return hashlib.sha256(json.dumps(data, sort_keys=True).encode("utf-8", "surrogatepass")).hexdigest()[:16]
