from mailhooks.aws.directory import User
from mailhooks.policy.facts.person_names import People, find_shown_addresses, list_keys
from tests.support.tables import check_rows

EQUAL = [
    ("Ana Silva", "Ana Silva"),
    ("Ana Silva", "ANA  silva"),
    ("Ana Silva", "Silva, Ana"),
    ("Ana Silva", "Silva Ana"),
    ("Ana Silva", "Dr. Ana Silva"),
    ("Ana Silva", "Frau Prof. Dr. Ana Silva"),
    ("Ana Silva", "Silva, Dr. Ana (CEO)"),
    ("Ana Silva", "Ana Silva [External]"),
    ("Ana Silva", "Ana Silva - Example Ltd"),
    ("Ana Silva", "Ana Silva \u2013 CEO"),
    ("Ana Silva", "Ana Silva | Example"),
    ("Ana Silva", "Ana Silva/Berlin/Example"),
    ("Ana Silva", "Ana Silva, CEO"),
    ("Ana Silva", "Ana Silva <ana@example.com>"),
    ("Ana Silva", "Ana Silva ana@example.com"),
    ("Ana Silva", "'Ana Silva'"),
    ("Ana Silva", "ana.silva"),
    ("Ana Silva", "A\u200bna Silva\u00ad"),
    ("Ana Silva", "Ana\u00a0Silva"),
    ("Ana Silva", "\uff21\uff4e\uff41 \uff33\uff49\uff4c\uff56\uff41"),
    ("Ana Silva", "\U0001d400\U0001d427\U0001d41a Silva"),
    ("Jörg Müller", "Jo\u0308rg MU\u0308LLER"),
    ("Anne-Marie O'Brien", "O\u2019Brien, Anne\u2010Marie"),
    ("Anne-Marie O'Brien", "Anne Marie O'Brien"),
    ("Иван Петров", "ПЕТРОВ Иван"),
    ("\u5c71\u7530 \u592a\u90ce", "\u5c71\u7530\u592a\u90ce"),
    ("\u5c71\u7530 \u592a\u90ce", "\u592a\u90ce\u3000\u5c71\u7530"),
    ("\u5c71\u7530\u592a\u90ce", "\u5c71\u7530\u592a\u90ce (CEO)"),
    ("\ud64d\uae38\ub3d9", "\ud64d \uae38\ub3d9"),
    ("İbrahim I\u015f\u0131k", "ibrahim \u0131\u015f\u0131k"),
    ("Support", "support"),
]
DIFFERENT = [
    ("Info (Berlin)", "Info"),
    ("Info (Berlin)", "Info | Newsletter"),
    ("Support - Example", "Support"),
    ("Ana Silva", "Ana Silvas"),
    ("Ana Silva", "Ana"),
    ("Ana Silva", "Ana M. Silva"),
    ("Ana Silva", "Ana Silva via Documents"),
    ("Ana Silva", "Ben Silva"),
    ("Ana Silva", "Anasilva"),
    ("Ana Silva", ""),
    ("Dr", "Mr"),
    ("Ana Silva", "\u0410na Silva"),
]
SHAPES = [
    ("Ana Silva", "\u0410na Silva"),
    ("Ana Silva", "\u0391na Silva"),
    ("Ana Silva", "Ana Si1va"),
    ("Ana Silva", "Ana SiIva"),
    ("Tom Moor", "Torn M00r"),
    ("Oscar Pope", "\u041e\u0455\u0441\u0430\u0433 \u0420\u043e\u0440\u0435".replace("\u0433", "r")),
    ("Ana Silva", "Dr. Silv\u0430, An\u0430"),
    ("Mr Tom Moor", "Tom Moor"),
]


def test_names_are_equal_regardless_of_their_form() -> None:
    check_rows(EQUAL, lambda one, other: _assert_equal(one, other, equal=True))


def test_other_names_are_different() -> None:
    check_rows(DIFFERENT, lambda one, other: _assert_equal(one, other, equal=False))


def test_names_of_the_same_shape_are_equal_on_request() -> None:
    def check(one: str, other: str) -> None:
        assert not list_keys(one, look_alikes=True).isdisjoint(list_keys(other, look_alikes=True))

    check_rows([*SHAPES, *EQUAL], check)
    check_rows(DIFFERENT[:-1], lambda one, other: _assert_equal(one, other, equal=False, look_alikes=True))


def _assert_equal(one: str, other: str, *, equal: bool, look_alikes: bool = False) -> None:
    assert list_keys(one, look_alikes=look_alikes).isdisjoint(list_keys(other, look_alikes=look_alikes)) is not equal


def test_addresses_in_a_name_are_found() -> None:
    rows = [
        ("ana@example.com", ["ana@example.com"]),
        ("Ana <ANA@Example.com>", ["ana@example.com"]),
        ("ana\uff20example.com", ["ana@example.com"]),
        ("ana@exam\u00adple.com", ["ana@example.com"]),
        ("a@example.com, b+c@mail.example.org.", ["a@example.com", "b+c@mail.example.org"]),
        ("Ana @ Example", []),
        ("ana@localhost", []),
        ("@" * 10_000, []),
    ]

    def check(name: str, expected: list[str]) -> None:
        assert find_shown_addresses(name) == expected

    check_rows(rows, check)


def test_a_mailbox_with_one_word_as_its_name_is_no_person() -> None:
    names = ["Support", "ana", "Ana Silva", "\u738b\u4f1f"]
    people = People([User(name, name, f"{number}@example.com") for number, name in enumerate(names)])
    assert [len(people.find(name, look_alikes=False)) for name in names] == [0, 0, 1, 1]
