"""Checks of the availability provider: its domains, secret, impersonation role, and the access rules of calendars."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from workmail_local.doctor.account import Account, Missing
from workmail_local.doctor.checks.functions import read_configuration, read_variables
from workmail_local.doctor.checks.organization import is_readable
from workmail_local.doctor.checks.roles import find_missing_rights
from workmail_local.doctor.findings import Finding, fail, pass_check, warn
from workmail_local.doctor.target import Function, Target


def check_domains(account: Account, target: Target) -> Iterator[Finding]:
    """Check which domains ask for their free/busy times, and whether they ask this stack's function."""
    organization = target.organization
    if not is_readable(account, target):
        return
    configured = account.list(
        "workmail.list_availability_configurations",
        "AvailabilityConfigurations",
        region=organization.region,
        OrganizationId=organization.id,
    )
    ours = target.availability_functions
    asking: set[str] = set()
    for each in configured:
        domain = each["DomainName"]
        arn = (each.get("LambdaProvider") or {}).get("LambdaArn", "")
        function = next((one for one in ours if f":function:{one.name}" in arn and arn.split(":")[6] == one.name), None)
        if function is None:
            # Not the endpoint or the user of EWS: a user name may be an address.
            yield pass_check("domain", f"{domain} asks {'another function' if arn else 'an EWS server'}")
            continue
        asking.add(function.name)
        if arn == function.arn:
            yield pass_check("domain", f"{domain} asks {function.name}:{function.qualifier}")
        else:
            mend = "Connect the domain again, with the ARN of the alias."
            yield warn("domain", f"{domain} asks another version of {function.name}", mend, _connect(target, function, domain))
    for function in ours:
        if function.name not in asking:
            mend = "Connect each domain whose calendars are elsewhere."
            yield fail("domain", f"no domain asks {function.name}", mend, _connect(target, function, "example.net"))


def _connect(target: Target, function: Function, domain: str) -> tuple[str, ...]:
    organization = target.organization
    chosen = ("--organization-id", organization.id, "--domain", domain, "--function-arn", function.arn, "--region", organization.region)
    return ("workmail-hooks", "connect-availability", "--replace", *chosen)


def check_secret(account: Account, target: Target) -> Iterator[Finding]:
    """Check that the secret with the configuration exists. Its content is not read."""
    for function in target.availability_functions:
        secret = read_variables(account, function).get("AVAILABILITY_SECRET", "")
        if not secret:
            yield fail("secret", "the function names no secret", "Set AvailabilitySecretArn, and deploy.")
            continue
        name = secret.rpartition(":secret:")[2]
        try:
            found = account.call("secretsmanager.describe_secret", SecretId=secret)
        except Missing:
            yield fail("secret", f"{name} does not exist", "Create the secret (docs/deploy.md), set AvailabilitySecretArn, and deploy.")
            continue
        if found.get("DeletedDate"):
            command = ("aws", "secretsmanager", "restore-secret", "--secret-id", secret)
            yield fail("secret", f"{name} is scheduled for deletion", "Restore it.", command)
            continue
        key, role = str(found.get("KmsKeyId", "")), read_configuration(account, function)["Role"]
        if key.startswith("arn:") and find_missing_rights(account, role, ("kms:Decrypt",), (key,)):
            mend = f"Set KmsKeyArn, and deploy; or let the role use this key: {key}"
            yield fail("secret", f"the function may not decrypt {name}", mend)
        else:
            yield pass_check("secret", f"{name} exists; check it by: workmail-hooks availability --config secret:{found['Name']} --check")


def check_impersonation(account: Account, target: Target) -> Iterator[Finding]:
    """Check the impersonation role of a WorkMail backend."""
    role = target.parameters.get("AvailabilityImpersonationRoleId", "")
    organization = target.organization
    if not role or not is_readable(account, target):
        return
    try:
        found = account.call(
            "workmail.get_impersonation_role", region=organization.region, OrganizationId=organization.id, ImpersonationRoleId=role
        )
    except Missing:
        mend = "Correct AvailabilityImpersonationRoleId, and deploy; ignore this if the calendars are in another organization."
        yield warn("impersonation", f"this organization has no role {role}", mend)
        return
    if not any(each.get("Effect") == "ALLOW" for each in found.get("Rules", ())):
        mend = "Add a rule with effect Allow to the role; it takes effect within five minutes."
        yield fail("impersonation", "no rule of the role allows a mailbox", mend)
    elif found.get("Type") == "FULL_ACCESS":
        mend = "Create a role of type read only: free/busy times need no more."
        yield warn("impersonation", "the role has full access to mailboxes", mend)
    else:
        yield pass_check("impersonation", "the role is read only, and allows mailboxes")


def check_access_rules(account: Account, target: Target) -> Iterator[Finding]:
    """Check that no access control rule shuts out EWS, by which a WorkMail backend and Exchange read calendars."""
    role = target.parameters.get("AvailabilityImpersonationRoleId", "")
    organization = target.organization
    if not is_readable(account, target) or not (role or _asks_exchange(account, target)):
        return
    rules = account.call("workmail.list_access_control_rules", region=organization.region, OrganizationId=organization.id)["Rules"]
    meeting = [each for each in rules if _covers(each, "Actions", "EWS") and _covers(each, "ImpersonationRoleIds", role)]
    command = ("aws", "workmail", "list-access-control-rules", "--organization-id", organization.id)
    denying = [each["Name"] for each in meeting if each["Effect"] == "DENY"]
    if denying:
        mend = "Exclude the impersonation role, or the user of Exchange, from these rules; a change takes effect in five minutes."
        yield warn("access rules", f"may deny EWS: {', '.join(denying)}", mend, command)
    elif not any(each["Effect"] == "ALLOW" for each in meeting):
        yield fail(
            "access rules", "no rule allows EWS", "Add a rule that allows EWS for the impersonation role, or the user of Exchange.", command
        )
    else:
        yield pass_check("access rules", "EWS is allowed")


def _asks_exchange(account: Account, target: Target) -> bool:
    """Return whether Exchange reads the calendars of WorkMail's users, too."""
    organization = target.organization
    found = account.call("workmail.describe_organization", region=organization.region, OrganizationId=organization.id)
    return bool(found.get("InteroperabilityEnabled"))


def _covers(rule: Mapping[str, Any], name: str, value: str) -> bool:
    """Return whether one condition of a rule meets a value: listed in `name`, or not listed in `Not...`, or no condition."""
    included, excluded = rule.get(name) or (), rule.get(f"Not{name}") or ()
    return value in included if included else value not in excluded


def check_by_test(account: Account, target: Target) -> Iterator[Finding]:
    """Run WorkMail's own test of the function, which calls it."""
    organization = target.organization
    for function in target.availability_functions if target.test_availability and is_readable(account, target) else ():
        result = account.call(
            "workmail.test_availability_configuration",
            region=organization.region,
            OrganizationId=organization.id,
            LambdaProvider={"LambdaArn": function.arn},
        )
        if result.get("TestPassed"):
            yield pass_check("test", "WorkMail's test passed")
        else:
            reason = result.get("FailureReason") or "no reason given"
            yield fail(
                "test", f"WorkMail's test failed: {reason}", "Mend the rows above; else read the function's log (docs/availability.md)."
            )


CHECKS: Final[tuple[tuple[str, Callable[[Account, Target], Iterator[Finding]]], ...]] = (
    ("domain", check_domains),
    ("secret", check_secret),
    ("impersonation", check_impersonation),
    ("access rules", check_access_rules),
    ("test", check_by_test),
)
