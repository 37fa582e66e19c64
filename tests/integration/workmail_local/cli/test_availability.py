"""`workmail-hooks availability` with a calendar feed on a local server."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route

from workmail_local.cli.main import main
from workmail_local.servers import HttpServer

CALENDAR = """BEGIN:VCALENDAR
VERSION:2.0
BEGIN:VEVENT
UID:1
DTSTART:20260504T090000Z
DTEND:20260504T100000Z
SUMMARY:Budget 2026
LOCATION:Room 1
END:VEVENT
END:VCALENDAR
"""


@pytest.fixture(scope="module")
def feed() -> Iterator[str]:
    """Serve a calendar feed, and return its address."""
    server = HttpServer(Starlette(routes=[Route("/bob.ics", lambda _: Response(CALENDAR.replace("\n", "\r\n")))]), 0)
    server.start()
    yield f"{server.url}/bob.ics"
    server.stop()


@pytest.fixture
def config(feed: str, tmp_path: Path) -> str:
    file = tmp_path / "config.json"
    document = {
        "backends": {"feeds": {"type": "ics", "feeds": [{"mailbox": "bob@example.net", "url": feed}]}},
        "routes": [{"mailboxes": ["example.net"], "backend": "feeds"}],
        "workingHours": {"timeZone": "Europe/Berlin", "periods": [{"days": ["MON"], "start": "09:00", "end": "17:00"}]},
        "details": [{"requesters": ["example.com"], "show": "details"}],
        "biasSign": "gmt",
    }
    file.write_text(json.dumps(document))
    return str(file)


ASK = ("--ask", "bob@example.net", "eve@example.org", "--from", "2026-05-04", "--zone", "UTC")


def test_answer_is_drawn_with_details_and_errors(config: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    assert main(["availability", "--config", config, *ASK, "--as", "ana@example.com"]) == 0
    heading, requester, backends, _, ruler, bob, details, eve, *_ = capsys.readouterr().out.splitlines()
    assert heading == "Free/busy   Mon 4 May 2026 00:00 - Tue 5 May 2026 00:00  (UTC)"
    assert requester == "Asked by    ana@example.com, who sees details of events that are not private"
    assert backends == "Asked of    feeds 1"
    assert ruler.split() == [f"{hour:02}" for hour in range(0, 24, 2)]
    # Working hours are 07:00 to 15:00 UTC, also when WorkMail gets the other sign of the bias.
    assert (bob[:26].strip(), bob[26:]) == ("bob@example.net", "·" * 14 + "─" * 4 + "██" + "─" * 10 + "·" * 18)
    assert details == "  09:00-10:00  busy       Budget 2026 (Room 1)"
    assert eve.startswith("eve@example.org           ErrorAvailabilityConfigNotFound: ")


def test_json_is_the_response_for_workmail(config: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["availability", "--config", config, *ASK, "--json"]) == 0
    bob, eve = json.loads(capsys.readouterr().out)["mailboxes"]
    assert [found["startTime"] for found in bob["events"]] == ["2026-05-04T09:00:00.000Z"]
    assert bob["workingHours"]["timezone"]["bias"] == 60
    assert eve["error"] == "ErrorAvailabilityConfigNotFound"


def test_check_prints_backends_routes_and_privacy_rules(config: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["availability", "--config", config, "--check"]) == 0
    assert [line.split()[:3] for line in capsys.readouterr().out.splitlines()] == [
        ["backend", "feeds", "IcsBackend"],
        ["route", "example.net", "feeds"],
        ["shows", "example.com", "details"],
        ["OK", "the", "configuration"],
    ]


@pytest.mark.parametrize(
    "arguments, text",
    [
        ((), "--ask: give at least one mailbox"),
        (("--ask", "bob@example.net", "--from", "yesterday"), "--from: give today, a date such as"),
        (("--ask", "bob@example.net", "--zone", "Nowhere"), "--zone: give the name of a time zone"),
    ],
)
def test_invalid_question_names_the_option(config: str, arguments: tuple[str, ...], text: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["availability", "--config", config, *arguments]) == 2
    assert text in capsys.readouterr().err


def test_an_unreadable_configuration_is_an_error_in_words(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_DEFAULT_REGION", "AWS_REGION", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    (tmp_path / "p.yaml").write_text("rules: []")
    for where, why in (
        (str(tmp_path / "none.json"), "none.json: the configuration cannot be read: no such file or directory"),
        (str(tmp_path / "p.yaml"), f"{tmp_path / 'p.yaml'}: the configuration is not JSON"),
        ("secret:x", "no region is configured: set AWS_DEFAULT_REGION"),
    ):
        assert main(["availability", "--config", where, "--ask", "a@example.com"]) == 2
        assert why in capsys.readouterr().err


def test_invalid_configuration_is_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "config.json"
    file.write_text("{}")
    assert main(["availability", "--config", str(file), "--check"]) == 2
    assert "expected" in capsys.readouterr().err
