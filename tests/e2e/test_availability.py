"""The availability function in its Lambda container, its configuration in Secrets Manager: what it answers, logs and loads."""

import json
import uuid
from typing import Any

import boto3
import pytest

from mailhooks.contract.availability import check_availability_response
from tests.e2e.conftest import CREDENTIALS, SUBJECT
from tests.e2e.containers import Containers
from tests.e2e.sam import Answer
from tests.e2e.toolchain import ROOT
from tests.support.servers.ews import EwsServer
from workmail_local.workmail import REGION

GUIDE: dict[str, Any] = json.loads((ROOT / "events" / "availability" / "guide.json").read_text("utf-8"))
USER2, UNKNOWN = GUIDE["mailboxes"]
APPOINTMENT = {"startTime": "2021-05-04T09:00:00.000Z", "endTime": "2021-05-04T10:30:00.000Z", "busyType": "BUSY"}


def ask(containers: Containers, configuration: dict[str, Any]) -> Answer:
    """The function's answer to the guide's request, in a new container whose interpreter prints what it imports."""
    client = boto3.client(
        "secretsmanager",
        region_name=REGION,
        endpoint_url=containers.secrets_manager,
        aws_access_key_id="local",
        aws_secret_access_key="local",
    )
    secret = client.create_secret(Name=f"free-busy-{uuid.uuid4().hex[:8]}", SecretString=json.dumps(configuration))
    client.close()
    return containers.invoke("AvailabilityFunction", GUIDE, {"AVAILABILITY_SECRET": secret["ARN"], "PYTHONPROFILEIMPORTTIME": "1"})


def imported(answer: Answer) -> set[str]:
    """The packages that were loaded, by the interpreter's own account."""
    lines = (line for line in answer.log.splitlines() if line.startswith("import time:"))
    return {line.rpartition("|")[2].strip().partition(".")[0] for line in lines}


@pytest.fixture(scope="module")
def by_ews(containers: Containers, exchange: EwsServer) -> Answer:
    """With NTLM, because it uses native code of the layer."""
    user, password = CREDENTIALS
    auth = {"type": "ntlm", "username": f"EXAMPLE\\{user}", "password": password}
    return ask(
        containers,
        {
            "backends": {"exchange": {"type": "ews", "url": containers.reach(exchange.endpoint), "auth": auth}},
            "routes": [{"mailboxes": ["*"], "backend": "exchange"}],
            "details": [{"requesters": [GUIDE["requester"]["email"]], "show": "details"}],
        },
    )


@pytest.fixture(scope="module")
def by_feed(containers: Containers, feed: str) -> Answer:
    rooms = {"type": "ics", "feeds": [{"mailbox": USER2, "url": containers.reach(feed)}]}
    return ask(containers, {"backends": {"rooms": rooms}, "routes": [{"mailboxes": ["*"], "backend": "rooms"}]})


class TestByEws:
    def test_the_guides_own_request_has_its_answer(self, by_ews: Answer) -> None:
        check_availability_response(by_ews.response)
        known, unknown = by_ews.response["mailboxes"]

        assert unknown == {"mailbox": UNKNOWN, "error": "MailboxNotFound"}
        [appointment] = known["events"]
        assert appointment["details"].pop("subject") == SUBJECT
        assert appointment.items() >= APPOINTMENT.items()
        assert known["mailbox"] == USER2
        assert known["workingHours"]["workingPeriods"] == [
            {"startMinutes": 480, "endMinutes": 1020, "days": ["MON", "TUE", "WED", "THU", "FRI"]}
        ]

    def test_its_log_has_counts_and_neither_addresses_nor_subjects_nor_credentials(self, by_ews: Answer) -> None:
        [line] = [line for line in by_ews.lines() if "coldStart" in line]

        assert (line["mailboxes"], line["asked"], line["coldStart"]) == (2, {"exchange": 2}, True)
        assert [text for text in ("example.com", SUBJECT, *CREDENTIALS) if text in by_ews.log] == []

    def test_loads_exchangelib(self, by_ews: Answer) -> None:
        assert {"exchangelib", "lxml"} <= imported(by_ews)  # or the test of their absence would be one of nothing


class TestByAFeed:
    def test_the_feeds_event_is_the_answer(self, by_feed: Answer) -> None:
        check_availability_response(by_feed.response)
        known, unknown = by_feed.response["mailboxes"]

        assert known == {"mailbox": USER2, "events": [APPOINTMENT]}
        assert unknown["mailbox"] == UNKNOWN
        assert "error" in unknown

    def test_exchangelib_is_not_loaded_where_no_backend_needs_it(self, by_feed: Answer) -> None:
        assert {"mailhooks", "requests"} <= imported(by_feed)
        assert {"exchangelib", "lxml", "msal", "google"}.isdisjoint(imported(by_feed))


def test_the_layers_hold_what_each_backend_imports_at_once_or_later(containers: Containers) -> None:
    later = ["msal", "google.oauth2.service_account", "requests_ntlm", "tzlocal"]
    program = f"""
import importlib, pkgutil, zoneinfo
from mailhooks.availability import backends
found = [f"{{backends.__name__}}.{{module.name}}" for module in pkgutil.iter_modules(backends.__path__)]
for name in found + {later}:
    importlib.import_module(name)
zoneinfo.reset_tzpath([])  # the base image has no time zones of its own to speak of
zoneinfo.ZoneInfo("Europe/Berlin")
print(len(found))
"""

    assert int(containers.python(program)) > len({"ews", "workmail", "graph", "google", "caldav", "ics"})
