import doctest

from workmail_local.mail import addresses
from workmail_local.mail.addresses import expand_group


def test_the_examples_in_the_documentation_hold() -> None:
    assert doctest.testmod(addresses).failed == 0


def test_groups_that_contain_each_other_are_expanded_once() -> None:
    nested = {"a@example.com": ["B@example.com", "ana@example.com"], "b@example.com": ["bo@example.com", "a@example.com", "b@example.com"]}
    assert list(expand_group("A@example.com", nested)) == ["bo@example.com", "ana@example.com"]


def test_a_member_of_two_groups_is_named_once_in_any_spelling() -> None:
    nested = {"a@example.com": ["ana@bücher.example", "b@example.com"], "b@example.com": ["Ana@xn--bcher-kva.example"]}
    assert list(expand_group("a@example.com", nested)) == ["ana@xn--bcher-kva.example"]


def test_an_address_that_is_no_group_is_its_own_member() -> None:
    assert list(expand_group("Ana@example.com", {"a@example.com": ["bo@example.com"]})) == ["ana@example.com"]


def test_groups_nested_a_thousand_deep_are_expanded() -> None:
    nested = {f"g{depth}@example.com": [f"g{depth + 1}@example.com"] for depth in range(1000)}
    assert list(expand_group("g0@example.com", nested)) == ["g1000@example.com"]
