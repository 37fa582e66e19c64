"""The response of a synchronous hook: one action for each recipient.

Guide sections: "Synchronous Run Lambda response schema", "... action limits", and the examples after them.
"""

import json
from collections.abc import Collection, Iterable
from collections.abc import Set as AbstractSet
from typing import Any, Final, Self

from mailhooks.actions import DEFAULT, Action, ActionType
from mailhooks.address_patterns import ADDRESS, canonical
from mailhooks.contract.limits import MAX_RECIPIENTS
from mailhooks.contract.schema import check
from mailhooks.envelope import Envelope, FlowDirection
from mailhooks.errors import ContractError

MAX_RESPONSE_BYTES: Final = 256 * 1024

PRECEDENCE: Final = {
    FlowDirection.INBOUND: (
        ActionType.DROP,
        ActionType.BOUNCE,
        ActionType.MOVE_TO_JUNK,
        ActionType.DEFAULT,
        ActionType.BYPASS_SPAM_CHECK,
    ),
    FlowDirection.OUTBOUND: (ActionType.DEFAULT, ActionType.DROP, ActionType.BOUNCE),
}
"""The actions by the order in which they win between equally specific flow rules.

DECISION: the guide ("Sender and recipient patterns") calls the winner "the most restrictive action", and defines the order of precedence
as the order of its two lists. Its outbound list begins with Default, which restricts nothing. We follow the lists: they are the definition,
the guide's one example (Drop before Bounce) agrees with them, and in doubt the mail is sent.
"""


def check_response(document: object, flow_direction: str, recipients: Collection[str] = ()) -> None:
    """Check the response of a synchronous Run Lambda function for an `INBOUND` or `OUTBOUND` message.

    Args:
        recipients: the recipients of the event, to count them with those that the response adds.

    Raises:
        ContractError: the response breaks the schema, has more than 10 actions or two actions for one recipient or for all recipients, its
            JSON is larger than 256 KB, or an outbound message would have more than 500 recipients with those that the response adds.
    """
    direction = FlowDirection(flow_direction)
    check(f"run-lambda-response-{direction.lower()}", document)
    named = _list_recipients(document)
    if direction is FlowDirection.OUTBOUND:
        _check_count(named, recipients)
    # Lambda's python3.13 runtime client writes JSON in this form.
    try:
        size = len(json.dumps(document, ensure_ascii=False).encode("utf-8"))
    except UnicodeEncodeError:
        raise ContractError("/actions", "text that UTF-8 can encode", "half of a surrogate pair") from None
    if size > MAX_RESPONSE_BYTES:
        raise ContractError("", f"a response of at most {MAX_RESPONSE_BYTES} bytes", f"one of {size} bytes")


def _list_recipients(response: Any) -> set[str]:
    """Return the canonical addresses that a response names.

    DECISION: two actions for one recipient are an error, because the guide does not define which one counts. WorkMail may apply either, or
    reject the response and retry until the fallback action applies.

    Raises:
        ContractError: two actions are for one recipient, or for all recipients.
    """
    named: set[str] = set()
    for index, entry in enumerate(response["actions"]):
        keys = {canonical(address) for address in entry.get("recipients", ())} | ({""} if entry.get("allRecipients") else set())
        if named & keys:
            raise ContractError(f"/actions/{index}", "each recipient in one action, and one action for all others", "one named twice")
        named |= keys
    return named - {""}


def _check_count(named: AbstractSet[str], listed: Collection[str]) -> None:
    """Check the number of an outbound message's recipients: those that the event lists, and the others that a response names.

    An event that itself lists more is no error of a response that adds none and names few: WorkMail accepted that message.

    Args:
        named: canonical addresses.
    """
    added = len(named - frozenset(map(canonical, listed)))
    total = len(listed) + added if added else len(named)
    if total > MAX_RECIPIENTS:
        raise ContractError("/actions/-/recipients", f"at most {MAX_RECIPIENTS} recipients of outbound mail with those added", f"{total}")


class Verdict:
    """The actions for the recipients of one event. A new verdict delivers the message to all recipients (`DEFAULT`).

    A method applies to the recipients `to` (one or several addresses of the event) or, without `to`, to all recipients that no other call
    names. The response always covers every recipient, also those that a truncated event omits, so that the rule's fallback action never
    applies. Methods return the verdict, so that calls can be chained. A call that raises an error changes nothing.

    >>> to = ("b@example.com", "c@example.com")
    >>> event = Envelope("a@example.net", to, None, "", "m-1", "i-1", FlowDirection.INBOUND)
    >>> Verdict(event).bounce("No such user.", to="c@example.com").to_response()["actions"][1]
    {'action': {'type': 'DEFAULT'}, 'allRecipients': True}

    Args:
        organization_domains: the domains in which an inbound verdict may add recipients (setting ORGANIZATION_DOMAINS).
    """

    def __init__(self, event: Envelope, organization_domains: Collection[str] = ()) -> None:
        self._event = event
        self._domains = frozenset(map(canonical, organization_domains))
        # An event may name one recipient in several spellings, or in one spelling twice; a response must not repeat a spelling.
        self._spellings: dict[str, list[str]] = {}
        for address in dict.fromkeys(event.recipients):
            self._spellings.setdefault(canonical(address), []).append(address)
        self._named: dict[str, Action] = {}
        self._added: dict[str, str] = {}
        self._rest: Action | None = None

    def default(self, to: str | Iterable[str] | None = None) -> Self:
        """Deliver the message."""
        return self.apply(DEFAULT, to)

    def drop(self, to: str | Iterable[str] | None = None) -> Self:
        """Discard the message without a bounce."""
        return self.apply(Action(ActionType.DROP), to)

    def bounce(self, message: str = "", to: str | Iterable[str] | None = None) -> Self:
        """Reject the message: WorkMail sends the sender a bounce with this text."""
        return self.apply(Action(ActionType.BOUNCE, message), to)

    def move_to_junk(self, to: str | Iterable[str] | None = None) -> Self:
        """Deliver to the junk folder. Inbound only."""
        return self.apply(Action(ActionType.MOVE_TO_JUNK), to)

    def bypass_spam_check(self, to: str | Iterable[str] | None = None) -> Self:
        """Deliver to the inbox without a spam check. Inbound only."""
        return self.apply(Action(ActionType.BYPASS_SPAM_CHECK), to)

    def apply(self, action: Action, to: str | Iterable[str] | None = None) -> Self:
        """Set an action for the recipients `to`, or without `to` for all recipients that no call names.

        An empty `to` applies to no recipient.

        Raises:
            ContractError: the action does not exist in this direction; a recipient is not in the event (see `add`) or already has another
                action; all recipients already have another action.
        """
        self._check_direction(action)
        if to is None:
            if self._rest not in (None, action):
                raise ContractError("/actions", "one action for all recipients", "a second one")
            self._rest = action
            return self
        addresses = _to_list(to)
        if any(canonical(address) not in self._spellings for address in addresses):
            raise ContractError("/actions/-/recipients", "recipients of this event (to add one, call add)", "another address")
        self._set_action(addresses, action)
        return self

    def add(self, addresses: str | Iterable[str], action: Action = DEFAULT) -> Self:
        """Add Bcc recipients. For a recipient of the event, set the action only.

        Raises:
            ContractError: an address is invalid; the action does not deliver; inbound, the address is in none of the organization's
                domains; outbound, the message would have more than 500 recipients.
        """
        self._check_direction(action)
        if not action.type.delivers:
            raise ContractError("/actions/-/action/type", "an action that delivers, for an added recipient", f"{action.type}")
        addresses = _to_list(addresses)
        new: dict[str, str] = {}
        for address in addresses:
            if canonical(address) not in self._spellings and canonical(address) not in self._added:
                self._check_addition(address)
                new.setdefault(canonical(address), address)
        if new and self._event.flow_direction is FlowDirection.OUTBOUND:
            _check_count(self._added.keys() | new.keys(), self._event.recipients)
        self._set_action(addresses, action)
        self._added |= new
        return self

    def action_for(self, recipient: str) -> Action:
        """Return the action that applies to a recipient."""
        return self._named.get(canonical(recipient), self._rest or DEFAULT)

    @property
    def types(self) -> tuple[str, ...]:
        """The types of all actions that apply to a recipient, sorted."""
        return tuple(sorted({str(entry["action"]["type"]) for entry in self._build_entries()}))

    @property
    def delivers(self) -> bool:
        """Whether WorkMail delivers the message to at least one recipient."""
        return any(ActionType(name).delivers for name in self.types)

    @property
    def is_default(self) -> bool:
        """Whether WorkMail delivers the message to all recipients of the event, and to no others."""
        return self._build_entries() == [{"action": DEFAULT.to_dict(), "allRecipients": True}]

    def to_response(self) -> dict[str, Any]:
        """Return the response as JSON data, with equal actions merged, checked.

        Raises:
            ContractError: there are more than 10 actions after merging, the JSON is larger than 256 KB, or more than 500 recipients of an
                outbound message have an action other than the rest.
        """
        response = {"actions": self._build_entries()}
        check_response(response, self._event.flow_direction, self._event.recipients)
        return response

    def _build_entries(self) -> list[dict[str, Any]]:
        rest = self._rest or DEFAULT
        groups: dict[Action, list[str]] = {}
        for key, action in self._named.items():
            if key in self._added:
                groups.setdefault(action, []).append(self._added[key])
            elif action != rest:
                groups.setdefault(action, []).extend(self._spellings[key])
        entries: list[dict[str, Any]] = [{"action": action.to_dict(), "recipients": addresses} for action, addresses in groups.items()]
        if self._event.truncated or any(self.action_for(key) == rest for key in self._spellings):
            # Not merged with the entry of added recipients that have the same action (guide, example "Add recipients"): the guide does not
            # define an entry with both `recipients` and `allRecipients`.
            entries.append({"action": rest.to_dict(), "allRecipients": True})
        return entries

    def _set_action(self, addresses: list[str], action: Action) -> None:
        keys = list(map(canonical, addresses))
        if any(self._named.get(key, action) != action for key in keys):
            raise ContractError("/actions/-/recipients", "each recipient in one action", "an address named in two")
        self._named.update(dict.fromkeys(keys, action))

    def _check_direction(self, action: Action) -> None:
        if action.type.inbound_only and self._event.flow_direction is FlowDirection.OUTBOUND:
            raise ContractError("/actions/-/action/type", "one of BOUNCE, DROP, DEFAULT for outbound mail", f"{action.type}")

    def _check_addition(self, address: str) -> None:
        if not (ADDRESS.fullmatch(address) and address.isprintable()):
            raise ContractError("/actions/-/recipients", "an address to add", "a string that is not an address")
        if self._event.flow_direction is FlowDirection.INBOUND and canonical(address.rpartition("@")[2]) not in self._domains:
            raise ContractError(
                "/actions/-/recipients",
                "an added recipient in one of the organization's domains, as the mail is inbound (setting ORGANIZATION_DOMAINS)",
                "one of another domain",
            )


def _to_list(addresses: str | Iterable[str]) -> list[str]:
    return [addresses] if isinstance(addresses, str) else list(addresses)
