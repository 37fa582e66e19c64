"""One build and one local WorkMail for all e2e tests, with calendar servers; or the exact reason why this machine cannot have them."""

from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route

from tests.e2e.containers import Containers
from tests.e2e.sam import build
from tests.e2e.toolchain import Missing, Toolchain, find
from tests.support.servers.ews import OFFICE_HOURS, EwsServer, Ntlm, calendar, event
from tests.support.servers.hosting import ServerPool
from workmail_local.servers import HttpServer

CREDENTIALS = ("free-busy-reader", "a-password-for-tests")
SUBJECT = "Budget"
_DETAILS = (
    f"<t:Subject>{SUBJECT}</t:Subject><t:Location>Room 1</t:Location><t:IsMeeting>true</t:IsMeeting><t:IsRecurring>false</t:IsRecurring>"
    "<t:IsException>false</t:IsException><t:IsReminderSet>true</t:IsReminderSet><t:IsPrivate>false</t:IsPrivate>"
)
_FEED = """BEGIN:VCALENDAR
VERSION:2.0
PRODID:-//example.com//rooms//EN
BEGIN:VEVENT
UID:1@example.com
DTSTAMP:20210501T000000Z
DTSTART:20210504T090000Z
DTEND:20210504T103000Z
SUMMARY:Budget
END:VEVENT
END:VCALENDAR
"""


@pytest.fixture(scope="session")
def exchange(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EwsServer]:
    """An Exchange server behind NTLM, where the guide's user2 has one appointment."""
    users = tmp_path_factory.mktemp("ntlm") / "users"
    users.write_text(":".join(["EXAMPLE", *CREDENTIALS]))
    appointment = event("2021-05-04T09:00:00", "2021-05-04T10:30:00", details=_DETAILS)
    mailboxes = {"user2@external.example.com": calendar(appointment, hours=OFFICE_HOURS)}
    with pytest.MonkeyPatch.context() as patch, ServerPool() as pool, pool.host(EwsServer(mailboxes, sign_in=Ntlm())) as running:
        patch.setenv("NTLM_USER_FILE", str(users))
        yield running


@pytest.fixture(scope="session")
def feed() -> Iterator[str]:
    """The URL of a published calendar with the same appointment."""
    published = Route("/room.ics", lambda _: Response(_FEED.replace("\n", "\r\n"), media_type="text/calendar"))
    server = HttpServer(Starlette(routes=[published]), 0)
    server.start()
    yield f"{server.url}/room.ics"
    server.stop()


@pytest.fixture(scope="session")
def toolchain() -> Toolchain:
    """The programs for containers; without them, the test is skipped with the reason."""
    try:
        return find()
    except Missing as missing:
        pytest.skip(str(missing))


@pytest.fixture(scope="session")
def containers(toolchain: Toolchain, tmp_path_factory: pytest.TempPathFactory, exchange: EwsServer, feed: str) -> Iterator[Containers]:
    """The built functions, next to a local WorkMail."""
    ports = [urlsplit(url).port or 80 for url in (exchange.url, feed)]
    with Containers(build(toolchain, tmp_path_factory.mktemp("sam")), ports) as running:
        yield running
