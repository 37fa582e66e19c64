"""Each defect of a function is found and named: its state, settings, permission, role and flow rule."""

import json

import pytest

from tests.integration.workmail_local.doctor.conftest import Run
from tests.integration.workmail_local.doctor.defects import Defect, parametrize
from tests.support.deployed_account import ORGANIZATION, REGION, ROLE, STACK, Deployment

REWRITE = "Function rewrite"
LIVE = "?Qualifier=live"
OTHER = f"arn:aws:workmail:{REGION}:111122223333:organization/m-{'f' * 32}"


def _raise(deployment: Deployment, part: str, status: int = 404, code: str = "ResourceNotFoundException") -> None:
    deployment.aws.errors["lambda", part] = (status, code)


STATES = [
    Defect(
        "a function that failed",
        lambda d: d.change_function("rewrite", State="Failed", StateReasonCode="InvalidRuntime"),
        (REWRITE, "state", "wrong"),
        "InvalidRuntime",
        "get-function-configuration",
    ),
    Defect(
        "an update that failed",
        lambda d: d.change_function("rewrite", LastUpdateStatus="Failed", LastUpdateStatusReasonCode="SubnetOutOfIPAddresses"),
        (REWRITE, "state", "wrong"),
        "SubnetOutOfIPAddresses",
        "deploy again",
    ),
    Defect(
        "a function that Lambda put to sleep",
        lambda d: d.change_function("rewrite", State="Inactive"),
        (REWRITE, "state", "warning"),
        "Inactive",
        "next call",
    ),
    Defect(
        "a function without the alias",
        lambda d: _raise(d, f"{d.name('rewrite')}/aliases/live"),
        (REWRITE, "state", "wrong"),
        "alias live",
        "sam deploy",
    ),
    Defect(
        "an environment that Lambda cannot decrypt",
        lambda d: d.change_function("rewrite", Environment={"Variables": {}, "Error": {"ErrorCode": "KMSAccessDenied"}}),
        (REWRITE, "environment", "wrong"),
        "cannot decrypt",
        "kms:Decrypt",
    ),
    Defect(
        "a variable that was left from a local server",
        lambda d: d.set_variables("rewrite", AWS_ENDPOINT_URL_S3="http://127.0.0.1:1"),
        (REWRITE, "settings", "wrong"),
        "AWS_ENDPOINT_URL_S3",
        "Remove",
    ),
    Defect(
        "settings that are not in the alias's version",
        lambda d: d.set_variables("rewrite", LIVE, SUBJECT_TAG="[OLD]"),
        (REWRITE, "settings", "wrong"),
        "not in force: SUBJECT_TAG",
        "alias live",
    ),
    Defect(
        "code that is not in the alias's version",
        lambda d: d.change_function("rewrite", LIVE, CodeSha256="older"),
        (REWRITE, "settings", "wrong"),
        "not in force: code",
        "sam deploy",
    ),
    Defect(
        "a timeout beyond WorkMail's patience",
        lambda d: d.change_function("rewrite", Timeout=30),
        (REWRITE, "timeout", "wrong"),
        "WorkMail waits 15 s",
        "Set Timeout to 14",
    ),
    Defect(
        "a provider's timeout beyond WorkMail's patience",
        lambda d: d.change_function("availability", Timeout=25),
        ("Function availability", "timeout", "wrong"),
        "WorkMail waits 25 s",
        "Set Timeout to 24",
    ),
    Defect(
        "a timeout too short for large messages",
        lambda d: d.change_function("rewrite", Timeout=3),
        (REWRITE, "timeout", "warning"),
        "3 s",
        "Set Timeout to 14",
    ),
    Defect(
        "a function without layers",
        lambda d: d.change_function("rewrite", Layers=[]),
        (REWRITE, "layers", "wrong"),
        "no layer",
        "sam deploy",
    ),
    Defect(
        "a runtime for which the layer is not compiled",
        lambda d: d.change_function("rewrite", Runtime="python3.12"),
        (REWRITE, "runtime", "wrong"),
        "python3.12",
        "python3.13",
    ),
    Defect(
        "a version without its snapshot",
        lambda d: d.change_function("rewrite", SnapStart={"ApplyOn": "PublishedVersions", "OptimizationStatus": "Off"}),
        (REWRITE, "SnapStart", "warning"),
        "no snapshot",
        "Wait",
    ),
    Defect(
        "a function that is throttled completely",
        lambda d: d.change("lambda", f"{d.name('rewrite')}/concurrency", ReservedConcurrentExecutions=0),
        (REWRITE, "concurrency", "wrong"),
        "rejects every call",
        "delete-function-concurrency",
    ),
    Defect(
        "a small reserved concurrency",
        lambda d: d.change("lambda", f"{d.name('rewrite')}/concurrency", ReservedConcurrentExecutions=2),
        (REWRITE, "concurrency", "warning"),
        "only 2",
        "ReservedConcurrency",
    ),
]

PERMISSIONS = [
    Defect(
        "a function that WorkMail may not call",
        lambda d: _raise(d, f"{d.name('rewrite')}/policy"),
        (REWRITE, "permission", "wrong"),
        f"workmail.{REGION}.amazonaws.com may not call it",
        "add-permission",
    ),
    Defect(
        "a permission for the function without its alias",
        lambda d: (_raise(d, f"{d.name('rewrite')}/policy{LIVE}"), d.set_permission("rewrite", version="")),
        (REWRITE, "permission", "wrong"),
        "not for its alias live",
        "--qualifier live",
    ),
    Defect(
        "a permission for WorkMail of another region",
        lambda d: d.set_permission("rewrite", Principal={"Service": "workmail.eu-west-1.amazonaws.com"}),
        (REWRITE, "permission", "wrong"),
        "for workmail.eu-west-1.amazonaws.com",
        f"workmail.{REGION}.amazonaws.com",
    ),
    Defect(
        "a permission for another organization",
        lambda d: d.set_permission("rewrite", Condition={"ArnLike": {"AWS:SourceArn": OTHER}}),
        (REWRITE, "permission", "wrong"),
        "another organization",
        ORGANIZATION,
    ),
    Defect(
        "a permission for every organization",
        lambda d: d.set_permission("rewrite", Condition={}),
        (REWRITE, "permission", "warning"),
        "every WorkMail organization",
        "SourceArn",
    ),
    Defect(
        "a permission that demands an account of flow rules",
        lambda d: d.set_permission(
            "rewrite",
            Condition={"ArnLike": {"AWS:SourceArn": d.organization}, "StringEquals": {"AWS:SourceAccount": d.aws.number}},
        ),
        (REWRITE, "permission", "warning"),
        "SourceAccount",
        "only SourceArn",
    ),
    Defect(
        "a provider's permission without the account",
        lambda d: d.set_permission("availability"),
        ("Function availability", "permission", "wrong"),
        "without SourceAccount",
        "--source-account",
    ),
    Defect(
        "a provider's permission without the organization",
        lambda d: d.set_permission("availability", Condition={"StringEquals": {"AWS:SourceAccount": d.aws.number}}),
        ("Function availability", "permission", "wrong"),
        "without SourceArn",
        "both conditions",
    ),
]


@pytest.mark.slow  # half a second for each of its defects
@parametrize(STATES)
def test_a_defect_of_a_function_is_named(deployment: Deployment, run: Run, defect: Defect) -> None:
    defect.damage(deployment)
    defect.check(run())


@pytest.mark.slow  # half a second for each of its defects
@parametrize(PERMISSIONS)
def test_a_defect_of_a_permission_is_named(deployment: Deployment, run: Run, defect: Defect) -> None:
    defect.damage(deployment)
    defect.check(run())


def test_a_missing_right_of_a_role_is_found_by_the_simulation(deployment: Deployment, run: Run) -> None:
    deployment.aws.refused.add("workmailmessageflow:PutRawMessageContent")
    report = run()
    assert report.list_problems() == {(REWRITE, "role", "wrong"), ("Function mailflow", "role", "wrong")}
    row = report.find(REWRITE, "role", "wrong")
    assert "may not workmailmessageflow:PutRawMessageContent" in row["found"]
    assert f"message/{ORGANIZATION}/incoming" in row["mend"]


def test_the_simulation_asks_only_for_the_direction_of_the_stack(deployment: Deployment, run: Run) -> None:
    deployment.set_parameter("MailDirection", "outbound")
    deployment.aws.refused.add("workmailmessageflow:PutRawMessageContent")
    rows = [row for row in run().rows if row["status"] == "wrong"]
    assert {row["mend"].rpartition(" ")[2].rpartition("/")[0].rpartition("/")[2] for row in rows} == {"outgoing"}


def test_without_the_simulation_the_policies_of_the_role_are_evaluated(deployment: Deployment, run: Run) -> None:
    deployment.aws.errors["iam", "SimulatePrincipalPolicy"] = (403, "AccessDenied")
    assert run().list_problems() == set()
    deployment.put_role_policy("secret", ["secretsmanager:GetSecretValue"], "arn:aws:secretsmanager:*:*:secret:another-*")
    try:
        report = run()
    finally:
        deployment.put_role_policy("secret", ["secretsmanager:GetSecretValue"], "*")
    assert report.list_problems() == {("Function availability", "role", "wrong")}
    assert "may not secretsmanager:GetSecretValue" in report.find("Function availability", "role", "wrong")["found"]


@pytest.mark.parametrize(
    "label, metrics, status, found, mend",
    [
        ("silent", {}, "warning", "no call in 7 days", "Run synchronously checked"),
        ("quick", {"Invocations": 9, "AsyncEventsReceived": 9}, "wrong", "asynchronous", "Check Run synchronously"),
        ("late", {"Invocations": 9}, "warning", "synchronous: mail waits", "Uncheck Run synchronously"),
        ("own", {"Invocations": 9, "AsyncEventsReceived": 9}, "warning", "asynchronous", "If it does not answer WorkMail"),
    ],
    ids=[
        "no rule runs the function",
        "the rule of a synchronous function is asynchronous",
        "the rule of an asynchronous function is synchronous",
        "only the user knows how a rule has to run it",
    ],
)
def test_the_calls_of_a_week_show_a_wrong_flow_rule(
    deployment: Deployment, run: Run, label: str, metrics: dict[str, int], status: str, found: str, mend: str
) -> None:
    deployment.deploy_function(label, {"ON_ERROR": ""} if label == "quick" else {})
    if label == "late":
        deployment.set_dead_letters(label)
    deployment.permit(label, f"workmail.{REGION}.amazonaws.com", SourceArn=deployment.organization)
    name = deployment.name(label)
    for metric, value in metrics.items():
        deployment.put_metric("AWS/Lambda", metric, value, FunctionName=name)
        deployment.put_metric("AWS/Lambda", metric, value, FunctionName=name, Resource=f"{name}:live")
    report = run()
    assert report.list_problems() == {(f"Function {label}", "flow rule", status)}
    row = report.find(f"Function {label}", "flow rule", status)
    assert found in row["found"]
    assert mend in row["mend"]


def test_an_own_asynchronous_function_is_healthy_by_its_dead_letter_queue(deployment: Deployment, run: Run) -> None:
    deployment.deploy_function("greeter", {}, timeout=60)
    deployment.permit("greeter", f"workmail.{REGION}.amazonaws.com", SourceArn=deployment.organization)
    name = deployment.name("greeter")
    deployment.put_metric("AWS/Lambda", "AsyncEventsReceived", 9, FunctionName=name)
    deployment.put_metric("AWS/Lambda", "Invocations", 9, FunctionName=name)
    deployment.put_metric("AWS/Lambda", "Invocations", 9, FunctionName=name, Resource=f"{name}:live")
    unknown = {("Function greeter", "flow rule", "warning"), ("Function greeter", "timeout", "warning")}
    assert run().list_problems() == unknown
    deployment.set_dead_letters("greeter")
    assert run().list_problems() == set()


@pytest.mark.parametrize("function", ["mailflow", "rewrite"])
def test_each_function_that_changes_mail_needs_its_stored_verdicts(deployment: Deployment, run: Run, function: str) -> None:
    deployment.aws.errors["iam", "SimulatePrincipalPolicy"] = (403, "AccessDenied")
    deny = {"Effect": "Deny", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{deployment.bucket}/decided/*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [deny]})
    deployment.aws.do("iam.put_role_policy", RoleName=ROLE, PolicyName="deny", PolicyDocument=document)
    try:
        report = run()
    finally:
        deployment.aws.do("iam.delete_role_policy", RoleName=ROLE, PolicyName="deny")
    row = report.find(f"Function {function}", "role", "wrong")
    assert row["found"].endswith("may not s3:GetObject")
    assert row["mend"].endswith("/decided/message")


def test_calls_of_another_version_and_failed_calls_are_named(deployment: Deployment, run: Run) -> None:
    deployment.deploy_function("direct", {})
    deployment.permit("direct", f"workmail.{REGION}.amazonaws.com", SourceArn=deployment.organization)
    for metric, value in {"Invocations": 9, "Errors": 2, "Throttles": 1}.items():
        deployment.put_metric("AWS/Lambda", metric, value, FunctionName=deployment.name("direct"))
    report = run()
    assert report.list_problems() == {("Function direct", "flow rule", "warning"), ("Function direct", "errors", "warning")}
    assert deployment.arn("direct") in report.find("Function direct", "flow rule", "warning")["mend"]
    assert report.find("Function direct", "errors", "warning")["found"] == "2 calls failed and 1 were throttled in 7 days"


def test_a_policy_without_a_rule_in_one_direction_is_named(deployment: Deployment, run: Run) -> None:
    deployment.aws.stack["StackName"] = "second"
    deployment.put_metric("WorkMailHooks", "Messages", 5, service="second", hook="mailflow", direction="INBOUND")
    report = run("--stack", "second")
    assert report.list_problems() == {("Function mailflow", "flow rule", "warning")}
    assert "none by Outbound rules" in report.find("Function mailflow", "flow rule", "warning")["found"]
    deployment.set_parameter("MailDirection", "inbound")
    assert run("--stack", "second").list_problems() == set()


def test_a_gradual_deployment_that_is_not_finished_is_no_defect(deployment: Deployment, run: Run) -> None:
    deployment.set_variables("rewrite", LIVE, SUBJECT_TAG="[OLD]")
    deployment.change("lambda", f"{deployment.name('rewrite')}/aliases/live", RoutingConfig={"AdditionalVersionWeights": {"2": 0.1}})
    report = run()
    assert report.list_problems() == {(REWRITE, "settings", "warning")}
    assert "version 2 gets 10%" in report.find(REWRITE, "settings", "warning")["found"]


def test_values_of_settings_are_never_printed(deployment: Deployment, run: Run) -> None:
    deployment.set_variables("rewrite", LIVE, BOUNCE_RULES="ana@example.com", SUBJECT_TAG="[SECRET]")
    text = str(run().rows)
    assert "BOUNCE_RULES, SUBJECT_TAG" in text
    assert "ana@" not in text
    assert "[SECRET]" not in text
    assert STACK in text
