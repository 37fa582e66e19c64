"""Runs all checks of a target."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Final

from workmail_local.doctor.account import Account, CannotCheck, Missing
from workmail_local.doctor.checks import (
    alarms,
    approval,
    availability,
    bucket,
    calls,
    functions,
    logs,
    organization,
    permissions,
    policy,
    quotas,
    roles,
    stack,
)
from workmail_local.doctor.findings import Finding, fail, skip
from workmail_local.doctor.target import Function, Target

_THREADS: Final = 8

Check = Callable[[], Iterator[Finding]]


@dataclass(frozen=True, slots=True)
class Topic:
    """Findings on one subject."""

    name: str
    findings: tuple[Finding, ...]


def examine(account: Account, target: Target) -> list[Topic]:
    """Run all checks; return the topics that have findings.

    Raises:
        NotConnected: AWS stopped to accept the credentials.
    """
    plan = list(_plan(account, target))
    with ThreadPoolExecutor(_THREADS) as pool:
        results = list(pool.map(lambda planned: [_add_region(each, target) for each in _run(planned[1], planned[2])], plan))
    topics: dict[str, list[Finding]] = {}
    # The endpoints are known after the calls; their row is the first.
    for (topic, _, _), found in zip([("Account", "", None), *plan], [list(organization.check_endpoints(account)), *results], strict=True):
        topics.setdefault(topic, []).extend(found)
    return [Topic(name, tuple(found)) for name, found in topics.items() if found]


def _plan(account: Account, target: Target) -> Iterator[tuple[str, str, Check]]:
    """Yield topic, name and function of each check."""

    def bind(check: Callable[..., Iterator[Finding]], *more: object) -> Check:
        return lambda: check(account, target, *more)

    yield "Account", "account", bind(organization.check_account)
    for name, of_organization in organization.CHECKS:
        yield "Organization", name, bind(of_organization)
    yield "Stack", "stack", bind(stack.check_stack)
    for function in target.functions:
        topic = f"Function {function.label}"
        for name, of_function in _list_function_checks(function):
            yield topic, name, bind(of_function, function)
    for name, of_bucket in bucket.CHECKS:
        yield "Rewrite bucket", name, bind(of_bucket)
    yield "Policy", "policy", bind(policy.check_policy)
    for name, of_availability in availability.CHECKS:
        yield "Availability", name, bind(of_availability)
    for name, of_logs in logs.CHECKS:
        yield "Logs", name, bind(of_logs)
    for name, of_alarms in alarms.CHECKS:
        yield "Alarms", name, bind(of_alarms)
    for name, of_quotas in quotas.CHECKS:
        yield "Quotas", name, bind(of_quotas)


def _list_function_checks(function: Function) -> tuple[tuple[str, Callable[[Account, Target, Function], Iterator[Finding]]], ...]:
    if function.is_approval:
        return (*functions.CHECKS, ("permission", approval.check_url), ("role", roles.check_role))
    called = () if function.is_availability else (("flow rule", calls.check_calls),)
    return (*functions.CHECKS, ("permission", permissions.check_permission), ("role", roles.check_role), *called)


def _add_region(finding: Finding, target: Target) -> Finding:
    """Add the region to a command of AWS CLI, whose own may be another."""
    if finding.command[:1] != ("aws",) or "--region" in finding.command:
        return finding
    region = target.organization.region if finding.command[1] == "workmail" else target.region
    return replace(finding, command=(*finding.command, "--region", region))


def _run(name: str, check: Check) -> list[Finding]:
    """Return the findings of a check; its last is about a call that AWS did not answer."""
    found: list[Finding] = []
    try:
        for finding in check():
            found.append(finding)
    except CannotCheck as error:
        found.append(skip(name, error.found, error.mend))
    except Missing as error:
        found.append(fail(name, f"it does not exist ({error.code})", "Deploy the stack again: sam build, then sam deploy."))
    return found
