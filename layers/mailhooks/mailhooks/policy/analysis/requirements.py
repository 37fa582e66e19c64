"""What a policy needs of the function that runs it: settings, permissions, and the content of which messages."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from mailhooks.policy.analysis.rule_conditions import named
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
class Need:
    """One thing that is needed.

    Attributes:
        what: in a few words.
        rules: the names of the rules that need it, each with what it is for.
        settings: of the function, as NAME=value.
        permissions: of the function's role, as `service:Action on resource`.
    """

    what: str
    rules: tuple[tuple[str, str], ...]
    settings: tuple[str, ...] = ()
    permissions: tuple[str, ...] = ()


def needs(policy: Policy) -> tuple[Need, ...]:
    """Everything that the policy's rules need, those that are switched off left out."""
    rules = [rule for rule in policy.rules if rule.enabled]
    found = [_content(rules), _changes(rules), _domains(policy, rules), _directory(rules), _rates(rules)]
    return tuple(need for need in (*found, *_archives(rules), *_notices(rules)) if need.rules)


def _conditions(rule: Rule, *names: str) -> str:
    """Those of these conditions that a rule has."""
    given = [name for part in ("when", "unless") for name, _ in named(rule.source.get(part, {}))]
    return ", ".join(dict.fromkeys(name for name in given if name in names))


def _leaves(condition: Condition) -> Iterator[Condition]:
    if isinstance(condition, All | AnyOf):
        for each in condition.conditions:
            yield from _leaves(each)
    elif isinstance(condition, Not):
        yield from _leaves(condition.condition)
    else:
        yield condition


def reads(rule: Rule) -> tuple[str, ...]:
    """What of a rule needs the message's content: names of conditions and actions."""
    found = [leaf.name for leaf in _leaves(rule.condition) if leaf.cost in {Cost.CONTENT, Cost.BODY}]
    if not rule.report:
        for action in rule.actions:
            if isinstance(action, SetVerdict):
                found += ["bounce"] if any(f"%%{name}%%" in action.text.lower() for name in ("fromname", "date")) else []
            elif not isinstance(action, AddRecipients | RemoveRecipients | Count):
                found.append(action.name)
    return tuple(dict.fromkeys(found))


def reads_always(rule: Rule) -> bool:
    """Whether a rule has the content fetched of every message that comes to it: no cheaper condition keeps it from that."""
    if not reads(rule):
        return False
    first = rule.condition.conditions if isinstance(rule.condition, All) else (rule.condition,)
    return not any(one.cost in {Cost.EVENT, Cost.DIRECTORY} for one in first)


def _content(rules: list[Rule]) -> Need:
    def why(rule: Rule) -> str:
        what = ", ".join(reads(rule))
        return f"{what} (of every message that comes to this rule)" if reads_always(rule) else what

    return Need(
        "the content of messages is fetched",
        tuple((rule.name, why(rule)) for rule in rules if reads(rule)),
        permissions=("workmailmessageflow:GetRawMessageContent",),
    )


def _changes(rules: list[Rule]) -> Need:
    found = [
        (rule.name, ", ".join(dict.fromkeys(change.name for change in rule.changes)))
        for rule in rules
        if rule.changes_content and not rule.report
    ]
    permissions = ("workmailmessageflow:PutRawMessageContent", "s3:PutObject on the bucket REWRITE_BUCKET")
    return Need("changed messages are put back", tuple(found), ("REWRITE_BUCKET",), permissions)


def _domains(policy: Policy, rules: list[Rule]) -> Need:
    found = [] if policy.domains else [(rule.name, why) for rule in rules if (why := _conditions(rule, *_SCOPES))]
    return Need(
        "the organization's domains are to be known", tuple(found), ("ORGANIZATION_DOMAINS (or organization.domains in the policy)",)
    )


def _directory(rules: list[Rule]) -> Need:
    found = [(rule.name, why) for rule in rules if (why := _conditions(rule, "sender_in_group", "recipient_in_group"))]
    return Need("groups are looked up in the directory", tuple(found), ("POLICY_DIRECTORY=true", "ORGANIZATION_ID"), DIRECTORY_PERMISSIONS)


def _rates(rules: list[Rule]) -> Need:
    found = [(rule.name, why) for rule in rules if (why := _conditions(rule, "rate"))]
    return Need("messages are counted", tuple(found), ("RATES_TABLE",), RATES_PERMISSIONS)


def _archives(rules: list[Rule]) -> Iterator[Need]:
    """One for each bucket and prefix."""
    found: dict[tuple[str, str, bool], list[tuple[str, str]]] = {}
    for rule in rules:
        for action in rule.actions:
            if isinstance(action, Archive) and not rule.report:
                found.setdefault((action.bucket, action.prefix, bool(action.lock)), []).append((rule.name, action.name))
    for (bucket, prefix, locked), users in found.items():
        target = f"arn:aws:s3:::{bucket}/{prefix}*"
        permissions = [f"s3:PutObject on {target}"] + [f"s3:PutObjectRetention on {target}"] * locked
        what = f"a bucket named {bucket}" + (" with Object Lock" if locked else "")
        yield Need(what, tuple(users), (), tuple(permissions))


def _notices(rules: list[Rule]) -> Iterator[Need]:
    """One for each who is told."""
    found: dict[tuple[str, tuple[str, ...]], list[tuple[str, str]]] = {}
    for rule in rules:
        for action in rule.actions:
            if isinstance(action, Notify) and not rule.report:
                for need in _of_notice(action):
                    found.setdefault(need, []).append((rule.name, action.name))
    for (what, permissions), users in found.items():
        yield Need(what, tuple(dict.fromkeys(users)), (), permissions)


def _of_notice(action: Notify) -> Iterator[tuple[str, tuple[str, ...]]]:
    if action.sns:
        yield f"the topic {action.sns}", (f"sns:Publish on {action.sns}",)
    if action.eventbridge:
        yield f"the event bus {action.eventbridge}", (f"events:PutEvents on {action.eventbridge}",)
    if action.webhook:
        yield f"a way out to {action.webhook}", ()
    if action.secret:
        yield f"the secret {action.secret}", (f"secretsmanager:GetSecretValue on {action.secret}",)
