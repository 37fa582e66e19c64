"""The table `[web]` of `workmail.toml`: how the web page is opened through a proxy or by a name."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from mail_gateway.toml_reader import Table
from workmail_local.errors import InvalidArgument, LocalError

_LABEL: Final = r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
_NAME: Final = re.compile(rf"(?:{_LABEL}(?:\.{_LABEL})*|\[[0-9A-Fa-f:.]+\])(?::([0-9]{{1,5}}))?", re.ASCII)
_PORTS: Final = range(1, 65_536)
_EXAMPLE: Final = "mail.example.com or mail.example.com:8443"
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
        table.require(_is_name(name), "allow-hosts", found=repr(name), expected=f"names such as {_EXAMPLE}")
    path = table.read_text("path", "", allow_empty=True)
    table.require(_is_path(path), "path", found=repr(path), expected="a path such as /mail/")
    return Web(names, path.rstrip("/"))


def read_names(names: Sequence[str]) -> Sequence[str]:
    """Return the names of an option. Raises InvalidArgument when one is not a name that a browser sends in `Host`."""
    for name in names:
        if not _is_name(name):
            raise InvalidArgument(f"--allow-host: {name!r} is not a name such as {_EXAMPLE}; leave out http:// and the path")
    return names


def read_path(text: str) -> str:
    """Return the path of an option without a slash at its end. Raises LocalError when it is not a path."""
    if not _is_path(text):
        raise LocalError(f"--web-path: {text!r} is not a path such as /mail/")
    return text.rstrip("/")


def _is_name(text: str) -> bool:
    found = _NAME.fullmatch(text)
    return found is not None and int(found[1] or 1) in _PORTS


def _is_path(text: str) -> bool:
    return _PATH.fullmatch(text) is not None and not {".", ".."} & set(text.split("/"))
