"""The arguments of MAIL, RCPT and XFORWARD keep the spelling of the client."""

import pytest

from mail_gateway.smtp.commands import (
    CommandRefused,
    MailParameters,
    Path,
    check_recipient,
    check_sender,
    parse_mail_parameters,
    parse_path,
    parse_xforward,
)


@pytest.mark.parametrize(
    "argument, expected",
    [
        ("FROM:<nora@example.net>", Path("nora@example.net", {})),
        ("from: <Nora.Ü@Example.NET> body=8BITMIME SIZE=10", Path("Nora.Ü@Example.NET", {"BODY": "8BITMIME", "SIZE": "10"})),
        ("FROM:<>", Path("", {})),
        ('FROM:<"a> b"@example.net> SMTPUTF8', Path('"a> b"@example.net', {"SMTPUTF8": ""})),
        ("FROM:<@relay.example.com,@b.example.com:nora@example.net>", Path("nora@example.net", {})),
        ("FROM:<nora+=?utf-8?q?x?=@example.net>", Path("nora+=?utf-8?q?x?=@example.net", {})),
    ],
)
def test_a_path_is_read_as_it_is_written(argument: str, expected: Path) -> None:
    assert parse_path(argument, "FROM", extended=True) == expected


@pytest.mark.parametrize(
    "argument",
    [
        None,
        "",
        "FROM",
        "TO:<a@example.net>",
        "FROM:a@example.net",
        "FROM:<a b@example.net>",
        "FROM:<a@example.net> SIZE=1 SIZE=2",
        "FROM:<a@example.net>x",
    ],
)
def test_another_argument_is_refused(argument: str | None) -> None:
    with pytest.raises(CommandRefused, match=r"^501 5\.5\.4 "):
        parse_path(argument, "FROM", extended=True)


def test_parameters_need_an_extended_greeting() -> None:
    with pytest.raises(CommandRefused, match=r"^501 5\.5\.4 Syntax: RCPT TO:<address>$"):
        parse_path("TO:<ana@example.com> NOTIFY=NEVER", "TO", extended=False)


def test_the_parameters_of_mail() -> None:
    assert parse_mail_parameters({"SIZE": "1000", "BODY": "8bitmime", "SMTPUTF8": ""}, 1000) == MailParameters(
        1000, "8BITMIME", smtputf8=True
    )
    assert parse_mail_parameters({}, 1000) == MailParameters()


@pytest.mark.parametrize(
    "parameters, reply",
    [
        ({"SIZE": "1001"}, "552 5.3.4 The message is too large: this host accepts 1000 octets"),
        ({"SIZE": "1x"}, "501 5.5.4 Syntax: SIZE=octets"),
        ({"SIZE": ""}, "501 5.5.4 Syntax: SIZE=octets"),
        ({"BODY": "BINARYMIME"}, "501 5.5.4 Syntax: BODY=7BIT or BODY=8BITMIME"),
        ({"SMTPUTF8": "1"}, "501 5.5.4 SMTPUTF8 has no value"),
        ({"RET": "FULL"}, "555 5.5.4 The parameter RET is not known"),
    ],
)
def test_another_parameter_of_mail_is_refused(parameters: dict[str, str], reply: str) -> None:
    with pytest.raises(CommandRefused) as refused:
        parse_mail_parameters(parameters, 1000)
    assert str(refused.value) == reply


def test_an_address_that_is_not_ascii_needs_smtputf8() -> None:
    check_sender("", smtputf8=False)
    check_sender("jörg@example.net", smtputf8=True)
    check_recipient("Postmaster", smtputf8=False)
    for check in (check_sender, check_recipient):
        with pytest.raises(CommandRefused, match=r"^553 5\.6\.7 "):
            check("jörg@example.net", smtputf8=False)


def test_an_address_without_a_domain_is_refused() -> None:
    with pytest.raises(CommandRefused, match=r"^501 5\.1\.7 "):
        check_sender("nora", smtputf8=False)
    with pytest.raises(CommandRefused, match=r"^501 5\.1\.3 "):
        check_recipient("ana", smtputf8=False)


def test_attributes_of_xforward_keep_their_encoding() -> None:
    assert parse_xforward("NAME=spike.example.net ADDR=IPv6:2001:db8::1 helo=a+2Bb") == {
        "NAME": "spike.example.net",
        "ADDR": "IPv6:2001:db8::1",
        "HELO": "a+2Bb",
    }


@pytest.mark.parametrize("argument", [None, "", "NAME", "NAME=", "COLOUR=red", "NAME=a\rb"])
def test_other_attributes_are_refused(argument: str | None) -> None:
    with pytest.raises(CommandRefused, match=r"^501 5\.5\.4 Syntax: XFORWARD"):
        parse_xforward(argument)
