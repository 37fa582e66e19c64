"""Checks of mailflow's policy: its source, its validity, and the settings that it needs."""

from collections.abc import Iterator
from typing import Any

from mailhooks.hooks.workmail import WORKMAIL
from mailhooks.policy import Policy, PolicyError, load
from mailhooks.policy.analysis.requirements import list_requirements
from workmail_local.console.style import format_count
from workmail_local.doctor.account import Account, CannotCheck, Missing
from workmail_local.doctor.checks.functions import read_configuration, read_variables
from workmail_local.doctor.checks.roles import find_missing_rights
from workmail_local.doctor.findings import Finding, fail, pass_check
from workmail_local.doctor.target import Function, Target


def check_policy(account: Account, target: Target) -> Iterator[Finding]:
    """Fetch and load the policy of each function that has one."""
    for function in target.mail_functions:
        try:
            variables = read_variables(account, function)
        except Missing:
            # A function that is missing has a row of its own.
            continue
        if source := variables.get("POLICY"):
            yield from _check_source(account, function, source, variables)


def _check_source(account: Account, function: Function, source: str, variables: dict[str, str]) -> Iterator[Finding]:
    kind, _, place = source.partition(":")
    if kind not in {"s3", "ssm", "appconfig"}:
        check = f"workmail-hooks check functions/{function.label}/policy.yaml"
        yield pass_check("source", f"a file in the function's package; check it by: {check}")
        return
    try:
        text = {"s3": _fetch_from_s3, "ssm": _fetch_from_ssm, "appconfig": _fetch_from_appconfig}[kind](account, place)
    except Missing:
        mend = "Store the policy there, or correct PolicySource: until then the policy in the function's package is in force."
        yield fail("source", f"{source} does not exist", mend)
        return
    try:
        policy = load(text)
    except PolicyError as error:
        lines = ", ".join(dict.fromkeys(str(problem.line) for problem in error.problems if problem.line)) or "unknown"
        mend = "Correct it, try it by `workmail-hooks check`, and store it again: until then an older policy is in force."
        # Not the problems themselves: they may quote an address.
        yield fail("source", f"{source} is invalid, {format_count(len(error.problems) + error.more, 'problem')}; lines: {lines}", mend)
        return
    yield pass_check("source", f"{source} is valid, {format_count(len(policy.rules), 'rule')}")
    yield from _check_needs(account, policy, variables)
    yield from _check_rights(account, function, policy)


def _check_needs(account: Account, policy: Policy, variables: dict[str, str]) -> Iterator[Finding]:
    """Compare the needs of a policy with the function's settings."""
    settings = {name for need in list_requirements(policy, [WORKMAIL]) for name in need.settings}
    needs = {
        "counting": ("RATES_TABLE" in settings, bool(variables.get("RATES_TABLE"))),
        "directory": ("POLICY_DIRECTORY=true" in settings, variables.get("POLICY_DIRECTORY") == "true"),
        "hold": ("HOLDS_TABLE" in settings, bool(variables.get("HOLDS_TABLE"))),
    }
    missing = [need for need, (wanted, given) in needs.items() if wanted and not given]
    if missing:
        value = ",".join(need for need, (wanted, given) in needs.items() if wanted or given)
        mend = f"Set PolicyNeeds={value}, and deploy: conditions that need it never match."
        yield fail("needs", f"the policy needs {' and '.join(missing)}", mend)
    elif settings:
        yield pass_check("needs", "the function has the settings that the policy needs")
    if table := variables.get("RATES_TABLE"):
        try:
            state = account.call("dynamodb.describe_table", TableName=table)["Table"]["TableStatus"]
        except Missing:
            state = "DELETED"
        if state in {"ACTIVE", "UPDATING"}:
            yield pass_check("table", state)
        else:
            yield fail("table", f"the table of the counts is {state}", "Wait if it is created now; else deploy the stack again.")


def _check_rights(account: Account, function: Function, policy: Policy) -> Iterator[Finding]:
    """Check the role's rights on the resources that the policy names, such as topics and the bucket of the archive."""
    rights = [right.partition(" on ") for need in list_requirements(policy, [WORKMAIL]) for right in need.permissions]
    named = [(action, resource) for action, _, resource in rights if resource.startswith("arn:")]
    role = read_configuration(account, function)["Role"]
    missing = [right for action, resource in named for right in find_missing_rights(account, role, (action,), (resource,))]
    for action, _, resource in (right.partition(" on ") for right in missing[:5]):
        yield fail("rights", f"the function may not {action}", f"Add this to PolicyResourceArns, and deploy: {resource}")
    if named and not missing:
        yield pass_check("rights", "the function may use the resources that the policy names")


def _fetch_from_s3(account: Account, place: str) -> str:
    bucket, _, key = place.removeprefix("//").partition("/")
    try:
        return _decode(account.call("s3.get_object", Bucket=bucket, Key=key)["Body"])
    except CannotCheck as error:
        # Without s3:ListBucket, S3 answers AccessDenied for a missing object.
        raise CannotCheck(f"{error.found}, or the object does not exist" if "lack" in error.found else error.found, error.mend) from None


def _fetch_from_ssm(account: Account, place: str) -> str:
    return str(account.call("ssm.get_parameter", Name=place, WithDecryption=True)["Parameter"]["Value"])


def _fetch_from_appconfig(account: Account, place: str) -> str:
    """Return the content of the newest deployment of a hosted profile. A session of AppConfig would not be an operation that only reads."""
    application, environment, profile = place.split("/")
    name = account.call("appconfig.get_configuration_profile", ApplicationId=application, ConfigurationProfileId=profile)["Name"]
    deployments: list[Any] = account.list("appconfig.list_deployments", "Items", ApplicationId=application, EnvironmentId=environment)
    deployed = [each for each in deployments if each.get("ConfigurationName") == name and each.get("State") in {"COMPLETE", "BAKING"}]
    if not deployed:
        raise Missing("no deployment")
    version = max(deployed, key=lambda each: each["DeploymentNumber"])["ConfigurationVersion"]
    return _decode(
        account.call(
            "appconfig.get_hosted_configuration_version",
            ApplicationId=application,
            ConfigurationProfileId=profile,
            VersionNumber=int(version),
        )["Content"]
    )


def _decode(content: Any) -> str:
    octets: bytes = content if isinstance(content, bytes) else content.read()
    return octets.decode("utf-8-sig", "replace")
