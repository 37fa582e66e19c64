"""Sums of CloudWatch metrics."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from workmail_local.doctor.account import Account


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric with its dimensions."""

    namespace: str
    name: str
    dimensions: Mapping[str, str]


def sum_metrics(account: Account, metrics: Sequence[Metric], now: datetime, days: int) -> list[int]:
    """Return the sum of each metric over the last days, in the order of the metrics. Raises CannotCheck."""
    # Full hours: CloudWatch keeps older data in periods of an hour, and repeated calls of one run are the same call.
    end = now.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
    queries = [
        {
            "Id": f"m{number}",
            "MetricStat": {
                "Metric": {
                    "Namespace": metric.namespace,
                    "MetricName": metric.name,
                    "Dimensions": [{"Name": name, "Value": value} for name, value in metric.dimensions.items()],
                },
                "Period": 3600,
                "Stat": "Sum",
            },
        }
        for number, metric in enumerate(metrics)
    ]
    results = account.list(
        "cloudwatch.get_metric_data", "MetricDataResults", MetricDataQueries=queries, StartTime=end - timedelta(days=days), EndTime=end
    )
    sums = [0.0] * len(metrics)
    for result in results:
        sums[int(result["Id"][1:])] += sum(result["Values"])
    return [round(value) for value in sums]
