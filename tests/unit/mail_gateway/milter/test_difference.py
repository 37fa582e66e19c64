from collections.abc import Sequence
from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mail_gateway.milter.difference import Difference, find_difference

ITEMS = st.text("aAbB", max_size=12)


def same_letter(old: str, new: str) -> bool:
    return old.lower() == new.lower()


def apply(old: Sequence[str], new: Sequence[str], difference: Difference) -> list[str]:
    result = [[item] for item in old] + [[]]
    for index, at in difference.replaced:
        result[index] = [] if at is None else [new[at]]
    for place, at in reversed(difference.inserted):
        result[place].insert(0, new[at])
    return [item for items in result for item in items]


def fewest(old: str, new: str) -> int:
    @cache
    def cost(i: int, j: int) -> int:
        if i == len(old) or j == len(new):
            return len(old) - i + len(new) - j
        if old[i] == new[j]:
            return cost(i + 1, j + 1)
        steps = [cost(i + 1, j), cost(i, j + 1)] + [cost(i + 1, j + 1)] * same_letter(old[i], new[j])
        return 1 + min(steps)

    return cost(0, 0)


@pytest.mark.fuzz
@given(ITEMS, ITEMS)
def test_the_steps_make_the_new_sequence_and_are_the_fewest(old: str, new: str):
    difference = find_difference(old, new, same_letter)
    assert apply(old, new, difference) == list(new)
    assert len(difference.inserted) + len(difference.replaced) == fewest(old, new)


def test_a_changed_field_between_thousands_is_one_step():
    old = [f"field {number}" for number in range(20_000)]
    new = [*old[:7], "FIELD 7", *old[8:], "added"]
    assert find_difference(old, new, same_letter) == Difference(((20_000, 20_000),), ((7, 7),))


def test_thousands_of_differences_exchange_what_is_between_the_first_and_the_last_one():
    old = [str(number) for number in range(5_000)]
    new = ["0", *(f"x{number}" for number in range(5_000)), "4999"]
    difference = find_difference(old, new, same_letter)
    assert apply(old, new, difference) == new
    assert len(difference.replaced) == 4_998
