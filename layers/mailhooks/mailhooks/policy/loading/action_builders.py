"""Builders of actions, by the action's name in the policy. The schema allows the values that they get.

Late imports in the builders: loading a policy imports only the modules of the actions that it has, for a short cold start.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from mailhooks.actions import ActionType
from mailhooks.address_patterns import ADDRESS, ascii_domain
from mailhooks.content.change import OnUnmodifiable
from mailhooks.policy.loading.build_context import BuildContext
from mailhooks.policy.loading.problems import ErrorCollector, ErrorPath, InvalidValue, as_list, build_all, convert_value_errors
from mailhooks.policy.rules.bounds import parse_size
from mailhooks.policy.rules.rule import (
    VARIABLES,
    Action,
    AddRecipients,
    Archive,
    ChangeHeaders,
    Count,
    Hold,
    Notify,
    OnTimeout,
    RemoveRecipients,
    SetVerdict,
    StripAttachments,
    TagSubject,
)
from mailhooks.report_names import is_reserved_metric
from mailhooks.settings import SECRET_FORM

MAX_ADDED: Final = 500
"""Recipients that one action adds. A message to WorkMail has no more."""

MAX_APPROVERS: Final = 20
"""Approvers of one rule: each gets a mail for each held message."""

MAX_HOLD_MINUTES: Final = 230
"""WorkMail retries for at most 240 minutes (guide, "Creating a rule for Run Lambda"): the last retry has to come before."""

_HELD_TEXT: Final = "This message was not approved, and is not delivered. Reason: %%reason%%"

_STATE_MACHINE: Final = re.compile(r"arn:aws[a-z-]*:states:[a-z0-9-]+:[0-9]{12}:stateMachine:[A-Za-z0-9_-]{1,80}")
_TOPIC: Final = re.compile(r"arn:aws[a-z-]*:sns:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_-]{1,256}(?:\.fifo)?")
_BUS: Final = re.compile(r"(?:arn:aws[a-z-]*:events:[a-z0-9-]+:[0-9]{12}:event-bus/)?[/.A-Za-z0-9_-]{1,256}")
_SECRET: Final = re.compile(SECRET_FORM.pattern)
_LOCALHOST: Final = re.compile(r"http://(?:127\.0\.0\.1|localhost)(?::[0-9]+)?(?:/|$)")

VERDICT_WORDS: Final = {
    "deliver": ActionType.DEFAULT,
    "drop": ActionType.DROP,
    "junk": ActionType.MOVE_TO_JUNK,
    "bypass_spam_check": ActionType.BYPASS_SPAM_CHECK,
}


def build_actions(value: Any, context: BuildContext) -> tuple[Action, ...]:
    """Build the actions of the key `do`: one action or a list.

    Raises:
        InvalidValue: has all invalid values.
    """
    actions = tuple(build_all(lambda each: _action(each, context), as_list(value)))
    if sum(isinstance(action, Hold) for action in actions) > 1:
        raise InvalidValue("expected one hold at most: a rule asks its approvers once")
    return actions


def _action(value: Any, context: BuildContext) -> Action:
    if isinstance(value, str):
        return SetVerdict(VERDICT_WORDS[value])
    [(name, content)] = value.items()
    with ErrorPath(name), convert_value_errors():
        return ACTION_BUILDERS[name](content, context)


def _bounce(value: str, _: BuildContext) -> Action:
    from mailhooks.content.template import Template

    Template(value).check(VARIABLES)
    return SetVerdict(ActionType.BOUNCE, value)


def _add_recipients(value: Any, context: BuildContext) -> Action:
    addresses = context.build_flat("recipients", _recipient, value)
    if len(addresses) > MAX_ADDED:
        raise InvalidValue(f"expected at most {MAX_ADDED} addresses including those of lists, got {len(addresses):,}")
    return AddRecipients(addresses)


def _recipient(address: str) -> str:
    """Return an address as written, with the domain in A-labels, by which WorkMail compares domains."""
    if not ADDRESS.fullmatch(address):
        raise ValueError("mail addresses")
    local, _, domain = address.rpartition("@")
    return address if domain.isascii() else f"{local}@{ascii_domain(domain)}"


def _disclaimer(value: Mapping[str, Any], context: BuildContext) -> Action:
    from mailhooks.policy.loading.disclaimer_builder import build_disclaimer

    return build_disclaimer(value, context)


def _subject_tag(value: str, _: BuildContext) -> Action:
    from mailhooks.content.header_changes import check_tag

    _reject_variables(value)
    tag = check_tag(value)
    if not tag:
        raise InvalidValue("expected a tag that is not only white space")
    return TagSubject(tag)


def _reject_variables(text: str) -> None:
    from mailhooks.content.header_changes import VARIABLE

    if found := VARIABLE.search(text):
        raise InvalidValue(f"expected a text without variables, got {found[0]}: only bounces and disclaimers have variables")


def _headers(value: Mapping[str, Any], context: BuildContext) -> Action:
    from mailhooks.content.header_changes import HeaderChanges

    for key in ("set", "add"):
        for name, text in value.get(key, {}).items():
            with ErrorPath(key, name):
                _reject_variables(text)
    given = value.get("set", {})
    if len({name.lower() for name in given}) < len(given):
        raise InvalidValue("expected each header field once: upper and lower case do not matter in their names", "set")
    add = [*given.items(), *value.get("add", {}).items()]
    remove = [*context.texts(value.get("remove", ()), "remove"), *given]
    return ChangeHeaders(HeaderChanges.checked(add, remove))


def _strip_attachments(value: Mapping[str, Any], context: BuildContext) -> Action:
    from mailhooks.content.attachment_rules import AttachmentRules

    texts = {key: context.texts(value[key], key) for key in ("extensions", "types", "true_types") if key in value}
    others = {key: each for key, each in value.items() if key not in {"over_size", "on_unmodifiable"}}
    rules = AttachmentRules.checked(max_octets=parse_size(value.get("over_size", 0)), **(others | texts))
    if not rules.any:
        raise InvalidValue("expected a property of attachments, such as extensions")
    return StripAttachments(rules, OnUnmodifiable(value.get("on_unmodifiable", "pass")))


def _notify(value: Mapping[str, Any], context: BuildContext) -> Notify:
    webhook = value.get("webhook", "")
    if webhook and not _is_webhook(webhook):
        raise InvalidValue("expected an https: address of a server, without a user name or password", "webhook")
    if sum(key in value for key in ("sns", "eventbridge", "webhook")) != 1:
        raise InvalidValue("expected exactly one of sns, eventbridge and webhook")
    if ("webhook" in value) is not ("secret" in value):
        raise InvalidValue("expected webhook and secret together: the receiver checks the signature")
    for key, pattern, expected in (
        ("sns", _TOPIC, "the ARN of an SNS topic"),
        ("eventbridge", _BUS, "the name or ARN of an event bus"),
        ("secret", _SECRET, SECRET_FORM.description),
    ):
        if key in value and not pattern.fullmatch(value[key]):
            raise InvalidValue(f"expected {expected}", key)
    return Notify(**{**value, "include": frozenset(context.texts(value.get("include", ())))})


def _is_webhook(address: str) -> bool:
    if address.startswith("http://") and not _LOCALHOST.match(address):
        return False
    try:
        parts = urlsplit(address)
        return bool(parts.hostname) and parts.port != 0 and parts.username is None
    except ValueError:
        return False


def _hold(value: Mapping[str, Any], context: BuildContext) -> Action:
    from mailhooks.content.template import Template

    approvers: tuple[str, ...] = ()
    target: Notify | None = None
    collector = ErrorCollector()
    with collector, ErrorPath("approvers"):
        approvers = context.build_flat("recipients", _recipient, value.get("approvers", ()))
        if len(approvers) > MAX_APPROVERS:
            raise InvalidValue(f"expected at most {MAX_APPROVERS} addresses including those of lists, got {len(approvers):,}")
    with collector, ErrorPath("notify"):
        target = _notify(value["notify"], context) if "notify" in value else None
    with collector:
        if "state_machine" in value and not value.keys().isdisjoint({"approvers", "notify"}):
            raise InvalidValue("expected state_machine without approvers and notify: its output decides")
        if value.keys().isdisjoint({"approvers", "notify", "state_machine"}):
            raise InvalidValue("expected approvers, notify or state_machine")
    with collector, ErrorPath("state_machine"):
        if "state_machine" in value and not _STATE_MACHINE.fullmatch(value["state_machine"]):
            raise InvalidValue("expected the ARN of a state machine, without a version or an alias")
    with collector, ErrorPath("timeout"):
        timeout_s = _timeout(value["timeout"])
    with collector, ErrorPath("text"), convert_value_errors():
        Template(value.get("text", "")).check(VARIABLES | {"reason"})
    collector.raise_errors()
    return Hold(approvers, target, value.get("state_machine", ""), timeout_s, OnTimeout(value["on_timeout"]), value.get("text", _HELD_TEXT))


def _timeout(text: str) -> int:
    """Return the seconds of a time such as `1h30m`."""
    parts = re.findall("([0-9]+)([hm])", text)
    minutes = sum(int(number) * (60 if unit == "h" else 1) for number, unit in parts)
    if not 1 <= minutes <= MAX_HOLD_MINUTES:
        raise InvalidValue(f"expected 1 to {MAX_HOLD_MINUTES} minutes, got {minutes}: the rule timeout of WorkMail is 240 minutes at most")
    return minutes * 60


def _count(value: str, _: BuildContext) -> Action:
    if is_reserved_metric(value):
        raise InvalidValue(f"expected an unused metric name, got {value!r}: each message has a metric or a log key of this name")
    return Count(value)


ACTION_BUILDERS: Final[dict[str, Callable[[Any, BuildContext], Action]]] = {
    "bounce": _bounce,
    "add_recipients": _add_recipients,
    "remove_recipients": lambda value, context: RemoveRecipients(context.addresses(value)),
    "disclaimer": _disclaimer,
    "subject_tag": _subject_tag,
    "headers": _headers,
    "strip_attachments": _strip_attachments,
    "archive": lambda value, _: Archive(**value),
    "notify": _notify,
    "hold": _hold,
    "count": _count,
}
