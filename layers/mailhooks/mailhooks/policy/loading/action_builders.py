"""The actions by their names in the policy: how each is made from its value. `load` has checked the value against the schema."""

import re
from collections.abc import Callable, Mapping
from itertools import chain
from typing import Any, Final
from urllib.parse import urlsplit

from mailhooks.address_patterns import ascii_domain
from mailhooks.content.change import OnUnmodifiable
from mailhooks.contract import ActionType
from mailhooks.errors import SettingsError
from mailhooks.policy.loading.build_context import Context
from mailhooks.policy.loading.metric_names import is_reserved
from mailhooks.policy.loading.problems import ADDRESS, ErrorCollector, ErrorPath, InvalidValue, of_setting, several
from mailhooks.policy.rules.actions import (
    VARIABLES,
    Action,
    AddDisclaimer,
    AddRecipients,
    Archive,
    ChangeHeaders,
    Count,
    Notify,
    RemoveRecipients,
    SetVerdict,
    StripAttachments,
    TagSubject,
)
from mailhooks.policy.rules.bounds import octets

MAX_ADDED: Final = 500
"""Recipients that one action adds; a message to WorkMail's limit has no more."""

_VARIABLE: Final = re.compile(r"%%\w{1,40}%%")
_LOCAL: Final = re.compile(r"http://(?:127\.0\.0\.1|localhost)(?::[0-9]+)?(?:/|$)")

WORDS: Final = {
    "deliver": ActionType.DEFAULT,
    "drop": ActionType.DROP,
    "junk": ActionType.MOVE_TO_JUNK,
    "bypass_spam_check": ActionType.BYPASS_SPAM_CHECK,
}


def actions(value: Any, context: Context) -> tuple[Action, ...]:
    """What stands under `do`: an action, or a list of some.

    Raises:
        InvalidValue: see there.
    """
    made = []
    together = ErrorCollector()
    for at, each in several(value):
        with together, at:
            made.append(_action(each, context))
    together.end()
    return tuple(made)


def _action(value: Any, context: Context) -> Action:
    if isinstance(value, str):
        return SetVerdict(WORDS[value])
    [(name, content)] = value.items()
    with ErrorPath(name):
        try:
            return _VERBS[name](content, context)
        except SettingsError as error:
            raise of_setting(error) from None


def _bounce(value: str, _: Context) -> Action:
    from mailhooks.content.template import Template

    if unknown := sorted(Template(value).variables - VARIABLES):
        raise InvalidValue(f"expected the variables {', '.join(sorted(VARIABLES))}, and not %%{unknown[0]}%%")
    return SetVerdict(ActionType.BOUNCE, value)


def _add_recipients(value: Any, context: Context) -> Action:
    own, lists = context.made("recipients", _recipient, tuple, value)
    addresses = tuple(dict.fromkeys((*own, *chain.from_iterable(lists))))
    if len(addresses) > MAX_ADDED:
        raise InvalidValue(f"expected at most {MAX_ADDED} addresses, those of lists too, got {len(addresses):,}")
    return AddRecipients(addresses)


def _recipient(address: str) -> str:
    """As WorkMail has addresses, whose domains it tells by; the rest as it is written."""
    if not ADDRESS.fullmatch(address):
        raise ValueError("mail addresses")
    local, _, domain = address.rpartition("@")
    return address if domain.isascii() else f"{local}@{ascii_domain(domain)}"


def _remove_recipients(value: Any, context: Context) -> Action:
    return RemoveRecipients(context.addresses(value))


def _disclaimer(value: Mapping[str, Any], _: Context) -> Action:
    from mailhooks.content.disclaimer import Disclaimer, OnNoText, Position
    from mailhooks.content.template import MESSAGE_VARIABLES

    if not (value.get("text", "") or value.get("html", "")).strip():
        raise InvalidValue("expected text, html, or both")
    disclaimer = Disclaimer(
        text=value.get("text", ""),
        html=value.get("html", ""),
        position=Position(value.get("position", "append")),
        once_per_thread=value.get("once_per_thread", False),
        on_unmodifiable=OnUnmodifiable(value.get("on_unmodifiable", "pass")),
        on_no_text=OnNoText(value.get("on_no_text", "pass")),
    )
    if "cid:" in disclaimer.html:
        raise InvalidValue("expected images by their https: addresses: a policy carries no files", "html")
    for template in disclaimer.templates:
        if unknown := sorted(template.variables - MESSAGE_VARIABLES):
            raise InvalidValue(f"expected the variables {', '.join(sorted(MESSAGE_VARIABLES))}, and not %%{unknown[0]}%%")
    return AddDisclaimer(disclaimer)


def _subject_tag(value: str, _: Context) -> Action:
    from mailhooks.content.subject_tag import check_tag

    _without_variables(value)
    tag = check_tag(value)
    if not tag:
        raise InvalidValue("expected a tag, and not white space alone")
    return TagSubject(tag)


def _without_variables(text: str) -> None:
    if found := _VARIABLE.search(text):
        raise InvalidValue(
            f"expected a text without variables, and {found[0]} would stand in it as it is: bounces and disclaimers have them"
        )


def _headers(value: Mapping[str, Any], context: Context) -> Action:
    from mailhooks.content.header_changes import HeaderChanges

    for key in ("set", "add"):
        for name, text in value.get(key, {}).items():
            with ErrorPath(key, name):
                _without_variables(text)
    given = value.get("set", {})
    add = [*given.items(), *value.get("add", {}).items()]
    remove = [*context.texts(value.get("remove", ()), "remove"), *given]
    return ChangeHeaders(HeaderChanges.checked(add, remove))


def _strip_attachments(value: Mapping[str, Any], context: Context) -> Action:
    from mailhooks.content.attachment_rules import NOTICE, AttachmentRules

    words = {key: value[key] for key in ("encrypted_archives", "unlistable_archives", "forwarded", "ses_unsupported") if key in value}
    rules = AttachmentRules.checked(
        extensions=context.texts(value.get("extensions", ()), "extensions"),
        types=context.texts(value.get("types", ()), "types"),
        true_types=context.texts(value.get("true_types", ()), "true_types"),
        max_octets=octets(value.get("over_size", 0)),
        in_archives=value.get("in_archives", True),
        notice=value.get("notice", NOTICE),
        **words,
    )
    if not rules.any:
        raise InvalidValue("expected something that attachments go by, such as extensions")
    return StripAttachments(rules, OnUnmodifiable(value.get("on_unmodifiable", "pass")))


def _archive(value: Mapping[str, Any], _: Context) -> Action:
    return Archive(**value)


def _notify(value: Mapping[str, Any], context: Context) -> Action:
    webhook = value.get("webhook", "")
    if webhook and not _is_webhook(webhook):
        raise InvalidValue("expected an https: address of a server, without a name or password in it", "webhook")
    if sum(key in value for key in ("sns", "eventbridge", "webhook")) != 1:
        raise InvalidValue("expected one of sns, eventbridge and webhook")
    if ("webhook" in value) is not ("secret" in value):
        raise InvalidValue("expected webhook and secret together: receivers tell by the signature who has sent it")
    targets = {key: value[key] for key in ("sns", "eventbridge", "webhook", "secret") if key in value}
    return Notify(**targets, include=frozenset(context.texts(value.get("include", ()))))


def _is_webhook(address: str) -> bool:
    if address.startswith("http://") and not _LOCAL.match(address):
        return False
    try:
        parts = urlsplit(address)
        return bool(parts.hostname) and parts.port != 0 and parts.username is None
    except ValueError:
        return False


def _count(value: str, _: Context) -> Action:
    if is_reserved(value):
        raise InvalidValue(f"expected a metric of its own, and {value!r} is one that each message has, or a key beside those")
    return Count(value)


_VERBS: Final[dict[str, Callable[[Any, Context], Action]]] = {
    "bounce": _bounce,
    "add_recipients": _add_recipients,
    "remove_recipients": _remove_recipients,
    "disclaimer": _disclaimer,
    "subject_tag": _subject_tag,
    "headers": _headers,
    "strip_attachments": _strip_attachments,
    "archive": _archive,
    "notify": _notify,
    "count": _count,
}
