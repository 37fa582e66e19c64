"""Reserved metric names. A rule's count of such a name would be added to the metric of each message, or replace it."""

import pytest

from mailhooks.policy.errors import PolicyError
from mailhooks.report_names import Dimension, Metric, reason_metric, verdict_metric
from tests.support.policies import make_policy
from tests.support.tables import check_rows


def test_a_policy_cannot_count_under_a_name_that_every_message_has() -> None:
    def check(name: str) -> None:
        with pytest.raises(PolicyError, match="expected an unused metric name"):
            make_policy({"do": {"count": name}})

    names = [
        *map(str, Metric),
        *map(str, Dimension),
        "messageId",
        "invocationId",
        verdict_metric("MOVE_TO_JUNK"),
        reason_metric("Throttled"),
    ]
    check_rows(names, check)


def test_other_names_are_free() -> None:
    def check(name: str) -> None:
        make_policy({"do": {"count": name}})

    check_rows(["ExternalMail", "messages", "Verdicts", "Reasonable", "Hits"], check)
