"""The custom availability provider in the template: its resources, timeout, VPC and outputs."""

import json
import re
import shlex
from typing import Any

import pytest
from botocore import xform_name
from botocore.session import Session

from mailhooks.availability.provider import BUDGET_S
from mailhooks.contract.availability import AvailabilityRequest
from tests.infrastructure.template import ROOT, function, holds, refused, template

WORKMAIL_WAITS_S = 25
"""Guide, "Building a Custom Availability Provider Lambda function": "Response elements"."""

SECRET = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:free-busy-AbC123"
ORGANIZATION = "arn:aws:workmail:eu-west-1:123456789012:organization/m-0123456789abcdef0123456789abcdef"


def condition(name: str, **parameters: str) -> bool:
    return holds(template()["Conditions"][name], **parameters)


class TestDeployment:
    def test_all_its_resources_and_no_others_depend_on_the_secret(self) -> None:
        named = {
            section: [name for name, found in template()[section].items() if found.get("Condition") == "Availability"]
            for section in ("Resources", "Outputs")
        }

        assert named == {section: [name for name in template()[section] if name.startswith("Availability")] for section in named}
        assert named["Resources"]
        assert named["Outputs"]
        assert {
            name: found["Condition"]
            for name, found in template()["Resources"].items()
            if not name.startswith("Availability") and "Condition" in found
        } == {
            "MailflowRates": "MailflowCounts",
            "PolicyRefusedAlarm": "PolicyElsewhere",
        }

    def test_without_a_secret_it_is_not_deployed(self) -> None:
        assert not condition("Availability")
        assert condition("Availability", AvailabilitySecretArn=SECRET)

    def test_resources_that_are_always_deployed_do_not_refer_to_it(self) -> None:
        always = [found for section in ("Resources", "Outputs") for found in template()[section].values() if "Condition" not in found]

        assert "Availability" not in json.dumps(always)

    def test_it_reads_the_secret_that_its_role_may_read(self) -> None:
        assert function("AvailabilityFunction")["Environment"]["Variables"]["AVAILABILITY_SECRET"] == {"Ref": "AvailabilitySecretArn"}

    def test_its_timeout_is_between_its_budget_and_the_limit_of_workmail(self) -> None:
        assert BUDGET_S < function("AvailabilityFunction")["Timeout"] < WORKMAIL_WAITS_S


class TestHalfASetting:
    def test_a_stack_without_it_is_valid(self) -> None:
        assert refused() == []

    def test_a_stack_with_all_settings_is_valid(self) -> None:
        assert (
            refused(
                AvailabilitySecretArn=SECRET,
                AvailabilityImpersonationOrganizationArn=ORGANIZATION,
                AvailabilityImpersonationRoleId="a1b2",
                AvailabilitySubnetIds="subnet-01234567",
                AvailabilitySecurityGroupIds="sg-01234567",
            )
            == []
        )

    @pytest.mark.parametrize(
        "parameters,needs",
        [
            ({"AvailabilityImpersonationOrganizationArn": ORGANIZATION}, "AvailabilityImpersonationRoleId"),
            ({"AvailabilityImpersonationRoleId": "a1b2"}, "AvailabilityImpersonationOrganizationArn"),
            ({"AvailabilitySubnetIds": "subnet-01234567"}, "AvailabilitySecurityGroupIds"),
            ({"AvailabilitySecurityGroupIds": "sg-01234567"}, "AvailabilitySubnetIds"),
        ],
    )
    def test_one_of_two_settings_that_belong_together_is_rejected(self, parameters: dict[str, str], needs: str) -> None:
        [given] = parameters

        assert refused(AvailabilitySecretArn=SECRET, **parameters) == [f"{given} needs {needs}."]

    @pytest.mark.parametrize(
        "parameters",
        [
            {"AvailabilityKeyArn": "arn:aws:kms:eu-west-1:123456789012:key/1"},
            {"AvailabilityWorkMailRegion": "us-east-1"},
            {"AvailabilityImpersonationOrganizationArn": ORGANIZATION, "AvailabilityImpersonationRoleId": "a1b2"},
            {"AvailabilitySubnetIds": "subnet-01234567", "AvailabilitySecurityGroupIds": "sg-01234567"},
        ],
    )
    def test_settings_without_the_secret_are_rejected(self, parameters: dict[str, str]) -> None:
        [why] = refused(**parameters)

        assert "need AvailabilitySecretArn" in why

    @pytest.mark.parametrize(
        "name,parameters",
        [
            ("AvailabilityKey", {"AvailabilityKeyArn": "arn:aws:kms:eu-west-1:123456789012:key/1"}),
            ("AvailabilityElsewhere", {"AvailabilityWorkMailRegion": "us-east-1"}),
            (
                "AvailabilityImpersonation",
                {"AvailabilityImpersonationOrganizationArn": ORGANIZATION, "AvailabilityImpersonationRoleId": "a1b2"},
            ),
            ("AvailabilityVpc", {"AvailabilitySubnetIds": "subnet-01234567", "AvailabilitySecurityGroupIds": "sg-01234567"}),
        ],
    )
    def test_each_pair_has_its_own_condition(self, name: str, parameters: dict[str, str]) -> None:
        assert not condition(name)
        assert condition(name, **parameters)
        for missing in parameters:
            assert not condition(name, **{given: value for given, value in parameters.items() if given != missing})


def test_it_is_in_a_vpc_only_when_one_is_named() -> None:
    assert function("AvailabilityFunction")["VpcConfig"] == {
        "Fn::If": [
            "AvailabilityVpc",
            {
                "SubnetIds": {"Fn::Split": [",", {"Ref": "AvailabilitySubnetIds"}]},
                "SecurityGroupIds": {"Fn::Split": [",", {"Ref": "AvailabilitySecurityGroupIds"}]},
            },
            {"Ref": "AWS::NoValue"},
        ]
    }


class TestOutputs:
    def test_name_the_function(self) -> None:
        assert template()["Outputs"]["AvailabilityFunctionArn"]["Value"] == {"Fn::GetAtt": ["AvailabilityFunction", "Arn"]}

    def test_give_a_valid_aws_cli_command_that_connects_it(self) -> None:
        text, variables = template()["Outputs"]["AvailabilityConnect"]["Value"]["Fn::Sub"]
        assert variables == {"Region": {"Fn::If": ["AvailabilityElsewhere", {"Ref": "AvailabilityWorkMailRegion"}, {"Ref": "AWS::Region"}]}}
        values = {
            "Region": "eu-west-1",
            "OrganizationId": "m-0123456789abcdef0123456789abcdef",
            "AvailabilityFunction.Arn": "arn:aws:lambda:eu-west-1:123456789012:function:workmail-hooks-AvailabilityFunction-a1b2",
        }
        words = shlex.split(re.sub(r"\$\{([^}]+)\}", lambda found: values[found[1]], text))
        given = dict(zip(words[3::2], words[4::2], strict=True))

        assert words[:3] == ["aws", "workmail", "create-availability-configuration"]
        assert given == {
            "--region": values["Region"],
            "--organization-id": values["OrganizationId"],
            "--domain-name": "example.net",
            "--lambda-provider": f"LambdaArn={values['AvailabilityFunction.Arn']}",
        }
        taken = Session().get_service_model("workmail").operation_model("CreateAvailabilityConfiguration").input_shape.members
        assert {xform_name(name, "-") for name in taken} >= {option.removeprefix("--") for option in given} - {"region"}
        assert "LambdaArn" in taken["LambdaProvider"].members

    def test_are_no_others(self) -> None:
        assert len(template()["Outputs"]) == 10


def test_the_sample_request_is_the_guides_own_in_its_own_folder() -> None:
    text = (ROOT / "events" / "availability" / "guide.json").read_text("utf-8")
    guide: Any = json.loads((ROOT / "tests/unit/contract/data/availability-request-guide.json").read_text("utf-8"))

    assert json.loads(text) == guide
    assert AvailabilityRequest.parse(guide).mailboxes
