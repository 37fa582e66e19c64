"""`python -m local send`: one message of your own through one function."""

import sys
from pathlib import Path

from local.cli.commands import organization_domains, transit
from local.cli.mail_report import block
from local.cli.transit import lost_or_doubled
from local.config.functions import function, read_settings
from local.config.samples import Sample
from local.console.style import Style, display_path
from local.mail.event_builder import EnvelopeOverrides, event_for, with_crlf
from mailhooks.contract import Action


def send(
    file: Path,
    name: str,
    wishes: EnvelopeOverrides,
    *,
    asynchronous: bool | None,
    settings_file: Path,
    mail: Path,
    fallback: Action,
    verbose: bool,
) -> int:
    """Walks one message and prints what happened.

    Returns:
        0 when all went well, 1 when any step failed.
    """
    settings = read_settings(settings_file)
    saved = file.read_bytes()
    raw = with_crlf(saved)
    event = event_for(raw, wishes, organization_domains(settings))
    sample = Sample(file.name, name, event, raw)
    with transit(settings, mail, fallback) as (walker, mailboxes):
        walk = walker.walk(sample, function(name, asynchronous=asynchronous))
        if raw != saved:
            walk.notes.append("the file's line ends are LF; made CRLF, as SMTP would bring it")
        walk.problems.extend(lost_or_doubled([walk], mailboxes))
    print(*block(walk, Style.of(sys.stdout), verbose=verbose), sep="\n")
    print(f"\nDelivered mail: {display_path(mail)}/<address>/new")
    return int(bool(walk.problems))
