"""The table of `doctor`."""

import shlex

import pytest

from workmail_local.cli.doctor import format_report
from workmail_local.console.style import Style
from workmail_local.doctor.examination import Topic
from workmail_local.doctor.findings import Finding, Status, fail, hide_addresses, pass_check, skip, warn


def _format(*findings: Finding, colour: bool = False) -> list[str]:
    return list(format_report([Topic("Logs", findings)], Style(colour)))


def test_the_last_line_counts_the_rows_by_status() -> None:
    lines = _format(pass_check("a", "x"), pass_check("b", "x"), warn("c", "x", "y"), fail("d", "x", "y"), skip("e", "x", "y"))
    assert lines[0] == "Logs"
    assert lines[-1] == "2 ok, 1 warning, 1 wrong, 1 unchecked"


def test_long_texts_are_wrapped_below_their_column_at_100_columns() -> None:
    lines = _format(fail("log group", "found " * 40, "mend " * 40))
    assert max(map(len, lines)) <= 100
    assert lines[2].startswith(" " * 29 + "found")
    assert next(line for line in lines if "Mend" in line).startswith("      Mend: mend")


def test_a_long_word_is_never_cut() -> None:
    arn = "arn:aws:lambda:us-east-1:111122223333:function:" + "x" * 90
    assert any(arn in line for line in _format(warn("flow rule", "no call", f"Use {arn}")))


@pytest.mark.parametrize("words", [("aws", "s3", "ls"), ("aws", *(f"--option-{number}" for number in range(30)), "a value 'quoted'")])
def test_a_command_is_broken_as_a_shell_reads_it(words: tuple[str, ...]) -> None:
    lines = _format(fail("a", "b", "c", words))
    start = next(number for number, line in enumerate(lines) if "aws" in line)
    assert max(map(len, lines)) <= 100
    assert tuple(shlex.split("\n".join(lines[start:-1]).replace("\\\n", ""))) == words


def test_colours_are_only_for_terminals() -> None:
    finding = fail("a", "b", "c")
    assert "\x1b" in "".join(_format(finding, colour=True))
    assert "\x1b" not in "".join(_format(finding))


def test_control_characters_and_addresses_of_an_answer_are_not_printed() -> None:
    text = "\n".join(_format(fail("a", "for \x1b[2J ana@example.com", "ask <ben@example.org>", ("echo", "eve@example.net"))))
    assert "\x1b" not in text
    assert "@" not in text
    assert text.count("(address)") == 3


def test_arns_and_commands_without_addresses_stay_as_they_are() -> None:
    text = "arn:aws:iam::111122223333:role/mail --principal workmail.us-east-1.amazonaws.com"
    assert hide_addresses(text) == text


def test_each_status_fits_its_column() -> None:
    assert max(map(len, Status)) == len(Status.UNCHECKED)
