"""The table `[web]` of `workmail.toml`: how the web page is opened through a proxy or by a name."""

import re
from dataclasses import dataclass
from typing import Final

from local.config.toml_reader import Table
from local.errors import LocalError

_NAME: Final = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?(:[0-9]{1,5})?")
_PATH: Final = re.compile(r"(/[\w.~-]+)*/?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Web:
    """How the web page is opened.

    Attributes:
        names: names of this machine, with the port if a browser shows one that is not usual.
        path: the path of the page, without a slash at its end; "" for the root.
    """

    names: tuple[str, ...] = ()
    path: str = ""


def read_web(table: Table) -> Web:
    """Read the table. Raises ConfigurationError when it is not valid."""
    names = table.read_texts("allow-hosts", ())
    for name in names:
        table.require(_NAME.fullmatch(name), "allow-hosts", found=repr(name), expected="names such as mail.example.com")
    path = table.read_text("path", "", allow_empty=True)
    table.require(_is_path(path), "path", found=repr(path), expected="a path such as /mail/")
    return Web(names, path.rstrip("/"))


def read_path(text: str) -> str:
    """Return the path of an option without a slash at its end. Raises LocalError when it is not a path."""
    if not _is_path(text):
        raise LocalError(f"--web-path: {text!r} is not a path such as /mail/")
    return text.rstrip("/")


def _is_path(text: str) -> bool:
    return _PATH.fullmatch(text) is not None and not {".", ".."} & set(text.split("/"))
