"""AWS Lambda's prices in us-east-1, in USD, as on its price page on 29 November 2026: the first tier, without the free one."""

from typing import Final

DATE: Final = "29 November 2026"

PER_GB_SECOND: Final = {"x86_64": 0.0000166667, "arm64": 0.0000133334}
"""By processor. AWS bills the init phase of a cold start too, since August 2025."""

PER_MILLION_REQUESTS: Final = 0.20
_MILLION: Final = 1_000_000
_MB_OF_GB: Final = 1024


def find_duration_cost(milliseconds: float, memory_mb: int, processor: str = "x86_64") -> float:
    """Return the price of a million times this duration."""
    return milliseconds / 1000 * memory_mb / _MB_OF_GB * PER_GB_SECOND[processor] * _MILLION


def find_cost(milliseconds: float, memory_mb: int, processor: str = "x86_64") -> float:
    """Return the price of a million invocations of this duration."""
    return PER_MILLION_REQUESTS + find_duration_cost(milliseconds, memory_mb, processor)
