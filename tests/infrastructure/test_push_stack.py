"""The stack of push notifications (push/template.yaml)."""

import json
import re
from functools import cache
from typing import Any

import boto3
import pytest

from mailhooks.deadline import Deadline
from mailhooks.push.delivered_events import CLAIM_S, Claim, DeliveredEvents
from mailhooks.push.notification import Event
from mailhooks.push.report import KEEPER, RESPONDER, Metric
from mailhooks.push.settings import PushSettings
from mailhooks.push.subscription_table import State, Subscription, SubscriptionTable
from tests.infrastructure.stack import ACCOUNT, ORGANIZATION, ROOT, Document, Stack, read_template
from tests.infrastructure.test_functions import EVERYTHING
from tests.support.moto_account import use_moto_account

PATH = ROOT / "push/template.yaml"
ROLE = "a1b2c3d4"
KEY = str(EVERYTHING["KmsKeyArn"])
BUS = f"arn:aws:events:eu-west-1:{ACCOUNT}:event-bus/company"
TOPIC = f"arn:aws:sns:eu-west-1:{ACCOUNT}:alarms"


@cache
def push_stack(**parameters: str | int) -> Stack:
    return Stack(read_template(PATH), name="push", **{"ImpersonationRoleId": ROLE, **parameters})


@pytest.fixture(scope="module")
def stack() -> Stack:
    return push_stack()


def rights(stack: Stack, function: str) -> set[tuple[str, str]]:
    return {(action, resource) for action, resource in stack.rights(function) if not action.startswith("logs:")}


class TestUrl:
    """A URL needs two permissions since October 2025 (Lambda guide, "Control access to Lambda function URLs")."""

    def test_may_be_called_by_workmail_which_cannot_sign_requests(self, stack: Stack) -> None:
        [url] = stack.of_type("AWS::Lambda::Url").values()
        by_action = {each["Action"]: each for each in stack.of_type("AWS::Lambda::Permission").values() if each["Principal"] == "*"}

        assert url["AuthType"] == "NONE"
        assert by_action["lambda:InvokeFunctionUrl"]["FunctionUrlAuthType"] == "NONE"
        assert by_action["lambda:InvokeFunction"]["InvokedViaFunctionUrl"] is True
        assert len(by_action) == 2

    def test_is_only_of_the_responder(self, stack: Stack) -> None:
        public = [each for each in stack.of_type("AWS::Lambda::Permission").values() if each["Principal"] == "*"]

        assert {each["FunctionName"] for each in public} == {"push-ResponderFunction"}

    def test_is_known_to_the_keeper(self, stack: Stack) -> None:
        assert re.fullmatch(r"https://\w+\.lambda-url\.eu-west-1\.on\.aws/", stack.variables("KeeperFunction")["PUSH_URL"])


@pytest.mark.parametrize("name,module", [("ResponderFunction", "app"), ("KeeperFunction", "subscriptions")])
class TestEachFunction:
    def test_runs_on_lambdas_python_3_13_with_a_handler_that_exists(self, stack: Stack, name: str, module: str) -> None:
        function = stack.functions()[name]

        assert (function["Runtime"], function["Handler"]) == ("python3.13", f"{module}.handler")
        assert re.search(r"^handler\b", (ROOT / "functions/push" / f"{module}.py").read_text("utf-8"), re.MULTILINE)

    def test_has_valid_settings(self, stack: Stack, name: str, module: str) -> None:
        variables = stack.variables(name) | {"PUSH_SECRET": "secret"}
        variables |= {"PUSH_EVENT_BUS": BUS} if name == "ResponderFunction" else {}
        known = {each.metadata.get("variable", each.name.upper()) for each in PushSettings.__dataclass_fields__.values()}

        assert PushSettings.from_env(variables).service == "push"
        assert variables.keys() <= known | {"PYTHONTZPATH"}

    def test_has_the_chosen_processor_memory_and_tracing(self, name: str, module: str) -> None:
        chosen = push_stack(Architecture="arm64", MemorySize=512, Tracing="Active").functions()[name]

        assert (chosen["Architectures"], chosen["MemorySize"], chosen["TracingConfig"]) == (["arm64"], "512", {"Mode": "Active"})

    def test_logs_addresses_only_if_wanted(self, name: str, module: str) -> None:
        assert push_stack().variables(name)["LOG_ADDRESSES"] == "false"
        assert push_stack(LogPersonalData="all").variables(name)["LOG_ADDRESSES"] == "true"

    def test_writes_to_the_log_group_of_the_stack(self, stack: Stack, name: str, module: str) -> None:
        assert stack.functions()[name]["LoggingConfig"] == {"LogGroup": "push-LogGroup"}


class TestConcurrency:
    def test_is_limited_so_that_a_flood_leaves_enough_for_mail(self, stack: Stack) -> None:
        functions = stack.functions()

        assert functions["ResponderFunction"]["ReservedConcurrentExecutions"] == "10"
        assert functions["KeeperFunction"]["ReservedConcurrentExecutions"] == 1

    def test_is_not_reserved_with_0(self) -> None:
        functions = push_stack(ReservedConcurrency=0).functions().values()

        assert not any("ReservedConcurrentExecutions" in each for each in functions)


def test_a_claim_is_longer_than_an_invocation_of_the_responder(stack: Stack) -> None:
    assert stack.functions()["ResponderFunction"]["Timeout"] < CLAIM_S


def test_a_run_of_the_keeper_ends_before_the_next(stack: Stack) -> None:
    [schedule] = [each["ScheduleExpression"] for each in stack.of_type("AWS::Events::Rule").values()]

    assert schedule == "rate(5 minutes)"
    assert stack.functions()["KeeperFunction"]["Timeout"] < 5 * 60


def test_the_responder_does_not_load_the_packages_of_the_keeper(stack: Stack) -> None:
    layers = {name: len(each["Layers"]) for name, each in stack.functions().items()}

    assert layers == {"ResponderFunction": 1, "KeeperFunction": 2}


class TestRights:
    def test_of_the_responder(self, stack: Stack) -> None:
        assert rights(stack, "ResponderFunction") == {
            ("secretsmanager:GetSecretValue", "push-CallbackSecret"),
            ("dynamodb:GetItem", "push-SubscriptionsTable.Arn"),
            ("dynamodb:UpdateItem", "push-SubscriptionsTable.Arn"),
            ("dynamodb:UpdateItem", "push-EventsTable.Arn"),
            ("dynamodb:DeleteItem", "push-EventsTable.Arn"),
            ("events:PutEvents", "push-EventBus.Arn"),
        }

    def test_of_the_keeper(self, stack: Stack) -> None:
        organization = f"arn:aws:workmail:eu-west-1:{ACCOUNT}:organization/{ORGANIZATION}"

        assert rights(stack, "KeeperFunction") == {
            ("secretsmanager:GetSecretValue", "push-CallbackSecret"),
            *((f"dynamodb:{each}", "push-SubscriptionsTable.Arn") for each in ("Scan", "PutItem", "UpdateItem", "DeleteItem")),
            ("workmail:AssumeImpersonationRole", organization),
        }

    def test_the_impersonation_role_is_the_only_one(self, stack: Stack) -> None:
        [statement] = [each for each in stack.statements("KeeperFunction") if each["Action"] == "workmail:AssumeImpersonationRole"]

        assert statement["Condition"] == {"StringEquals": {"workmail:ImpersonationRoleId": ROLE}}

    def test_the_bus_gets_events_of_this_source_only(self, stack: Stack) -> None:
        [statement] = [each for each in stack.statements("ResponderFunction") if each["Action"] == "events:PutEvents"]

        assert statement["Condition"] == {"StringEquals": {"events:source": "workmail-hooks"}}

    @pytest.mark.parametrize(
        "source,right",
        [
            ("s3://example-config/push/a.json", ("s3:GetObject", "arn:aws:s3:::example-config/push/a.json")),
            ("ssm:/push/config", ("ssm:GetParameter", f"arn:aws:ssm:eu-west-1:{ACCOUNT}:parameter/push/config")),
        ],
    )
    def test_a_configuration_elsewhere_may_be_read_by_the_keeper(self, source: str, right: tuple[str, str]) -> None:
        elsewhere = push_stack(ConfigSource=source)

        assert rights(elsewhere, "KeeperFunction") - rights(push_stack(), "KeeperFunction") == {right}
        assert rights(elsewhere, "ResponderFunction") == rights(push_stack(), "ResponderFunction")

    def test_roles_have_the_path_and_the_boundary(self) -> None:
        boundary = "arn:aws:iam::123456789012:policy/boundary"
        roles = push_stack(RolePath="/mail/", PermissionsBoundaryArn=boundary).of_type("AWS::IAM::Role").values()

        assert [(each["Path"], each["PermissionsBoundary"]) for each in roles] == [("/mail/", boundary)] * 2


class TestBus:
    def test_is_a_bus_of_the_stack(self, stack: Stack) -> None:
        [bus] = stack.of_type("AWS::Events::EventBus").values()

        assert bus["Name"] == "push"
        assert stack.outputs["EventBusArn"] == stack.variables("ResponderFunction")["PUSH_EVENT_BUS"] == "push-EventBus.Arn"

    def test_may_be_another(self) -> None:
        other = push_stack(EventBusArn=BUS)

        assert other.of_type("AWS::Events::EventBus") == {}
        assert other.outputs["EventBusArn"] == other.variables("ResponderFunction")["PUSH_EVENT_BUS"] == BUS
        assert ("events:PutEvents", BUS) in rights(other, "ResponderFunction")


class TestTables:
    def test_work_with_the_library(self, stack: Stack) -> None:
        deadline, event = Deadline.after(10), Event("NewMail", "w1", None, {}, None)
        with use_moto_account("eu-west-1"):
            for name, table in stack.of_type("AWS::DynamoDB::Table").items():
                keys = {each: table[each] for each in ("AttributeDefinitions", "KeySchema", "BillingMode")}
                boto3.client("dynamodb").create_table(TableName=name, **keys)
            subscriptions, events = SubscriptionTable("SubscriptionsTable"), DeliveredEvents("EventsTable")
            subscriptions.save(Subscription("id", "a@example.com", "tickets", State.ACTIVE), deadline)
            found = subscriptions.find("id", deadline)
            claims = []
            for owner in ("one", "two"):
                claims += events.claim({"key": event}, owner, deadline).values()
                events.complete({"key": event}, owner, deadline)

        assert found is not None
        assert found.mailbox == "a@example.com"
        assert claims == [Claim.OWN, Claim.DELIVERED]

    def test_are_encrypted_and_paid_by_request(self) -> None:
        for table in push_stack(KmsKeyArn=KEY).of_type("AWS::DynamoDB::Table").values():
            assert table["BillingMode"] == "PAY_PER_REQUEST"
            assert table["SSESpecification"] == {"SSEEnabled": True, "SSEType": "KMS", "KMSMasterKeyId": KEY}

    def test_forget_events_by_their_time_to_live(self, stack: Stack) -> None:
        assert stack.of_type("AWS::DynamoDB::Table")["EventsTable"]["TimeToLiveSpecification"] == {
            "AttributeName": "expires",
            "Enabled": True,
        }

    def test_and_all_other_data_do_not_outlive_the_stack(self) -> None:
        kinds = {"AWS::DynamoDB::Table", "AWS::Logs::LogGroup", "AWS::SecretsManager::Secret"}
        resources = [each for each in read_template(PATH)["Resources"].values() if each["Type"] in kinds]

        assert [(each["DeletionPolicy"], each["UpdateReplacePolicy"]) for each in resources] == [("Delete", "Delete")] * 4


def test_the_key_encrypts_the_secret_and_the_log_and_may_be_used_by_both_functions() -> None:
    encrypted = push_stack(KmsKeyArn=KEY)
    [secret], [log] = (encrypted.of_type(kind).values() for kind in ("AWS::SecretsManager::Secret", "AWS::Logs::LogGroup"))

    assert (secret["KmsKeyId"], log["KmsKeyId"]) == (KEY, KEY)
    assert all(("kms:Decrypt", KEY) in encrypted.rights(name) for name in encrypted.functions())


class TestAlarms:
    @pytest.fixture
    def alarms(self) -> dict[str, Document]:
        return push_stack(AlarmTopicArn=TOPIC).of_type("AWS::CloudWatch::Alarm")

    def test_are_of_metrics_that_a_function_emits(self, alarms: dict[str, Document]) -> None:
        own = {name: each for name, each in alarms.items() if each["Namespace"] == "WorkMailHooks" and "Dimensions" in each}
        named = {
            (each["MetricName"], dimension["Value"])
            for each in own.values()
            for dimension in each["Dimensions"]
            if dimension["Name"] == "hook"
        }

        assert named == {
            (Metric.FAILED, RESPONDER),
            (Metric.PASSING, RESPONDER),
            (Metric.REFUSED, RESPONDER),
            (Metric.FAILED, KEEPER),
            (Metric.LOST, KEEPER),
        }
        assert all({"Name": "service", "Value": "push"} in each["Dimensions"] for each in own.values())

    def test_are_sent_to_the_topic(self, alarms: dict[str, Document]) -> None:
        assert all(each["AlarmActions"] == [TOPIC] for each in alarms.values())
        assert not any("AlarmActions" in each for each in push_stack().of_type("AWS::CloudWatch::Alarm").values())

    def test_are_on_the_page_with_their_meaning(self, alarms: dict[str, Document]) -> None:
        page = (ROOT / "docs/push.md").read_text("utf-8")

        assert set(re.findall(r"^\| `(\w+Alarm)` \|", page, re.MULTILINE)) == alarms.keys()


ACCEPTED: list[tuple[str, Any]] = [
    ("OrganizationId", ORGANIZATION),
    ("ImpersonationRoleId", "a1b2c3d4-5e6f-7a8b_9c0d"),
    ("ConfigSource", "subscriptions.json"),
    ("ConfigSource", "s3://example-config/push/a.json"),
    ("ConfigSource", "ssm:/push/config"),
    ("EventBusArn", ""),
    ("EventBusArn", BUS),
]
REFUSED: list[tuple[str, Any]] = [
    ("OrganizationId", f"arn:aws:workmail:eu-west-1:{ACCOUNT}:organization/{ORGANIZATION}"),
    ("ImpersonationRoleId", ""),
    ("ImpersonationRoleId", "*"),
    ("ConfigSource", "subscriptions.yaml"),
    ("ConfigSource", "../subscriptions.json"),
    ("ConfigSource", "s3://example-config/*"),
    ("ConfigSource", "ssm:config"),
    ("EventBusArn", "company"),
    ("EventBusArn", BUS.replace("company", "*")),
]


@pytest.mark.parametrize("name,value,accepted", [(*each, True) for each in ACCEPTED] + [(*each, False) for each in REFUSED])
def test_a_parameter_accepts_what_the_functions_accept(name: str, value: str, accepted: bool) -> None:
    assert bool(re.fullmatch(read_template(PATH)["Parameters"][name]["AllowedPattern"], value)) is accepted
    if name == "ConfigSource" and accepted:
        assert PushSettings.from_env({"PUSH_CONFIG": value}).push_config == value


def test_parameters_that_both_stacks_have_are_the_same() -> None:
    ours, main = read_template(PATH)["Parameters"], read_template()["Parameters"]

    for name in ("LogRetentionDays", "AlarmTopicArn", "Architecture", "PermissionsBoundaryArn"):
        assert {key: value for key, value in ours[name].items() if key != "Description"} == {
            key: value for key, value in main[name].items() if key != "Description"
        }


def test_each_parameter_is_in_a_group() -> None:
    template = read_template(PATH)
    groups = template["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"]

    assert sorted(name for group in groups for name in group["Parameters"]) == sorted(template["Parameters"])


def test_the_stack_is_refused_in_a_region_without_workmail() -> None:
    stack = Stack(read_template(PATH), name="push", region="eu-central-1", ImpersonationRoleId=ROLE)

    assert len(stack.refused) == 1
    assert push_stack().refused == []


def test_the_configuration_in_the_functions_folder_makes_no_subscription() -> None:
    assert json.loads((ROOT / "functions/push/subscriptions.json").read_text("utf-8")) == {"subscriptions": []}
