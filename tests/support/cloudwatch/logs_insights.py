"""Runs queries of CloudWatch Logs Insights over log events in memory: the commands and functions that our saved queries use.

Rejects all others, so that a test of a query fails where this module does not know the language (guide of CloudWatch Logs, "CloudWatch Logs
Insights language query syntax").
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final, NamedTuple

Row = dict[str, Any]
Value = Callable[[Row], Any]


class LogEvent(NamedTuple):
    """A line of a log group, with its time in milliseconds since the epoch.

    The stream is named as in a custom log group (Lambda guide, "Configuring CloudWatch log groups").
    """

    message: str
    at: int = 0
    stream: str = "2026/05/04/stack-RewriteFunction-1A2B[7][0123456789abcdef0123456789abcdef]"
    group: str = "/aws/lambda/stack"


def run(query: str, events: Sequence[LogEvent]) -> list[Row]:
    """Return the rows of a query's result, each with the displayed fields that have a value.

    Raises:
        ValueError: the query breaks the grammar.
    """
    rows = [discover_fields(event) for event in events]
    shown: list[str] = []
    for command in parse(query):
        rows, shown = command(rows, shown)
    return [{name: row[name] for name in shown or ["@timestamp", "@message"] if row.get(name) is not None} for row in rows]


def list_fields(query: str) -> set[str]:
    """Return the names of the log fields that a query uses, without the names that it gives itself."""
    found: set[str] = set()
    given: set[str] = set()
    for command in _split(query, "|"):
        tokens = _tokenize(re.sub(r"^\s*(?:fields|filter|stats|sort|limit|parse|display|unnest)\b", "", command))
        given |= {after[1] for before, after in pairwise(tokens) if before in (("word", "as"), ("word", "into"))}
        given |= set(re.findall(r"\(\?<(\w+)>", command))
        for (kind, text), following in zip(tokens, [*tokens[1:], ("end", "")], strict=True):
            if kind == "word" and following[1] != "(" and text.lower() not in _RESERVED and not re.fullmatch(r"\d+[smhd]", text):
                found.add(text)
    # A part of a parsed document is the field that Logs Insights discovers by the same path.
    parsed = set(re.findall(r"jsonParse\(@message\) as (\w+)", query))
    return {name.partition(".")[2] if name.partition(".")[0] in parsed else name for name in found - given}


def discover_fields(event: LogEvent) -> Row:
    """Return the fields that Logs Insights discovers in an event: those of JSON, and those of Lambda's own lines."""
    row: Row = {"@timestamp": event.at, "@message": event.message, "@logStream": event.stream, "@log": f"111122223333:{event.group}"}
    if event.message.startswith("{"):
        row |= dict(_flatten(json.loads(event.message)))
    elif kind := re.match(r"(START|END|REPORT)\b", event.message):
        row["@type"] = kind[1]
        for name, pattern in _REPORT.items():
            if found := re.search(pattern, event.message):
                row[name] = float(found[1])
    return row


_REPORT: Final = {
    "@duration": r"\tDuration: ([\d.]+) ms",
    "@initDuration": r"\tInit Duration: ([\d.]+) ms",
    "@maxMemoryUsed": r"Max Memory Used: ([\d.]+) MB",
}


def _flatten(value: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    match value:
        case Mapping():
            for key, child in value.items():
                yield from _flatten(child, f"{name}.{key}" if name else key)
        case list():
            for index, child in enumerate(value):
                yield from _flatten(child, f"{name}.{index}")
        case bool():
            yield name, int(value)
        case None:
            return
        case _:
            yield name, value


Command = Callable[[list[Row], list[str]], tuple[list[Row], list[str]]]


def parse(query: str) -> list[Command]:
    """Return the commands of a query.

    Raises:
        ValueError: it breaks the grammar.
    """
    return [_parse_command(text.strip()) for text in _split(query, "|")]


def _parse_command(text: str) -> Command:
    name, _, rest = text.partition(" ")
    match name:
        case "fields" | "display":
            return _fields(rest)
        case "filter":
            return _filter(rest)
        case "stats":
            return _stats(rest)
        case "sort":
            return _sort(rest)
        case "limit":
            return _limit(rest)
        case "parse":
            return _parse(rest)
        case "unnest":
            return _unnest(rest)
    raise ValueError(f"not a known command: {text}")


def _fields(text: str) -> Command:
    wanted = [_named(each) for each in _split(text, ",")]

    def fields(rows: list[Row], shown: list[str]) -> tuple[list[Row], list[str]]:
        return [row | {name: value(row) for name, value in wanted} for row in rows], [*shown, *(name for name, _ in wanted)]

    return fields


def _filter(text: str) -> Command:
    condition = parse_expression(text)
    return lambda rows, shown: ([row for row in rows if condition(row)], shown)


def _stats(text: str) -> Command:
    values, _, groups = text.partition(" by ")
    aggregates = [_aggregate(each) for each in _split(values, ",")]
    keys = [_named(each) for each in _split(groups, ",")] if groups else []

    def stats(rows: list[Row], _: list[str]) -> tuple[list[Row], list[str]]:
        grouped: dict[tuple[Any, ...], list[Row]] = {} if keys else {(): []}
        for row in rows:
            grouped.setdefault(tuple(value(row) for _, value in keys), []).append(row)
        names = [name for name, _ in keys]
        found = [
            dict(zip(names, key, strict=True)) | {name: compute(members) for name, compute in aggregates}
            for key, members in grouped.items()
        ]
        return found, [*names, *(name for name, _ in aggregates)]

    return stats


def _sort(text: str) -> Command:
    name, _, order = text.strip().partition(" ")
    if order not in ("asc", "desc"):
        raise ValueError(f"sort by one field, asc or desc: {text}")

    def sort(rows: list[Row], shown: list[str]) -> tuple[list[Row], list[str]]:
        having = [row for row in rows if row.get(name) is not None]
        missing = [row for row in rows if row.get(name) is None]
        return [*sorted(having, key=lambda row: row[name], reverse=order == "desc"), *missing], shown

    return sort


def _limit(text: str) -> Command:
    number = int(text)
    return lambda rows, shown: (rows[:number], shown)


def _parse(text: str) -> Command:
    found = re.fullmatch(r"(\S+) /(.*)/", text)
    if found is None:
        raise ValueError(f"parse one field by a regular expression: {text}")
    name, pattern = found[1], _regex(found[2])

    def parse_field(rows: list[Row], shown: list[str]) -> tuple[list[Row], list[str]]:
        matches = [pattern.search(str(row.get(name, ""))) for row in rows]
        return [row | (_numbers(match.groupdict()) if match else {}) for row, match in zip(rows, matches, strict=True)], shown

    return parse_field


def _numbers(texts: Row) -> Row:
    """Convert the texts that are numbers. Logs Insights calculates with them."""
    return {name: float(text) if re.fullmatch(r"\d+(\.\d+)?", text or "") else text for name, text in texts.items()}


def _unnest(text: str) -> Command:
    name, _, item = text.strip().partition(" into ")
    document, *path = name.split(".")
    if not item:
        raise ValueError(f"unnest a list into a name: {text}")

    def unnest(rows: list[Row], shown: list[str]) -> tuple[list[Row], list[str]]:
        found: list[Row] = []
        for row in rows:
            value = row.get(document)
            for key in path:
                value = value.get(key) if isinstance(value, Mapping) else None
            found += [row | {item: each} for each in (value if isinstance(value, list) else [value])]
        return found, [*shown, item]

    return unnest


def _named(text: str) -> tuple[str, Value]:
    """Return the name and the value of `expression` or `expression as name`."""
    expression, _, name = text.strip().partition(" as ")
    return name.strip() or expression, parse_expression(expression)


@dataclass(frozen=True)
class _Aggregates:
    """The functions of stats, over the values of a field in their order by time."""

    values: list[Any]

    def compute(self, function: str) -> Any:
        numbers = self.values
        match function:
            case "count":
                return len(numbers)
            case "count_distinct":
                return len(set(numbers))
            case "latest":
                return numbers[-1] if numbers else None
        if not numbers:
            return None
        match function:
            case "sum":
                return sum(numbers)
            case "avg":
                return sum(numbers) / len(numbers)
            case "min":
                return min(numbers)
            case "max":
                return max(numbers)
        raise ValueError(f"not a known function of stats: {function}")


def _aggregate(text: str) -> tuple[str, Callable[[list[Row]], Any]]:
    expression, _, name = text.strip().partition(" as ")
    found = re.fullmatch(r"(\w+)\((.*)\)", expression)
    if found is None:
        raise ValueError(f"not a function of stats: {text}")
    function, argument = found[1], found[2]
    _Aggregates([1]).compute(function)  # raises now for an unknown function
    value: Value = (lambda _: 1) if argument == "*" else parse_expression(argument)

    def compute(rows: list[Row]) -> Any:
        by_time = sorted(rows, key=lambda row: row.get("@timestamp", 0))
        return _Aggregates([found for row in by_time if (found := value(row)) is not None]).compute(function)

    return name.strip() or expression, compute


_RESERVED: Final = {"and", "or", "not", "like", "in", "as", "by", "asc", "desc", "into"}
_TOKEN: Final = re.compile(
    r"""\s*(?:
    (?P<text>"(?:[^"\\]|\\.)*")
    |(?P<regex>/(?:[^/\\]|\\.)*/)
    |(?P<number>\d+(?:\.\d+)?(?![\w.]))
    |(?P<word>[@\w][\w.@]*)
    |(?P<sign>!=|<=|>=|[=<>()\[\],*+-])
    )""",
    re.VERBOSE,
)


def _tokenize(text: str) -> list[tuple[str, str]]:
    tokens, at = [], 0
    text = text.rstrip()
    while at < len(text):
        found = _TOKEN.match(text, at)
        if found is None:
            raise ValueError(f"not understood: {text[at:]}")
        assert found.lastgroup
        tokens.append((found.lastgroup, found[found.lastgroup]))
        at = found.end()
    return tokens


def _split(text: str, separator: str) -> list[str]:
    """Split a text at a separator that is in no string, regular expression or bracket."""
    parts, depth, start = [], 0, 0
    for found in re.finditer(r'"(?:[^"\\]|\\.)*"|/(?:[^/\\\n]|\\.)*/|[()\[\]|,]', text):
        if found[0] in "([":
            depth += 1
        elif found[0] in ")]":
            depth -= 1
        elif found[0] == separator and not depth:
            parts.append(text[start : found.start()])
            start = found.end()
    return [*parts, text[start:]]


def _regex(text: str) -> re.Pattern[str]:
    flags = re.IGNORECASE if text.startswith("(?i)") else 0
    return re.compile(re.sub(r"\(\?<(\w)", r"(?P<\1", text.removeprefix("(?i)")), flags)


def parse_expression(text: str) -> Value:
    """Return the value of an expression for a row.

    Raises:
        ValueError: it breaks the grammar.
    """
    tokens = _Tokens(_tokenize(text))
    value = tokens.parse_or()
    if tokens.rest:
        raise ValueError(f"not understood: {tokens.rest}")
    return value


@dataclass
class _Tokens:
    """A recursive descent over the tokens of an expression."""

    rest: list[tuple[str, str]]

    def next_is(self, *texts: str) -> bool:
        return bool(self.rest) and self.rest[0][0] in ("word", "sign") and self.rest[0][1].lower() in texts

    def shift(self) -> tuple[str, str]:
        if not self.rest:
            raise ValueError("the expression ends too early")
        return self.rest.pop(0)

    def expect(self, text: str) -> None:
        if self.shift()[1] != text:
            raise ValueError(f"expected {text}")

    def parse_or(self) -> Value:
        parts = [self.parse_and()]
        while self.next_is("or"):
            self.shift()
            parts.append(self.parse_and())
        return parts[0] if len(parts) == 1 else lambda row: any(part(row) for part in parts)

    def parse_and(self) -> Value:
        parts = [self.parse_comparison()]
        while self.next_is("and"):
            self.shift()
            parts.append(self.parse_comparison())
        return parts[0] if len(parts) == 1 else lambda row: all(part(row) for part in parts)

    def parse_comparison(self) -> Value:
        if self.next_is("not"):
            self.shift()
            inner = self.parse_comparison()
            return lambda row: not inner(row)
        left = self.parse_value()
        if self.next_is("like"):
            self.shift()
            return _like(left, *self.shift())
        if self.next_is("in"):
            self.shift()
            self.expect("[")
            choices = self.parse_list("]")
            return lambda row: left(row) in [choice(row) for choice in choices]
        if self.next_is(*_COMPARE):
            compare = _COMPARE[self.shift()[1]]
            right = self.parse_value()
            return lambda row: None not in (left(row), right(row)) and compare(left(row), right(row))
        return left

    def parse_value(self) -> Value:
        kind, text = self.shift()
        if text == "(":
            inner = self.parse_or()
            self.expect(")")
            return inner
        match kind:
            case "text":
                return lambda _: json.loads(text)
            case "number":
                return lambda _: float(text)
            case "word" if self.next_is("("):
                self.shift()
                return _call(text, self.parse_list(")"))
            case "word" if re.fullmatch(r"\d+[smhd]", text):
                return lambda _: int(text[:-1]) * {"s": 1, "m": 60, "h": 3600, "d": 86400}[text[-1]]
            case "word":
                return lambda row: row.get(text)
        raise ValueError(f"not a value: {text}")

    def parse_list(self, end: str) -> list[Value]:
        found: list[Value] = []
        while not self.next_is(end):
            found.append(self.parse_or())
            if not self.next_is(end):
                self.expect(",")
        self.expect(end)
        return found


_COMPARE: Final[dict[str, Callable[[Any, Any], bool]]] = {
    "=": lambda left, right: left == right,
    "!=": lambda left, right: left != right,
    "<": lambda left, right: left < right,
    "<=": lambda left, right: left <= right,
    ">": lambda left, right: left > right,
    ">=": lambda left, right: left >= right,
}


def _like(left: Value, kind: str, text: str) -> Value:
    match kind:
        case "regex":
            pattern = _regex(text[1:-1])
            return lambda row: left(row) is not None and bool(pattern.search(str(left(row))))
        case "text":
            part = json.loads(text)
            return lambda row: part in str(left(row) or "")
    raise ValueError(f"like needs a string or a regular expression: {text}")


def _call(name: str, arguments: list[Value]) -> Value:
    match name:
        case "ispresent":
            return lambda row: arguments[0](row) is not None
        case "coalesce":
            return lambda row: next((found for each in arguments if (found := each(row)) is not None), None)
        case "concat":
            return lambda row: "".join(str(found) for each in arguments if (found := each(row)) is not None)
        case "jsonParse":
            return lambda row: json.loads(text) if str(text := arguments[0](row)).startswith("{") else None
        case "bin":
            return lambda row: row["@timestamp"] // (1000 * arguments[0](row)) * (1000 * arguments[0](row))
    raise ValueError(f"not a known function: {name}")
