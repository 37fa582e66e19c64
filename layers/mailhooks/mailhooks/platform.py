"""The value that describes one mail platform: what it can do with a message and what it cannot do."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mailhooks.content.change import Change
    from mailhooks.core.prepared_change import PreparedChange
    from mailhooks.mime.message import Message


class JunkMark(StrEnum):
    """How a platform delivers a message as junk, or past the spam check."""

    ACTION = "action"
    """By an action of its own, for each recipient."""
    HEADER = "header"
    """By a header field, which the next host has to know."""


class HoldMethod(StrEnum):
    """How a platform holds a message that waits for a decision."""

    RETRY = "retry"
    """The message is evaluated again until there is a decision."""
    QUARANTINE = "quarantine"
    """The platform keeps it until an operator releases it; no approver is asked."""


@dataclass(frozen=True, slots=True)
class Platform:
    """One mail platform, as its adapter passes it to the evaluation of a policy.

    Attributes:
        name: as in `workmail-hooks check --platform NAME`.
        title: as the texts of errors name it.
        prepare_change: completes a change and checks it by the platform's rules. It returns a change that it has checked as it is.
        max_actions: different actions for the recipients of one message; None: any number.
        adds_only_own_domains: whether a rule for inbound mail can only add recipients in the organization's domains.
        max_recipients: the recipients of an outbound message, with those that rules add; None: any number.
        max_message_octets: of a changed message; None: any size.
        marks_junk: how `junk` and `bypass_spam_check` are carried out.
        holds: how `hold` is carried out.
        splits_copies: whether recipients of one message can get different junk marks.
        authserv_ids: the authserv-ids (RFC 8601 section 2.5) in lower case whose results are always believed.
        result_fields: header fields with one result of authentication, which the platform itself writes above those of the sender: the name
            in lower case by the method (spf, spam, virus).
    """

    name: str
    title: str
    prepare_change: "Callable[[Message, Change | PreparedChange], PreparedChange]"
    max_actions: int | None = None
    adds_only_own_domains: bool = False
    max_recipients: int | None = None
    max_message_octets: int | None = None
    marks_junk: JunkMark = JunkMark.HEADER
    holds: HoldMethod = HoldMethod.RETRY
    splits_copies: bool = True
    authserv_ids: frozenset[str] = frozenset()
    result_fields: Mapping[str, str] = field(default_factory=dict)
