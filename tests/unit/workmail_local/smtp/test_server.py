"""One connection of the SMTP server without a network: how it reads paths, and how it ends."""

import asyncio
import gc
from typing import Any

import pytest
from aiosmtpd.smtp import SMTP
from hypothesis import given
from hypothesis import strategies as st

from mail_gateway.smtp import connection
from mail_gateway.smtp.content_reader import ContentReader
from mailhooks.contract import FlowDirection
from tests.support.smtp_peers import MemoryAcceptor
from workmail_local.smtp.handler import Handler
from workmail_local.smtp.login_guard import LoginGuard
from workmail_local.smtp.server import LocalSmtp

_BITS = [*'<>@.,:;()[]"\\?=_-a1 \t\r\né', "a.b", "ana@example.com", "=?utf-8?q?x?=", "(c)", " SIZE=10", " BODY=8BITMIME"]
_ARGUMENTS = st.lists(st.sampled_from(_BITS), min_size=1, max_size=8).map("".join)
_ATOMS = st.text("aZ09!#$%&'*+-/=^_`{|}~?.", min_size=1, max_size=6)
_PATHS = st.builds("<{}@{}>{}".format, _ATOMS, _ATOMS, _ARGUMENTS | st.just(""))


class Connection(asyncio.Transport):
    """A client that is connected until the test ends the connection."""

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return ("127.0.0.1", 1) if name == "peername" else default

    def is_closing(self) -> bool:
        return True

    def write(self, data: object) -> None:
        pass


def create_protocol() -> LocalSmtp:
    return LocalSmtp(Handler(FlowDirection.INBOUND, MemoryAcceptor()), LoginGuard(), loop=asyncio.get_running_loop(), timeout=60.0)


@given(st.lists(_ARGUMENTS | _PATHS, min_size=10, max_size=40))
def test_an_address_is_read_as_aiosmtpd_reads_it(arguments: list[str]) -> None:
    async def compare() -> None:
        protocol = create_protocol()
        for argument in arguments:
            assert _read(protocol, argument) == _read(super(LocalSmtp, protocol), argument)

    asyncio.run(compare())


def _read(smtp: Any, argument: str) -> object:
    try:
        return smtp._getaddr(argument)
    except IndexError as error:  # as for `<"`
        return str(error)


def test_a_plain_path_needs_no_email_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(SMTP, "_getaddr")

    async def read() -> None:
        expected = ("ana+x=example.net@mail.example.com", "SIZE=10 BODY=8BITMIME")
        assert create_protocol()._getaddr("<ana+x=example.net@mail.example.com> SIZE=10 BODY=8BITMIME") == expected

    asyncio.run(read())


def test_a_broken_pipe_is_not_logged(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    """The garbage collector may be at work while a connection is created: then it collects the parts of the connection in another order."""

    class Reader(ContentReader):
        def __init__(self, **options: Any) -> None:
            gc.collect(0)
            super().__init__(**options)

    monkeypatch.setattr(connection, "ContentReader", Reader)

    async def break_connections() -> None:
        for _ in range(50):
            protocol = create_protocol()
            protocol.connection_made(Connection())
            await asyncio.sleep(0)
            protocol.connection_lost(BrokenPipeError(32, "Broken pipe"))
            await asyncio.sleep(0)

    asyncio.run(break_connections())
    gc.collect()
    assert not caplog.records
