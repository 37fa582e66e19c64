"""The plan of an import: the target folder of each folder in the zip file."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from workmail_local.errors import InvalidArgument
from workmail_local.imap_import.folder_names import STANDARD_NAMES, Use, find_use, fold

Path = tuple[str, ...]

CALENDAR_FOLDER: Final = "WorkMail calendar"
"""Where calendar items are imported as messages: a folder of the name Calendar is none for mail at Microsoft 365."""

_FORBIDDEN: Final = re.compile(r"[%*\\\"]")
"""`%` and `*` are wildcards of LIST (RFC 3501 section 5.1.1); servers refuse `\\` and `"`."""


@dataclass(frozen=True, slots=True)
class Choices:
    """What the user chose about folders.

    Attributes:
        renamed: target folder by folder of the zip file; `/` separates levels in both.
        skipped: folders of the zip file that are not imported, with their subfolders.
        into: the folder in which all folders are created; "" for the top level.
        calendar: the folder for calendar items; None to skip them.
    """

    renamed: Mapping[str, str] = field(default_factory=dict)
    skipped: Sequence[str] = ()
    into: str = ""
    calendar: str | None = CALENDAR_FOLDER


@dataclass(frozen=True, slots=True)
class Layout:
    """The folders of a server.

    Attributes:
        separator: between the levels of a name; "" for a server without levels.
        prefix: of every folder but INBOX, such as `INBOX.`.
        uses: the server's folders with a special use.
    """

    separator: str = "/"
    prefix: str = ""
    uses: Mapping[Use, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Target:
    """A folder of the server.

    Attributes:
        name: its name on the server; "" when its messages are not imported.
        use: its special use; None for none.
    """

    name: str
    use: Use | None = None


def plan_folders(folders: Iterable[Path], choices: Choices, layout: Layout) -> dict[Path, Target]:
    """Return the target of each folder.

    Raises:
        InvalidArgument: a folder of the choices is not in the zip file.
    """
    all_folders = sorted(set(folders))
    root = find_root(all_folders)
    renamed = {_split(old): new for old, new in choices.renamed.items()}
    skipped = [_split(name) for name in choices.skipped]
    names = {folder: _fold_path(folder[root:]) for folder in all_folders}
    for wanted in (*renamed, *skipped):
        if not any(name[: len(wanted)] == wanted for name in names.values()):
            raise InvalidArgument(f"the zip file has no folder {'/'.join(wanted)!r}: --dry-run lists its folders")
    found = {}
    for folder, name in names.items():
        if any(name[: len(each)] == each for each in skipped):
            found[folder] = Target("")
            continue
        longest = max((old for old in renamed if name[: len(old)] == old), key=len, default=None)
        rest = folder[root + len(longest or ()) :]
        if longest is None:
            found[folder] = _place(folder[root:], choices, layout)
        else:
            found[folder] = _name((*filter(None, renamed[longest].split("/")), *rest), choices.into, layout)
    return found


def find_root(folders: Sequence[Path]) -> int:
    """Return how many levels all folders share above the mailbox's own folders, such as the name of the mailbox.

    A level counts only if folders with a well-known name, such as Inbox, are below it.
    """
    folders = [folder for folder in folders if folder]
    first = folders[0] if folders else ()
    for depth, name in enumerate(first):
        if find_use(name):
            return depth
        if any(folder[: depth + 1] != first[: depth + 1] for folder in folders if len(folder) > depth):
            # The folders part here: they are those of the mailbox if one of them is well known.
            return depth if any(len(folder) > depth and find_use(folder[depth]) for folder in folders) else 0
    return 0


def show_folder(folder: Path, root: int) -> str:
    """Return the name of a folder in the zip file, as options and reports have it."""
    return "/".join(folder[root:]) or "(top level)"


def _place(path: Path, choices: Choices, layout: Layout) -> Target:
    """Return the target of a folder that the user did not rename."""
    use = find_use(path[0]) if path else Use.INBOX
    rest = path[1:]
    if use is Use.CALENDAR:
        if choices.calendar is None:
            return Target("", use)
        return _name((*choices.calendar.split("/"), *rest), choices.into, layout, use)
    if use is None or (use is Use.ARCHIVE and use not in layout.uses):
        return _name(path, choices.into, layout)
    if choices.into:
        return _name((path[0] if path else "Inbox", *rest), choices.into, layout, use if not rest else None)
    top = layout.uses.get(use, STANDARD_NAMES[use])
    if use is Use.INBOX or use in layout.uses:
        return Target(_join([top, *rest], layout), use if not rest else None)
    return _name((top, *rest), "", layout, use if not rest else None)


def _name(path: Path, into: str, layout: Layout, use: Use | None = None) -> Target:
    levels = [*filter(None, into.split("/")), *path]
    if not levels or (len(levels) == 1 and fold(levels[0]) == "inbox"):
        return Target("INBOX", Use.INBOX)
    if fold(levels[0]) == "inbox":
        return Target(_join(["INBOX", *levels[1:]], layout), use)
    return Target(layout.prefix + _join(levels, layout), use)


def _join(levels: Sequence[str], layout: Layout) -> str:
    """Join the levels. A character that the server cannot have in a name becomes `_`."""
    first, *others = levels
    # The first level may be the server's own name with levels, such as `[Gmail]/Sent Mail`.
    first = first if first in layout.uses.values() else _clean(first, layout)
    return (layout.separator or "_").join([first, *(_clean(level, layout) for level in others)])


def _clean(level: str, layout: Layout) -> str:
    level = _FORBIDDEN.sub("_", level)
    return (level.replace(layout.separator, "_") if layout.separator else level) or "_"


def _split(name: str) -> Path:
    return _fold_path(tuple(part for part in name.split("/") if part))


def _fold_path(path: Path) -> Path:
    return tuple(map(fold, path))
