"""Checks of the credentials, the region and the WorkMail organization."""

from collections.abc import Callable, Iterator
from datetime import date
from typing import Final

from workmail_local.console.style import format_count
from workmail_local.doctor.account import Account, CannotCheck, Missing
from workmail_local.doctor.findings import Finding, fail, pass_check, skip, warn
from workmail_local.doctor.target import REGIONS, Target

END_OF_WORKMAIL: Final = date(2027, 3, 31)

_NEAR_DAYS: Final = 180
_MAX_DOMAINS: Final = 50


def check_endpoints(account: Account) -> Iterator[Finding]:
    """Check that the calls went to AWS: variables of the local servers lead elsewhere."""
    if others := account.find_other_endpoints():
        found = f"the calls go to {', '.join(others)}, so this report is not about AWS"
        yield warn("endpoints", found, "Unset AWS_ENDPOINT_URL and AWS_ENDPOINT_URL_*, and remove endpoint_url from the profile.")


def check_account(account: Account, target: Target) -> Iterator[Finding]:
    """Check account, region and the time that is left for WorkMail."""
    yield pass_check("credentials", f"account {target.account}")
    where = target.organization.region
    if where not in REGIONS:
        yield fail("region", f"{where} has no WorkMail", f"Use --region with the organization's region: {', '.join(REGIONS)}.")
    elif target.mail_functions and where != account.region:
        mend = "Deploy the mail functions in the organization's region: a flow rule runs only functions there."
        yield fail("region", f"the functions are in {account.region}, the organization is in {where}", mend)
    elif target.mail_functions and target.organization.account != target.account:
        mend = "Deploy the mail functions in the organization's account: a flow rule runs only functions there."
        yield fail("region", f"the organization is in account {target.organization.account}", mend)
    else:
        yield pass_check("region", account.region if where == account.region else f"{account.region}; the organization is in {where}")
    days = (END_OF_WORKMAIL - target.now.date()).days
    found = f"{format_count(days, 'day')} until WorkMail ends on {END_OF_WORKMAIL:%d %B %Y}" if days > 0 else "WorkMail has ended"
    if days > _NEAR_DAYS:
        yield pass_check("end of service", found)
    else:
        yield warn("end of service", found, "Plan the move of mailboxes, rules and hooks to another service.")


def is_readable(account: Account, target: Target) -> bool:
    """Return whether the organization exists, is active and in this account; `check_organization` reports the reason if it is not."""
    organization = target.organization
    if not organization.id or organization.account != target.account:
        return False
    try:
        found = account.call("workmail.describe_organization", region=organization.region, OrganizationId=organization.id)
    except Missing:
        return False
    except CannotCheck:
        # A missing right for this call leaves the others possible.
        return True
    return str(found.get("State", "")).lower() == "active"


def check_organization(account: Account, target: Target) -> Iterator[Finding]:
    """Check that the organization exists and is active."""
    organization = target.organization
    listing = ("aws", "workmail", "list-organizations", "--region", organization.region)
    if not organization.id:
        mend = "Add --organization-id: the ID is in the WorkMail console, and in this list."
        yield skip("organization", "the organization is unknown", mend, listing)
        return
    if organization.account != target.account:
        mend = "Run the command again with credentials of that account and --organization-id."
        yield skip("organization", f"{organization.id} is in account {organization.account}", mend)
        return
    try:
        found = account.call("workmail.describe_organization", region=organization.region, OrganizationId=organization.id)
    except Missing:
        text = f"{organization.id} ({organization.found_by}) is not in account {target.account}, {organization.region}"
        yield fail("organization", text, "Correct OrganizationId, or the region: this command lists the organizations.", listing)
        return
    state = found.get("State", "")
    if state.lower() != "active":
        yield fail("organization", f"{organization.id} is in state {state}", "Finish its set-up in the WorkMail console.")
        return
    interoperability = ", interoperability is on" if found.get("InteroperabilityEnabled") else ""
    yield pass_check("organization", f"{found.get('Alias', organization.id)} is active{interoperability}")


def check_domains(account: Account, target: Target) -> Iterator[Finding]:
    """Check the ownership and DKIM of each domain."""
    organization = target.organization
    if not is_readable(account, target):
        return
    selected = {"region": organization.region, "OrganizationId": organization.id}
    names = [each["DomainName"] for each in account.list("workmail.list_mail_domains", "MailDomains", **selected)]
    usable = 0
    for name in names[:_MAX_DOMAINS]:
        domain = account.call("workmail.get_mail_domain", DomainName=name, **selected)
        command = ("aws", "workmail", "get-mail-domain", "--organization-id", organization.id, "--domain-name", name)
        ownership = domain.get("OwnershipVerificationStatus", "VERIFIED")
        dkim = domain.get("DkimVerificationStatus", "VERIFIED")
        if ownership != "VERIFIED":
            mend = "Create the DNS records that this command lists: without them WorkMail receives no mail for the domain."
            yield fail("domain", f"{name}: the ownership is {ownership}", mend, command)
        elif dkim != "VERIFIED" and not domain.get("IsTestDomain"):
            mend = "Create the CNAME records that this command lists: unsigned mail fails the DMARC checks of its recipients."
            yield warn("domain", f"{name}: DKIM is {dkim}", mend, command)
        else:
            usable += 1
    if len(names) > _MAX_DOMAINS:
        yield skip(
            "domains", f"{len(names) - _MAX_DOMAINS} domains are beyond the first {_MAX_DOMAINS}", "Look at them in the WorkMail console."
        )
    if usable:
        yield pass_check("domains", f"{usable} of {len(names)} verified")


def check_dmarc(account: Account, target: Target) -> Iterator[Finding]:
    """Check that WorkMail enforces the DMARC policies of senders."""
    organization = target.organization
    if not is_readable(account, target):
        return
    settings = account.call("workmail.describe_inbound_dmarc_settings", region=organization.region, OrganizationId=organization.id)
    if settings.get("Enforced"):
        yield pass_check("DMARC", "enforced for inbound mail")
        return
    command = ("aws", "workmail", "put-inbound-dmarc-settings", "--organization-id", organization.id, "--enforced")
    found = "not enforced: forged mail reaches your rules and users"
    yield warn("DMARC", found, "Enforce it, so that WorkMail rejects or moves mail as the policy of the sender's domain demands.", command)


CHECKS: Final[tuple[tuple[str, Callable[[Account, Target], Iterator[Finding]]], ...]] = (
    ("organization", check_organization),
    ("domains", check_domains),
    ("DMARC", check_dmarc),
)
