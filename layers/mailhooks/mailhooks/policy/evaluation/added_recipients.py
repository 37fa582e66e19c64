"""Recipients that rules add. Do not drop a recipient when the replacement cannot be added."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from mailhooks.actions import Action
from mailhooks.errors import MailhooksError
from mailhooks.policy.evaluation.outcome import Failure, filter_addable
from mailhooks.policy.facts.message_facts import Facts
from mailhooks.policy.facts.recipients import NO_RECIPIENTS, RecipientSet
from mailhooks.policy.rules.rule import RemoveRecipients, Rule, SetVerdict


class Addition(NamedTuple):
    """The addresses that one action of a rule adds, as in the policy, and the recipients to whom the rule applies."""

    rule: Rule
    addresses: tuple[str, ...]
    recipients: RecipientSet

    @property
    def replaces(self) -> bool:
        """Whether the rule also keeps the message from recipients."""
        return any(
            isinstance(action, RemoveRecipients) or (isinstance(action, SetVerdict) and not action.type.delivers)
            for action in self.rule.actions
        )


def find_empty_additions(
    facts: Facts, additions: Sequence[Addition], verdicts: Mapping[str, Action], *, all_at_once: bool
) -> tuple[list[tuple[Rule, Failure]], list[str]]:
    """Return the rules whose added recipients would not get the message, and notes about the other rules.

    A note has the number of a rule's addresses that cannot be added.

    An added address may be a recipient of the event already. If the rule keeps the message from other recipients, such an address counts
    only if it gets the message: two rules that replace each other's recipient would leave no recipient. Of such rules only the first is
    returned, because without it the others may be fine; all of them if `all_at_once`.

    Args:
        verdicts: by recipient in lower case, as all rules together have decided.
    """
    error, detail = "NotAddable", "they cannot be added: at most 500 recipients; inbound, only in the organization's domains"
    try:
        domains = facts.domains if facts.inbound else frozenset()
    except MailhooksError as failure:
        domains, error, detail = frozenset(), type(failure).__name__, str(failure)
    # All additions share the 500 recipients of one message.
    wanted = {address.lower(): address for each in additions for address in each.addresses}
    addable = {address.lower() for address in filter_addable(facts.envelope, domains, wanted.values(), facts.platform)}
    empty: dict[int, tuple[Rule, Failure]] = {}
    without_delivery: list[tuple[Rule, Failure]] = []
    notes: list[str] = []
    for each in additions:
        own = [address for address in each.addresses if address.lower() in addable]
        candidate = each.rule, Failure(each.rule.name, "add_recipients", error, detail)
        if not own:
            empty[each.rule.index] = candidate
        elif each.replaces and not any(_gets_message(facts, address, verdicts) for address in own):
            without_delivery.append(candidate)
        elif len(own) < len(each.addresses):
            notes.append(f'rule "{each.rule.name}": {len(each.addresses) - len(own)} recipients: {detail}')
    if all_at_once or not empty:
        empty |= {rule.index: (rule, failure) for rule, failure in without_delivery[: None if all_at_once else 1]}
    return list(empty.values()), notes


def _gets_message(facts: Facts, address: str, verdicts: Mapping[str, Action]) -> bool:
    """Return whether an addable address gets the message, as an added recipient or as a recipient of the event."""
    spellings = list(facts.recipients.list_addresses(facts.recipients.find(address)))
    found = [verdicts.get(spelling) for spelling in spellings]
    return not found or any(verdict is None or verdict.type.delivers for verdict in found)


def map_added_for(additions: Sequence[Addition]) -> dict[str, RecipientSet]:
    """Return the recipients for whom each address is added, by address in lower case."""
    found: dict[str, RecipientSet] = {}
    for each in additions:
        for address in each.addresses:
            found[address.lower()] = found.get(address.lower(), NO_RECIPIENTS) | each.recipients
    return found


def known_domains(facts: Facts) -> frozenset[str]:
    """Return the domains in which recipients may be added; none if the directory fails."""
    try:
        return facts.domains
    except MailhooksError:
        return frozenset()
