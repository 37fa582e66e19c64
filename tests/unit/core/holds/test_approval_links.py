"""The signed links to the approval page."""

from urllib.parse import parse_qs, urlsplit

import pytest

from mailhooks.core.holds.approval_links import PARAMETER, ForgedLink, Link, make_link, read_link
from mailhooks.errors import Misconfigured

SECRET = "kY3vT9wQ2mZ7xB5nR8cL4jH6gF1dS0pA"
URL = "https://abc.lambda-url.eu-west-1.on.aws/"
KEY = ("0123456789abcdef0123456789abcdef", "qG7_x-Zk1")
EXPIRES = 1_800_000_000


def token_of(link: str) -> str:
    return parse_qs(urlsplit(link).query, strict_parsing=True)[PARAMETER][0]


TOKEN = token_of(make_link(URL, SECRET, KEY, 1, EXPIRES))


def test_a_link_names_its_record_its_approver_and_its_last_moment() -> None:
    assert read_link(TOKEN, SECRET) == Link(KEY, 1, EXPIRES)


def test_a_link_decides_nothing_from_its_last_moment_on() -> None:
    link = read_link(TOKEN, SECRET)
    assert [link.is_expired(EXPIRES - 0.001), link.is_expired(EXPIRES), link.is_expired(EXPIRES + 1)] == [False, True, True]


@pytest.mark.parametrize("position", range(len(TOKEN)))
def test_a_token_with_one_other_character_is_forged(position: int) -> None:
    for bit in range(7):
        changed = TOKEN[:position] + chr(ord(TOKEN[position]) ^ (1 << bit)) + TOKEN[position + 1 :]
        with pytest.raises(ForgedLink):
            read_link(changed, SECRET)


@pytest.mark.parametrize(
    "other", [TOKEN[:-1], TOKEN + "0", TOKEN.upper(), TOKEN[1:], "", ".", "a.b", TOKEN + "\udc80", TOKEN + "٣", TOKEN * 1000]
)
def test_a_cut_or_extended_token_is_forged(other: str) -> None:
    with pytest.raises(ForgedLink):
        read_link(other, SECRET)


def test_a_signature_is_valid_for_one_record_one_approver_and_one_moment_alone() -> None:
    signature = TOKEN.rpartition(".")[2]
    others = [
        make_link(URL, SECRET, ("f" * 32, KEY[1]), 1, EXPIRES),
        make_link(URL, SECRET, (KEY[0], "other-rule"), 1, EXPIRES),
        make_link(URL, SECRET, KEY, 0, EXPIRES),
        make_link(URL, SECRET, KEY, 1, EXPIRES + 1),
        make_link(URL, SECRET[::-1], KEY, 1, EXPIRES),
    ]
    signatures = {token_of(link).rpartition(".")[2] for link in others}
    assert len(signatures) == len(others)
    for link in others[:-1]:
        with pytest.raises(ForgedLink):
            read_link(token_of(link).rpartition(".")[0] + "." + signature, SECRET)


def test_the_fields_of_a_token_cannot_be_shifted() -> None:
    with pytest.raises(ValueError, match="character"):
        make_link(URL, SECRET, ("a.b", "c"), 0, EXPIRES)
    with pytest.raises(ValueError, match="character"):
        make_link(URL, SECRET, ("a", "b\n"), 0, EXPIRES)


@pytest.mark.parametrize("secret", ["", "short"])
def test_a_short_secret_signs_nothing_and_accepts_nothing(secret: str) -> None:
    with pytest.raises(Misconfigured, match="APPROVAL_SECRET"):
        make_link(URL, secret, KEY, 0, EXPIRES)
    with pytest.raises(Misconfigured, match="APPROVAL_SECRET"):
        read_link(TOKEN, secret)


def test_mail_programs_find_the_whole_link_in_a_text() -> None:
    """A program may end a link before a punctuation mark: the last characters are letters and digits."""
    assert TOKEN.rpartition(".")[2].isalnum()
