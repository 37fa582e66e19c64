"""The dashboards: valid, readable, and about metrics and log fields that exist."""

import re
from itertools import combinations

import pytest

from mailhooks.availability.function import report as availability_report
from mailhooks.report_names import LogKey, Metric
from tests.monitoring.stacks import WORKMAIL_METRICS, main_stack, metrics_of, widgets
from tests.support import emitted
from tests.support.cloudwatch.dashboards import COLUMNS, Widget, parse_dashboard
from tests.support.cloudwatch.logs_insights import LogEvent, list_fields, run
from tests.support.cloudwatch.metrics import Metrics

POWERTOOLS_FIELDS = {"level", "message", "service", "timestamp"}

WIDGETS = widgets(main_stack())
GRAPHS = [each for each in WIDGETS if each.kind == "metric"]


@pytest.fixture(scope="module")
def metrics() -> Metrics:
    """All metrics: those that the functions emit, those of Lambda and SQS for this stack's resources, and WorkMail's."""
    found = metrics_of("".join(make() for make in emitted.KINDS.values()))
    for name in ("Throttles", "ConcurrentExecutions", "Errors", "Invocations"):
        for function in ("mail-RewriteFunction-1A2B3C", "mail-AvailabilityFunction-4D5E6F", "other-Function-7A8B9C"):
            found.add("AWS/Lambda", name, {"FunctionName": function}, 1)
    for queue in ("mail-ObserveDeadLetterQueue-1A2B3C", "other-queue"):
        found.add("AWS/SQS", "ApproximateNumberOfMessagesVisible", {"QueueName": queue}, 1)
    for name in WORKMAIL_METRICS:
        found.add("AWS/WorkMail", name, {"OrganizationId": "m-0123456789abcdef0123456789abcdef"}, 1)
    found.add("WorkMailHooks", "Crashed-mail", {}, 1)
    return found


@pytest.mark.parametrize("widget", GRAPHS, ids=lambda widget: widget.title)
def test_each_line_of_a_graph_shows_metrics_that_exist(widget: Widget, metrics: Metrics) -> None:
    for metric in widget.properties["metrics"]:
        lines = widget._replace(properties=widget.properties | {"metrics": [metric]}).lines(metrics)
        assert lines, metric
        assert all(line.label and "$" not in line.label for line in lines), lines


def test_all_metrics_of_the_functions_are_shown_but_the_size(metrics: Metrics) -> None:
    shown = {series for widget in GRAPHS for series in _names(widget, metrics)}
    emitted_names = {each.name for each in metrics.values if each.namespace == "WorkMailHooks"}
    assert emitted_names - shown == {Metric.MESSAGE_SIZE}
    assert {*availability_report.Metric} <= shown


def _names(widget: Widget, metrics: Metrics) -> set[str]:
    """Return the names of the metrics without which a widget would look different."""
    before = widget.lines(metrics)
    return {
        name
        for name in {each.name for each in metrics.values}
        if widget.lines(Metrics({metric: values for metric, values in metrics.values.items() if metric.name != name})) != before
    }


def test_no_graph_shows_another_stack() -> None:
    other = metrics_of(emitted.ordinary("mail-2") + emitted.unexpected("mail-2"))
    other.add("WorkMailHooks", "Crashed-mail-2", {}, 1)
    other.add("AWS/Lambda", "Throttles", {"FunctionName": "other-RewriteFunction-1A2B3C"}, 1)
    assert [line for widget in GRAPHS for line in widget.lines(other)] == []


def test_the_graphs_of_lambda_show_each_function_of_the_stack(metrics: Metrics) -> None:
    [throttles] = [each for each in GRAPHS if each.title == "Lambda: throttled invocations"]
    assert {line.label for line in throttles.lines(metrics)} == {"mail-RewriteFunction-1A2B3C", "mail-AvailabilityFunction-4D5E6F"}


def test_verdicts_and_classes_of_errors_have_a_line_each(metrics: Metrics) -> None:
    def labels(title: str) -> set[str]:
        return {line.label for each in GRAPHS if each.title == title for line in each.lines(metrics)}

    assert labels("Verdicts") == {"Deliver", "Skip the spam check", "Junk", "Bounced", "Dropped"}
    assert labels("Errors by class") > {"ReasonThrottled shout INBOUND", "ReasonMessageRejected shout INBOUND", "ReasonUnreachable"}
    assert labels("Failed look-ups by backend") == {"exchange", "google"}


@pytest.mark.parametrize("title, limit", [("Time for a message", 15_000), ("Time for a request", 25_000)])
def test_a_graph_of_times_shows_how_long_workmail_waits(title: str, limit: int) -> None:
    [widget] = [each for each in GRAPHS if each.title == title]
    assert limit in [line["value"] for line in widget.properties["annotations"]["horizontal"]]
    assert limit < widget.properties["yAxis"]["left"]["max"]


@pytest.mark.parametrize("name", ["Dashboard", "AvailabilityDashboard"])
def test_widgets_lie_on_the_grid_without_overlap_and_gaps(name: str) -> None:
    found = parse_dashboard(main_stack().of_type("AWS::CloudWatch::Dashboard")[name]["DashboardBody"])
    cells = [{(x, y) for x in range(each.x, each.x + each.width) for y in range(each.y, each.y + each.height)} for each in found]
    assert not [(one, other) for one, other in combinations(cells, 2) if one & other]
    height = max(each.y + each.height for each in found)
    assert set().union(*cells) == {(x, y) for x in range(COLUMNS) for y in range(height)}


def test_every_graph_has_a_title_a_region_and_a_period() -> None:
    for widget in WIDGETS:
        assert widget.title or widget.kind == "text"
        assert widget.kind in ("text", "alarm") or widget.properties["region"] == "eu-west-1"
        assert widget.kind != "metric" or widget.properties["period"] == 300


@pytest.mark.parametrize("widget", [each for each in WIDGETS if each.kind == "log"], ids=lambda widget: widget.title)
def test_the_tables_read_fields_that_are_logged(widget: Widget) -> None:
    source, _, query = widget.properties["query"].partition(" | ")
    assert source == "SOURCE 'mail-LogGroup'"
    ours = {*LogKey, *availability_report.LogKey} | POWERTOOLS_FIELDS
    assert {name.split(".")[0] for name in list_fields(query) if not name.startswith("@")} <= ours


def test_the_table_of_errors_has_the_newest_first_and_no_ordinary_message() -> None:
    [widget] = [each for each in WIDGETS if each.title.startswith("Last errors") and each.y > 30]
    texts = [make() for make in (emitted.ordinary, emitted.rejected, emitted.transient, emitted.no_configuration)]
    events = [LogEvent(line, at) for at, text in enumerate(texts) for line in text.splitlines()]
    rows = run(widget.properties["query"].partition(" | ")[2], events)
    assert [row["reason"] for row in rows] == ["SettingsError", "Throttled", "MessageRejected"]
    assert rows[2] | {"level": "WARNING", "hook": "shout", "direction": "INBOUND"} == rows[2]


def test_the_alarms_of_a_dashboard_are_those_of_the_stack() -> None:
    def shown(**parameters: str) -> set[str]:
        found = widgets(main_stack(**parameters))
        return {arn.split(".")[0].split(":")[-1].removeprefix("mail-") for each in found for arn in each.properties.get("alarms", ())}

    assert shown() == main_stack().of_type("AWS::CloudWatch::Alarm").keys()
    for functions in ("mailflow", "bounce", "observe", "none"):
        assert shown(Functions=functions) == main_stack(Functions=functions).of_type("AWS::CloudWatch::Alarm").keys()


@pytest.mark.parametrize(
    "parameters, dashboards",
    [
        ({}, {"Dashboard": "mail", "AvailabilityDashboard": "mail_availability"}),
        ({"AvailabilitySecretArn": ""}, {"Dashboard": "mail"}),
        ({"Functions": "none"}, {"AvailabilityDashboard": "mail_availability"}),
    ],
)
def test_a_stack_has_the_dashboards_of_what_it_has(parameters: dict[str, str], dashboards: dict[str, str]) -> None:
    found = main_stack(**parameters).of_type("AWS::CloudWatch::Dashboard")
    assert {name: each["DashboardName"] for name, each in found.items()} == dashboards


def test_the_dashboard_of_a_provider_is_the_dashboard_of_no_stack() -> None:
    """A stack's name has letters, digits and hyphens, and its dashboard for mail has the same name."""
    stack = main_stack()
    provider = stack.of_type("AWS::CloudWatch::Dashboard")["AvailabilityDashboard"]["DashboardName"]
    assert not re.fullmatch(r"[A-Za-z][A-Za-z0-9-]*", provider)
    assert stack.outputs["AvailabilityDashboardUrl"].endswith(f"#dashboards/dashboard/{provider}")


def test_cold_starts_are_counted_with_and_without_snapshots() -> None:
    [widget] = [each for each in WIDGETS if each.title == "Lambda: cold starts"]
    lines = ("Init Duration: 801.10 ms\t", "Restore Duration: 398.97 ms\tBilled Restore Duration: 40 ms\t", "")
    events = [LogEvent(f"REPORT RequestId: 0\tDuration: 35.11 ms\t{line}", 0) for line in lines]
    events.append(LogEvent("RESTORE_REPORT Restore Duration: 398.97 ms", 0))
    [row] = run(widget.properties["query"].partition(" | ")[2], events)
    assert row["coldStarts"] == 2


def test_the_metrics_of_workmail_are_read_in_the_region_of_the_organization() -> None:
    organization = "arn:aws:workmail:us-west-2:123456789012:organization/m-0123456789abcdef0123456789abcdef"
    [widget] = [each for each in widgets(main_stack(Functions="none", OrganizationId=organization)) if each.title.startswith("WorkMail")]
    assert widget.properties["region"] == "us-west-2"
