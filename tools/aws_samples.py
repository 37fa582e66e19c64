"""Run AWS's samples for WorkMail that need no outside service, unchanged, on the local WorkMail.

    python -m tools.aws_samples FOLDER

FOLDER is a checkout of github.com/aws-samples/amazon-workmail-lambda-templates. Exit status: 0 if each sample did what its README promises.
The other samples need Step Functions, Translate, a chat service, Salesforce, WordPress or an Exchange server.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import Message
from pathlib import Path
from typing import Final

from workmail_local.config.configuration import ORGANIZATION_ID
from workmail_local.mail.history import Destination, MessageTrace
from workmail_local.workmail import LocalWorkMail

NORA, ANA, BEN, REPORT = "nora@example.net", "ana@example.com", "ben@example.com", "report@example.com"
_REQUIREMENTS: Final = Path("dependencies", "requirements.txt")
_RAW: Final = b"""From: nora@example.net
To: ana@example.com
Date: 2 Nov 2026 09:00:00 +0000
Subject: Minutes
X-Filter: clean
MIME-Version: 1.0
Content-Type: multipart/alternative; boundary=b

--b
Content-Type: text/plain; charset=utf-8

Hello
--b
Content-Type: text/html; charset=utf-8

<html><body><p>Hello</p></body></html>
--b--
""".replace(b"\n", b"\r\n")


@dataclass(frozen=True, slots=True)
class Outcome:
    """The trace of the message, and the copy of each recipient."""

    trace: MessageTrace
    copies: dict[str, Message]
    workmail: LocalWorkMail


@dataclass(frozen=True, slots=True)
class Sample:
    """One sample.

    Attributes:
        folder, handler: its code.
        promise: what it does, as a phrase.
        is_kept: returns whether it did that.
        recipients: of the message.
    """

    folder: str
    handler: str
    promise: str
    is_kept: Callable[[Outcome], bool]
    environment: dict[str, str] = field(default_factory=dict)
    recipients: tuple[str, ...] = (ANA,)
    raw: bytes = _RAW


def _has_tag_and_texts(outcome: Outcome) -> bool:
    message = outcome.copies[ANA]
    texts = [part.get_payload(decode=True) for part in message.walk() if not part.is_multipart()]
    return message["Subject"].startswith("[EXTERNAL]") and all(
        b"Take care" in text and b"Example Ltd" in text for text in texts if isinstance(text, bytes)
    )


def _is_in(place: Destination) -> Callable[[Outcome], bool]:
    return lambda outcome: [result.destination for result in outcome.trace.rule_runs[0].results] == [place]


_TEXTS: Final = {"DISCLAIMER": "Take care", "FOOTER": "Example Ltd", "SUBJECT_TAG": "[EXTERNAL]", "UPDATED_EMAIL_BUCKET": "updated"}
_EACH: Final = {f"{verb}_{kind}_MESSAGES": "True" for verb in ("SAVE", "UPDATE") for kind in ("EXTERNAL", "INTERNAL")}
_FILTER: Final = {"FILTER_HEADER_NAME": "X-Filter", "FILTER_HEADER_REGEX": "spam"}
_RESTRICTED: Final = {"WORKMAIL_ORGANIZATION_ID": ORGANIZATION_ID, "RESTRICTED_GROUP_NAME": "restricted", "REPORT_MAILBOX_ADDRESS": REPORT}
SAMPLES: Final = (
    Sample(
        "workmail-hello-world-python",
        "app.lambda_handler",
        "stores a changed copy and delivers the message unchanged",
        lambda outcome: _count(outcome, "updated") == 1 and outcome.copies[ANA]["Subject"] == "Minutes",
        {"UPDATED_EMAIL_S3_BUCKET": "updated"},
    ),
    Sample("workmail-update-email", "app.update_handler", "adds tag, disclaimer and footer", _has_tag_and_texts, _TEXTS),
    Sample(
        "workmail-save-and-update-email",
        "app.update_handler",
        "saves the original, and adds tag, disclaimer, footer and key",
        lambda outcome: _has_tag_and_texts(outcome) and _count(outcome, "saved") == 1 and "WorkMailMessageKey" in outcome.copies[ANA],
        {**_TEXTS, **_EACH, "SAVED_EMAIL_BUCKET": "saved"},
    ),
    Sample(
        "workmail-restricted-mailboxes-python",
        "app.restricted_mailboxes_handler",
        "bounces for the restricted mailbox, delivers to the other and to the report mailbox",
        lambda outcome: list(outcome.copies) == [BEN, REPORT],
        _RESTRICTED,
        (ANA, BEN),
    ),
    Sample(
        "workmail-upstream-gateway-filter",
        "app.upstream_gateway_handler",
        "delivers clean mail past the spam check",
        _is_in(Destination.INBOX),
        _FILTER,
    ),
    Sample(
        "workmail-upstream-gateway-filter",
        "app.upstream_gateway_handler",
        "moves spam to junk",
        _is_in(Destination.JUNK),
        _FILTER,
        raw=_RAW.replace(b"X-Filter: clean", b"X-Filter: spam"),
    ),
)


def _count(outcome: Outcome, bucket: str) -> int:
    s3 = outcome.workmail.client("s3")
    try:
        return int(s3.list_objects_v2(Bucket=bucket)["KeyCount"])
    finally:
        s3.close()


def run_sample(sample: Sample, folder: Path, packages: Path) -> str:
    """Send a message through a sample; return "" or what is wrong.

    Args:
        folder: the checkout.
        packages: a folder for the packages that the sample requires.
    """
    code = folder / sample.folder
    if (code / _REQUIREMENTS).is_file():
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--target", str(packages), "--requirement", str(code / _REQUIREMENTS)]
        subprocess.run(command, check=True)
    with LocalWorkMail(_write_configuration(sample, code / "src", packages)) as workmail:
        trace = workmail.send(sample.raw, mail_from=NORA, to=sample.recipients)
        addresses = [*sample.recipients, REPORT]
        copies = {address: message_from_bytes(copy.raw) for address in addresses for copy in workmail.delivered(address)}
        [run] = trace.rule_runs
        if run.problems:
            return "; ".join(run.problems)
        return "" if sample.is_kept(Outcome(trace, copies, workmail)) else "it does not do so"


def _write_configuration(sample: Sample, code: Path, packages: Path) -> str:
    # Strings of JSON are strings of TOML.
    environment = ", ".join(f"{name} = {json.dumps(value)}" for name, value in {**sample.environment, "PYTHONPATH": str(packages)}.items())
    return f"""
organization = {{ domains = ["example.com"] }}
users = [{", ".join(f'{{ address = "{name}@example.com" }}' for name in ("ana", "ben", "report"))}]
groups = [{{ address = "restricted@example.com", members = ["ana@example.com"] }}]
storage = {{ buckets = ["updated", "saved"] }}
rules = [{{ name = "Sample", direction = "inbound", action = "lambda", senders = ["*"], function = "sample" }}]

[functions.sample]
path = {json.dumps(str(code))}
handler = "{sample.handler}"
environment = {{ {environment} }}
"""


def run_samples(folder: Path) -> Iterator[tuple[Sample, str]]:
    """Yield each sample, with "" or what is wrong."""
    for sample in SAMPLES:
        with tempfile.TemporaryDirectory() as packages:
            yield sample, run_sample(sample, folder, Path(packages))


def main() -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(prog="python -m tools.aws_samples", description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="a checkout of aws-samples/amazon-workmail-lambda-templates")
    failed = 0
    for sample, problem in run_samples(parser.parse_args().folder):
        print(f"{'FAILED' if problem else 'ok':6}  {sample.folder}: {sample.promise}{f': {problem}' if problem else ''}", flush=True)
        failed += bool(problem)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
