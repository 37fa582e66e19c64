"""`workmail-hooks examples`: copy the samples that the commands of the documentation name."""

import shutil
from pathlib import Path
from typing import Final

from workmail_local.config.functions import ROOT
from workmail_local.console.style import display_path
from workmail_local.errors import ForeignFolder

_FOLDERS: Final = ("events", "functions", "docs/recipes")


def copy_examples(folder: Path) -> int:
    """Copy the sample events, the functions and the recipes, and print where they are. Return 0.

    Raises:
        ForeignFolder: one of them is there already; nothing is copied then.
        OSError: a file cannot be written.
    """
    if found := [name for name in _FOLDERS if (folder / name).exists()]:
        raise ForeignFolder(f"{display_path(folder / found[0])} exists, so nothing is copied: name another folder")
    for name in _FOLDERS:
        # A function that ran leaves bytecode.
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    print(f"Copied to {display_path(folder)}: {', '.join(f'{name}/' for name in _FOLDERS)}")
    print("Next: workmail-hooks run   (in that folder; its functions and events are used from now on)")
    return 0
