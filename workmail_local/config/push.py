"""The table `[push]` of `workmail.toml`: the functions of push/template.yaml, and their subscriptions."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from mail_gateway.toml_reader import Table
from workmail_local.config.functions import Function, project_function

_FUNCTION: Final = "push"
_KEEPER_TIMEOUT_S: Final = 240.0


@dataclass(frozen=True, slots=True)
class Push:
    """The two functions of push notifications.

    Attributes:
        responder: gets the notifications.
        keeper: keeps the subscriptions; its code is in the responder's folder.
        subscriptions: the file that configures them (docs/push.md).
        port: of the responder's URL; 0 for any free port.
    """

    responder: Function
    keeper: Function
    subscriptions: Path
    port: int = 0


def read_push(table: Table, functions: Mapping[str, Function]) -> Push:
    """Read the table. Raises ConfigurationError when it is not valid.

    Args:
        functions: those of the tables [functions.NAME], which may change the function `push`.
    """
    table.reject_other_keys("subscriptions", "port")
    text = table.read_text("subscriptions")
    file = table.folder / text
    table.require(file.is_file(), "subscriptions", found=repr(text), expected="the name of a JSON file, from this file's folder")
    responder = functions.get(_FUNCTION) or project_function(_FUNCTION)
    if responder is None:
        raise table.error("", found="no function push", expected="functions/push, or a table [functions.push]")
    keeper = replace(responder, name=f"{_FUNCTION}-subscriptions", handler="subscriptions.handler", timeout_s=_KEEPER_TIMEOUT_S)
    return Push(responder, keeper, file.resolve(), table.read_integer("port", 0, 0, 65_535))
