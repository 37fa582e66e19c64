"""The actions by their names in the policy: how each is made from its value. `load` has checked the value against the schema."""

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from ..contract import ActionType
from ..errors import SettingsError
from .actions import (
    VARIABLES,
    Action,
    AddRecipients,
    Archive,
    Count,
    Decide,
    Disclaim,
    Headers,
    Notify,
    RemoveRecipients,
    Strip,
    Tag,
    Unmodifiable,
)
from .context import At, BadValue, Context, of_setting, several
from .measures import octets

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
        BadValue: see there.
    """
    made = []
    for at, each in several(value):
        with at:
            made.append(_action(each, context))
    return tuple(made)


def _action(value: Any, context: Context) -> Action:
    if isinstance(value, str):
        return Decide(WORDS[value])
    [(name, content)] = value.items()
    with At(name):
        try:
            return _VERBS[name](content, context)
        except SettingsError as error:
            raise of_setting(error) from None


def _bounce(value: str, _: Context) -> Action:
    from ..template import Template

    if unknown := sorted(Template(value).variables - VARIABLES):
        raise BadValue(f"expected the variables {', '.join(sorted(VARIABLES))}, and not %%{unknown[0]}%%")
    return Decide(ActionType.BOUNCE, value)


def _add_recipients(value: Any, context: Context) -> Action:
    addresses = context.texts(value)
    if any("@" not in address for address in addresses):
        raise BadValue("expected mail addresses, also in the list")
    return AddRecipients(tuple(dict.fromkeys(addresses)))


def _remove_recipients(value: Any, context: Context) -> Action:
    return RemoveRecipients(context.addresses(value))


def _disclaimer(value: Mapping[str, Any], _: Context) -> Action:
    from ..disclaimer import Disclaimer, OnNoText, OnUnmodifiable, Position
    from ..variables import OWN_VARIABLES

    if not (value.get("text", "") or value.get("html", "")).strip():
        raise BadValue("expected text, html, or both")
    disclaimer = Disclaimer(
        text=value.get("text", ""),
        html=value.get("html", ""),
        position=Position(value.get("position", "append")),
        once_per_thread=value.get("once_per_thread", False),
        on_unmodifiable=OnUnmodifiable(value.get("on_unmodifiable", "pass")),
        on_no_text=OnNoText(value.get("on_no_text", "pass")),
    )
    if "cid:" in disclaimer.html:
        raise BadValue("expected images by their https: addresses: a policy carries no files", "html")
    for template in disclaimer.templates:
        if unknown := sorted(template.variables - OWN_VARIABLES):
            raise BadValue(f"expected the variables {', '.join(sorted(OWN_VARIABLES))}, and not %%{unknown[0]}%%")
    return Disclaim(disclaimer)


def _subject_tag(value: str, _: Context) -> Action:
    from ..subject import checked_tag

    tag = checked_tag(value)
    if not tag:
        raise BadValue("expected a tag, and not white space alone")
    return Tag(tag)


def _headers(value: Mapping[str, Any], context: Context) -> Action:
    from ..fields import FieldChanges

    given = value.get("set", {})
    add = [*given.items(), *value.get("add", {}).items()]
    remove = [*context.texts(value.get("remove", ()), "remove"), *given]
    return Headers(FieldChanges.checked(add, remove))


def _strip_attachments(value: Mapping[str, Any], context: Context) -> Action:
    from ..attachment_rules import NOTICE, AttachmentRules

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
        raise BadValue("expected something that attachments go by, such as extensions")
    return Strip(rules, Unmodifiable(value.get("on_unmodifiable", "pass")))


def _archive(value: Mapping[str, Any], _: Context) -> Action:
    return Archive(**value)


def _notify(value: Mapping[str, Any], context: Context) -> Action:
    webhook = value.get("webhook", "")
    if webhook.startswith("http://") and not _LOCAL.match(webhook):
        raise BadValue("expected an https: address", "webhook")
    if sum(key in value for key in ("sns", "eventbridge", "webhook")) != 1:
        raise BadValue("expected one of sns, eventbridge and webhook")
    if ("webhook" in value) is not ("secret" in value):
        raise BadValue("expected webhook and secret together: receivers tell by the signature who has sent it")
    targets = {key: value[key] for key in ("sns", "eventbridge", "webhook", "secret") if key in value}
    return Notify(**targets, include=frozenset(context.texts(value.get("include", ()))))


def _count(value: str, _: Context) -> Action:
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
