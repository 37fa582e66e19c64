"""The target of each folder: special uses in many languages, roots, and names that a server cannot have."""

import pytest

from workmail_local.imap_import.folder_names import STANDARD_NAMES, Use, find_use
from workmail_local.imap_import.plan import Choices, Layout, find_root, plan_folders


def targets(*folders: str, layout: Layout | None = None, choices: Choices | None = None) -> list[str]:
    paths = [tuple(filter(None, folder.split("/"))) for folder in folders]
    found = plan_folders(paths, choices or Choices(), layout or Layout())
    return [found[path].name for path in paths]


@pytest.mark.parametrize(
    "name, use",
    [
        ("INBOX", Use.INBOX),
        ("sent items", Use.SENT),
        ("Gelöschte Elemente", Use.TRASH),
        ("E\u0301le\u0301ments envoyés", Use.SENT),
        ("迷惑メール", Use.JUNK),
        ("Черновики", Use.DRAFTS),
        ("Boîte de réception", Use.INBOX),
        ("予定表", Use.CALENDAR),
        ("Sent 2020", None),
    ],
)
def test_names_of_special_folders_are_recognized(name: str, use: Use | None) -> None:
    assert find_use(name) is use


def test_each_standard_name_has_its_own_use() -> None:
    assert {use: find_use(name) for use, name in STANDARD_NAMES.items()} == {use: use for use in STANDARD_NAMES}


@pytest.mark.parametrize(
    "folders, root",
    [
        (["ana@example.com/Inbox", "ana@example.com/Work"], 1),
        (["export/ana/Inbox/Sub"], 2),
        (["Inbox", "Work"], 0),
        (["Work/A", "Work/B"], 0),
        (["Work/Inbox", "Other"], 0),
        (["", "ana/Inbox", "ana/Work"], 1),
        ([], 0),
    ],
)
def test_levels_above_the_mailbox_are_left_out(folders: list[str], root: int) -> None:
    assert find_root(sorted(tuple(filter(None, folder.split("/"))) for folder in folders)) == root


def test_special_folders_of_the_server_are_used_also_for_subfolders() -> None:
    layout = Layout("/", "", {Use.SENT: "[Gmail]/Sent Mail"})
    assert targets("Sent Items", "Sent Items/2020", "Deleted Items", "Work/Sent", layout=layout) == [
        "[Gmail]/Sent Mail",
        "[Gmail]/Sent Mail/2020",
        "Trash",
        "Work/Sent",
    ]


def test_characters_that_a_server_cannot_have_become_underscores() -> None:
    assert targets("a.b/c*d%", 'x"y', layout=Layout(".", "INBOX.")) == ["INBOX.a_b.c_d_", "INBOX.x_y"]
    assert targets("a/b", layout=Layout("")) == ["a_b"]


def test_messages_at_the_top_level_go_to_the_inbox() -> None:
    assert targets("", "Inbox/Sub", layout=Layout(".", "INBOX.")) == ["INBOX", "INBOX.Sub"]


def test_a_folder_can_be_moved_into_the_inbox() -> None:
    assert targets("Old", choices=Choices({"Old": "Inbox"})) == ["INBOX"]
    assert targets("Old/A", choices=Choices({"Old": "inbox/Old"})) == ["INBOX/Old/A"]


def test_the_longest_renamed_folder_counts() -> None:
    assert targets("A/B/C", "A/D", choices=Choices({"a": "X", "A/b": "Y"})) == ["Y/C", "X/D"]
