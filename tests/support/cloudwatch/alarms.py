"""The state of an alarm of CloudWatch over metrics in memory."""

from collections.abc import Mapping
from typing import Any

from tests.support.cloudwatch.expressions import evaluate
from tests.support.cloudwatch.metrics import Metric, Metrics, calculate


def is_raised(alarm: Mapping[str, Any], metrics: Metrics, periods: int = 1) -> bool:
    """Return whether an alarm is raised after the periods.

    Args:
        alarm: its properties, resolved.
        metrics: by periods of the alarm's length.
    """
    if (alarm["ComparisonOperator"], alarm["TreatMissingData"]) != ("GreaterThanThreshold", "notBreaching"):
        raise NotImplementedError("an alarm with another comparison or another meaning of missing data")
    values = _list_values(alarm, metrics)
    last = range(max(0, periods - alarm["EvaluationPeriods"]), periods)
    breaching = sum(values.get(period, 0) > alarm["Threshold"] for period in last)
    return bool(breaching >= alarm.get("DatapointsToAlarm", alarm["EvaluationPeriods"]))


def _list_values(alarm: Mapping[str, Any], metrics: Metrics) -> dict[int, float]:
    """Return the values that an alarm watches, by period."""
    if "Metrics" in alarm:
        [query] = alarm["Metrics"]
        series = evaluate(query["Expression"], metrics)
        if len(series) > 1:
            raise ValueError(f"an alarm watches one series: {query['Expression']}")
        return series[0].values if series else {}
    dimensions = tuple((each["Name"], each["Value"]) for each in alarm.get("Dimensions", ()))
    periods = metrics.values.get(Metric(alarm["Namespace"], alarm["MetricName"], dimensions), {})
    return {period: calculate(alarm["Statistic"], values) for period, values in periods.items()}
