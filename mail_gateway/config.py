"""The configuration of a gateway or a milter: gateway.toml. docs/gateway.md describes each key."""

import os
import re
import socket
import stat
from dataclasses import dataclass, fields
from enum import StrEnum
from ipaddress import IPv4Network, IPv6Network, collapse_addresses, ip_address, ip_network
from pathlib import Path
from typing import Final, NamedTuple

from mail_gateway.toml_reader import ConfigurationError, Source, Table
from mailhooks.address_patterns import parse_domain
from mailhooks.envelope import FlowDirection
from mailhooks.errors import SettingsError
from mailhooks.relay.addresses import is_mailbox
from mailhooks.relay.listener import HeaderField, Listener
from mailhooks.relay.mark import LISTENER_NAME
from mailhooks.settings import OnError, Settings

MAX_MESSAGE_OCTETS: Final = 50 * 1024 * 1024
"""The default of the largest message that a listener accepts."""

_LARGEST_MESSAGE: Final = 256 * 1024 * 1024
_LEAST_SECRET_OCTETS: Final = 16

_TOP_KEYS: Final = (
    "policy",
    "on_error",
    "organization_domains",
    "host_name",
    "postmaster",
    "mark_secret_file",
    "mark_secret_env",
    "settings",
    "health",
    "listener",
)
_NEXT_HOST_KEYS: Final = ("next_host", "next_host_tls", "next_host_ca", "next_host_certificate", "next_host_key")
_COMMON_KEYS: Final = (
    "name",
    "protocol",
    "listen",
    "direction",
    "networks",
    "authserv_ids",
    "junk_header",
    "bypass_header",
    "max_message_octets",
    "max_connections",
    *_NEXT_HOST_KEYS,
)
_SERVER_TLS_KEYS: Final = ("tls", "tls_certificate", "tls_key", "client_ca", "client_names")

_UNUSED_SETTINGS: Final = frozenset(
    {
        *("policy", "on_error", "organization_domains"),  # keys of the file itself
        *("removed", "rewrite_bucket", "subject_tag", "disclaimer_text", "bounce_rules", "availability_secret", "availability_config"),
        *("xray_tracing", "tls_roots"),
    }
)
"""The settings that are keys of the file itself, of functions other than the policy's, or of Lambda."""

_HOST_PORT: Final = re.compile(r"(?P<host>\[[0-9A-Fa-f:.]+\]|[^:\[\]\s/]+):(?P<port>\d{1,5})", re.ASCII)
_HOST_NAME: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]{0,253}[A-Za-z0-9])?")
_HEADER: Final = re.compile(r"(?P<name>[!-9;-~]{1,64}):[ \t]*(?P<value>[!-~](?:[ -~]{0,900}[!-~])?)")
_CERTIFICATE_NAME: Final = re.compile(r"(?:\*\.)?[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?")

Network = IPv4Network | IPv6Network


class Protocol(StrEnum):
    """How mail reaches a listener."""

    SMTP = "smtp"
    LMTP = "lmtp"
    MILTER = "milter"


class Tls(StrEnum):
    """Whether a connection uses STARTTLS."""

    NONE = "none"
    OFFERED = "offered"
    """If both sides offer it, and with any certificate: it hides mail from listeners, but not from an impostor (RFC 7435)."""
    REQUIRED = "required"


class SocketAddress(NamedTuple):
    """A place to listen at: a host and a port, or the path of a Unix socket."""

    host: str = ""
    port: int = 0
    path: str = ""

    def __str__(self) -> str:
        if self.path:
            return f"unix:{self.path}"
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def is_local(self) -> bool:
        """Whether only this machine can connect to it."""
        return bool(self.path) or _is_loopback(self.host)


@dataclass(frozen=True, slots=True, kw_only=True)
class NextHost:
    """The host to which mail is passed on.

    Attributes:
        ca: the certificates of the authorities that may have signed the host's; None for those of the system.
        certificate, key: our own, for a host that asks for one.
    """

    host: str
    port: int
    tls: Tls = Tls.OFFERED
    ca: Path | None = None
    certificate: Path | None = None
    key: Path | None = None

    def __str__(self) -> str:
        return str(SocketAddress(self.host, self.port))


@dataclass(frozen=True, slots=True, kw_only=True)
class ListenerConfiguration:
    """One table [[listener]].

    Attributes:
        listener: what the evaluation of a message has to know.
        networks: the addresses that may connect; empty where only certificates or the machine's own programs count.
        client_ca: the certificates of the authorities that may have signed a client's.
        client_names: the names of the certificates that clients may have; empty without `client_ca`.
        certificate, key: this server's own.
        next_host: always there but for a milter, which needs one only for delivery status notifications.
    """

    listener: Listener
    protocol: Protocol
    address: SocketAddress
    networks: tuple[Network, ...] = ()
    tls: Tls = Tls.NONE
    certificate: Path | None = None
    key: Path | None = None
    client_ca: Path | None = None
    client_names: tuple[str, ...] = ()
    next_host: NextHost | None = None
    max_message_octets: int = MAX_MESSAGE_OCTETS
    max_connections: int = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Configuration:
    """A valid gateway.toml.

    Attributes:
        settings: of the library: the policy, and what its rules need.
        health: where the health of the process can be asked for; None for nowhere.
    """

    settings: Settings
    listeners: tuple[ListenerConfiguration, ...]
    health: SocketAddress | None = None


def load_configuration(path: Path) -> Configuration:
    """Read a configuration.

    Raises:
        ConfigurationError: it is invalid: with file, line, table and key.
        OSError: it cannot be read.
    """
    try:
        text = path.read_text("utf-8-sig")
    except UnicodeDecodeError:
        raise ConfigurationError(path.name, 0, "", "", found="other bytes", expected="a file in UTF-8") from None
    top = Source(path.name, path.absolute().parent, text).parse()
    top.reject_other_keys(*_TOP_KEYS)
    settings = _read_settings(top)
    host_name = top.read_text("host_name", socket.getfqdn())
    top.require(_HOST_NAME.fullmatch(host_name), "host_name", found=repr(host_name), expected="the name of this host")
    postmaster = top.read_text("postmaster", f"postmaster@{host_name}")
    top.require(
        is_mailbox(postmaster) and postmaster.isascii(), "postmaster", found=repr(postmaster), expected="an address of ASCII characters"
    )
    base = _Base(host_name, postmaster, settings.organization_domains, settings.on_error or OnError.DELIVER, _read_secrets(top))
    tables = top.read_tables("listener")
    top.require(tables, "listener", found="none", expected="at least one table [[listener]]")
    listeners = tuple(_read_listener(table, base) for table in tables)
    _reject_conflicts(tables, listeners)
    health_table = top.read_table("health", "listen")
    health = _read_listen(health_table) if "health" in top else None
    return Configuration(settings=settings, listeners=listeners, health=health)


class _Base(NamedTuple):
    """The values that all listeners share."""

    host_name: str
    postmaster: str
    organization_domains: frozenset[str]
    on_error: OnError
    mark_secrets: tuple[bytes, ...]


def _read_settings(top: Table) -> Settings:
    """Return the settings of the library: those of the table [settings], and the keys of the file that are settings too."""
    variables = {each.name: each.metadata.get("variable", each.name.upper()) for each in fields(Settings)}
    policy = top.read_text("policy")
    if not re.match(r"s3://|ssm:|appconfig:", policy):
        path = top.folder / policy
        top.require(path.is_file(), "policy", found=f"no file {policy}", expected="a file, s3://bucket/key, ssm:/name or appconfig:")
        policy = str(path)
    found = {"POLICY": policy}
    if "on_error" in top:
        found["ON_ERROR"] = top.read_word("on_error", {each.value: each.value for each in OnError})
    domains = top.read_texts("organization_domains", ())
    for domain in domains:
        _require_domain(top, "organization_domains", domain)
    if domains:
        found["ORGANIZATION_DOMAINS"] = ",".join(domains)
    table = top.read_table("settings", *sorted(variables.keys() - _UNUSED_SETTINGS))
    for key in table:
        text = table.read_scalar(key)
        try:
            Settings.from_env({variables[key]: text})
        except SettingsError as error:
            expected = str(error).partition(": set it to ")[2]
            raise table.error(key, found=repr(text), expected=expected) from None
        found[variables[key]] = text
    try:
        return Settings.from_env(found)
    except SettingsError as error:
        raise top.error("policy", found=repr(policy), expected=str(error).partition(": set it to ")[2]) from None


def _require_domain(table: Table, key: str, domain: str) -> None:
    try:
        parse_domain(domain)
    except ValueError:
        raise table.error(key, found=repr(domain), expected="domains such as example.com") from None


def _read_secrets(top: Table) -> tuple[bytes, ...]:
    """Return the secrets of the marks, one a line: the first makes marks, and all verify them."""
    given = [key for key in ("mark_secret_file", "mark_secret_env") if key in top]
    top.require(
        len(given) == 1,
        (given or ["mark_secret_file"])[-1],
        found="both" if given else "none",
        expected="either mark_secret_file or mark_secret_env",
    )
    [key] = given
    name = top.read_text(key)
    if key == "mark_secret_env":
        text = os.environ.get(name, "")
        top.require(text.strip(), key, found=f"no environment variable {name}", expected="one with the secret")
        content = text.encode()
    else:
        path = _locate(top, name)
        try:
            mode = path.stat().st_mode
            content = path.read_bytes()
        except OSError as error:
            raise top.error(key, found=f"{name}: {error.strerror}", expected="a file with the secret") from None
        readable = mode & (stat.S_IROTH | stat.S_IWOTH)
        top.require(not readable, key, found=f"{name}, which every user of this machine can read", expected=f"chmod 640 {name}")
    secrets = tuple(line.strip() for line in content.splitlines() if line.strip())
    shortest = min(map(len, secrets), default=0)
    expected = f"at least {_LEAST_SECRET_OCTETS} octets a line, such as of `openssl rand -hex 32`"
    top.require(shortest >= _LEAST_SECRET_OCTETS, key, found=f"a secret of {shortest} octets", expected=expected)
    return secrets


def _read_listener(table: Table, base: _Base) -> ListenerConfiguration:
    name = table.read_text("name")
    table.require(
        LISTENER_NAME.fullmatch(name), "name", found=repr(name), expected="letters, digits, dots, hyphens and underscores, at most 63"
    )
    table.place = f'listener "{name}"'
    protocol = table.read_word("protocol", {each.value: each for each in Protocol})
    is_milter = protocol is Protocol.MILTER
    table.reject_other_keys(*_COMMON_KEYS, *(() if is_milter else _SERVER_TLS_KEYS))
    address = _read_listen(table)
    tls = table.read_word("tls", {each.value: each for each in Tls}, "none")
    certificate, key = _read_pair(table, "tls_certificate", "tls_key")
    table.require(tls is Tls.NONE or certificate, "tls", found=tls.value, expected="tls_certificate and tls_key with it")
    client_ca, client_names = _read_client_certificates(table, tls)
    networks = _read_networks(table, address, has_certificates=client_ca is not None, is_milter=is_milter)
    next_host = _read_next_host(table)
    table.require(
        next_host or is_milter, "next_host", found="none", expected="the host to which mail is passed on, such as 127.0.0.1:10026"
    )
    junk, bypass = _read_header(table, "junk_header"), _read_header(table, "bypass_header")
    listener = Listener(
        name=name,
        flow_direction=table.read_word("direction", {each.value.lower(): each for each in FlowDirection}),
        host_name=base.host_name,
        postmaster=base.postmaster,
        organization_domains=base.organization_domains,
        authserv_ids=frozenset(each.lower() for each in table.read_texts("authserv_ids", ())),
        junk_field=junk,
        bypass_field=bypass,
        mark_secrets=base.mark_secrets,
        on_error=base.on_error,
    )
    return ListenerConfiguration(
        listener=listener,
        protocol=protocol,
        address=address,
        networks=networks,
        tls=tls,
        certificate=certificate,
        key=key,
        client_ca=client_ca,
        client_names=client_names,
        next_host=next_host,
        max_message_octets=table.read_integer("max_message_octets", MAX_MESSAGE_OCTETS, 1024, _LARGEST_MESSAGE),
        max_connections=table.read_integer("max_connections", 100, 1, 10_000),
    )


def _read_listen(table: Table) -> SocketAddress:
    text = table.read_text("listen")
    expected = "address:port such as 127.0.0.1:10025, or unix:/path"
    if text.startswith("unix:"):
        path = Path(text.removeprefix("unix:"))
        table.require(path.is_absolute(), "listen", found=repr(text), expected=expected)
        return SocketAddress(path=str(path))
    found = _HOST_PORT.fullmatch(text)
    table.require(found and 0 <= int(found["port"]) <= 65_535, "listen", found=repr(text), expected=expected)
    assert found
    host = found["host"].strip("[]")
    table.require(_is_address(host), "listen", found=repr(text), expected=expected)
    return SocketAddress(host, int(found["port"]))


def _read_next_host(table: Table) -> NextHost | None:
    if "next_host" not in table:
        for key in _NEXT_HOST_KEYS:
            table.require(key not in table, key, found="one without next_host", expected="next_host too")
        return None
    text = table.read_text("next_host")
    found = _HOST_PORT.fullmatch(text)
    valid = found and 1 <= int(found["port"]) <= 65_535
    table.require(valid, "next_host", found=repr(text), expected="host:port such as mail.example.com:25")
    assert found
    host, port = found["host"].strip("[]"), int(found["port"])
    certificate, own_key = _read_pair(table, "next_host_certificate", "next_host_key")
    tls = table.read_word("next_host_tls", {each.value: each for each in Tls}, "offered")
    ca = _read_path(table, "next_host_ca")
    table.require(
        ca is None or tls is Tls.REQUIRED, "next_host_tls", found=tls.value, expected="required with next_host_ca: else nothing is checked"
    )
    return NextHost(host=host, port=port, tls=tls, ca=ca, certificate=certificate, key=own_key)


def _read_client_certificates(table: Table, tls: Tls) -> tuple[Path | None, tuple[str, ...]]:
    client_ca = _read_path(table, "client_ca")
    names = tuple(name.lower() for name in table.read_texts("client_names", ()))
    if client_ca is None:
        table.require(not names, "client_names", found="names without client_ca", expected="client_ca too")
        return None, ()
    table.require(names, "client_names", found="none", expected="the names in the certificates of the clients")
    for name in names:
        table.require(_CERTIFICATE_NAME.fullmatch(name), "client_names", found=repr(name), expected="DNS names such as mail.example.com")
    table.require(tls is Tls.REQUIRED, "tls", found=tls.value, expected="required with client_ca")
    return client_ca, names


def _read_networks(table: Table, address: SocketAddress, *, has_certificates: bool, is_milter: bool) -> tuple[Network, ...]:
    """Return the networks that may connect. A listener that anyone may use is refused: it would be an open relay."""
    networks = []
    for text in table.read_texts("networks", ()):
        try:
            networks.append(ip_network(text))
        except ValueError as error:
            raise table.error("networks", found=f"{text!r} ({error})", expected="networks such as 192.0.2.0/24") from None
    if address.path:
        table.require(not networks, "networks", found="networks for a Unix socket", expected="none: the rights of its folder decide")
        return ()
    # Two halves of all addresses are all addresses.
    collapsed: list[Network] = [
        *collapse_addresses(each for each in networks if isinstance(each, IPv4Network)),
        *collapse_addresses(each for each in networks if isinstance(each, IPv6Network)),
    ]
    for network in collapsed:
        table.require(
            network.prefixlen or has_certificates,
            "networks",
            found=f"{network}, which is every address: the listener would be an open relay",
            expected="networks of your own, or client_ca and client_names",
        )
    table.require(
        networks or has_certificates or (is_milter and address.is_local),
        "networks",
        found="none: the listener would be an open relay",
        expected="the networks that may connect, or client_ca and client_names",
    )
    return tuple(networks)


def _read_header(table: Table, key: str) -> HeaderField | None:
    if key not in table:
        return None
    text = table.read_text(key)
    found = _HEADER.fullmatch(text)
    table.require(found, key, found=repr(text), expected="a field of ASCII characters, such as X-Spam-Flag: YES")
    assert found
    field = HeaderField(found["name"], found["value"])
    table.require(field.may_mark, key, found=repr(text), expected="a field of your own, such as X-Spam-Flag: YES")
    return field


def _read_path(table: Table, key: str) -> Path | None:
    if key not in table:
        return None
    name = table.read_text(key)
    path = _locate(table, name)
    table.require(path.is_file(), key, found=f"no file {name}", expected="a file in PEM format")
    return path


def _locate(table: Table, name: str) -> Path:
    """Return the path of a file: the service's credential of that name (systemd.exec(5)), or else relative to the configuration."""
    credential = Path(os.environ.get("CREDENTIALS_DIRECTORY", ""), name)
    return credential if "CREDENTIALS_DIRECTORY" in os.environ and credential.is_file() else table.folder / name


def _read_pair(table: Table, certificate: str, key: str) -> tuple[Path | None, Path | None]:
    table.require_both(certificate, key)
    return _read_path(table, certificate), _read_path(table, key)


def _reject_conflicts(tables: list[Table], listeners: tuple[ListenerConfiguration, ...]) -> None:
    """Raise ConfigurationError for two equal names or addresses, and for a listener that would get its own mail back."""
    for number, (table, each) in enumerate(zip(tables, listeners, strict=True)):
        others = listeners[:number]
        table.require(
            all(each.listener.name != other.listener.name for other in others),
            "name",
            found="the name of another listener",
            expected="another",
        )
        table.require(
            (not each.address.port and not each.address.path) or all(each.address != other.address for other in others),
            "listen",
            found="the address of another listener",
            expected="another",
        )
        if each.next_host:
            table.require(
                not any(_is_at(each.next_host, other.address) for other in listeners),
                "next_host",
                found="a listener of this file: mail would loop",
                expected="another host",
            )


def _is_at(host: NextHost, address: SocketAddress) -> bool:
    """Return whether a next host is a listener, as far as it can be seen without a look at names and interfaces."""
    if address.path or host.port != address.port:
        return False
    if host.host == "localhost":
        return address.is_local or ip_address(address.host).is_unspecified
    return host.host == address.host or (_is_loopback(host.host) and ip_address(address.host).is_unspecified)


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
