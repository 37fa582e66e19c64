"""The retry schedule: the pause before a failed function is called again, and how long a message is retried.

A synchronous rule has exponential backoff until its timeout, `timeout-minutes` (guide, "Configuring AWS Lambda for Amazon WorkMail").
An asynchronous rule has two more attempts, after one and two minutes (AWS Lambda Developer Guide, "Error handling for asynchronous
invocation").
"""

from typing import Final

FIRST_PAUSE_S: Final = 1.0
LONGEST_PAUSE_S: Final = 300.0
"""The guide names "exponential backoff" without numbers."""

ASYNCHRONOUS_PAUSES_S: Final = (60.0, 120.0)


def next_pause(attempt: int, elapsed_s: float, timeout_s: float) -> float | None:
    """Return the seconds to wait before a synchronous rule's next attempt; None when the rule's timeout has passed.

    Args:
        attempt: the number of the failed attempt, 1 for the first.
        elapsed_s: seconds of all attempts and pauses so far.
        timeout_s: the rule's timeout; the last pause ends with it.
    """
    left = timeout_s - elapsed_s
    return min(FIRST_PAUSE_S * 2 ** (attempt - 1), LONGEST_PAUSE_S, left) if left > 0 else None


def next_asynchronous_pause(attempt: int) -> float | None:
    """Return the seconds to wait before an asynchronous rule's next attempt; None after the last one."""
    return ASYNCHRONOUS_PAUSES_S[attempt - 1] if attempt <= len(ASYNCHRONOUS_PAUSES_S) else None
