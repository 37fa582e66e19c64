"""The metrics that each message has: a rule's count of such a name would be added to it, or take its place."""

import re
from pathlib import Path

import pytest

from mailhooks.policy.loading.metric_names import is_reserved
from tests.support.policies import made

LIBRARY = Path(__file__).parents[4] / "layers/mailhooks/mailhooks"
NAMES = re.compile(r'counts\["(\w+)"\]|"([A-Z]\w+)": (?:\d|int\(|len\()|add_(?:metric|dimension|metadata)\("(\w+)"')


def emitted() -> set[str]:
    """Names of metrics, and the keys that stand beside them, as the library's source has them."""
    sources = [path.read_text("utf-8") for path in [*LIBRARY.glob("hooks/**/*.py"), *LIBRARY.glob("aws/*.py")]]
    return {name for source in sources for found in NAMES.findall(source) for name in found if name}


def test_every_name_that_the_library_gives_is_reserved():
    assert {"Messages", "PolicyRefused", "RuleFailures", "ContentMixed", "Duration", "Recipients", "hook", "messageId"} <= emitted()
    assert [name for name in emitted() if not is_reserved(name)] == []


@pytest.mark.parametrize("name", ["VerdictMoveToJunk", "ReasonThrottled", "service"])
def test_names_that_are_put_together_are_reserved(name: str):
    assert is_reserved(name)


@pytest.mark.parametrize("name", ["ExternalMail", "messages", "Verdicts", "Reasonable", "Hits"])
def test_other_names_are_free(name: str):
    made({"do": {"count": name}})
