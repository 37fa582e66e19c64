"""gateway.toml: its values, and an error with the line for each mistake."""

import os
from ipaddress import ip_network
from pathlib import Path

import pytest

from mail_gateway.config import Configuration, Protocol, SocketAddress, Tls, load_configuration
from mail_gateway.toml_reader import ConfigurationError
from mailhooks.envelope import FlowDirection
from mailhooks.settings import OnError

SECRET = "0123456789abcdef"
TOP = 'policy = "policy.yaml"\nmark_secret_file = "secret"\nhost_name = "mail.example.com"\n'
LISTENER = """[[listener]]
name = "inbound"
protocol = "smtp"
listen = "127.0.0.1:10025"
direction = "inbound"
networks = ["192.0.2.0/24"]
next_host = "127.0.0.1:10026"
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "policy.yaml").touch()
    (tmp_path / "secret").write_text(SECRET + "\n")
    (tmp_path / "secret").chmod(0o600)
    for name in ("ca.pem", "own.pem", "own.key"):
        (tmp_path / name).touch()
    return tmp_path


def load(folder: Path, text: str) -> Configuration:
    (folder / "gateway.toml").write_text(text)
    return load_configuration(folder / "gateway.toml")


def test_the_smallest_configuration_has_careful_defaults(folder: Path) -> None:
    found = load(folder, TOP + LISTENER)
    [listener] = found.listeners
    assert found.settings.policy == str(folder / "policy.yaml")
    assert found.health is None
    assert (listener.protocol, listener.address, listener.networks) == (
        Protocol.SMTP,
        SocketAddress("127.0.0.1", 10025),
        (ip_network("192.0.2.0/24"),),
    )
    assert (listener.tls, listener.max_message_octets, listener.max_connections) == (Tls.NONE, 50 * 1024 * 1024, 100)
    assert listener.next_host
    assert (str(listener.next_host), listener.next_host.tls) == ("127.0.0.1:10026", Tls.OFFERED)
    core = listener.listener
    assert (core.host_name, core.postmaster, core.on_error) == ("mail.example.com", "postmaster@mail.example.com", OnError.DELIVER)
    assert core.mark_secrets == (SECRET.encode(),)


def test_every_key_is_read(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MARK", f"new {SECRET}\nold {SECRET}")
    found = load(
        folder,
        """policy = "s3://bucket/policy.yaml"
on_error = "retry"
organization_domains = ["example.com", "example.org"]
host_name = "gateway.example.com"
postmaster = "mail@example.com"
mark_secret_env = "MARK"
[settings]
policy_max_age = 60
log_addresses = true
metrics_namespace = "Mail"
[health]
listen = "[::1]:8080"
[[listener]]
name = "outbound"
protocol = "lmtp"
listen = "0.0.0.0:25"
direction = "outbound"
networks = ["0.0.0.0/0"]
tls = "required"
tls_certificate = "own.pem"
tls_key = "own.key"
client_ca = "ca.pem"
client_names = ["Mail.Example.net", "*.example.org"]
next_host = "tenant.mail.protection.example.com:25"
next_host_tls = "required"
next_host_ca = "ca.pem"
next_host_certificate = "own.pem"
next_host_key = "own.key"
authserv_ids = ["MX.example.com"]
junk_header = "X-Spam-Flag:  YES"
bypass_header = "X-No-Spam: 1"
max_message_octets = 10000
max_connections = 5
""",
    )
    assert (found.settings.policy, found.settings.policy_max_age, found.settings.log_addresses) == ("s3://bucket/policy.yaml", 60, True)
    assert found.health == SocketAddress("::1", 8080)
    [listener] = found.listeners
    core = listener.listener
    assert core.mark_secrets == (f"new {SECRET}".encode(), f"old {SECRET}".encode())
    assert (core.flow_direction, core.on_error, core.organization_domains) == (
        FlowDirection.OUTBOUND,
        OnError.RETRY,
        {"example.com", "example.org"},
    )
    assert (core.authserv_ids, core.junk_field, core.bypass_field) == ({"mx.example.com"}, ("X-Spam-Flag", "YES"), ("X-No-Spam", "1"))
    assert listener.client_names == ("mail.example.net", "*.example.org")
    assert (listener.tls, listener.certificate, listener.key, listener.client_ca) == (
        Tls.REQUIRED,
        folder / "own.pem",
        folder / "own.key",
        folder / "ca.pem",
    )
    host = listener.next_host
    assert host
    assert (host.host, host.port, host.tls, host.ca) == ("tenant.mail.protection.example.com", 25, Tls.REQUIRED, folder / "ca.pem")
    assert (host.certificate, host.key) == (folder / "own.pem", folder / "own.key")
    assert (listener.max_message_octets, listener.max_connections) == (10_000, 5)


def test_a_milter_and_a_unix_socket_need_no_networks(folder: Path) -> None:
    milter = '[[listener]]\nname = "{0}"\nprotocol = "milter"\nlisten = "{1}"\ndirection = "inbound"\n'
    lmtp = LISTENER.replace('"smtp"', '"lmtp"').replace("127.0.0.1:10025", "unix:/run/lmtp").replace('networks = ["192.0.2.0/24"]\n', "")
    text = TOP + milter.format("a", "127.0.0.1:1") + milter.format("b", "unix:/run/milter") + milter.format("c", "[::1]:1") + lmtp
    assert [str(each.address) for each in load(folder, text).listeners] == ["127.0.0.1:1", "unix:/run/milter", "[::1]:1", "unix:/run/lmtp"]


OPEN_RELAY = "the listener would be an open relay"


@pytest.mark.parametrize(
    "old, new, error",
    [
        ('networks = ["192.0.2.0/24"]\n', "", f'gateway.toml:4: listener "inbound": networks: expected .*, found none: {OPEN_RELAY}'),
        ("192.0.2.0/24", "0.0.0.0/0", f"gateway.toml:9: .* found 0.0.0.0/0, which is every address: {OPEN_RELAY}"),
        ("192.0.2.0/24", "::/0", f"found ::/0, which is every address: {OPEN_RELAY}"),
        ('"192.0.2.0/24"', '"0.0.0.0/1", "128.0.0.0/1"', f"found 0.0.0.0/0, which is every address: {OPEN_RELAY}"),
        ("192.0.2.0/24", "192.0.2.1/24", r"found '192.0.2.1/24' \(192.0.2.1/24 has host bits set\)"),
        ("127.0.0.1:10025", "unix:/run/smtp", "networks: expected none: the rights of its folder decide"),
        (
            "127.0.0.1:10025",
            "localhost:10025",
            "gateway.toml:7: .*listen: expected address:port such as 127.0.0.1:10025, or unix:/path, found",
        ),
        ("127.0.0.1:10025", "unix:run", "listen: expected address:port"),
        ("127.0.0.1:10025", "127.0.0.1:65536", "listen: expected address:port"),
        ("10026", "0", "gateway.toml:10: .*next_host: expected host:port such as mail.example.com:25"),
        ("10026", "10025", "next_host: expected another host, found a listener of this file: mail would loop"),
        ('next_host = "127.0.0.1:10026"', 'next_host = "localhost:10025"', "next_host: expected another host"),
        ("127.0.0.1:10025", "0.0.0.0:10026", "next_host: expected another host"),
        ('next_host = "127.0.0.1:10026"', "", "next_host: expected the host to which mail is passed on"),
        ('next_host = "127.0.0.1:10026"', 'next_host_ca = "ca.pem"', "next_host_ca: expected next_host too"),
        ('"smtp"', '"milter"\ntls = "none"', "tls: expected one of name, protocol"),
        ('"smtp"', '"smpt"', "gateway.toml:6: .*protocol: expected one of smtp, lmtp, milter, found 'smpt'; did you mean smtp?"),
        ('"inbound"\nnetworks', '"in"\nnetworks', "direction: expected one of inbound, outbound, found 'in'"),
        (
            'name = "inbound"',
            'name = "in bound"',
            "name: expected letters, digits, dots, hyphens and underscores, at most 63, found 'in bound'",
        ),
        ("next_host =", 'tls = "offered"\nnext_host =', "tls: expected tls_certificate and tls_key with it, found offered"),
        ("next_host =", 'tls_key = "own.key"\nnext_host =', "tls_certificate: expected both tls_certificate and tls_key, or none"),
        (
            "next_host =",
            'client_ca = "ca.pem"\nnext_host =',
            "client_names: expected the names in the certificates of the clients, found none",
        ),
        ("next_host =", 'client_names = ["a.example"]\nnext_host =', "client_names: expected client_ca too"),
        ("next_host =", 'client_ca = "ca.pem"\nclient_names = ["a b"]\nnext_host =', "client_names: expected DNS names"),
        (
            "next_host =",
            'client_ca = "ca.pem"\nclient_names = ["a.example"]\nnext_host =',
            "tls: expected required with client_ca, found none",
        ),
        ("next_host =", 'client_ca = "none.pem"\nnext_host =', "client_ca: expected a file in PEM format, found no file none.pem"),
        ("next_host =", 'next_host_ca = "ca.pem"\nnext_host =', "next_host_tls: expected required with next_host_ca"),
        ("next_host =", 'junk_header = "YES"\nnext_host =', "junk_header: expected a field of ASCII characters"),
        ("next_host =", 'junk_header = "X-Spam: YES\\r\\nBcc: a"\nnext_host =', "junk_header: expected a field of ASCII characters"),
        ("next_host =", 'junk_header = "Subject: Spam"\nnext_host =', "gateway.toml:10: .*junk_header: expected a field of your own"),
        ("next_host =", 'bypass_header = "X-Mailhooks-Checked: 1"\nnext_host =', "bypass_header: expected a field of your own"),
        ("next_host =", f'junk_header = "{"X" * 65}: 1"\nnext_host =', "junk_header: expected a field of ASCII characters"),
        ("next_host =", "max_connections = 0\nnext_host =", "max_connections: expected 1 to 10,000, found 0"),
        ("next_host =", "colour = 1\nnext_host =", "colour: expected one of name, .*, found the key 'colour'"),
        ('policy = "policy.yaml"', 'policy = "none.yaml"', "gateway.toml:1: policy: expected a file, .*, found no file none.yaml"),
        ('policy = "policy.yaml"', 'policy = "s3://no"', "policy: expected a file name, s3://bucket/key"),
        ('policy = "policy.yaml"', "", "policy: expected a string, found none"),
        ('mark_secret_file = "secret"', "", "mark_secret_file: expected either mark_secret_file or mark_secret_env, found none"),
        (
            'mark_secret_file = "secret"',
            'mark_secret_file = "secret"\nmark_secret_env = "X"',
            "mark_secret_env: expected either .*, found both",
        ),
        ('mark_secret_file = "secret"', 'mark_secret_file = "none"', "mark_secret_file: .*, found none: No such file or directory"),
        ('mark_secret_file = "secret"', 'mark_secret_env = "NOT_SET"', "found no environment variable NOT_SET"),
        ('host_name = "mail.example.com"', 'host_name = "a b"', "host_name: expected the name of this host"),
        ("host_name", 'postmaster = "mail"\nhost_name', "postmaster: expected an address of ASCII characters, found 'mail'"),
        ("host_name", 'on_error = "drop"\nhost_name', "on_error: expected one of deliver, retry, found 'drop'"),
        (
            "host_name",
            'organization_domains = ["a b"]\nhost_name',
            "organization_domains: expected domains such as example.com, found 'a b'",
        ),
        ("[[listener]]", '[settings]\nrates_tabel = "x"\n[[listener]]', "rates_tabel: expected one of .*; did you mean rates_table?"),
        ("[[listener]]", '[settings]\nlog_level = "LOUD"\n[[listener]]', "gateway.toml:5: .settings.: log_level: expected DEBUG, INFO"),
        (
            "[[listener]]",
            "[settings]\npolicy_max_age = 1.5\n[[listener]]",
            "policy_max_age: expected a string, a whole number, or true or false",
        ),
        ("[[listener]]", '[settings]\nrewrite_bucket = "x"\n[[listener]]', "rewrite_bucket: expected one of"),
        ("[[listener]]", '[health]\nlisten = "8080"\n[[listener]]', "gateway.toml:5: .health.: listen: expected address:port"),
    ],
)
def test_a_mistake_is_an_error_with_its_place(folder: Path, old: str, new: str, error: str) -> None:
    assert old in TOP + LISTENER
    with pytest.raises(ConfigurationError, match=error):
        load(folder, (TOP + LISTENER).replace(old, new, 1))


def test_two_listeners_have_two_names_and_two_addresses(folder: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"gateway.toml:12: .*name: expected another, found the name of another listener"):
        load(folder, TOP + LISTENER + LISTENER)
    with pytest.raises(ConfigurationError, match=r"gateway.toml:14: .*listen: expected another, found the address of another listener"):
        load(folder, TOP + LISTENER + LISTENER.replace('name = "inbound"', 'name = "second"'))
    with pytest.raises(ConfigurationError, match="listener: expected at least one table"):
        load(folder, TOP)


def test_a_secret_that_other_users_can_read_is_refused(folder: Path) -> None:
    (folder / "secret").chmod(0o644)
    with pytest.raises(
        ConfigurationError, match=r"gateway.toml:2: mark_secret_file: expected chmod 640 secret, found secret, which every user"
    ):
        load(folder, TOP + LISTENER)
    (folder / "secret").chmod(0o640)
    assert load(folder, TOP + LISTENER).listeners


def test_a_credential_of_the_service_comes_before_a_file_of_its_name(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    credentials = folder / "credentials"
    credentials.mkdir()
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(credentials))
    [listener] = load(folder, TOP + LISTENER).listeners
    assert listener.listener.mark_secrets == (SECRET.encode(),)

    (credentials / "secret").write_text(f"credential {SECRET}")
    (credentials / "secret").chmod(0o440)
    [listener] = load(folder, TOP + LISTENER).listeners
    assert listener.listener.mark_secrets == (f"credential {SECRET}".encode(),)


def test_a_short_secret_is_refused_and_not_shown(folder: Path) -> None:
    (folder / "secret").write_text(f"{SECRET}\nshort\n")
    with pytest.raises(ConfigurationError, match="found a secret of 5 octets") as error:
        load(folder, TOP + LISTENER)
    assert "short" not in str(error.value)


def test_a_file_that_is_not_utf8_is_an_error(folder: Path) -> None:
    (folder / "gateway.toml").write_bytes(b"\xff")
    with pytest.raises(ConfigurationError, match=r"^gateway.toml: expected a file in UTF-8, found other bytes$"):
        load_configuration(folder / "gateway.toml")
    os.truncate(folder / "gateway.toml", 0)
    with pytest.raises(ConfigurationError, match="policy: expected a string, found none"):
        load_configuration(folder / "gateway.toml")
