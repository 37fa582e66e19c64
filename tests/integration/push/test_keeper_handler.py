"""The keeper's function: its configuration, log line and metrics."""

import json
import uuid
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from mailhooks.push.keeper_handler import keeper_handler
from mailhooks.push.settings import PushSettings
from tests.support.push import PushServices
from workmail_local.workmail import LocalWorkMail

ROLE = "role-1"
CONFIGURATION = """
organization = { domains = ["example.com"] }
users = [{ address = "ana@example.com" }, { address = "ben@example.com" }]
"""


def configure(*mailboxes: str) -> str:
    return json.dumps({"subscriptions": [{"name": "arrivals", "mailboxes": list(mailboxes)}]})


class Context:
    """Lambda's context of an invocation with some seconds left."""

    def __init__(self, seconds: float = 60.0) -> None:
        self._seconds = seconds

    def get_remaining_time_in_millis(self) -> float:
        return self._seconds * 1000


Run = Callable[..., dict[str, Any]]


@pytest.fixture
def run(wm: LocalWorkMail, tmp_path: Path) -> Run:
    """`run(config, seconds=60, **settings)`: the answer of a run with this text or source of the configuration."""
    wm.reset(CONFIGURATION)
    _ = wm.mail_server
    wm.organization.impersonation_roles.add(ROLE)
    services = PushServices(wm)

    def run_once(config: str, seconds: float = 60.0, **settings: Any) -> dict[str, Any]:
        if config.startswith("{"):
            file = tmp_path / "subscriptions.json"
            file.write_text(config, "utf-8")
            config = str(file)
        known: dict[str, Any] = {
            "organization_id": wm.organization.id,
            "push_impersonation_role": ROLE,
            "push_secret": services.variables["PUSH_SECRET"],
            "push_subscriptions_table": services.subscriptions_table,
            "push_url": "http://127.0.0.1:1/",
            "push_ews_url": wm.ews_url,
            "push_config": config,
            "service": uuid.uuid4().hex,
        }
        return keeper_handler(settings=PushSettings(**known | settings))({}, Context(seconds))

    return run_once


def counts(**expected: Any) -> dict[str, Any]:
    return {**dict.fromkeys(("kept", "made", "renewed", "removed", "waiting", "left"), 0), "failures": [], **expected}


def read_lines(capsys: pytest.CaptureFixture[str]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the log line and the metrics."""
    log, metrics = map(json.loads, capsys.readouterr().out.splitlines())
    return log, metrics


def test_the_answer_the_log_line_and_the_metrics_have_the_numbers(run: Run, wm: LocalWorkMail, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(configure("ana@example.com", "ben@example.com")) == counts(made=2)
    log, metrics = read_lines(capsys)
    assert (log["level"], log["message"], log["made"], log["hook"]) == ("INFO", "the subscriptions are as configured", 2, "subscriptions")
    assert (metrics["Subscriptions"], metrics["SubscriptionsLost"], metrics["Failed"], metrics["Passing"]) == ([2.0], [0.0], [0.0], [0.0])
    assert len({each.request.url for each in wm.ews.subscriptions.list_states()}) == 2
    assert run(configure("ana@example.com")) == counts(kept=1, removed=1)


def test_a_failure_is_logged_with_its_reason_and_without_the_address(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    answer = run(configure("ana@example.com", "unknown@example.com"))
    assert answer == counts(made=1, failures=["Subscribe: the server responded with ErrorNonExistentMailbox (1)"])
    printed = capsys.readouterr().out
    log, metrics = map(json.loads, printed.splitlines())
    assert (log["level"], metrics["Failed"], metrics["Subscriptions"], "unknown@" in printed) == ("WARNING", [1.0], [1.0], False)
    run(configure("ana@example.com", "unknown@example.com"), log_addresses=True)
    assert read_lines(capsys)[0]["mailbox"] == ["unknown@example.com"]


def test_throttling_is_a_passing_error(run: Run, wm: LocalWorkMail, capsys: pytest.CaptureFixture[str]) -> None:
    wm.faults.add("Subscribe", error="ErrorServerBusy")
    # The pause of ten seconds does not fit.
    answer = run(configure("ana@example.com", "ben@example.com"), seconds=15)
    assert (answer["left"], answer["failures"]) == (1, ["the server responded with ErrorServerBusy (1)"])
    assert read_lines(capsys)[1].items() >= {"Passing": [1.0], "Failed": [0.0]}.items()


def test_a_configuration_in_s3_or_systems_manager_is_read(run: Run, wm: LocalWorkMail) -> None:
    with closing(wm.client("s3")) as s3, closing(wm.client("ssm")) as ssm:
        s3.put_object(Bucket=wm.bucket, Key="push/subscriptions.json", Body=configure("ana@example.com").encode("utf-8-sig"))
        name = f"/push/{uuid.uuid4().hex}"
        ssm.put_parameter(Name=name, Value=configure("ben@example.com"), Type="String")
    assert run(f"s3://{wm.bucket}/push/subscriptions.json")["made"] == 1
    assert run(f"ssm:{name}")["made"] == 1


@pytest.mark.parametrize(
    "config, reason",
    [
        ("{", "PUSH_CONFIG: the configuration is not JSON (line 1, column 2)"),
        ('{"subscriptions": [{"name": "a", "mailboxes": []}]}', "PUSH_CONFIG: "),
        ("missing.json", "PUSH_CONFIG: it cannot be read (FileNotFoundError): check its name and the function's role"),
        ("s3://missing-bucket-1/a", "PUSH_CONFIG: it cannot be read (NoSuchBucket): check its name and the function's role"),
        ("ssm:/missing", "PUSH_CONFIG: it cannot be read (ParameterNotFound): check its name and the function's role"),
    ],
)
def test_an_invalid_configuration_leaves_all_subscriptions_as_they_are(
    config: str, reason: str, run: Run, wm: LocalWorkMail, capsys: pytest.CaptureFixture[str]
) -> None:
    run(configure("ana@example.com"))
    capsys.readouterr()
    [shown] = run(config)["failures"]
    assert shown.startswith(reason)
    log, metrics = read_lines(capsys)
    assert (log["level"], log["reason"], metrics["Failed"], "Subscriptions" in metrics) == ("ERROR", "SettingsError", [1.0], False)
    assert run(configure("ana@example.com")) == counts(kept=1)


def test_a_missing_setting_is_named(run: Run) -> None:
    assert run(configure("ana@example.com"), push_url="")["failures"] == ["PUSH_URL: not set"]


def test_a_role_that_cannot_be_assumed_is_an_error_of_the_run(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    [failure] = run(configure("ana@example.com"), push_impersonation_role="role-2")["failures"]
    assert failure == "AssumeImpersonationRole: ResourceNotFoundException (HTTP 400)"
    assert read_lines(capsys)[0]["reason"] == "Misconfigured"
