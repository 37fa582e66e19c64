"""The table `[smtp]`."""

from pathlib import Path

import pytest

from mail_gateway.toml_reader import ConfigurationError
from workmail_local.config.configuration import load_configuration
from workmail_local.config.smtp import Smtp, Tls

ORGANIZATION = 'organization = { domains = ["example.com"] }\n'


def read(table: str) -> Smtp:
    return load_configuration(f"{ORGANIZATION}[smtp]\n{table}\n").smtp


def test_starttls_is_offered_and_no_login_required_by_default() -> None:
    assert load_configuration(ORGANIZATION).smtp == Smtp(Tls.OFFERED, login_required=False)


def test_the_files_are_relative_to_the_configuration(tmp_path: Path) -> None:
    for name in ("c.pem", "k.pem"):
        (tmp_path / name).touch()
    (tmp_path / "workmail.toml").write_text(
        f'{ORGANIZATION}[smtp]\ncertificate = "c.pem"\nkey = "k.pem"\ntls = "implicit"\nlogin = "required"'
    )
    found = load_configuration(tmp_path / "workmail.toml").smtp
    assert found == Smtp(Tls.IMPLICIT, login_required=True, certificate=tmp_path / "c.pem", key=tmp_path / "k.pem")


@pytest.mark.parametrize(
    "table, key",
    [
        ('tls = "yes"', "tls"),
        ('login = "never"', "login"),
        ('certificate = "none.pem"', "certificate"),
        ("port = 25", "port"),
    ],
)
def test_a_wrong_value_is_an_error_with_its_key(table: str, key: str) -> None:
    with pytest.raises(ConfigurationError) as error:
        read(table)
    assert (error.value.line, error.value.key) == (3, key)


def test_a_certificate_needs_its_key(tmp_path: Path) -> None:
    file = tmp_path / "c.pem"
    file.touch()
    with pytest.raises(ConfigurationError, match="key: expected both certificate and key"):
        read(f"certificate = '{file}'")


def test_passwords_are_not_in_the_text_of_a_configuration() -> None:
    found = load_configuration(ORGANIZATION + '[[users]]\naddress = "ana@example.com"\npassword = "secret-1"\n')
    assert found.directory.accepts_login("ana@example.com", "secret-1")
    assert "secret-1" not in repr(found)
