"""The functions of a stack: which of them exist, their versions and their settings."""

import itertools
import json
import re
from typing import Any

import pytest
from cfnlint import ManualArgs, lint

from mailhooks.availability.provider import BUDGET_S
from mailhooks.settings import BUILT_IN_POLICY, OnError, Settings
from tests.infrastructure.stack import ORGANIZATION, REGION, ROOT, Document, Stack, accepts, parse_template, read_template, strings


def list_mail_functions() -> list[str]:
    """Return the mail functions that the template can deploy: the choices in the pattern of `Functions`."""
    [choices] = re.findall(r"\(\((\w+(?:\|\w+)*)\)\(", read_template()["Parameters"]["Functions"]["AllowedPattern"])
    return str(choices).split("|")


MAIL = list_mail_functions()


SECRET = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:mail/free-busy-AbC123"
EVERYTHING = {
    "Functions": ",".join(MAIL),
    "AvailabilitySecretArn": SECRET,
    "AvailabilityImpersonationRoleId": "a1b2",
    "AvailabilityNetwork": "subnet-01234567,subnet-89abcdef/sg-01234567,sg-89abcdef",
    "PolicySource": "s3://policies/policy.yaml",
    "PolicyNeeds": "counting,directory,hold",
    "PolicyResourceArns": "arn:aws:sns:eu-west-1:123456789012:mail,arn:aws:states:eu-west-1:123456789012:stateMachine:approvals",
    "ApprovalSender": "approvals@example.com",
    "Deployment": "Linear10PercentEvery1Minute",
    "KmsKeyArn": "arn:aws:kms:eu-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab",
    "Tracing": "Active",
    "ReservedConcurrency": 5,
}
"""Parameters with which each resource of the template exists."""

TEXT = (ROOT / "template.yaml").read_text("utf-8")

WORKMAIL_WAITS_S = 15
"""Guide, "Synchronous Run Lambda action limits"."""

WORKMAIL_WAITS_FOR_AVAILABILITY_S = 25
"""Guide, "Building a Custom Availability Provider Lambda function": "Response elements"."""


def logical_id(function: str) -> str:
    return f"{function.title()}Function"


OTHER_STACKS = ("export",)
"""The folders of stacks with functions of their own."""


class TestWhichFunctionsExist:
    @pytest.mark.parametrize("wanted", [each for count in (1, 2, len(MAIL)) for each in itertools.combinations(MAIL, count)])
    def test_those_of_the_list_and_no_others(self, wanted: tuple[str, ...]) -> None:
        stack = Stack(Functions=",".join(wanted))

        assert stack.functions().keys() == {logical_id(each) for each in wanted}
        assert stack.refused == []

    def test_without_a_choice_mailflow_alone(self) -> None:
        assert Stack().functions().keys() == {"MailflowFunction"}

    @pytest.mark.parametrize("function", MAIL)
    def test_a_function_that_is_not_wanted_leaves_nothing_behind(self, function: str) -> None:
        others = ",".join(each for each in MAIL if each != function)
        stack = Stack(**{**EVERYTHING, "Functions": others})

        left = {each for each in (*stack.resources, *stack.outputs) if each.startswith(function.title())}
        assert left <= {"RewriteBucket", "RewriteBucketPolicy", "RewriteBucketName"}  # of all functions that replace mail

    @pytest.mark.parametrize("function", ["bounce", "observe"])
    def test_functions_that_replace_no_mail_need_no_bucket(self, function: str) -> None:
        kinds = {each["Type"] for each in Stack(Functions=function).resources.values()}

        assert kinds.isdisjoint({"AWS::S3::Bucket", "AWS::S3::BucketPolicy", "AWS::IAM::ManagedPolicy", "AWS::DynamoDB::Table"})

    def test_every_function_of_the_folder_can_be_deployed(self) -> None:
        stacks = (Stack(**EVERYTHING), *(Stack(read_template(ROOT / name / "template.yaml")) for name in OTHER_STACKS))
        built = {each["Code"]["S3Key"].removeprefix("../") for stack in stacks for each in stack.functions().values()}

        # Those of push notifications and of SES have stacks of their own.
        others = {"functions/push", "functions/ses"}
        assert built | others == {f"functions/{path.parent.name}" for path in (ROOT / "functions").glob("*/app.py")}

    def test_everything_means_every_resource_and_output(self) -> None:
        stack = Stack(**EVERYTHING)

        assert stack.resources.keys() == stack.translated["Resources"].keys()
        assert stack.outputs.keys() == stack.translated["Outputs"].keys()


class TestWithoutABlock:
    """A function's resources follow the comment with its name. Its outputs refer to them."""

    @pytest.mark.parametrize("function", [*MAIL, "availability"])
    def test_the_rest_of_the_template_is_complete(self, function: str) -> None:
        rest = Stack(parse_template(remove_blocks(function)), **EVERYTHING)  # fails on a reference to a resource that is not there

        assert rest.functions().keys() == Stack(**EVERYTHING).functions().keys() - {logical_id(function)}

    @pytest.mark.slow
    @pytest.mark.parametrize("functions", [["mailflow"], ["availability", *MAIL[1:]]])
    def test_the_rest_of_the_template_is_accepted_by_cfn_lint(self, functions: list[str]) -> None:
        found = lint(remove_blocks(*functions), config=ManualArgs(regions=[REGION]))

        # Only conditions and mappings that nothing uses now, which CloudFormation accepts.
        assert [each for each in found if each.rule.id not in {"W8001", "W7001"}] == []


def remove_blocks(*functions: str) -> str:
    """Return the template without some functions: their resources, and the outputs that refer to them."""
    template, outputs = TEXT.split("\nOutputs:\n")
    removed: set[str] = set()
    for function in functions:
        [block] = re.findall(rf"^  # {function}: .*?(?=^  # \w+: )", template, re.MULTILINE | re.DOTALL)
        removed.update(re.findall(r"^  (\w+):", block, re.MULTILINE))
        template = template.replace(block, "")
    left = [each for each in re.split(r"^(?=  \w)", outputs, flags=re.MULTILINE) if removed.isdisjoint(re.findall(r"\w+", each))]
    return f"{template}\nOutputs:\n{''.join(left)}"


@pytest.fixture(scope="module")
def stack() -> Stack:
    return Stack(**EVERYTHING)


@pytest.mark.parametrize("name", [logical_id(each) for each in (*MAIL, "availability")])
class TestEachFunction:
    def test_runs_on_lambdas_python_3_13_with_a_handler_that_exists(self, stack: Stack, name: str) -> None:
        function = stack.functions()[name]
        module, _, handler = function["Handler"].partition(".")

        assert function["Runtime"] == "python3.13"
        source = (ROOT / function["Code"]["S3Key"] / f"{module}.py").read_text("utf-8")
        assert re.search(rf"^(def )?{handler}\b", source, re.MULTILINE)

    def test_is_named_to_workmail_by_its_alias(self, stack: Stack, name: str) -> None:
        alias = stack.resources[f"{name}Aliaslive"]

        assert stack.outputs[f"{name}Arn"] == f"mail-{name}Aliaslive"
        assert alias["Properties"]["FunctionName"] == f"mail-{name}"
        assert f"mail-{name}Aliaslive" in {each["FunctionName"] for each in stack.of_type("AWS::Lambda::Permission").values()}

    def test_writes_to_the_log_group_of_the_stack(self, stack: Stack, name: str) -> None:
        assert stack.functions()[name]["LoggingConfig"] == {"LogGroup": "mail-LogGroup"}

    def test_has_the_chosen_processor_memory_tracing_snapshots_and_concurrency(self, name: str) -> None:
        chosen = Stack(**{**EVERYTHING, "Architecture": "arm64", "MemorySize": 512, "SnapStart": "PublishedVersions"}).functions()[name]

        assert (chosen["Architectures"], chosen["MemorySize"]) == (["arm64"], "512")
        assert chosen["TracingConfig"] == {"Mode": "Active"}
        # A snapshot of the availability provider would keep its secret.
        assert chosen["SnapStart"] == {"ApplyOn": "None" if name == "AvailabilityFunction" else "PublishedVersions"}
        assert chosen["ReservedConcurrentExecutions"] == "5"

    def test_has_none_of_them_unless_they_are_chosen(self, name: str) -> None:
        plain = Stack(Functions=EVERYTHING["Functions"], AvailabilitySecretArn=SECRET).functions()[name]

        assert plain["Architectures"] == ["x86_64"]
        assert plain["SnapStart"] == {"ApplyOn": "None"}
        assert plain.keys().isdisjoint({"TracingConfig", "ReservedConcurrentExecutions", "VpcConfig"})
        assert plain["Environment"]["Variables"]["XRAY_TRACING"] == "false"

    def test_has_a_generated_name(self, stack: Stack, name: str) -> None:
        assert "FunctionName" not in stack.functions()[name]


def test_a_synchronous_function_times_out_before_workmail() -> None:
    functions = Stack(**EVERYTHING).functions()

    for each in ("mailflow", "rewrite", "disclaimer", "bounce"):
        assert functions[logical_id(each)]["Timeout"] == WORKMAIL_WAITS_S - 1


def test_the_availability_provider_times_out_between_its_budget_and_the_limit_of_workmail() -> None:
    assert BUDGET_S < Stack(**EVERYTHING).functions()["AvailabilityFunction"]["Timeout"] < WORKMAIL_WAITS_FOR_AVAILABILITY_S


def test_observe_is_retried_and_sends_failed_events_to_its_queue() -> None:
    stack = Stack(Functions="observe")
    function = stack.functions()["ObserveFunction"]

    assert function["Timeout"] > WORKMAIL_WAITS_S
    assert function["DeadLetterConfig"] == {"TargetArn": "mail-ObserveDeadLetterQueue.Arn"}
    assert ("sqs:SendMessage", "mail-ObserveDeadLetterQueue.Arn") in stack.rights("ObserveFunction")
    [retries] = stack.of_type("AWS::Lambda::EventInvokeConfig").values()
    assert (retries["Qualifier"], retries["MaximumRetryAttempts"], retries["MaximumEventAgeInSeconds"]) == ("live", 2, 6 * 60 * 60)


class TestVersions:
    """SAM names a version by the template's text, which does not change with the value of a parameter; see `VersionDescription`."""

    VALUES = (
        {"Architecture": "arm64"},
        {"MemorySize": 512},
        {"Tracing": "Disabled"},
        {"SnapStart": "PublishedVersions"},
        {"LogPersonalData": "message-id"},
        {"LogPersonalData": "all"},
        {"OnError": "deliver"},
        {"OnError": "retry"},
        {"OrganizationId": "m-" + "f" * 32},
        {"OrganizationId": f"arn:aws:workmail:eu-west-1:123456789012:organization/{ORGANIZATION}"},
        {"PolicySource": "policy.yaml"},
        {"PolicySource": "ssm:/mail/policy"},
        {"PolicyNeeds": "none"},
        {"PolicyNeeds": "counting"},
        {"PolicyNeeds": "directory"},
        {"PolicyNeeds": "counting,directory", "ApprovalSender": ""},
        {"ApprovalSender": "hold@example.com"},
        {"SubjectTag": "[E]"},
        {"DisclaimerText": "Example GmbH"},
        {"BounceRules": '[{"action": "DROP", "senders": ["example.net"]}]'},
        {"AvailabilitySecretArn": SECRET.replace("AbC123", "DeF456")},
        {"AvailabilityNetwork": ""},
        {"AvailabilityNetwork": "subnet-01234567/sg-01234567"},
        {"AvailabilityImpersonationRoleId": "c3d4"},
        {"PolicyResourceArns": ""},
        {"MailDirection": "inbound"},
        {"LogRetentionDays": 1},
        {"AlarmTopicArn": "arn:aws:sns:eu-west-1:123456789012:alarms"},
        {"Deployment": "AllAtOnce"},
        {"ReservedConcurrency": 0},
        {"KmsKeyArn": ""},
        {"PermissionsBoundaryArn": "arn:aws:iam::123456789012:policy/boundary"},
        {"RolePath": "/mail/"},
        {"Functions": ",".join(reversed(MAIL))},
    )

    def test_each_parameter_is_tried(self) -> None:
        assert {name for values in self.VALUES for name in values} == read_template()["Parameters"].keys()

    @pytest.mark.parametrize("values", VALUES, ids=lambda values: "-".join(f"{name}={value}" for name, value in values.items()))
    def test_a_value_makes_a_new_version_exactly_when_it_changes_the_function(self, values: dict[str, str | int]) -> None:
        """CloudFormation fails when it replaces a version of an unchanged function: "A version for this Lambda function exists"."""
        before, after = Stack(**EVERYTHING), Stack(**{**EVERYTHING, **values})

        for name in before.functions().keys() & after.functions().keys():
            changed = _versioned(before, name) != _versioned(after, name)
            assert (before.version(name) != after.version(name)) == changed, name

    def test_a_new_role_makes_a_new_version(self) -> None:
        """Otherwise the alias would stay on a version whose role is deleted, and all mail would wait."""
        before, after = Stack(**EVERYTHING), Stack(**{**EVERYTHING, "RolePath": "/mail/"})

        for name in before.functions():
            assert before.version(name) != after.version(name), name

    def test_a_new_layer_makes_a_new_version(self) -> None:
        template = read_template()
        template["Resources"]["MailhooksLayer"]["Properties"]["ContentUri"] = "another"
        before, after = Stack(), Stack(template)

        assert before.resources.keys() & after.resources.keys() >= {"MailflowFunction", "MailflowFunctionAliaslive"}
        assert before.resources["MailflowFunctionAliaslive"] != after.resources["MailflowFunctionAliaslive"]

    @pytest.mark.parametrize("values", [{"ApprovalSender": "a@example.com"}, {"ApprovalSender": ""}])
    def test_a_new_sender_makes_a_new_version_of_mailflow_alone(self, values: dict[str, str]) -> None:
        before, after = Stack(**EVERYTHING), Stack(**{**EVERYTHING, **values})

        assert [name for name in before.functions() if before.version(name) != after.version(name)] == ["MailflowFunction"]

    def test_a_description_is_never_longer_than_lambda_allows(self) -> None:
        stack = Stack(**LONGEST)

        assert all(accepts(name, value) for name, value in LONGEST.items())
        for name in stack.functions():
            assert len(stack.version(name)["Description"]) <= 256, name

    def test_old_versions_stay_for_a_rollback(self) -> None:
        versions = [each for each in Stack(**EVERYTHING).resources.values() if each["Type"] == "AWS::Lambda::Version"]

        assert {each["DeletionPolicy"] for each in versions} == {"Retain"}


LONGEST: dict[str, str | int] = {
    **EVERYTHING,
    "OrganizationId": f"arn:aws:workmail:eu-west-1:123456789012:organization/{ORGANIZATION}",
    "MemorySize": 10240,
    "Tracing": "Disabled",
    "SnapStart": "PublishedVersions",
    "LogPersonalData": "message-id",
    "OnError": "default",
    "ApprovalSender": "a" * 38 + "@example.com",
    "PolicySource": "s3://policies/" + "a" * (120 - len("s3://policies/")),
    "SubjectTag": "😀" * 60,
    "DisclaimerText": "😀" * 175,
    "BounceRules": "[" + "😀" * 173 + "]",
    "AvailabilitySecretArn": f"arn:aws:secretsmanager:ap-southeast-1:123456789012:secret:{'a' * 50}-AbC123",
    "AvailabilityNetwork": ",".join(["subnet-" + "0" * 17] * 4) + "/" + ",".join(["sg-" + "0" * 17] * 2),
}
"""The longest values that the parameters accept."""


class TestEnvironment:
    def test_is_never_larger_than_lambda_allows(self) -> None:
        stack = Stack(name="a" * 128, **LONGEST)

        for name in stack.functions():
            assert len(json.dumps(stack.variables(name), ensure_ascii=False).encode()) <= 4096, name

    def test_the_longest_values_are_the_longest_that_the_parameters_accept(self) -> None:
        for name in ("PolicySource", "SubjectTag", "DisclaimerText", "BounceRules", "ApprovalSender"):
            assert not accepts(name, f"{LONGEST[name]}a".replace("]a", "a]")), name

    @pytest.mark.parametrize("parameters", [{}, EVERYTHING, {**EVERYTHING, "OnError": "retry", "LogPersonalData": "all"}])
    def test_is_accepted_by_the_library(self, parameters: dict[str, str | int]) -> None:
        stack = Stack(**parameters)

        for name in stack.functions():
            Settings.from_env(stack.variables(name))

    def test_has_no_variable_that_nothing_reads(self) -> None:
        stack = Stack(**EVERYTHING)
        declared = {variable for name in stack.functions() for variable in stack.variables(name)}
        read = _Recorder()
        Settings.from_env(read)

        read_by_powertools_and_python = {"POWERTOOLS_LOG_LEVEL", "PYTHONTZPATH"}
        assert declared - read.names <= read_by_powertools_and_python

    @pytest.mark.parametrize("given,expected", [("default", None), ("deliver", OnError.DELIVER), ("retry", OnError.RETRY)])
    def test_on_error_is_each_functions_own_unless_it_is_chosen(self, given: str, expected: OnError | None) -> None:
        stack = Stack(Functions="mailflow,rewrite,disclaimer,bounce", OnError=given)

        assert {Settings.from_env(stack.variables(name)).on_error for name in stack.functions()} == {expected}

    @pytest.mark.parametrize(
        "given,addresses,message_id", [("none", False, "digest"), ("message-id", False, "whole"), ("all", True, "whole")]
    )
    def test_the_log_has_only_the_chosen_personal_data(self, given: str, addresses: bool, message_id: str) -> None:
        settings = Settings.from_env(Stack(LogPersonalData=given).variables("MailflowFunction"))

        assert (settings.log_addresses, settings.log_smtp_message_id) == (addresses, message_id)

    def test_functions_that_replace_mail_write_to_the_rewrite_bucket(self) -> None:
        stack = Stack(**EVERYTHING)

        for name in ("MailflowFunction", "RewriteFunction", "DisclaimerFunction"):
            assert stack.variables(name)["REWRITE_BUCKET"] == "mail-RewriteBucket"

    def test_mailflow_finds_its_policy_its_table_and_its_organization(self) -> None:
        settings = Settings.from_env(Stack(**EVERYTHING).variables("MailflowFunction"))

        assert settings.policy == "s3://policies/policy.yaml"
        assert (settings.rates_table, settings.policy_directory) == ("mail-MailflowRates", True)
        assert settings.organization_id == ORGANIZATION
        assert (settings.holds_table, settings.approval_secret) == ("mail-MailflowHolds", "mail-ApprovalSecret")
        assert settings.approval_url == Stack(**EVERYTHING).outputs["ApprovalUrl"]
        assert settings.approval_sender == EVERYTHING["ApprovalSender"]

    def test_mailflow_has_no_table_and_no_directory_unless_the_policy_needs_them(self) -> None:
        settings = Settings.from_env(Stack(PolicyNeeds="none").variables("MailflowFunction"))

        assert (settings.rates_table, settings.policy_directory) == ("", False)
        assert {settings.holds_table, settings.approval_url, settings.approval_secret, settings.approval_sender} == {""}

    def test_the_default_policy_is_built_with_mailflow(self) -> None:
        name = Stack().variables("MailflowFunction")["POLICY"]

        assert (ROOT / "functions/mailflow" / name).is_file()
        assert name == BUILT_IN_POLICY


class TestDeployment:
    def test_all_at_once_needs_nothing_of_codedeploy(self) -> None:
        assert not [each for each in strings(Stack().resources) if "CodeDeploy" in each]

    def test_a_gradual_deployment_moves_each_alias_and_goes_back_on_an_alarm(self) -> None:
        stack = Stack(**EVERYTHING)
        groups = stack.of_type("AWS::CodeDeploy::DeploymentGroup")

        assert groups.keys() == {f"{name}DeploymentGroup" for name in stack.functions()}
        for name in stack.functions():
            update = stack.resources[f"{name}Aliaslive"]["UpdatePolicy"]["CodeDeployLambdaAliasUpdate"]
            assert update["DeploymentGroupName"] == f"mail-{name}DeploymentGroup"
        for group in groups.values():
            assert group["DeploymentConfigName"] == "CodeDeployDefault.LambdaLinear10PercentEvery1Minute"
            assert group["AlarmConfiguration"]["Alarms"] == [{"Name": "mail-FailedAlarm"}, {"Name": "mail-CrashedAlarm"}]
            assert "DEPLOYMENT_STOP_ON_ALARM" in group["AutoRollbackConfiguration"]["Events"]
            assert group["ServiceRoleArn"] == "mail-DeploymentRole.Arn"

    def test_each_choice_is_one_that_codedeploy_has(self) -> None:
        template = read_template()

        assert template["Mappings"]["DeploymentTypes"].keys() == set(template["Parameters"]["Deployment"]["AllowedValues"])
        for choice in template["Parameters"]["Deployment"]["AllowedValues"]:
            groups = Stack(Deployment=choice).of_type("AWS::CodeDeploy::DeploymentGroup").values()
            assert [each["DeploymentConfigName"] for each in groups] == (
                [] if choice == "AllAtOnce" else [f"CodeDeployDefault.Lambda{choice}"]
            )


def _versioned(stack: Stack, name: str) -> Document:
    """Return the properties of a function that its versions keep (Lambda guide, "Lambda function versions").

    Its role is here the path of its role: CloudFormation deletes a role and creates another if the path changes.
    """
    function = stack.functions()[name]
    [path] = [each["Path"] for role, each in stack.of_type("AWS::IAM::Role").items() if f"{stack.name}-{role}.Arn" == function["Role"]]
    return {key: each for key, each in function.items() if key not in ("ReservedConcurrentExecutions", "Tags")} | {"Role": path}


class _Recorder(dict[str, str]):
    """An empty environment that records which variables are read."""

    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()

    def get(self, name: str, default: Any = None) -> Any:
        self.names.add(name)
        return default
