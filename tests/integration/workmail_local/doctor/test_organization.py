"""Each defect of the organization, the stack and the availability provider is found and named."""

from typing import Any

import pytest

from tests.integration.workmail_local.doctor.conftest import Run
from tests.integration.workmail_local.doctor.defects import Defect, parametrize
from tests.support.deployed_account import IMPERSONATION, ORGANIZATION, Deployment

PROVIDER = "Availability"


def _answer(deployment: Deployment, operation: str, **values: Any) -> None:
    """Change values of WorkMail's answer."""
    deployment.aws.workmail[operation] = deployment.aws.workmail[operation] | values


def _refuse(deployment: Deployment, service: str, part: str, status: int, code: str) -> None:
    deployment.aws.errors[service, part] = (status, code)


def _provide(deployment: Deployment, *domains: tuple[str, dict[str, Any]]) -> None:
    providers = [{"DomainName": name, **provider} for name, provider in domains]
    _answer(deployment, "ListAvailabilityConfigurations", AvailabilityConfigurations=providers)


def _provide_function(deployment: Deployment, arn: str) -> None:
    _provide(deployment, ("example.net", {"ProviderType": "LAMBDA", "LambdaProvider": {"LambdaArn": arn}}))


def _set_rules(deployment: Deployment, *rules: dict[str, Any]) -> None:
    _answer(deployment, "ListAccessControlRules", Rules=list(rules))


ORGANIZATIONS = [
    Defect(
        "an organization that is in another account or region",
        lambda d: _refuse(d, "workmail", "", 400, "OrganizationNotFoundException"),
        ("Organization", "organization", "wrong"),
        ORGANIZATION,
        "list-organizations",
    ),
    Defect(
        "an organization that is not active",
        lambda d: _answer(d, "DescribeOrganization", State="Requested"),
        ("Organization", "organization", "wrong"),
        "Requested",
        "WorkMail console",
    ),
    Defect(
        "a domain whose ownership is not verified",
        lambda d: _answer(d, "GetMailDomain", OwnershipVerificationStatus="PENDING"),
        ("Organization", "domain", "wrong"),
        "example.com: the ownership is PENDING",
        "get-mail-domain",
    ),
    Defect(
        "a domain whose mail is not signed",
        lambda d: _answer(d, "GetMailDomain", DkimVerificationStatus="FAILED"),
        ("Organization", "domain", "warning"),
        "example.com: DKIM is FAILED",
        "CNAME",
    ),
    Defect(
        "DMARC that is not enforced",
        lambda d: _answer(d, "DescribeInboundDmarcSettings", Enforced=False),
        ("Organization", "DMARC", "warning"),
        "not enforced",
        "put-inbound-dmarc-settings",
    ),
    Defect(
        "functions in another region than the organization",
        lambda d: d.set_parameter("OrganizationId", f"arn:aws:workmail:eu-west-1:{d.aws.number}:organization/{ORGANIZATION}"),
        ("Account", "region", "wrong"),
        "the organization is in eu-west-1",
        "a flow rule runs only functions there",
        alone=False,
    ),
    Defect(
        "an organization in a region without WorkMail",
        lambda d: d.set_parameter("OrganizationId", f"arn:aws:workmail:eu-central-1:{d.aws.number}:organization/{ORGANIZATION}"),
        ("Account", "region", "wrong"),
        "eu-central-1 has no WorkMail",
        "us-east-1, us-west-2, eu-west-1",
        alone=False,
    ),
    Defect(
        "functions in another account than the organization",
        lambda d: d.set_parameter("OrganizationId", f"arn:aws:workmail:us-east-1:999999999999:organization/{ORGANIZATION}"),
        ("Account", "region", "wrong"),
        "999999999999",
        "organization's account",
        alone=False,
    ),
]

STACKS = [
    Defect(
        "a stack that was rolled back",
        lambda d: d.aws.stack.update(StackStatus="UPDATE_ROLLBACK_COMPLETE"),
        ("Stack", "stack", "warning"),
        "UPDATE_ROLLBACK_COMPLETE",
        "describe-stack-events",
    ),
    Defect(
        "a stack that failed",
        lambda d: d.aws.stack.update(StackStatus="CREATE_FAILED"),
        ("Stack", "stack", "wrong"),
        "CREATE_FAILED",
        "describe-stack-events",
    ),
    Defect(
        "a deployment that has not ended",
        lambda d: d.aws.stack.update(StackStatus="UPDATE_IN_PROGRESS"),
        ("Stack", "stack", "warning"),
        "UPDATE_IN_PROGRESS",
        "Wait",
    ),
    Defect(
        "outputs of a stack without aliases",
        lambda d: d.aws.stack["Outputs"].append({"OutputKey": "BounceFunctionArn", "OutputValue": "arn:aws:lambda:us-east-1:1:function:b"}),
        ("Stack", "outputs", "warning"),
        "BounceFunctionArn",
        "new ARNs",
    ),
]

PROVIDERS = [
    Defect(
        "a provider that no domain asks",
        lambda d: _provide(d, ("example.org", {"ProviderType": "EWS", "EwsProvider": {"EwsUsername": "ana@example.org"}})),
        (PROVIDER, "domain", "wrong"),
        "no domain asks",
        "connect-availability",
    ),
    Defect(
        "a domain that asks the function without its alias",
        lambda d: _provide_function(d, d.arn("availability").removesuffix(":live")),
        (PROVIDER, "domain", "warning"),
        "another version",
        "connect-availability",
    ),
    Defect(
        "a function without the name of its secret",
        lambda d: d.change_function("availability", Environment={"Variables": {}}),
        (PROVIDER, "secret", "wrong"),
        "no secret",
        "AvailabilitySecretArn",
    ),
    Defect(
        "a secret that does not exist",
        lambda d: _refuse(d, "secretsmanager", "DescribeSecret", 400, "ResourceNotFoundException"),
        (PROVIDER, "secret", "wrong"),
        "does not exist",
        "AvailabilitySecretArn",
    ),
    Defect(
        "a secret that is to be deleted",
        lambda d: d.change("secretsmanager", "DescribeSecret", DeletedDate=1_790_000_000),
        (PROVIDER, "secret", "wrong"),
        "scheduled for deletion",
        "restore-secret",
    ),
    Defect(
        "an impersonation role that the organization does not have",
        lambda d: d.aws.workmail.pop("GetImpersonationRole"),
        (PROVIDER, "impersonation", "warning"),
        IMPERSONATION,
        "AvailabilityImpersonationRoleId",
    ),
    Defect(
        "an impersonation role that allows no mailbox",
        lambda d: _answer(d, "GetImpersonationRole", Rules=[{"ImpersonationRuleId": "rule-1", "Effect": "DENY"}]),
        (PROVIDER, "impersonation", "wrong"),
        "no rule of the role allows",
        "effect Allow",
    ),
    Defect(
        "an impersonation role with full access",
        lambda d: _answer(d, "GetImpersonationRole", Type="FULL_ACCESS"),
        (PROVIDER, "impersonation", "warning"),
        "full access",
        "read only",
    ),
    Defect(
        "an access rule that shuts out EWS",
        lambda d: _set_rules(d, {"Name": "No EWS", "Effect": "DENY", "Actions": ["EWS"]}, {"Name": "Default", "Effect": "ALLOW"}),
        (PROVIDER, "access rules", "warning"),
        "No EWS",
        "five minutes",
    ),
    Defect(
        "access rules that allow only other protocols",
        lambda d: _set_rules(d, {"Name": "Phones", "Effect": "ALLOW", "Actions": ["ActiveSync"]}),
        (PROVIDER, "access rules", "wrong"),
        "no rule allows EWS",
        "impersonation role",
    ),
]


@pytest.mark.slow  # half a second for each of its defects
@parametrize(ORGANIZATIONS)
def test_a_defect_of_the_organization_is_named(deployment: Deployment, run: Run, defect: Defect) -> None:
    defect.damage(deployment)
    defect.check(run())


@pytest.mark.slow  # half a second for each of its defects
@parametrize(STACKS)
def test_a_defect_of_the_stack_is_named(deployment: Deployment, run: Run, defect: Defect) -> None:
    defect.damage(deployment)
    defect.check(run())


@pytest.mark.slow  # half a second for each of its defects
@parametrize(PROVIDERS)
def test_a_defect_of_the_availability_provider_is_named(deployment: Deployment, run: Run, defect: Defect) -> None:
    defect.damage(deployment)
    defect.check(run())


def test_a_secret_whose_key_the_function_may_not_use_is_named(deployment: Deployment, run: Run) -> None:
    key = f"arn:aws:kms:us-east-1:{deployment.aws.number}:key/1"
    deployment.change("secretsmanager", "DescribeSecret", KmsKeyId=key)
    assert run().list_problems() == set()
    deployment.aws.refused.add("kms:Decrypt")
    report = run()
    assert report.list_problems() == {(PROVIDER, "secret", "wrong")}
    assert key in report.find(PROVIDER, "secret", "wrong")["mend"]


def test_a_stack_that_does_not_exist_is_named_and_the_organization_is_checked(deployment: Deployment, run: Run) -> None:
    report = run("--stack", "misspelt")
    assert report.list_problems() == {("Stack", "stack", "wrong")}
    assert "misspelt" in report.find("Stack", "stack", "wrong")["found"]
    assert report.find("Organization", "DMARC", "ok")
    assert report.code == 1


def test_a_provider_for_an_organization_in_another_account_is_checked_as_far_as_its_account_goes(deployment: Deployment, run: Run) -> None:
    elsewhere = deployment.organization.replace(deployment.aws.number, "999999999999")
    deployment.set_parameter("OrganizationId", elsewhere)
    deployment.aws.resources[:] = [each for each in deployment.aws.resources if each[1] in {"AvailabilityFunction", "FailedAlarm"}]
    conditions = {"ArnLike": {"AWS:SourceArn": elsewhere}, "StringEquals": {"AWS:SourceAccount": "999999999999"}}
    deployment.set_permission("availability", Condition=conditions)
    report = run()
    assert report.list_problems() == {("Organization", "organization", "unchecked")}
    assert report.find("Organization", "organization", "unchecked")["found"].endswith("is in account 999999999999")
    assert "workmail" not in {service for service, _ in deployment.aws.calls}


def test_access_rules_count_without_an_impersonation_role_if_exchange_reads_calendars(deployment: Deployment, run: Run) -> None:
    deployment.set_parameter("AvailabilityImpersonationRoleId", "")
    _set_rules(deployment, {"Name": "Phones", "Effect": "ALLOW", "Actions": ["ActiveSync"]})
    assert run().list_problems() == set()
    _answer(deployment, "DescribeOrganization", InteroperabilityEnabled=True)
    assert run().list_problems() == {(PROVIDER, "access rules", "wrong")}


def test_access_rules_for_other_roles_do_not_count(deployment: Deployment, run: Run) -> None:
    other = {"Name": "Other roles", "Effect": "DENY", "NotImpersonationRoleIds": [IMPERSONATION]}
    phones = {"Name": "Phones", "Effect": "DENY", "NotActions": ["EWS", "WebMail"]}
    _set_rules(deployment, other, phones, {"Name": "Default", "Effect": "ALLOW"})
    assert run().list_problems() == set()


def test_a_failed_test_of_the_provider_is_reported_without_addresses(deployment: Deployment, run: Run) -> None:
    _answer(deployment, "TestAvailabilityConfiguration", TestPassed=False, FailureReason="no answer for ana@example.net")
    report = run("--test-availability")
    assert report.list_problems() == {(PROVIDER, "test", "wrong")}
    assert report.find(PROVIDER, "test", "wrong")["found"] == "WorkMail's test failed: no answer for (address)"


def test_the_user_of_an_ews_provider_is_not_printed(deployment: Deployment, run: Run) -> None:
    ews = ("example.org", {"ProviderType": "EWS", "EwsProvider": {"EwsEndpoint": "https://ews", "EwsUsername": "EXAMPLE\\ana"}})
    lambda_provider = {"ProviderType": "LAMBDA", "LambdaProvider": {"LambdaArn": deployment.arn("availability")}}
    _provide(deployment, ews, ("example.net", lambda_provider))
    report = run()
    assert report.list_problems() == set()
    assert "EXAMPLE" not in str(report.rows)


def test_a_provider_for_an_organization_in_another_region_is_healthy(deployment: Deployment, run: Run) -> None:
    elsewhere = deployment.organization.replace("us-east-1", "eu-west-1")
    deployment.set_parameter("OrganizationId", elsewhere)
    deployment.aws.resources[:] = [each for each in deployment.aws.resources if each[1] in {"AvailabilityFunction", "FailedAlarm"}]
    conditions = {"ArnLike": {"AWS:SourceArn": elsewhere}, "StringEquals": {"AWS:SourceAccount": deployment.aws.number}}
    principal = {"Service": "availability.workmail.eu-west-1.amazonaws.com"}
    deployment.set_permission("availability", Principal=principal, Condition=conditions)
    problems = run().list_problems()
    # The logs of that region are not deployed in this test.
    assert {each for each in problems if each[0] != "Logs"} == set()
