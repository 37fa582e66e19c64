"""`python -m local send`: sends a message of your own through one function."""

import sys
from dataclasses import replace
from pathlib import Path

from local.cli.mail_report import format_result
from local.cli.sample_runner import SampleRunner, organization_domains
from local.config.functions import mail_function, read_settings
from local.config.samples import Sample
from local.console.style import Style, display_path
from local.mail.event_builder import EnvelopeOverrides, event_for, with_crlf
from mailhooks.contract import Action


def send(
    file: Path,
    function: str,
    overrides: EnvelopeOverrides,
    *,
    asynchronous: bool | None,
    settings_file: Path,
    mail: Path,
    fallback: Action,
    verbose: bool,
) -> int:
    """Send one message and print what happened.

    Returns:
        0 when everything succeeded, 1 otherwise.
    """
    settings = read_settings(settings_file)
    saved = file.read_bytes()
    raw = with_crlf(saved)
    mail_function(function, settings)
    sample = Sample(file.name, function, event_for(raw, overrides, organization_domains(settings)), raw)
    with SampleRunner(settings, mail, fallback) as runner:
        result = runner.run(sample, asynchronous=asynchronous)
    if raw != saved:
        result = replace(result, notes=(*result.notes, "the file's line ends are LF; made CRLF, as SMTP transfers them"))
    print(*format_result(result, Style.of(sys.stdout), verbose=verbose), sep="\n")
    print(f"\nDelivered mail: {display_path(mail)}/*/<address>/new")
    return int(bool(result.problems))
