"""The form of a defect in a table of tests."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from tests.integration.workmail_local.doctor.conftest import Report
from tests.support.deployed_account import Deployment


@dataclass(frozen=True)
class Defect:
    """One defect of a deployment, and the row that names it.

    Attributes:
        damage: makes the defect.
        row: topic, name and status.
        found, mend: parts of the row's texts; `mend` may be in its command.
        alone: whether no other row has a problem.
    """

    sentence: str
    damage: Callable[[Deployment], Any]
    row: tuple[str, str, str]
    found: str
    mend: str
    alone: bool = True

    def check(self, report: Report) -> None:
        """Assert that a report names this defect, how to mend it, and no other."""
        problems = report.list_problems()
        assert self.row in problems
        if self.alone:
            assert problems == {self.row}
        row = report.find(*self.row)
        assert self.found in row["found"]
        assert self.mend in " ".join([row["mend"], *row["command"]])
        assert row["mend"]
        assert report.code == (1 if any(status == "wrong" for _, _, status in problems) else 0)


def parametrize(defects: list[Defect]) -> pytest.MarkDecorator:
    """Return the decorator that runs a test for each defect, by its sentence."""
    return pytest.mark.parametrize("defect", [pytest.param(each, id=each.sentence.replace(" ", "_")) for each in defects])
