"""Sources of the policy: a file, S3, Systems Manager, AppConfig. An invalid version never replaces a valid one."""

import json
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from threading import Event

import pytest

from mailhooks.aws.policy_providers import make_fetcher
from mailhooks.core.evaluator import FixedPolicy
from mailhooks.core.policy_source import PolicySource
from mailhooks.errors import SettingsError
from mailhooks.hooks.policy_hook import PolicyHook
from mailhooks.hooks.runtime import sync_hook
from mailhooks.policy import PolicyError
from tests.support.hooks import settings
from tests.support.mail import event
from tests.support.serving import Quiet, serving
from workmail_local.workmail import LocalWorkMail

GOOD = "version: 1\nrules: [ { name: %s, do: junk } ]\n"
BAD = "version: 1\nrules: [ { name: x, do: explode } ]\n"


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def rules(source: PolicySource) -> list[str]:
    return [rule.name for rule in source.current().rules]


def test_a_new_version_in_s3_is_used_after_its_age_and_an_invalid_one_never(wm: LocalWorkMail, capsys: pytest.CaptureFixture[str]) -> None:
    s3 = wm.client("s3")
    clock = Clock()

    def put(text: str) -> None:
        s3.put_object(Bucket=wm.bucket, Key="policies/mail.yaml", Body=text.encode())

    put(GOOD % "first")
    fetch = make_fetcher("s3", f"//{wm.bucket}/policies/mail.yaml", 10_000)
    source = PolicySource(lambda: fetch().decode(), "s3", 300, clock=clock)
    assert (rules(source), source.rejected) == (["first"], False)
    put(GOOD % "second")
    assert rules(source) == ["first"]
    clock.now = 301
    assert rules(source) == ["second"]
    put(BAD)
    clock.now = 700
    assert (rules(source), source.rejected) == (["second"], True)
    assert "s3:2: rule" in capsys.readouterr().err
    s3.delete_object(Bucket=wm.bucket, Key="policies/mail.yaml")
    clock.now = 1000
    assert (rules(source), source.rejected) == (["second"], True)
    put(GOOD % "third")
    clock.now = 1100
    assert (rules(source), source.rejected) == (["third"], False)


def test_a_message_does_not_wait_while_another_thread_fetches_a_new_version() -> None:
    clock, begun, may_end = Clock(), Event(), Event()

    def fetch() -> str:
        if not clock.now:
            return GOOD % "first"
        begun.set()
        assert may_end.wait(20)
        return GOOD % "second"

    source = PolicySource(fetch, "s3", 300, clock=clock)
    clock.now = 301
    with ThreadPoolExecutor(1) as pool:
        fetching = pool.submit(rules, source)
        assert begun.wait(20)
        assert (rules(source), source.rejected) == (["first"], False)
        may_end.set()
        assert fetching.result(20) == ["second"]


def test_a_policy_is_read_from_systems_manager(wm: LocalWorkMail) -> None:
    wm.client("ssm").put_parameter(Name=f"/{wm.bucket}/policy", Value=GOOD % "by-ssm", Type="String")
    assert rules(PolicySource.from_settings(settings(policy=f"ssm:/{wm.bucket}/policy"))) == ["by-ssm"]


def test_a_policy_is_read_from_appconfig(wm: LocalWorkMail, monkeypatch: pytest.MonkeyPatch) -> None:
    """moto has no AppConfig data API: this server answers once with the configuration, then with no new version."""
    asked: list[str] = []

    class Handler(Quiet, BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.body())
            asked.append("/".join(str(body[f"{part}Identifier"]) for part in ("Application", "Environment", "ConfigurationProfile")))
            self._tell(201, b'{"InitialConfigurationToken": "t0"}', "application/json")

        def do_GET(self) -> None:
            first = "configuration_token=t0" in self.path
            self._tell(200, (GOOD % "by-appconfig").encode() if first else b"", "application/x-yaml")

        def _tell(self, status: int, body: bytes, kind: str) -> None:
            self.answer(status, body, Content_Type=kind, Next_Poll_Configuration_Token="t1")

    with serving(Handler) as url:
        monkeypatch.setenv("AWS_ENDPOINT_URL_APPCONFIGDATA", url)
        clock = Clock()
        fetch = make_fetcher("appconfig", "mail/production/policy", 10_000)
        source = PolicySource(lambda: fetch().decode(), "appconfig", 60, clock=clock)
        assert rules(source) == ["by-appconfig"]
        clock.now = 100
        assert (rules(source), source.rejected) == (["by-appconfig"], False)
        assert asked == ["mail/production/policy"]


def test_a_function_without_a_valid_policy_uses_the_built_in_file(
    wm: LocalWorkMail, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("policy.yaml").write_text(GOOD % "built-in")
    source = PolicySource.from_settings(settings(policy=f"s3://{wm.bucket}/not-there"))
    assert (rules(source), source.rejected) == (["built-in"], True)
    Path("policy.yaml").unlink()
    without = PolicySource.from_settings(settings(policy=f"s3://{wm.bucket}/comes-later", policy_max_age=1))
    with pytest.raises(PolicyError, match="NoSuchKey"):
        without.current()
    # It is looked for again: a process that started too early is not lost.
    wm.client("s3").put_object(Bucket=wm.bucket, Key="comes-later", Body=(GOOD % "late").encode())
    without._next_fetch = 0.0
    assert rules(without) == ["late"]


@pytest.mark.parametrize("first", [None, BAD], ids=["failed", "invalid"])
@pytest.mark.parametrize("age, wait", [(0, 30), (300, 30), (7, 7)])
def test_a_policy_that_is_not_in_force_is_fetched_again_after_some_seconds(tmp_path: Path, first: str | None, age: int, wait: int) -> None:
    (tmp_path / "policy.yaml").write_text(GOOD % "built-in")
    clock, fetched = Clock(), list[float]()

    def fetch() -> str:
        fetched.append(clock.now)
        if len(fetched) > 2:
            return GOOD % "repaired"
        if first is None:
            raise OSError
        return first

    source = PolicySource(fetch, "s3", age, fallback=tmp_path / "policy.yaml", clock=clock)
    for second in range(2 * wait):
        clock.now = second
        assert (rules(source), source.rejected) == (["built-in"], True)
    clock.now = 2 * wait
    assert (rules(source), source.rejected) == (["repaired"], False)
    clock.now = 1e9
    assert rules(source) == ["repaired"]
    assert fetched == [0, wait, 2 * wait, *([1e9] if age else [])]


@pytest.mark.parametrize("policy", ["s3://", "s3://bucket", "appconfig:a/b", "no-such-file.yaml"])
def test_an_invalid_source_is_rejected(policy: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises((SettingsError, PolicyError)):
        PolicySource.from_settings(settings(policy=policy)).current()


def test_messages_are_counted_while_the_newest_policy_is_rejected(capsys: pytest.CaptureFixture[str]) -> None:
    from mailhooks.policy import load

    class Rejected(FixedPolicy):
        rejected = True

    handle = sync_hook(PolicyHook(Rejected(load(GOOD % "old"))), settings=settings())
    assert handle(event("ana@example.com"), None)["actions"][0]["action"]["type"] == "MOVE_TO_JUNK"
    printed = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert any(line.get("PolicyRefused") == [1.0] for line in printed)


def test_an_invalid_policy_file_holds_up_no_mail(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("policy.yaml").write_text(BAD)
    handle = sync_hook(PolicyHook, settings=settings(policy="policy.yaml"))
    assert handle(event("ana@example.com"), None) == {"actions": [{"action": {"type": "DEFAULT"}, "allRecipients": True}]}
    assert "PolicyError" in capsys.readouterr().out
