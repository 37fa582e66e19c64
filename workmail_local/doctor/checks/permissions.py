"""Checks of a function's resource policy: whether WorkMail may call it for this organization.

Source: WorkMail Administrator Guide, "Configuring AWS Lambda" and "Custom availability provider".
"""

from collections.abc import Iterator, Mapping
from typing import Any

from workmail_local.doctor.account import Account, Missing
from workmail_local.doctor.findings import Finding, fail, pass_check, warn
from workmail_local.doctor.statements import as_list, fits, list_conditions, list_services, list_statements
from workmail_local.doctor.target import Function, Organization, Target

_ACTION = "lambda:InvokeFunction"


def check_permission(account: Account, target: Target, function: Function) -> Iterator[Finding]:
    """Check that the policy of the alias lets WorkMail call it."""
    organization = target.organization
    principal = f"{'availability.' if function.is_availability else ''}workmail.{organization.region}.amazonaws.com"
    command = _make_command(function, organization, principal)
    statements = _read_statements(account, function.selector)
    own = [each for each in statements if principal in list_services(each) and _is_for(each, function)]
    if not own:
        yield _explain_absence(account, function, statements, principal, command)
        return
    sources = [_list_values(each, "aws:sourcearn") for each in own]
    if not organization.id:
        yield pass_check("permission", f"{principal} may call it; the organization is unknown")
        return
    matching = [each for each, values in zip(own, sources, strict=True) if any(fits(value, organization.arn) for value in values)]
    if not matching:
        if all(sources):
            yield fail("permission", "for another organization (SourceArn)", "Correct OrganizationId and deploy, or add it.", command)
        elif function.is_availability:
            yield fail(
                "permission", "without SourceArn, which WorkMail's test demands", "Add the permission with both conditions.", command
            )
        else:
            mend = "Add the permission with SourceArn, and remove this one."
            yield warn("permission", "without SourceArn: every WorkMail organization may call it", mend, command)
        return
    yield from _check_account_condition(matching, function, organization, command)


def _check_account_condition(
    matching: list[dict[str, Any]], function: Function, organization: Organization, command: tuple[str, ...]
) -> Iterator[Finding]:
    accounts = [_list_values(each, "aws:sourceaccount") for each in matching]
    if function.is_availability:
        if any(organization.account in values for values in accounts):
            yield pass_check("permission", "WorkMail may call it for this organization and account")
        else:
            mend = "Add the permission with SourceAccount: WorkMail's test of a provider demands both conditions."
            yield fail("permission", "without SourceAccount of the organization", mend, command)
    elif all(accounts):
        mend = "Deploy the current template, or add the permission without SourceAccount: the guide has only SourceArn."
        yield warn("permission", "demands SourceAccount, which WorkMail may not send for flow rules", mend, command)
    else:
        yield pass_check("permission", "WorkMail may call it for this organization")


def _explain_absence(
    account: Account, function: Function, statements: list[dict[str, Any]], principal: str, command: tuple[str, ...]
) -> Finding:
    others = sorted({service for each in statements for service in list_services(each) if "workmail." in service} - {principal})
    if others:
        return fail("permission", f"for {', '.join(others)}, not for {principal}", "Add the permission.", command)
    if function.qualifier and any(principal in list_services(each) for each in _read_statements(account, {"FunctionName": function.name})):
        mend = "Add the permission for the alias: one for the function alone does not count for it."
        return fail("permission", f"only for the function, not for its alias {function.qualifier}", mend, command)
    return fail("permission", f"{principal} may not call it", "Add the permission.", command)


def _read_statements(account: Account, selector: Mapping[str, str]) -> list[dict[str, Any]]:
    try:
        return list_statements(account.call("lambda.get_policy", **selector)["Policy"])
    except Missing:
        return []


def _is_for(statement: Mapping[str, Any], function: Function) -> bool:
    actions = [str(each) for each in as_list(statement.get("Action", []))]
    resources = [str(each) for each in as_list(statement.get("Resource", "*"))]
    return (
        statement.get("Effect") == "Allow"
        and any(fits(action.lower(), _ACTION.lower()) for action in actions)
        and any(fits(resource, function.arn) for resource in resources)
    )


def _list_values(statement: Mapping[str, Any], key: str) -> list[str]:
    return [value for _, name, values in list_conditions(statement) if name == key for value in values]


def _make_command(function: Function, organization: Organization, principal: str) -> tuple[str, ...]:
    conditions: tuple[str, ...] = ("--source-arn", organization.arn) if organization.id else ()
    if function.is_availability:
        conditions += ("--source-account", organization.account)
    grant = ("--statement-id", "workmail", "--action", _ACTION, "--principal", principal)
    return ("aws", "lambda", "add-permission", *function.options, *grant, *conditions)
