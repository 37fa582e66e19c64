"""The functions with one short setting: a policy in their folder applies instead of it, and no removed setting is ignored silently."""

import json
from pathlib import Path
from typing import Any

import pytest

from mailhooks.errors import SettingsError
from mailhooks.hooks.earlier_decision import STAMP
from mailhooks.hooks.functions.bounce import BounceHook
from mailhooks.hooks.functions.disclaimer import DisclaimerHook
from mailhooks.hooks.functions.observe import ObserveHook
from mailhooks.hooks.functions.rewrite import RewriteHook
from mailhooks.hooks.policy_hook import PolicyHook
from mailhooks.hooks.runtime import HookFailed
from mailhooks.settings import OnError, Settings
from tests.support.hooks import DELIVER, MESSAGE, Memory, handler_of
from tests.support.mail import event

RULES = '[{"action": "DROP"}]'
HOOKS: list[tuple[type[PolicyHook], str, str]] = [
    (RewriteHook, "SUBJECT_TAG", "[SETTING]"),
    (DisclaimerHook, "DISCLAIMER_TEXT", "Setting"),
    (BounceHook, "BOUNCE_RULES", RULES),
]
POLICY: dict[str, Any] = {"version": 1, "rules": [{"name": "Tag", "do": {"subject_tag": "[POLICY]"}}]}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The function's folder, which is the working directory, as in Lambda."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write_policy(folder: Path, policy: dict[str, Any] = POLICY, name: str = "policy.yaml") -> None:
    (folder / name).write_text(json.dumps(policy), "utf-8")


@pytest.mark.parametrize("hook, variable, value", HOOKS)
def test_a_policy_in_the_folder_applies_instead_of_the_setting_and_a_line_says_so(hook, variable, value, folder: Path, capsys, log):
    write_policy(folder)
    settings = {variable.lower(): value}
    memory = Memory()
    assert handler_of(hook, memory, **settings)(event(), None) == DELIVER
    [changed] = memory.messages.values()
    assert b"Subject: [POLICY] a secret" in changed
    assert STAMP.encode() in changed
    assert b"etting" not in changed
    assert capsys.readouterr().err == f"mailhooks: the policy policy.yaml applies; not used: {variable}\n"


@pytest.mark.parametrize("hook, variable, value", HOOKS)
def test_a_policy_alone_is_not_worth_a_line(hook, variable, value, folder: Path, capsys):
    write_policy(folder)
    hook.from_settings(Settings())
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("hook, variable, value", HOOKS[:2])
def test_a_retry_in_a_version_with_another_setting_adds_nothing(hook, variable, value, folder: Path):
    memory = Memory()
    handler_of(hook, memory, **{variable.lower(): value})(event(), None)
    [changed] = memory.messages.values()
    assert changed != MESSAGE
    assert handler_of(hook, memory, **{variable.lower(): "[Other]"})(event(), None) == DELIVER
    assert list(memory.messages.values()) == [changed]


def test_the_setting_policy_names_another_file(folder: Path):
    write_policy(folder, name="other.yaml")
    memory = Memory()
    handler_of(RewriteHook, memory, policy="other.yaml")(event(), None)
    assert b"[POLICY]" in next(iter(memory.messages.values()))


@pytest.mark.parametrize("hook, variable, value", HOOKS)
def test_a_policy_with_an_error_does_not_let_the_setting_apply(hook, variable, value, folder: Path, log):
    write_policy(folder, {"version": 2, "rules": []})
    memory = Memory()
    handler = handler_of(hook, memory, on_error=OnError.DELIVER, **{variable.lower(): value})
    assert handler(event(), None) == DELIVER
    assert list(memory.messages.values()) == [MESSAGE]
    [line] = log().lines
    assert (line["level"], line["reason"], line["hook"]) == ("ERROR", "PolicyError", hook.name)


def test_a_policy_of_bounce_with_an_error_holds_mail_back_by_default(folder: Path):
    write_policy(folder, {"version": 2, "rules": []})
    with pytest.raises(HookFailed, match="PolicyError"):
        handler_of(BounceHook)(event(), None)


def test_the_log_names_the_rules_of_the_policy_and_the_function(folder: Path, log):
    write_policy(folder)
    handler_of(DisclaimerHook)(event(), None)
    [line] = log().lines
    assert (line["hook"], line["rules"]) == ("disclaimer", ["Tag"])


REMOVED = {
    "ADD_HEADERS": '{"X-A": "1"}',
    "REMOVE_HEADERS": "X-A",
    "STRIP_EXTENSIONS": "exe",
    "STRIP_TYPES": "audio/*",
    "STRIP_TRUE_TYPES": "executable",
    "STRIP_OVER_BYTES": "1000",
    "STRIP_ENCRYPTED_ARCHIVES": "strip",
    "STRIP_UNLISTABLE_ARCHIVES": "strip",
    "STRIP_FORWARDED": "strip",
    "SES_UNSUPPORTED": "strip",
    "DISCLAIMER_HTML": "<p>D</p>",
    "DISCLAIMER_FOLDER": "other",
    "DISCLAIMER_POSITION": "prepend",
    "DISCLAIMER_AUDIENCE": "external",
    "DISCLAIMER_ONCE_PER_THREAD": "true",
    "DISCLAIMER_SKIP_SENDERS": "noreply@example.com",
    "DISCLAIMER_SKIP_RECIPIENTS": "example.org",
    "ON_UNMODIFIABLE": "wrap",
    "ON_NO_TEXT": "add-part",
    "ON_UNKNOWN_CHARSET": "none",
    "OBSERVE_CONTENT": "false",
}
HARMLESS = {
    "ADD_HEADERS": "{}",
    "STRIP_EXTENSIONS": "",
    "STRIP_OVER_BYTES": "0",
    "SES_UNSUPPORTED": "Leave",
    "DISCLAIMER_FOLDER": "disclaimer",
    "DISCLAIMER_POSITION": "append",
    "DISCLAIMER_AUDIENCE": "all",
    "DISCLAIMER_ONCE_PER_THREAD": "FALSE",
    "ON_UNMODIFIABLE": "pass",
    "ON_UNKNOWN_CHARSET": "transliterate",
    "OBSERVE_CONTENT": "true",
}


@pytest.mark.parametrize("variable", REMOVED)
def test_a_removed_setting_leaves_mail_unchanged_and_is_an_error_that_names_it(variable: str, folder: Path, log):
    for hook, name, value in HOOKS:
        settings = Settings.from_env({name: value, variable: REMOVED[variable]})
        with pytest.raises(SettingsError, match=rf"^{variable}: removed in release 0\.17: see docs/functions\.md"):
            hook.from_settings(settings)


def test_observe_does_not_read_mail_against_a_removed_setting(folder: Path):
    with pytest.raises(SettingsError, match=r"^OBSERVE_CONTENT: removed"):
        ObserveHook.from_settings(Settings.from_env({"OBSERVE_CONTENT": "false"}))


def test_a_removed_setting_with_its_default_asks_for_nothing(folder: Path):
    assert Settings.from_env(HARMLESS) == Settings()


def test_with_a_policy_a_removed_setting_is_named_as_unused(folder: Path, capsys):
    write_policy(folder)
    RewriteHook.from_settings(Settings.from_env({"SUBJECT_TAG": "[A]", "ADD_HEADERS": '{"X-A": "1"}', "STRIP_TYPES": "audio/*"}))
    [line] = capsys.readouterr().err.splitlines()
    assert line.endswith("not used: SUBJECT_TAG, STRIP_TYPES, ADD_HEADERS")
