"""The text that `workmail-hooks serve` prints at its start: addresses, and commands to try."""

import shlex
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from mailhooks.contract import FlowDirection
from workmail_local.cli.options import DEFAULT_FOLDER
from workmail_local.config.functions import ROOT
from workmail_local.config.samples import Sample
from workmail_local.config.smtp import Tls
from workmail_local.console.style import display_path
from workmail_local.containers.endpoint import ADD_HOST
from workmail_local.containers.sam_template import BUILT, LOCAL_TEMPLATE
from workmail_local.workmail import LocalWorkMail

_USUAL_ENDPOINT: Final = "http://127.0.0.1:3001"
"""The URL of `sam local start-lambda`."""


def banner_lines(
    wm: LocalWorkMail, page: str, elsewhere: Sequence[str], samples: Sequence[Sample], folder: Path, config: Path, policy: Path | None
) -> Iterator[str]:
    """Yield the addresses of the running servers, and commands to try.

    Args:
        wm: the running servers.
        page: the URL of the web page.
        elsewhere: its URLs on other machines.
        samples: sample messages; one is used in a command.
        folder: contains the spool and the mailboxes.
        config: the file of the organization and the rules.
        policy: the policy for all mail, in place of the rules; None for the rules.
    """
    environment, configuration = wm.environment, wm.configuration
    smtp = configuration.smtp
    passwords = any(user.password for user in configuration.directory.users)
    inbound, outbound = (wm.smtp_address(direction) for direction in ("INBOUND", "OUTBOUND"))
    yield "Local WorkMail is up. Ctrl-C stops it.\n"
    yield f"  Web page          {page}"
    if elsewhere:
        yield f"  From elsewhere    {'   '.join(elsewhere)}"
    yield f"  SMTP, inbound     {inbound}   mail from outside, to {', '.join(configuration.domains)}"
    yield f"  SMTP, submission  {outbound}   mail that users send; {smtp.describe(passwords=passwords)}"
    if smtp.tls is not Tls.OFF:
        yield f"  Certificate       {display_path(wm.smtp_certificate)}   for SMTP clients that check it"
    yield f"  Message Flow API  {environment['AWS_ENDPOINT_URL_WORKMAILMESSAGEFLOW']}   and the directory"
    yield f"  S3 and others     {environment['AWS_ENDPOINT_URL_S3']}   bucket {wm.bucket}"
    if push := wm.start_push():
        yield f"  Push responder    {push.url}   notifications by EWS at {wm.ews_url}"
    label = "Policy, all mail" if policy else "Rules"
    yield f"  {label:<16}  {display_path(policy or config)}   loaded again when it is saved"
    yield f"  Mail              {display_path(folder)}/mailboxes/<address>/new"
    sample = next((sample for sample in samples if sample.function == "mailflow"), None)
    user = next((user.address for user in configuration.directory.users), f"ana@{configuration.domains[0]}")
    # The samples of the package are in no folder of the user.
    file = Path("events", "mail", f"{sample.stem}.eml") if sample else None
    own = file is not None and file.is_file()
    yield "\nTry:"
    content = f"--data @{file}" if own else "--header 'Subject: Hello'"
    received, sent = f"--from nora@example.net --to {user}", f"--from {user} --to nora@example.net"
    login = f"{options} " if (options := smtp.write_swaks_options(user)) else ""
    tries = [f"  swaks --server {inbound} {received} {content}", f"  swaks --server {outbound} {sent} {login}--header 'Subject: Hello'"]
    # The first command is for a message that meets a rule.
    only_sent = {rule.direction for rule in configuration.rules} == {FlowDirection.OUTBOUND}
    yield from reversed(tries) if only_sent else tries
    if policy and own:
        yield f"  workmail-hooks try {_quote(policy)} {file}"
    elif not policy:
        yield f"  workmail-hooks test-rule {f'{sent} --outbound' if only_sent else received}"
    where = f" --folder {_quote(folder)}" if folder != DEFAULT_FOLDER else ""
    yield f'  eval "$(workmail-hooks serve --export{where})"     # in another shell: boto3 and the AWS CLI call these servers'


def container_lines(env_file: Path, endpoint: str, *, built: bool) -> Iterator[str]:
    """Yield the commands for a second shell that run the functions in Lambda containers.

    Args:
        env_file: the file of the functions' variables.
        endpoint: the Lambda endpoint that rules call; "" when they call local processes.
        built: whether `sam build` has run.
    """
    own = ROOT / ".venv-sam" / "bin" / "sam"
    sam = _quote(own) if own.exists() else "sam"
    file = _quote(env_file)
    yield "\nFunctions in Lambda containers, in a second shell:"
    yield f"  # {'Again' if built else 'First, as there is no .aws-sam/build, and again'} after each change to a function:"
    yield f"  {sam} build && {_quote(Path(sys.executable))} -m workmail_local.containers.sam_template {file}"
    if not endpoint:
        yield "  # Then one call, or any of the events:"
        yield f"  {sam} local invoke RewriteFunction -e events/rewrite-external.json --env-vars events/env.json"
    yield "  # Then, until Ctrl-C:" if endpoint else "  # Or a Lambda endpoint, until Ctrl-C:"
    files = f"--template {_quote(BUILT.with_name(LOCAL_TEMPLATE))} --env-vars {file}"
    # Warm containers, as in Lambda: otherwise SAM builds an image and a container for each call, which needs seconds.
    port = urlsplit(endpoint or _USUAL_ENDPOINT).port or 3001
    yield f"  {sam} local start-lambda {files} --add-host {ADD_HOST} --skip-pull-image --warm-containers LAZY --port {port}"
    if endpoint:
        yield "  Until that is up, calls to functions fail and are retried. Its shell shows the functions' logs."
    else:
        yield f"  Rules call local processes; to call these containers, start `serve` with --lambda-endpoint {_USUAL_ENDPOINT}."


def _quote(path: Path) -> str:
    return shlex.quote(display_path(path))
