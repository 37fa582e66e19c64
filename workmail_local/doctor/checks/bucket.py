"""Checks of the rewrite bucket, from which WorkMail reads changed messages.

Source: WorkMail Administrator Guide, "Updating message content with AWS Lambda"; the pattern of its name: API reference, S3Reference.
"""

import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Final

from workmail_local.doctor.account import Account, CannotCheck, Missing
from workmail_local.doctor.checks.functions import read_variables
from workmail_local.doctor.findings import Finding, fail, pass_check, warn
from workmail_local.doctor.statements import Decision, PolicyRequest, decide
from workmail_local.doctor.target import Target

_NAME: Final = re.compile(r"[a-z0-9][a-z0-9-]{2,62}")


def find_bucket(account: Account, target: Target) -> str:
    """Return the bucket of the functions' setting; empty if no function has one."""
    problem: CannotCheck | None = None
    for function in target.mail_functions:
        try:
            # A function that is missing has a row of its own.
            with suppress(Missing):
                if bucket := read_variables(account, function).get("REWRITE_BUCKET"):
                    return bucket
        except CannotCheck as error:
            problem = error
    if target.stack and (buckets := target.stack.list_physical("AWS::S3::Bucket")):
        return buckets[0]
    if problem:
        raise problem
    return ""


def _find_existing_bucket(account: Account, target: Target) -> str:
    """Return the bucket; empty if there is none, which `check_place` reports."""
    bucket = find_bucket(account, target)
    if not bucket:
        return ""
    try:
        # A missing right for this call leaves the others possible.
        with suppress(CannotCheck):
            account.call("s3.get_bucket_location", Bucket=bucket)
    except Missing:
        return ""
    return bucket


def check_place(account: Account, target: Target) -> Iterator[Finding]:
    """Check the bucket's name and region."""
    bucket = find_bucket(account, target)
    if not bucket:
        return
    if not _NAME.fullmatch(bucket):
        mend = "Use a bucket whose name has only lower-case letters, digits and hyphens: WorkMail rejects each change from another."
        yield fail("bucket", f"the name {bucket} is not allowed by WorkMail", mend)
        return
    try:
        region = account.call("s3.get_bucket_location", Bucket=bucket).get("LocationConstraint") or "us-east-1"
    except Missing:
        yield fail("bucket", f"{bucket} does not exist", "Delete the stack and deploy it again: it has lost its bucket.")
        return
    # An old bucket may have the former name of Ireland.
    region = "eu-west-1" if region == "EU" else region
    if region == target.organization.region:
        yield pass_check("bucket", f"{bucket} in {region}")
    else:
        yield fail("bucket", f"{bucket} is in {region}", f"Use a bucket in {target.organization.region}: WorkMail reads no other region.")


def check_access(account: Account, target: Target) -> Iterator[Finding]:
    """Check that the bucket's policy lets WorkMail read, and only for this organization."""
    bucket = _find_existing_bucket(account, target)
    if not bucket or not target.organization.id:
        return
    mend = f"Deploy the stack again, or add the statement of docs/deploy.md to the policy of {bucket}."
    command = ("aws", "s3api", "get-bucket-policy", "--bucket", bucket, "--query", "Policy", "--output", "text")
    try:
        policy = account.call("s3.get_bucket_policy", Bucket=bucket)["Policy"]
    except Missing:
        yield fail("access", "the bucket has no policy, so WorkMail rejects each change", mend)
        return
    resource = f"arn:{target.partition}:s3:::{bucket}/rewritten/message"
    allowed, doubtful = True, set[str]()
    for direction in target.directions:
        for action in ("s3:GetObject", "s3:GetObjectVersion"):
            decision = _decide_for_workmail(policy, target, action, resource, direction)
            allowed, doubtful = allowed and decision.allowed, doubtful | set(decision.doubtful)
    if not allowed:
        yield fail("access", "the bucket's policy does not let WorkMail read for this organization", mend, command)
    elif doubtful:
        found = f"a Deny statement may shut WorkMail out: {', '.join(sorted(doubtful))}"
        yield warn(
            "access", found, "Exclude WorkMail's principal from this statement, if changes fail with InvalidContentLocation.", command
        )
    elif _decide_for_workmail(policy, target, "s3:GetObject", resource, "").allowed:
        yield warn("access", "the bucket's policy lets WorkMail read for every organization", f"Add its conditions. {mend}", command)
    else:
        yield pass_check("access", "WorkMail may read for this organization")


def _decide_for_workmail(policy: str, target: Target, action: str, resource: str, direction: str) -> Decision:
    """Evaluate a policy for a request of WorkMail; without a direction, for one of another organization and account."""
    organization = target.organization
    source, number = organization.message_arn(direction), organization.account
    if not direction:
        source, number = source.replace(organization.id, "m-" + "0" * 32).replace(number, "0" * 12), "0" * 12
    context = {
        "aws:sourcearn": source,
        "aws:sourceaccount": number,
        "aws:securetransport": "true",
        "kms:viaservice": f"s3.{organization.region}.amazonaws.com",
        "aws:principalisawsservice": "true",
    }
    return decide([policy], PolicyRequest(action, resource, f"workmail.{organization.region}.amazonaws.com", context))


def check_encryption(account: Account, target: Target) -> Iterator[Finding]:
    """Check the encryption; with a KMS key, that WorkMail may decrypt."""
    bucket = _find_existing_bucket(account, target)
    if not bucket:
        return
    rules = account.call("s3.get_bucket_encryption", Bucket=bucket)["ServerSideEncryptionConfiguration"]["Rules"]
    default = rules[0]["ApplyServerSideEncryptionByDefault"]
    if default["SSEAlgorithm"] == "AES256":
        yield pass_check("encryption", "by S3")
        return
    key = default.get("KMSMasterKeyID", "alias/aws/s3")
    described = account.call("kms.describe_key", KeyId=key)["KeyMetadata"]
    if key.endswith("alias/aws/s3") or described.get("KeyManager") == "AWS":
        mend = "Set KmsKeyArn to a key of your own, or use the encryption of S3: WorkMail cannot use the key of AWS."
        yield fail("encryption", "by the key aws/s3, which WorkMail cannot use", mend)
    elif described.get("KeyState") != "Enabled":
        show_key = ("aws", "kms", "describe-key", "--key-id", described["KeyId"])
        yield fail("encryption", f"the KMS key is {described.get('KeyState')}", "Enable the key, or cancel its deletion.", show_key)
    else:
        policy = account.call("kms.get_key_policy", KeyId=described["KeyId"], PolicyName="default")["Policy"]
        if all(_decide_for_workmail(policy, target, "kms:Decrypt", described["Arn"], each).possible for each in target.directions):
            yield pass_check("encryption", "by a KMS key that WorkMail may use")
        else:
            mend = "Allow kms:Decrypt to WorkMail's principal in the key's policy (samples/encryption-key)."
            command = ("aws", "kms", "get-key-policy", "--key-id", described["KeyId"], "--query", "Policy", "--output", "text")
            yield fail("encryption", "WorkMail may not decrypt with the KMS key", mend, command)


def check_public_access(account: Account, target: Target) -> Iterator[Finding]:
    """Check that public access is blocked."""
    bucket = _find_existing_bucket(account, target)
    if not bucket:
        return
    try:
        blocked = account.call("s3.get_public_access_block", Bucket=bucket)["PublicAccessBlockConfiguration"]
    except Missing:
        blocked = {}
    names = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")
    if all(blocked.get(each) for each in names):
        yield pass_check("public access", "blocked")
        return
    settings = ",".join(f"{each}=true" for each in names)
    command = ("aws", "s3api", "put-public-access-block", "--bucket", bucket, "--public-access-block-configuration", settings)
    yield warn("public access", "not blocked completely", "Block it: the bucket has mail.", command)


def check_lifecycle(account: Account, target: Target) -> Iterator[Finding]:
    """Check that changed messages are deleted."""
    bucket = _find_existing_bucket(account, target)
    if not bucket:
        return
    try:
        rules = account.call("s3.get_bucket_lifecycle_configuration", Bucket=bucket)["Rules"]
    except Missing:
        rules = []
    days = [each["Expiration"]["Days"] for each in rules if each.get("Status") == "Enabled" and "Days" in each.get("Expiration", {})]
    if days:
        yield pass_check("lifecycle", f"objects are deleted after {min(days)} d")
    else:
        mend = "Deploy the stack again: its bucket deletes objects after a day, and WorkMail needs none longer."
        yield warn("lifecycle", "changed messages are never deleted", mend)


CHECKS: Final[tuple[tuple[str, Callable[[Account, Target], Iterator[Finding]]], ...]] = (
    ("bucket", check_place),
    ("access", check_access),
    ("encryption", check_encryption),
    ("public access", check_public_access),
    ("lifecycle", check_lifecycle),
)
