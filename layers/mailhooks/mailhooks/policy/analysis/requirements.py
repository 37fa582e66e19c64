"""The settings and permissions that a policy requires of its function, and the messages whose content it reads."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from mailhooks.platform import HoldMethod, Platform
from mailhooks.policy.analysis.rule_conditions import ON_DOMAINS, asks_for_people, list_condition_names
from mailhooks.policy.policy import Policy
from mailhooks.policy.rules.conditions import All, AnyOf, Condition, Cost, Not
from mailhooks.policy.rules.rule import (
    Action,
    AddDisclaimer,
    AddRecipients,
    Archive,
    Count,
    Hold,
    Notify,
    RemoveRecipients,
    Rule,
    SetVerdict,
)

_DIRECTORY_PERMISSIONS: Final = tuple(
    f"workmail:{operation}" for operation in ("ListMailDomains", "ListGroups", "ListUsers", "ListGroupMembers", "ListAliases")
)
_PEOPLE_PERMISSIONS: Final = tuple(f"workmail:{operation}" for operation in ("ListMailDomains", "ListUsers", "ListAliases"))
_PUT_PERMISSIONS: Final = ("workmailmessageflow:PutRawMessageContent", "s3:PutObject on the bucket REWRITE_BUCKET")
_RATES_PERMISSIONS: Final = ("dynamodb:Query on the table", "dynamodb:UpdateItem on the table")
_READ_PERMISSION: Final = "workmailmessageflow:GetRawMessageContent"
_HOLD_SETTINGS: Final = ("HOLDS_TABLE", "APPROVAL_URL", "APPROVAL_SECRET")
_HOLD_PERMISSIONS: Final = (
    "dynamodb:Query on the table HOLDS_TABLE",
    "dynamodb:UpdateItem on the table HOLDS_TABLE",
    "secretsmanager:GetSecretValue on the secret APPROVAL_SECRET",
)
_MAIL_PERMISSIONS: Final = ("ses:SendRawEmail from the address APPROVAL_SENDER",)
_DOMAINS_SETTING: Final = "organization.domains in the policy (or POLICY_DIRECTORY=true, or ORGANIZATION_DOMAINS)"
_DOMAINS_SETTING_WITHOUT_DIRECTORY: Final = "organization.domains in the policy (or ORGANIZATION_DOMAINS)"


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


def list_requirements(policy: Policy, platforms: Sequence[Platform]) -> tuple[Requirement, ...]:
    """Return all requirements of the enabled rules on any of the platforms."""
    has_directory = any(platform.has_directory for platform in platforms)
    fetches_content = any(platform.fetches_content for platform in platforms)
    rules = [rule for rule in policy.rules if rule.enabled]
    enforced = [rule for rule in rules if not rule.report]
    reading = _find_users(rules, _describe_reading)
    asking = enforced if any(platform.holds is HoldMethod.RETRY for platform in platforms) else []
    changing = _find_users(enforced, lambda rule: (change.name for change in rule.changes))
    on_domains = () if policy.domains else _find_users(rules, _named(*sorted(ON_DOMAINS)))
    in_groups = _find_users(rules, _named("sender_in_group", "recipient_in_group"))
    people = _find_users(rules, lambda rule: ["display_name"] if asks_for_people(rule) else [])
    by_message_flow = [
        Requirement("the content of messages is fetched", reading, permissions=(_READ_PERMISSION,)),
        Requirement("changed messages are written", changing, ("REWRITE_BUCKET",), _PUT_PERMISSIONS),
    ]
    in_directory = [
        Requirement(
            "groups are looked up in the directory", in_groups, ("POLICY_DIRECTORY=true", "ORGANIZATION_ID"), _DIRECTORY_PERMISSIONS
        ),
        Requirement("people are looked up in the directory", people, ("POLICY_DIRECTORY=true", "ORGANIZATION_ID"), _PEOPLE_PERMISSIONS),
    ]
    domains_setting = _DOMAINS_SETTING if has_directory else _DOMAINS_SETTING_WITHOUT_DIRECTORY
    contacts_permissions = ("dynamodb:UpdateItem on the table", *((_READ_PERMISSION,) if fetches_content else ()))
    found = [
        *(by_message_flow if fetches_content else ()),
        Requirement("files are in the folder of the policy, or else of the function", _find_users(rules, _list_files)),
        Requirement("the organization's domains must be known", on_domains, (domains_setting,)),
        *(in_directory if has_directory else ()),
        Requirement("messages are counted", _find_users(rules, _named("rate")), ("RATES_TABLE",), _RATES_PERMISSIONS),
        Requirement("contacts are recorded", _find_users(rules, _named("first_contact")), ("RATES_TABLE",), contacts_permissions),
        Requirement("held messages are recorded, and links are signed", _find_holds(asking, _asks), _HOLD_SETTINGS, _HOLD_PERMISSIONS),
        Requirement("approvers get mail", _find_holds(asking, lambda hold: bool(hold.approvers)), ("APPROVAL_SENDER",), _MAIL_PERMISSIONS),
        *_find_targets(enforced, Archive),
        *_find_targets(enforced, Notify),
        *_find_targets(asking, Hold),
    ]
    return tuple(requirement for requirement in found if requirement.rules)


def _find_users(rules: Iterable[Rule], names: Callable[[Rule], Iterable[str]]) -> tuple[tuple[str, str], ...]:
    """Return the rules with at least one name, each with its names."""
    found = ((rule.name, ", ".join(dict.fromkeys(names(rule)))) for rule in rules)
    return tuple((rule, why) for rule, why in found if why)


def _named(*names: str) -> Callable[[Rule], Iterable[str]]:
    return lambda rule: (name for name in list_condition_names(rule) if name in names)


def _find_holds(rules: Iterable[Rule], needs: Callable[[Hold], bool]) -> tuple[tuple[str, str], ...]:
    """Return the rules that hold messages in a way that needs something."""
    return _find_users(rules, lambda rule: (action.name for action in rule.actions if isinstance(action, Hold) and needs(action)))


def _asks(hold: Hold) -> bool:
    return not hold.state_machine


def _list_files(rule: Rule) -> Iterator[str]:
    """Yield the names of the templates and images that the disclaimers of a rule show."""
    actions = rule.source.get("do", ())
    for action in actions if isinstance(actions, list) else [actions]:
        if isinstance(action, dict) and "disclaimer" in action:
            yield from (action["disclaimer"][key] for key in ("text_file", "html_file") if key in action["disclaimer"])
    for change in rule.changes:
        if isinstance(change, AddDisclaimer):
            # A Content-ID is the name of the file with a digest (see `PolicyFolder.add_images`).
            yield from (image.content_id.rsplit(".", 1)[0] for image in change.disclaimer.images)


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
    for action in () if rule.report else rule.actions:
        if isinstance(action, SetVerdict | Hold):
            included = action.target.include if isinstance(action, Hold) and action.target else ()
            if any(f"%%{name}%%" in action.text.lower() for name in ("fromname", "date")) or {"headers", "content"} & {*included}:
                found.append("hold" if isinstance(action, Hold) else "bounce")
        elif not isinstance(action, AddRecipients | RemoveRecipients | Count):
            found.append(action.name)
    return tuple(dict.fromkeys(found))


def always_reads_content(rule: Rule) -> bool:
    """Return whether a rule reads the content of every message. A cheaper condition could prevent this."""
    first = rule.condition.conditions if isinstance(rule.condition, All) else (rule.condition,)
    return bool(list_content_readers(rule)) and not any(one.cost in {Cost.EVENT, Cost.DIRECTORY} for one in first)


def _describe_reading(rule: Rule) -> list[str]:
    names = list(list_content_readers(rule))
    if always_reads_content(rule):
        names[-1] += " (of every message that reaches this rule)"
    return names


def _find_targets(rules: Iterable[Rule], kind: type[Archive] | type[Notify] | type[Hold]) -> Iterator[Requirement]:
    """Yield one requirement for each target of the actions of one kind."""
    found: dict[tuple[str, tuple[str, ...]], dict[tuple[str, str], None]] = {}
    for rule in rules:
        for action in rule.actions:
            if isinstance(action, kind):
                for target in _targets(action):
                    found.setdefault(target, {})[rule.name, action.name] = None
    for (what, permissions), users in found.items():
        yield Requirement(what, tuple(users), (), permissions)


def _targets(action: Action) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield each target of an action, with the permissions on it."""
    if isinstance(action, Archive):
        target = f"arn:aws:s3:::{action.bucket}/{action.prefix}*"
        lock = (f"s3:PutObjectRetention on {target}",) if action.lock else ()
        yield f"a bucket named {action.bucket}{' with Object Lock' * bool(lock)}", (f"s3:PutObject on {target}", *lock)
    elif isinstance(action, Notify):
        if action.sns:
            yield f"the topic {action.sns}", (f"sns:Publish on {action.sns}",)
        if action.eventbridge:
            yield f"the event bus {action.eventbridge}", (f"events:PutEvents on {action.eventbridge}",)
        if action.webhook:
            yield f"outgoing connections to {action.webhook}", ()
        if action.secret:
            yield f"the secret {action.secret}", (f"secretsmanager:GetSecretValue on {action.secret}",)
    elif isinstance(action, Hold) and action.target:
        yield from _targets(action.target)
    elif isinstance(action, Hold) and action.state_machine:
        execution = action.state_machine.replace(":stateMachine:", ":execution:")
        permissions = f"states:StartExecution on {action.state_machine}", f"states:DescribeExecution on {execution}:*"
        yield f"the state machine {action.state_machine}", permissions
