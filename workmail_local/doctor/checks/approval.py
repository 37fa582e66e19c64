"""Checks of the approval page: whether its function URL answers approvers.

Source: Lambda Developer Guide, "Control access to Lambda function URLs".
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from workmail_local.doctor.account import Account, Missing
from workmail_local.doctor.findings import Finding, fail, pass_check
from workmail_local.doctor.statements import as_list, list_statements
from workmail_local.doctor.target import Function, Target

_ACTIONS: Final = ("lambda:InvokeFunctionUrl", "lambda:InvokeFunction")
"""A function URL without authentication needs both, since October 2025."""


def check_url(account: Account, _target: Target, function: Function) -> Iterator[Finding]:
    """Check that the policy of the alias lets every person call the function by its URL."""
    try:
        statements = list_statements(account.call("lambda.get_policy", **function.selector)["Policy"])
    except Missing:
        statements = []
    missing = [action for action in _ACTIONS if not any(_is_public(each, action) for each in statements)]
    if missing:
        mend = "Deploy the stack again: SAM adds the permissions of a function URL."
        yield fail("permission", f"approvers get 403 from the page: no permission for {' and '.join(missing)}", mend)
    else:
        yield pass_check("permission", "the page answers approvers, who have no AWS account")


def _is_public(statement: Mapping[str, Any], action: str) -> bool:
    principal = statement.get("Principal")
    return statement.get("Effect") == "Allow" and action in as_list(statement.get("Action", [])) and principal in ("*", {"AWS": "*"})
