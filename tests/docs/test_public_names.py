"""Every name in docs/api.md can be imported, and the old paths lead to the new modules."""

import importlib
import re
from pathlib import Path

PAGE = (Path(__file__).parents[2] / "docs/api.md").read_text("utf-8")
CURRENT, OLD = PAGE.split("## Old paths", 1)


def is_importable(name: str) -> bool:
    """Return whether a dotted name is a module, or an attribute of one."""
    module, _, attribute = name.rpartition(".")
    if hasattr(importlib.import_module(module), attribute):
        return True
    try:
        importlib.import_module(name)
    except ImportError:
        return False
    return True


def test_each_public_name_can_be_imported() -> None:
    names = re.findall(r"^\| `((?:mailhooks|local)[\w.]+)` \|", CURRENT, re.MULTILINE)
    assert len(names) > 25
    assert [name for name in names if not is_importable(name)] == []


def test_names_that_hooks_rely_on_are_listed() -> None:
    for name in (
        "mailhooks.hook.sync_hook",
        "mailhooks.hook.async_hook",
        "mailhooks.hook.Mail",
        "mailhooks.messageflow.MessageFlow",
        "mailhooks.contract.MailFlowEvent",
        "mailhooks.contract.Verdict",
        "mailhooks.contract.ContractError",
        "mailhooks.disclaimer.add_disclaimer",
        "mailhooks.policy.load",
        "mailhooks.availability.answer",
        "local.LocalWorkMail",
        "local.pytest_plugin",
    ):
        assert f"`{name}`" in CURRENT, name


def test_old_paths_lead_to_the_objects_at_the_new_paths() -> None:
    rows = re.findall(r"^\| `([\w.]+)` \| `([\w.]+)` \|", OLD, re.MULTILINE)
    assert rows
    for old, new in rows:
        exported = importlib.import_module(old).__all__
        assert exported, old
        objects = vars(importlib.import_module(new)).values()
        assert all(any(each is getattr(importlib.import_module(old), name) for each in objects) for name in exported), old
