"""When each condition on the envelope holds, and when not. A row: the value, the message, and for which of its recipients it holds."""

from datetime import UTC, datetime
from typing import Any, Final

from mailhooks.policy import Services
from tests.support.policies import Counts, Groups, Mail, mail, nobody_listed, sent_by

USER: Final = {"user@example.com"}
NONE: Final[set[str]] = set()

TWO: Final = mail(b"", "user@example.com", "other@example.net", direction="OUTBOUND")
CUT: Final = mail(b"", "user@example.com", truncated=True)
CUT_OUT: Final = mail(b"", "user@example.com", truncated=True, direction="OUTBOUND")
NAMELESS: Final = sent_by("")
NOBODY: Final = nobody_listed()
BOTH: Final = mail(b"", sender="Sec@example.org")
ODD: Final = sent_by("no address at all \0\ud800")
IDN: Final = mail(b"", "a@xn--bcher-kva.example", "b@BÜCHER.example", "c@bu\u0308cher.example", "d@mail.bücher.example", "x@b.example")
IDN_ALL: Final = {"a@xn--bcher-kva.example", "b@b\u00fccher.example", "c@bu\u0308cher.example"}

Row = tuple[Any, Mail, set[str]]


def at(*moment: int) -> Mail:
    return mail(b"", now=datetime(*moment, tzinfo=UTC))  # type: ignore[arg-type]


def grouped(*recipients: str, sender: str = "from@example.net", **groups: set[str]) -> Mail:
    of = sent_by(sender, *recipients)
    return of._replace(services=Services(directory=Groups({f"{name}@example.com": members for name, members in groups.items()})))


def counted(of: Mail, **begun: int) -> Mail:
    """After so many messages, by the end of the key under which they are counted."""
    return of._replace(services=Services(rates=Counts(begun)))


def _of_sender(found_in_sender: bool, found_in_from: bool) -> list[Row]:
    """What every condition on senders' addresses has in common."""
    in_from, in_sender = (USER if found else NONE for found in (found_in_from, found_in_sender))
    return [
        ("from@example.net", mail(b""), in_from),
        (["example.org", "EXAMPLE.NET"], mail(b""), in_from),
        ("*.example.net", sent_by("a@deep.mail.Example.NET"), in_from),
        ("*.example.net", sent_by("a@notexample.net"), NONE),
        ({"regex": "^from@"}, mail(b""), in_from),
        ({"regex": "^rom@"}, mail(b""), NONE),
        ({"patterns": "example.org", "regex": ["x", "FROM"]}, mail(b""), in_from),
        ("list:own", mail(b""), in_from),
        ("example.org", mail(b""), NONE),
        ("sec@example.org", BOTH, in_sender),
        ("from@example.net", BOTH, in_from),
        ("example.net", NAMELESS, NONE),
        ({"regex": "^$"}, NAMELESS, NONE),
        ("example.net", sent_by(None), NONE),
        ("bücher.example", sent_by("a@xn--bcher-kva.Example"), in_from),
        ("*.BÜCHER.example", sent_by("a@mail.xn--bcher-kva.example"), in_from),
        ("a@bücher.example", sent_by("A@xn--bcher-kva.example"), in_from),
        ("xn--bcher-kva.example", sent_by("a@Bücher.example"), in_from),
        ({"regex": r"@xn--bcher-kva\."}, sent_by("a@bücher.example"), in_from),
        ("straße.example", sent_by("a@xn--strae-oqa.example"), in_from),
        ("straße.example", sent_by("a@strasse.example"), NONE),
        ("bücher.example", sent_by("a@bucher.example"), NONE),
        ("example.net", sent_by("a@" + "\u0300" * 200 + ".\ud800.example.net"), NONE),
        ("example.net", sent_by("a@\u00ad.\u06dd\u0041\u05d0.net\uff20example.net"), NONE),
        ("example.net", ODD, NONE),
        ("example.net", sent_by("@" * 10_000), NONE),
        ("example.net", sent_by("a@" + "x." * 10_000 + "example.org"), NONE),
    ]


ENVELOPE: Final[dict[str, list[Row]]] = {
    "direction": [
        ("inbound", mail(b""), USER),
        ("outbound", mail(b""), NONE),
        ("outbound", TWO, {"user@example.com", "other@example.net"}),
        ("inbound", TWO, NONE),
        ("inbound", NOBODY, {""}),
    ],
    "sender": [*_of_sender(True, True), ("*", mail(b""), USER), ("*", NAMELESS, NONE)],
    "mail_from": [*_of_sender(False, True), ("*", mail(b""), USER), ("*", NAMELESS, NONE), (["*", "example.net"], sent_by(None), NONE)],
    "on_behalf_sender": [*_of_sender(True, False), ("*", BOTH, USER), ("*", mail(b""), NONE)],
    "on_behalf": [(True, BOTH, USER), (False, BOTH, NONE), (False, mail(b""), USER), (True, mail(b""), NONE), (False, NAMELESS, USER)],
    "recipient": [
        ("user@example.com", TWO, USER),
        ("USER@EXAMPLE.COM", mail(b"", "User@Example.com"), USER),
        ("example.net", TWO, {"other@example.net"}),
        (["example.net", "example.com"], TWO, {*USER, "other@example.net"}),
        ("*.example.com", mail(b"", "a@x.example.com", "b@example.com", "c@notexample.com"), {"a@x.example.com", "b@example.com"}),
        ({"regex": "^(user|x)@"}, TWO, USER),
        ({"regex": r"\.NET$"}, TWO, {"other@example.net"}),
        ({"regex": r"\Aother@"}, TWO, {"other@example.net"}),
        ({"regex": r"example\.com\z"}, TWO, USER),
        ({"regex": "(?-m)^other@|^x"}, TWO, {"other@example.net"}),
        ({"regex": "user@example.com\nother"}, TWO, NONE),
        ({"regex": "^$"}, CUT, NONE),
        ("*", TWO, {*USER, "other@example.net"}),
        ("list:own", mail(b"", "from@example.net", "user@example.com"), {"from@example.net"}),
        ("example.org", TWO, NONE),
        ("example.com", CUT, USER),
        ("*", CUT, {*USER, ""}),
        ("example.com", NOBODY, NONE),
        ("*", NOBODY, {""}),
        ("example.com", mail(b"", "nonsense", "@", "a@b@example.com"), {"a@b@example.com"}),
        ("bücher.example", IDN, IDN_ALL),
        ("xn--bcher-kva.example", IDN, IDN_ALL),
        ("*.bücher.example", IDN, {*IDN_ALL, "d@mail.b\u00fccher.example"}),
        (["b@bücher.example", "c@xn--bcher-kva.example"], IDN, IDN_ALL - {"a@xn--bcher-kva.example"}),
        ({"regex": "@xn--bcher-kva"}, IDN, IDN_ALL),
    ],
    "any_recipient": [
        ("example.net", TWO, {*USER, "other@example.net"}),
        ("example.org", TWO, NONE),
        ({"regex": "other"}, TWO, {*USER, "other@example.net"}),
        ("example.com", CUT, {*USER, ""}),
        ("example.com", NOBODY, NONE),
        ("*", NOBODY, {""}),
        ("example.com", mail(b"", "nonsense"), NONE),
    ],
    "all_recipients": [
        (["example.com", "example.net"], TWO, {*USER, "other@example.net"}),
        ("example.com", TWO, NONE),
        ("*", TWO, {*USER, "other@example.net"}),
        ("example.com", CUT, NONE),
        ("*", CUT, {*USER, ""}),
        ("example.com", NOBODY, NONE),
        ({"regex": "."}, mail(b"", "nonsense"), {"nonsense"}),
    ],
    "recipient_count": [
        ({"over": 1}, TWO, {*USER, "other@example.net"}),
        ({"over": 2}, TWO, NONE),
        ({"at_least": 2, "at_most": 2}, TWO, {*USER, "other@example.net"}),
        ({"under": 2}, TWO, NONE),
        ({"under": 2}, mail(b""), USER),
        ({"over": 3, "under": 3}, TWO, NONE),
        ({"at_least": 1}, NOBODY, NONE),
        ({"at_most": 0}, NOBODY, {""}),
        ({"over": 10**15}, TWO, NONE),
        ({"at_least": 500}, mail(b"", *(f"u{n}@example.com" for n in range(500))), {f"u{n}@example.com" for n in range(500)}),
    ],
    "sender_scope": [
        ("internal", sent_by("a@Example.COM"), USER),
        ("external", sent_by("a@example.com"), NONE),
        ("external", mail(b""), USER),
        ("internal", mail(b""), NONE),
        ("internal", sent_by("a@sub.example.com"), NONE),
        ("external", NAMELESS, NONE),
        ("internal", NAMELESS, NONE),
        ("external", sent_by(None), NONE),
        ("external", sent_by("", sender="a@example.org"), NONE),
        ("internal", mail(b"", sender="a@example.com"), NONE),
        ("internal", sent_by("example.com"), USER),
        ("internal", ODD, NONE),
    ],
    "recipient_scope": [
        ("internal", TWO, USER),
        ("external", TWO, {"other@example.net"}),
        ("internal", CUT, {*USER, ""}),
        ("external", CUT, NONE),
        ("internal", CUT_OUT, USER),
        ("external", CUT_OUT, {""}),
        ("external", nobody_listed(direction="OUTBOUND"), {""}),
        ("external", mail(b"", "nonsense", "a@example.com@example.net"), {"nonsense", "a@example.com@example.net"}),
    ],
    "audience": [
        ("mixed", TWO, {*USER, "other@example.net"}),
        (["internal", "external"], TWO, NONE),
        ("internal", mail(b""), USER),
        ("external", mail(b"", "a@example.net"), {"a@example.net"}),
        ("internal", CUT, {*USER, ""}),
        ("mixed", CUT_OUT, {*USER, ""}),
        ("external", nobody_listed(direction="OUTBOUND"), {""}),
    ],
    "sender_in_group": [
        ("Staff@Example.com", grouped(staff={"from@example.net"}), USER),
        (["none@example.com", "staff@example.com"], grouped(staff={"from@example.net"}), USER),
        ("list:groups", grouped(staff={"from@example.net"}), USER),
        ("staff@example.com", grouped(staff={"other@example.net"}), NONE),
        ("unknown@example.com", grouped(staff={"from@example.net"}), NONE),
        ("staff@example.com", grouped(sender="", staff={"from@example.net"}), NONE),
        ("nobody\0@example.com", grouped(staff={"from@example.net"}), NONE),
    ],
    "recipient_in_group": [
        ("staff@example.com", grouped("A@example.com", "b@example.com", staff={"a@example.com"}), {"a@example.com"}),
        (["x@example.com", "staff@example.com"], grouped("a@example.com", staff={"a@example.com"}), {"a@example.com"}),
        ("staff@example.com", grouped("b@example.com", staff={"a@example.com"}), NONE),
        ("staff@example.com", NOBODY._replace(services=Services(directory=Groups({"staff@example.com": {"a@example.com"}}))), NONE),
        ("staff@example.com", CUT._replace(services=Services(directory=Groups({"staff@example.com": {"user@example.com"}}))), USER),
        ("staff@example.com", grouped("nonsense", staff={"a@example.com"}), NONE),
    ],
    "time": [
        ({"days": ["mon"]}, at(2026, 5, 4, 0, 0), USER),
        ({"days": "sun"}, at(2026, 5, 4, 23, 59), NONE),
        ({"from": "18:00", "until": "07:00"}, at(2026, 5, 4, 18, 0), USER),
        ({"from": "18:00", "until": "07:00"}, at(2026, 5, 4, 6, 59), USER),
        ({"from": "18:00", "until": "07:00"}, at(2026, 5, 4, 7, 0), NONE),
        ({"from": "18:00", "until": "07:00", "days": "fri"}, at(2026, 5, 2, 6, 0), USER),
        ({"from": "18:00", "until": "07:00", "days": "fri"}, at(2026, 5, 1, 6, 0), NONE),
        ({"from": "09:00", "until": "17:00"}, at(2026, 5, 4, 8, 59), NONE),
        ({"from": "09:00", "until": "17:00"}, at(2026, 5, 4, 16, 59), USER),
        ({"from": "09:00", "until": "17:00"}, at(2026, 5, 4, 17, 0), NONE),
        ({"from": "09:00"}, at(2026, 5, 4, 23, 59), USER),
        ({"until": "24:00"}, at(2026, 5, 4, 0, 0), USER),
        ({"until": "00:00", "from": "18:00"}, at(2026, 5, 4, 23, 59), USER),
        ({"until": "00:00", "from": "18:00"}, at(2026, 5, 5, 0, 0), NONE),
        ({"from": "12:00", "until": "12:00", "days": "mon"}, at(2026, 5, 5, 11, 59), USER),
        ({"from": "14:00", "until": "15:00", "zone": "Europe/Berlin"}, at(2026, 5, 4, 12, 30), USER),
        ({"days": "tue", "zone": "Pacific/Auckland"}, at(2026, 5, 4, 12, 30), USER),
        ({"from": "02:30", "until": "03:00", "zone": "Europe/Berlin"}, at(2026, 10, 25, 0, 45), USER),
        ({"from": "02:30", "until": "03:00", "zone": "Europe/Berlin"}, at(2026, 10, 25, 1, 45), USER),
        ([{"days": "sat"}, {"days": "mon", "from": "09:00"}], at(2026, 5, 4, 12, 0), USER),
        ([{"days": "sat"}, {"days": "mon", "from": "13:00"}], at(2026, 5, 4, 12, 0), NONE),
    ],
    "rate": [
        ({"more_than": 3, "minutes": 5}, counted(mail(b"")), NONE),
        ({"more_than": 3, "minutes": 5}, counted(TWO, **{"to other@example.net": 3}), {"other@example.net"}),
        ({"more_than": 3, "minutes": 5}, counted(TWO, **{"to other@example.net": 2}), NONE),
        ({"more_than": 1, "minutes": 5, "per": "sender"}, counted(TWO, **{"from from@example.net": 1}), {*USER, "other@example.net"}),
        ({"more_than": 1, "minutes": 5, "per": "sender"}, counted(TWO, **{"from from@example.net": 0}), NONE),
        ({"more_than": 1, "minutes": 5, "per": "pair"}, counted(TWO, **{"to user@example.com from from@example.net": 1}), USER),
        ({"more_than": 1, "minutes": 5}, counted(NOBODY, **{"to ": 9}), NONE),
        ({"more_than": 1, "minutes": 5}, counted(CUT, **{"to user@example.com": 9}), USER),
        ({"more_than": 1, "minutes": 5, "per": "sender"}, counted(NAMELESS, **{"from ": 9}), NONE),
        ({"more_than": 1, "minutes": 5, "per": "pair"}, counted(NAMELESS, **{"from ": 9}), NONE),
        ({"more_than": 1, "minutes": 5, "per": "recipient"}, counted(NAMELESS, **{"to user@example.com": 9}), USER),
    ],
    "any": [
        ([{"recipient": "example.net"}, {"recipient": "user@example.com"}], TWO, {*USER, "other@example.net"}),
        ([{"recipient": "example.net", "direction": "inbound"}, {"recipient": "user@example.com"}], TWO, USER),
        ([{"direction": "inbound"}], TWO, NONE),
    ],
    "all": [
        ([{"recipient": "*"}, {"recipient": "user@example.com"}], TWO, USER),
        ([{"recipient": "example.net"}, {"recipient": "user@example.com"}], TWO, NONE),
        ([{"any": [{"direction": "outbound"}]}], TWO, {*USER, "other@example.net"}),
    ],
    "not": [
        ({"recipient": "example.net"}, TWO, USER),
        ({"recipient": "example.com"}, CUT, {""}),
        ({"recipient": "user@example.com", "direction": "inbound"}, TWO, {*USER, "other@example.net"}),
        ({"not": {"recipient": "example.net"}}, TWO, {"other@example.net"}),
        ({"sender": "*"}, NAMELESS, USER),
        ({"direction": "outbound"}, TWO, NONE),
    ],
}
