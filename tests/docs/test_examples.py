"""The examples in the documentation run and have the documented result."""

import json
import re
from pathlib import Path
from types import ModuleType

import pytest

from mailhooks.hooks.runtime import sync_hook
from mailhooks.policy import load
from mailhooks.settings import env
from tests.support.hooks import HEADER, Memory
from tests.support.mail import event

ROOT = Path(__file__).parents[2]


@pytest.fixture
def example(tmp_path: Path):
    """Return a function that loads a marked code block of a page as a module, as in `example("docs/hooks.md", "stamp")`."""

    def load(page: str, name: str) -> ModuleType:
        text = (ROOT / page).read_text("utf-8")
        [code] = re.findall(rf"<!-- tested: {name} -->\n```python\n(.*?)```", text, re.DOTALL)
        module = ModuleType(name)
        exec(compile(code, f"{page}: {name}", "exec"), module.__dict__)
        return module

    env.cache_clear()
    yield load
    env.cache_clear()


def test_the_ten_line_hook_bounces(example):
    handler = example("README.md", "quiet").handler
    answer = handler(event("helpdesk@example.com", "user@example.com", subject="We are ON FIRE"), None)
    assert answer["actions"] == [
        {
            "action": {"type": "BOUNCE", "parameters": {"bounceMessage": "Please call us instead."}},
            "recipients": ["helpdesk@example.com"],
        },
        {"action": {"type": "DEFAULT"}, "allRecipients": True},
    ]
    assert handler(event(), None)["actions"] == [{"action": {"type": "DEFAULT"}, "allRecipients": True}]


def test_the_ten_line_hook_has_ten_lines():
    text = (ROOT / "README.md").read_text("utf-8")
    [code] = re.findall(r"<!-- tested: quiet -->\n```python\n(.*?)```", text, re.DOTALL)
    assert len([line for line in code.splitlines() if line]) <= 10


def test_the_content_example_changes_the_message_once(example):
    memory = Memory()
    stamp = example("docs/hooks.md", "stamp").Stamp()
    handler = sync_hook(stamp, content=memory)
    for _ in range(2):
        handler(event(), None)
    assert memory.puts == 1
    assert list(memory.messages.values()) == [HEADER + b"X-Stamped: yes\r\n\r\nBody\r\n"]


def test_the_example_that_reads_no_mail_counts_it(example, capsys: pytest.CaptureFixture[str]):
    assert example("docs/hooks.md", "count").handler(event(), None) is None
    [metrics] = [json.loads(line) for line in capsys.readouterr().out.splitlines() if '"_aws"' in line]
    assert (metrics["hook"], metrics["Messages"], "MessageSize" in metrics) == ("count", [1.0], False)


def test_every_policy_in_the_documentation_is_valid(tmp_path: Path):
    """Files that the policies name are there, with small contents."""
    for name in ("disclaimer/disclaimer.txt", "disclaimer/disclaimer.html", "signature.html"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("Example GmbH")
    for name in ("disclaimer/directory.json", "people.json"):
        (tmp_path / name).write_text("{}")
    policies = [
        text
        for page in (ROOT / "docs").glob("*.md")
        for text in re.findall(r"```yaml\n((?:#[^\n]*\n)?version: 1\n.*?)```", page.read_text("utf-8"), re.DOTALL)
    ]
    assert len(policies) > 8
    for text in policies:
        (tmp_path / "policy.yaml").write_text(text, "utf-8")
        assert load(tmp_path / "policy.yaml").rules


def anchors(page: Path) -> set[str]:
    """Return the anchors of a page's headings, as a code host makes them."""
    text = re.sub(r"^ *```.*?^ *```", "", page.read_text("utf-8"), flags=re.MULTILINE | re.DOTALL)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in re.findall(r"^#+ (.+)$", text, re.MULTILINE)}


def test_every_link_in_the_documentation_has_a_target():
    for page in [ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").rglob("*.md")]:
        for target, anchor in re.findall(r"\]\(([^)#\s]*)(?:#([^)]*))?\)", page.read_text("utf-8")):
            if "://" not in target:
                file = page.parent / target if target else page
                assert file.exists(), f"{page.name}: {target}"
                if file.suffix == ".md" and anchor:
                    assert anchor in anchors(file), f"{page.name}: {target}#{anchor}"


def test_blocks_in_lists_are_indented_by_four_spaces_as_the_static_site_needs_it():
    for page in (ROOT / "docs").rglob("*.md"):
        assert not re.findall(r"^ {1,3}```.*", page.read_text("utf-8"), re.MULTILINE), page.name
