"""The recipes in docs/recipes have the outcomes of their expected.yaml, and no results in report mode."""

import time
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import yaml

from mailhooks.content.template import read_values
from mailhooks.core.content_changes import AppliedChanges, apply_changes
from mailhooks.envelope import Envelope, FlowDirection
from mailhooks.hooks.policy_hook import make_verdict
from mailhooks.hooks.preflight import blocking, rejections
from mailhooks.hooks.workmail import WORKMAIL
from mailhooks.mime.message import Message
from mailhooks.policy import Outcome, Policy, Services, load
from mailhooks.policy.analysis.findings import Severity
from mailhooks.policy.analysis.lint import lint
from mailhooks.report_names import HoldState
from tests.support.tables import check_rows
from workmail_local.policy_tools.memory_services import MemoryContacts, MemoryDirectory, MemoryHolds, MemoryRates

RECIPES = Path(__file__).parents[2] / "docs" / "recipes"
NOON = datetime.fromisoformat("2026-11-24T12:00:00+01:00")
CASES = [(path.parent, case) for path in sorted(RECIPES.glob("*/expected.yaml")) for case in yaml.safe_load(path.read_text("utf-8"))]


def message(folder: Path, case: dict[str, Any]) -> bytes:
    raw = (folder / "message.eml").read_bytes()
    assert b"\n" not in raw.replace(b"\r\n", b"")
    if "replace" in case:
        old, new = (text.replace("\\r\\n", "\r\n").encode() for text in case["replace"])
        assert old in raw
        raw = raw.replace(old, new)
    return raw


def evaluate(policy: Policy, folder: Path, case: dict[str, Any], raw: bytes | None = None) -> tuple[Outcome, bytes, AppliedChanges]:
    sent = message(folder, case)
    raw = sent if raw is None else raw
    subject = next(line for line in sent.split(b"\r\n") if line.startswith(b"Subject: "))[9:].decode()
    directory = MemoryDirectory({}, policy.domains, case.get("people", {}))
    services = Services(MemoryRates(time.monotonic), directory, MemoryContacts(case.get("known", ())))
    for number in range(case.get("times", 1)):
        event = Envelope(case["from"], tuple(case["to"]), None, subject, "m-1", f"i-{number}", FlowDirection(case["direction"].upper()))
        now = datetime.fromisoformat(case["at"]) if "at" in case else NOON
        evaluation = policy.start_evaluation(event, raw, platform=WORKMAIL, authserv_ids=WORKMAIL.authserv_ids, services=services, now=now)
        outcome = evaluation.outcome(MemoryHolds(HoldState(case["decision"])).decide if "decision" in case else None)
    return outcome, raw, apply_changes(Message(raw), outcome.changes, read_values(Message(raw), case["from"]))


def test_a_recipe_has_the_expected_outcome() -> None:
    def check(folder: Path, case: dict[str, Any]) -> None:
        outcome, raw, applied = evaluate(load(folder / "policy.yaml"), folder, case)
        content = applied.content

        assert list(outcome.matched) == case["matched"]
        assert not outcome.failures
        if "held" in case:
            held = {address for wanted in outcome.holds for address in outcome.recipients.list_addresses(wanted.recipients)}
            assert held == set(case["held"])
        verdict = make_verdict(outcome)
        for address, action in case.get("verdicts", {}).items():
            assert verdict.action_for(address).type == action
        assert list(outcome.added) == case.get("added", [])
        if "changed" in case:
            assert (content != raw) is case["changed"]
        if "effects" in case:
            assert [wanted.effect.name for wanted in outcome.effects if wanted.effect.name != "count"] == case["effects"]
        text = content.decode("utf-8")
        assert all(each in text for each in case.get("has", []))
        assert not any(each in text for each in case.get("lacks", []))

    check_rows(CASES, check)


def test_a_recipe_in_report_mode_has_no_results() -> None:
    def check(folder: Path, case: dict[str, Any]) -> None:
        policy = load(folder / "policy.yaml")
        report = replace(policy, rules=tuple(replace(rule, report=True) for rule in policy.rules))
        outcome, raw, applied = evaluate(report, folder, case)

        assert applied.content == raw
        assert (outcome.matched, outcome.added, outcome.effects, outcome.holds, outcome.verdicts) == ((), (), (), (), {})
        # Rules in report mode do not stop the evaluation, so further rules may be reported.
        assert set(case["matched"]) <= set(outcome.reported)

    check_rows(CASES, check)


def test_a_recipe_has_the_same_outcome_for_the_changed_message_and_does_not_change_it_again() -> None:
    def check(folder: Path, case: dict[str, Any]) -> None:
        policy = load(folder / "policy.yaml")
        outcome, raw, applied = evaluate(policy, folder, case)
        again, content, same = evaluate(policy, folder, case, applied.content)

        assert make_verdict(again).to_response() == make_verdict(outcome).to_response()
        assert (again.matched, same.content) == (outcome.matched, content)
        assert not blocking(rejections(raw, content, added_parts=applied.change.added_parts))

    check_rows(CASES, check)


def test_a_recipe_has_no_warnings_and_each_of_its_rules_applies_in_a_case() -> None:
    for path in RECIPES.glob("*/policy.yaml"):
        policy = load(path)
        assert [str(finding) for finding in lint(policy, [WORKMAIL], now=NOON) if finding.severity is Severity.WARNING] == []
        applied = {name for folder, case in CASES if folder == path.parent for name in case["matched"]}
        assert applied == {rule.name for rule in policy.rules}, path.parent.name


def test_each_recipe_has_cases_with_and_without_a_change_and_a_row_in_the_table() -> None:
    table = (RECIPES / "README.md").read_text("utf-8")
    folders = {path.parent for path in RECIPES.glob("*/policy.yaml")}
    assert len(folders) > 10
    for folder in folders:
        cases = [case for where, case in CASES if where == folder]
        assert any(case["matched"] for case in cases)
        untouched = [case for case in cases if not case["matched"] or case.get("changed") is False]
        assert untouched, folder.name
        assert f"({folder.name}/policy.yaml)" in table
