"""Tables of the conditions on the envelope. A row: the value, the message, and the recipients that it matches."""

from datetime import UTC, datetime
from typing import Any, Final

from mailhooks.policy import Services
from tests.support.policies import Counts, Groups, Mail, mail, mail_from, unlisted_mail
from workmail_local.policy_tools.memory_services import MemoryContacts

USER: Final = {"user@example.com"}
NONE: Final[set[str]] = set()

TWO: Final = mail(b"", "user@example.com", "other@example.net", direction="OUTBOUND")
TRUNCATED: Final = mail(b"", "user@example.com", truncated=True)
TRUNCATED_OUTBOUND: Final = mail(b"", "user@example.com", truncated=True, direction="OUTBOUND")
NO_SENDER: Final = mail_from("")
UNLISTED: Final = unlisted_mail()
ON_BEHALF: Final = mail(b"", sender="Sec@example.org")
NO_ADDRESS: Final = mail_from("no address at all \0\ud800")
IDN: Final = mail(b"", "a@xn--bcher-kva.example", "b@BÜCHER.example", "c@bu\u0308cher.example", "d@mail.bücher.example", "x@b.example")
IDN_ALL: Final = {"a@xn--bcher-kva.example", "b@b\u00fccher.example", "c@bu\u0308cher.example"}

Row = tuple[Any, Mail, set[str]]


def at(year: int, month: int, day: int, hour: int = 0, minute: int = 0, second: int = 0) -> Mail:
    return mail(b"", now=datetime(year, month, day, hour, minute, second, tzinfo=UTC))


def with_groups(*recipients: str, sender: str = "from@example.net", **groups: set[str]) -> Mail:
    sample = mail_from(sender, *recipients)
    return sample._replace(services=Services(directory=Groups({f"{name}@example.com": members for name, members in groups.items()})))


def with_counts(sample: Mail, **begun: int) -> Mail:
    """Return a message after earlier messages: their number by the end of the counter's key."""
    return sample._replace(services=Services(rates=Counts(begun)))


def with_contacts(sample: Mail, *known: str) -> Mail:
    """Return a message to people who had mail with these addresses before."""
    return sample._replace(services=Services(contacts=MemoryContacts(known)))


def _plus(*patterns: str, plus: bool = True) -> dict[str, Any]:
    return {"patterns": list(patterns), "plus_addresses": plus}


TAGGED: Final = [
    (_plus("ana@example.net"), "ana@example.net", True),
    (_plus("ana@example.net"), "ana+news@example.net", True),
    (_plus("ana@example.net"), "Ana+News+2@Example.NET", True),
    (_plus("ana@example.net"), "ana+@example.net", True),
    (_plus("ben@example.net", "ana@example.net"), "ana+x@example.net", True),
    (_plus("ana@bücher.example"), "ana+x@xn--bcher-kva.example", True),
    (_plus("jörg@example.net"), "JÖRG+x@example.net", True),
    (_plus("list:tagged"), "ana+x@example.net", True),
    (_plus("list:outer"), "ana+x@example.net", True),
    (_plus("example.net"), "ana+x@example.net", True),
    (_plus("*.example.net"), "ana+x@mail.example.net", True),
    (_plus("ana+news@example.net"), "ana+news@example.net", True),
    ("ana+news@example.net", "Ana+News@example.net", True),
    (_plus("ana+news@example.net"), "ana@example.net", False),
    (_plus("ana+news@example.net"), "ana+other@example.net", False),
    (_plus("ana@example.net"), "+ana@example.net", False),
    (_plus("ana@example.net"), "anab+x@example.net", False),
    (_plus("ana@example.net"), "x+ana@example.net", False),
    (_plus("ana@example.net"), "ana+x@mail.example.net", False),
    (_plus("ana@example.net"), "ana-x@example.net", False),
    (_plus("ana@example.net", plus=False), "ana+x@example.net", False),
    ("ana@example.net", "ana+x@example.net", False),
    ("list:tagged", "ana+x@example.net", False),
    ({"regex": "^ana@", "plus_addresses": True}, "ana+x@example.net", False),
    ({"regex": r"^ana\+", "plus_addresses": True}, "ana+x@example.net", True),
]
"""ADDRESSES, an address, and whether it matches."""


def _of_sender(found_in_sender: bool, found_in_from: bool) -> list[Row]:
    """Return the rows of every condition on the addresses of senders."""
    in_from, in_sender = (USER if found else NONE for found in (found_in_from, found_in_sender))
    return [
        ("from@example.net", mail(b""), in_from),
        (["example.org", "EXAMPLE.NET"], mail(b""), in_from),
        ("*.example.net", mail_from("a@deep.mail.Example.NET"), in_from),
        ("*.example.net", mail_from("a@notexample.net"), NONE),
        ({"regex": "^from@"}, mail(b""), in_from),
        ({"regex": "^rom@"}, mail(b""), NONE),
        ({"patterns": "example.org", "regex": ["x", "FROM"]}, mail(b""), in_from),
        ("list:own", mail(b""), in_from),
        ("example.org", mail(b""), NONE),
        ("sec@example.org", ON_BEHALF, in_sender),
        ("from@example.net", ON_BEHALF, in_from),
        ("example.net", NO_SENDER, NONE),
        ({"regex": "^$"}, NO_SENDER, NONE),
        ("example.net", mail_from(None), NONE),
        ("bücher.example", mail_from("a@xn--bcher-kva.Example"), in_from),
        ("*.BÜCHER.example", mail_from("a@mail.xn--bcher-kva.example"), in_from),
        ("a@bücher.example", mail_from("A@xn--bcher-kva.example"), in_from),
        ("xn--bcher-kva.example", mail_from("a@Bücher.example"), in_from),
        ({"regex": r"@xn--bcher-kva\."}, mail_from("a@bücher.example"), in_from),
        ("straße.example", mail_from("a@xn--strae-oqa.example"), in_from),
        ("straße.example", mail_from("a@strasse.example"), NONE),
        ("bücher.example", mail_from("a@bucher.example"), NONE),
        ("example.net", mail_from("a@" + "\u0300" * 200 + ".\ud800.example.net"), NONE),
        ("example.net", mail_from("a@\u00ad.\u06dd\u0041\u05d0.net\uff20example.net"), NONE),
        *[(value, mail_from(address), in_from if found else NONE) for value, address, found in TAGGED],
        ("example.net", NO_ADDRESS, NONE),
        ("example.net", mail_from("@" * 10_000), NONE),
        ("example.net", mail_from("a@" + "x." * 10_000 + "example.org"), NONE),
    ]


ENVELOPE: Final[dict[str, list[Row]]] = {
    "direction": [
        ("inbound", mail(b""), USER),
        ("outbound", mail(b""), NONE),
        ("outbound", TWO, {"user@example.com", "other@example.net"}),
        ("inbound", TWO, NONE),
        ("inbound", UNLISTED, {""}),
    ],
    "sender": [*_of_sender(True, True), ("*", mail(b""), USER), ("*", NO_SENDER, NONE)],
    "mail_from": [
        *_of_sender(False, True),
        ("*", mail(b""), USER),
        ("*", NO_SENDER, NONE),
        (["*", "example.net"], mail_from(None), NONE),
    ],
    "on_behalf_sender": [*_of_sender(True, False), ("*", ON_BEHALF, USER), ("*", mail(b""), NONE)],
    "on_behalf": [
        (True, ON_BEHALF, USER),
        (False, ON_BEHALF, NONE),
        (False, mail(b""), USER),
        (True, mail(b""), NONE),
        (False, NO_SENDER, USER),
    ],
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
        ({"regex": "^$"}, TRUNCATED, NONE),
        ("*", TWO, {*USER, "other@example.net"}),
        ("list:own", mail(b"", "from@example.net", "user@example.com"), {"from@example.net"}),
        ("example.org", TWO, NONE),
        ("example.com", TRUNCATED, USER),
        *[
            (value, mail(b"", address.lower(), "other@example.org"), {address.lower()} if found else NONE)
            for value, address, found in TAGGED
        ],
        (
            _plus("a@example.com", "b@example.com"),
            mail(b"", "a@example.com", "a+1@example.com", "a+2@example.com", "c+b@example.com"),
            {"a@example.com", "a+1@example.com", "a+2@example.com"},
        ),
        ("*", TRUNCATED, {*USER, ""}),
        ("example.com", UNLISTED, NONE),
        ("*", UNLISTED, {""}),
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
        ("example.com", TRUNCATED, {*USER, ""}),
        ("example.com", UNLISTED, NONE),
        ("*", UNLISTED, {""}),
        ("example.com", mail(b"", "nonsense"), NONE),
    ],
    "all_recipients": [
        (["example.com", "example.net"], TWO, {*USER, "other@example.net"}),
        ("example.com", TWO, NONE),
        ("*", TWO, {*USER, "other@example.net"}),
        ("example.com", TRUNCATED, NONE),
        ("*", TRUNCATED, {*USER, ""}),
        ("example.com", UNLISTED, NONE),
        ({"regex": "."}, mail(b"", "nonsense"), {"nonsense"}),
    ],
    "recipient_count": [
        ({"over": 1}, TWO, {*USER, "other@example.net"}),
        ({"over": 2}, TWO, NONE),
        ({"at_least": 2, "at_most": 2}, TWO, {*USER, "other@example.net"}),
        ({"under": 2}, TWO, NONE),
        ({"under": 2}, mail(b""), USER),
        ({"over": 3, "under": 3}, TWO, NONE),
        ({"at_least": 1}, UNLISTED, {""}),
        ({"at_most": 0}, UNLISTED, NONE),
        ({"over": 500}, TRUNCATED, {*USER, ""}),
        ({"at_most": 500}, TRUNCATED, NONE),
        ({"over": 10**15}, TWO, NONE),
        ({"at_least": 500}, mail(b"", *(f"u{n}@example.com" for n in range(500))), {f"u{n}@example.com" for n in range(500)}),
    ],
    "external_recipients": [
        ({"at_least": 1, "at_most": 1}, TWO, {*USER, "other@example.net"}),
        ({"over": 1}, TWO, NONE),
        ({"under": 1}, mail(b""), USER),
        ({"at_least": 1}, mail(b"", "a@sub.example.com"), {"a@sub.example.com"}),
        ({"at_most": 0}, mail(b"", "a@EXAMPLE.com"), {"a@EXAMPLE.com".lower()}),
        ({"at_most": 1}, mail(b"", "a@example.net", "A@Example.NET"), {"a@example.net"}),
        ({"at_most": 1}, mail(b"", "a@bücher.example", "a@xn--bcher-kva.example"), {"a@bücher.example", "a@xn--bcher-kva.example"}),
        ({"at_least": 3}, IDN, {*IDN_ALL, "d@mail.bücher.example", "x@b.example"}),
        ({"over": 500}, TRUNCATED_OUTBOUND, {*USER, ""}),
        ({"at_most": 500}, TRUNCATED_OUTBOUND, NONE),
        ({"at_most": 0}, TRUNCATED, {*USER, ""}),
        ({"at_least": 1}, TRUNCATED, NONE),
        ({"at_least": 1}, unlisted_mail(flowDirection="OUTBOUND"), {""}),
    ],
    "sender_scope": [
        ("internal", mail_from("a@Example.COM"), USER),
        ("external", mail_from("a@example.com"), NONE),
        ("external", mail(b""), USER),
        ("internal", mail(b""), NONE),
        ("internal", mail_from("a@sub.example.com"), NONE),
        ("external", NO_SENDER, NONE),
        ("internal", NO_SENDER, NONE),
        ("external", mail_from(None), NONE),
        ("external", mail_from("", sender="a@example.org"), NONE),
        ("internal", mail(b"", sender="a@example.com"), NONE),
        ("internal", mail_from("example.com"), USER),
        ("internal", NO_ADDRESS, NONE),
    ],
    "recipient_scope": [
        ("internal", TWO, USER),
        ("external", TWO, {"other@example.net"}),
        ("internal", TRUNCATED, {*USER, ""}),
        ("external", TRUNCATED, NONE),
        ("internal", TRUNCATED_OUTBOUND, USER),
        ("external", TRUNCATED_OUTBOUND, {""}),
        ("external", unlisted_mail(direction="OUTBOUND"), {""}),
        ("external", mail(b"", "nonsense", "a@example.com@example.net"), {"nonsense", "a@example.com@example.net"}),
    ],
    "audience": [
        ("mixed", TWO, {*USER, "other@example.net"}),
        (["internal", "external"], TWO, NONE),
        ("internal", mail(b""), USER),
        ("external", mail(b"", "a@example.net"), {"a@example.net"}),
        ("internal", TRUNCATED, {*USER, ""}),
        ("mixed", TRUNCATED_OUTBOUND, {*USER, ""}),
        ("external", unlisted_mail(direction="OUTBOUND"), {""}),
    ],
    "sender_in_group": [
        ("Staff@Example.com", with_groups(staff={"from@example.net"}), USER),
        (["none@example.com", "staff@example.com"], with_groups(staff={"from@example.net"}), USER),
        ("list:groups", with_groups(staff={"from@example.net"}), USER),
        ("staff@example.com", with_groups(staff={"other@example.net"}), NONE),
        ("unknown@example.com", with_groups(staff={"from@example.net"}), NONE),
        ("staff@example.com", with_groups(sender="", staff={"from@example.net"}), NONE),
        ("unknown\0@example.com", with_groups(staff={"from@example.net"}), NONE),
    ],
    "recipient_in_group": [
        ("staff@example.com", with_groups("A@example.com", "b@example.com", staff={"a@example.com"}), {"a@example.com"}),
        (["x@example.com", "staff@example.com"], with_groups("a@example.com", staff={"a@example.com"}), {"a@example.com"}),
        ("staff@example.com", with_groups("b@example.com", staff={"a@example.com"}), NONE),
        ("staff@example.com", UNLISTED._replace(services=Services(directory=Groups({"staff@example.com": {"a@example.com"}}))), NONE),
        ("staff@example.com", TRUNCATED._replace(services=Services(directory=Groups({"staff@example.com": {"user@example.com"}}))), USER),
        ("staff@example.com", with_groups("nonsense", staff={"a@example.com"}), NONE),
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
        ({"more_than": 3, "minutes": 5}, with_counts(mail(b"")), NONE),
        ({"more_than": 3, "minutes": 5}, with_counts(TWO, **{"to other@example.net": 3}), {"other@example.net"}),
        ({"more_than": 3, "minutes": 5}, with_counts(TWO, **{"to other@example.net": 2}), NONE),
        ({"more_than": 1, "minutes": 5, "per": "sender"}, with_counts(TWO, **{"from from@example.net": 1}), {*USER, "other@example.net"}),
        ({"more_than": 1, "minutes": 5, "per": "sender"}, with_counts(TWO, **{"from from@example.net": 0}), NONE),
        ({"more_than": 1, "minutes": 5, "per": "pair"}, with_counts(TWO, **{"to user@example.com from from@example.net": 1}), USER),
        ({"more_than": 1, "minutes": 5}, with_counts(UNLISTED, **{"to ": 9}), NONE),
        ({"more_than": 1, "minutes": 5}, with_counts(TRUNCATED, **{"to user@example.com": 9}), USER),
        ({"more_than": 1, "minutes": 5, "per": "sender"}, with_counts(NO_SENDER, **{"from ": 9}), NONE),
        ({"more_than": 1, "minutes": 5, "per": "pair"}, with_counts(NO_SENDER, **{"from ": 9}), NONE),
        ({"more_than": 1, "minutes": 5, "per": "recipient"}, with_counts(NO_SENDER, **{"to user@example.com": 9}), USER),
    ],
    "first_contact": [
        (True, with_contacts(mail(b"")), USER),
        (True, with_contacts(TWO), {"other@example.net"}),
        (True, with_contacts(mail(b"", "a@example.com", "b@example.com")), {"a@example.com", "b@example.com"}),
        (True, with_contacts(mail(b"", "a@example.com", "b@example.com"), "A@example.com"), {"b@example.com"}),
        (True, with_contacts(mail(b""), "from@example.net"), NONE),
        (True, with_contacts(mail_from("a@bücher.example"), "a@xn--bcher-kva.example"), NONE),
        (True, with_contacts(NO_SENDER), NONE),
        (True, with_contacts(mail_from(None)), NONE),
        (True, with_contacts(UNLISTED), NONE),
        (True, with_contacts(TRUNCATED), USER),
        (True, with_contacts(mail_from("user@example.com")), NONE),
        (True, with_contacts(ON_BEHALF, "sec@example.org"), USER),
        (True, with_contacts(mail_from("a@example.com", "b@example.com", direction="OUTBOUND")), NONE),
        (True, with_contacts(mail_from("a@example.com", "b@example.com")), {"b@example.com"}),
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
        ({"recipient": "example.com"}, TRUNCATED, {""}),
        ({"recipient": "user@example.com", "direction": "inbound"}, TWO, {*USER, "other@example.net"}),
        ({"not": {"recipient": "example.net"}}, TWO, {"other@example.net"}),
        ({"sender": "*"}, NO_SENDER, USER),
        ({"direction": "outbound"}, TWO, NONE),
    ],
}
