"""`workmail-hooks connect-availability`: makes the deployed function the availability provider of domains.

API reference, WorkMail: TestAvailabilityConfiguration, ListAvailabilityConfigurations, CreateAvailabilityConfiguration,
UpdateAvailabilityConfiguration.
"""

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from mailhooks.address_patterns import ascii_domain
from workmail_local.errors import NotConnected

_CONFIG: Final = Config(connect_timeout=5, read_timeout=60, retries={"mode": "standard", "total_max_attempts": 3})
"""WorkMail itself waits 25 seconds for the function."""

_HINTS: Final = {
    "AccessDeniedException": "your credentials lack workmail:*AvailabilityConfiguration* for this organization",
    "OrganizationNotFoundException": "check the organization's ID and region (--region)",
    "OrganizationStateException": "the organization is not active",
    "NameAvailabilityException": "the domain has a provider already",
    "LimitExceededException": "the organization has the maximum number of providers: delete one",
    "InvalidParameterException": "check the domain and the function's ARN",
    "ResourceNotFoundException": "the domain has no provider",
}
"""Advice by the service's error codes."""

_AFTER_A_FAILED_TEST: Final = """\
  Check these first:
  - the function's permission: principal availability.workmail.REGION.amazonaws.com (WorkMail's region), with SourceAccount and SourceArn of
    this organization; the stack creates it from OrganizationId;
  - the function's ARN: its account, and the permission of its alias;
  - the function's log: it may fail, or need more time than WorkMail waits."""


def connect(options: argparse.Namespace) -> int:
    """Test the function, and make it the provider of each domain if WorkMail's test passes. Repeated calls change nothing.

    Returns:
        0 when the function is the provider of each domain and every test passed, 1 otherwise.

    Raises:
        NotConnected: WorkMail rejects a call; the text has advice.
    """
    function = options.function_arn
    workmail = _Organization(options.organization_id, options.region)
    if not _test_provider(workmail, "the function", LambdaProvider={"LambdaArn": function}):
        print("Nothing was changed.")
        return 1
    providers = workmail.list_providers()
    code = 0
    for domain in map(ascii_domain, options.domain):
        current = providers.get(domain)
        if current == function:
            print(f"  {domain}: the function is its provider already")
        elif current is not None and not options.replace:
            print(f"  {domain}: unchanged, because it has another provider ({_kind(current)}); use --replace to replace it")
            code = 1
            continue
        else:
            operation = "create_availability_configuration" if current is None else "update_availability_configuration"
            workmail.call(operation, DomainName=domain, LambdaProvider={"LambdaArn": function})
            print(f"  {domain}: the function is now its provider{f', instead of another ({_kind(current)})' if current else ''}")
        code = code if _test_provider(workmail, domain, DomainName=domain) else 1
    return code


class _Organization:
    """Calls WorkMail's API for one organization."""

    def __init__(self, organization: str, region: str | None) -> None:
        self._organization = organization
        try:
            self._client: Any = boto3.client("workmail", region_name=region, config=_CONFIG)
        except BotoCoreError as error:
            raise NotConnected(f"{error} (--region, or AWS_DEFAULT_REGION)") from None

    def call(self, operation: str, **arguments: Any) -> dict[str, Any]:
        with _explain_errors(operation):
            answer: dict[str, Any] = getattr(self._client, operation)(OrganizationId=self._organization, **arguments)
        return answer

    def list_providers(self) -> dict[str, str]:
        """Return the ARN of the function, or `EWS`, by domain."""
        operation = "list_availability_configurations"
        with _explain_errors(operation):
            pages = self._client.get_paginator(operation).paginate(OrganizationId=self._organization)
            entries = [entry for page in pages for entry in page.get("AvailabilityConfigurations", ())]
        return {
            ascii_domain(entry["DomainName"]): entry.get("LambdaProvider", {}).get("LambdaArn") or entry.get("ProviderType", "EWS")
            for entry in entries
        }


@contextmanager
def _explain_errors(operation: str) -> Iterator[None]:
    """Raise NotConnected, with advice, for an error of boto3."""
    try:
        yield
    except ClientError as error:
        details = error.response.get("Error", {})
        code = details.get("Code", "")
        hint = f" ({_HINTS[code]})" if code in _HINTS else ""
        raise NotConnected(f"{operation}: {code}: {details.get('Message', '')}{hint}") from None
    except BotoCoreError as error:
        raise NotConnected(f"{operation}: {error}") from None


def _test_provider(workmail: _Organization, subject: str, **provider: Any) -> bool:
    """Run WorkMail's test and print the result; return whether it passed."""
    result = workmail.call("test_availability_configuration", **provider)
    if result.get("TestPassed"):
        print(f"  {subject}: WorkMail's test passed")
        return True
    print(f"  {subject}: WorkMail's test FAILED: {result.get('FailureReason') or 'no reason given'}\n{_AFTER_A_FAILED_TEST}")
    return False


def _kind(provider: str) -> str:
    return provider if provider == "EWS" else "another function"
