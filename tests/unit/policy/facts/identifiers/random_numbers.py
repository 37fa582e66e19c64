"""Random numbers of cards, accounts, persons and other things, from a seed."""

import re
import uuid
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from random import Random
from typing import Final

from stdnum import ean, luhn, numdb
from stdnum.es import dni
from stdnum.iso7064 import mod_11_10
from stdnum.it import codicefiscale
from stdnum.pl import pesel

ROUNDS: Final = 5000
_LETTERS: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"

IBAN_FORMS: Final[dict[str, str]] = {country: entry["bban"] for _, country, _, entry, _ in numdb.get("iban").prefixes}
"""The form of the national part by country, such as `8!n10!n`."""

ISSUERS: Final[dict[str, tuple[list[str], list[int]]]] = {
    "Visa": (["4"], [16, 19]),
    "Mastercard": (["51", "52", "53", "54", "55", "2221", "2299", "23", "2400", "2699", "2720"], [16]),
    "American Express": (["34", "37"], [15]),
    "Discover": (["6011", "644", "649", "65", "622126", "622925"], [16, 19]),
    "JCB": (["3528", "3550", "3589"], [16, 19]),
    "UnionPay": (["62", "810", "817"], [16, 17, 18, 19]),
    "Diners Club": (["300", "305", "3095", "36", "38", "39"], [14, 16, 19]),
    "Maestro": (["5018", "5020", "5038", "5893", "6304", "6759", "6761"], [12, 13, 14, 15, 16, 17, 18, 19]),
    "Mir": (["2200", "2204"], [16]),
    "RuPay": (["508", "606", "652"], [16]),
    "Troy": (["9792"], [16]),
}
"""Prefixes and lengths of card numbers."""


class Numbers:
    """Makes random numbers."""

    def __init__(self, seed: int = 15) -> None:
        self.random = Random(seed)
        self.choose = self.random.choice

    def digits(self, count: int) -> str:
        return "".join(self.choose("0123456789") for _ in range(count))

    def card(self, issuer: str) -> str:
        prefixes, lengths = ISSUERS[issuer]
        prefix = self.choose(prefixes)
        number = prefix + self.digits(self.choose(lengths) - 1 - len(prefix))
        return number + luhn.calc_check_digit(number)

    def iban(self, *countries: str) -> str:
        country = self.choose(countries or tuple(IBAN_FORMS))
        alphabets = {"n": "0123456789", "a": _LETTERS, "c": self.choose(("0123456789", "0123456789" + _LETTERS))}
        parts = re.findall(r"(\d+)!([nac])", IBAN_FORMS[country])
        account = "".join(self.choose(alphabets[kind]) for count, kind in parts for _ in range(int(count)))
        check = 98 - int("".join(str(int(each, 36)) for each in f"{account}{country}00")) % 97
        return f"{country}{check:02}{account}"

    def time(self) -> datetime:
        return datetime(2015, 1, 1) + timedelta(seconds=self.random.randrange(15 * 365 * 86400), microseconds=self.random.randrange(10**6))

    def isbn(self) -> str:
        number = self.choose(("978", "979")) + self.digits(9)
        number += ean.calc_check_digit(number)
        gap = self.choose(("", "-", " "))
        return gap.join((number[:3], number[3], number[4:7], number[7:12], number[12]))

    def uuid(self) -> str:
        return str(uuid.UUID(int=self.random.getrandbits(128), version=4))

    def us_ssn(self) -> str:
        area = self.random.randrange(1, 900)
        return f"{667 if area == 666 else area:03}-{self.random.randrange(1, 100):02}-{self.random.randrange(1, 10000):04}"

    def de_tax_id(self) -> str:
        """Return a number with one digit twice and without another one in its first ten digits."""
        some = self.random.sample("0123456789", 9)
        some.append(self.choose(some))
        self.random.shuffle(some)
        number = "".join(some)
        return self.de_tax_id() if number[0] == "0" else number + mod_11_10.calc_check_digit(number)

    def es_dni(self) -> str:
        number = self.digits(8)
        return number + dni.calc_check_digit(number)

    def it_codice_fiscale(self) -> str:
        name = "".join(self.choose(_LETTERS) for _ in range(6))
        code = (
            f"{name}{self.digits(2)}{self.choose('ABCDEHLMPRST')}{self.random.randrange(1, 29):02}{self.choose(_LETTERS)}{self.digits(3)}"
        )
        return code + codicefiscale.calc_check_digit(code)

    def pl_pesel(self) -> str:
        century = self.choose((0, 20))
        number = f"{self.digits(2)}{self.random.randrange(1, 13) + century:02}{self.random.randrange(1, 29):02}{self.digits(4)}"
        return number + pesel.calc_check_digit(number)


def by_fours(number: str, gap: str = " ") -> str:
    return gap.join(number[at : at + 4] for at in range(0, len(number), 4))


def as_on_card(number: str) -> list[str]:
    """Return the groups of a card number, as they are on the card."""
    if len(number) in (14, 15):
        return [number[:4], number[4:10], number[10:]]
    return [number[at : at + 4] for at in range(0, len(number), 4)]


def other_numbers(make: Numbers) -> Iterator[tuple[str, Callable[[], str]]]:
    """Yield kinds of numbers that are no card numbers, each with a function that makes one as it is in mail."""
    digits, choose = make.digits, make.choose
    yield "IBAN", lambda: choose(("%s", "IBAN: %s.", "IBAN%s", "iban %s BIC COBADEFFXXX")) % make.iban()
    yield "IBAN by fours", lambda: choose(("%s", "Please pay to %s until Friday", "IBAN: %s BIC COBADEFFXXX")) % by_fours(make.iban())
    yield "IBAN of Germany, Spain, Poland", lambda: by_fours(make.iban("DE", "ES", "PL"))
    yield "IBAN with other gaps", lambda: by_fours(make.iban(), choose("\u00a0\u2009\u202f\t-\u2011."))
    yield "IBAN in small letters", lambda: by_fours(make.iban()).lower()
    yield "IBAN on two lines", lambda: (lambda iban: f"{iban[:14]}\n{iban[15:]}")(by_fours(make.iban()))
    yield "IBAN with a gap after its country", lambda: (lambda iban: f"{iban[:2]} {iban[2:]}")(make.iban())
    yield "IBAN with a gap after its check digits", lambda: (lambda iban: f"{iban[:4]} {iban[4:]}")(make.iban())
    yield "account in Poland without its country", lambda: (lambda iban: f"{iban[2:4]} {by_fours(iban[4:])}")(make.iban("PL"))
    yield "UUID", make.uuid
    yield (
        "UUID in a text",
        lambda: choose(("{%s}", "urn:uuid:%s", "https://example.net/t/%s", "%s.pdf", "id=%s&x=1")) % make.uuid().upper(),
    )
    yield "UUID without hyphens", lambda: make.uuid().replace("-", "")
    yield "UUID by fours", lambda: by_fours(make.uuid().replace("-", ""))
    yield "seconds", lambda: f"{make.time().timestamp():.0f}"
    yield "milliseconds", lambda: choose(("%d", "?ts=%d&id=7", "ts: %d")) % (make.time().timestamp() * 1000)
    yield "microseconds", lambda: f"{make.time().timestamp() * 10**6:.0f}"
    yield "nanoseconds", lambda: f"{make.time().timestamp() * 10**6:.0f}{digits(3)}"
    yield "time in digits", lambda: f"{make.time():%Y%m%d%H%M%S}"
    yield "time in digits with milliseconds", lambda: f"{make.time():%Y%m%d%H%M%S%f}"[:17]
    yield "time of ISO 8601", lambda: choose((f"{make.time():%Y%m%dT%H%M%SZ}", make.time().isoformat()))
    yield "order number by hyphens", lambda: choose((f"{digits(3)}-{digits(7)}-{digits(7)}", f"{digits(2)}-{digits(5)}-{digits(5)}"))
    yield "order number with a prefix", lambda: choose(("ORD-", "PO-", "TXN_", "W", "INV-")) + digits(choose((8, 10, 12, 14, 15, 16)))
    yield "order number with a date", lambda: f"{make.time():%Y%m%d}-{digits(6)}"
    yield "order number", lambda: digits(choose((8, 9, 10, 11, 12, 13)))
    yield "order number by fours", lambda: by_fours(digits(12))
    yield "order number with a label", lambda: choose(_ORDER_LABELS) % digits(choose((12, 13, 14, 15, 16, 17)))
    yield "order number with other words", lambda: choose(_LOOSE_ORDER_LABELS) % digits(16)
    yield "order number in a table", lambda: choose(_ORDER_TABLES) % (digits(16), digits(16))
    yield "ISBN", make.isbn
    yield "EAN", lambda: (lambda number: number + ean.calc_check_digit(number))(f"4{digits(11)}")
    yield "telephone number", lambda: choose(("+49 30 %s", "+49151%s", "0049 151 %s", "(030) %s", "+44 20 %s", "+34 %s")) % digits(8)
    yield "telephone number by groups", lambda: f"+{make.random.randrange(1, 999)} {digits(3)} {digits(3)} {digits(4)}"
    yield "parcel of UPS", lambda: f"1Z{digits(3)}{choose(_LETTERS)}{digits(12)}"
    yield "parcel of DHL", lambda: choose((digits(12), f"00340434{digits(12)}", by_fours(f"00340434{digits(12)}")))
    yield "parcel of FedEx", lambda: choose((digits(12), by_fours(digits(12)), f"96{digits(18)}", f"Tracking number: {digits(15)}"))
    yield "parcel of USPS", lambda: by_fours(f"9{digits(21)}")
    yield "invoice number", lambda: choose(("RE-2026-%s", "INV%s", "2026-11-%s", "Rechnung Nr. %s")) % digits(8)
    yield "IMEI", lambda: (lambda number: number + luhn.calc_check_digit(number))(choose(("35", "86", "01")) + digits(12))
    yield "IMEISV", lambda: f"IMEISV: 35{digits(14)}"
    yield "column of small numbers", lambda: "\n".join(digits(4) for _ in range(9))
    yield "decimal fraction", lambda: choose(("{}", "x={};")).format(make.random.random()).replace(".", choose(".,"))


_ORDER_LABELS: Final = (
    "Order no. %s", "order number: %s", "Order #%s", "Order ID: %s", "Order %s", "Bestellnummer: %s", "Bestell-Nr. %s", "Auftragsnummer %s",
    "Pedido nº %s", "Commande n° %s", "Ordine n. %s", "Zamówienie nr %s", "订单号\uff1a%s", "您的订单号 %s", "注文番号 %s",
    "Tracking number\n%s",
)  # fmt: skip

_LOOSE_ORDER_LABELS: Final = (
    "Order (%s)", "order [%s]", "your order (no. %s)", "Order \u201c%s\u201d", "Order number of your purchase: %s", "Bestellung (%s)",
    "Ihre Bestellnummer vom Montag: %s", "Invoice number for this month is %s", "Le num\u00e9ro est : commande (%s)",
    "Tracking number of your parcel: %s, see below", "N\u00famero de pedido; pedido (%s)", "Reference number (please quote it): %s",
)  # fmt: skip
_ORDER_TABLES: Final = (
    "Order number\tDate\n%s\t2026-11-02\n%s\t2026-11-03", "Date;Order no.;Name\n2026-11-02;%s;Ana\n2026-11-03;%s;Bob",
    "Name,Order ID\n\"Silva, Ana\",%s\nBob,%s", "| Date | Bestellnummer |\n|---|---|\n| 2 Nov | %s |\n| 3 Nov | %s |",
    "Order\r\n%s\r\n%s", "Date\tInvoice number\tSum\r\n1 May\t%s\t5.00\r\n2 May\t%s\t6.00",
)  # fmt: skip
