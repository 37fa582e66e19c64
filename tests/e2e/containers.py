"""The built functions and the local WorkMail, within reach of each other."""

import subprocess
from collections.abc import Collection, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.e2e.sam import Answer, Sam
from tests.support.containers.relay import IMAGE, PYTHON_IN_IMAGE, Relay
from workmail_local.lifecycle import Lifecycle
from workmail_local.storage.message_store import MessageStore
from workmail_local.workmail import LocalWorkMail

LOOPBACK = "127.0.0.1"
LAYERS = ("MailhooksLayer", "AvailabilityLayer")


class Containers(Lifecycle):
    """While entered, the local WorkMail runs.

    Args:
        sam: the built functions.
        ports: of other servers on 127.0.0.1 that functions shall reach.

    Attributes:
        workmail: the local WorkMail.
    """

    def __init__(self, sam: Sam, ports: Collection[int] = ()) -> None:
        super().__init__()
        self._sam = sam
        self._ports = ports
        self.workmail = LocalWorkMail()
        self._network = ""
        self._address = ""
        self._endpoints: dict[str, str] = {}

    def _start(self) -> None:
        self._stack.enter_context(self.workmail)
        environment = self.workmail.environment
        ports = {urlsplit(value).port or 80 for name, value in environment.items() if name.startswith("AWS_ENDPOINT_URL")}
        relay = self._stack.enter_context(Relay(IMAGE, [*ports, *self._ports]))
        self._network, self._address = relay.network, relay.address
        environment["AWS_ENDPOINT_URL_SECRETS_MANAGER"] = self.secrets_manager
        # Functions only write APPROVAL_URL into mail, and never call it.
        self._endpoints = {name: value if name == "APPROVAL_URL" else self.reach(value) for name, value in environment.items()}

    @property
    def store(self) -> MessageStore:
        """The messages in transit."""
        return self.workmail.store

    @property
    def secrets_manager(self) -> str:
        """Secrets Manager's URL on this machine: moto answers for every service where it answers for S3."""
        return self.workmail.environment["AWS_ENDPOINT_URL_S3"]

    def layer(self, name: str) -> Path:
        """A layer, as it would be uploaded."""
        return self._sam.folder / name

    def reach(self, url: str) -> str:
        """A URL on 127.0.0.1, as a function has to call it."""
        return url.replace(LOOPBACK, self._address)

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

    def lambda_endpoint(self, function: str, settings: Mapping[str, str]) -> AbstractContextManager[str]:
        """The address of a Lambda endpoint for one function, up inside; the arguments are those of `invoke`.

        Raises:
            SamError: SAM failed.
        """
        return self._sam.start_lambda(function, {**settings, **self._endpoints}, self._network)

    def python(self, code: str) -> str:
        """What a program prints in the base image, with all layers and without a network.

        Raises:
            subprocess.CalledProcessError: it failed.
        """
        mounts = [option for name in LAYERS for option in ("--volume", f"{self.layer(name)}:/{name}:ro")]
        path = ":".join([*(f"/{name}/python" for name in LAYERS), "/var/runtime"])
        options = ["--rm", "--pull", "never", "--network", "none", "--env", f"PYTHONPATH={path}", "--entrypoint", PYTHON_IN_IMAGE]
        done = subprocess.run(["docker", "run", *options, *mounts, IMAGE, "-c", code], check=True, capture_output=True, text=True)
        return done.stdout
