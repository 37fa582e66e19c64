"""The function with its configuration in Secrets Manager (moto's server) and a real CalDAV server."""

import importlib.util
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import boto3
import pytest

from mailhooks.contract.availability import check_availability_response
from mailhooks.settings import env
from tests.support.backends import request
from tests.support.servers import radicale
from workmail_local.aws.moto_server import run_moto

ROOT = Path(__file__).parents[3]
NAME = "workmail-free-busy"


def document(server: radicale.Server, password: str) -> str:
    dav = {"type": "caldav", "url": f"{server.url}/{radicale.USER}/{{mailbox}}/", "username": radicale.USER, "password": password}
    return json.dumps({"backends": {"dav": dav}, "routes": [{"mailboxes": ["example.net"], "backend": "dav"}], "cacheSeconds": 0})


@pytest.fixture
def server(tmp_path: Path) -> Iterator[radicale.Server]:
    with radicale.running(tmp_path) as found:
        found.make(f"/{radicale.USER}/bob@example.net/", radicale.event("one", "DTSTART:20260504T090000Z", "DTEND:20260504T100000Z"))
        yield found


@pytest.fixture
def secrets(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Secrets Manager, also for the function's boto3."""
    with run_moto(0) as url:
        variables = {
            "AWS_ACCESS_KEY_ID": "x",
            "AWS_SECRET_ACCESS_KEY": "x",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_ENDPOINT_URL_SECRETS_MANAGER": url,
            "AVAILABILITY_SECRET": NAME,
            # Powertools' loggers keep the standard output of the first test.
            "POWERTOOLS_SERVICE_NAME": f"test-{uuid4().hex}",
        }
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        env.cache_clear()
        client = boto3.client("secretsmanager")
        yield client
        client.delete_secret(SecretId=NAME, ForceDeleteWithoutRecovery=True)
        env.cache_clear()


def function() -> Any:
    """Load the handler as in a new container."""
    spec = importlib.util.spec_from_file_location("availability_app", ROOT / "functions/availability/app.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.handler


def test_a_request_is_served_from_the_configured_server(secrets: Any, server: radicale.Server) -> None:
    secrets.create_secret(Name=NAME, SecretString=document(server, radicale.PASSWORD))
    response = function()(request("bob@example.net", "unknown@example.net", "eve@example.org"), None)
    check_availability_response(response)
    bob, unknown, eve = response["mailboxes"]
    assert [event["startTime"] for event in bob["events"]] == ["2026-05-04T09:00:00.000Z"]
    assert (unknown["error"], eve["error"]) == ("MailboxNotFound", "ErrorAvailabilityConfigNotFound")


def test_a_rotated_password_works_in_the_same_request(secrets: Any, server: radicale.Server) -> None:
    secrets.create_secret(Name=NAME, SecretString=document(server, "the old one"))
    handler = function()
    secrets.put_secret_value(SecretId=NAME, SecretString=document(server, radicale.PASSWORD))
    [bob] = handler(request("bob@example.net"), None)["mailboxes"]
    assert len(bob["events"]) == 1


def test_a_missing_secret_is_logged_and_found_later(secrets: Any, server: radicale.Server, capsys: pytest.CaptureFixture[str]) -> None:
    handler = function()
    [bob] = handler(request("bob@example.net"), None)["mailboxes"]
    assert bob["error"] == "ErrorAvailabilityConfigNotFound"
    assert "ResourceNotFoundException" in capsys.readouterr().out
    secrets.create_secret(Name=NAME, SecretString=document(server, radicale.PASSWORD))
    [bob] = handler(request("bob@example.net"), None)["mailboxes"]
    assert len(bob["events"]) == 1


def test_a_secret_without_text_is_logged(secrets: Any, capsys: pytest.CaptureFixture[str]) -> None:
    secrets.create_secret(Name=NAME, SecretBinary=b"\0\1")
    [bob] = function()(request("bob@example.net"), None)["mailboxes"]
    assert bob["error"] == "ErrorAvailabilityConfigNotFound"
    assert "store the configuration as its string value" in capsys.readouterr().out
