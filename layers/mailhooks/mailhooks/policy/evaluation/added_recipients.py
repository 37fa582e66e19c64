"""Whether recipients whom rules add come to get the message: nobody is to be dropped for somebody who does not."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mailhooks import contract
from mailhooks.errors import MailhooksError
from mailhooks.policy.evaluation.outcome import Failure, addable
from mailhooks.policy.facts.message_facts import Facts
from mailhooks.policy.rules.actions import RemoveRecipients, SetVerdict
from mailhooks.policy.rules.rule import Rule


@dataclass(frozen=True, slots=True)
class Adding:
    """A rule that has applied, and whom one of its actions adds."""

    rule: Rule
    addresses: tuple[str, ...]
    recipients: int
    """For whom the rule applied, as bits."""

    @property
    def replaces(self) -> bool:
        """Whether the rule also keeps the message from somebody."""
        return any(
            isinstance(action, RemoveRecipients) or (isinstance(action, SetVerdict) and not action.type.delivers)
            for action in self.rule.actions
        )


@dataclass(frozen=True, slots=True)
class Empty:
    """A rule whose addition comes to nothing."""

    rule: Rule
    failure: Failure


def empty_additions(
    facts: Facts, adding: Sequence[Adding], verdicts: Mapping[str, contract.Action], *, all_at_once: bool
) -> tuple[list[Empty], list[str]]:
    """Rules of which nobody whom they add would get the message, and what is worth a line about the others.

    An address that is a recipient anyway counts, if the rule keeps the message from somebody, only if it gets the message: two rules that
    each put the other's recipient in place of its own would leave nobody. Of such rules only the first is returned, as without it the
    others may be fine; all of them if `all_at_once`.

    Args:
        verdicts: by recipient, in lower case, as all rules together have decided.
    """
    error, detail = "NotAddable", "they cannot be added: at most 500 recipients; inbound, only in the organization's domains"
    try:
        domains = facts.domains
    except MailhooksError as trouble:
        domains, error, detail = frozenset(), type(trouble).__name__, str(trouble)
    # Together, not each by itself: they share the room that there is.
    wanted = {address.lower(): address for each in adding for address in each.addresses}
    good = {address.lower() for address in addable(facts.event, domains, wanted.values())[0]}
    found: dict[int, Empty] = {}
    waiting: list[Empty] = []
    notes: list[str] = []
    for each in adding:
        addable_ones = [address for address in each.addresses if address.lower() in good]
        empty = Empty(each.rule, Failure(each.rule.name, "add_recipients", error, detail))
        if not addable_ones:
            found[each.rule.index] = empty
        elif each.replaces and not any(_gets_it(facts, address, verdicts) for address in addable_ones):
            waiting.append(empty)
        elif len(addable_ones) < len(each.addresses):
            notes.append(f'rule "{each.rule.name}": {len(each.addresses) - len(addable_ones)} recipients: {detail}')
    if all_at_once or not found:
        found |= {empty.rule.index: empty for empty in waiting[: None if all_at_once else 1]}
    return list(found.values()), notes


def _gets_it(facts: Facts, address: str, verdicts: Mapping[str, contract.Action]) -> bool:
    """By whichever of its spellings it is a recipient; one that is none gets it, if it can be added."""
    spellings = [named for _, named in facts.recipients.named(facts.recipients.of_address(address.lower()))]
    found = [verdicts.get(spelling) for spelling in spellings]
    return not found or any(verdict is None or verdict.type.delivers for verdict in found)


def added_for(adding: Sequence[Adding]) -> dict[str, int]:
    """For which recipients each address is added, as bits; addresses in lower case."""
    found: dict[str, int] = {}
    for each in adding:
        for address in each.addresses:
            found[address.lower()] = found.get(address.lower(), 0) | each.recipients
    return found


def known_domains(facts: Facts) -> frozenset[str]:
    """Where recipients may be added; none where the directory does not say."""
    try:
        return facts.domains
    except MailhooksError:
        return frozenset()
