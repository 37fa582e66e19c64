"""Loads a policy from a file or a text, and reports all its problems with their lines."""

import hashlib
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from mailhooks.address_patterns import parse_domain
from mailhooks.contract.schema import list_violations
from mailhooks.policy.errors import PolicyError, Problem
from mailhooks.policy.loading.action_builders import build_actions
from mailhooks.policy.loading.build_context import BuildContext
from mailhooks.policy.loading.condition_builders import build_conditions
from mailhooks.policy.loading.lists import Lists
from mailhooks.policy.loading.policy_folder import AddressBook, PolicyFolder
from mailhooks.policy.loading.problems import ErrorCollector, ErrorPath, InvalidValue, Place, build_all, parse
from mailhooks.policy.loading.yaml_document import PolicyDocument, parse_document
from mailhooks.policy.policy import Policy
from mailhooks.policy.rules.conditions import All, Condition, Not, iterate_names
from mailhooks.policy.rules.rule import Hold, Mixed, Rule, RuleErrorPolicy

if TYPE_CHECKING:
    from mailhooks.policy.facts.gateway import Gateway

_MAX_PROBLEMS: Final = 50
"""Problems that an error lists; the others are counted."""

_MAX_BREACHES: Final = 1000
"""Breaches of the schema that are searched for."""

_CONTACT_DAYS: Final = 400
"""Default days for which a contact is recorded: more than a year, for people who write once a year."""

_CONDITIONS: Final = ("when", "unless")

_RATE_ALONE: Final = "expected rate directly under `when`: it counts messages that match all other conditions"


def load_policy(path_or_text: Path | str) -> Policy:
    """Load a policy from a file or a text. See `mailhooks.policy.load`."""
    if isinstance(path_or_text, Path):
        try:
            text = path_or_text.read_text("utf-8-sig")
        except ValueError:
            raise PolicyError(path_or_text.name, (Problem(0, "", "", "save it as UTF-8"),)) from None
        return build_policy(parse_document(text, path_or_text.name), path_or_text.parent)
    return build_policy(parse_document(path_or_text))


def build_policy(document: PolicyDocument, folder: Path | None = None) -> Policy:
    """Build a policy from a parsed document.

    Args:
        folder: the folder of the files that the policy may name; None if it may name none.

    Raises:
        PolicyError: the policy is rejected.
    """
    breaches = list_violations("policy", document.data, _MAX_BREACHES)
    builder = _PolicyBuilder(document, breaches, PolicyFolder(folder))
    if len(breaches) >= _MAX_BREACHES:
        # There may be more breaches, so it is unknown which rules are valid enough to build.
        raise builder.error()
    return builder.policy()


class _PolicyBuilder:
    """Builds a policy, and finds problems that the schema cannot express, also in a document that breaks the schema elsewhere."""

    def __init__(self, document: PolicyDocument, breaches: Sequence[tuple[Place, str]], folder: PolicyFolder) -> None:
        self._document = document
        self._folder = folder
        self._data: dict[str, Any] = document.data if isinstance(document.data, dict) else {}
        self._problems: list[tuple[Place, str]] = list(breaches)
        self._broken = {place[: 2 if place[:1] == ("rules",) else 1] for place, _ in breaches}
        defaults = self._valid_value("defaults", {})
        self._mixed: str | None = defaults.get("mixed")
        self._on_error: str = defaults.get("on_error", "skip")
        self._contact_days: int = defaults.get("contact_days", _CONTACT_DAYS)
        self._plus_addresses: bool = defaults.get("plus_addresses", False)

    def policy(self) -> Policy:
        """Return the policy. Raises PolicyError."""
        lists = Lists(self._lists(), self._document.line)
        self._problems += lists.problems
        zone, address_book = self._time_zone(), self._address_book()
        rules = []
        names: set[str] = set()
        for index, value in self._valid_rules():
            name = value["name"]
            if name in names:
                self._problems.append((("rules", index, "name"), "expected a unique name: an earlier rule has the same name"))
            names.add(name)
            with self._collect("rules", index):
                rules.append(self._rule(index, value, BuildContext(lists, name, zone, self._folder, address_book, self._plus_addresses)))
        domains = self._domains()
        gateway = self._gateway()
        if self._problems:
            raise self.error()
        text = json.dumps(self._data, sort_keys=True) + self._folder.digest
        digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]
        asks = any(rule.enabled and "first_contact" in iterate_names(rule.source.get(part, {})) for rule in rules for part in _CONDITIONS)
        return Policy(
            tuple(rules),
            domains,
            digest,
            self._document.file,
            gateway,
            self._contact_days if asks else 0,
            self._plus_addresses,
            self._data.get("lists", {}),
            self._folder.files,
        )

    @contextmanager
    def _collect(self, *place: str | int) -> Iterator[None]:
        """Add the problems of an `InvalidValue` that is raised inside."""
        try:
            yield
        except InvalidValue as invalid:
            self._problems += [((*place, *inner), text) for inner, text in invalid.problems]

    def _rule(self, index: int, value: dict[str, Any], context: BuildContext) -> Rule:
        active = value.get("active", {})
        times: dict[str, datetime] = {}
        collector = ErrorCollector()
        with collector, ErrorPath("active"):
            times = dict(build_all(lambda key: (key, _time(active[key])), ((ErrorPath(key), key) for key in active)))
            if len(times) == 2 and times["from"] >= times["until"]:
                raise InvalidValue("expected until to be after from", "until")
        with collector:
            condition = self._condition(value, context)
        with collector, ErrorPath("do"):
            actions = build_actions(value["do"], context)
        collector.raise_errors()
        mixed = value.get("mixed", self._mixed)
        rule = Rule(
            value["name"],
            index,
            condition,
            actions,
            value.get("stop", False),
            value.get("mode") == "report",
            value.get("enabled", True),
            times.get("from"),
            times.get("until"),
            Mixed(mixed or "all"),
            # Mail that a rule was to hold must not pass because of an error, unless the rule itself allows this.
            RuleErrorPolicy(value.get("on_error", "retry" if any(isinstance(action, Hold) for action in actions) else self._on_error)),
            value,
            self._document.line(("rules", index)),
        )
        if mixed is None and rule.changes and condition.per_recipient:
            raise InvalidValue(
                "expected mixed: all or none, because the rule changes the content for some recipients, and all recipients get one content"
            )
        return rule

    def _condition(self, value: dict[str, Any], context: BuildContext) -> Condition:
        """Return one condition for `when` and `unless` together."""
        conditions: list[Condition] = []
        collector, when = ErrorCollector(), ErrorPath("when")
        for name, content in value.get("when", {}).items():
            with collector, when:
                if name != "rate" and "rate" in iterate_names({name: content}):
                    raise InvalidValue(_RATE_ALONE, name)
                conditions.append(build_conditions({name: content}, context))
        with collector, ErrorPath("unless"):
            if unless := value.get("unless"):
                if "rate" in iterate_names(unless):
                    raise InvalidValue(_RATE_ALONE)
                conditions.append(Not("unless", build_conditions(unless, context, exceptions=True)))
        collector.raise_errors()
        return conditions[0] if len(conditions) == 1 else All.of(conditions, "when")

    def _time_zone(self) -> str:
        """Return the name of the time zone of times without one."""
        name: str | None = self._valid_value("time_zone", None)
        if name is not None:
            # Late: most policies have no times, and a cold start does not load the module for them.
            from mailhooks.policy.rules.schedule import parse_zone

            with self._collect("time_zone"):
                return parse(parse_zone, name).key
        return "UTC"

    def _address_book(self) -> AddressBook:
        name: str | None = self._valid_value("organization", {}).get("address_book")
        if name is not None:
            with self._collect("organization", "address_book"):
                return self._folder.read_address_book(name)
        return {}

    def _domains(self) -> frozenset[str]:
        found: set[str] = set()
        for index, domain in enumerate(self._valid_value("organization", {}).get("domains", ())):
            try:
                found.add(parse_domain(domain))
            except ValueError as error:
                self._problems.append((("organization", "domains", index), f"expected {error}"))
        return frozenset(found)

    def _gateway(self) -> "Gateway | None":
        given = self._valid_value("organization", {}).get("gateway")
        if given is None:
            return None
        # Late: few policies have a gateway, and a cold start does not load the module for the others.
        from mailhooks.policy.facts.gateway import Gateway, parse_network

        networks = []
        for index, text in enumerate(given["addresses"]):
            try:
                networks.append(parse_network(text))
            except ValueError as error:
                self._problems.append((("organization", "gateway", "addresses", index), f"expected {error}"))
        return Gateway.of(given["authserv_ids"], networks)

    def _valid_value(self, key: str, default: Any) -> Any:
        """Return the value of a top key, or the default if the value breaks the schema."""
        return default if (key,) in self._broken else self._data.get(key, default)

    def _valid_rules(self) -> Iterator[tuple[int, dict[str, Any]]]:
        """Yield the rules that do not break the schema. None if `lists` is no mapping: then each `list:NAME` would be a false problem."""
        if isinstance(self._data.get("lists", {}), dict):
            yield from ((index, rule) for index, rule in enumerate(self._valid_value("rules", ())) if ("rules", index) not in self._broken)

    def _lists(self) -> dict[str, list[str]]:
        """Return the lists as written; only the texts of lists that break the schema."""
        given: dict[str, list[str]] = self._data.get("lists", {})
        if ("lists",) not in self._broken:
            return given
        lists = given.items() if isinstance(given, dict) else ()
        return {name: [text for text in texts if isinstance(text, str)] if isinstance(texts, list) else [] for name, texts in lists}

    def error(self) -> PolicyError:
        """Return an error with all problems, in the order of the file."""
        problems = sorted((_problem(self._document, place, text) for place, text in self._problems), key=lambda problem: problem.line)
        return PolicyError(self._document.file, tuple(problems[:_MAX_PROBLEMS]), max(0, len(problems) - _MAX_PROBLEMS))


def _time(text: str) -> datetime:
    from mailhooks.policy.rules.schedule import parse_time  # Late, as above.

    return parse(parse_time, text)


def _problem(document: PolicyDocument, place: Place, text: str) -> Problem:
    rule = ""
    if place[:1] == ("rules",) and len(place) > 1 and isinstance(place[1], int):
        found = document.data["rules"][place[1]]
        name = found.get("name") if isinstance(found, dict) else None
        rule = name if isinstance(name, str) and name.isprintable() else ""
    shown = "/".join(map(str, place[2:] if rule else place))
    return Problem(document.line(place), rule, shown, text)
