"""Checks of the stack."""

from collections.abc import Iterator

from workmail_local.doctor.account import Account, CannotCheck, Missing
from workmail_local.doctor.findings import Finding, fail, pass_check, warn
from workmail_local.doctor.target import ALIAS, Target


def check_stack(account: Account, target: Target) -> Iterator[Finding]:
    """Check that the stack exists, that its last deployment succeeded, and that its outputs name aliases."""
    if isinstance(target.stack_problem, CannotCheck):
        raise target.stack_problem
    if isinstance(target.stack_problem, Missing):
        mend = "Add --stack with its name, or --region; or check functions without a stack with --function."
        command = ("aws", "cloudformation", "list-stacks", "--region", account.region, "--query", "StackSummaries[].StackName")
        yield fail("stack", f"{target.stack_name} does not exist in {account.region}", mend, command)
        return
    stack = target.stack
    if stack is None:
        return
    events = ("aws", "cloudformation", "describe-stack-events", "--stack-name", stack.name)
    if stack.status.endswith("_IN_PROGRESS"):
        yield warn("stack", f"{stack.name}: {stack.status}", "Wait until the deployment ends, then run the command again.", events)
    elif "ROLLBACK" in stack.status:
        mend = "Find the first failure in its events, mend it, and deploy again: the last change is not in force."
        yield warn("stack", f"{stack.name}: {stack.status}", mend, events)
    elif stack.status.endswith("_FAILED"):
        yield fail("stack", f"{stack.name}: {stack.status}", "Find the failure in its events, and deploy again.", events)
    else:
        yield pass_check("stack", f"{stack.name}: {stack.status}")
    without = [key for key, value in stack.outputs.items() if key.endswith("FunctionArn") and not value.endswith(f":{ALIAS}")]
    if without:
        mend = f"Deploy the current template, and use the new ARNs in the flow rules: WorkMail must call the alias {ALIAS}."
        yield warn("outputs", f"not the ARN of an alias: {', '.join(without)}", mend)
    if not target.functions:
        yield warn("functions", "the stack has no function", "Set the parameter Functions, such as Functions=mailflow.")
