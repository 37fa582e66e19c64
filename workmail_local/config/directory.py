"""Users and groups of an organization, and the mailboxes of an address."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hmac import compare_digest
from typing import Final

from mail_gateway.toml_reader import Table
from mailhooks.address_patterns import canonical
from workmail_local.mail.addresses import domain_of, expand_group

_ADDRESS: Final = re.compile(r"[^\s@<>,;:\"\\()\[\]]{1,64}@[^\s@<>,;]+")


@dataclass(frozen=True, slots=True)
class User:
    """A user, who has a mailbox."""

    address: str
    aliases: tuple[str, ...] = ()
    name: str = ""
    """The display name; by default the address before its `@`."""
    password: str = field(default="", repr=False)
    """For SMTP; "" when any is right."""


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
    _passwords: Mapping[str, str] = field(init=False, repr=False, compare=False)
    _members: Mapping[str, tuple[str, ...]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        primary = {canonical(each): canonical(user.address) for user in self.users for each in (user.address, *user.aliases)}
        members = {canonical(each): group.members for group in self.groups for each in (group.address, *group.aliases)}
        object.__setattr__(self, "_primary", primary)
        object.__setattr__(self, "_passwords", {canonical(user.address): user.password for user in self.users})
        object.__setattr__(self, "_members", members)

    def mailboxes(self, address: str) -> tuple[str, ...]:
        """Return the mailboxes that mail to an address goes to, each once: their primary addresses, as `canonical` writes them.

        Empty for an address outside the organization, an unknown address, and a group without users.
        """
        found = (self._mailbox(each) for each in expand_group(address, self._members))
        return tuple(dict.fromkeys(mailbox for mailbox in found if mailbox))

    def accepts_login(self, user: str, password: str) -> bool:
        """Return whether an address and a password log in a user: any password does for a user who has none."""
        mailbox = self._mailbox(canonical(user))
        right = self._passwords.get(mailbox, "") if mailbox else ""
        return mailbox is not None and (not right or compare_digest(right.encode(), password.encode()))

    def _mailbox(self, key: str) -> str | None:
        any_mailbox = not self.users and domain_of(key) in self.domains and not key.startswith("@")
        return self._primary.get(key, key if any_mailbox else None)


def read_directory(users: Sequence[Table], groups: Sequence[Table], domains: tuple[str, ...]) -> Directory:
    """Read the tables [[users]] and [[groups]]. Raises ConfigurationError."""
    used: dict[str, str] = {}
    found_users = tuple(_read_user(table, domains, used) for table in users)
    found_groups = tuple(_read_group(table, domains, used) for table in groups)
    for table, group in zip(groups, found_groups, strict=True):
        for member in group.members:
            known = canonical(member) in used or (not users and domain_of(member) in domains)
            table.require(known, "members", found=repr(member), expected="the address of a user or a group")
    return Directory(domains, found_users, found_groups)


def _read_user(table: Table, domains: tuple[str, ...], used: dict[str, str]) -> User:
    address, aliases = _read_addresses(table, "user", domains, used, "name", "password")
    return User(address, aliases, table.read_text("name", ""), table.read_text("password", ""))


def _read_group(table: Table, domains: tuple[str, ...], used: dict[str, str]) -> Group:
    address, aliases = _read_addresses(table, "group", domains, used, "members")
    return Group(address, table.read_texts("members", ()), aliases)


def _read_addresses(table: Table, kind: str, domains: tuple[str, ...], used: dict[str, str], *keys: str) -> tuple[str, tuple[str, ...]]:
    """Read the address and the aliases of a user or a group, and note them as used. `keys` are further keys of the table."""
    address = table.read_text("address")
    table.place = f'{kind} "{address}"'
    table.reject_other_keys("address", "aliases", *keys)
    aliases = table.read_texts("aliases", ())
    for key, each in (("address", address), *(("aliases", alias) for alias in aliases)):
        table.require(_ADDRESS.fullmatch(each) and each.isprintable(), key, found=repr(each), expected="an address")
        table.require(domain_of(each) in domains, key, found=repr(each), expected=f"an address in {' or '.join(domains)}")
        owner = used.get(canonical(each))
        table.require(not owner, key, found=f"{each!r}, which {owner} has", expected="an address that no other entry has")
        used[canonical(each)] = table.place
    return address, aliases
