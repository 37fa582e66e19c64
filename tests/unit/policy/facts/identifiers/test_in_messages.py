"""Identifiers are found in subjects, bodies and header fields of messages."""

from typing import Any, Final

import pytest

from mailhooks.deadline import Deadline
from mailhooks.policy.evaluation.outcome import Trace
from tests.support.policies import HEAD, evaluate, mail, make_policy, match_conditions
from tests.unit.policy.rules.content_tables import field, html, plain, subject
from tests.unit.policy.rules.envelope_tables import NONE, USER

CARD: Final = {"card_number": True}
CELLS: Final = ("4111", "1111", "1111", "1111")


@pytest.mark.parametrize(
    "text, found",
    [
        # Cases 530, 532 and 611: a UUID, milliseconds, the columns of a table.
        ("Ticket https://desk.example.net/t/29054325-2048-4855-b66c-f2db26efb20c is open.", NONE),
        ("Unsubscribe: https://news.example.net/u?ts=1795512345004&id=7", NONE),
        ("name,card,exp,cvc\nBob,4111111111111111,12/27,123", USER),
        ("id,card,name\n17,4111111111111111,Bob", USER),
        ("17;4111111111111111;1227", USER),
        ("17\t4111111111111111\t1227", USER),
        ("My card is 4111111111111111.\nThanks", USER),
    ],
)
def test_handed_cases(text: str, found: set[str]) -> None:
    assert match_conditions({"subject_or_body": CARD}, plain(text)) == found


@pytest.mark.parametrize(
    "markup, found",
    [
        (f"<table><tr><td>Card</td><td>{'</td><td>'.join(CELLS)}</td></tr></table>", USER),
        ("<table>\n <tr>\n  <td>{}</td>\n </tr>\n</table>".format("</td>\n  <td>".join(CELLS)), USER),
        (f"<table><tr><td>{'</td></tr><tr><td>'.join(CELLS)}</td></tr></table>", USER),
        ("<table><tr><td>17</td><td>4111111111111111</td><td>1227</td></tr></table>", USER),
        ("<table><tr><td>17</td><td>4111 1111 1111 1111</td><td>1227</td></tr></table>", USER),
        (f"<p>{'&nbsp;'.join(CELLS)}", USER),
        (f"<p>{'&thinsp;'.join(CELLS)}", USER),
        (f"<p>{'&shy;'.join(CELLS)}", USER),
        (f"<p>{'<wbr>'.join(CELLS)}", USER),
        (f"<p>{'</b> <b>'.join(CELLS)}", USER),
        (f"<p>{'<br>'.join(CELLS)}", USER),
        ("<a href='https://example.net/4111111111111111'>here</a>", NONE),
        ("<p>4111 1111</p><p>1111 1111</p>", NONE),
    ],
)
def test_cards_in_html(markup: str, found: set[str]) -> None:
    assert match_conditions({"body": CARD}, html(markup)) == found


def test_each_condition_on_a_text_finds_identifiers() -> None:
    ssn = "SSN 536-90-4399"
    for value in ({"identifiers": "us_ssn"}, {"identifiers": ["iban", "us_ssn"]}, {"identifiers": ["us_ssn"], "words": "no"}):
        assert match_conditions({"body": value}, plain(ssn)) == USER
        assert match_conditions({"subject": value}, subject(ssn)) == USER
        assert match_conditions({"subject_or_body": value}, subject(ssn)) == USER
        assert match_conditions({"header": {"name": "X-A", **value}}, field("X-A", "SSN\r\n 536-90-4399")) == USER
        assert match_conditions({"body": value}, plain("4111 1111 1111 1111")) == NONE
    assert match_conditions({"body": {"identifiers": "iban", "card_number": True}}, plain("4111 1111 1111 1111")) == USER
    assert match_conditions({"header": {"name": "References", **CARD}}, field("References", "<4111111111111111@example.net>")) == NONE


def test_a_number_in_a_long_line_of_a_transfer_encoding_is_found() -> None:
    assert match_conditions({"body": CARD}, plain("4111=20=\r\n1111 1111 11=\r\n11", encoding="quoted-printable")) == USER
    flowed = HEAD + b"MIME-Version: 1.0\r\nContent-Type: text/plain; format=flowed\r\n\r\n> My card 4111 1111 \r\n> 1111 1111\r\n"
    assert match_conditions({"body": CARD}, mail(flowed)) == USER


@pytest.mark.parametrize(
    "condition, expected",
    [
        ({"body": CARD}, "card_number in 19 characters of text"),
        ({"body": {"identifiers": ["iban", "us_ssn"]}}, "no identifier in 19 characters of text"),
        ({"subject_or_body": CARD | {"identifiers": "iban"}}, "card_number in 28 characters of text"),
    ],
)
def test_a_trace_names_the_identifiers_and_not_the_numbers(condition: dict[str, Any], expected: str) -> None:
    trace = Trace()
    evaluate(make_policy({"when": condition, "do": "drop"}), plain("4111 1111 1111 1111"), trace=trace)
    [[traced]] = [rule.conditions for rule in trace.rules]
    assert traced.observed == expected


@pytest.mark.parametrize("on_error, matched", [("skip", ()), ("apply", ("rule 0",))])
def test_on_error_decides_when_the_deadline_ends_the_search_of_the_body(on_error: str, matched: tuple[str, ...]) -> None:
    rules = make_policy({"when": {"body": CARD}, "do": {"headers": {"set": {"X-A": "1"}}}, "on_error": on_error})
    body = plain("4111 1111 1111 1112" + " a" * 60_000)
    assert evaluate(rules, body, deadline=Deadline.after(0)).matched == matched
