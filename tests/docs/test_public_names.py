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
    names = re.findall(r"^\| `((?:mailhooks|workmail_local)[\w.]+)` \|", CURRENT, re.MULTILINE)
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
        "workmail_local.LocalWorkMail",
        "workmail_local.HookFailed",
        "workmail_local.pytest_plugin",
    ):
        assert f"`{name}`" in CURRENT, name


def test_each_name_that_an_example_imports_is_listed() -> None:
    root = Path(__file__).parents[2]
    listed = set(re.findall(r"^\| `([\w.]+)` \|", CURRENT, re.MULTILINE))
    imported = set()
    for page in [root / "README.md", *(root / "docs").rglob("*.md")]:
        for block in re.findall(r"^```python[^\n]*\n(.*?)^```", page.read_text("utf-8"), re.MULTILINE | re.DOTALL):
            code = re.sub(r"^(>>>|\.\.\.) ?", "", block, flags=re.MULTILINE)
            for module, names in re.findall(r"^from ((?:mailhooks|workmail_local)[\w.]*) import (\([^)]*\)|.+)$", code, re.MULTILINE):
                imported |= {f"{module}.{name}" for name in re.findall(r"\w+", names)}
    assert len(imported) > 25
    assert imported - listed == set()


def test_old_paths_lead_to_the_objects_at_the_new_paths() -> None:
    rows = re.findall(r"^\| `([\w.]+)` \| `([\w.]+)` \|", OLD, re.MULTILINE)
    assert rows
    for old, new in rows:
        module, objects = importlib.import_module(old), vars(importlib.import_module(new)).values()
        assert module.__all__, old
        for name in module.__all__:
            exported = getattr(module, name)
            assert exported.__module__ == old or any(each is exported for each in objects), f"{old}.{name}"


def test_the_old_example_of_attachments_works() -> None:
    from mailhooks.attachments import AttachmentRules, find, strip
    from mailhooks.mime.scan import scan

    rules = AttachmentRules.checked(extensions=["exe", ".js"], true_types=["executable"], max_octets=20_000_000)
    raw = (
        b"From: ada@example.com\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nThe invoice, as promised.\r\n--b\r\n"
        b"Content-Type: application/pdf\r\nContent-Disposition: attachment; filename*=utf-8''invoice%E2%80%AEfdp.exe\r\n\r\n"
        b"(a program)\r\n--b--\r\n"
    )
    found = [(finding.name, finding.reason.name, finding.detail) for finding in find(raw, scan(raw), rules)]
    assert found == [("invoicefdp.exe", "EXTENSION", ".exe")]
    assert b"(a program)" not in strip(raw, rules)


def test_the_old_example_of_the_check_before_a_change_works() -> None:
    from mailhooks.mime.edit import Edit
    from mailhooks.preflight import blocking, refusals, refusals_of_edits

    original = b"From: ada@example.com\r\nCc: b@example.com\r\nCc: c@example.com\r\n\r\nHello\r\n"
    added = b"Subject: [EXTERNAL]\r\nMessage-ID: <1@example.com>\r\n"
    expected = [("CHANGED_HEADER", "message-id"), ("MISSING_HEADER", "date"), ("REPEATED_HEADER", "cc")]
    for found in (refusals(original, added + original), refusals_of_edits(original, [Edit(0, 0, added)])):
        assert [(refusal.code.name, refusal.place) for refusal in blocking(found)] == expected


def test_the_old_example_of_a_content_hook_works() -> None:
    from mailhooks.mime.edit import splice
    from mailhooks.mime.headers import scan

    block = scan(raw := b"From: ada@example.com\r\n\r\nHello\r\n")
    changed = splice(raw, [block.appended(b"X-Stamped: yes" + block.newline)])
    assert changed == b"From: ada@example.com\r\nX-Stamped: yes\r\n\r\nHello\r\n"


def test_old_names_of_errors_are_the_new_classes() -> None:
    from mailhooks import errors

    assert errors.PermanentTrouble is errors.PermanentError
    assert errors.PassingTrouble is errors.TransientError
