"""The organization's stack: audit logs as wanted, and nothing that two stacks share."""

import json
import re
from itertools import combinations

import pytest

from tests.infrastructure.stack import ROOT, Stack, read_template, strings
from tests.monitoring.stacks import main_stack, organization_stack

# CloudWatch Logs API reference, PutDeliverySource: the types of Amazon WorkMail.
LOG_TYPES = {
    "access-control": "ACCESS_CONTROL_LOGS",
    "authentication": "AUTHENTICATION_LOGS",
    "availability-provider": "WORKMAIL_AVAILABILITY_PROVIDER_LOGS",
    "mailbox-access": "WORKMAIL_MAILBOX_ACCESS_LOGS",
    "personal-access-token": "WORKMAIL_PERSONAL_ACCESS_TOKEN_LOGS",
}


def test_all_audit_logs_are_delivered_to_one_group() -> None:
    stack = organization_stack()
    sources = stack.of_type("AWS::Logs::DeliverySource")
    assert {each["LogType"] for each in sources.values()} == set(LOG_TYPES.values())
    assert {each["ResourceArn"] for each in sources.values()} == {
        "arn:aws:workmail:eu-west-1:123456789012:organization/m-0123456789abcdef0123456789abcdef"
    }
    deliveries = stack.of_type("AWS::Logs::Delivery").values()
    assert {each["DeliverySourceName"] for each in deliveries} == {f"organization-{name}" for name in sources}
    assert {each["DeliveryDestinationArn"] for each in deliveries} == {"organization-AuditDestination.Arn"}
    [destination] = stack.of_type("AWS::Logs::DeliveryDestination").values()
    assert destination["DestinationResourceArn"] == "organization-AuditLogGroup.Arn"


@pytest.mark.parametrize("name, log_type", LOG_TYPES.items())
def test_one_audit_log_alone_is_delivered(name: str, log_type: str) -> None:
    stack = organization_stack(AuditLogs=name)
    assert [each["LogType"] for each in stack.of_type("AWS::Logs::DeliverySource").values()] == [log_type]
    assert len(stack.of_type("AWS::Logs::Delivery")) == len(stack.of_type("AWS::Logs::LogGroup")) == 1


@pytest.mark.parametrize("wanted", [each for count in (2, 3, 5) for each in combinations(LOG_TYPES, count)])
def test_deliveries_are_created_one_after_the_other(wanted: tuple[str, ...]) -> None:
    """CloudWatch Logs rejects a delivery while it creates another (ConflictException)."""
    resources = organization_stack(AuditLogs=",".join(wanted)).decided()["Resources"]
    deliveries = [name for name, each in resources.items() if each["Type"] == "AWS::Logs::Delivery"]
    before = {name: set(strings(resources[name].get("Metadata", {}))) & {*deliveries} for name in deliveries}
    assert [len(each) for each in before.values()] == list(range(len(wanted)))
    assert all(not {name, *later} & before[name] for name, *later in (deliveries[at:] for at in range(len(deliveries))))


def test_a_stack_with_a_name_of_38_characters_names_its_sources_as_cloudwatch_allows() -> None:
    text = (ROOT / "organization/template.yaml").read_text("utf-8")
    assert "a name of at most\n  38 characters" in text
    sources = organization_stack("a" * 38).of_type("AWS::Logs::DeliverySource").values()
    assert max(len(each["Name"]) for each in sources) == 60


def test_without_audit_logs_the_stack_has_only_queries() -> None:
    stack = organization_stack(AuditLogs="none")
    assert {each["Type"] for each in stack.resources.values()} == {"AWS::Logs::QueryDefinition"}
    assert not [name for each in stack.of_type("AWS::Logs::QueryDefinition").values() if (name := each["Name"].split("/")[2]) == "audit"]


def test_the_delivery_service_may_write_to_the_group_of_audit_logs_only_for_this_account() -> None:
    stack = organization_stack()
    [group] = stack.of_type("AWS::Logs::LogGroup").values()
    [policy] = stack.of_type("AWS::Logs::ResourcePolicy").values()
    [statement] = json.loads(policy["PolicyDocument"])["Statement"]
    assert statement["Principal"] == {"Service": "delivery.logs.amazonaws.com"}
    assert statement["Resource"].split(":log-group:")[1] == f"{group['LogGroupName']}:log-stream:*"
    assert statement["Condition"]["StringEquals"] == {"aws:SourceAccount": "123456789012"}


@pytest.mark.parametrize("key", ["", "arn:aws:kms:eu-west-1:123456789012:key/0123"])
def test_audit_logs_are_encrypted_with_a_key_if_it_is_given_and_outlive_the_stack(key: str) -> None:
    stack = organization_stack(KmsKeyArn=key, LogRetentionDays="365")
    [group] = stack.of_type("AWS::Logs::LogGroup").values()
    assert (group.get("KmsKeyId", ""), group["RetentionInDays"]) == (key, "365")
    # A group that stays after a failed first deployment would make the next one fail.
    assert stack.resources["AuditLogGroup"]["DeletionPolicy"] == "RetainExceptOnCreate"
    assert stack.resources["AuditLogGroup"]["UpdateReplacePolicy"] == "Retain"


@pytest.mark.parametrize(
    "value, valid",
    [
        ("none", True),
        ("authentication,mailbox-access", True),
        ("mailbox-access, authentication", False),
        ("none,authentication", False),
        ("everything", False),
    ],
)
def test_the_names_of_audit_logs_are_checked(value: str, valid: bool) -> None:
    parameter = read_template(ROOT / "organization/template.yaml")["Parameters"]["AuditLogs"]
    assert bool(re.fullmatch(parameter["AllowedPattern"], value)) is valid


def test_queries_without_log_groups_leave_the_choice_to_the_console() -> None:
    stack = organization_stack(EventLogGroup="", HooksLogGroups="", AuditLogs="none")
    assert not [each for each in stack.of_type("AWS::Logs::QueryDefinition").values() if "LogGroupNames" in each]


@pytest.mark.parametrize(
    "parameters, groups",
    [
        ({}, ["/aws/workmail/emailevents/example", "/aws/lambda/mail", "/aws/lambda/calendars"]),
        ({"EventLogGroup": ""}, ["/aws/lambda/mail", "/aws/lambda/calendars"]),
        ({"HooksLogGroups": ""}, ["/aws/workmail/emailevents/example"]),
    ],
)
def test_the_query_over_both_logs_names_the_groups_that_are_given(parameters: dict[str, str], groups: list[str]) -> None:
    joined = organization_stack(**parameters).of_type("AWS::Logs::QueryDefinition")["JoinByMessageId"]
    assert joined["LogGroupNames"] == groups


def _names(stack: Stack) -> set[str]:
    """Return the names that a stack gives to its resources, and those of its alarms' metrics."""
    given = {
        str(properties[key])
        for resource in stack.resources.values()
        if resource["Type"] != "AWS::Lambda::Alias"  # its name belongs to its function
        for properties in [resource["Properties"]]
        for key in ("Name", "DashboardName", "LogGroupName", "PolicyName", "AlarmName", "FunctionName", "QueueName", "LayerName")
        if key in properties
    }
    metrics = {
        text for each in stack.of_type("AWS::CloudWatch::Alarm").values() for text in strings(each) if "SELECT" in text or "Crashed" in text
    }
    return given | {text for text in metrics if "AWS/WorkMail" not in text}


@pytest.mark.parametrize("make", [main_stack, organization_stack])
def test_two_stacks_share_no_name_no_metric_and_no_alarm(make) -> None:
    one, other = make("mail"), make("mail-2")
    assert _names(one)
    assert not _names(one) & _names(other)


def test_the_widgets_and_queries_fit_into_the_limits_of_cloudwatch() -> None:
    for each in organization_stack().of_type("AWS::Logs::QueryDefinition").values():
        assert len(each["QueryString"]) <= 10_000
        assert len(each["Name"]) <= 255
    for stack in (main_stack(), main_stack("a" * 40)):
        for text in (
            text for each in stack.of_type("AWS::CloudWatch::Dashboard").values() for text in re.findall(r"SEARCH\([^\n]*?\)\"", str(each))
        ):
            assert len(text) <= 1024
