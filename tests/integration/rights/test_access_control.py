"""The access control of these tests: it names each call as IAM does, and denies all that no right allows."""

from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from tests.integration.rights.deployment import KEY, REGION, Account
from tests.support.servers.access_control import Right, Role

TABLE = "arn:aws:dynamodb:us-east-1:123456789012:table/rates"
OBJECT = "arn:aws:s3:::bucket/a/b"


def call(account: Account, role: Role, service: str, operation: str, **parameters: Any) -> str:
    """Return the code of the error of a call; "" for none."""
    account.control.roles = {role.name: role}
    keys = {"aws_access_key_id": role.name, "aws_secret_access_key": "x"}
    config = Config(retries={"total_max_attempts": 1})
    client = boto3.client(service, region_name=REGION, endpoint_url=account.control.url, config=config, **keys)
    try:
        getattr(client, operation)(**parameters)
    except ClientError as error:
        return error.response["Error"]["Code"]
    finally:
        client.close()
    return ""


@pytest.mark.parametrize(
    "service,operation,parameters,denied",
    [
        ("s3", "list_buckets", {}, ("s3:ListBuckets", "arn:aws:s3:::")),
        ("s3", "get_object", {"Bucket": "bucket", "Key": "a/b"}, ("s3:GetObject", OBJECT)),
        ("s3", "get_object", {"Bucket": "bucket", "Key": "a/b", "VersionId": "1"}, ("s3:GetObjectVersion", OBJECT)),
        ("s3", "put_object_acl", {"Bucket": "bucket", "Key": "a/b", "ACL": "private"}, ("s3:PutObjectAcl", OBJECT)),
        ("s3", "upload_part", {"Bucket": "bucket", "Key": "a/b", "PartNumber": 1, "UploadId": "1"}, ("s3:UploadPart", OBJECT)),
        ("s3", "copy_object", {"Bucket": "bucket", "Key": "a/b", "CopySource": "c/d"}, ("s3:CopyObject", OBJECT)),
        ("dynamodb", "delete_table", {"TableName": "rates"}, ("dynamodb:DeleteTable", TABLE)),
        ("ssm", "get_parameter", {"Name": "/a"}, ("ssm:GetParameter", "arn:aws:ssm:us-east-1:123456789012:parameter/a")),
        ("logs", "describe_log_groups", {}, ("logs:DescribeLogGroups", "arn:aws:logs:us-east-1:123456789012:unknown")),
    ],
)
def test_a_call_without_a_right_is_denied_by_the_name_of_its_action(
    service: str, operation: str, parameters: dict[str, Any], denied: tuple[str, str], account: Account
) -> None:
    role = Role("Nothing", [])

    assert call(account, role, service, operation, **parameters) in {"AccessDenied", "AccessDeniedException", "403"}
    assert role.denied == [denied]


def test_an_object_that_does_not_exist_is_seen_only_with_the_right_to_list(account: Account) -> None:
    bucket = f"arn:aws:s3:::{account.workmail.bucket}"
    get, listing = Right("s3:GetObject", f"{bucket}/*"), Right("s3:ListBucket", bucket)
    parameters = {"Bucket": account.workmail.bucket, "Key": "missing"}

    assert call(account, Role("Get", [get]), "s3", "get_object", **parameters) == "AccessDenied"
    assert call(account, Role("List", [get, listing]), "s3", "get_object", **parameters) == "NoSuchKey"


def test_an_encrypted_resource_needs_rights_on_its_key_through_its_service(account: Account) -> None:
    read = Right("secretsmanager:GetSecretValue", account.webhook_secret)

    def get(*rights: Right) -> list[tuple[str, str]]:
        role = Role("Reader", [read, *rights], KEY)
        call(account, role, "secretsmanager", "get_secret_value", SecretId=account.webhook_secret)
        return role.denied

    def decrypt(condition: str) -> Right:
        return Right("kms:Decrypt", KEY, f'{{"StringEquals": {{"kms:ViaService": "{condition}"}}}}')

    assert get() == get(decrypt("s3.us-east-1.amazonaws.com")) == [("kms:Decrypt", KEY)]
    assert get(decrypt("secretsmanager.us-east-1.amazonaws.com")) == []


def test_a_condition_that_cannot_be_evaluated_is_named(account: Account) -> None:
    role = Role("Reader", [Right("sqs:SendMessage", "*", '{"NumericLessThan": {"aws:MultiFactorAuthAge": "60"}}')])

    call(account, role, "sqs", "send_message", QueueUrl=account.queue, MessageBody="{}")
    assert role.doubtful == ["sqs:SendMessage"]
    assert role.denied


def test_a_request_of_another_role_is_unknown(account: Account) -> None:
    account.control.roles = {}
    client = boto3.client("ssm", region_name=REGION, endpoint_url=account.control.url, aws_access_key_id="x", aws_secret_access_key="x")
    with pytest.raises(ClientError):
        client.get_parameter(Name="/a")
    client.close()

    assert account.control.unknown == ["POST /: 'x'"]
    account.control.unknown.clear()
