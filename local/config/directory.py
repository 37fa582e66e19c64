"""Users and groups of an organization, and the mailboxes of an address."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from local.config.toml_reader import Table
from local.mail.addresses import domain_of, expand_group
from mailhooks.address_patterns import canonical

_ADDRESS: Final = re.compile(r"[^\s@<>,;:\"\\()\[\]]{1,64}@[^\s@<>,;]+")


@dataclass(frozen=True, slots=True)
class User:
    """A user, who has a mailbox."""

    address: str
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Group:
    """A group. Its members are users and groups, named by any of their addresses."""

    address: str
    members: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Directory:
    """The users and groups of an organization.

    Attributes:
        domains: the organization's domains, as `ascii_domain` returns them.
        users: without users, every address of the domains that is not a group has a mailbox.
        groups: may be members of each other.
    """

    domains: tuple[str, ...]
    users: tuple[User, ...] = ()
    groups: tuple[Group, ...] = ()
    _primary: Mapping[str, str] = field(init=False, repr=False, compare=False)
    _members: Mapping[str, tuple[str, ...]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        primary = {canonical(each): canonical(user.address) for user in self.users for each in (user.address, *user.aliases)}
        members = {canonical(each): group.members for group in self.groups for each in (group.address, *group.aliases)}
        object.__setattr__(self, "_primary", primary)
        object.__setattr__(self, "_members", members)

    def mailboxes(self, address: str) -> tuple[str, ...]:
        """Return the mailboxes that mail to an address goes to, each once: their primary addresses, as `canonical` writes them.

        Empty for an address outside the organization, an unknown address, and a group without users.
        """
        found = (self._mailbox(each) for each in expand_group(address, self._members))
        return tuple(dict.fromkeys(mailbox for mailbox in found if mailbox))

    def _mailbox(self, key: str) -> str | None:
        any_mailbox = not self.users and domain_of(key) in self.domains and not key.startswith("@")
        return self._primary.get(key, key if any_mailbox else None)


def read_directory(users: Sequence[Table], groups: Sequence[Table], domains: tuple[str, ...]) -> Directory:
    """Read the tables [[users]] and [[groups]]. Raises ConfigurationError."""
    used: dict[str, str] = {}
    user_entries = tuple(_read_user(table, domains, used) for table in users)
    directory = Directory(domains, user_entries, tuple(_read_group(table, domains, used) for table in groups))
    for table, group in zip(groups, directory.groups, strict=True):
        for member in group.members:
            if canonical(member) not in used and (user_entries or domain_of(member) not in domains):
                raise table.error("members", found=repr(member), expected="the address of a user or a group")
    return directory


def _read_user(table: Table, domains: tuple[str, ...], used: dict[str, str]) -> User:
    address = table.read_text("address")
    table.place = f'user "{address}"'
    table.reject_other_keys("address", "aliases")
    aliases = table.read_texts("aliases", ())
    _reserve(table, [("address", address), *(("aliases", alias) for alias in aliases)], domains, used)
    return User(address, aliases)


def _read_group(table: Table, domains: tuple[str, ...], used: dict[str, str]) -> Group:
    address = table.read_text("address")
    table.place = f'group "{address}"'
    table.reject_other_keys("address", "members", "aliases")
    aliases = table.read_texts("aliases", ())
    _reserve(table, [("address", address), *(("aliases", alias) for alias in aliases)], domains, used)
    return Group(address, table.read_texts("members", ()), aliases)


def _reserve(table: Table, addresses: Iterable[tuple[str, str]], domains: tuple[str, ...], used: dict[str, str]) -> None:
    """Note addresses as used. Raises ConfigurationError for an invalid address, and for one that is used already."""
    for key, address in addresses:
        if not (_ADDRESS.fullmatch(address) and address.isprintable()):
            raise table.error(key, found=repr(address), expected="an address")
        if domain_of(address) not in domains:
            raise table.error(key, found=repr(address), expected=f"an address in {' or '.join(domains)}")
        if canonical(address) in used:
            raise table.error(
                key, found=f"{address!r}, which {used[canonical(address)]} has", expected="an address that no other entry has"
            )
        used[canonical(address)] = table.place
