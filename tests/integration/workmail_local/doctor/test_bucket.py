"""Each defect of the rewrite bucket and of its key is found and named."""

import json
from typing import Any

import pytest

from tests.integration.workmail_local.doctor.conftest import Run
from tests.integration.workmail_local.doctor.defects import Defect, parametrize
from tests.support.deployed_account import MAIL_FUNCTIONS, REGION, Deployment

BUCKET = "Rewrite bucket"
OTHER = f"arn:aws:workmailmessageflow:{REGION}:111122223333:message/m-{'f' * 32}/*"


def _set_bucket(deployment: Deployment, name: str, **location: Any) -> None:
    """Let the functions use another bucket."""
    deployment.aws.do("s3.create_bucket", Bucket=name, **location)
    for label in MAIL_FUNCTIONS:
        deployment.set_variables(label, REWRITE_BUCKET=name)


def _encrypt(deployment: Deployment, key: str = "") -> None:
    default = {"SSEAlgorithm": "aws:kms"} | ({"KMSMasterKeyID": key} if key else {})
    rules = [{"ApplyServerSideEncryptionByDefault": default}]
    deployment.aws.do("s3.put_bucket_encryption", Bucket=deployment.bucket, ServerSideEncryptionConfiguration={"Rules": rules})


def _create_key(deployment: Deployment, *services: str) -> str:
    """Create a KMS key that the account and these services may use."""
    own = {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{deployment.aws.number}:root"}, "Action": "kms:*", "Resource": "*"}
    condition = {"StringEquals": {"aws:SourceAccount": deployment.aws.number, "kms:ViaService": f"s3.{REGION}.amazonaws.com"}}
    uses = [
        {"Effect": "Allow", "Principal": {"Service": each}, "Action": "kms:Decrypt", "Resource": "*", "Condition": condition}
        for each in services
    ]
    policy = json.dumps({"Version": "2012-10-17", "Statement": [own, *uses]})
    key: str = deployment.aws.do("kms.create_key", Policy=policy)["KeyMetadata"]["Arn"]
    return key


def _disable_key(deployment: Deployment) -> None:
    key = _create_key(deployment, f"workmail.{REGION}.amazonaws.com")
    _encrypt(deployment, key)
    deployment.aws.do("kms.disable_key", KeyId=key.rpartition("/")[2])


def _deny_outside_of_a_vpc(deployment: Deployment) -> None:
    policy = deployment.bucket_policy()
    deny = {"Sid": "OnlyOurVpc", "Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": f"arn:aws:s3:::{deployment.bucket}/*"}
    policy["Statement"].append(deny | {"Condition": {"StringNotEquals": {"aws:SourceVpc": "vpc-1"}}})
    deployment.put_bucket_policy(policy)


BUCKETS = [
    Defect(
        "a bucket in another region",
        lambda d: _set_bucket(d, f"elsewhere-{d.aws.number}", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"}),
        (BUCKET, "bucket", "wrong"),
        "in eu-west-1",
        "Use a bucket in us-east-1",
        alone=False,
    ),
    Defect(
        "a bucket whose name has dots",
        lambda d: _set_bucket(d, f"mail.example.com.{d.aws.number}"),
        (BUCKET, "bucket", "wrong"),
        "mail.example.com",
        "hyphens",
        alone=False,
    ),
    Defect(
        "a bucket that was deleted",
        lambda d: d.aws.errors.update({("s3", f"{d.bucket}?location"): (404, "NoSuchBucket")}),
        (BUCKET, "bucket", "wrong"),
        "does not exist",
        "deploy it again",
    ),
    Defect(
        "a bucket without a policy",
        lambda d: d.aws.do("s3.delete_bucket_policy", Bucket=d.bucket),
        (BUCKET, "access", "wrong"),
        "no policy",
        "Deploy the stack again",
    ),
    Defect(
        "a bucket's policy for another organization",
        lambda d: d.put_bucket_policy(d.bucket_policy(ArnLike={"aws:SourceArn": OTHER})),
        (BUCKET, "access", "wrong"),
        "does not let WorkMail read",
        "get-bucket-policy",
    ),
    Defect(
        "a bucket's policy for every organization",
        lambda d: d.put_bucket_policy(d.bucket_policy(ArnLike={}, StringEquals={})),
        (BUCKET, "access", "warning"),
        "every organization",
        "conditions",
    ),
    Defect(
        "a bucket's policy that may deny WorkMail",
        _deny_outside_of_a_vpc,
        (BUCKET, "access", "warning"),
        "OnlyOurVpc",
        "InvalidContentLocation",
    ),
    Defect(
        "a bucket with the KMS key of AWS",
        lambda d: _encrypt(d),
        (BUCKET, "encryption", "wrong"),
        "aws/s3",
        "KmsKeyArn",
    ),
    Defect(
        "a KMS key that WorkMail may not use",
        lambda d: _encrypt(d, _create_key(d)),
        (BUCKET, "encryption", "wrong"),
        "may not decrypt",
        "kms:Decrypt",
    ),
    Defect(
        "a KMS key that is disabled",
        _disable_key,
        (BUCKET, "encryption", "wrong"),
        "Disabled",
        "Enable the key",
    ),
    Defect(
        "a bucket that may be public",
        lambda d: d.aws.do("s3.delete_public_access_block", Bucket=d.bucket),
        (BUCKET, "public access", "warning"),
        "not blocked",
        "put-public-access-block",
    ),
    Defect(
        "a bucket that keeps mail",
        lambda d: d.aws.do("s3.delete_bucket_lifecycle", Bucket=d.bucket),
        (BUCKET, "lifecycle", "warning"),
        "never deleted",
        "after a day",
    ),
]


@pytest.mark.slow  # half a second for each of its defects
@parametrize(BUCKETS)
def test_a_defect_of_the_bucket_is_named(deployment: Deployment, run: Run, defect: Defect) -> None:
    defect.damage(deployment)
    defect.check(run())


def test_a_key_that_workmail_may_use_is_healthy(deployment: Deployment, run: Run) -> None:
    key = _create_key(deployment, f"workmail.{REGION}.amazonaws.com")
    _encrypt(deployment, key)
    deployment.set_parameter("KmsKeyArn", key)
    report = run()
    assert report.list_problems() == set()
    assert report.find(BUCKET, "encryption", "ok")["found"] == "by a KMS key that WorkMail may use"


def test_a_role_without_the_right_for_the_key_is_named(deployment: Deployment, run: Run) -> None:
    deployment.set_parameter("KmsKeyArn", f"arn:aws:kms:{REGION}:{deployment.aws.number}:key/1")
    deployment.aws.refused.add("kms:GenerateDataKey")
    assert ("Function rewrite", "role", "wrong") in run().list_problems()
