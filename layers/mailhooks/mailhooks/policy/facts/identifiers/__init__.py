"""Search for the numbers of payment cards, bank accounts and persons in text."""

import re
from collections.abc import Callable, Collection, Iterator
from typing import Final

from mailhooks.deadline import Deadline
from mailhooks.policy.facts.identifiers.cards import has_card_number
from mailhooks.policy.facts.identifiers.ibans import has_iban
from mailhooks.policy.facts.identifiers.persons import has_de_tax_id, has_es_dni, has_it_codice_fiscale, has_pl_pesel, has_us_ssn
from mailhooks.policy.facts.text_normalization import remove_ignorable

CARD_NUMBER: Final = "card_number"

_LONG: Final = 100_000
"""Characters of a text whose search may need a tenth of a second: the deadline ends only the search of such a text."""

_FULL_WIDTH: Final = re.compile("[\uff21-\uff3a\uff41-\uff5a]")

_SEARCHES: Final[dict[str, Callable[[str], bool]]] = {
    "iban": has_iban,
    "us_ssn": has_us_ssn,
    "de_tax_id": has_de_tax_id,
    "es_dni": has_es_dni,
    "it_codice_fiscale": has_it_codice_fiscale,
    "pl_pesel": has_pl_pesel,
}


def find_identifiers(text: str, names: Collection[str], deadline: Deadline | None = None) -> Iterator[str]:
    """Yield the names of the identifiers in a text: of `names` as in a policy, and CARD_NUMBER.

    Raises:
        NoTimeLeft: the deadline passed before the end of the search of a long text: whether it has an identifier is not known.
    """
    text = _FULL_WIDTH.sub(lambda letter: chr(ord(letter[0]) - 0xFEE0), remove_ignorable(text))
    if len(text) < _LONG:
        deadline = None
    for at, name in enumerate(names):
        if at and deadline is not None:
            deadline.check("search for identifiers")
        # The card numbers of a long text need the most time.
        if has_card_number(text, deadline) if name == CARD_NUMBER else _SEARCHES[name](text):
            yield name
