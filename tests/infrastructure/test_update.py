"""The update of a stack of release 0.1, in which rules of WorkMail have the functions' ARNs without an alias (docs/deploy.md)."""

import pytest

from tests.infrastructure.stack import ROOT, Stack, accepts, read_template
from tests.infrastructure.test_functions import EVERYTHING

KEPT = {
    "MailflowFunction",
    "RewriteFunction",
    "DisclaimerFunction",
    "BounceFunction",
    "ObserveFunction",
    "AvailabilityFunction",
    "RewriteBucket",
    "MailflowRates",
    "ObserveDeadLetterQueue",
}
"""The logical IDs of 0.1 with which CloudFormation keeps ARNs, decisions for retries, contacts, and failed events."""


DEFAULTS = {
    "SubjectTag": "[EXTERNAL]",
    "PolicySource": "policy.yaml",
    "LogRetentionDays": 30,
    "AvailabilitySecretArn": "",
    "Architecture": "x86_64",
    "Tracing": "PassThrough",
    "AlarmTopicArn": "",
    "MemorySize": 1024,
    "AvailabilityImpersonationRoleId": "",
    "BounceRules": "[]",
    "DisclaimerText": "",
}
"""The defaults of 0.1 for parameters that are still there. SAM sends them again if the new samconfig.toml has no value."""


def test_the_page_names_each_default_of_0_1_that_would_stop_the_update() -> None:
    assert DEFAULTS.keys() < read_template()["Parameters"].keys()

    assert [name for name, value in DEFAULTS.items() if not accepts(name, value)] == ["Tracing"]
    assert "the old default `PassThrough` is gone" in " ".join((ROOT / "docs/deploy.md").read_text("utf-8").split())


def test_functions_and_what_they_stored_stay() -> None:
    assert Stack(**EVERYTHING).resources.keys() >= KEPT


@pytest.mark.parametrize("name", sorted(each for each in KEPT if each.endswith("Function")))
def test_workmail_may_invoke_a_function_by_its_old_arn_too(name: str) -> None:
    """Without the permission, the mail of a rule would wait for the rule timeout and get the fallback action."""
    stack = Stack(**EVERYTHING)
    by_alias, by_old_arn = (
        [each for each in stack.of_type("AWS::Lambda::Permission").values() if each["FunctionName"] == function]
        for function in (f"mail-{name}Aliaslive", f"mail-{name}")
    )

    assert [{**each, "FunctionName": ""} for each in by_old_arn] == [{**each, "FunctionName": ""} for each in by_alias]
    assert len(by_old_arn) == 1


def test_a_rule_with_the_old_arn_runs_the_function_with_the_same_settings() -> None:
    """The old ARN is the unpublished version, and the alias a version that CloudFormation publishes of it."""
    stack = Stack(**EVERYTHING)
    for name in stack.functions():
        alias = stack.resources[f"{name}Aliaslive"]["Properties"]
        [version] = [each for each in stack.of_type("AWS::Lambda::Version") if f"mail-{each}.Version" == alias["FunctionVersion"]]
        assert stack.resources[version]["Properties"]["FunctionName"] == f"mail-{name}"
