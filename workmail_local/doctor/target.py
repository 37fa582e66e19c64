"""The deployed things that the checks look at: a stack, its functions and the WorkMail organization."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from workmail_local.doctor.account import Account, CannotCheck, Missing
from workmail_local.errors import NotConnected

ALIAS: Final = "live"
"""The alias of each function of the stack."""

REGIONS: Final = ("us-east-1", "us-west-2", "eu-west-1")
"""The regions of WorkMail."""

_ORGANIZATION_ARN: Final = re.compile(r"arn:[a-z-]+:workmail:([a-z0-9-]+):([0-9]{12}):organization/(m-[0-9a-f]{32})")
_ORGANIZATION_ID: Final = re.compile(r"m-[0-9a-f]{32}")
_TRY: Final = "Then try: aws sts get-caller-identity"
_FUNCTION_ARN: Final = re.compile(r"arn:([a-z-]+):lambda:([a-z0-9-]+):([0-9]{12}):function:([A-Za-z0-9_-]+)(?::([A-Za-z0-9_$-]+))?")


@dataclass(frozen=True, slots=True)
class Organization:
    """A WorkMail organization. `id` is empty if it is unknown, `found_by` is why it is this one."""

    id: str
    region: str
    account: str
    partition: str = "aws"
    found_by: str = ""

    @property
    def arn(self) -> str:
        """Return the ARN."""
        return f"arn:{self.partition}:workmail:{self.region}:{self.account}:organization/{self.id}"

    def message_arn(self, direction: str) -> str:
        """Return the ARN of a message in transit; direction is `incoming` or `outgoing`."""
        return f"arn:{self.partition}:workmailmessageflow:{self.region}:{self.account}:message/{self.id}/{direction}/message"


@dataclass(frozen=True, slots=True)
class Function:
    """A function as WorkMail or an approver calls it.

    Attributes:
        label: a short name, such as `rewrite`.
        qualifier: alias or version; empty for none.
    """

    label: str
    name: str
    arn: str
    qualifier: str

    @property
    def is_availability(self) -> bool:
        """Whether it answers free/busy requests."""
        return self.label.startswith("availability")

    @property
    def is_observe(self) -> bool:
        """Whether it is the template's `observe`, which reads each message."""
        return self.label == "observe"

    @property
    def is_approval(self) -> bool:
        """Whether it is the approval page, which WorkMail does not call."""
        return self.label == "approve"

    @property
    def selector(self) -> dict[str, str]:
        """Return the parameters of Lambda's operations."""
        return {"FunctionName": self.name} | ({"Qualifier": self.qualifier} if self.qualifier else {})

    @property
    def options(self) -> tuple[str, ...]:
        """Return the options of AWS CLI's commands."""
        return ("--function-name", self.name, *(("--qualifier", self.qualifier) if self.qualifier else ()))


@dataclass(frozen=True, slots=True)
class Stack:
    """A stack of CloudFormation. `resources` has physical names by type and logical name."""

    name: str
    status: str
    parameters: Mapping[str, str]
    outputs: Mapping[str, str]
    resources: Mapping[str, Mapping[str, str]]

    def list_physical(self, kind: str) -> list[str]:
        """Return the physical names of the resources of a type."""
        return list(self.resources.get(kind, {}).values())


@dataclass(frozen=True, slots=True)
class Target:
    """Everything that one run of the checks looks at.

    Attributes:
        stack: None if there is none, or it was not asked for; `stack_problem` has the reason.
        now: the time of the run.
        test_availability: whether WorkMail's own test of availability providers is asked for; it calls them.
    """

    account: str
    region: str
    organization: Organization
    now: datetime
    stack: Stack | None = None
    stack_name: str = ""
    stack_problem: Exception | None = None
    functions: Sequence[Function] = ()
    test_availability: bool = False
    partition: str = "aws"
    parameters: Mapping[str, str] = field(default_factory=dict)

    @property
    def mail_functions(self) -> list[Function]:
        """Return the functions that flow rules run."""
        return [each for each in self.functions if not (each.is_availability or each.is_approval)]

    @property
    def availability_functions(self) -> list[Function]:
        """Return the functions that answer free/busy requests."""
        return [each for each in self.functions if each.is_availability]

    @property
    def directions(self) -> tuple[str, ...]:
        """Return the directions of mail that the functions may read, as in ARNs."""
        chosen = self.parameters.get("MailDirection", "both")
        return {"inbound": ("incoming",), "outbound": ("outgoing",)}.get(chosen, ("incoming", "outgoing"))


def find_target(
    account: Account, *, stack: str, functions: Sequence[str], organization: str, now: datetime, test_availability: bool = False
) -> Target:
    """Find the stack, its functions and the organization.

    Args:
        stack: the stack's name; not used if there are ARNs of functions.
        functions: ARNs of functions that are in no stack.
        organization: ID or ARN; empty for the stack's, or the only one.

    Raises:
        NotConnected: the credentials are not accepted, or an ARN is malformed.
    """
    try:
        identity = account.call("sts.get_caller_identity")
    except Missing as error:
        raise NotConnected(f"AWS does not answer who you are: {error}. {_TRY}") from None
    except CannotCheck as error:
        raise NotConnected(f"AWS does not answer who you are: {error.found}. {error.mend} {_TRY}") from None
    number = identity["Account"]
    partition = identity["Arn"].split(":")[1]
    found: Stack | None = None
    problem: Exception | None = None
    if not functions:
        try:
            found = _read_stack(account, stack)
        except (Missing, CannotCheck) as error:
            problem = error
    parameters = found.parameters if found else {}
    return Target(
        account=number,
        region=account.region,
        organization=_find_organization(account, organization, parameters, number, partition),
        now=now,
        stack=found,
        stack_name="" if functions else stack,
        stack_problem=problem,
        functions=[parse_function(arn) for arn in functions] or (_list_functions(account, found, number, partition) if found else []),
        test_availability=test_availability,
        partition=partition,
        parameters=parameters,
    )


def find_region(functions: Sequence[str], region: str | None) -> str | None:
    """Return the region to check: that of the first function if none is given."""
    match = _FUNCTION_ARN.fullmatch(functions[0]) if functions and not region else None
    return match[2] if match else region


def parse_function(arn: str) -> Function:
    """Return the function with this ARN. Raises NotConnected for another text."""
    match = _FUNCTION_ARN.fullmatch(arn)
    if not match:
        raise NotConnected(f"--function {arn}: write arn:aws:lambda:REGION:ACCOUNT:function:NAME:{ALIAS}, as in the stack's outputs")
    return Function(match[4], match[4], arn, match[5] or "")


def _read_stack(account: Account, name: str) -> Stack:
    try:
        described = account.call("cloudformation.describe_stacks", StackName=name)["Stacks"][0]
    except CannotCheck as error:
        # CloudFormation answers ValidationError for a stack that does not exist.
        if "ValidationError" in error.found:
            raise Missing("ValidationError") from None
        raise
    resources: dict[str, dict[str, str]] = {}
    for each in account.list("cloudformation.list_stack_resources", "StackResourceSummaries", StackName=name):
        if each.get("PhysicalResourceId"):
            resources.setdefault(each["ResourceType"], {})[each["LogicalResourceId"]] = each["PhysicalResourceId"]
    return Stack(
        name,
        described["StackStatus"],
        {each["ParameterKey"]: each.get("ParameterValue", "") for each in described.get("Parameters", ())},
        {each["OutputKey"]: each["OutputValue"] for each in described.get("Outputs", ())},
        resources,
    )


def _list_functions(account: Account, stack: Stack, number: str, partition: str) -> list[Function]:
    found = []
    for logical, name in stack.resources.get("AWS::Lambda::Function", {}).items():
        arn = f"arn:{partition}:lambda:{account.region}:{number}:function:{name}:{ALIAS}"
        found.append(Function(logical.removesuffix("Function").lower(), name, arn, ALIAS))
    return sorted(found, key=lambda each: each.label)


def _find_organization(account: Account, given: str, parameters: Mapping[str, str], number: str, partition: str) -> Organization:
    text, found_by = (given, "--organization-id") if given else (parameters.get("OrganizationId", ""), "the stack's OrganizationId")
    if match := _ORGANIZATION_ARN.fullmatch(text):
        return Organization(match[3], match[1], match[2], partition, found_by)
    if given and not _ORGANIZATION_ID.fullmatch(given):
        raise NotConnected("--organization-id: write m- and 32 hexadecimal digits, or the organization's ARN")
    if text:
        return Organization(text, account.region, number, partition, found_by)
    return Organization(_find_only_organization(account), account.region, number, partition, "the region's only organization")


def _find_only_organization(account: Account) -> str:
    """Return the ID of the region's organization; empty if there is none or more than one."""
    if account.region not in REGIONS:
        return ""
    try:
        found: list[Any] = account.list("workmail.list_organizations", "OrganizationSummaries")
    except (Missing, CannotCheck):
        return ""
    active = [each["OrganizationId"] for each in found if each.get("State", "").lower() == "active"]
    return active[0] if len(active) == 1 else ""
