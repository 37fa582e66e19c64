"""When a condition on a text holds, and when not, whatever the text is of: rows as in the other tables."""

from typing import Any, Final

from tests.unit.policy.rules.envelope_tables import NONE, USER, Row


def texts(said: Any) -> list[Row]:
    """What all conditions on texts have in common; `said` makes a message that says something."""
    return [
        ("secret", said("A SECRET, kept"), USER),
        (["x", "plan b"], said("my Plan  B."), USER),
        ("list:words", said("plan b"), USER),
        ("secret", said("secretary"), NONE),
        ("secret", said("topsecret"), NONE),
        ("secret", said("a_secret_"), USER),
        ("c++", said("in C++ and"), USER),
        ("straße", said("STRASSE"), USER),
        ({"contains": "cret"}, said("secretary"), USER),
        ({"contains": "x y"}, said("x  y"), USER),
        ({"contains": "xx"}, said("secretary"), NONE),
        ({"regex": "^s.*y$"}, said("Secretary"), USER),
        ({"regex": "(?-i)^s"}, said("Secretary"), NONE),
        ({"regex": ["a{3}", "y$"]}, said("secretary"), USER),
        ({"regex": r"\C\C"}, said("é"), USER),
        ({"words": "no", "contains": "no", "regex": "tary$"}, said("secretary"), USER),
        ({"words": "no", "contains": "no", "regex": "no$"}, said("secretary"), NONE),
        ({"words": ["secret", *(f"word{n}" for n in range(300))]}, said("no secret!"), USER),
        ({"words": ["secret", "to do", *(f"word{n}" for n in range(300))]}, said("secretary to do it"), USER),
        ({"words": ["secret", "to do", *(f"word{n}" for n in range(300))]}, said("secretary word1x"), NONE),
        ("secret", said(""), NONE),
        ({"regex": "."}, said(""), NONE),
        ("a" * 2000, said("b" + "a" * 3000), NONE),
        ("Café", said("im Cafe\u0301 heute"), USER),
        ("Cafe\u0301", said("im CAFÉ heute"), USER),
        ("ΐ", said("\u03aa\u0301"), USER),
        ("cafe", said("im Cafe\u0301 heute"), NONE),
        ({"contains": "fe\u0301"}, said("Café"), USER),
        ({"regex": "café$"}, said("ein Cafe\u0301"), USER),
        ({"regex": "cafe\u0301$"}, said("ein Café"), USER),
        ({"words": ["Café", *(f"word{n}" for n in range(300))]}, said("CAFE\u0301!"), USER),
        ("secret", said("se\u200bcr\u00ade\u2060t"), USER),
        ("se\u00adcret", said("secret"), USER),
        ("secret", said("s\u034fe\u200dc\ufeffr\u200ce\ufe0ft"), USER),
        ("é", said("e\u034f\u0301"), USER),
        ({"contains": "ecre"}, said("se\u200bcret"), USER),
        ("a" + "\u0301" * 40, said("a" + "\u0301" * 40), USER),
        ("secret", said("a" + "\u0301\u0316" * 50_000 + " secret"), USER),
    ]


def either(rows: list[Row]) -> list[Row]:
    """Without what looks for any text at all, as one of the two always has some."""
    return [row for row in rows if row[0] != {"regex": "."}]


CARDS: Final[list[tuple[str, bool]]] = [
    ("4111111111111111", True),
    ("Card: 4111 1111 1111 1111.", True),
    ("4111-1111-1111-1111, yes", True),
    ("3782 822463 10005", True),
    ("4111 1111 1111 1112", False),
    ("0000 0000 0000 0000", False),
    ("411111111111111", False),
    ("3.4111111111111111", False),
    ("4111111111111111.5", False),
    ("94111111111111111111199", False),
    ("4111 1111 1111 1111 12/27", True),
    ("4111111111111111 123", True),
    ("No. 12 4111 1111 1111 1111", True),
    ("4111 1111 1111 1111 2.5", True),
    ("1, 2, 4111\u00a01111\u00a01111\u00a01111", True),
    ("3782822463100050.5", False),
    ("3782822463100051", False),
    ("41111 11111111111", False),
    ("4111\u20111111\u20111111\u20111111", True),
    ("4111\u20101111\u20131111\u20141111", True),
    ("4111\u20121111\u20151111 - 1111", False),
    ("4111\u20121111\u20151111- 1111", True),
    ("4111\u00a01111\u20071111\u202f1111", True),
    ("4111 1111\r\n1111 1111", True),
    ("4111-1111-\n1111-1111", True),
    ("4111 1111\r\n 1111 1111", True),
    ("4111 1111\n\n1111 1111", False),
    ("4111 1111\n, 1111 1111", False),
    ("4111\u200b111\u00ad1 1111 1111", True),
]


def cards(said: Any) -> list[Row]:
    return [({"card_number": True}, said(text), USER if found else NONE) for text, found in CARDS]
