"""The examples in the documentation are programs, and do what the page says."""

import re
from pathlib import Path
from types import ModuleType

import pytest

from mailhooks.settings import env
from tests.support.hooks import HEADER, Memory
from tests.support.mail import event

ROOT = Path(__file__).parents[2]


@pytest.fixture
def example(tmp_path: Path):
    """`example("docs/hooks.md", "stamp")`: the block marked so, as a module."""

    def load(page: str, name: str) -> ModuleType:
        text = (ROOT / page).read_text("utf-8")
        [code] = re.findall(rf"<!-- tested: {name} -->\n```python\n(.*?)```", text, re.DOTALL)
        module = ModuleType(name)
        exec(compile(code, f"{page}: {name}", "exec"), module.__dict__)
        return module

    env.cache_clear()
    yield load
    env.cache_clear()


@pytest.mark.parametrize("page", ["README.md", "docs/hooks.md"])
def test_the_hook_in_ten_lines_bounces_as_it_says(example, page: str):
    handler = example(page, "quiet").handler
    answer = handler(event("helpdesk@example.com", "user@example.com", subject="We are ON FIRE"), None)
    assert answer["actions"] == [
        {
            "action": {"type": "BOUNCE", "parameters": {"bounceMessage": "Please call us instead."}},
            "recipients": ["helpdesk@example.com"],
        },
        {"action": {"type": "DEFAULT"}, "allRecipients": True},
    ]
    assert handler(event(), None)["actions"] == [{"action": {"type": "DEFAULT"}, "allRecipients": True}]


def test_the_ten_lines_are_ten():
    text = (ROOT / "README.md").read_text("utf-8")
    [code] = re.findall(r"<!-- tested: quiet -->\n```python\n(.*?)```", text, re.DOTALL)
    assert len([line for line in code.splitlines() if line]) <= 10


def test_the_content_example_changes_the_message_once(example):
    memory = Memory()
    stamp = example("docs/hooks.md", "stamp").Stamp()
    from mailhooks.hooks.runtime import sync_hook

    handler = sync_hook(stamp, content=memory)
    for _ in range(2):
        handler(event(), None)
    assert memory.puts == 1
    assert list(memory.messages.values()) == [HEADER + b"X-Stamped: yes\r\n\r\nBody\r\n"]


def test_every_link_in_the_documentation_leads_somewhere():
    for page in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]:
        for target in re.findall(r"\]\(([^)#]+?)(?:#[^)]*)?\)", page.read_text("utf-8")):
            if "://" not in target:
                assert (page.parent / target).exists(), f"{page.name}: {target}"
