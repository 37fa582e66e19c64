"""The evaluators of CloudWatch's languages, by the examples of its guides: a mistake of theirs would hide a mistake of a query."""

import pytest

from tests.support.cloudwatch.expressions import evaluate
from tests.support.cloudwatch.filter_patterns import compile_pattern
from tests.support.cloudwatch.logs_insights import LogEvent, list_fields, run
from tests.support.cloudwatch.metrics import Metrics, calculate


def one(name: str = "CustomCount1", namespace: str = "MyNamespace", **dimensions: str) -> Metrics:
    metrics = Metrics()
    metrics.add(namespace, name, dimensions, 2)
    metrics.add(namespace, name, dimensions, 3)
    return metrics


class TestSearch:
    @pytest.mark.parametrize("term", ["count", "Count", "COUNT", "CustomCount", "Count1", '"CustomCount1"', "MetricName=count"])
    def test_finds_a_metric_by_its_tokens_or_its_whole_name(self, term: str) -> None:
        [series] = evaluate(f"SEARCH('{{MyNamespace}} {term}', 'Maximum')", one())
        assert series.values == {0: 3}

    @pytest.mark.parametrize("term", ["couNT", "customcount", '"customcount1"', '"Custom"', "Namespace=count", "NOT count"])
    def test_does_not_find_it_by_other_terms(self, term: str) -> None:
        assert evaluate(f"SEARCH('{{MyNamespace}} {term}', 'Maximum')", one()) == []

    @pytest.mark.parametrize("term", ["network/errors", "network-errors", "Network_Errors", '"Network-Errors-2"'])
    def test_ignores_the_kind_of_a_delimiter_in_a_partial_match(self, term: str) -> None:
        assert evaluate(f"SEARCH('{term}', 'Sum')", one("Network-Errors-2"))

    def test_combines_terms_and_compares_all_dimensions_with_the_schema(self) -> None:
        metrics = one("Errors", "AWS/Lambda", FunctionName="ProjectA-one")
        term = 'MetricName="Errors" AND (ProjectB OR ProjectA) NOT "ProjectC"'
        assert evaluate(f"SEARCH('{{AWS/Lambda,FunctionName}} {term}', 'Sum')", metrics)
        assert not evaluate(f"SEARCH('{{AWS/Lambda,FunctionName,Resource}} {term}', 'Sum')", metrics)
        assert not evaluate("SEARCH('{AWS/Lambda,FunctionName} FunctionName=(ProjectB OR ProjectC)', 'Sum')", metrics)

    def test_is_summed_by_period(self) -> None:
        metrics = one("Errors", Function="a")
        metrics.add("MyNamespace", "Errors", {"Function": "b"}, 4)
        metrics.add("MyNamespace", "Errors", {"Function": "b"}, 1, period=1)
        [series] = evaluate("SUM(SEARCH('{MyNamespace,Function} Errors', 'Sum'))", metrics)
        assert series.values == {0: 9, 1: 1}

    @pytest.mark.parametrize(
        "broken", ["SEARCH('{A} (x', 'Sum')", "SEARCH('{A} x OR', 'Sum')", "SEARCH({A} x, Sum)", "AVG(SEARCH('x', 'Sum'))"]
    )
    def test_rejects_what_breaks_the_grammar(self, broken: str) -> None:
        with pytest.raises(ValueError, match=r"."):
            evaluate(broken, Metrics())


class TestSelect:
    def test_selects_by_all_dimensions_with_a_schema_and_by_any_without(self) -> None:
        metrics = one("CPU", "AWS/EC2", InstanceId="i-1", Zone="a")
        assert evaluate('SELECT AVG(CPU) FROM "AWS/EC2"', metrics)[0].values == {0: 2.5}
        assert evaluate('SELECT SUM(CPU) FROM SCHEMA("AWS/EC2", Zone, InstanceId)', metrics)[0].values == {0: 5}
        assert evaluate('SELECT SUM(CPU) FROM SCHEMA("AWS/EC2", InstanceId)', metrics) == []
        assert evaluate('SELECT SUM(CPU) FROM SCHEMA("AWS/EC2")', metrics) == []

    @pytest.mark.parametrize(
        "where, found", [("Zone = 'a'", 1), ("Zone != 'a'", 0), ("Zone = 'a' AND InstanceId != 'i-2'", 1), ("Missing = 'a'", 0)]
    )
    def test_filters(self, where: str, found: int) -> None:
        assert len(evaluate(f'SELECT MAX(CPU) FROM "AWS/EC2" WHERE {where}', one("CPU", "AWS/EC2", InstanceId="i-1", Zone="a"))) == found

    @pytest.mark.parametrize(
        "broken",
        [
            'SELECT P99(CPU) FROM "A"',
            "SELECT MAX(CPU) FROM AWS/EC2",
            "SELECT MAX(CPU) FROM \"A\" WHERE a LIKE 'b'",
            'SELECT MAX(CPU) FROM "A" WHERE a = b',
        ],
    )
    def test_rejects_what_breaks_the_grammar(self, broken: str) -> None:
        with pytest.raises(ValueError, match="not a"):
            evaluate(broken, Metrics())


def test_percentiles_are_values_that_occur() -> None:
    values = [float(each) for each in range(1, 101)]
    assert (calculate("p50", values), calculate("p99", values), calculate("p100", values)) == (50, 99, 100)


class TestLogsInsights:
    EVENTS = (LogEvent('{"a": {"b": [1, 2]}, "ok": true, "text": "x|y"}', 1), LogEvent('{"a": {"b": [5]}}', 2), LogEvent("plain", 3))

    @pytest.mark.parametrize(
        "query, rows",
        [
            ("filter a.b.0 > 1 | fields a.b.0", [{"a.b.0": 5}]),
            ("filter text like /(?i)^X/ | fields text", [{"text": "x|y"}]),
            ('filter text = "x|y" | fields ok', [{"ok": 1}]),
            ("filter not ispresent(a.b.0) | fields @message", [{"@message": "plain"}]),
            ("stats count(*) as n, sum(a.b.0) as s, latest(a.b.0) as l", [{"n": 3, "s": 6, "l": 5}]),
            (
                'stats count(a.b.1) by coalesce(text, "none") as t | sort t asc',
                [{"t": "none", "count(a.b.1)": 0}, {"t": "x|y", "count(a.b.1)": 1}],
            ),
            ("parse @message /(?<word>p\\w+)/ | filter ispresent(word) | fields word", [{"word": "plain"}]),
            ("fields @timestamp | sort @timestamp desc | limit 1", [{"@timestamp": 3}]),
            (
                "fields jsonParse(@message) as js | filter ok = 1 | unnest js.a.b into item | stats count(*) as n by item | sort item asc",
                [{"item": 1, "n": 1}, {"item": 2, "n": 1}],
            ),
        ],
    )
    def test_commands(self, query: str, rows: list[dict[str, object]]) -> None:
        assert run(query, self.EVENTS) == rows

    @pytest.mark.parametrize(
        "broken", ["find x", "filter a ==", "filter (a = 1", "stats mean(a)", "sort a", "filter a like b", "filter f(a) = 1", "limit x"]
    )
    def test_rejects_what_breaks_the_grammar(self, broken: str) -> None:
        with pytest.raises(ValueError, match=r"."):
            run(broken, self.EVENTS)

    def test_lists_the_fields_of_the_log_without_names_that_the_query_gives(self) -> None:
        query = (
            "filter a.b.0 > 1 and c like /x/ | parse d /(?<word>x)/ | stats count(*) as n, max(e) by bin(5m) as slot, word | sort n desc"
        )
        assert list_fields(query) == {"a.b.0", "c", "d", "e"}

    def test_lists_the_fields_of_a_parsed_document_by_their_paths(self) -> None:
        query = "fields jsonParse(@message) as js | unnest js.a.b into item | stats count(*) as n by item"
        assert list_fields(query) == {"@message", "a.b"}


@pytest.mark.parametrize("pattern", ["ERROR", "%(a|b)%", "%a!%", "%ü%", "%a b%"])
def test_a_filter_pattern_that_cloudwatch_would_reject_is_rejected(pattern: str) -> None:
    with pytest.raises(ValueError, match="not a filter pattern"):
        compile_pattern(pattern)
