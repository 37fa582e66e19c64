"""The value that describes one mail platform: what it can do with a message and what it cannot do."""

from collections.abc import Callable, Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, NamedTuple

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


SES_AUTHSERV_IDS: Final = frozenset({"amazonses.com"})
"""The authserv-id of Amazon SES, which receives mail for WorkMail too (SES guide, "Email authentication verdicts")."""

SES_RESULT_FIELDS: Final = MappingProxyType({"spf": "received-spf", "spam": "x-ses-spam-verdict", "virus": "x-ses-virus-verdict"})
"""The `result_fields` of a platform whose mail Amazon SES receives."""


class Platform(NamedTuple):
    """One mail platform, as its adapter passes it to the evaluation of a policy.

    Attributes:
        name: as in `workmail-hooks check --platform NAME`.
        title: as findings and errors name it within a sentence.
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
        results_need: the setting that names the hosts whose results of authentication are believed; `""` for the platform's own.
        splits_by_lmtp: whether they can by LMTP, which has a reply for each recipient. By SMTP there is one reply for all, and so one copy.
        sure_hold_s: seconds after which another attempt is sure to come, so that a hold ends by its own timeout; None: any time.
        sender_retries: whether a held message waits at the host that sends it.
        inbound_only: whether it gets no outbound mail.
        fetches_content: whether it fetches and writes the content of a message by calls of the Message Flow API.
        has_directory: whether it knows the groups, people and domains of the organization.
        splits_recipients: whether the host before may pass on one message in several transactions, each with some of the recipients.
        in_aws: whether it runs in AWS, with a role of its own.
        junk_needs, bypass_needs, bounce_needs: the setting without which such a verdict has no effect; `""`: none.
        ascii_bounces: whether a bounce text can have ASCII characters only.
        replaced_fields: the names in lower case of header fields that it replaces in a message where it has no next host.
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
    result_fields: Mapping[str, str] = MappingProxyType({})
    results_need: str = ""
    splits_by_lmtp: bool = False
    sure_hold_s: int | None = None
    sender_retries: bool = False
    inbound_only: bool = False
    fetches_content: bool = False
    has_directory: bool = False
    splits_recipients: bool = False
    in_aws: bool = True
    junk_needs: str = ""
    bypass_needs: str = ""
    bounce_needs: str = ""
    ascii_bounces: bool = False
    replaced_fields: frozenset[str] = frozenset()
