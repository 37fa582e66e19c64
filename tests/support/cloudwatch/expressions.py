"""CloudWatch's expressions over metrics: Metrics Insights queries (SELECT), search expressions (SEARCH), and SUM and MAX of a search.

The grammars are those of the CloudWatch user guide: "Metrics Insights query components and syntax", "CloudWatch search expression syntax".
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple

from tests.support.cloudwatch.metrics import Metric, Metrics, calculate


class Series(NamedTuple):
    """A line of a graph: its label, and a value by the number of the period."""

    label: str
    values: dict[int, float]
    metric: Metric | None = None


def evaluate(expression: str, metrics: Metrics) -> list[Series]:
    """Return the series of an expression.

    Raises:
        ValueError: it breaks the grammar.
    """
    if expression.startswith("SELECT"):
        return Select.parse(expression).evaluate(metrics)
    if outer := re.fullmatch(r"(SUM|MAX)\((SEARCH\(.*\))\)", expression):
        return _combine(outer[1], evaluate(outer[2], metrics))
    if outer := re.fullmatch(r"SEARCH\('(.*)', '(\w+)'\)", expression):
        return Search.parse(outer[1]).evaluate(metrics, outer[2])
    raise ValueError(f"not an expression: {expression}")


def _combine(function: str, found: list[Series]) -> list[Series]:
    """Return one series of several. A search without a result has no series."""
    if not found:
        return []
    periods = {period for series in found for period in series.values}
    combine = sum if function == "SUM" else max
    return [Series("", {period: combine(each.values[period] for each in found if period in each.values) for period in periods})]


_SELECT: Final = re.compile(
    r"""SELECT\ (?P<function>SUM|MAX|MIN|AVG|COUNT)\((?P<name>\w+)\)
    \ FROM\ (?:SCHEMA\("(?P<schema>[^"]+)"(?P<keys>(?:,\ \w+)*)\)|"(?P<namespace>[^"]+)")
    (?:\ WHERE\ (?P<where>.+?))?
    (?:\ GROUP\ BY\ (?P<group>\w+(?:,\ \w+)*))?""",
    re.VERBOSE,
)
_CONDITION: Final = re.compile(r"(\w+) (=|!=) '([^']*)'")


@dataclass(frozen=True)
class Select:
    """A Metrics Insights query.

    Attributes:
        keys: the dimensions that a metric must have, all of them and no other; None for any.
        where: triples of dimension, whether it must be equal, and value.
    """

    function: str
    name: str
    namespace: str
    keys: frozenset[str] | None
    where: tuple[tuple[str, bool, str], ...]
    group: tuple[str, ...]

    @classmethod
    def parse(cls, text: str) -> "Select":
        found = _SELECT.fullmatch(text)
        if found is None:
            raise ValueError(f"not a Metrics Insights query: {text}")
        conditions = found["where"].split(" AND ") if found["where"] else []
        parsed = [_CONDITION.fullmatch(condition) for condition in conditions]
        if None in parsed:
            raise ValueError(f"not a condition of Metrics Insights: {found['where']}")
        return cls(
            found["function"],
            found["name"],
            found["schema"] or found["namespace"],
            frozenset(found["keys"].split(", ")[1:]) if found["schema"] else None,
            tuple((each[1], each[2] == "=", each[3]) for each in parsed if each),
            tuple(found["group"].split(", ")) if found["group"] else (),
        )

    def matches(self, metric: Metric) -> bool:
        dimensions = metric.by_dimension
        return (
            (metric.namespace, metric.name) == (self.namespace, self.name)
            and (self.keys is None or self.keys == dimensions.keys())
            and all(key in dimensions and (dimensions[key] == value) is equal for key, equal, value in self.where)
        )

    def evaluate(self, metrics: Metrics) -> list[Series]:
        groups: dict[str, dict[int, list[float]]] = {}
        for metric, periods in metrics.values.items():
            if self.matches(metric):
                group = groups.setdefault(" ".join(metric.by_dimension.get(key, "") for key in self.group), {})
                for period, values in periods.items():
                    group.setdefault(period, []).extend(values)
        return [Series(label, {at: calculate(self.function, values) for at, values in group.items()}) for label, group in groups.items()]


Test = Callable[[Metric], bool]
_TERM: Final = re.compile(
    r"""\s*(?:
    (?P<bracket>[()])
    |(?P<word>AND|OR|NOT)\b
    |(?:(?P<key>\w+)=)?(?:"(?P<exact>[^"]*)"|(?P<part>[^\s()"=]+)|(?=\())
    )""",
    re.VERBOSE,
)
_SCHEMA: Final = re.compile(r"\s*\{([^}]*)\}")


@dataclass(frozen=True)
class Search:
    """A search expression: an optional schema of namespace and dimensions, and terms."""

    namespace: str | None
    keys: frozenset[str] | None
    test: Test

    @classmethod
    def parse(cls, text: str) -> "Search":
        namespace, keys = None, None
        if schema := _SCHEMA.match(text):
            namespace, *names = (name.strip().strip('"') for name in schema[1].split(","))
            keys = frozenset(names)
            text = text[schema.end() :]
        tokens = list(_tokenize_terms(text.strip()))
        test, rest = _parse_or(tokens, "")
        if rest:
            raise ValueError(f"not a search term: {rest}")
        return cls(namespace, keys, test)

    def matches(self, metric: Metric) -> bool:
        return (
            (self.namespace is None or metric.namespace == self.namespace)
            and (not self.keys or self.keys == metric.by_dimension.keys())
            and self.test(metric)
        )

    def evaluate(self, metrics: Metrics, statistic: str) -> list[Series]:
        found = {metric: periods for metric, periods in metrics.values.items() if self.matches(metric)}
        return [
            Series(
                " ".join((*(value for _, value in metric.dimensions), metric.name)),
                {period: calculate(statistic, values) for period, values in periods.items()},
                metric,
            )
            for metric, periods in found.items()
        ]


def _tokenize_terms(text: str) -> Iterator[re.Match[str]]:
    at = 0
    while at < len(text):
        found = _TERM.match(text, at)
        if found is None or found.end() == at:
            raise ValueError(f"not a search term: {text[at:]}")
        yield found
        at = found.end()


def _parse_or(tokens: list[re.Match[str]], key: str) -> tuple[Test, list[re.Match[str]]]:
    test, tokens = _parse_and(tokens, key)
    while tokens and tokens[0]["word"] == "OR":
        other, tokens = _parse_and(tokens[1:], key)
        test = _either(test, other)
    return test, tokens


def _parse_and(tokens: list[re.Match[str]], key: str) -> tuple[Test, list[re.Match[str]]]:
    test, tokens = _parse_term(tokens, key)
    while tokens and tokens[0]["word"] != "OR" and tokens[0]["bracket"] != ")":
        other, tokens = _parse_term(tokens[1:] if tokens[0]["word"] == "AND" else tokens, key)
        test = _both(test, other)
    return test, tokens


def _parse_term(tokens: list[re.Match[str]], key: str) -> tuple[Test, list[re.Match[str]]]:
    if not tokens:
        raise ValueError("a search term is missing")
    first, rest = tokens[0], tokens[1:]
    if first["word"] == "NOT":
        test, rest = _parse_term(rest, key)
        return (lambda metric: not test(metric)), rest
    if first["bracket"] == "(":
        test, rest = _parse_or(rest, key)
        if not rest or rest[0]["bracket"] != ")":
            raise ValueError("a bracket is not closed")
        return test, rest[1:]
    key = first["key"] or key
    if first["exact"] is None and first["part"] is None:
        return _parse_term(rest, key)
    return _term(key, first["exact"], first["part"]), rest


def _either(one: Test, other: Test) -> Test:
    return lambda metric: one(metric) or other(metric)


def _both(one: Test, other: Test) -> Test:
    return lambda metric: one(metric) and other(metric)


def _term(key: str, exact: str | None, part: str | None) -> Test:
    def texts(metric: Metric) -> list[str]:
        match key:
            case "":
                return [metric.namespace, metric.name, *(text for pair in metric.dimensions for text in pair)]
            case "MetricName":
                return [metric.name]
            case "Namespace":
                return [metric.namespace]
            case _:
                return [metric.by_dimension[key]] if key in metric.by_dimension else []

    if exact is not None:
        return lambda metric: exact in texts(metric)
    wanted = _words(part or "")
    return lambda metric: any(_contains(_words(text), wanted) for text in texts(metric))


def _words(text: str) -> list[str]:
    """Split a name into tokens: at other characters than letters and digits, before a capital letter, and before and after digits."""
    return [word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+", text)]


def _contains(words: list[str], wanted: list[str]) -> bool:
    """Return whether the wanted tokens follow each other in the words."""
    width = len(wanted)
    return any(words[at : at + width] == wanted for at in range(len(words) - width + 1))
