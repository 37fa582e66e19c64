"""What `python -m local serve` says when it is up: on one screen, the addresses and what to try next."""

import shlex
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from local.config.functions import ROOT
from local.config.samples import Sample
from local.console.style import display_path
from local.containers.sam_template import BUILT, local_template_path
from local.workmail import LocalWorkMail

_USUAL_ENDPOINT: Final = "http://127.0.0.1:3001"
"""That of `sam local start-lambda`."""


def exports(environment: Mapping[str, str]) -> Iterator[str]:
    """Lines for a shell, that lead boto3 and the AWS CLI to the local servers."""
    for name, value in environment.items():
        yield f"export {name}={shlex.quote(value)}"


@dataclass(frozen=True, slots=True)
class Containers:
    """What `sam local start-lambda` takes to run functions that reach the servers.

    Attributes:
        network: Docker's.
        env_file: the functions' variables.
        endpoint: where functions are called; "" when they are not called there.
        built: whether `sam build` has been run.
    """

    network: str
    env_file: Path
    endpoint: str
    built: bool

    def lines(self) -> Iterator[str]:
        """What to do in a second shell, and why."""
        endpoint = self.endpoint or _USUAL_ENDPOINT
        own = ROOT / ".venv-sam" / "bin" / "sam"
        sam = _quoted(own) if own.exists() else "sam"
        file = _quoted(self.env_file)
        yield "\nFunctions in Lambda containers, in a second shell:"
        if not self.built:
            yield "  # Nothing is built yet (no .aws-sam/build), so this is first; and again after each change to a function:"
        else:
            yield "  # Once more after each change to a function:"
        yield f"  {sam} build && {_quoted(Path(sys.executable))} -m local.containers.sam_template {file}"
        yield "  # Then, until Ctrl-C:"
        files = f"--template {_quoted(local_template_path(BUILT))} --env-vars {file}"
        # Warm, as Lambda keeps them: SAM would make an image and a container anew for each call, which takes seconds.
        options = f"--docker-network {self.network} --skip-pull-image --warm-containers LAZY --port {urlsplit(endpoint).port or 3001}"
        yield f"  {sam} local start-lambda {files} {options}"
        if self.endpoint:
            yield "  Calls to functions fail until that is up, and are tried again; its shell shows what functions log."
        else:
            yield f"  Rules call functions in processes here until this is started with --lambda-endpoint {endpoint}, too."


def _quoted(path: Path) -> str:
    return shlex.quote(display_path(path))


@dataclass(frozen=True, slots=True)
class Screen:
    """What it is made of.

    Attributes:
        page: the address of the pages.
        folder: of the spool and the mailboxes.
        config: the file of the rules.
        containers: of functions, that reach the servers; None for none.
    """

    wm: LocalWorkMail
    page: str
    samples: Sequence[Sample]
    folder: Path
    config: Path
    containers: Containers | None

    def lines(self) -> Iterator[str]:
        """The screen, a line each."""
        environment = self.wm.environment
        inbound, outbound = (self.wm.smtp_port(direction) for direction in ("INBOUND", "OUTBOUND"))
        yield "Local WorkMail is up. Ctrl-C stops it.\n"
        yield f"  Web page          {self.page}"
        yield f"  SMTP, inbound     127.0.0.1:{inbound}   mail from the world, to {', '.join(self.wm.configuration.domains)}"
        yield f"  SMTP, submission  127.0.0.1:{outbound}   mail that users send; any password will do"
        yield f"  Message Flow API  {environment['AWS_ENDPOINT_URL_WORKMAILMESSAGEFLOW']}   and the directory"
        yield f"  S3 and others     {environment['AWS_ENDPOINT_URL_S3']}   bucket {self.wm.bucket}"
        yield f"  Rules             {display_path(self.config)}   read again when it is saved"
        yield f"  Mail              {display_path(self.folder)}/mailboxes/<address>/new"
        yield from self._next(inbound, outbound)
        if self.containers:
            yield from self.containers.lines()
        yield "\nCalls:"

    def _next(self, inbound: int, outbound: int) -> Iterator[str]:
        first = next((sample for sample in self.samples if sample.function == "mailflow"), None)
        user = next((user.address for user in self.wm.configuration.users), f"ana@{self.wm.configuration.domains[0]}")
        yield "\nTry:"
        if first:
            file = f"events/mail/{first.stem}.eml"
            yield f"  swaks --server 127.0.0.1:{inbound} --from nora@example.net --to {user} --data @{file}"
        yield f"  swaks --server 127.0.0.1:{outbound} --from {user} --to nora@example.net --header 'Subject: Hello'"
        python = display_path(Path(sys.executable))
        yield f"  {python} -m local test-rule --from nora@example.net --to {user}"
        yield f"  {python} -m local serve --export     # lines that lead boto3 and the AWS CLI to servers such as these"
