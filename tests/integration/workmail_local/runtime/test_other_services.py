"""A function's calls to AWS services that the local WorkMail does not emulate: none leaves this machine."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.loaders import Loader

from tests.support.functions import app
from workmail_local.config.functions import ROOT, merge_variables, read_settings
from workmail_local.runtime.runtime_client import AWS_HOSTS
from workmail_local.runtime.sandbox import Invocation, Pool
from workmail_local.workmail import LocalWorkMail

Run = Callable[..., Invocation]

# Each call with what the error names, in the protocols of AWS: JSON, CBOR, Query, EC2, REST-JSON and REST-XML; signed and unsigned.
CALLS = {
    "comprehend": ("detect_sentiment", {"Text": "secret", "LanguageCode": "en"}, "AWS_ENDPOINT_URL_COMPREHEND"),
    "translate": (
        "translate_text",
        {"Text": "secret", "SourceLanguageCode": "de", "TargetLanguageCode": "en"},
        "AWS_ENDPOINT_URL_TRANSLATE",
    ),
    "bedrock-runtime": ("invoke_model", {"modelId": "x", "body": b"{}"}, "AWS_ENDPOINT_URL_BEDROCK_RUNTIME"),
    "sts": ("get_caller_identity", {}, "AWS_ENDPOINT_URL_STS"),
    "ses": (
        "send_email",
        {"Source": "a@example.com", "Destination": {}, "Message": {"Subject": {"Data": "x"}, "Body": {}}},
        "AWS_ENDPOINT_URL_SES",
    ),
    "sesv2": ("list_contact_lists", {}, "AWS_ENDPOINT_URL_SES"),
    "cloudwatch": ("put_metric_data", {"Namespace": "x", "MetricData": [{"MetricName": "m", "Value": 1}]}, "AWS_ENDPOINT_URL_CLOUDWATCH"),
    "logs": ("describe_log_groups", {}, "AWS_ENDPOINT_URL_CLOUDWATCH_LOGS"),
    "kms": ("list_keys", {}, "AWS_ENDPOINT_URL_KMS"),
    "ec2": ("describe_instances", {}, "AWS_ENDPOINT_URL_EC2"),
    "route53": ("list_hosted_zones", {}, "AWS_ENDPOINT_URL_ROUTE53"),
    "servicediscovery": ("discover_instances", {"NamespaceName": "x", "ServiceName": "y"}, "AWS_ENDPOINT_URL_SERVICEDISCOVERY"),
    "lambda": ("invoke", {"FunctionName": "f", "Payload": b"{}"}, "AWS_ENDPOINT_URL_LAMBDA"),
    "cognito-idp": ("initiate_auth", {"AuthFlow": "USER_PASSWORD_AUTH", "ClientId": "x"}, "AWSCognitoIdentityProviderService"),
}
SOURCE = f"""
    import sys

    seen = set()
    sys.addaudithook(lambda event, arguments: seen.add(str(arguments[0])) if event == "socket.getaddrinfo" else None)
    sys.addaudithook(lambda event, arguments: seen.add(str(arguments[1][0])) if event == "socket.connect" else None)

    import boto3

    def handler(event, context):
        errors = {{}}
        for name, (call, arguments, _) in {CALLS!r}.items():
            client = boto3.client(name, region_name="eu-west-1")
            try:
                errors[name] = getattr(client, call)(**arguments)
            except client.exceptions.ClientError as error:
                errors[name] = [error.response["Error"]["Code"], error.response["Error"]["Message"]]
        boto3.client("dynamodb").list_tables()
        boto3.Session(region_name="eu-central-1").client("s3").list_buckets()
        return [errors, sorted(seen)]
    """


@pytest.fixture
def run(wm: LocalWorkMail, tmp_path: Path) -> Iterator[Run]:
    """`run(source, NAME="value")`: the response of a function with this source and these variables."""
    pools: list[Pool] = []

    def invoke(source: str, **variables: str) -> Invocation:
        pools.append(Pool(app(tmp_path, source), merge_variables(variables, wm.environment)))
        return pools[-1].invoke({}, "r-1", 60)

    yield invoke
    for pool in pools:
        pool.close()


def test_a_call_gets_an_error_that_names_the_service_and_no_connection_leaves_this_machine(run: Run) -> None:
    done = run(SOURCE)
    assert done.error is None
    errors, hosts = done.response
    assert hosts == ["127.0.0.1"]
    assert errors.keys() == CALLS.keys()
    for name, (_, _, expected) in CALLS.items():
        code, message = errors[name]
        assert code == "ServiceNotEmulated", name
        assert expected in message, name
        assert "secret" not in message


@pytest.mark.parametrize("name", ["AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "AWS_EC2_METADATA_DISABLED", "AWS_CONFIG_FILE"])
def test_a_functions_own_variables_cannot_lead_to_aws(name: str, run: Run) -> None:
    source = """
        import boto3

        def handler(event, context):
            boto3.client("sts").get_caller_identity()
        """
    assert "ServiceNotEmulated" in (run(source, **{name: "true"}).error or "")


@pytest.mark.parametrize(
    "call",
    [
        'boto3.client("sns", endpoint_url="https://sns.us-east-1.amazonaws.com").publish(TopicArn="x", Message="x")',
        'boto3.client("sts", config=Config(ignore_configured_endpoint_urls=True)).get_caller_identity()',
        'boto3.client("s3control").get_public_access_block(AccountId="123456789012")',  # a prefix before the host
        'urllib.request.urlopen("https://bucket.s3.eu-west-1.amazonaws.com/key")',
        'urllib.request.urlopen("http://169.254.169.254/latest/meta-data/", timeout=1)',
        'socket.create_connection(("SQS.us-east-1.AMAZONAWS.com.", 443), timeout=1)',
        'http.client.HTTPSConnection("runtime.lex.eu-west-1.api.aws").request("GET", "/")',
        'subprocess.run(["curl", "-d@/dev/null", "https://comprehend.us-east-1.amazonaws.com/?Action=x"])',
        'subprocess.run("curl https://SQS.us-east-1.amazonaws.com./", shell=True)',
        'os.system("curl https://sqs.eusc-de-east-1.amazonaws.eu")',
        'os.posix_spawnp("curl", ["curl", "comprehend.us-east-1.amazonaws.com:443"], os.environ)',
        'os.execvp("curl", ["curl", "https://a.s3.us-east-1.amazonaws.com/k"])',
    ],
)
def test_a_call_that_does_not_follow_the_variables_is_stopped(call: str, run: Run) -> None:
    source = f"""
        import http.client, os, socket, subprocess, urllib.request
        import boto3
        from botocore.config import Config

        def handler(event, context):
            {call}
        """
    assert "so that no mail reaches AWS" in (run(source).error or "")


def test_other_programs_are_started(run: Run) -> None:
    source = """
        import os, subprocess

        def handler(event, context):
            texts = ["https://amazonaws.com.example.net", "s3://bucket", os.environ["AWS_ENDPOINT_URL_SQS"]]
            return subprocess.run(["echo", *texts], capture_output=True, text=True, check=True).stdout
        """
    done = run(source, AWS_ENDPOINT_URL_SQS="https://sqs.eu-west-1.amazonaws.com")
    assert (done.error, done.response) == (
        None,
        "https://amazonaws.com.example.net s3://bucket https://sqs.eu-west-1.amazonaws.com\n",
    )


def test_the_hosts_of_all_partitions_are_known() -> None:
    partitions = Loader().load_data("partitions")["partitions"]
    found = {f".{each['outputs'][key]}" for each in partitions for key in ("dnsSuffix", "dualStackDnsSuffix")}
    assert [suffix for suffix in found if not suffix.endswith(AWS_HOSTS)] == []


def test_a_service_that_the_developer_adds_is_called(wm: LocalWorkMail, run: Run) -> None:
    source = """
        import os, socket
        import boto3

        def handler(event, context):
            try:
                socket.getaddrinfo("sqs.eu-west-1.amazonaws.com", 0, flags=socket.AI_NUMERICHOST)  # asks no server
            except socket.gaierror:
                pass
            return boto3.client("sts", region_name="eu-west-1").get_caller_identity()["Account"]
        """
    url = wm.environment["AWS_ENDPOINT_URL_S3"]
    done = run(source, AWS_ENDPOINT_URL_STS=url, AWS_ENDPOINT_URL_SQS="https://sqs.eu-west-1.amazonaws.com")
    assert (done.error, done.response) == (None, "123456789012")


def test_the_environment_of_a_function_keeps_its_own_bucket() -> None:
    servers = {"REWRITE_BUCKET": "a", "AWS_ENDPOINT_URL": "b", "AWS_ENDPOINT_URL_S3": "c", "AWS_REGION": "d", "RATES_TABLE": "e"}
    own: dict[str, Any] = dict.fromkeys(servers, "own")
    assert merge_variables(own, servers) == {**own, "AWS_REGION": "d"}
    assert merge_variables({}, servers) == servers


def test_the_url_for_containers_does_not_reach_a_process() -> None:
    servers = {"AWS_ENDPOINT_URL": "http://127.0.0.1:1", "AWS_ENDPOINT_URL_S3": "http://127.0.0.1:2"}
    assert merge_variables(read_settings(ROOT / "events" / "env.json")["Parameters"], servers).items() >= servers.items()
