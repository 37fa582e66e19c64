"""Card numbers are found in every way of writing, and other numbers are no card numbers."""

from collections.abc import Callable
from typing import Final

import pytest

from mailhooks.deadline import Deadline
from mailhooks.errors import NoTimeLeft
from mailhooks.policy.facts.identifiers import CARD_NUMBER, find_identifiers
from mailhooks.policy.facts.identifiers.cards import _CANDIDATE, _is_card_number
from tests.unit.policy.facts.identifiers.random_numbers import ISSUERS, ROUNDS, Numbers, as_on_card, by_fours, other_numbers


def has_card(text: str) -> bool:
    return list(find_identifiers(text, [CARD_NUMBER])) == [CARD_NUMBER]


def joined(gap: str) -> Callable[[str], str]:
    return lambda number: gap.join(as_on_card(number))


def translated(zero: str) -> Callable[[str], str]:
    digits = str.maketrans({str(value): chr(ord(zero) + value) for value in range(10)})
    return lambda number: f"{number} / {by_fours(number)}".translate(digits)


def halves(number: str) -> tuple[str, str]:
    groups = as_on_card(number)
    return " ".join(groups[:2]), " ".join(groups[2:])


WAYS: Final[dict[str, Callable[[str], str]]] = {
    "in one piece": lambda number: f"My card is {number}.\nThanks",
    "spaces": lambda number: f"My card: {' '.join(as_on_card(number))}, thanks",
    "hyphens": joined("-"),
    "no-break spaces": joined("\u00a0"),
    "thin spaces": joined("\u2009"),
    "narrow spaces": joined("\u202f"),
    "ideographic spaces": joined("\u3000"),
    "tabs": joined("\t"),
    "hyphens in spaces": joined(" - "),
    "dashes": joined("\u2013"),
    "minus signs": joined("\u2212"),
    "full-width hyphens": joined("\uff0d"),
    "dots": joined("."),
    "by fours": by_fours,
    "column after a comma": lambda number: f"17,{number},Bob",
    "column before a comma": lambda number: f"Bob,{number},12/27,123",
    "column after a semicolon": lambda number: f"17;{number};1227",
    "column after a tab": lambda number: f"17\t{number}\t1227",
    "column in quotes": lambda number: f'"17","{number}","12/27"',
    "column in bars": lambda number: f"| 17|{number}|Bob |",
    "groups in a column": lambda number: f"Bob;{' '.join(as_on_card(number))};1227",
    "in two lines": lambda number: "\n".join(halves(number)),
    "in two lines of a quote": lambda number: "> {}\n> {}".format(*halves(number)),
    "one line for each group": lambda number: f"Card\n{chr(10).join(as_on_card(number))}\nThanks",
    "cells of a table": lambda number: "17\n\n{}\n\nBob".format("\n\n".join(as_on_card(number))),
    "with expiry and check number": lambda number: f"{' '.join(as_on_card(number))} 12/27 123",
    "with expiry in digits": lambda number: f"{' '.join(as_on_card(number))} 1227",
    "after a year": lambda number: f"2026 {' '.join(as_on_card(number))}",
    "before another card": lambda number: f"{by_fours(number)} 5555 5555 5555 4444",
    "after an order and the word card": lambda number: f"Order 4711, paid with card {number}",
    "after an order number and an issuer": lambda number: f"Order number 4711 for Visa {number}",
    "after an order that has its number": lambda number: f"Order no. 4711: {number}",
    "before an issuer in a line of an order": lambda number: f"Order number and payment: {number} (Visa)",
    "under an order number": lambda number: f"Order number 4711\nPaid by {number}",
    "column of cards by a column of orders": lambda number: f"Order number\tCard\n4711\t{number}\n4712\t{number}",
    "column of cards before a column of orders": lambda number: f"Karte;Bestellnummer\n{number};4711",
    "column in quotes by a column of orders": lambda number: f'Name,Card,Order\n"Silva, Ana",{number},4711',
    "row without a cell": lambda number: f"Name,Order,Card\nSilva,{number}",
    "in brackets": lambda number: f"({number})",
    "emphasized": lambda number: f"*{number}* or _{number}_",
    "in JSON": lambda number: f'{{"pan":"{number}"}}',
    "parameter of a URL": lambda number: f"https://pay.example.net/?id=7&card={number}&x=1",
    "after a hyphen and the word card": lambda number: f"Card-{number}",
    "Chinese": lambda number: f"卡号{number}有效",
    "Japanese": lambda number: f"カード番号は{number}です",
    "Korean": lambda number: f"{'-'.join(as_on_card(number))}입니다",
    "Thai": lambda number: f"บัตรที่{number}ครับ",
    "Arabic digits": translated("\u0660"),
    "Devanagari digits": translated("\u0966"),
    "full-width digits": translated("\uff10"),
    "invisible characters": lambda number: "\u200b".join(number),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("issuer", ISSUERS)
def test_each_card_number_is_found(issuer: str, way: str) -> None:
    make = Numbers()
    missed = [text for text in (WAYS[way](make.card(issuer)) for _ in range(100)) if not has_card(text)]
    assert missed == []


@pytest.mark.parametrize("kind", dict(other_numbers(Numbers())))
def test_other_numbers_are_no_card_numbers(kind: str) -> None:
    write = dict(other_numbers(Numbers()))[kind]
    found = [text for text in (write() for _ in range(ROUNDS)) if has_card(text)]
    assert len(found) < ROUNDS / 1000, found


@pytest.mark.parametrize(
    "text, found",
    [
        # No issuer has this prefix or this length.
        pytest.param("1111111111111117", False, id="no issuer"),
        pytest.param("411111111111116", False, id="a Visa of 15 digits"),
        pytest.param("https://news.example.net/u?ts=1795512345004&id=7", False, id="milliseconds"),
        pytest.param("4222222222222", False, id="13 digits"),
        pytest.param("Visa 4222222222222", True, id="13 digits after a label"),
        pytest.param("name,card,exp\nBob,4222222222222,12/27", True, id="13 digits under a label"),
        # The token continues with letters or digits.
        pytest.param("4111111111111111a", False, id="a letter after it"),
        pytest.param("x4111 1111 1111 1111", False, id="a letter before it"),
        pytest.param("ж4111111111111111", False, id="a Cyrillic letter"),
        pytest.param("कि4111111111111111", False, id="a mark of a letter"),
        pytest.param("4111111111111111\u0301", False, id="a mark"),
        pytest.param("٣4111111111111111", False, id="a digit of another script"),
        pytest.param("https://desk.example.net/t/29054325-2048-4855-b66c-f2db26efb20c", False, id="a UUID"),
        pytest.param("4111-1111-1111-1111-A7F3", False, id="a license key"),
        pytest.param("b66c-4111-1111-1111-1111", False, id="a license key before it"),
        pytest.param("4111-1111-1111-1111-Visa", True, id="a word after it"),
        # Decimal fractions and columns.
        pytest.param("0,4111111111111111", False, id="decimal comma"),
        pytest.param("0,4111111111111111,Bob", True, id="a column after 0"),
        pytest.param("17,4111111111111111", True, id="a column after 17"),
        pytest.param("3.4111 1111 1111 1111", False, id="decimal point"),
        # Rows of groups.
        pytest.param("4111 1111 1111 1111 4321 9999", False, id="a longer row"),
        pytest.param("9999 4321 4111 1111 1111 1111", False, id="a longer row before it"),
        pytest.param(" ".join(["4111 1111 1111 1111"] * 9), True, id="a row of cards"),
        pytest.param("4111 1111 1111 1111 5555 5555 5555 4444 9999", False, id="a row that ends with another group"),
        pytest.param("4111 1111 1111 1111\t4321\t9999", True, id="other columns"),
        pytest.param("4111\n\n1111 1111\n\n1111", False, id="blank lines that are not between cells"),
        # Texts of the form of an IBAN.
        pytest.param("DE89 3704 0044 0532 0130 00", False, id="an IBAN"),
        pytest.param("CC 4111 1111 1111 1111", True, id="two letters before it"),
        pytest.param("Order 12, 4111 1111 1111 1111", True, id="a number before it"),
        # URLs, addresses and labels.
        pytest.param("https://example.com/order/4111111111111111", False, id="a path of a URL"),
        pytest.param("www.example.com/?id=4111111111111111", False, id="a parameter of a URL"),
        pytest.param("https://example.com/?cc_number=4111111111111111", True, id="a parameter with the name of a card"),
        pytest.param("example.com/groups/4111111111111111", False, id="a URL without its scheme"),
        pytest.param("example.com/?pan=4111111111111111", True, id="a card in a URL without its scheme"),
        pytest.param("and/4111111111111111", True, id="a slash"),
        pytest.param("https://example.com/pay 4111111111111111", True, id="after a URL"),
        pytest.param("https://example.com,4111111111111111", True, id="a column after a URL"),
        pytest.param("4111111111111111@example.com", False, id="a mailbox"),
        pytest.param("<4111111111111111.17@mx.example.com>", False, id="a Message-ID"),
        pytest.param("4111111111111111 ana@example.com", True, id="before an address"),
        pytest.param("4111111111111111,ana@example.com", True, id="a column before an address"),
        pytest.param("Tracking number: 4111111111111111", False, id="a label"),
        pytest.param("Tracking number: 4111 1111 1111 1111", True, id="in groups after a label"),
        pytest.param("For order 17, card 4111111111111111", True, id="a label of another number"),
        pytest.param("Order number lost. Charge 4111111111111111", True, id="a label in another sentence"),
        pytest.param("Order number and Visa: 4111111111111111", True, id="a card nearer than a label"),
        pytest.param("Paid by card, order number (4111111111111111)", False, id="a label nearer than a card"),
        pytest.param("Order\t4111111111111111\nNo\t4111111111111111", True, id="a head of another column"),
        pytest.param("Border 4111111111111111", True, id="a word that ends as a label"),
        pytest.param("TXN-4111111111111111", False, id="a prefix"),
        pytest.param("Kreditkarte-4111111111111111", True, id="the word card as a prefix"),
        pytest.param("4111111111111111-123", True, id="the check number after a hyphen"),
        # Groups.
        pytest.param("622202 1234567890128", True, id="UnionPay by 6 and 13"),
        pytest.param("41111111 11111111", False, id="two numbers of 8 digits"),
        pytest.param("4111 111111 111111", False, id="groups of no issuer"),
    ],
)
def test_what_is_around_a_number_decides(text: str, found: bool) -> None:
    assert has_card(text) is found


PUBLISHED: Final = (
    "4242424242424242 4000056655665556 5555555555554444 2223003122003222 5200828282828210 378282246310005 371449635398431 6011111111111117"
    " 6011000990139424 3056930009020004 36227206271667 6555900000604105 3566002020360505 6200000000000047 6205500000000000004"  # Stripe
    " 4166676667666746 5577000055770004 2222410740360010 370000000000002 6011601160116611 6445644564456445 36006666333344 3569990010095841"
    " 6243030000000001 8171999927660000 6771798021000008 6731012345678906 5066991111111118 5019555544445555 6370950000000005"  # Adyen
    " 4009348888881881 2223000048400011 6304000000000000 6062826786276634"  # Braintree
    " 4917610000000000003 4462000000000003 6759649826438453 6799990100000000019 5454545454545454 343434343434343"  # Worldpay
    " 4444333322221111 2720994326581252 341111111111111 38520000023237 30569309025904 6362970000457013"  # PayPal and others
)
"""Numbers that payment services publish for tests of shops."""


@pytest.mark.parametrize("number", PUBLISHED.split())
def test_published_test_numbers_are_found(number: str) -> None:
    assert has_card(f"Please charge {number} today")
    assert has_card(f"Please charge {by_fours(number)} today")


@pytest.mark.parametrize(
    "text",
    """Order number is #|Ihre Bestellnummer lautet #.|Le numéro de suivi est #|"order_id":"#"|**Order:** #|Case ID #|Policy number: #
    Mandatsreferenz #|Versicherungsschein-Nr. #|Zählernummer #|S/N #|PO number #|RMA #|Ordrenummer #|Beställningsnummer: #|tilausnumero #
    Číslo objednávky: #|Rendelésszám: #|Αριθμός παραγγελίας: #|מספר הזמנה #|رقم الطلب #|Mã đơn hàng: #|หมายเลขคำสั่งซื้อ #
    comanda nr. #|ordem nº #""".replace("\n    ", "|").split("|"),
)
def test_a_label_of_another_thing_is_understood_with_its_words(text: str) -> None:
    assert not has_card(text.replace("#", "4111111111111111"))


@pytest.mark.parametrize(
    "text",
    [
        "In this case: #",
        "im Fall #",
        "Pos. #",
        "card account number #",
        "charge the invoice to #",
        "card of the customer (#)",
        "card²: #",
        "pay by #³",
    ],
)
def test_such_a_word_before_a_card_number_is_no_label(text: str) -> None:
    assert has_card(text.replace("#", "4111111111111111"))


GROUPS: Final = ("4111", "1111", "5555", "4444", "2026", "1227", "5018", "123", "3782822463", "5555555555554444")


@pytest.mark.parametrize("gaps", [" ", "\n", " -", " -.", "\t\n\n /"])
def test_long_rows_are_searched_as_each_of_their_numbers(gaps: str) -> None:
    """The row is divided at each group: a number in it is found only if it is found with what is around it."""
    make = Numbers()
    for _ in range(200):
        row = "".join(make.choose(GROUPS[:6] if make.random.random() < 0.95 else GROUPS) + gaps[at % len(gaps)] for at in range(24))
        alone = any(_is_card_number(row, found) for found in _CANDIDATE.finditer(row))
        assert has_card(row) is alone, row


def test_a_search_of_a_long_text_that_the_deadline_ends_is_an_error() -> None:
    over, many = Deadline.after(0), " " * 100_000
    for names in ([CARD_NUMBER], ["iban", "us_ssn"]):
        with pytest.raises(NoTimeLeft, match="not at its end"):
            list(find_identifiers(f"4111 1111 1111 1112{many}", names, over))
        assert list(find_identifiers("4111 1111 1111 1112", names, over)) == []
    assert list(find_identifiers(f"4111 1111 1111 1111{many}", [CARD_NUMBER], over)) == [CARD_NUMBER]
