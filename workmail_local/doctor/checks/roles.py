"""Checks of a function's role: whether the function may do its work.

By iam:SimulatePrincipalPolicy, which also counts permissions boundaries; without that right, by the policies of the role.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from workmail_local.doctor.account import Account, CannotCheck, Missing
from workmail_local.doctor.checks.functions import read_configuration, read_variables
from workmail_local.doctor.findings import Finding, fail, pass_check
from workmail_local.doctor.statements import PolicyRequest, decide
from workmail_local.doctor.target import Function, Target

_READ: Final = "workmailmessageflow:GetRawMessageContent"
_REPLACE: Final = "workmailmessageflow:PutRawMessageContent"
_DIRECTORY: Final = tuple(f"workmail:{name}" for name in ("ListMailDomains", "ListGroups", "ListGroupMembers", "ListUsers", "ListAliases"))


_Need = tuple[tuple[str, ...], tuple[str, ...]]
"""Actions, and the resources of each."""


def check_role(account: Account, target: Target, function: Function) -> Iterator[Finding]:
    """Check each right that the function needs."""
    configuration = read_configuration(account, function)
    role = configuration["Role"]
    missing = [right for need in _list_needs(account, target, function) for right in find_missing_rights(account, role, *need)]
    name = role.rpartition("/")[2]
    if missing:
        for action, _, resource in (right.partition(" on ") for right in missing[:5]):
            mend = f"Deploy the stack again, or look for a changed policy or a permissions boundary. The resource: {resource}"
            yield fail("role", f"{name} may not {action}", mend)
    else:
        yield pass_check("role", f"{name} has the rights that the function needs")


def _list_needs(account: Account, target: Target, function: Function) -> Iterator[_Need]:
    configuration, variables = read_configuration(account, function), read_variables(account, function)
    here = f"{target.region}:{target.account}"
    group = (configuration.get("LoggingConfig") or {}).get("LogGroup") or f"/aws/lambda/{function.name}"
    # CreateLogStream is for the group, PutLogEvents for a stream of it: one ARN with a stream fits both.
    yield ("logs:CreateLogStream", "logs:PutLogEvents"), (f"arn:{target.partition}:logs:{here}:log-group:{group}:log-stream:stream",)
    messages = tuple(target.organization.message_arn(each) for each in target.directions) if target.organization.id else ()
    if bucket := variables.get("REWRITE_BUCKET"):
        objects = f"arn:{target.partition}:s3:::{bucket}"
        yield (_READ, _REPLACE), messages
        yield ("s3:PutObject",), (f"{objects}/rewritten/message",)
        # For a policy, which rewrite and disclaimer may have in their folder, where no setting shows it.
        yield ("s3:GetObject", "s3:PutObject"), (f"{objects}/decided/message",)
        if key := target.parameters.get("KmsKeyArn"):
            yield ("kms:GenerateDataKey",), (key,)
    elif function.is_observe or function.is_approval:
        yield (_READ,), messages
    if queue := (configuration.get("DeadLetterConfig") or {}).get("TargetArn"):
        yield ("sqs:SendMessage",), (queue,)
    if secret := variables.get("AVAILABILITY_SECRET"):
        yield ("secretsmanager:GetSecretValue",), (secret,)
    if table := variables.get("HOLDS_TABLE"):
        read = "dynamodb:GetItem" if function.is_approval else "dynamodb:Query"
        yield (read, "dynamodb:UpdateItem"), (f"arn:{target.partition}:dynamodb:{here}:table/{table}",)
    if secret := variables.get("APPROVAL_SECRET"):
        yield ("secretsmanager:GetSecretValue",), (secret,)
    yield from _list_policy_needs(target, variables, here)


def _list_policy_needs(target: Target, variables: Mapping[str, str], here: str) -> Iterator[_Need]:
    """Yield the rights for the source of a policy, its table and its look-ups."""
    kind, _, place = variables.get("POLICY", "").partition(":")
    if kind == "s3":
        yield ("s3:GetObject",), (f"arn:{target.partition}:s3:::{place.removeprefix('//')}",)
    elif kind == "ssm":
        yield ("ssm:GetParameter",), (f"arn:{target.partition}:ssm:{here}:parameter/{place.removeprefix('/')}",)
    elif kind == "appconfig" and place.count("/") == 2:
        application, environment, profile = place.split("/")
        configuration = f"application/{application}/environment/{environment}/configuration/{profile}"
        yield (
            ("appconfig:StartConfigurationSession", "appconfig:GetLatestConfiguration"),
            (f"arn:{target.partition}:appconfig:{here}:{configuration}",),
        )
    if table := variables.get("RATES_TABLE"):
        yield ("dynamodb:Query", "dynamodb:UpdateItem"), (f"arn:{target.partition}:dynamodb:{here}:table/{table}",)
    if variables.get("POLICY_DIRECTORY") == "true" and target.organization.id:
        yield _DIRECTORY, (target.organization.arn,)


def find_missing_rights(account: Account, role: str, actions: tuple[str, ...], resources: tuple[str, ...]) -> list[str]:
    """Return the rights that a role lacks, as `action on resource`.

    Args:
        role: its ARN.

    Raises:
        CannotCheck: neither the simulation nor the role's policies can be read.
        Missing: the role does not exist.
    """
    try:
        return [right for resource in resources for right in _simulate(account, role, actions, resource)]
    except CannotCheck as error:
        try:
            documents, boundary = _read_policies(account, role.rpartition("/")[2])
        except CannotCheck:
            # The right for the simulation is the smaller one to allow.
            raise error from None
    requests = [PolicyRequest(action, resource) for resource in resources for action in actions]
    return [
        f"{each.action} on {each.resource}"
        for each in requests
        if not decide(documents, each).possible or (boundary and not decide(boundary, each).possible)
    ]


def _simulate(account: Account, role: str, actions: tuple[str, ...], resource: str) -> list[str]:
    answer = account.call("iam.simulate_principal_policy", PolicySourceArn=role, ActionNames=list(actions), ResourceArns=[resource])
    return [
        f"{result['EvalActionName']} on {resource}"
        for result in answer["EvaluationResults"]
        # A condition on a value that only the real request has, such as kms:ViaService, is in doubt.
        if result["EvalDecision"] != "allowed" and not result.get("MissingContextValues")
    ]


def _read_policies(account: Account, role: str) -> tuple[list[Any], list[Any]]:
    """Return the policies of a role, and its permissions boundary."""
    documents = [
        account.call("iam.get_role_policy", RoleName=role, PolicyName=name)["PolicyDocument"]
        for name in _list_of(account.call("iam.list_role_policies", RoleName=role), "PolicyNames")
    ]
    attached = _list_of(account.call("iam.list_attached_role_policies", RoleName=role), "AttachedPolicies")
    documents += [_read_managed(account, each["PolicyArn"]) for each in attached]
    boundary = account.call("iam.get_role", RoleName=role)["Role"].get("PermissionsBoundary", {}).get("PermissionsBoundaryArn")
    return documents, [_read_managed(account, boundary)] if boundary else []


def _list_of(answer: Mapping[str, Any], key: str) -> list[Any]:
    return list(answer.get(key) or ())


def _read_managed(account: Account, arn: str) -> Any:
    try:
        version = account.call("iam.get_policy", PolicyArn=arn)["Policy"]["DefaultVersionId"]
        return account.call("iam.get_policy_version", PolicyArn=arn, VersionId=version)["PolicyVersion"]["Document"]
    except Missing:
        return {}
