"""The settings and permissions that a policy requires of its function, and the messages whose content it reads."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from mailhooks.policy.analysis.rule_conditions import iterate_conditions
from mailhooks.policy.policy import Policy
from mailhooks.policy.rules.actions import AddRecipients, Archive, Count, Notify, RemoveRecipients, SetVerdict
from mailhooks.policy.rules.conditions import All, AnyOf, Condition, Cost, Not
from mailhooks.policy.rules.rule import Rule

_SCOPES: Final = frozenset({"sender_scope", "recipient_scope", "audience"})

DIRECTORY_PERMISSIONS: Final = tuple(
    f"workmail:{operation}" for operation in ("ListMailDomains", "ListGroups", "ListUsers", "ListGroupMembers", "ListAliases")
)
RATES_PERMISSIONS: Final = ("dynamodb:Query on the table", "dynamodb:UpdateItem on the table")


@dataclass(frozen=True, slots=True)
class Requirement:
    """One requirement.

    Attributes:
        what: a short description.
        rules: the names of the rules, each with the conditions or actions that need it.
        settings: settings of the function, as NAME=value.
        permissions: permissions of the function's role, as `service:Action on resource`.
    """

    what: str
    rules: tuple[tuple[str, str], ...]
    settings: tuple[str, ...] = ()
    permissions: tuple[str, ...] = ()


def list_requirements(policy: Policy) -> tuple[Requirement, ...]:
    """Return all requirements of the enabled rules."""
    rules = [rule for rule in policy.rules if rule.enabled]
    found = [_content(rules), _changes(rules), _domains(policy, rules), _directory(rules), _rates(rules)]
    return tuple(requirement for requirement in (*found, *_archives(rules), *_notifications(rules)) if requirement.rules)


def _conditions(rule: Rule, *names: str) -> str:
    """Return the conditions of a rule with one of these names, separated by commas."""
    given = [name for part in ("when", "unless") for name, _ in iterate_conditions(rule.source.get(part, {}))]
    return ", ".join(dict.fromkeys(name for name in given if name in names))


def _leaves(condition: Condition) -> Iterator[Condition]:
    if isinstance(condition, All | AnyOf):
        for each in condition.conditions:
            yield from _leaves(each)
    elif isinstance(condition, Not):
        yield from _leaves(condition.condition)
    else:
        yield condition


def list_content_readers(rule: Rule) -> tuple[str, ...]:
    """Return the names of a rule's conditions and actions that read the content of the message."""
    found = [leaf.name for leaf in _leaves(rule.condition) if leaf.cost in {Cost.CONTENT, Cost.BODY}]
    if not rule.report:
        for action in rule.actions:
            if isinstance(action, SetVerdict):
                found += ["bounce"] if any(f"%%{name}%%" in action.text.lower() for name in ("fromname", "date")) else []
            elif not isinstance(action, AddRecipients | RemoveRecipients | Count):
                found.append(action.name)
    return tuple(dict.fromkeys(found))


def always_reads_content(rule: Rule) -> bool:
    """Return whether a rule reads the content of every message. A cheaper condition could prevent this."""
    if not list_content_readers(rule):
        return False
    first = rule.condition.conditions if isinstance(rule.condition, All) else (rule.condition,)
    return not any(one.cost in {Cost.EVENT, Cost.DIRECTORY} for one in first)


def _content(rules: list[Rule]) -> Requirement:
    def why(rule: Rule) -> str:
        what = ", ".join(list_content_readers(rule))
        return f"{what} (of every message that reaches this rule)" if always_reads_content(rule) else what

    return Requirement(
        "the content of messages is fetched",
        tuple((rule.name, why(rule)) for rule in rules if list_content_readers(rule)),
        permissions=("workmailmessageflow:GetRawMessageContent",),
    )


def _changes(rules: list[Rule]) -> Requirement:
    found = [
        (rule.name, ", ".join(dict.fromkeys(change.name for change in rule.changes)))
        for rule in rules
        if rule.changes_content and not rule.report
    ]
    permissions = ("workmailmessageflow:PutRawMessageContent", "s3:PutObject on the bucket REWRITE_BUCKET")
    return Requirement("changed messages are written", tuple(found), ("REWRITE_BUCKET",), permissions)


def _domains(policy: Policy, rules: list[Rule]) -> Requirement:
    found = [] if policy.domains else [(rule.name, why) for rule in rules if (why := _conditions(rule, *_SCOPES))]
    setting = "ORGANIZATION_DOMAINS (or organization.domains in the policy)"
    return Requirement("the organization's domains must be known", tuple(found), (setting,))


def _directory(rules: list[Rule]) -> Requirement:
    found = [(rule.name, why) for rule in rules if (why := _conditions(rule, "sender_in_group", "recipient_in_group"))]
    settings = ("POLICY_DIRECTORY=true", "ORGANIZATION_ID")
    return Requirement("groups are looked up in the directory", tuple(found), settings, DIRECTORY_PERMISSIONS)


def _rates(rules: list[Rule]) -> Requirement:
    found = [(rule.name, why) for rule in rules if (why := _conditions(rule, "rate"))]
    return Requirement("messages are counted", tuple(found), ("RATES_TABLE",), RATES_PERMISSIONS)


def _archives(rules: list[Rule]) -> Iterator[Requirement]:
    """Yield one requirement for each bucket and prefix."""
    found: dict[tuple[str, str, bool], list[tuple[str, str]]] = {}
    for rule in rules:
        for action in rule.actions:
            if isinstance(action, Archive) and not rule.report:
                found.setdefault((action.bucket, action.prefix, bool(action.lock)), []).append((rule.name, action.name))
    for (bucket, prefix, locked), users in found.items():
        target = f"arn:aws:s3:::{bucket}/{prefix}*"
        permissions = [f"s3:PutObject on {target}"] + [f"s3:PutObjectRetention on {target}"] * locked
        what = f"a bucket named {bucket}" + (" with Object Lock" if locked else "")
        yield Requirement(what, tuple(users), (), tuple(permissions))


def _notifications(rules: list[Rule]) -> Iterator[Requirement]:
    """Yield one requirement for each target."""
    found: dict[tuple[str, tuple[str, ...]], list[tuple[str, str]]] = {}
    for rule in rules:
        for action in rule.actions:
            if isinstance(action, Notify) and not rule.report:
                for target in _targets(action):
                    found.setdefault(target, []).append((rule.name, action.name))
    for (what, permissions), users in found.items():
        yield Requirement(what, tuple(dict.fromkeys(users)), (), permissions)


def _targets(action: Notify) -> Iterator[tuple[str, tuple[str, ...]]]:
    if action.sns:
        yield f"the topic {action.sns}", (f"sns:Publish on {action.sns}",)
    if action.eventbridge:
        yield f"the event bus {action.eventbridge}", (f"events:PutEvents on {action.eventbridge}",)
    if action.webhook:
        yield f"outgoing connections to {action.webhook}", ()
    if action.secret:
        yield f"the secret {action.secret}", (f"secretsmanager:GetSecretValue on {action.secret}",)
