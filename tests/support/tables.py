"""One test for a whole table: every row is checked, and all failing rows are in one message."""

from collections.abc import Callable, Iterable
from typing import Any

import pytest


def check_rows(rows: Iterable[Any], check: Callable[..., None]) -> None:
    """Call `check` with the values of each row. Fail once, with each failing row and its error.

    A table without rows fails too. A row is a tuple, or a single value; its first value is its name in the message.
    """
    count, failures = 0, []
    for given in rows:
        row = given if isinstance(given, tuple) else (given,)
        count += 1
        try:
            check(*row)
        except (Exception, pytest.fail.Exception) as error:  # noqa: BLE001 - every failing row is reported
            failures.append(f"row {count}, {str(row[0])[:100]!r}: {type(error).__name__}: {error}")
    assert count, "the table has no rows"
    assert not failures, "\n".join([f"{len(failures)} of {count} rows fail", *failures])
