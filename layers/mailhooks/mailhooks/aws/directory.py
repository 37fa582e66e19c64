"""The groups, users and domains of the WorkMail organization (API `workmail`), cached for some minutes."""

import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from threading import Lock
from typing import Any, Final, TypeVar

from botocore import xform_name

from mailhooks.address_patterns import ascii_domain, canonical
from mailhooks.aws import client as aws
from mailhooks.deadline import Deadline
from mailhooks.errors import MailhooksError, PermanentError

T = TypeVar("T")

MAX_AGE_S: Final = 300.0
"""A change of the organization is seen after this time at most."""

_CONCURRENT_CALLS: Final = 8
"""Calls of ListAliases at a time."""


@dataclass(frozen=True, slots=True)
class User:
    """A user with an address.

    Attributes:
        name: the display name.
        address: the primary address, in canonical form.
        is_person: whether the user is enabled, and no room, piece of equipment or user of the system.
    """

    id: str
    name: str
    address: str
    is_person: bool = True


class _EntityNotFound(PermanentError):
    """A user or a group was removed between two calls."""


class WorkMailDirectory:
    """Calls ListMailDomains, ListGroups, ListUsers, ListGroupMembers and ListAliases.

    A member has all addresses of the user, as an envelope may name an alias. WorkMail lists the aliases of one user at a time: a group of
    a hundred users costs a hundred calls, a few at a time, every five minutes in each process.
    """

    def __init__(self, organization_id: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._organization = organization_id
        self._clock = clock
        self._client = aws.make_client("workmail")
        self._cache: dict[str, tuple[float, Any]] = {}
        self._lock = Lock()

    def members(self, group: str, deadline: Deadline) -> frozenset[str]:
        """Return the canonical addresses of all users in a group and in the groups in it; none for an address of no group.

        Raises:
            TransientError, Misconfigured: see `mailhooks.errors`.
        """
        group = canonical(group)
        return self._cached(f"members of {group}", lambda: self._members(group, deadline), ("groups", "users"))

    def domains(self, deadline: Deadline) -> frozenset[str]:
        """Return the organization's mail domains, as `ascii_domain` writes them. Raises as `members`."""
        listed = partial(self._list, "ListMailDomains", "MailDomains", deadline)
        return self._cached("domains", lambda: frozenset(ascii_domain(str(domain["DomainName"])) for domain in listed()))

    def people(self, deadline: Deadline) -> tuple[User, ...]:
        """Return all people with a display name, without rooms and equipment; the same object while it is cached. Raises as `members`."""
        return self._cached(
            "people", lambda: tuple(user for user in self._users(deadline).values() if user.is_person and user.name), ("users",)
        )

    def addresses(self, user: str, deadline: Deadline) -> frozenset[str]:
        """Return the canonical addresses of a user, given by ID. Raises as `members`."""
        return self._cached(f"addresses of {user}", lambda: self._all_addresses({user}, deadline), ("users",))

    def _cached(self, key: str, load: Callable[[], T], sources: tuple[str, ...] = ()) -> T:
        """Return the cached value of a key, or load it. A value is as old as the oldest of its sources."""
        now = self._clock()
        with self._lock:
            at, cached = self._cache.get(key, (0.0, None))
            if cached is not None and now - at < MAX_AGE_S:
                found: T = cached
                return found
        value = load()
        with self._lock:
            at = min([now, *(self._cache[source][0] for source in sources if source in self._cache)])
            self._cache[key] = (at, value)
        return value

    def _members(self, group: str, deadline: Deadline) -> frozenset[str]:
        first = self._groups(deadline).get(group)
        waiting, seen = ([first] if first else []), set[str]()
        users: set[str] = set()
        while waiting:
            group_id = waiting.pop()
            if group_id in seen:
                continue
            seen.add(group_id)
            for member in self._list_of_entity("ListGroupMembers", "Members", deadline, GroupId=group_id):
                if member.get("State", "ENABLED") == "ENABLED":
                    (waiting.append if member.get("Type") == "GROUP" else users.add)(member["Id"])
        return self._all_addresses(users, deadline)

    def _all_addresses(self, users: set[str], deadline: Deadline) -> frozenset[str]:
        known = self._users(deadline)
        found = {known[user].address for user in users if user in known}

        def aliases(user: str) -> list[str]:
            listed = self._list_of_entity("ListAliases", "Aliases", deadline, EntityId=user)
            return [canonical(str(alias)) for alias in listed]

        with ThreadPoolExecutor(_CONCURRENT_CALLS) as pool:
            for more in pool.map(aliases, users):
                found.update(more)
        return frozenset(found)

    def _groups(self, deadline: Deadline) -> dict[str, str]:
        """Return the IDs of groups by canonical primary address."""
        listed = partial(self._list, "ListGroups", "Groups", deadline)
        return self._cached("groups", lambda: {canonical(str(each["Email"])): str(each["Id"]) for each in listed() if each.get("Email")})

    def _users(self, deadline: Deadline) -> dict[str, User]:
        """Return the users by ID."""
        listed = partial(self._list, "ListUsers", "Users", deadline)
        return self._cached("users", lambda: {user.id: user for user in map(_read_user, listed()) if user.address})

    def _list_of_entity(self, operation: str, items: str, deadline: Deadline, **arguments: str) -> list[Any]:
        """Return the items of one user or group; none if it was removed."""
        try:
            return list(self._list(operation, items, deadline, **arguments))
        except _EntityNotFound:
            return []

    def _list(self, operation: str, items: str, deadline: Deadline, **arguments: str) -> Iterator[Any]:
        """Yield all items of an operation that returns pages."""
        call = getattr(self._client, xform_name(operation))
        token: dict[str, str] = {}
        while True:
            work = partial(call, OrganizationId=self._organization, MaxResults=100, **arguments, **token)
            page: dict[str, Any] = aws.call(operation, work, deadline, map_own=_map_not_found)
            yield from page.get(items, ())
            if not page.get("NextToken"):
                return
            token = {"NextToken": page["NextToken"]}


def _read_user(listed: Mapping[str, Any]) -> User:
    """Read an entry of ListUsers (WorkMail API reference, "User")."""
    name = str(listed.get("DisplayName") or listed.get("Name") or "")
    is_person = listed.get("UserRole") not in {"RESOURCE", "SYSTEM_USER"} and listed.get("State", "ENABLED") == "ENABLED"
    return User(str(listed["Id"]), name, canonical(str(listed.get("Email") or "")), is_person)


def _map_not_found(code: str, _text: str) -> MailhooksError | None:
    return _EntityNotFound(code) if code in ("EntityNotFoundException", "EntityStateException") else None
