"""Fills the organization of the WorkMail API from a configuration."""

from typing import Final

from workmail_local.aws.organization import Organization
from workmail_local.config.configuration import Configuration
from workmail_local.config.directory import Group, User

_PAGE: Final = 100
"""Entries of a page of the directory (guide, API reference: MaxResults)."""


def fill_organization(organization: Organization, configuration: Configuration) -> None:
    """Add the users and groups of a configuration to an empty organization."""
    organization.id = configuration.organization_id
    organization.domains = list(configuration.domains)
    # The functions in AWS's own examples read one page only.
    organization.page_size = _PAGE
    users, groups = configuration.directory.users, configuration.directory.groups
    for user in users:
        organization.add_user(user.address, name=user.name, aliases=user.aliases)
    for group in groups:
        organization.add_group(group.address, aliases=group.aliases)
    entities: list[User | Group] = [*users, *groups]
    primary = {alias: each.address for each in entities for alias in each.aliases}
    for group in groups:
        organization.add_members(group.address, *(primary.get(member, member) for member in group.members))
