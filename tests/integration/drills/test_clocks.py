"""Processes whose clock is wrong, and WorkMail's retry in one whose clock is right: one verdict, one change."""

import datetime as real
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mailhooks.aws.contact_table import DynamoContacts
from mailhooks.aws.rate_counter import DynamoRates
from mailhooks.policy import policy as policy_module
from tests.integration.conftest import Load
from tests.integration.drills.company import ANA, PLAIN, Company, lines_of
from tests.integration.drills.page import read_drill
from tests.integration.hooks.test_functions import Remaining

NOW = 1_800_000_000.0
"""Friday, 15 January 2027, 08:00 UTC."""

_POLICY = """
version: 1
organization: {{ domains: [example.com] }}
defaults: {{ on_error: retry, mixed: all }}
rules:
  - name: rule
    when: {{ recipient: ana@example.com, {condition} }}
    do: {actions}
"""


class Clock:
    """A clock that is wrong by some seconds, and that all parts of the function read."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.wrong_by_s = 0.0
        clock = self

        class Now(real.datetime):
            @classmethod
            def now(cls, tz: real.tzinfo | None = None) -> Any:
                return real.datetime.fromtimestamp(clock(), tz)

        monkeypatch.setattr(policy_module, "datetime", Now)
        for service in (DynamoRates, DynamoContacts):
            monkeypatch.setitem(service.__init__.__kwdefaults__, "clock", self)

    def __call__(self) -> float:
        return NOW + self.wrong_by_s


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


@pytest.fixture
def load_rule(company: Company, load: Load, tmp_path: Path) -> Callable[[str, str], Callable[[Any, Any], Any]]:
    """Loads mailflow with a rule of one condition for Ana."""

    def load_mailflow(condition: str, actions: str) -> Callable[[Any, Any], Any]:
        (tmp_path / "policy.yaml").write_text(_POLICY.format(condition=condition, actions=actions))
        handler: Callable[[Any, Any], Any] = load("mailflow", **company.variables(), POLICY=str(tmp_path / "policy.yaml")).handler
        return handler

    return load_mailflow


def verdict_for_ana(answer: dict[str, Any]) -> str:
    kinds = {address: entry["action"]["type"] for entry in answer["actions"] for address in entry.get("recipients", ["*"])}
    return str(kinds.get(ANA, kinds.get("*")))


MINUTES = [-14 * 60, -60, 60, 14 * 60]
"""Seconds by which a clock is wrong whose signatures AWS still accepts; beyond 15 minutes see `test_outages`."""


@pytest.mark.parametrize("wrong_by_s", MINUTES)
def test_a_retry_is_not_counted_again_when_the_clock_of_the_first_attempt_was_wrong(
    wrong_by_s: float,
    clock: Clock,
    company: Company,
    load_rule: Callable[[str, str], Callable[[Any, Any], Any]],
    capsys: pytest.CaptureFixture[str],
) -> None:
    drill = read_drill("The clock is wrong for a counter")
    handler = load_rule("rate: { more_than: 2, minutes: 1 }", "drop")
    answers = []
    for number, wrong in ((1, 0.0), (2, wrong_by_s), (2, 0.0), (3, 0.0), (4, 0.0)):
        clock.wrong_by_s = wrong
        answers.append(verdict_for_ana(handler(company.arrive(number, PLAIN), Remaining(14))))
        drill.check(lines_of(capsys.readouterr().out), 0)
    # Message 2 counts at the time of its first attempt, which is not in the window of the others.
    assert answers == ["DEFAULT", "DEFAULT", "DEFAULT", "DEFAULT", "DROP"]


@pytest.mark.parametrize("wrong_by_s", [*MINUTES, -86400, -3600, 3600, 86400])
def test_a_first_contact_is_the_first_for_the_retry_whatever_the_clock_of_the_first_attempt(
    wrong_by_s: float,
    clock: Clock,
    company: Company,
    load_rule: Callable[[str, str], Callable[[Any, Any], Any]],
    capsys: pytest.CaptureFixture[str],
) -> None:
    drill = read_drill("The clock is wrong for a counter")
    handler = load_rule("direction: inbound, first_contact: true", "bypass_spam_check")
    answers = []
    for number, wrong in ((1, wrong_by_s), (1, 0.0), (2, 0.0)):
        clock.wrong_by_s = wrong
        answers.append(verdict_for_ana(handler(company.arrive(number, PLAIN), Remaining(14))))
        drill.check(lines_of(capsys.readouterr().out), 0)
    assert answers == ["BYPASS_SPAM_CHECK", "BYPASS_SPAM_CHECK", "DEFAULT"]


@pytest.mark.parametrize("wrong_by_s", [-86400, -3600, 3600, 86400])
def test_a_rule_with_a_time_keeps_its_first_verdict_and_change_when_the_retry_has_another_time(
    wrong_by_s: float,
    clock: Clock,
    company: Company,
    load_rule: Callable[[str, str], Callable[[Any, Any], Any]],
    capsys: pytest.CaptureFixture[str],
) -> None:
    drill = read_drill("The clock is wrong for a rule with a time")
    at = real.datetime.fromtimestamp(NOW + wrong_by_s, real.UTC)
    hour = f"days: [{at:%a}], from: '{at:%H}:00', until: '{at:%H}:59', zone: UTC".lower().replace("utc", "UTC")
    handler = load_rule(f"time: {{ {hour} }}", '[ junk, { subject_tag: "[LATE]" } ]')
    document = company.arrive(1, PLAIN)
    clock.wrong_by_s = wrong_by_s
    first = handler(document, Remaining(14))
    assert verdict_for_ana(first) == "MOVE_TO_JUNK"
    drill.check(lines_of(capsys.readouterr().out), 0)
    changed = company.content(document)
    clock.wrong_by_s = 0.0
    assert handler(document, Remaining(14)) == first
    drill.check(lines_of(capsys.readouterr().out), 1)
    assert company.content(document) == changed
