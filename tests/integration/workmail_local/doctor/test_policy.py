"""A policy elsewhere than in the function's package is read, and each defect of it is named without its content."""

import pytest

from tests.integration.workmail_local.doctor.conftest import Run
from tests.support.deployed_account import Deployment

POLICY = 'version: 1\nrules:\n  - name: "Tag"\n    when: {direction: inbound}\n    do: [{subject_tag: "[EXTERNAL]"}]\n'


def _store_in_s3(deployment: Deployment, text: str) -> str:
    bucket = f"policies-{deployment.aws.number}"
    deployment.aws.do("s3.create_bucket", Bucket=bucket)
    deployment.aws.do("s3.put_object", Bucket=bucket, Key="policy.yaml", Body=text.encode())
    return f"s3://{bucket}/policy.yaml"


def _store_in_systems_manager(deployment: Deployment, text: str) -> str:
    deployment.aws.do("ssm.put_parameter", Name="/mail/policy", Value=text, Type="SecureString", Overwrite=True)
    return "ssm:/mail/policy"


def _store_in_appconfig(deployment: Deployment, text: str) -> str:
    do = deployment.aws.do
    application = do("appconfig.create_application", Name="mail")["Id"]
    profile = do("appconfig.create_configuration_profile", ApplicationId=application, Name="policy", LocationUri="hosted")["Id"]
    versions = {}
    for content in ("rules: [", text, "rules: ["):
        created = do(
            "appconfig.create_hosted_configuration_version",
            ApplicationId=application,
            ConfigurationProfileId=profile,
            Content=content.encode(),
            ContentType="text/yaml",
        )
        versions[created["VersionNumber"]] = content
    deployed = next(number for number, content in versions.items() if content == text)
    deployment.aws.deployments = [
        {"DeploymentNumber": 3, "ConfigurationName": "another", "ConfigurationVersion": "9", "State": "COMPLETE"},
        {"DeploymentNumber": 4, "ConfigurationName": "policy", "ConfigurationVersion": "3", "State": "ROLLED_BACK"},
        {"DeploymentNumber": 2, "ConfigurationName": "policy", "ConfigurationVersion": str(deployed), "State": "COMPLETE"},
        {"DeploymentNumber": 1, "ConfigurationName": "policy", "ConfigurationVersion": "1", "State": "COMPLETE"},
    ]
    return f"appconfig:{application}/abc1234/{profile}"


STORES = {"s3": _store_in_s3, "ssm": _store_in_systems_manager, "appconfig": _store_in_appconfig}


@pytest.mark.parametrize("kind", STORES)
def test_a_policy_elsewhere_is_fetched_and_loaded(deployment: Deployment, run: Run, kind: str) -> None:
    deployment.set_variables("mailflow", POLICY=STORES[kind](deployment, POLICY))
    report = run()
    assert report.list_problems() == set()
    assert report.find("Policy", "source", "ok")["found"].endswith("is valid, 1 rule")


@pytest.mark.parametrize("kind", STORES)
def test_an_invalid_policy_is_named_by_its_lines_without_its_content(deployment: Deployment, run: Run, kind: str) -> None:
    text = POLICY.replace("subject_tag", "ana@example.com")
    deployment.set_variables("mailflow", POLICY=STORES[kind](deployment, text))
    report = run()
    assert report.list_problems() == {("Policy", "source", "wrong")}
    row = report.find("Policy", "source", "wrong")
    assert "lines: 5" in row["found"]
    assert "workmail-hooks check" in row["mend"]
    assert "ana@" not in str(report.rows)


@pytest.mark.parametrize("source", ["s3://no-such-bucket/none.yaml", "ssm:/none", "appconfig:none123/none123/none123"])
def test_a_policy_that_does_not_exist_is_named(deployment: Deployment, run: Run, source: str) -> None:
    deployment.set_variables("mailflow", POLICY=source)
    report = run()
    assert report.list_problems() == {("Policy", "source", "wrong")}
    assert "PolicySource" in report.find("Policy", "source", "wrong")["mend"]


def test_a_policy_whose_needs_are_not_deployed_is_named(deployment: Deployment, run: Run) -> None:
    text = POLICY.replace("{direction: inbound}", "{sender_in_group: [all@example.com], rate: {more_than: 5, minutes: 60, per: sender}}")
    deployment.set_variables("mailflow", POLICY=_store_in_s3(deployment, text))
    report = run()
    assert report.list_problems() == {("Policy", "needs", "wrong")}
    assert "PolicyNeeds=counting,directory" in report.find("Policy", "needs", "wrong")["mend"]


def test_a_need_that_is_deployed_stays_in_the_advice_about_another(deployment: Deployment, run: Run) -> None:
    text = POLICY.replace("{direction: inbound}", "{rate: {more_than: 5, minutes: 60, per: sender}}")
    deployment.set_variables("mailflow", POLICY=_store_in_s3(deployment, text), POLICY_DIRECTORY="true")
    assert "PolicyNeeds=counting,directory" in run().find("Policy", "needs", "wrong")["mend"]


def test_a_table_that_was_deleted_is_named(deployment: Deployment, run: Run) -> None:
    deployment.set_variables("mailflow", POLICY=_store_in_s3(deployment, POLICY), RATES_TABLE="counts")
    report = run()
    assert report.list_problems() == {("Policy", "table", "wrong")}
    assert "DELETED" in report.find("Policy", "table", "wrong")["found"]


def test_a_topic_that_the_role_may_not_use_is_named(deployment: Deployment, run: Run) -> None:
    topic = "arn:aws:sns:us-east-1:111122223333:mail"
    text = POLICY.replace('{subject_tag: "[EXTERNAL]"}', f'{{notify: {{sns: "{topic}"}}}}')
    deployment.set_variables("mailflow", POLICY=_store_in_s3(deployment, text))
    assert run().find("Policy", "rights", "ok")
    deployment.aws.refused.add("sns:Publish")
    report = run()
    assert report.list_problems() == {("Policy", "rights", "wrong")}
    row = report.find("Policy", "rights", "wrong")
    assert "sns:Publish" in row["found"]
    assert row["mend"] == f"Add this to PolicyResourceArns, and deploy: {topic}"
