"""The WorkMail organization's groups and domains (API `workmail`), remembered for some minutes."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from threading import Lock
from typing import Any, Final

import boto3

from mailhooks.aws import client as aws
from mailhooks.deadline import Deadline
from mailhooks.errors import MailhooksError, PermanentError

MAX_AGE_S: Final = 300.0
"""A change of the organization is seen after so long at most."""

_AT_ONCE: Final = 8
"""Calls for aliases at once."""


class _Gone(PermanentError):
    """A user or a group went between two calls."""


class WorkMailDirectory:
    """Asks ListMailDomains, ListGroups, ListUsers, ListGroupMembers and ListAliases.

    A member counts with all its addresses, as an envelope may name an alias. WorkMail tells aliases one member at a time: a group of a
    hundred costs a hundred calls, a few at once, every five minutes in each process.
    """

    def __init__(self, organization_id: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._organization = organization_id
        self._clock = clock
        self._client: Any = boto3.client("workmail", config=aws.CONFIG)
        self._kept: dict[str, tuple[float, Any]] = {}
        self._lock = Lock()

    def members(self, group: str, deadline: Deadline) -> frozenset[str]:
        """The addresses of all users in a group, in groups in it too; lower-case. Empty for an address that is no group's.

        Raises:
            PassingTrouble, Misconfigured: see `mailhooks.errors`.
        """
        found: frozenset[str] = self._remembered(f"members of {group.lower()}", lambda: self._members(group, deadline), ("groups", "users"))
        return found

    def domains(self, deadline: Deadline) -> frozenset[str]:
        """The organization's mail domains, lower-case. Raises as `members`."""

        def ask() -> frozenset[str]:
            pages = self._pages("ListMailDomains", "list_mail_domains", "MailDomains", deadline)
            return frozenset(str(domain["DomainName"]).lower() for domain in pages)

        found: frozenset[str] = self._remembered("domains", ask)
        return found

    def _remembered(self, key: str, ask: Callable[[], Any], made_of: tuple[str, ...] = ()) -> Any:
        """What was asked for lately, or what `ask` gives; as old as the oldest of what it is made of."""
        now = self._clock()
        with self._lock:
            at, value = self._kept.get(key, (0.0, None))
            if value is not None and now - at < MAX_AGE_S:
                return value
        value = ask()
        with self._lock:
            at = min([now, *(self._kept[part][0] for part in made_of if part in self._kept)])
            self._kept[key] = (at, value)
        return value

    def _members(self, group: str, deadline: Deadline) -> frozenset[str]:
        first = self._groups(deadline).get(group.lower())
        waiting, seen = ([first] if first else []), set[str]()
        users: set[str] = set()
        while waiting:
            group_id = waiting.pop()
            if group_id in seen:
                continue
            seen.add(group_id)
            for member in self._of("ListGroupMembers", "list_group_members", "Members", deadline, GroupId=group_id):
                if member.get("State", "ENABLED") == "ENABLED":
                    (waiting.append if member.get("Type") == "GROUP" else users.add)(member["Id"])
        return self._all_addresses(users, deadline)

    def _all_addresses(self, users: set[str], deadline: Deadline) -> frozenset[str]:
        primary = self._users(deadline)
        found = {primary[user] for user in users if user in primary}

        def aliases(user: str) -> list[str]:
            return [str(alias).lower() for alias in self._of("ListAliases", "list_aliases", "Aliases", deadline, EntityId=user)]

        with ThreadPoolExecutor(_AT_ONCE) as pool:
            for more in pool.map(aliases, users):
                found.update(more)
        return frozenset(found)

    def _groups(self, deadline: Deadline) -> dict[str, str]:
        """IDs of groups by primary address, lower-case."""

        def ask() -> dict[str, str]:
            groups = self._pages("ListGroups", "list_groups", "Groups", deadline)
            return {str(group["Email"]).lower(): str(group["Id"]) for group in groups if group.get("Email")}

        found: dict[str, str] = self._remembered("groups", ask)
        return found

    def _users(self, deadline: Deadline) -> dict[str, str]:
        """Primary addresses by user ID, lower-case."""

        def ask() -> dict[str, str]:
            users = self._pages("ListUsers", "list_users", "Users", deadline)
            return {str(user["Id"]): str(user["Email"]).lower() for user in users if user.get("Email")}

        found: dict[str, str] = self._remembered("users", ask)
        return found

    def _of(self, operation: str, method: str, items: str, deadline: Deadline, **arguments: str) -> list[Any]:
        """As `_pages`, of one user or group: nothing when it is no longer there."""
        try:
            return list(self._pages(operation, method, items, deadline, **arguments))
        except _Gone:
            return []

    def _pages(self, operation: str, method: str, items: str, deadline: Deadline, **arguments: str) -> Iterator[Any]:
        """All items of an operation that answers in pages."""
        call = getattr(self._client, method)
        token: dict[str, str] = {}
        while True:
            work = partial(call, OrganizationId=self._organization, MaxResults=100, **arguments, **token)
            page: dict[str, Any] = aws.call(operation, work, deadline, own=_gone)
            yield from page.get(items, ())
            if not page.get("NextToken"):
                return
            token = {"NextToken": page["NextToken"]}


def _gone(code: str, _text: str) -> MailhooksError | None:
    return _Gone(code) if code in ("EntityNotFoundException", "EntityStateException") else None
