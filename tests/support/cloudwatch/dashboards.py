"""A dashboard of CloudWatch: its widgets, where they lie, and the metrics that they show."""

import json
from typing import Any, NamedTuple

from tests.support.cloudwatch.expressions import Series, evaluate
from tests.support.cloudwatch.metrics import Metric, Metrics, calculate

COLUMNS = 24


class Line(NamedTuple):
    """A line of a widget's graph."""

    label: str
    colour: str | None
    values: dict[int, float]


class Widget(NamedTuple):
    """A widget of a dashboard, with its place on the grid of 24 columns."""

    kind: str
    x: int
    y: int
    width: int
    height: int
    properties: dict[str, Any]

    @property
    def title(self) -> str:
        return str(self.properties.get("title", ""))

    def expressions(self) -> list[str]:
        """Return the expressions of the widget's metrics."""
        return [metric[0]["expression"] for metric in self.properties.get("metrics", ()) if isinstance(metric[0], dict)]

    def lines(self, metrics: Metrics) -> list[Line]:
        """Return the lines that the widget shows."""
        found: list[Line] = []
        for metric in self.properties["metrics"]:
            if isinstance(metric[0], dict):
                options = metric[0]
                series = evaluate(options["expression"], metrics)
            else:
                namespace, name, *dimensions, options = metric
                key = Metric(namespace, name, tuple(sorted(zip(dimensions[::2], dimensions[1::2], strict=True))))
                periods = metrics.values.get(key, {})
                values = {period: calculate(options["stat"], values) for period, values in periods.items()}
                series = [Series(name, values)] if values else []
            found += [Line(_label(options["label"], each), options.get("color"), each.values) for each in series]
        return found


def _label(label: str, series: Series) -> str:
    """Fill in the dynamic parts of a label, `${PROP('Dim.hook')}` and `${PROP('MetricName')}`."""
    if series.metric:
        label = label.replace("${PROP('MetricName')}", series.metric.name)
        for name, value in series.metric.dimensions:
            label = label.replace(f"${{PROP('Dim.{name}')}}", value)
    return label


def parse_dashboard(body: str) -> list[Widget]:
    """Return the widgets of a dashboard's body, which is JSON."""
    widgets = json.loads(body)["widgets"]
    return [Widget(each["type"], *(each[key] for key in ("x", "y", "width", "height", "properties"))) for each in widgets]
