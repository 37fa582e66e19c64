"""The table [push]: the functions of this project run in processes, and mail to the local WorkMail becomes events on EventBridge."""

import json
import re
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from mail_gateway.toml_reader import ConfigurationError
from tests.support.push_queue import EventQueue
from tests.support.waiting import wait_until
from workmail_local.config.configuration import load_configuration
from workmail_local.workmail import LocalWorkMail

CONFIGURATION = """
[organization]
domains = ["example.com"]
[[users]]
address = "ana@example.com"
[push]
subscriptions = "subscriptions.json"
"""
MESSAGE = b"From: nora@example.net\r\nTo: ana@example.com\r\nSubject: Hello\r\n\r\nHello\r\n"


def write(folder: Path, *entries: dict[str, Any]) -> Path:
    (folder / "subscriptions.json").write_text(json.dumps({"subscriptions": entries}), "utf-8")
    file = folder / "workmail.toml"
    file.write_text(CONFIGURATION, "utf-8")
    return file


def test_a_message_is_an_event_and_a_saved_file_changes_the_subscriptions(tmp_path: Path) -> None:
    reports: list[str] = []
    entry = {"name": "tickets", "mailboxes": ["ana@example.com"], "statusMinutes": 1440}
    with LocalWorkMail(write(tmp_path, entry), report=reports.append) as wm, closing(EventQueue(wm, "default")) as queue:
        push = wm.start_push()
        assert push is not None
        assert wm.start_push() is push
        wait_until(lambda: wm.ews.subscriptions.list_states())
        wm.send(MESSAGE)
        wait_until(lambda: [each["detail-type"] for each in queue.receive_all()] == ["WorkMail NewMail"])
        write(tmp_path, entry, {"name": "unknown", "mailboxes": ["unknown@example.com"]})
        wait_until(lambda: len(reports) == 2)
    assert reports == [
        "push subscriptions: 1 made",
        "push subscriptions: not as configured: Subscribe: the server responded with ErrorNonExistentMailbox (1)",
    ]


def test_without_the_table_nothing_is_started(running: LocalWorkMail) -> None:
    running.reset('organization = { domains = ["example.com"] }')
    assert running.start_push() is None


@pytest.mark.parametrize(
    "table, error",
    [
        (
            'subscriptions = "missing.json"',
            "[push]: subscriptions: expected the name of a JSON file, from this file's folder, found 'missing.json'",
        ),
        ("port = 8027", "[push]: subscriptions: expected a string, found none"),
        ('subscriptions = "workmail.toml"\nport = 70000', "[push]: port: expected 0 to 65,535, found 70000"),
        ('subscriptions = "workmail.toml"\nurl = "x"', "expected one of subscriptions, port"),
    ],
)
def test_an_invalid_table_is_an_error_with_its_place(table: str, error: str, tmp_path: Path) -> None:
    file = write(tmp_path)
    file.write_text(f'organization = {{ domains = ["example.com"] }}\n[push]\n{table}\n', "utf-8")
    with pytest.raises(ConfigurationError, match=re.escape(error)):
        load_configuration(file)
