"""The conditions by their names in the policy: how each is made from its value. `load` has checked the value against the schema."""

from collections.abc import Callable, Mapping
from itertools import chain
from typing import Any, Final

from mailhooks.address_patterns import canonical
from mailhooks.contract import FlowDirection
from mailhooks.policy.facts.authentication import RESULTS
from mailhooks.policy.facts.message_facts import Facts
from mailhooks.policy.loading import content_conditions
from mailhooks.policy.loading.build_context import Context, Maker
from mailhooks.policy.loading.problems import ADDRESS, ErrorCollector, ErrorPath, InvalidValue, several
from mailhooks.policy.rules import schedule
from mailhooks.policy.rules.bounds import bounds
from mailhooks.policy.rules.conditions import All, AnyOf, Condition, Cost, Not, RecipientTest, Test, addresses, every_recipient
from mailhooks.policy.rules.rate_condition import RateCondition


def conditions(value: Mapping[str, Any], context: Context, *, exceptions: bool = False) -> Condition:
    """A mapping of conditions: all of them have to hold; of a rule's exceptions, one.

    Raises:
        InvalidValue: see there.
    """
    made = []
    together = ErrorCollector()
    for name, said in value.items():
        with together, ErrorPath(name):
            made.append(MAKERS[name](name, said, context))
    together.end()
    if len(made) == 1:
        return made[0]
    return AnyOf.of(made, "unless") if exceptions else All.of(made, "all")


def _group(kind: type[All] | type[AnyOf]) -> Maker:
    def make(name: str, value: Any, context: Context) -> Condition:
        made = []
        together = ErrorCollector()
        for at, each in several(value):
            with together, at:
                made.append(conditions(each, context))
        together.end()
        return kind.of(made, name)

    return make


def _addresses(cost: Cost, found: Callable[[Facts], tuple[str, ...]]) -> Maker:
    return lambda name, value, context: addresses(name, context.addresses(value), cost, found)


def _mail_from(facts: Facts) -> tuple[str, ...]:
    return (facts.author,) if facts.author else ()


def _on_behalf(facts: Facts) -> tuple[str, ...]:
    return (facts.event.sender,) if facts.event.sender else ()


def _recipient(name: str, value: Any, context: Context) -> Condition:
    wanted = context.addresses(value)
    return RecipientTest(name, Cost.EVENT, lambda facts, among: wanted.mask(facts.recipients, among))


def _every_recipient(name: str, value: Any, context: Context) -> Condition:
    return Test(name, Cost.EVENT, every_recipient(context.addresses(value)), lambda facts: facts.recipients.addresses)


def _any_recipient(name: str, value: Any, context: Context) -> Condition:
    wanted = context.addresses(value)
    return Test(
        name,
        Cost.EVENT,
        lambda facts: wanted.mask(facts.recipients, facts.everybody) != 0,
        lambda facts: facts.recipients.addresses,
    )


def _direction(name: str, value: Any, _: Context) -> Condition:
    wanted = FlowDirection(value.upper())
    return Test(name, Cost.EVENT, lambda facts: facts.event.flow_direction is wanted, lambda facts: str(facts.event.flow_direction).lower())


def _is_on_behalf(name: str, value: Any, _: Context) -> Condition:
    return Test(name, Cost.EVENT, lambda facts: bool(facts.event.sender) is value, lambda facts: bool(facts.event.sender))


def _sender_scope(name: str, value: Any, _: Context) -> Condition:
    return Test(name, Cost.EVENT, lambda facts: facts.sender_scope == value, lambda facts: facts.sender_scope)


def _recipient_scope(name: str, value: Any, _: Context) -> Condition:
    internal = value == "internal"

    def bits(facts: Facts, among: int) -> int:
        return among & (facts.internal_recipients if internal else ~facts.internal_recipients)

    return RecipientTest(name, Cost.EVENT, bits)


def _audience(name: str, value: Any, context: Context) -> Condition:
    wanted = frozenset(context.texts(value))

    def audience(facts: Facts) -> str:
        inside = facts.internal_recipients
        return "internal" if inside == facts.everybody else "mixed" if inside else "external"

    return Test(name, Cost.EVENT, lambda facts: audience(facts) in wanted, audience)


def _groups(value: Any, context: Context) -> tuple[str, ...]:
    own, lists = context.made("groups", _group_address, tuple, value)
    return tuple(dict.fromkeys((*own, *chain.from_iterable(lists))))


def _group_address(text: str) -> str:
    if not ADDRESS.fullmatch(text):
        raise ValueError("addresses of groups, or list:NAME")
    return canonical(text)


def _sender_in_group(name: str, value: Any, context: Context) -> Condition:
    groups = _groups(value, context)

    def test(facts: Facts) -> bool:
        return any(sender in facts.members(group) for group in groups for sender in facts.senders)

    return Test(name, Cost.DIRECTORY, test, lambda facts: facts.senders)


def _recipient_in_group(name: str, value: Any, context: Context) -> Condition:
    groups = _groups(value, context)

    def bits(facts: Facts, among: int) -> int:
        found = 0
        for group in groups:
            found |= facts.recipients.among_addresses(facts.members(group))
        return found & among

    return RecipientTest(name, Cost.DIRECTORY, bits)


def _number(cost: Cost, count: Callable[[Facts], int]) -> Maker:
    def make(name: str, value: Any, _: Context) -> Condition:
        within = bounds(value)
        return Test(name, cost, lambda facts: within(count(facts)), count)

    return make


def _kind(name: str, value: Any, context: Context) -> Condition:
    wanted = frozenset(context.texts(value))
    return Test(name, Cost.CONTENT, lambda facts: not wanted.isdisjoint(facts.kinds), lambda facts: sorted(facts.kinds))


def _importance(name: str, value: Any, context: Context) -> Condition:
    from mailhooks.policy.facts.message_types import importance

    wanted = frozenset(context.texts(value))
    return Test(name, Cost.CONTENT, lambda facts: importance(facts.headers) in wanted, lambda facts: str(importance(facts.headers)))


def _charsets(facts: Facts) -> list[str]:
    return sorted({part.charset for part in facts.root.walk() if part.maintype == "text" and not part.embedded})


def _charset(name: str, value: Any, context: Context) -> Condition:
    wanted = {text.lower() for text in context.texts(value)}
    return Test(name, Cost.CONTENT, lambda facts: not wanted.isdisjoint(_charsets(facts)), _charsets)


def _result(text: str) -> str:
    if text.lower() not in RESULTS:
        raise ValueError(f"one of {', '.join(sorted(RESULTS))}")
    return text.lower()


def _authentication(name: str, value: Any, context: Context) -> Condition:
    wanted: dict[str, frozenset[str]] = {}
    for method, results in value.items():
        own, lists = context.made("results", _result, tuple, results, method)
        wanted[method] = frozenset((*own, *chain.from_iterable(lists)))

    def test(facts: Facts) -> bool:
        return all(not results.isdisjoint(facts.authentication.get(method, ())) for method, results in wanted.items())

    def value_of(facts: Facts) -> list[str]:
        return [f"{method}={'/'.join(sorted(facts.authentication.get(method, {'(not there)'})))}" for method in wanted]

    return Test(name, Cost.CONTENT, test, value_of)


def _time(name: str, value: Any, context: Context) -> Condition:
    spans = []
    for at, each in several(value):
        with at:
            try:
                spans.append(schedule.Span.of(each, context.zone))
            except ValueError as error:
                raise InvalidValue(f"expected {error}") from None
    return Test(name, Cost.EVENT, lambda facts: any(span.covers(facts.now) for span in spans), lambda facts: spans[0].shown(facts.now))


def _rate(name: str, value: Any, context: Context) -> Condition:
    return RateCondition(name, context.rule, value["more_than"], value["minutes"] * 60, value.get("per", "recipient"))


def _not(name: str, value: Any, context: Context) -> Condition:
    return Not(name, conditions(value, context))


MAKERS: Final[dict[str, Maker]] = {
    "direction": _direction,
    "sender": _addresses(Cost.EVENT, lambda facts: facts.senders),
    "mail_from": _addresses(Cost.EVENT, _mail_from),
    "on_behalf_sender": _addresses(Cost.EVENT, _on_behalf),
    "on_behalf": _is_on_behalf,
    "header_from": _addresses(Cost.CONTENT, lambda facts: facts.header_addresses("from")),
    "header_to": _addresses(Cost.CONTENT, lambda facts: facts.header_addresses("to", "cc")),
    "recipient": _recipient,
    "any_recipient": _any_recipient,
    "all_recipients": _every_recipient,
    "recipient_count": _number(Cost.EVENT, lambda facts: len(facts.event.recipients)),
    "sender_scope": _sender_scope,
    "recipient_scope": _recipient_scope,
    "audience": _audience,
    "sender_in_group": _sender_in_group,
    "recipient_in_group": _recipient_in_group,
    "subject": content_conditions.subject,
    "body": content_conditions.body,
    "subject_or_body": content_conditions.subject_or_body,
    "header": content_conditions.header,
    "attachment": content_conditions.attachment,
    "attachment_count": _number(Cost.CONTENT, lambda facts: len(facts.files)),
    "size": _number(Cost.CONTENT, lambda facts: len(facts.raw)),
    "kind": _kind,
    "importance": _importance,
    "charset": _charset,
    "authentication": _authentication,
    "time": _time,
    "rate": _rate,
    "any": _group(AnyOf),
    "all": _group(All),
    "not": _not,
}
