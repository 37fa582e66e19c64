"""Whether recipients whom rules add come to get the message: nobody is to be dropped for somebody who does not."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from .. import contract
from ..errors import MailhooksError
from .actions import Decide, RemoveRecipients
from .facts import Facts
from .model import Rule
from .outcome import Failure, addable


@dataclass(frozen=True, slots=True)
class Adding:
    """A rule that has applied, and whom one of its actions adds."""

    rule: Rule
    addresses: tuple[str, ...]

    @property
    def replaces(self) -> bool:
        """Whether the rule also keeps the message from somebody."""
        return any(
            isinstance(action, RemoveRecipients) or (isinstance(action, Decide) and not action.type.delivers)
            for action in self.rule.actions
        )


@dataclass(frozen=True, slots=True)
class Empty:
    """A rule whose addition comes to nothing."""

    rule: Rule
    failure: Failure


def first_empty(facts: Facts, adding: Sequence[Adding], verdicts: Mapping[str, contract.Action]) -> tuple[Empty | None, list[str]]:
    """The first rule of which nobody whom it adds would get the message, and what is worth a line about the others.

    An address that is a recipient anyway counts, if the rule keeps the message from somebody, only if it gets the message: two rules that
    each put the other's recipient in place of its own would leave nobody.

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
    notes: list[str] = []
    for each in adding:
        reached = [address for address in each.addresses if address.lower() in good and _gets_it(facts, address, verdicts, each)]
        if not reached:
            return Empty(each.rule, Failure(each.rule.name, "add_recipients", error, detail)), []
        refused = sum(address.lower() not in good for address in each.addresses)
        if refused:
            notes.append(f'rule "{each.rule.name}": {refused} recipients: {detail}')
    return None, notes


def _gets_it(facts: Facts, address: str, verdicts: Mapping[str, contract.Action], adding: Adding) -> bool:
    if not adding.replaces or not facts.recipients.of_address(address.lower()):
        return True
    verdict = verdicts.get(address.lower())
    return verdict is None or verdict.type.delivers


def known_domains(facts: Facts) -> frozenset[str]:
    """Where recipients may be added; none where the directory does not say."""
    try:
        return facts.domains
    except MailhooksError:
        return frozenset()
