"""Reserved metric names. A rule's count of such a name would be added to the metric of each message, or replace it."""

import re
from pathlib import Path

from mailhooks.policy.loading.action_builders import is_reserved_metric
from tests.support.policies import make_policy
from tests.support.tables import check_rows

LIBRARY = Path(__file__).parents[4] / "layers/mailhooks/mailhooks"
NAMES = re.compile(r'counts\["(\w+)"\]|"([A-Z]\w+)": (?:\d|int\(|len\()|add_(?:metric|own|dimension|metadata)\("(\w+)"')


def emitted() -> set[str]:
    """Return the names of metrics, dimensions and metadata in the source of the library."""
    sources = [path.read_text("utf-8") for path in [*LIBRARY.glob("hooks/**/*.py"), *LIBRARY.glob("aws/*.py")]]
    return {name for source in sources for found in NAMES.findall(source) for name in found if name}


def test_every_metric_name_of_the_library_is_reserved():
    assert {"Messages", "PolicyRefused", "RuleFailures", "ContentMixed", "Duration", "Recipients", "hook", "messageId"} <= emitted()
    assert [name for name in emitted() if not is_reserved_metric(name)] == []


def test_names_with_a_reserved_prefix_are_reserved() -> None:
    def check(name: str) -> None:
        assert is_reserved_metric(name)

    check_rows(["VerdictMoveToJunk", "ReasonThrottled", "service"], check)


def test_other_names_are_free() -> None:
    def check(name: str) -> None:
        make_policy({"do": {"count": name}})

    check_rows(["ExternalMail", "messages", "Verdicts", "Reasonable", "Hits"], check)
