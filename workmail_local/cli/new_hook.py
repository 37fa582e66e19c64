"""`workmail-hooks new`: make a folder with a hook, its tests and its template. It is a copy of samples/own-hook under another name."""

import importlib.util
import re
from pathlib import Path
from typing import Final

from workmail_local.config.functions import ROOT
from workmail_local.errors import ForeignFolder, InvalidArgument

SAMPLE: Final = ROOT / "samples" / "own-hook"

_SAMPLE_NAME: Final = "own-hook"
_NAME: Final = re.compile(r"[A-Za-z](?:[A-Za-z0-9-]{0,62}[A-Za-z0-9])?")
"""The names that a folder, a Lambda function and a stack may have (CloudFormation API, CreateStack)."""

_FILES: Final = (
    ".gitignore", "Makefile", "README.md", "app.py", "conftest.py", "template.yaml", "test_own_hook.py", "workmail.toml",
)  # fmt: skip


def create_hook(name: str, parent: Path) -> int:
    """Make the folder of a hook, and print the next commands. Return 0.

    Args:
        name: of the folder, the function and the stack.
        parent: the folder that contains the new one.

    Raises:
        InvalidArgument: the name is not valid for one of them.
        ForeignFolder: there is such a file or folder already.
        OSError: a file cannot be written.
    """
    if not _NAME.fullmatch(name):
        raise InvalidArgument(
            f"{name!r} cannot be the name of a function and of a stack: use up to 64 letters, digits and -, a letter first and no - last"
        )
    folder = parent / name
    if folder.exists() or folder.is_symlink():
        raise ForeignFolder(f"{name} exists and is left as it is: choose another name")
    folder.mkdir()
    files = {_rename(file, name): _rename((SAMPLE / file).read_text("utf-8"), name) for file in _FILES}
    for file, text in files.items():
        (folder / file).write_text(text, "utf-8", newline="\n")
    test = "pytest" if importlib.util.find_spec("pytest") else "pip install pytest && pytest"
    print(f"Made {name}/: {', '.join(sorted(files))}\n\nNext:")
    print(f"  cd {name}")
    print(f"  {test:<24}# its tests pass; app.py has the hook")
    print(f"  {'workmail-hooks serve':<24}# a local WorkMail that runs the hook, with a web page")
    print("Deploy it: README.md in that folder.")
    return 0


def _rename(text: str, name: str) -> str:
    """Return a text of the sample with another name in place of its own."""
    return text.replace(_SAMPLE_NAME, name).replace(_to_module(_SAMPLE_NAME), _to_module(name))


def _to_module(name: str) -> str:
    return name.replace("-", "_").lower()
