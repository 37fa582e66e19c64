"""Two versions of a function side by side, as in a gradual deployment: one gets the message, the other one its retry."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mailhooks.errors import TransientError
from tests.integration.conftest import Load
from tests.integration.drills.company import PLAIN, RAW, Company, lines_of
from tests.integration.drills.gate import DOWN, Fault, Gate
from tests.integration.drills.page import read_drill
from tests.integration.hooks.test_functions import Remaining

Handler = Callable[[Any, Any], Any]

_OTHER = """
version: 1
organization: { domains: [example.com] }
defaults: { mixed: all, on_error: retry }
rules:
  - name: others
    when: { recipient: ana@example.com, header: { name: Subject, regex: "Offer" } }
    do: [ junk, { subject_tag: "[OTHER]" }, { strip_attachments: { extensions: [exe] } } ]
"""

LOST = Fault(forwarded=True)
"""The service receives the call, and its response is lost."""


@pytest.fixture
def load_versions(company: Company, gate: Gate, load: Load, tmp_path: Path) -> Callable[[], list[Handler]]:
    """Loads the function mailflow with two policies that have neither a rule nor a verdict in common."""

    def load_both() -> list[Handler]:
        found = []
        for name, text in (("one", company.policy()), ("other", _OTHER)):
            (tmp_path / name).mkdir()
            (tmp_path / name / "policy.yaml").write_text(text)
            variables = company.variables() | gate.environment | {"POLICY": str(tmp_path / name / "policy.yaml")}
            found.append(load("mailflow", **variables).handler)
        return found

    return load_both


@pytest.mark.parametrize("order", [1, -1])
def test_a_message_that_one_version_has_changed_keeps_its_verdict_and_its_content_in_the_other(
    order: int, load_versions: Callable[[], list[Handler]], company: Company, gate: Gate, capsys: pytest.CaptureFixture[str]
) -> None:
    drill = read_drill("The retry meets another version, after the change")
    first, second = load_versions()[::order]
    calm = company.arrive(1)
    expected = first(calm, Remaining(14))
    document = company.arrive(2)
    capsys.readouterr()
    gate.find_fault = lambda call: LOST if call.operation == "PutRawMessageContent" else None
    with pytest.raises(TransientError):
        first(document, Remaining(14))
    drill.check(lines_of(capsys.readouterr().out), 0)
    gate.find_fault = lambda _call: None
    puts = company.workmail.store.puts(document["messageId"])
    assert second(document, Remaining(14)) == expected
    drill.check(lines_of(capsys.readouterr().out), 1)
    assert company.content(document) == company.content(calm) != RAW
    assert company.workmail.store.puts(document["messageId"]) == puts


@pytest.mark.parametrize("order", [1, -1])
def test_a_message_that_one_version_has_not_changed_yet_is_decided_by_the_other_alone(
    order: int, load_versions: Callable[[], list[Handler]], company: Company, gate: Gate, capsys: pytest.CaptureFixture[str]
) -> None:
    drill = read_drill("The retry meets another version, before the change")
    first, second = load_versions()[::order]
    calm = company.arrive(1)
    expected = second(calm, Remaining(14))
    document = company.arrive(2)
    capsys.readouterr()
    gate.find_fault = lambda call: DOWN if call.operation == "PutRawMessageContent" else None
    with pytest.raises(TransientError):
        first(document, Remaining(14))
    drill.check(lines_of(capsys.readouterr().out), 0)
    gate.find_fault = lambda _call: None
    assert second(document, Remaining(14)) == expected
    drill.check(lines_of(capsys.readouterr().out), 1)
    assert company.content(document) == company.content(calm)


@pytest.mark.parametrize("function, variable", [("rewrite", "SUBJECT_TAG"), ("disclaimer", "DISCLAIMER_TEXT")])
def test_a_changed_setting_adds_nothing_to_a_message_that_the_old_version_has_changed(
    function: str, variable: str, company: Company, load: Load, capsys: pytest.CaptureFixture[str]
) -> None:
    drill = read_drill("The retry meets another version, after the change")
    document = company.arrive(1, PLAIN)
    load(function, **{variable: "[OLD]"}).handler(document, Remaining(14))
    changed = company.content(document)
    assert b"[OLD]" in changed
    capsys.readouterr()
    load(function, **{variable: "[NEW]"}).handler(document, Remaining(14))
    drill.check(lines_of(capsys.readouterr().out), 1)
    assert company.content(document) == changed


def edit_decision(company: Company, edit: Callable[[dict[str, Any]], str | None]) -> None:
    """Replace the stored decision by the text that `edit` returns; remove it for None."""
    bucket = company.workmail.bucket
    s3 = company.workmail.client("s3")
    [item] = s3.list_objects_v2(Bucket=bucket, Prefix="decided/")["Contents"]
    text = edit(json.loads(s3.get_object(Bucket=bucket, Key=item["Key"])["Body"].read()))
    if text is None:
        s3.delete_object(Bucket=bucket, Key=item["Key"])
    else:
        s3.put_object(Bucket=bucket, Key=item["Key"], Body=text.encode())
    s3.close()


@pytest.mark.parametrize(
    "edit",
    [
        pytest.param(lambda stored: json.dumps({"actions": stored["actions"]}), id="older"),
        pytest.param(lambda stored: json.dumps(stored | {"newProperty": {"a": [1]}}), id="newer"),
    ],
)
def test_the_decision_of_an_older_or_a_newer_format_is_the_verdict(
    edit: Callable[[dict[str, Any]], str], load_versions: Callable[[], list[Handler]], company: Company, capsys: pytest.CaptureFixture[str]
) -> None:
    drill = read_drill("The retry meets another version, after the change")
    versions = load_versions()
    document = company.arrive(1)
    expected = versions[0](document, Remaining(14))
    changed = company.content(document)
    edit_decision(company, edit)
    capsys.readouterr()
    assert versions[1](document, Remaining(14)) == expected
    drill.check(lines_of(capsys.readouterr().out), 1)
    assert company.content(document) == changed


@pytest.mark.parametrize(
    "text, number",
    [
        (None, 0),
        (None, 1),
        ("[]", 1),
        ("{", 0),
        ('{"actions": [{"action": {"type": "TELEPORT"}, "allRecipients": true}]}', 1),
    ],
)
def test_without_a_usable_decision_the_rules_decide_again_and_change_nothing(
    text: str | None, number: int, load_versions: Callable[[], list[Handler]], company: Company, capsys: pytest.CaptureFixture[str]
) -> None:
    drill = read_drill("The message is changed, and its decision is missing")
    versions = load_versions()
    document = company.arrive(1)
    versions[0](document, Remaining(14))
    changed = company.content(document)
    edit_decision(company, lambda _stored: text)
    capsys.readouterr()
    answer = versions[number](document, Remaining(14))
    drill.check(lines_of(capsys.readouterr().out), 0)
    assert company.content(document) == changed
    assert company.workmail.store.puts(document["messageId"]) == 1
    kinds = {entry["action"]["type"] for entry in answer["actions"]}
    assert kinds == ({"DEFAULT"} if number == 0 else {"MOVE_TO_JUNK", "DEFAULT"})
