"""The error texts of services without the values that they may quote from a message."""

import doctest

import pytest

from mailhooks.aws import service_texts
from mailhooks.aws.service_texts import remove_content


@pytest.mark.parametrize(
    "text, expected",
    [
        ("", "no reason given"),
        ("The required header Date is missing", "The required header Date is missing"),
        ("duplicate header 'Subject'", "duplicate header 'Subject'"),
        ("Header Subject has value Pay raise for Ana Lee", "Header Subject has value <...> for <...>"),
        ("the value \"My secret\" of 'X-Secret' is invalid", "the value <...> of <...> is invalid"),
        ("the value «Mein Geheimnis» is invalid", "the value <...> is invalid"),
        ("header Subject: My project; 'Date' of a@example.com", "header Subject: <...>"),
        ("X-Case: Smith v. Jones is invalid", "<...> is invalid"),
        ("Unsupported attachment type: salary.exe (application/x-msdownload)", "Unsupported attachment type: <...>"),
        ("filename=payroll-ana.pdf is not supported", "<...> is not supported"),
        ("line 12 exceeds 998 octets: Dear Mr Smith", "line <...> exceeds <...> octets: <...>"),
        ("could not deliver to <ben@example.org>", "<...> not <...> to <...>"),
        ("Call +49 30 1234567 or 4111-1111-1111-1111", "<...> or <...>"),
        ("the boundary =_secret_42 is missing\nBcc: carol@example.net, Dave Smith", "the boundary <...> is missing Bcc: <...>"),
        ("https://example.com/private?token=abc is not accessible", "<...> is not <...>"),
        ("Prüfung in Zürich ist ungültig", "<...> in <...>"),
    ],
)
def test_values_are_removed_quoted_or_not(text: str, expected: str) -> None:
    assert remove_content(text) == expected


def test_a_text_of_any_length_is_short_and_takes_linear_time() -> None:
    for unit in ("'", '"', "a: ", "<...> ", "x@", "subject: "):
        assert len(remove_content(unit * 1_000_000)) <= 300


def test_the_examples_work() -> None:
    results = doctest.testmod(service_texts)
    assert results.attempted
    assert not results.failed
