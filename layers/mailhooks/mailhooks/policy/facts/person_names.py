"""Names of people in the forms in which they are compared, and the people of the organization by their names."""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Final

from mailhooks.policy.facts.services import Person
from mailhooks.policy.facts.text_normalization import normalize

_TITLES: Final = frozenset(
    "dr dres prof mr mrs ms miss mx sir herr frau hr fr ing dipl mag dott ssa sig sra srta mme mlle med jur phd mba msc bsc jr sr".split()
)
_TITLES_BY_SHAPE: Final = _TITLES | {title.replace("m", "rn") for title in _TITLES}
"""Also in the form of `look_alikes.list_skeletons`."""

_WORD: Final = re.compile(r"[^\W_]+(?:'[^\W_]+)*")
_TOGETHER: Final = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]+")
"""Names in scripts that write the two names of a person without a space between them, or with one."""

_IN_BRACKETS: Final = re.compile(r"\([^()]*\)|\[[^\[\]]*\]|\{[^{}]*\}|<[^<>]*>")
_ADDITION: Final = re.compile(r" [|@\u2022\u00b7*] | -+ |[|/\u2022]")
"""What separates a name from a function or a company: "Ana Silva - Example Ltd", "Ana Silva/Berlin"."""

_ADDRESS: Final = re.compile(r"[\w.+'-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,20}")
_MAX_ADDRESSES: Final = 20


def find_shown_addresses(name: str) -> list[str]:
    """Return the addresses in a display name, as programs show them, at most 20."""
    text = normalize(name)
    return [found[0] for found in islice(_ADDRESS.finditer(text), _MAX_ADDRESSES)] if "@" in text else []


def list_keys(name: str, *, look_alikes: bool = False) -> frozenset[str]:
    """Return the forms of a display name. Two names are equal if they share one.

    Case, the composition of accents, titles, brackets and the order of the names do not matter: "Silva, Dr. Ana (CEO)" equals "Ana Silva".

    Args:
        look_alikes: whether letters of other scripts that look alike are equal.
    """
    return frozenset(key for text in _list_texts(name, look_alikes=look_alikes) for key in _list_forms(text))


def _list_texts(name: str, *, look_alikes: bool) -> Iterator[str]:
    """Yield a normalized name, also without its brackets and addresses, and without what follows a separator or a comma.

    A single word is not enough: "Info (Berlin)" is no name of a person, and "Info" is that of many senders.
    """
    normalized: Iterable[str] = (normalize(name),)
    if look_alikes:
        from mailhooks.policy.facts.look_alikes import list_skeletons  # Late: most policies do not need its table.

        normalized = (*normalized, *list_skeletons(name))
    for text in normalized:
        bare = _ADDRESS.sub(" ", _IN_BRACKETS.sub(" ", text))
        person = _ADDITION.split(bare, maxsplit=1)[0]
        before, comma, _ = person.partition(",")
        yield text
        yield from filter(_is_full, {bare, person, before if comma else person})


def _is_full(name: str) -> bool:
    """Return whether a text is the full name of a person, of two words where the script has spaces."""
    return len(_WORD.findall(name)) > 1 or _TOGETHER.search(name) is not None


def _list_forms(text: str) -> Iterator[str]:
    words = [word.replace("'", "") for word in _WORD.findall(text)]
    for found in (words, [word for word in words if word not in _TITLES_BY_SHAPE]):
        if found and all(map(_TOGETHER.fullmatch, found)):
            yield "".join(sorted("".join(found)))
        elif found:
            yield " ".join(sorted(found))


class People:
    """The people of the organization by the forms of their names.

    Those with one word as their name, such as a mailbox "Support", are left out: others have it, too.
    """

    def __init__(self, people: Sequence[Person]) -> None:
        self.people = people
        self._by_key: dict[bool, dict[str, list[Person]]] = {}

    def find(self, name: str, *, look_alikes: bool) -> list[Person]:
        """Return the people with a name, each once."""
        if look_alikes not in self._by_key:
            self._by_key[look_alikes] = self._index(look_alikes=look_alikes)
        index = self._by_key[look_alikes]
        return list({person.id: person for key in list_keys(name, look_alikes=look_alikes) for person in index.get(key, ())}.values())

    def _index(self, *, look_alikes: bool) -> dict[str, list[Person]]:
        found: defaultdict[str, list[Person]] = defaultdict(list)
        for person in (person for person in self.people if _is_full(person.name)):
            for key in list_keys(person.name, look_alikes=look_alikes):
                found[key].append(person)
        return dict(found)
