"""The tables [release] and [webhook] of workmail.toml."""

from pathlib import Path

import pytest

from mail_gateway.toml_reader import ConfigurationError
from workmail_local.config.configuration import load_configuration
from workmail_local.config.release import Encryption
from workmail_local.config.webhook import Webhook
from workmail_local.mail.history import State

ORGANIZATION = '[organization]\ndomains = ["example.com"]\n'
RELEASE = '[release]\nhost = "smtp.example.org"\nallowed-recipients = ["example.org"]\n'
LOGIN = 'user = "ana"\npassword-variable = "RELAY_PASSWORD"\n'


def test_without_the_tables_nothing_is_sent() -> None:
    found = load_configuration(ORGANIZATION)
    assert (found.release, found.webhook) == (None, None)


@pytest.mark.parametrize("tls, port", [("", 587), ('tls = "starttls"', 587), ('tls = "tls"', 465), ('tls = "none"', 25)])
def test_a_server_has_the_usual_port_of_its_encryption(tls: str, port: int) -> None:
    found = load_configuration(ORGANIZATION + RELEASE + tls).release
    assert found
    assert (found.name, found.tls, found.mail_from) == (f"smtp.example.org:{port}", Encryption(tls[7:-1] or "starttls"), "")


def test_all_keys_are_read(tmp_path: Path) -> None:
    file = tmp_path / "workmail.toml"
    file.write_text(ORGANIZATION + RELEASE + LOGIN + 'port = 2525\nmail-from = "me@example.org"\nca-file = "ca.pem"\n')
    found = load_configuration(file).release
    assert found
    assert (found.user, found.password_variable, found.port) == ("ana", "RELAY_PASSWORD", 2525)
    assert (found.mail_from, found.ca_file) == ("me@example.org", tmp_path / "ca.pem")


def test_only_addresses_that_match_a_pattern_are_allowed() -> None:
    patterns = 'allowed-recipients = ["*.example.org", "me+test@example.net"]'
    found = load_configuration(ORGANIZATION + RELEASE.replace('allowed-recipients = ["example.org"]', patterns)).release
    assert found
    assert [found.allows(address) for address in ("a@mail.example.org", "ME+test@example.net", "me@example.net", "a@example.com")] == [
        *(True, True, False, False)
    ]


@pytest.mark.parametrize(
    "text, key, line",
    [
        (RELEASE.replace('host = "smtp.example.org"\n', ""), "host", 3),
        (RELEASE.replace("smtp.example.org", "smtp.example.org/x"), "host", 4),
        (RELEASE.replace("smtp.example.org", r"smtp.example.org\r\nX"), "host", 4),
        (RELEASE.replace("smtp.example.org", "https://smtp.example.org"), "host", 4),
        (RELEASE.replace('allowed-recipients = ["example.org"]\n', ""), "allowed-recipients", 3),
        (RELEASE.replace('["example.org"]', "[]"), "allowed-recipients", 5),
        (RELEASE.replace('["example.org"]', '["*.org.*"]'), "allowed-recipients", 5),
        (RELEASE + "port = 0\n", "port", 6),
        (RELEASE + 'tls = "ssl"\n', "tls", 6),
        (RELEASE + 'password = "secret"\n', "password", 6),
        (RELEASE + 'user = "ana"\n', "password-variable", 3),
        (RELEASE + 'password-variable = "RELAY_PASSWORD"\n', "user", 3),
        (RELEASE + LOGIN.replace("RELAY_PASSWORD", "my secret!"), "password-variable", 7),
        (RELEASE + LOGIN + 'tls = "none"\n', "tls", 8),
        (RELEASE + 'mail-from = "Ana <ana@example.org>"\n', "mail-from", 6),
    ],
)
def test_an_invalid_server_is_an_error_with_its_line(text: str, key: str, line: int) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load_configuration(ORGANIZATION + text)
    assert (caught.value.line, caught.value.place, caught.value.key) == (line, "[release]", key)
    # A password that was written into the wrong key is not shown.
    assert "my secret!" not in str(caught.value)


def test_a_password_may_be_sent_unencrypted_on_this_machine() -> None:
    for host in ("localhost", "127.0.0.1", "::1"):
        assert load_configuration(ORGANIZATION + RELEASE.replace("smtp.example.org", host) + LOGIN + 'tls = "none"').release


@pytest.mark.parametrize(
    "text, expected",
    [
        ("", Webhook("http://127.0.0.1:3000/mail?key=1")),
        ('on = "accepted"', Webhook("http://127.0.0.1:3000/mail?key=1", State.ACCEPTED)),
        ('on = "done"\nsearch = "is:bounced"', Webhook("http://127.0.0.1:3000/mail?key=1", State.DONE, "is:bounced")),
    ],
)
def test_a_webhook_is_read(text: str, expected: Webhook) -> None:
    assert load_configuration(f'{ORGANIZATION}[webhook]\nurl = "http://127.0.0.1:3000/mail?key=1"\n{text}').webhook == expected


@pytest.mark.parametrize(
    "text, key",
    [
        ('on = "done"', "url"),
        ('url = "127.0.0.1:3000"', "url"),
        ('url = "file:///etc/passwd"', "url"),
        ('url = "http://"', "url"),
        ('url = "http://127.0.0.1:99999/"', "url"),
        ('url = "http://user:secret@127.0.0.1/"', "url"),
        (r'url = "http://127.0.0.1/\r\nX: y"', "url"),
        ('url = "http://127.0.0.1/a b"', "url"),
        ('url = "http://127.0.0.1/"\non = "retrying"', "on"),
        ('url = "http://127.0.0.1/"\nmethod = "GET"', "method"),
    ],
)
def test_an_invalid_webhook_is_an_error(text: str, key: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load_configuration(f"{ORGANIZATION}[webhook]\n{text}")
    assert (caught.value.place, caught.value.key) == ("[webhook]", key)
