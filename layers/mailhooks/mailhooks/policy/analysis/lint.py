"""Findings about a valid policy: rules that are never reached, verdicts without effect or with harm, conditions that never match."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from mailhooks.actions import ActionType
from mailhooks.address_patterns import ascii_domain
from mailhooks.platform import Platform
from mailhooks.policy.analysis import platform_limits
from mailhooks.policy.analysis.contradictions import find_contradictions
from mailhooks.policy.analysis.enabled_rule import EnabledRule
from mailhooks.policy.analysis.expressions import find_ascii_classes, iterate_expressions
from mailhooks.policy.analysis.findings import Finding, Severity, make_finding
from mailhooks.policy.analysis.hold_findings import check_hold
from mailhooks.policy.analysis.rule_conditions import RuleConditions, find_wider
from mailhooks.policy.loading.lists import Lists
from mailhooks.policy.policy import Policy
from mailhooks.policy.rules.rule import AddRecipients, Mixed, RemoveRecipients, Rule, SetVerdict


def lint(
    policy: Policy, platforms: Iterable[Platform] = (), *, domains: Collection[str] = (), now: datetime | None = None
) -> tuple[Finding, ...]:
    """Return all findings about a policy, in the order of its rules. Findings about the whole policy are last.

    Args:
        platforms: those that are to run the policy, for the findings about their limits.
        domains: the organization's mail domains, used if the policy has none.
        now: the time by which rules have expired; by default the current time.
    """
    platforms = tuple(platforms)
    own_domains = policy.domains or frozenset(map(ascii_domain, domains))
    lists = Lists(policy.lists)
    findings: list[Finding] = []
    rules: list[EnabledRule] = []
    for each in [EnabledRule(rule, RuleConditions.of(rule, lists)) for rule in policy.rules if rule.enabled]:
        # A rule that never applies gets no other finding, and causes none for other rules.
        if never := [make_finding(each.rule, f"never applies: {why}") for why in find_contradictions(each.conditions, own_domains)]:
            findings += never
        else:
            rules.append(each)
            findings += _check_rule(each, now or datetime.now(UTC))
            findings += [found for platform in platforms for found in platform_limits.check_rule(each, platform, own_domains)]
    findings += [*_find_unreached(rules), *_find_undecided(rules, lists), *_find_empty_holds(rules, lists)]
    position = {rule.name: rule.index for rule in policy.rules}
    findings.sort(key=lambda finding: position[finding.rule])
    for_policy = [found for platform in platforms for found in platform_limits.check_rules(rules, platform)]
    return (*findings, *for_policy, *_find_unused_lists(policy))


def _find_unreached(rules: Iterable[EnabledRule]) -> Iterator[Finding]:
    """Yield a finding for each rule whose recipients an earlier rule always stops."""
    stopping: list[EnabledRule] = []
    for each in rules:
        if before := _find_covering(each, stopping):
            yield make_finding(each.rule, f'is never reached: rule "{before.rule.name}" before it applies to all its mail, and stops')
        elif each.rule.stop and not each.rule.report:
            stopping.append(each)


def _find_undecided(rules: Iterable[EnabledRule], lists: Lists) -> Iterator[Finding]:
    """Yield a finding for each verdict after one of an earlier rule for the same mail."""
    deciding: list[EnabledRule] = []
    for each in (one for one in rules if not one.rule.report):
        yield from _check_removal(each, deciding)
        removals = each.removals(lists)
        verdicts = [action for action in each.rule.actions if isinstance(action, SetVerdict)]
        if not verdicts:
            deciding += removals
            continue
        before = _find_covering(each, [one for one in deciding if not one.rule.stop])
        if before is not None:
            text = f'its verdict never counts: rule "{before.rule.name}" decides before, and the first verdict counts'
            yield make_finding(each.rule, text)
        elif len(verdicts) > 1 and not (verdicts[0].type.inbound_only and each.may_apply_to("outbound")):
            yield make_finding(each.rule, "its second verdict never counts: the first verdict counts")
        inbound_only = all(verdict.type.inbound_only for verdict in verdicts)
        deciding.append(EnabledRule(each.rule, each.conditions.with_required("direction", "inbound")) if inbound_only else each)
        deciding += removals


def _find_empty_holds(rules: Iterable[EnabledRule], lists: Lists) -> Iterator[Finding]:
    """Yield a finding for each hold of mail that its rule, or one before it, keeps from all its recipients."""
    deciding: list[EnabledRule] = []
    for each in (one for one in rules if not one.rule.report):
        verdict = next((action for action in each.rule.actions if isinstance(action, SetVerdict)), None)
        refuses = verdict is not None and not verdict.type.delivers
        before = _find_covering(each, [one for one in deciding if not one.rule.stop])
        if each.rule.holds and before is not None:
            yield make_finding(each.rule, f'never holds a message: rule "{before.rule.name}" before it drops or bounces all its mail')
        elif each.rule.holds and refuses and not any(isinstance(action, AddRecipients) for action in each.rule.actions):
            yield make_finding(each.rule, "never holds a message: it drops or bounces all its mail")
        deciding += [each] if refuses else each.removals(lists)


def _check_removal(each: EnabledRule, deciding: Iterable[EnabledRule]) -> Iterator[Finding]:
    """Yield a finding if all recipients have a verdict before `remove_recipients` of a rule."""
    if not any(isinstance(action, RemoveRecipients) for action in each.rule.actions):
        return
    before = _find_covering(each, [one for one in deciding if one.for_all and not one.rule.stop])
    if before is not None:
        text = f'its remove_recipients never counts: rule "{before.rule.name}" decides before, and the first verdict counts'
        yield make_finding(each.rule, text)
    first = next(action for action in each.rule.actions if isinstance(action, RemoveRecipients | SetVerdict))
    if isinstance(first, SetVerdict) and each.for_all and not (first.type.inbound_only and each.may_apply_to("outbound")):
        yield make_finding(each.rule, "its remove_recipients never counts: its verdict before it counts")


def _find_covering(each: EnabledRule, earlier: Iterable[EnabledRule]) -> EnabledRule | None:
    """Return an earlier rule that applies to all mail of this one. If only several together do, return the last."""
    candidates = {id(one.conditions): one for one in earlier if one.always_active_with(each.rule) and one.covers_failures_of(each.rule)}
    found = find_wider(each.conditions, [one.conditions for one in candidates.values()])
    return candidates[id(found)] if found is not None else None


def _check_rule(each: EnabledRule, now: datetime) -> Iterator[Finding]:
    """Yield the findings about one rule that need no other rule."""
    rule, conditions = each.rule, each.conditions
    for action in rule.actions:
        if isinstance(action, SetVerdict) and action.type.inbound_only and each.may_apply_to("outbound"):
            word = "junk" if action.type is ActionType.MOVE_TO_JUNK else "bypass_spam_check"
            if conditions.find_required("direction"):
                yield make_finding(rule, f"{word} does nothing: it exists for inbound mail only, and the rule is for outbound mail")
            elif not conditions.allows_only("sender_scope", "external"):
                text = f"{word} does nothing for outbound mail, to which the rule applies too (direction: inbound)"
                yield make_finding(rule, text, Severity.NOTE)
    yield from _check_outbound(each)
    yield from _check_expressions(rule)
    yield from _check_bounce(each)
    yield from check_hold(rule)
    if any(constraint.name == "sender" and ":*" in (constraint.alternatives or ()) for constraint in conditions.excluded):
        yield make_finding(rule, "applies to mail without a sender only: every other sender is an exception (sender: *)", Severity.NOTE)
    if rule.changes and rule.condition.per_recipient:
        yield make_finding(
            rule, f"changes the content for some recipients, and all recipients get one content: {_MIXED[rule.mixed]}", Severity.NOTE
        )
    if rule.ends is not None and rule.ends <= now:
        yield make_finding(rule, f"is never evaluated: it was active until {rule.ends.isoformat()}")


def _check_outbound(each: EnabledRule) -> Iterator[Finding]:
    """Yield the conditions of a rule for outbound mail that only inbound mail matches."""
    rule, conditions = each.rule, each.conditions
    if each.may_apply_to("outbound") and conditions.find_required("direction") and conditions.allows_only("sender_scope", "external"):
        text = "direction outbound with sender_scope external: outbound mail comes from the organization; are its domains complete?"
        yield make_finding(rule, text, Severity.NOTE)


def _check_bounce(each: EnabledRule) -> Iterator[Finding]:
    """Yield a finding if a rule bounces forged mail: the bounce goes to the person whose address was forged."""
    if not each.may_apply_to("inbound") or not any(
        isinstance(action, SetVerdict) and action.type is ActionType.BOUNCE for action in each.rule.actions
    ):
        return
    source = each.rule.source
    if _needs_failure(source.get("when", {})) or _needs_failure(source.get("unless", {}), negated=True):
        text = "bounces mail that fails its authentication: the bounce goes to the owner of the forged address; use junk or drop"
        yield make_finding(each.rule, text)


def _needs_failure(conditions: Mapping[str, Any], *, negated: bool = False) -> bool:
    """Return whether a condition, also of a group, is a result of SPF, DKIM or DMARC other than `pass`."""
    for name, value in conditions.items():
        match name:
            case "any" | "all":
                found = any(_needs_failure(one, negated=negated) for one in value)
            case "not":
                found = _needs_failure(value, negated=not negated)
            case "authentication":
                results = [set(_iterate_texts(value[method])) for method in _PROVING & value.keys()]
                found = any(("pass" in map(str.lower, each)) is negated for each in results)
            case "header":
                fields = [one for one in (value if isinstance(value, list) else [value]) if one["name"].lower() in _RESULT_FIELDS]
                found = any(("pass" if negated else "fail") in text.lower() for text in _iterate_texts(fields))
            case _:
                found = False
        if found:
            return True
    return False


_PROVING = frozenset({"spf", "dkim", "dmarc"})
"""Methods that prove the sender. Spam and virus checks do not."""

_RESULT_FIELDS = frozenset({"authentication-results", "arc-authentication-results", "received-spf"})


def _check_expressions(rule: Rule) -> Iterator[Finding]:
    """Yield the classes in expressions that know ASCII only, in expressions with letters beyond ASCII."""
    found = {
        each
        for part in ("when", "unless")
        for pattern in iterate_expressions(rule.source.get(part, {}))
        for each in find_ascii_classes(pattern)
    }
    for each in sorted(found, key=lambda one: (one.name, not one.touches_letter)):
        where = "next to a letter beyond ASCII" if each.touches_letter else "in an expression with letters beyond ASCII"
        text = f"{each.name} {where}: it knows ASCII letters only, write {each.instead}"
        yield make_finding(rule, text, Severity.WARNING if each.touches_letter else Severity.NOTE)


_MIXED = {
    Mixed.ALL: "with `mixed: all` every recipient sees the change as soon as one of these recipients gets the message",
    Mixed.NONE: "with `mixed: none` no recipient sees the change unless all who get the message are among these recipients",
}


def _find_unused_lists(policy: Policy) -> Iterator[Finding]:
    used: set[str] = set()
    waiting = [text[5:] for rule in policy.rules for text in _iterate_texts(rule.source) if text.startswith("list:")]
    while waiting:
        name = waiting.pop()
        if name in policy.lists and name not in used:
            used.add(name)
            waiting.extend(text[5:] for text in policy.lists[name] if text.startswith("list:"))
    for name in policy.lists:
        if name not in used:
            yield Finding("", f'list "{name}" is used by no rule', Severity.NOTE)


def _iterate_texts(value: Any) -> Iterator[str]:
    """Yield every text in plain data."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for each in value.values() if isinstance(value, dict) else value:
            yield from _iterate_texts(each)
