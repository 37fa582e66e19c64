"""Users and groups of an organization: whose mailbox a message to an address goes to."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from local.config.toml_reader import Table
from local.mail.addresses import domain_of
from local.mail.groups import expand_group
from mailhooks.address_patterns import canonical

_ADDRESS: Final = re.compile(r"[^\s@<>,;:\"\\()\[\]]{1,64}@[^\s@<>,;]+")


@dataclass(frozen=True, slots=True)
class Person:
    """A user: a mailbox."""

    address: str
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Group:
    """A group: mail to it goes to its members, who are users and groups, by any of their addresses."""

    address: str
    members: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Directory:
    """Who is there.

    Attributes:
        domains: the organization's, as `ascii_domain` has them.
        users: without any, every address of the domains that is no group's is a mailbox.
        groups: may be members of each other.
    """

    domains: tuple[str, ...]
    users: tuple[Person, ...] = ()
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
    """The tables [[users]] and [[groups]].

    Raises:
        BadConfiguration: one cannot be meant.
    """
    taken: dict[str, str] = {}
    people = tuple(_user(table, domains, taken) for table in users)
    directory = Directory(domains, people, tuple(_group(table, domains, taken) for table in groups))
    for table, group in zip(groups, directory.groups, strict=True):
        for member in group.members:
            if canonical(member) not in taken and (people or domain_of(member) not in domains):
                raise table.bad("members", found=repr(member), expected="the address of a user or a group")
    return directory


def _user(table: Table, domains: tuple[str, ...], taken: dict[str, str]) -> Person:
    address = table.text("address")
    table.place = f'user "{address}"'
    table.only("address", "aliases")
    aliases = table.texts("aliases", ())
    _take(table, [("address", address), *(("aliases", alias) for alias in aliases)], domains, taken)
    return Person(address, aliases)


def _group(table: Table, domains: tuple[str, ...], taken: dict[str, str]) -> Group:
    address = table.text("address")
    table.place = f'group "{address}"'
    table.only("address", "members", "aliases")
    aliases = table.texts("aliases", ())
    _take(table, [("address", address), *(("aliases", alias) for alias in aliases)], domains, taken)
    return Group(address, table.texts("members", ()), aliases)


def _take(table: Table, addresses: Iterable[tuple[str, str]], domains: tuple[str, ...], taken: dict[str, str]) -> None:
    """Addresses that nobody else may have."""
    for key, address in addresses:
        if not (_ADDRESS.fullmatch(address) and address.isprintable()):
            raise table.bad(key, found=repr(address), expected="an address")
        if domain_of(address) not in domains:
            raise table.bad(key, found=repr(address), expected=f"an address in {' or '.join(domains)}")
        if canonical(address) in taken:
            raise table.bad(key, found=f"{address!r}, which {taken[canonical(address)]} has", expected="an address that nobody else has")
        taken[canonical(address)] = table.place
