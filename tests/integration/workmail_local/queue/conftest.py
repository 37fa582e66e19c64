"""A local WorkMail whose mail goes through a function in a real process."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from workmail_local.workmail import LocalWorkMail

ORGANIZATION = 'organization = { domains = ["example.com"] }\n'
_HOOK = """
[[rules]]
name = "Hook"
direction = "inbound"
action = "lambda"
senders = ["*"]
function = "hook"
%(rule)s

[functions.hook]
path = "%(path)s"
%(function)s
"""
_COUNT = """
import json, pathlib
calls = pathlib.Path(__file__).with_name("calls.jsonl")

def count(event):
    with calls.open("a") as file:
        file.write(json.dumps(event) + "\\n")
    return len(calls.read_text().splitlines())

def handler(event, context):
    n = count(event)
"""


class Hook:
    """A function in a folder, and configurations whose only rule runs it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def write(self, body: str) -> None:
        """Write the function. In its body, `n` is the number of the call."""
        (self.folder / "app.py").write_text(_COUNT + body)

    def configuration(self, *, rule: str = "", function: str = "", more: str = "") -> str:
        """The text of a `workmail.toml`; the arguments are further lines of it."""
        return ORGANIZATION + _HOOK % {"rule": rule, "path": self.folder, "function": function} + more

    def calls(self) -> list[dict[str, Any]]:
        """The events of the calls so far."""
        file = self.folder / "calls.jsonl"
        return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


@pytest.fixture
def hook(tmp_path: Path) -> Hook:
    return Hook(tmp_path)


@pytest.fixture
def wm(shared_workmail: LocalWorkMail) -> Iterator[LocalWorkMail]:
    """The shared local WorkMail, as new: `wm.reset(configuration)` gives it another configuration."""
    yield shared_workmail
    shared_workmail.reset()
