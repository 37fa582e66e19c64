"""The numbers of visible and of external recipients, for any list of them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.policies import mail, match_conditions

ADDRESSES = ["a@example.com", "A@EXAMPLE.com", "b@example.com", "c@example.net", "c@sub.example.com", "d@bücher.example"]
NAMES = ["{}", "<{}>", "Ana <{}>", '"Silva, Ana" <{}>', "=?utf-8?q?x=40example=2Eorg?= <{}>", "{} (a@example.org)", '"x@example.org" <{}>']

MAILBOX = st.tuples(st.sampled_from(NAMES), st.sampled_from(ADDRESSES))
ENTRY = st.one_of(MAILBOX.map(lambda one: [one]), st.lists(MAILBOX, max_size=3))
"""A mailbox, or the mailboxes of a group."""


def write(entry: list[tuple[str, str]], *, is_group: bool) -> str:
    mailboxes = ", ".join(name.format(address) for name, address in entry)
    return f"Team: {mailboxes};" if is_group else mailboxes


@pytest.mark.fuzz
@given(st.lists(st.tuples(ENTRY, st.booleans(), st.sampled_from(["To", "Cc"])), max_size=5))
def test_each_address_in_to_and_cc_counts_once(entries: list[tuple[list[tuple[str, str]], bool, str]]) -> None:
    lines = [f"{field}: {write(entry, is_group=is_group or not entry)}\r\n" for entry, is_group, field in entries]
    count = len({address.lower() for entry, *_ in entries for _, address in entry})
    sample = mail("".join([*lines, "From: x@example.org\r\n\r\nHello\r\n"]).encode())
    assert match_conditions({"visible_recipients": {"at_least": count, "at_most": count}}, sample)


@pytest.mark.fuzz
@given(st.lists(st.sampled_from(ADDRESSES), min_size=1, max_size=8))
def test_each_address_outside_of_the_organization_counts_once(addresses: list[str]) -> None:
    count = len({address.lower() for address in addresses if not address.lower().endswith("@example.com")})
    sample = mail(b"", *addresses, direction="OUTBOUND")
    assert match_conditions({"external_recipients": {"at_least": count, "at_most": count}}, sample)
