"""Builder of the condition on the display names in From."""

from collections.abc import Callable
from typing import Any, Final

from mailhooks.address_patterns import canonical, remove_tag
from mailhooks.mime.mailboxes import Mailbox
from mailhooks.policy.facts.message_facts import Facts
from mailhooks.policy.facts.person_names import People, find_shown_addresses, list_keys
from mailhooks.policy.facts.searched_text import SearchedText
from mailhooks.policy.loading.build_context import BuildContext
from mailhooks.policy.loading.content_conditions import TextSearch
from mailhooks.policy.loading.problems import InvalidValue
from mailhooks.policy.rules.conditions import Condition, Cost, MessageTest

_MAX_NAMESAKES: Final = 20
"""People with the same name whose aliases are looked up."""

_Test = Callable[[Facts, Mailbox], bool]


def display_name(name: str, value: Any, context: BuildContext) -> Condition:
    """Build a condition on the display names in From. One name has to match one of the keys of a mapping."""
    given = value if isinstance(value, dict) else {"words": value}
    look_alikes: bool = given.get("look_alikes", False)
    tests: list[_Test] = []
    searched = {key: given[key] for key in ("words", "contains", "regex") if key in given}
    if searched:
        # TextSearch rejects look_alikes for expressions alone; names can be compared by it, too.
        by_shape = look_alikes and ("regex" not in given or len(searched) > 1 or not {"own_people", "equals"} & given.keys())
        search = TextSearch.of(searched | ({"look_alikes": True} if by_shape else {}), context)
        tests.append(lambda _, mailbox: any(search.matches(SearchedText(text)) for text in mailbox.names))
    if "equals" in given:
        wanted = frozenset().union(*(list_keys(text, look_alikes=look_alikes) for text in context.texts(given["equals"], "equals")))
        tests.append(lambda _, mailbox: any(not wanted.isdisjoint(list_keys(text, look_alikes=look_alikes)) for text in mailbox.names))
    if "own_people" in given:
        tests.append(_OwnPeople(look_alikes))
    if not tests:
        raise InvalidValue("expected own_people, equals, words, contains or regex")

    def test(facts: Facts) -> bool:
        return any(one(facts, mailbox) for mailbox in facts.authors for one in tests)

    return MessageTest(name, Cost.CONTENT, test, lambda facts: [text for mailbox in facts.authors for text in mailbox.names])


class _OwnPeople:
    """Tests whether a mailbox has the name or shows the address of one of the organization's people, and is not theirs."""

    def __init__(self, look_alikes: bool) -> None:
        self._look_alikes = look_alikes
        self._people = People(())

    def __call__(self, facts: Facts, mailbox: Mailbox) -> bool:
        if not mailbox.names:
            return False
        own = frozenset(remove_tag(canonical(address)) for address in mailbox.addresses)
        return any(self._is_name_of_other(facts, text, own) or _shows_other(facts, text, own) for text in mailbox.names)

    def _is_name_of_other(self, facts: Facts, text: str, addresses: frozenset[str]) -> bool:
        people = facts.directory.people(facts.deadline)
        if self._people.people is not people:
            # The index of thousands of names needs a second. The directory reads its list again after minutes, mostly without a change.
            if self._people.people != people:
                self._people = People(people)
            self._people.people = people
        found = self._people.find(text, look_alikes=self._look_alikes)
        if not found or not addresses:
            return bool(found)
        if addresses <= {canonical(person.address) for person in found}:
            return False
        return not any(addresses <= facts.list_addresses(person) for person in found[:_MAX_NAMESAKES])


def _shows_other(facts: Facts, text: str, addresses: frozenset[str]) -> bool:
    """Return whether a name shows an address of the organization, and the mailbox is outside of it."""
    shown = find_shown_addresses(text)
    return any(map(facts.is_internal, shown)) and not (addresses and all(map(facts.is_internal, addresses)))
