"""Rows for every condition on a text: subject, body and header. A row is as in the other tables."""

from typing import Any, Final

from tests.unit.policy.rules.envelope_tables import NONE, USER, Row


def texts(make_mail: Any) -> list[Row]:
    """Return the rows of all conditions on texts. `make_mail` returns a message with a text."""
    return [
        ("secret", make_mail("A SECRET, kept"), USER),
        (["x", "plan b"], make_mail("my Plan  B."), USER),
        ("list:words", make_mail("plan b"), USER),
        ("secret", make_mail("secretary"), NONE),
        ("secret", make_mail("topsecret"), NONE),
        ("secret", make_mail("a_secret_"), USER),
        ("c++", make_mail("in C++ and"), USER),
        ("straße", make_mail("STRASSE"), USER),
        ({"contains": "cret"}, make_mail("secretary"), USER),
        ({"contains": "x y"}, make_mail("x  y"), USER),
        ({"contains": "xx"}, make_mail("secretary"), NONE),
        ({"regex": "^s.*y$"}, make_mail("Secretary"), USER),
        ({"regex": "(?-i)^s"}, make_mail("Secretary"), NONE),
        ({"regex": ["a{3}", "y$"]}, make_mail("secretary"), USER),
        ({"regex": r"\C\C"}, make_mail("é"), USER),
        ({"regex": "bildirimi"}, make_mail("FATURA B\u0130LD\u0130R\u0130M\u0130"), USER),
        ({"regex": "tutar\u0131"}, make_mail("FATURA TUTARI"), USER),
        ({"regex": "TUTARI$"}, make_mail("fatura tutar\u0131"), USER),
        ({"regex": "(?-i)BILDIRIMI"}, make_mail("FATURA B\u0130LD\u0130R\u0130M\u0130"), NONE),
        ({"regex": "[a-\u0131]z"}, make_mail("az"), USER),
        ({"words": "no", "contains": "no", "regex": "tary$"}, make_mail("secretary"), USER),
        ({"words": "no", "contains": "no", "regex": "no$"}, make_mail("secretary"), NONE),
        ({"words": ["secret", *(f"word{n}" for n in range(300))]}, make_mail("no secret!"), USER),
        ({"words": ["secret", "to do", *(f"word{n}" for n in range(300))]}, make_mail("secretary to do it"), USER),
        ({"words": ["secret", "to do", *(f"word{n}" for n in range(300))]}, make_mail("secretary word1x"), NONE),
        ("secret", make_mail(""), NONE),
        ({"regex": "."}, make_mail(""), NONE),
        ("a" * 2000, make_mail("b" + "a" * 3000), NONE),
        ("Café", make_mail("im Cafe\u0301 heute"), USER),
        ("Cafe\u0301", make_mail("im CAFÉ heute"), USER),
        ("ΐ", make_mail("\u03aa\u0301"), USER),
        ("cafe", make_mail("im Cafe\u0301 heute"), NONE),
        ({"contains": "fe\u0301"}, make_mail("Café"), USER),
        ({"regex": "café$"}, make_mail("ein Cafe\u0301"), USER),
        ({"regex": "cafe\u0301$"}, make_mail("ein Café"), USER),
        ({"words": ["Café", *(f"word{n}" for n in range(300))]}, make_mail("CAFE\u0301!"), USER),
        ("secret", make_mail("se\u200bcr\u00ade\u2060t"), USER),
        ("se\u00adcret", make_mail("secret"), USER),
        ("secret", make_mail("s\u034fe\u200dc\ufeffr\u200ce\ufe0ft"), USER),
        ("é", make_mail("e\u034f\u0301"), USER),
        ({"contains": "ecre"}, make_mail("se\u200bcret"), USER),
        ("a" + "\u0301" * 40, make_mail("a" + "\u0301" * 40), USER),
        ("secret", make_mail("a" + "\u0301\u0316" * 50_000 + " secret"), USER),
        ("paypal", make_mail("your p\u0430yp\u0430l account"), NONE),
        ({"words": "paypal", "look_alikes": True}, make_mail("your p\u0430yp\u0430l account"), USER),
        ({"words": "paypal", "look_alikes": True}, make_mail("your PayPaI account"), USER),
        ({"words": "paypal", "look_alikes": True}, make_mail("your p\u0430yp\u0430ls"), NONE),
        ({"contains": "paypal", "look_alikes": True}, make_mail("your p\u0430yp\u0430ls"), USER),
        ({"words": "list:words", "look_alikes": True}, make_mail("the p1\u0430n b"), USER),
        ({"words": ["x", "\u043d\u043e\u043b\u044c"], "look_alikes": True}, make_mail("\u041d\u041e\u041b\u042c"), USER),
    ]


def either(rows: list[Row]) -> list[Row]:
    """Return the rows without the one that matches every text: subject or body always has a text."""
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
    ("4111\u20121111\u20151111 - 1111", True),
    ("4111\u20121111\u20151111- 1111", True),
    ("4111\u00a01111\u20071111\u202f1111", True),
    ("4111 1111\r\n1111 1111", True),
    ("4111-1111-\n1111-1111", True),
    ("4111 1111\r\n 1111 1111", True),
    ("4111 1111\n\n1111 1111", False),
    ("4111 1111\n, 1111 1111", False),
    ("4111\u200b111\u00ad1 1111 1111", True),
]


def cards(make_mail: Any) -> list[Row]:
    return [({"card_number": True}, make_mail(text), USER if found else NONE) for text, found in CARDS]
