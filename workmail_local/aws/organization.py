"""The users, groups and resources of an organization, in memory, for the WorkMail API."""

import time
import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from mailhooks.address_patterns import canonical

TOKEN_LIFETIME_S: Final = 900
"""Of a token of AssumeImpersonationRole (guide, "Using impersonation roles")."""


@dataclass(slots=True)
class Entity:
    """A user, a group or a resource.

    Attributes:
        kind: `USER`, `GROUP` or `RESOURCE`.
        email: the primary address; empty while the entity is not enabled.
        members: IDs of a group's members.
        display_name, role: of a user.
        disabled_at: when it was disabled, in seconds since 1970; None if it never was enabled.
        size_mb: of the mailbox.
        has_mailbox: whether its mailbox can be exported.
    """

    kind: str
    name: str
    email: str
    aliases: list[str] = field(default_factory=list)
    state: str = "ENABLED"
    members: list[str] = field(default_factory=list)
    display_name: str = ""
    role: str = "USER"
    disabled_at: float | None = None
    size_mb: float = 0.0
    has_mailbox: bool = True
    id: str = field(default_factory=lambda: str(uuid.uuid4()))


class Organization:
    """An organization's users, groups and resources, for tests to fill.

    Attributes:
        id: of the organization.
        domains: its mail domains.
        page_size: entries of an answer at most: few, so that tests meet several pages.
        calls: names of the called operations, in order.
        impersonation_roles: IDs of the roles that can be assumed.
    """

    def __init__(self) -> None:
        self._entities: dict[str, Entity] = {}
        self.reset()

    def reset(self) -> None:
        """Return to an organization without users, groups and resources."""
        self.id = f"m-{uuid.uuid4().hex}"
        self.domains = ["example.com"]
        self.page_size = 2
        self.calls: list[str] = []
        self.impersonation_roles: set[str] = set()
        self._tokens: dict[str, float] = {}
        self._entities.clear()

    def clear(self) -> None:
        """Remove all users, groups and resources."""
        self._entities.clear()

    def add_user(self, email: str, *, name: str = "", role: str = "USER", aliases: Iterable[str] = (), state: str = "ENABLED") -> str:
        """Add a user and return its ID. `name` is the display name, by default the address before its `@`; `role` is `UserRole`."""
        return self._add("USER", email, aliases, state, name, role)

    def add_group(self, email: str, members: Iterable[str] = (), *, aliases: Iterable[str] = (), state: str = "ENABLED") -> str:
        """Add a group and return its ID. Members are named by ID, name or address."""
        group = self._add("GROUP", email, aliases, state)
        self.add_members(group, *members)
        return group

    def add_resource(self, email: str, *, state: str = "ENABLED") -> str:
        """Add a room and return its ID."""
        return self._add("RESOURCE", email, (), state)

    def add_members(self, group: str, *members: str) -> None:
        """Add members to a group; each is named by ID, name or address. A group may be its own member.

        Raises:
            KeyError: there is no such group or member.
        """
        self._named(group).members += [self._named(member).id for member in members]

    def remove(self, entity: str) -> None:
        """Remove a user or a group, and its memberships."""
        gone = self._entities.pop(self._named(entity).id)
        for each in self._entities.values():
            each.members = [member for member in each.members if member != gone.id]

    def issue_token(self) -> str:
        """Return a new token of an impersonation role."""
        token = uuid.uuid4().hex
        self._tokens[token] = time.monotonic() + TOKEN_LIFETIME_S
        return token

    def accepts_token(self, token: str) -> bool:
        """Return whether a token of an impersonation role is valid."""
        return self._tokens.get(token, 0.0) > time.monotonic()

    def list_entities(self, kind: str) -> list[Entity]:
        """Return the entities of the kind `USER`, `GROUP` or `RESOURCE`."""
        return [entity for entity in self._entities.values() if entity.kind == kind]

    def find(self, name: str, kind: str | None = None) -> Entity | None:
        """Return an entity by ID, name or address, as the API's `EntityIdentifier`; None when there is none."""
        key = canonical(name)
        for entity in [self._entities[name]] if name in self._entities else self._entities.values():
            if kind in (None, entity.kind) and key in {entity.id, canonical(entity.name), canonical(entity.email)}:
                return entity
        return None

    def _named(self, name: str) -> Entity:
        if (found := self.find(name)) is None:
            raise KeyError(name)
        return found

    def _add(self, kind: str, email: str, aliases: Iterable[str], state: str, display_name: str = "", role: str = "USER") -> str:
        name = email.partition("@")[0]
        entity = Entity(kind, name, email, list(aliases), state, display_name=display_name or name, role=role)
        self._entities[entity.id] = entity
        return entity.id
