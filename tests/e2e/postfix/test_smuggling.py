"""SMTP smuggling: a bare CR or LF around a dot never makes a second message, whether the gateway or Postfix is the lenient one.

The sink behind the gateway is as lenient as a server can be: each CR, LF and CRLF around a lone dot ends a message. Postfix behind the
gateway accepts some of them, as it does by default.
"""

from collections.abc import Iterator
from itertools import product
from pathlib import Path

import pytest

from tests.e2e.postfix.gateways import run_gateways
from tests.e2e.postfix.mail_path import WAYS, MailPath, run_mail_path
from tests.support.gateway_process import GatewayProcess
from tests.support.smtp_peers import Client, stuffed

_BREAKS = {"CRLF": b"\r\n", "LF": b"\n", "CR": b"\r"}
_NAMES = [f"{before}.{after}" for before, after in product(_BREAKS, _BREAKS) if (before, after) != ("CRLF", "CRLF")]
_SECOND = b"MAIL FROM:<eve@example.net>\r\nRCPT TO:<ana@example.com>\r\nDATA\r\nSubject: smuggled\r\n\r\nText\r\n"
_PLAIN = b"From: nora@example.net\r\nSubject: Hello\r\n\r\nText\r\n"


def make_message(name: str) -> bytes:
    """Return a message with a second one behind an end that is none."""
    before, after = name.split(".")
    return _PLAIN.removesuffix(b"\r\n") + _BREAKS[before] + b"." + _BREAKS[after] + _SECOND


@pytest.fixture(scope="module")
def lenient_path(mail_path: MailPath, folder: Path) -> Iterator[MailPath]:  # `mail_path` skips the tests where Postfix is missing
    path = folder / "smuggling"
    with run_mail_path(path, back=False, smuggling=True) as running, run_gateways(running, folder / "smuggling-gateways"):
        yield running


def _reject(path: MailPath, way: str, name: str) -> None:
    """Assert that the gateway rejects such a message alone: not as two, and not for the next one."""
    path.wait()
    before = len(path.sink.received)
    with Client(path.gateway[way], b"LHLO client.example.net" if way == "lmtp" else b"EHLO client.example.net") as client:
        assert client.begin().startswith("354")
        client.socket.sendall(stuffed(make_message(name)) + b".\r\n")
        assert client.reply().startswith("550 5.6.0")
        assert client.send(_PLAIN).startswith("250")
        assert client.say(b"QUIT").startswith("221")
    path.wait()
    [arrived] = path.sink.received[before:]
    assert arrived.content.endswith(b"Subject: Hello\r\n\r\nText\r\n")


@pytest.mark.parametrize("name", _NAMES)
@pytest.mark.parametrize("way", ["smtp", "lmtp"])
def test_the_gateway_alone_rejects_it(lenient_path: MailPath, way: str, name: str) -> None:
    _reject(lenient_path, way, name)


@pytest.mark.parametrize("name", _NAMES)
def test_the_gateway_in_front_of_postfix_rejects_it(mail_path: MailPath, gateways: dict[str, GatewayProcess], name: str) -> None:
    _reject(mail_path, "smtp", name)


@pytest.mark.parametrize("name", ["CRLF.LF", "CRLF.CR"])
def test_the_gateway_alone_removes_the_dot_that_begins_a_line(lenient_path: MailPath, name: str) -> None:
    """It is the sender's duty to double that dot (RFC 5321 section 4.5.2)."""
    before = len(lenient_path.sink.received)
    with Client(lenient_path.gateway["smtp"]) as client:
        assert client.begin().startswith("354")
        client.socket.sendall(make_message(name) + b".\r\n")
        assert client.reply().startswith("250")
        assert client.say(b"QUIT").startswith("221")
    [arrived] = lenient_path.sink.received[before:]
    assert arrived.content.endswith(make_message(name).partition(b"Subject: Hello")[2].replace(b"\r\n.", b"\r\n"))


@pytest.mark.parametrize("name", _NAMES)
@pytest.mark.parametrize("way", WAYS)
def test_behind_postfix_it_is_one_message_or_none(lenient_path: MailPath, way: str, name: str) -> None:
    before = len(lenient_path.sink.received)
    with Client(lenient_path.listeners[way]) as client:
        assert client.begin().startswith("354")
        client.socket.sendall(make_message(name) + b".\r\n")
        reply = client.reply()
        assert client.say(b"QUIT").startswith("221")
    lenient_path.wait()
    arrived = lenient_path.sink.received[before:]
    # Postfix makes a bare LF a CRLF, and a bare CR a space; the latter behind smtpd_proxy_filter, so that the gateway rejects it.
    if way == "proxy" and name.startswith("CR."):
        assert reply.startswith("550 5.6.0")
        assert not arrived
    else:
        assert reply.startswith("250")
        assert [b"MAIL FROM:<eve@example.net>" in each.content for each in arrived] == [True]


@pytest.mark.parametrize("body", [b"a\nb\rc\n\r\n", b"a\n.b\r\n", b"a.\n.b\r.c\r\n"])
def test_other_bare_line_ends_keep_their_octets(lenient_path: MailPath, body: bytes) -> None:
    before = len(lenient_path.sink.received)
    with Client(lenient_path.gateway["smtp"]) as client:
        assert client.send(b"Subject: Hello\r\n\r\n" + body).startswith("250")
    [arrived] = lenient_path.sink.received[before:]
    assert arrived.content.endswith(b"Subject: Hello\r\n\r\n" + body)
