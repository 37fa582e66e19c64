"""Metrics in memory, as CloudWatch keeps them, and CloudWatch's embedded metric format."""

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple


class Metric(NamedTuple):
    """A metric: a name in a namespace, with one set of dimensions."""

    namespace: str
    name: str
    dimensions: tuple[tuple[str, str], ...]

    @property
    def by_dimension(self) -> dict[str, str]:
        return dict(self.dimensions)


@dataclass
class Metrics:
    """The values of metrics by period.

    Attributes:
        values: by metric, then by the number of the period.
    """

    values: dict[Metric, dict[int, list[float]]] = field(default_factory=dict)

    def add(self, namespace: str, name: str, dimensions: Mapping[str, str], value: float, period: int = 0) -> None:
        """Add a value of a metric."""
        metric = Metric(namespace, name, tuple(sorted(dimensions.items())))
        self.values.setdefault(metric, {}).setdefault(period, []).append(value)

    def read_line(self, line: str, period: int = 0) -> None:
        """Add the values of a log line in the embedded metric format. Ignore other lines."""
        for metric, values in parse_embedded(line):
            self.values.setdefault(metric, {}).setdefault(period, []).extend(values)


def parse_embedded(line: str) -> Iterator[tuple[Metric, list[float]]]:
    """Yield the metrics of a line in the embedded metric format; nothing of another line."""
    if not line.startswith("{"):
        return
    document = json.loads(line)
    for directive in document.get("_aws", {}).get("CloudWatchMetrics", ()):
        for names in directive["Dimensions"]:
            dimensions = tuple(sorted((name, document[name]) for name in names))
            for metric in directive["Metrics"]:
                value = document[metric["Name"]]
                yield Metric(directive["Namespace"], metric["Name"], dimensions), value if isinstance(value, list) else [value]


def calculate(statistic: str, values: list[float]) -> float:
    """Return a statistic of the values of one period: Sum, Average, Minimum, Maximum, SampleCount, or a percentile such as p99."""
    match statistic.lower():
        case "sum":
            return sum(values)
        case "average" | "avg":
            return sum(values) / len(values)
        case "minimum" | "min":
            return min(values)
        case "maximum" | "max":
            return max(values)
        case "samplecount" | "count":
            return len(values)
        case percentile if percentile.startswith("p"):
            return sorted(values)[max(0, math.ceil(float(percentile[1:]) / 100 * len(values)) - 1)]
    raise ValueError(f"unknown statistic: {statistic}")
