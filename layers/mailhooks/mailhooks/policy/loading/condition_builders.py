"""Builders of conditions, by the condition's name in the policy. The schema allows the values that they get.

Late imports in the builders: loading a policy imports only the modules of the conditions that it has, for a short cold start.
"""

import math
from collections.abc import Callable, Collection, Mapping
from typing import Any, Final

from mailhooks.address_patterns import ADDRESS, canonical, remove_tag
from mailhooks.policy.facts.message_facts import Facts
from mailhooks.policy.facts.recipients import NO_RECIPIENTS, RecipientSet
from mailhooks.policy.loading.build_context import BuildContext, ConditionBuilder
from mailhooks.policy.loading.problems import ErrorPath, as_list, build_all, parse
from mailhooks.policy.rules.bounds import bounds_test
from mailhooks.policy.rules.conditions import (
    All,
    AnyOf,
    Condition,
    Cost,
    MessageTest,
    Not,
    RecipientTest,
    address_test,
    all_recipients_test,
)


def build_conditions(value: Mapping[str, Any], context: BuildContext, *, exceptions: bool = False) -> Condition:
    """Build one condition from a mapping. All its conditions have to match; one of a rule's `exceptions` is enough.

    Raises:
        InvalidValue: has all invalid values.
    """
    conditions = build_all(lambda name: _build_condition(name, value[name], context), ((ErrorPath(name), name) for name in value))
    if len(conditions) == 1:
        return conditions[0]
    return AnyOf.of(conditions, "unless") if exceptions else All.of(conditions, "all")


def _build_condition(name: str, value: Any, context: BuildContext) -> Condition:
    condition = CONDITION_BUILDERS[name](name, value, context)
    return condition._replace(written=value) if isinstance(condition, MessageTest | RecipientTest) else condition


def _group(group: type[All] | type[AnyOf]) -> ConditionBuilder:
    return lambda name, value, context: group.of(build_all(lambda each: build_conditions(each, context), as_list(value)), name)


def _addresses(cost: Cost, addresses: Callable[[Facts], tuple[str, ...]]) -> ConditionBuilder:
    return lambda name, value, context: address_test(name, context.addresses(value), cost, addresses)


def _first_contact(name: str, _value: Any, _context: BuildContext) -> Condition:
    return RecipientTest(name, Cost.COUNTER, lambda facts, candidates: candidates & facts.record_contacts())


def _display_name(name: str, value: Any, context: BuildContext) -> Condition:
    from mailhooks.policy.loading.name_conditions import display_name

    return display_name(name, value, context)


def _reply_to_differs(name: str, value: Any, context: BuildContext) -> Condition:
    """Build a condition on a Reply-To that is not in From: another address, or an address in another domain."""
    from mailhooks.policy.facts.related_domains import is_related

    def test(facts: Facts) -> bool:
        if value is True:
            names = set(map(remove_tag, facts.header_addresses("from"))) if context.plus_addresses else ()
            return any(remove_tag(address) not in names for address in facts.reply_addresses)
        own = [address.rpartition("@")[2] for address in facts.header_addresses("from")]
        others = (address.rpartition("@")[2] for address in facts.reply_addresses)
        return any(not any(is_related(other, domain) for domain in own) for other in others)

    return MessageTest(name, Cost.CONTENT, test, lambda facts: facts.reply_addresses)


def _recipient(name: str, value: Any, context: BuildContext) -> Condition:
    wanted = context.addresses(value)
    return RecipientTest(name, Cost.EVENT, lambda facts, candidates: wanted.matching(facts.recipients, candidates))


def _any_recipient(name: str, value: Any, context: BuildContext) -> Condition:
    wanted = context.addresses(value)

    def test(facts: Facts) -> bool:
        return bool(wanted.matching(facts.recipients, facts.recipients.all))

    return MessageTest(name, Cost.EVENT, test, lambda facts: facts.recipients.addresses)


def _one_of(cost: Cost, values: Callable[[Facts], Collection[object]]) -> ConditionBuilder:
    """Return a builder of a condition that matches if the policy names one of the message's values, which are in lower case."""

    def build(name: str, value: Any, context: BuildContext) -> Condition:
        wanted = frozenset([value] if isinstance(value, bool) else map(str.lower, context.texts(value)))
        return MessageTest(name, cost, lambda facts: not wanted.isdisjoint(values(facts)), values)

    return build


def _recipient_scope(name: str, value: Any, _: BuildContext) -> Condition:
    def select(facts: Facts, candidates: RecipientSet) -> RecipientSet:
        return candidates & facts.internal_recipients if value == "internal" else candidates - facts.internal_recipients

    return RecipientTest(name, Cost.EVENT, select)


def _audience(facts: Facts) -> tuple[str]:
    internal = facts.internal_recipients
    return ("internal" if internal == facts.recipients.all else "mixed" if internal else "external",)


def _group_address(text: str) -> str:
    if not ADDRESS.fullmatch(text):
        raise ValueError("addresses of groups, or list:NAME")
    return canonical(text)


def _sender_in_group(name: str, value: Any, context: BuildContext) -> Condition:
    groups = context.build_flat("groups", _group_address, value)

    def test(facts: Facts) -> bool:
        senders = {*facts.senders, *(map(remove_tag, facts.senders) if context.plus_addresses else ())}
        return any(not senders.isdisjoint(facts.members(group)) for group in groups)

    return MessageTest(name, Cost.DIRECTORY, test, lambda facts: facts.senders)


def _recipient_in_group(name: str, value: Any, context: BuildContext) -> Condition:
    groups = context.build_flat("groups", _group_address, value)

    def select(facts: Facts, candidates: RecipientSet) -> RecipientSet:
        found = NO_RECIPIENTS
        for group in groups:
            members = facts.members(group)
            found |= facts.recipients.with_addresses(members)
            if context.plus_addresses:
                found |= facts.recipients.with_tagged(members)
        return found & candidates

    return RecipientTest(name, Cost.DIRECTORY, select)


def _number(cost: Cost, count: Callable[[Facts], float]) -> ConditionBuilder:
    def observed(facts: Facts) -> object:
        return "not known: recipients are not listed" if (number := count(facts)) == math.inf else number

    def build(name: str, value: Any, _: BuildContext) -> Condition:
        within = bounds_test(value)
        return MessageTest(name, cost, lambda facts: within(count(facts)), observed)

    return build


def _charset(name: str, value: Any, context: BuildContext) -> Condition:
    """Build a condition on the charsets of the text parts. All names of a charset are equal."""
    from mailhooks.mime.displayed_charset import find_superset

    wanted = frozenset(map(find_superset, context.texts(value)))

    def charsets(facts: Facts) -> list[str]:
        parts = facts.message.structure.root.walk()
        return sorted({part.charset for part in parts if part.maintype == "text" and not part.embedded})

    return MessageTest(name, Cost.CONTENT, lambda facts: not wanted.isdisjoint(map(find_superset, charsets(facts))), charsets)


def _importance(facts: Facts) -> tuple[str]:
    from mailhooks.policy.facts.message_types import find_importance

    return (find_importance(facts.headers),)


def _result(text: str) -> str:
    from mailhooks.policy.facts.message_types import RESULTS

    if text.lower() not in RESULTS:
        raise ValueError(f"one of {', '.join(sorted(RESULTS))}")
    return text.lower()


def _authentication(name: str, value: Any, context: BuildContext) -> Condition:
    wanted = {method: frozenset(context.build_flat("results", _result, results, method)) for method, results in value.items()}

    def test(facts: Facts) -> bool:
        return all(not results.isdisjoint(facts.authentication.get(method, ())) for method, results in wanted.items())

    def observed(facts: Facts) -> list[str]:
        return [f"{method}={'/'.join(sorted(facts.authentication.get(method, {'(not there)'})))}" for method in wanted]

    return MessageTest(name, Cost.CONTENT, test, observed)


def _on_content(name: str, value: Any, context: BuildContext) -> Condition:
    from mailhooks.policy.loading.content_conditions import CONTENT_BUILDERS

    return CONTENT_BUILDERS[name](name, value, context)


def _time(name: str, value: Any, context: BuildContext) -> Condition:
    from mailhooks.policy.rules.schedule import WeeklySpan

    spans = build_all(lambda each: parse(lambda span: WeeklySpan.of(span, context.zone), each), as_list(value))

    def test(facts: Facts) -> bool:
        return any(span.covers(facts.now) for span in spans)

    return MessageTest(name, Cost.EVENT, test, lambda facts: spans[0].format(facts.now))


def _rate(name: str, value: Any, context: BuildContext) -> Condition:
    from mailhooks.policy.rules.rate_condition import RateCondition

    return RateCondition(name, context.rule, value["more_than"], value["minutes"] * 60, value.get("per", "recipient"))


CONDITION_BUILDERS: Final[dict[str, ConditionBuilder]] = {
    "direction": _one_of(Cost.EVENT, lambda facts: (facts.envelope.flow_direction.lower(),)),
    "sender": _addresses(Cost.EVENT, lambda facts: facts.senders),
    "mail_from": _addresses(Cost.EVENT, lambda facts: (facts.author,) if facts.author else ()),
    "on_behalf_sender": _addresses(Cost.EVENT, lambda facts: (facts.envelope.sender,) if facts.envelope.sender else ()),
    "on_behalf": _one_of(Cost.EVENT, lambda facts: (bool(facts.envelope.sender),)),
    "header_from": _addresses(Cost.CONTENT, lambda facts: facts.header_addresses("from")),
    "header_to": _addresses(Cost.CONTENT, lambda facts: facts.header_addresses("to", "cc")),
    "display_name": _display_name,
    "reply_to": _addresses(Cost.CONTENT, lambda facts: facts.header_addresses("reply-to")),
    "reply_to_differs": _reply_to_differs,
    "recipient": _recipient,
    "any_recipient": _any_recipient,
    "all_recipients": lambda name, value, context: all_recipients_test(name, context.addresses(value)),
    "recipient_count": _number(Cost.EVENT, lambda facts: facts.recipient_count),
    "external_recipients": _number(Cost.EVENT, lambda facts: facts.external_count),
    "visible_recipients": _number(Cost.CONTENT, lambda facts: facts.visible_count),
    "sender_scope": _one_of(Cost.EVENT, lambda facts: (facts.sender_scope,)),
    "recipient_scope": _recipient_scope,
    "audience": _one_of(Cost.EVENT, _audience),
    "sender_in_group": _sender_in_group,
    "recipient_in_group": _recipient_in_group,
    "subject": _on_content,
    "body": _on_content,
    "own_text": _on_content,
    "subject_or_body": _on_content,
    "header": _on_content,
    "attachment": _on_content,
    "link": _on_content,
    "attachment_count": _number(Cost.CONTENT, lambda facts: len(facts.attachments) - len(facts.shown_images)),
    "size": _number(Cost.CONTENT, lambda facts: len(facts.message.raw)),
    "kind": _one_of(Cost.CONTENT, lambda facts: sorted(facts.message_types)),
    "importance": _one_of(Cost.CONTENT, _importance),
    "charset": _charset,
    "authentication": _authentication,
    "time": _time,
    "rate": _rate,
    "first_contact": _first_contact,
    "any": _group(AnyOf),
    "all": _group(All),
    "not": lambda name, value, context: Not(name, build_conditions(value, context)),
}
