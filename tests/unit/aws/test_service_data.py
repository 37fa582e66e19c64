"""botocore's data that are cut to our operations: clients send the same requests and read the same responses as with all data."""

import ast
import io
import itertools
import json
import os
import random
import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import botocore
import pytest
from aws_lambda_powertools.utilities.parameters import AppConfigProvider, SecretsProvider, SSMProvider
from botocore import xform_name
from botocore.awsrequest import AWSResponse
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from botocore.loaders import Loader
from botocore.model import OperationModel, ServiceModel, Shape
from botocore.parsers import ResponseParserError
from botocore.session import Session

import mailhooks
from mailhooks.aws.client import CONFIG
from mailhooks.aws.service_data import OPERATIONS, write_service_data
from mailhooks.aws.session import make_session

LIBRARY: Final = Path(mailhooks.__path__[0])
ORGANIZATION: Final = "m-" + "0" * 32
TABLE: Final = {"TableName": "arn:aws:dynamodb:eu-west-1:123456789012:table/rates"}

CALLS: Final[dict[str, list[tuple[str, dict[str, Any]]]]] = {
    "appconfigdata": [
        (
            "StartConfigurationSession",
            {"ApplicationIdentifier": "a", "EnvironmentIdentifier": "b", "ConfigurationProfileIdentifier": "c"},
        ),
        ("GetLatestConfiguration", {"ConfigurationToken": "t/o=k"}),
    ],
    "dynamodb": [
        (
            "UpdateItem",
            TABLE
            | {
                "Key": {"pk": {"S": "a"}, "sk": {"N": "0"}},
                "UpdateExpression": "SET i = :own",
                "ConditionExpression": "attribute_not_exists(i)",
                "ExpressionAttributeValues": {":own": {"S": "x"}},
                "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
                "ReturnValues": "ALL_NEW",
            },
        ),
        ("UpdateItem", {"TableName": "rates", "Key": {"pk": {"S": "a"}}}),
        ("GetItem", {"TableName": "holds", "Key": {"pk": {"S": "a"}, "sk": {"S": "b"}}, "ConsistentRead": True}),
        ("Query", {"TableName": "rates", "KeyConditionExpression": "pk = :a", "ExpressionAttributeValues": {":a": {"S": "ä"}}}),
        ("Query", TABLE | {"KeyConditionExpression": "pk = :a", "ExpressionAttributeValues": {":a": {"B": b"\0"}}, "ConsistentRead": True}),
        *((name, TABLE | {"Key": {"id": {"S": "a"}}}) for name in ("DeleteItem", "GetItem")),
        ("PutItem", TABLE | {"Item": {"id": {"S": "a"}, "madeAt": {"N": "1"}}}),
        ("Scan", TABLE | {"ConsistentRead": True, "ExclusiveStartKey": {"id": {"S": "a"}}}),
    ],
    "events": [("PutEvents", {"Entries": [{"EventBusName": "bus", "Source": "s", "DetailType": "t", "Detail": '{"a": "ä"}'}]})],
    "s3": [
        ("GetObject", {"Bucket": "bucket-1", "Key": "rewritten/a/é b+c"}),
        ("GetObject", {"Bucket": "bucket.with.dots", "Key": "k"}),
        ("GetObject", {"Bucket": "arn:aws:s3:eu-west-1:123456789012:accesspoint/point", "Key": "k"}),
        ("GetObject", {"Bucket": "arn:aws:s3::123456789012:accesspoint:mfzwi23gnjvgw.mrap", "Key": "k"}),
        ("PutObject", {"Bucket": "bucket-1", "Key": "k", "Body": b"Subject: x\r\n\r\n"}),
        ("PutObject", {"Bucket": "Not_A_Host", "Key": "k", "Body": b""}),
        (
            "PutObject",
            {
                "Bucket": "bucket-1",
                "Key": "k",
                "Body": b"x" * 70000,
                "ContentType": "message/rfc822",
                "IfNoneMatch": "*",
                "ObjectLockMode": "GOVERNANCE",
                "ObjectLockRetainUntilDate": datetime(2030, 1, 2, 3, 4, 5),
            },
        ),
        ("HeadBucket", {"Bucket": "bucket-1"}),
        ("CreateSession", {"Bucket": "bucket--use1-az4--x-s3"}),
        (
            "PutObjectTagging",
            {"Bucket": "bucket-1", "Key": "incoming/a", "Tagging": {"TagSet": [{"Key": "workmail-hooks", "Value": "done"}]}},
        ),
        ("ListObjectsV2", {"Bucket": "bucket", "Prefix": "mailboxes/", "ContinuationToken": "a"}),
    ],
    "secretsmanager": [("GetSecretValue", {"SecretId": "arn:aws:secretsmanager:eu-west-1:123456789012:secret:name"})],
    "ses": [
        (
            "SendBounce",
            {
                "OriginalMessageId": "m-1",
                "BounceSender": "postmaster@example.com",
                "Explanation": "ä",
                "BouncedRecipientInfoList": [
                    {
                        "Recipient": "bo@example.com",
                        "RecipientDsnFields": {"Action": "failed", "Status": "5.7.1", "DiagnosticCode": "smtp; 550"},
                    }
                ],
            },
        ),
        ("SendBounce", {"OriginalMessageId": "m", "BounceSender": "a", "BouncedRecipientInfoList": []}),
    ],
    "sesv2": [
        (
            "SendEmail",
            {
                "FromEmailAddress": "hold@example.com",
                "Destination": {"ToAddresses": ["ana@example.com"]},
                "Content": {"Raw": {"Data": b"Subject: x\r\n\r\n"}},
            },
        ),
        ("SendEmail", {}),
    ],
    "sns": [
        (
            "Publish",
            {
                "TopicArn": "arn:aws:sns:eu-west-1:123456789012:topic.fifo",
                "Message": "ä &",
                "MessageAttributes": {"idempotencyKey": {"DataType": "String", "StringValue": "k"}},
                "MessageGroupId": "g",
                "MessageDeduplicationId": "k",
            },
        )
    ],
    "sqs": [("SendMessage", {"QueueUrl": "https://sqs.eu-west-1.amazonaws.com/123456789012/failures", "MessageBody": "{}"})],
    "ssm": [("GetParameter", {"Name": "/a/b", "WithDecryption": True})],
    "stepfunctions": [
        (
            "StartExecution",
            {"stateMachineArn": "arn:aws:states:eu-west-1:123456789012:stateMachine:hold", "name": "0" * 32, "input": '{"a": "ä"}'},
        ),
        ("DescribeExecution", {"executionArn": "arn:aws:states:eu-west-1:123456789012:execution:hold:0"}),
    ],
    "workmail": [
        ("AssumeImpersonationRole", {"OrganizationId": ORGANIZATION, "ImpersonationRoleId": "role"}),
        *((name, {"OrganizationId": ORGANIZATION, "MaxResults": 100}) for name in ("ListGroups", "ListMailDomains", "ListUsers")),
        ("ListAliases", {"OrganizationId": ORGANIZATION, "EntityId": "12345678-1234-1234-1234-123456789012", "NextToken": "a"}),
        ("ListGroupMembers", {"OrganizationId": ORGANIZATION, "GroupId": "12345678-1234-1234-1234-123456789012"}),
        ("ListUsers", {"OrganizationId": "not an ID"}),
        *((name, {"OrganizationId": ORGANIZATION, "MaxResults": 100}) for name in ("ListResources", "ListMailboxExportJobs")),
        ("GetMailboxDetails", {"OrganizationId": ORGANIZATION, "UserId": "12345678-1234-1234-1234-123456789012"}),
        ("DescribeMailboxExportJob", {"OrganizationId": ORGANIZATION, "JobId": "job-1"}),
        (
            "StartMailboxExportJob",
            {
                "OrganizationId": ORGANIZATION,
                "EntityId": "12345678-1234-1234-1234-123456789012",
                "ClientToken": "token",
                "Description": "workmail-hooks token",
                "RoleArn": "arn:aws:iam::123456789012:role/export",
                "KmsKeyArn": "arn:aws:kms:eu-west-1:123456789012:key/a",
                "S3BucketName": "bucket",
                "S3Prefix": "mailboxes/a/",
            },
        ),
    ],
    "workmailmessageflow": [
        ("GetRawMessageContent", {"messageId": "00000000-0000-4000-8000-000000000000"}),
        ("GetRawMessageContent", {"messageId": ""}),
        (
            "PutRawMessageContent",
            {"messageId": "a", "content": {"s3Reference": {"bucket": "abc", "key": "rewritten/a/b", "objectVersion": "v"}}},
        ),
    ],
}
"""Parameters as the library sends them, and some that are rejected."""

EXPECTED: Final = (BotoCoreError, ClientError, ResponseParserError, ValueError)
"""botocore's errors for settings, parameters and responses."""

KEYS: Final = dict.fromkeys(("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"), "x")

CONFIG_FILE: Final = """
[default]
services = local
s3 =
  addressing_style = virtual
[services local]
s3 =
  endpoint_url = http://127.0.0.1:1/s3
workmailmessageflow =
  endpoint_url = https://flow.example.com
[profile role]
role_arn = arn:aws:iam::123456789012:role/one
credential_source = Environment
"""

REGIONS: Final = (
    "us-east-1 us-west-2 eu-west-1 eu-central-1 us-gov-west-1 cn-north-1 eu-isoe-west-1 us-iso-east-1 aws-global xx-new-9".split()
)
"""The regions of WorkMail, and of every kind; the last one does not exist."""

ENDPOINT_VARIABLES: Final = "APPCONFIGDATA DYNAMODB EVENTBRIDGE S3 SECRETS_MANAGER SESV2 SFN SNS SSM WORKMAIL WORKMAILMESSAGEFLOW".split()

VARIABLES: Final[tuple[dict[str, str], ...]] = (
    {},
    {"AWS_ENDPOINT_URL": "http://127.0.0.1:4566/base"},
    {
        "AWS_ENDPOINT_URL": "http://127.0.0.1:4566",
        **{f"AWS_ENDPOINT_URL_{name}": f"https://vpce-1.{name.lower()}.example.com" for name in ENDPOINT_VARIABLES},
    },
    {"AWS_CONFIG_FILE": "services"},
    {"AWS_CONFIG_FILE": "services", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true"},
    {"AWS_DEFAULTS_MODE": "in-region", "AWS_RETRY_MODE": "legacy"},
    {"AWS_USE_FIPS_ENDPOINT": "true", "AWS_ACCOUNT_ID": "123456789012"},
)
"""Environment variables; the file `services` has endpoints of some services."""

S3_OPTIONS: Final[tuple[dict[str, Any] | None, ...]] = (
    None,
    {"addressing_style": "path"},
    {"addressing_style": "virtual"},
    {"us_east_1_regional_endpoint": "legacy"},
    {"us_east_1_regional_endpoint": "regional", "use_arn_region": False},
    {"use_accelerate_endpoint": True},
)


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("prepared")
    write_service_data(folder)
    return folder


Open = Callable[[dict[str, str]], AbstractContextManager[tuple[Session, Session]]]


@pytest.fixture(scope="module")
def loaders(prepared: Path) -> list[Any]:
    """What loads cut data, and all: each keeps what it has read."""
    return [make_session(prepared).get_component("data_loader"), Loader()]


@pytest.fixture
def sessions(loaders: list[Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Open:
    """`with sessions({"AWS_REGION": ...})`: two sessions, with cut data and with all; the data are read once."""
    (tmp_path / "services").write_text(CONFIG_FILE)
    monkeypatch.setattr("botocore.auth.get_current_datetime", lambda **_: datetime(2026, 11, 29))
    monkeypatch.setattr("uuid.uuid4", lambda: "00000000-0000-4000-8000-000000000000")

    @contextmanager
    def open_both(variables: dict[str, str]) -> Iterator[tuple[Session, Session]]:
        with monkeypatch.context() as patch:
            patch.chdir(tmp_path)
            for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
                patch.setenv(name, "/nonexistent")
            for name, value in (KEYS | variables).items():
                patch.setenv(name, value)
            both = Session(), Session()
            for session, loader in zip(both, loaders, strict=True):
                session.register_component("data_loader", loader)
            yield both

    return open_both


def send_all(session: Session, service: str, calls: list[tuple[str, dict[str, Any]]], **client: Any) -> list[Any]:
    """Return the requests that calls would send, or their errors."""
    found: list[Any] = []

    def answer(request: Any, **_: Any) -> AWSResponse:
        body = request.body.read() if hasattr(request.body, "read") else request.body
        found.append((request.method, request.url, sorted((name, str(value)) for name, value in request.headers.items()), body))
        return AWSResponse(request.url, 200, {"content-length": "2"}, Raw(b"{}" if service != "s3" else b""))

    try:
        made = session.create_client(service, **client)
    except EXPECTED as error:
        return [(type(error), str(error))]
    made.meta.events.register("before-send", answer)
    for operation, parameters in calls:
        try:
            getattr(made, xform_name(operation))(**parameters)
        except EXPECTED as error:
            found.append((type(error).__name__, str(error)))
    return found


class Raw(io.BytesIO):
    """A response of urllib3."""

    def stream(self, *_: Any, **__: Any) -> Iterator[bytes]:
        yield self.read()


def settings() -> Iterator[tuple[Any, ...]]:
    """Yield combinations: service, region, variables, endpoint URL, FIPS, dual stack, options of S3."""
    for service in OPERATIONS:
        yield from itertools.product(
            (service,),
            REGIONS,
            VARIABLES,
            (None, "http://127.0.0.1:9/x"),
            (None, True),
            (None, True),
            S3_OPTIONS if service == "s3" else (None,),
        )


def compare(sessions: Open, combinations: list[Any]) -> int:
    """Return the number of equal requests; fail for others."""
    count = 0
    for variables, group in itertools.groupby(combinations, key=lambda each: each[2]):
        with sessions(variables) as (cut, full):
            for service, region, _, url, fips, dual, s3 in group:
                config = CONFIG.merge(Config(use_fips_endpoint=fips, use_dualstack_endpoint=dual, s3=s3))
                client = {"region_name": region, "endpoint_url": url, "config": config}
                sent = send_all(cut, service, CALLS[service], **client)
                assert sent == send_all(full, service, CALLS[service], **client)
                count += sum(len(each) == 4 for each in sent)
    return count


def test_some_settings_lead_to_the_same_requests(sessions: Open) -> None:
    combinations = sorted(random.Random(16).sample(list(settings()), 100), key=lambda each: VARIABLES.index(each[2]))
    assert compare(sessions, combinations) > 150


@pytest.mark.slow
@pytest.mark.parametrize("variables", VARIABLES)
def test_a_quarter_of_all_settings_leads_to_the_same_requests(sessions: Open, variables: dict[str, str]) -> None:
    combinations = [each for each in settings() if each[2] == variables]
    assert compare(sessions, random.Random(16).sample(combinations, len(combinations) // 4)) > 300


def list_regions() -> list[str]:
    """List the regions, and the names of other endpoints, that botocore knows for the services, in all partitions."""
    full = Session()
    return sorted(
        {
            region
            for partition in full.get_available_partitions()
            for service in OPERATIONS
            for region in full.get_available_regions(service, partition, allow_non_regional=True)
        }
    )


@pytest.mark.slow
@pytest.mark.parametrize("fips", [None, True])
@pytest.mark.parametrize("dual", [None, True])
def test_all_regions_lead_to_the_same_requests(sessions: Open, fips: bool | None, dual: bool | None) -> None:
    regions = list_regions()
    assert set(REGIONS) - {"xx-new-9"} <= set(regions)
    assert compare(sessions, [(service, region, {}, None, fips, dual, None) for service in OPERATIONS for region in regions]) > 1000


def error_bodies(service: ServiceModel) -> Iterator[tuple[int, bytes, dict[str, str]]]:
    """Yield a response for each error of a service, and for one that it does not define."""
    for code in (*(shape.error_code for shape in service.error_shapes), "Unknown.Code"):
        body = f"<Error><Code>{code}</Code><Message>m</Message><Item>x</Item></Error>"
        if service.metadata["protocol"] == "query":
            body = f"<ErrorResponse>{body}</ErrorResponse>"
        if "json" in service.metadata["protocol"]:
            body = json.dumps({"__type": f"com.amazon#{code}", "message": "m", "Item": {"pk": {"S": "a"}}, "Reason": "x"})
        yield 400, body.encode(), {"x-amzn-errortype": code}


def fill(shape: Shape, depth: int = 0) -> Any:
    """Return JSON for a shape."""
    match shape.type_name:
        case "structure":
            return (
                {}
                if depth > 3
                else {shape.members[name].serialization.get("name", name): fill(shape.members[name], depth + 1) for name in shape.members}
            )
        case "list":
            return [fill(shape.member, depth + 1)]
        case "map":
            return {"a": fill(shape.value, depth + 1)}
        case "string" | "blob":
            return "YWJj"
        case "boolean":
            return True
        case _:
            return 5


def success(operation: OperationModel) -> tuple[int, bytes, dict[str, str]]:
    """Return a response that has everything that an operation may return."""
    shape = operation.output_shape
    headers: dict[str, str] = {}
    if shape is None:
        return 200, b"", headers
    for name, member in shape.members.items():
        if member.serialization.get("location") == "header" and name != "ContentLength":
            headers[member.serialization.get("name", name)] = {"integer": "5", "long": "5", "boolean": "true"}.get(
                member.type_name, "Mon, 01 Jan 2029 00:00:00 GMT" if member.type_name == "timestamp" else "abc"
            )
    if "json" in operation.service_model.metadata["protocol"]:
        return 200, json.dumps(fill(shape)).encode(), headers
    names = {"SessionToken": "a", "SecretAccessKey": "b", "AccessKeyId": "c", "Expiration": "2029-01-01T00:00:00Z"}
    body = "".join(f"<{name}>{text}</{name}>" for name, text in names.items())
    if operation.name in {"Publish", "SendBounce"}:
        body = f"<{operation.name}Result><MessageId>a</MessageId><SequenceNumber>1</SequenceNumber></{operation.name}Result>"
    return 200, f"<R><Credentials>{body}</Credentials>{body}</R>".encode(), headers


def receive(client: Any, operation: str, parameters: dict[str, Any], response: tuple[int, bytes, dict[str, str]]) -> Any:
    """Return what a client makes of a response."""
    status, body, headers = response
    client.meta.events.register("before-send", lambda request, **_: AWSResponse(request.url, status, headers, Raw(body)), "answer")
    try:
        found = getattr(client, xform_name(operation))(**parameters)
        return {name: value.read() if hasattr(value, "read") else value for name, value in found.items()}
    except EXPECTED as error:
        return [(cls.__module__, cls.__name__) for cls in type(error).__mro__], str(error), getattr(error, "response", None)
    finally:
        client.meta.events.unregister("before-send", unique_id="answer")


@pytest.mark.parametrize("service", OPERATIONS)
def test_responses_and_errors_are_the_same(sessions: Open, service: str) -> None:
    with sessions({"AWS_DEFAULT_REGION": "eu-west-1", "AWS_MAX_ATTEMPTS": "1"}) as both:
        cut, full = (session.create_client(service) for session in both)
        model = full.meta.service_model
        for operation in OPERATIONS[service]:
            parameters = next(each for name, each in CALLS[service] if name == operation)
            for response in (success(model.operation_model(operation)), *error_bodies(model), (503, b"<x", {}), (200, b"", {})):
                assert receive(cut, operation, parameters, response) == receive(full, operation, parameters, response)


def test_every_operation_has_a_call_here() -> None:
    assert {service: {name for name, _ in calls} for service, calls in CALLS.items()} == {
        service: set(names) for service, names in OPERATIONS.items()
    }


def test_the_library_calls_no_other_operation() -> None:
    session = Session()
    models = {service: session.get_service_model(service) for service in OPERATIONS}
    listed = {name for names in OPERATIONS.values() for name in names}
    known = {name for model in models.values() for name in model.operation_names}
    spelled = {name: name for name in known} | {xform_name(name): name for name in known}
    called, services = set[str](), set[str]()
    others = [path for folder in ("push", "ses") for path in (LIBRARY / folder).glob("*.py") if "make_client" in path.read_text("utf-8")]
    for path in (*(LIBRARY / "aws").glob("*.py"), *others, LIBRARY / "availability/backends/workmail.py"):
        if path.name == "service_data.py":
            continue
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            match node:
                # A method of botocore's EndpointCreator has the name of an operation of EventBridge.
                case ast.Attribute(attr="create_endpoint"):
                    pass
                case ast.Attribute(attr=name) | ast.Constant(value=str(name)) if name in spelled:
                    called.add(spelled[name])
                case ast.Call(func=ast.Name(id="make_client") | ast.Attribute(attr="make_client"), args=[ast.Constant(value=service), *_]):
                    services.add(service)
    by_powertools = {"GetParameter", "GetLatestConfiguration", "StartConfigurationSession"}
    by_botocore = {"HeadBucket", "CreateSession"}
    assert called == listed - by_powertools - by_botocore
    assert services == set(OPERATIONS)


def test_powertools_calls_no_other_operation(sessions: Open) -> None:
    asked = []

    def answer(request: Any, **_: Any) -> AWSResponse:
        target = request.headers.get("X-Amz-Target")
        asked.append(target.decode() if target else request.url.split("?")[0].rsplit("/", 1)[1])
        body = {"Parameter": {"Value": "v"}, "SecretString": "v", "InitialConfigurationToken": "t"}
        return AWSResponse(request.url, 200, {"Next-Poll-Configuration-Token": "u"}, Raw(json.dumps(body).encode()))

    with sessions({"AWS_DEFAULT_REGION": "eu-west-1"}) as (cut, _):
        cut.register("before-send", answer)
        SSMProvider(boto3_client=cut.create_client("ssm")).get("/name", decrypt=True, force_fetch=True)
        SecretsProvider(boto3_client=cut.create_client("secretsmanager")).get("name", force_fetch=True)
        client = cut.create_client("appconfigdata")
        AppConfigProvider(environment="a", application="b", boto3_client=client).get("c", force_fetch=True)
    assert asked == ["AmazonSSM.GetParameter", "secretsmanager.GetSecretValue", "configurationsessions", "configuration"]


def test_a_bucket_in_another_region_is_found(sessions: Open) -> None:
    """botocore calls HeadBucket for its region."""

    def answer(request: Any, **_: Any) -> AWSResponse:
        found.append((request.method, request.url))
        if len(found) == 1:
            return AWSResponse(request.url, 301, {}, Raw(b"<Error><Code>PermanentRedirect</Code></Error>"))
        return AWSResponse(request.url, 200, {"x-amz-bucket-region": "eu-north-1"}, Raw(b""))

    results = []
    with sessions({"AWS_DEFAULT_REGION": "eu-west-1"}) as both:
        for session in both:
            found: list[Any] = []
            session.register("before-send", answer)
            session.create_client("s3").get_object(Bucket="bucket", Key="key")
            results.append(found)
    assert results[0] == results[1]
    assert [method for method, _ in results[0]] == ["GET", "HEAD", "GET"]
    assert ".eu-north-1." in results[0][-1][1]


@pytest.mark.parametrize("region", ["us-east-1", "eu-west-1", "us-gov-west-1", "cn-north-1"])
def test_the_credentials_of_a_role_are_fetched_by_the_same_request(sessions: Open, region: str) -> None:
    found: list[Any] = []

    def answer(request: Any, **_: Any) -> AWSResponse:
        assert "AssumeRole" in str(request.body)
        found.append((request.url, str(request.headers["Authorization"]).split(",")[0]))
        return AWSResponse(request.url, 403, {}, Raw(b"<ErrorResponse><Error><Code>AccessDenied</Code></Error></ErrorResponse>"))

    with sessions({"AWS_CONFIG_FILE": "services", "AWS_DEFAULT_REGION": region}) as both:
        for session in both:
            session.set_config_variable("profile", "role")
            session.register("before-send", answer)
            with pytest.raises(ClientError, match="AssumeRole"):
                session.create_client("s3").get_object(Bucket="bucket", Key="key")
    assert found[0] == found[1]


def test_other_services_waiters_and_regions_are_those_of_botocore(sessions: Open) -> None:
    with sessions({"AWS_DEFAULT_REGION": "eu-west-1"}) as (cut, full):
        for session in (cut, full):
            assert session.create_client("sqs").meta.endpoint_url == "https://sqs.eu-west-1.amazonaws.com"
        assert cut.create_client("s3").waiter_names == full.create_client("s3").waiter_names
        assert cut.get_available_regions("workmail") == full.get_available_regions("workmail") != []
        assert cut.get_available_regions("s3", "aws-cn") == full.get_available_regions("s3", "aws-cn")


def test_data_of_another_botocore_are_not_used(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "1.2.3").mkdir()
    assert isinstance(make_session(tmp_path).get_component("data_loader"), Loader)
    assert [record.levelname for record in caplog.records if "built with another" in record.message] == ["WARNING"]


NEEDED: Final = (
    "endpoints",
    "partitions",
    "sdk-default-configuration",
    "_retry",
    "s3/2006-03-01/service-2",
    "s3/2006-03-01/endpoint-rule-set-1",
)


@pytest.mark.parametrize(
    "damage", [Path.unlink, lambda file: file.write_bytes(file.read_bytes()[:-1]), lambda file: file.write_bytes(b"\xff")]
)
@pytest.mark.parametrize("name", NEEDED)
def test_botocores_own_data_replace_a_file_that_is_missing_or_damaged(
    sessions: Open, prepared: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture, name: str, damage: Callable[[Path], Any]
) -> None:
    folder = tmp_path / "prepared"
    shutil.copytree(prepared, folder)
    damage(folder / botocore.__version__ / f"{name}.json")
    variables = {"AWS_DEFAULT_REGION": "us-east-1", "AWS_USE_FIPS_ENDPOINT": "true", "AWS_RETRY_MODE": "legacy"}
    with sessions(variables) as (damaged, full):
        damaged.register_component("data_loader", make_session(folder).get_component("data_loader"))
        for service in ("s3", "workmailmessageflow"):
            assert send_all(damaged, service, CALLS[service]) == send_all(full, service, CALLS[service])
    assert [record.levelname for record in caplog.records if "missing or damaged" in record.message] == ["WARNING"]


def test_an_empty_folder_is_replaced_by_botocores_own_data(sessions: Open, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "prepared" / botocore.__version__).mkdir(parents=True)
    with sessions({"AWS_DEFAULT_REGION": "eu-west-1"}) as (empty, full):
        empty.register_component("data_loader", make_session(tmp_path / "prepared").get_component("data_loader"))
        for service in OPERATIONS:
            assert send_all(empty, service, CALLS[service]) == send_all(full, service, CALLS[service])
    assert len([record for record in caplog.records if "missing or damaged" in record.message]) == 1


def test_a_home_that_cannot_be_read_is_no_error(prepared: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    original = os.stat

    def refuse(path: Any, *arguments: Any, **keywords: Any) -> os.stat_result:
        if str(path) == Loader.CUSTOMER_DATA_PATH:
            raise PermissionError
        return original(path, *arguments, **keywords)

    monkeypatch.setattr(os, "stat", refuse)
    assert not isinstance(make_session(prepared).get_component("data_loader"), Loader)


def test_a_user_without_a_home_has_no_models(prepared: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Loader, "CUSTOMER_DATA_PATH", "~a-user-who-does-not-exist/.aws/models")
    assert not isinstance(make_session(prepared).get_component("data_loader"), Loader)


def test_a_checkout_uses_all_data_silently(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert isinstance(make_session(tmp_path / "prepared").get_component("data_loader"), Loader)
    assert not [record for record in caplog.records if record.name.startswith("mailhooks")]


def test_models_of_the_user_win(prepared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_DATA_PATH", str(tmp_path))
    assert str(tmp_path) in make_session(prepared).get_component("data_loader").search_paths
