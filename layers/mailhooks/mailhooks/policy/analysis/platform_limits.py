"""Findings about rules that a platform carries out otherwise than they are written, or only with a setting.

Each action and each condition of the policy has an entry. An empty one is a decision too: it has the same effect on every platform.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Final

from mailhooks.actions import ActionType
from mailhooks.address_patterns import ascii_domain
from mailhooks.content.change import OnUnmodifiable
from mailhooks.platform import HoldMethod, JunkMark, Platform
from mailhooks.policy.analysis.enabled_rule import EnabledRule
from mailhooks.policy.analysis.findings import Finding, Severity
from mailhooks.policy.rules.conditions import iterate_conditions
from mailhooks.policy.rules.rule import (
    Action,
    AddDisclaimer,
    AddRecipients,
    ChangeHeaders,
    Hold,
    OnTimeout,
    RemoveRecipients,
    SetVerdict,
    StripAttachments,
)

_Remarks = Iterator[tuple[Severity, str]]
_ActionCheck = Callable[["_Case", Action], _Remarks]
_ConditionCheck = Callable[["_Case", str, Any], _Remarks]


@dataclass(frozen=True, slots=True)
class _Case:
    """A rule on a platform.

    Attributes:
        domains: the organization's mail domains in the form of `ascii_domain`, as far as they are known without the platform.
        in_exception: whether the condition that is checked is in `unless`.
    """

    each: EnabledRule
    platform: Platform
    domains: frozenset[str]
    in_exception: bool = False


def check_rule(each: EnabledRule, platform: Platform, domains: frozenset[str]) -> Iterator[Finding]:
    """Yield the findings about one rule on a platform. `domains` are the organization's, in the form of `ascii_domain`."""
    for severity, text in dict.fromkeys(_check(_Case(each, platform, domains))):
        yield Finding(each.rule.name, text, severity, each.rule.line, platform.name)


def _check(case: _Case) -> _Remarks:
    platform, each = case.platform, case.each
    if platform.inbound_only and not each.may_apply_to("inbound"):
        yield Severity.WARNING, f"never applies with {platform.title}, which gets inbound mail only"
        return
    for name, action in each.iterate_actions():
        # A rule in report mode is checked as it will be enforced; its hold has a finding already.
        for check_action in () if name == "hold" and each.rule.report else ACTION_CHECKS[name]:
            yield from check_action(case, action)
    # One finding of a kind for each rule: the first condition of this kind.
    found: set[_ConditionCheck] = set()
    for part in ("when", "unless"):
        for name, value in iterate_conditions(each.rule.source.get(part, {})):
            for check_condition in CONDITION_CHECKS[name]:
                remarks = (
                    [] if check_condition in found else list(check_condition(replace(case, in_exception=part == "unless"), name, value))
                )
                if remarks:
                    found.add(check_condition)
                yield from remarks


def check_rules(rules: Iterable[EnabledRule], platform: Platform) -> Iterator[Finding]:
    """Yield the findings about all enabled rules of a policy together on a platform."""
    rules = list(rules)
    if platform.max_actions is not None:
        yield from _check_verdict_count(rules, platform, platform.max_actions)
    if not platform.in_aws:
        users = list(dict.fromkeys(name for each in rules for name in _list_aws_users(each, platform)))
        if users:
            text = f"with {platform.title}, {', '.join(users)} {'needs' if len(users) == 1 else 'need'} AWS credentials"
            yield Finding("", text, Severity.NOTE, platform=platform.name)


def _list_aws_users(each: EnabledRule, platform: Platform) -> Iterator[str]:
    """Yield the names of the conditions and actions of a rule that call AWS."""
    actions = _ACTIONS_IN_AWS - ({"hold"} if platform.holds is HoldMethod.QUARANTINE else set())
    for part in ("when", "unless"):
        yield from (name for name, _ in iterate_conditions(each.rule.source.get(part, {})) if name in _CONDITIONS_IN_AWS)
    if not each.rule.report:
        yield from (name for name, _ in each.iterate_actions() if name in actions)


_CONDITIONS_IN_AWS: Final = frozenset({"rate", "first_contact"})
_ACTIONS_IN_AWS: Final = frozenset({"archive", "notify", "hold"})


def _check_verdict_count(rules: list[EnabledRule], platform: Platform, most: int) -> Iterator[Finding]:
    """Yield a finding if a response could need more than `most` different actions.

    A rule about the whole message decides for all recipients without a verdict, so that one verdict of all such rules counts. Rules about
    recipients decide for some recipients each, so that all their verdicts count.
    """
    enforced = [each for each in rules if not each.rule.report]
    for direction in ("inbound", "outbound"):
        verdicts, adds = {(str(ActionType.DEFAULT), "")}, False
        for_all: set[tuple[str, str]] = set()
        for each in (one for one in enforced if one.may_apply_to(direction)):
            for action in each.rule.actions:
                adds = adds or isinstance(action, AddRecipients)
                if isinstance(action, RemoveRecipients):
                    verdicts.add((str(ActionType.DROP), ""))
                elif isinstance(action, SetVerdict) and (direction == "inbound" or not action.type.inbound_only):
                    own = f" {each.rule.name}" if "%%rule%%" in action.text.lower() else ""
                    (for_all if each.for_all else verdicts).add((str(action.type), action.text + own))
        room, number = most - adds, len(verdicts) + (not for_all <= verdicts)
        if number > room:
            text = (
                f"{number} different verdicts are possible for {direction} mail, and a response to {platform.title} has at most {room}: "
                "if a message needs more, the rarest bounce texts become one general text"
            )
            yield Finding("", text, platform=platform.name)
            return


def _check_mark(case: _Case, action: Action) -> _Remarks:
    """Check a verdict that is a header field outside of WorkMail: `junk` or `bypass_spam_check`."""
    assert isinstance(action, SetVerdict)
    platform, is_junk = case.platform, action.type is ActionType.MOVE_TO_JUNK
    word = "junk" if is_junk else "bypass_spam_check"
    needed = platform.junk_needs if is_junk else platform.bypass_needs
    if platform.marks_junk is JunkMark.HEADER and case.each.may_apply_to("inbound"):
        yield Severity.NOTE, f"{word} is a header field with {platform.title}: it needs {needed}"
        if not platform.splits_copies and case.each.rule.condition.per_recipient:
            where = f"an SMTP listener of {platform.title} (use LMTP)" if platform.splits_by_lmtp else platform.title
            yield (
                Severity.WARNING,
                f"{word} for some recipients of a message has no effect with {where}, which passes on one copy: "
                "the header field is added only if the verdict is the same for all",
            )


def _check_bounce(case: _Case, action: Action) -> _Remarks:
    """Check a verdict or a change that may bounce a message."""
    if isinstance(action, AddDisclaimer | StripAttachments) and action.on_unmodifiable is not OnUnmodifiable.BOUNCE:
        return
    if isinstance(action, Hold) and case.platform.holds is HoldMethod.QUARANTINE:
        return
    platform = case.platform
    if platform.bounce_needs:
        yield Severity.NOTE, f"a bounce needs {platform.bounce_needs}"
    text = action.text if isinstance(action, SetVerdict | Hold) else ""
    if platform.ascii_bounces and not text.isascii():
        yield (
            Severity.NOTE,
            f"its bounce text has characters beyond ASCII, and a reply of SMTP has none: {platform.title} writes it without accents, or "
            "with question marks",
        )


def _check_addition(case: _Case, action: Action) -> _Remarks:
    assert isinstance(action, AddRecipients)
    platform, domains = case.platform, case.domains
    if not platform.adds_only_own_domains or not case.each.may_apply_to("inbound"):
        return
    if not domains:
        yield Severity.NOTE, f"add_recipients on inbound mail needs the organization's domains: {_name_domains(platform)}"
        return
    outside = [address for address in action.addresses if ascii_domain(address.rpartition("@")[2]) not in domains]
    if outside:
        more = f" and {len(outside) - 1} more" if len(outside) > 1 else ""
        text = f"{platform.title} adds only recipients in the organization's domains to inbound mail, and not {outside[0]}{more}"
        yield Severity.WARNING, text


def _check_fields(case: _Case, action: Action) -> _Remarks:
    """Check that the platform leaves the fields that a rule adds as they are."""
    assert isinstance(action, ChangeHeaders)
    names = {name.lower() for name, _ in action.fields.add} | {name.lower() for name in action.fields.remove}
    for name in sorted(names & case.platform.replaced_fields):
        yield Severity.NOTE, f"{name.title()} is replaced by {case.platform.title} where there is no next host"


_FALLBACKS: Final = {OnTimeout.DELIVER: "Default", OnTimeout.BOUNCE: "Bounce", OnTimeout.DROP: "Drop"}
"""The fallback action of a flow rule with the same result as `on_timeout`."""


def _check_hold(case: _Case, action: Action) -> _Remarks:
    assert isinstance(action, Hold)
    platform = case.platform
    if platform.holds is HoldMethod.QUARANTINE:
        yield (
            Severity.WARNING,
            f"with {platform.title}, hold puts the message into quarantine: approvers are not asked, timeout and on_timeout have no "
            "effect, and the operator of the MTA releases it",
        )
    elif platform.sure_hold_s is not None and action.timeout_s > platform.sure_hold_s:
        yield (
            Severity.WARNING,
            f"its hold of {action.timeout_s // 60} minutes may end without on_timeout: {platform.title}'s last attempt may come before. "
            f"Choose a timeout of at most {platform.sure_hold_s // 60}m, or the fallback action {_FALLBACKS[action.on_timeout]} in the "
            "flow rule",
        )
    elif platform.sender_retries:
        yield (
            Severity.NOTE,
            f"with {platform.title}, a held message waits at the host that sends it: a sender that does not retry for "
            f"{action.timeout_s // 60} minutes gives up before",
        )


def _check_domains(case: _Case, name: str, value: Any) -> _Remarks:  # noqa: ARG001 - the table's
    if not case.domains:
        yield Severity.NOTE, f"{name} fails without the organization's domains: {_name_domains(case.platform)}"


def _name_domains(platform: Platform) -> str:
    if platform.has_directory:
        return "set organization.domains, or let the function ask WorkMail (POLICY_DIRECTORY=true)"
    return f"set organization.domains, as {platform.title} has no directory"


def _check_directory(case: _Case, name: str, value: Any) -> _Remarks:
    """Check a condition on groups, or `display_name` with `own_people`."""
    if not case.platform.has_directory and (name != "display_name" or (isinstance(value, dict) and "own_people" in value)):
        instead = "own_people" if name == "display_name" else name
        names = "equals: [...]" if name == "display_name" else "a list of addresses (list:NAME)"
        yield Severity.WARNING, f"{instead} fails: {case.platform.title} has no directory. Write {names}"


def _check_transaction(case: _Case, name: str, value: Any) -> _Remarks:  # noqa: ARG001 - the table's
    if case.platform.splits_recipients:
        yield (
            Severity.NOTE,
            f"{name} reads the recipients of one SMTP transaction: the host before {case.platform.title} may send a message in several",
        )


_SES_METHODS: Final = frozenset({"spam", "virus"})
"""Methods of `authentication` whose results only Amazon SES adds."""


def _check_authentication(case: _Case, name: str, value: Any) -> _Remarks:
    platform = case.platform
    if case.each.conditions.find_required("direction") and not case.each.may_apply_to("inbound"):
        if not case.in_exception:
            who = "hosts add their" if platform.results_need else "Amazon SES adds its"
            yield Severity.NOTE, f"{name} on outbound mail: {who} results to inbound mail only"
    elif platform.results_need:
        if only_ses := sorted(_SES_METHODS & value.keys() - platform.result_fields.keys()):
            yield Severity.WARNING, f"{name} {' and '.join(only_ses)} never matches with {platform.title}: only Amazon SES adds the result"
        if value.keys() - _SES_METHODS:
            yield Severity.NOTE, f"{name} needs {platform.results_need}"


def _check_read_field(case: _Case, name: str, value: Any) -> _Remarks:
    """Check a condition on a field that only Amazon SES adds."""
    fields = [each["name"].lower() for each in (value if isinstance(value, list) else [value])]
    for field in fields:
        if case.platform.results_need and field.startswith("x-ses-"):
            yield Severity.WARNING, f"{name} {field.title()}: only Amazon SES adds this field; with {case.platform.title} a sender wrote it"


ACTION_CHECKS: Final[dict[str, tuple[_ActionCheck, ...]]] = {
    "deliver": (),
    "drop": (),
    "junk": (_check_mark,),
    "bypass_spam_check": (_check_mark,),
    "bounce": (_check_bounce,),
    "add_recipients": (_check_addition,),
    "remove_recipients": (),
    "disclaimer": (_check_bounce,),
    "subject_tag": (),
    "headers": (_check_fields,),
    "strip_attachments": (_check_bounce,),
    "archive": (),
    "notify": (),
    "hold": (_check_hold, _check_bounce),
    "count": (),
}
"""By the action's name in the policy. `archive` and `notify` are checked for the whole policy."""

CONDITION_CHECKS: Final[dict[str, tuple[_ConditionCheck, ...]]] = {
    "direction": (),
    "sender": (),
    "mail_from": (),
    "on_behalf_sender": (),
    "on_behalf": (),
    "recipient": (),
    "any_recipient": (_check_transaction,),
    "all_recipients": (_check_transaction,),
    "recipient_count": (_check_transaction,),
    "external_recipients": (_check_domains, _check_transaction),
    "visible_recipients": (),
    "sender_scope": (_check_domains,),
    "recipient_scope": (_check_domains,),
    "audience": (_check_domains, _check_transaction),
    "sender_in_group": (_check_directory,),
    "recipient_in_group": (_check_directory,),
    "subject": (),
    "time": (),
    "header_from": (),
    "header_to": (),
    "display_name": (_check_directory,),
    "reply_to": (),
    "reply_to_differs": (),
    "header": (_check_read_field,),
    "kind": (),
    "importance": (),
    "charset": (),
    "size": (),
    "attachment_count": (),
    "authentication": (_check_authentication,),
    "body": (),
    "own_text": (),
    "subject_or_body": (),
    "link": (),
    "attachment": (),
    "rate": (),
    "first_contact": (),
    "any": (),
    "all": (),
    "not": (),
}
"""By the condition's name in the policy. `rate` and `first_contact` are checked for the whole policy."""
