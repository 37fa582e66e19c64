"""The built functions and the local WorkMail, within reach of each other."""

from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

from local.store import MessageStore
from local.workmail import LocalWorkMail

from .relay import Relay
from .sam import Answer, Sam
from .toolchain import IMAGE, Toolchain

LOOPBACK = "127.0.0.1"


class Containers:
    """While entered, the project is built and the local WorkMail runs.

    Args:
        toolchain: see `toolchain.find`.
        workspace: an empty folder for the build.
    """

    def __init__(self, toolchain: Toolchain, workspace: Path) -> None:
        self._sam = Sam(toolchain, workspace)
        self._workmail = LocalWorkMail()
        self._stack = ExitStack()
        self._network = ""
        self._endpoints: dict[str, str] = {}

    def __enter__(self) -> Self:
        try:
            self._sam.build()
            self._stack.enter_context(self._workmail)
            environment = self._workmail.environment
            urls = [value for name, value in environment.items() if name.startswith("AWS_ENDPOINT_URL_")]
            relay = self._stack.enter_context(Relay(IMAGE, [urlsplit(url).port or 80 for url in urls]))
            self._network = relay.network
            self._endpoints = {name: value.replace(LOOPBACK, relay.address) for name, value in environment.items()}
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @property
    def store(self) -> MessageStore:
        """The messages in transit."""
        return self._workmail.store

    @property
    def layer(self) -> Path:
        """The layer, as it would be uploaded."""
        return self._sam.folder / "MailhooksLayer"

    def invoke(self, function: str, event: Mapping[str, Any], settings: Mapping[str, str]) -> Answer:
        """Runs one function in a fresh container.

        Args:
            function: its logical ID.
            event: what it gets.
            settings: its variables, on top of the template's defaults.

        Raises:
            SamError: SAM failed, or the function did.
        """
        return self._sam.invoke(function, event, {**settings, **self._endpoints}, self._network)
