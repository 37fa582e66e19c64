"""`python -m local connect-availability`: has WorkMail ask the availability function for a domain's free/busy times, and tries it.

API reference, WorkMail: TestAvailabilityConfiguration, ListAvailabilityConfigurations, CreateAvailabilityConfiguration,
UpdateAvailabilityConfiguration.
"""

from collections.abc import Sequence
from typing import Any, Final

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from local.errors import NotConnected

_CONFIG: Final = Config(connect_timeout=5, read_timeout=60, retries={"mode": "standard", "total_max_attempts": 3})
"""WorkMail waits 25 seconds for the function itself."""

_HINTS: Final = {
    "AccessDeniedException": "your own credentials lack workmail:*AvailabilityConfiguration* for this organization",
    "OrganizationNotFoundException": "check the organization's ID and --region, which has to be the organization's",
    "OrganizationStateException": "the organization is not active",
    "NameAvailabilityException": "the domain has a provider already",
    "LimitExceededException": "the organization has as many providers as it may have: delete one",
    "InvalidParameterException": "check the domain and the function's ARN",
    "ResourceNotFoundException": "the domain has no provider",
}
"""By the service's names of its errors."""

_AFTER_A_FAILED_TEST: Final = """\
  Often it is one of these:
  - the function's permission: principal availability.workmail.REGION.amazonaws.com (WorkMail's region), with SourceAccount and SourceArn of
    this organization; the stack makes it from OrganizationId and AvailabilityWorkMailRegion;
  - the function's ARN is of another account, or has an alias without that permission;
  - the function fails or takes longer than WorkMail waits: see its log."""


def connect(organization: str, domains: Sequence[str], function: str, *, region: str | None = None, replace: bool = False) -> int:
    """Tries the function, and where WorkMail likes it, makes it the provider of each domain. Run again it changes nothing.

    Args:
        organization: ID of the WorkMail organization that asks.
        domains: whose mailboxes are elsewhere.
        function: its ARN, perhaps with an alias.
        region: WorkMail's; else that of the environment.
        replace: whether a domain may get this provider instead of one of another kind, or of another function.

    Returns:
        0 when each domain has the function as its provider and the test passed, 1 otherwise.

    Raises:
        NotConnected: WorkMail refuses a call; the text says why and what to do.
    """
    workmail = _Organization(organization, region)
    if not _passes(workmail, "the function", LambdaProvider={"LambdaArn": function}):
        print("Nothing was changed.")
        return 1
    there = workmail.providers()
    code = 0
    for domain in map(str.lower, domains):
        current = there.get(domain)
        if current == function:
            print(f"  {domain}: the function is its provider already")
        elif current is not None and not replace:
            print(f"  {domain}: left alone, as it has another provider ({_kind(current)}); --replace puts the function in its place")
            code = 1
            continue
        elif current is None:
            workmail.call("create_availability_configuration", DomainName=domain, LambdaProvider={"LambdaArn": function})
            print(f"  {domain}: the function is now its provider")
        else:
            workmail.call("update_availability_configuration", DomainName=domain, LambdaProvider={"LambdaArn": function})
            print(f"  {domain}: the function is now its provider, instead of another ({_kind(current)})")
        code = code if _passes(workmail, domain, DomainName=domain) else 1
    return code


class _Organization:
    """WorkMail's calls for one organization."""

    def __init__(self, organization: str, region: str | None) -> None:
        self._organization = organization
        try:
            self._client: Any = boto3.client("workmail", region_name=region, config=_CONFIG)
        except BotoCoreError as error:
            raise NotConnected(f"{error} (--region, or AWS_DEFAULT_REGION)") from None

    def call(self, operation: str, **arguments: Any) -> dict[str, Any]:
        try:
            answer: dict[str, Any] = getattr(self._client, operation)(OrganizationId=self._organization, **arguments)
        except ClientError as error:
            code = error.response.get("Error", {}).get("Code", "")
            message = error.response.get("Error", {}).get("Message", "")
            hint = _HINTS.get(code)
            raise NotConnected(f"{operation}: {code}: {message}" + (f" ({hint})" if hint else "")) from None
        except BotoCoreError as error:
            raise NotConnected(f"{operation}: {error}") from None
        return answer

    def providers(self) -> dict[str, str]:
        """By domain in lower case, the ARN of its function, or `EWS`."""
        found: dict[str, str] = {}
        token: dict[str, str] = {}
        while True:
            page = self.call("list_availability_configurations", **token)
            for entry in page.get("AvailabilityConfigurations", ()):
                found[entry["DomainName"].lower()] = entry.get("LambdaProvider", {}).get("LambdaArn") or entry.get("ProviderType", "EWS")
            if not page.get("NextToken"):
                return found
            token = {"NextToken": page["NextToken"]}


def _passes(workmail: _Organization, what: str, **of: Any) -> bool:
    result = workmail.call("test_availability_configuration", **of)
    if result.get("TestPassed"):
        print(f"  {what}: WorkMail's test passed")
        return True
    print(f"  {what}: WorkMail's test FAILED: {result.get('FailureReason') or 'no reason given'}\n{_AFTER_A_FAILED_TEST}")
    return False


def _kind(provider: str) -> str:
    return provider if provider == "EWS" else "another function"
