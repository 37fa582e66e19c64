"""`python -m local run`: the sample messages, each through its function."""

import sys
import time
from collections.abc import Sequence
from pathlib import Path

from local.cli.commands import transit
from local.cli.mail_report import block, summary
from local.cli.transit import Walk, lost_or_doubled
from local.config.functions import function, read_settings
from local.config.samples import SETTINGS_FILE, load
from local.console.style import Style, display_path
from mailhooks.contract import Action


def run(stems: Sequence[str], *, events: Path, mail: Path, settings_file: Path | None, fallback: Action, verbose: bool) -> int:
    """Walks the samples and prints what happened.

    Returns:
        0 when all went well, 1 when any step failed.
    """
    started = time.perf_counter()
    style = Style.of(sys.stdout)
    samples = load(events, stems)
    settings = read_settings(settings_file or events / SETTINGS_FILE)
    walks: list[Walk] = []
    with transit(settings, mail, fallback) as (walker, mailboxes):
        for sample in samples:
            walk = walker.walk(sample, function(sample.function))
            walks.append(walk)
            print(*block(walk, style, verbose=verbose), "", sep="\n", flush=True)
        lost = lost_or_doubled(walks, mailboxes)
    print(*summary(walks, lost, time.perf_counter() - started, style), sep="\n")
    print(f"Delivered mail: {display_path(mail)}/<address>/new   Settings: {display_path(settings_file or events / SETTINGS_FILE)}")
    print("Next: python -m local send FILE.eml --function rewrite   (your own mail; --verbose shows the log)")
    return int(bool(lost) or any(walk.problems for walk in walks))
