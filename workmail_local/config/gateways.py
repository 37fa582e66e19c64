"""The tables `[[gateways]]` of `workmail.toml`: SMTP gateways for outbound rules, as in the console under "SMTP gateways"."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from mail_gateway.toml_reader import Table
from workmail_local.servers import is_loopback


@dataclass(frozen=True, slots=True)
class Gateway:
    """An SMTP server on this machine that gets the outbound mail of rules.

    Attributes:
        user, password: for basic authentication; "" for none.
    """

    name: str
    host: str
    port: int
    user: str = ""
    password: str = field(default="", repr=False)


def read_gateways(tables: Sequence[Table]) -> dict[str, Gateway]:
    """Read the tables, by name. Raises ConfigurationError when one is not valid."""
    gateways: dict[str, Gateway] = {}
    for table in tables:
        name = table.read_text("name")
        table.place = f'gateway "{name}"'
        table.reject_other_keys("name", "host", "port", "user", "password")
        table.require(name not in gateways, "name", found="a second gateway of this name", expected="a name that no other gateway has")
        host = table.read_text("host", "127.0.0.1")
        # WorkMail's gateways are anywhere. Here, samples and tests must not send mail to real people.
        table.require(is_loopback(host), "host", found=repr(host), expected="a host of this machine: localhost, 127.0.0.1 or ::1")
        table.require("port" in table, "port", found="none", expected="the gateway's port")
        user, password = table.read_text("user", ""), table.read_text("password", "")
        table.require_both("user", "password")
        gateways[name] = Gateway(name, host, table.read_port("port", 0), user, password)
    return gateways
