"""`python -m local run`: sends the sample messages, each through its function."""

import sys
import time
from collections.abc import Sequence
from pathlib import Path

from local.cli.mail_report import format_result, format_summary
from local.cli.sample_runner import SampleResult, SampleRunner
from local.config.functions import read_settings
from local.config.samples import SETTINGS_FILE, load_samples
from local.console.style import Style, display_path
from mailhooks.contract import Action


def run(stems: Sequence[str], *, events: Path, mail: Path, settings_file: Path | None, fallback: Action, verbose: bool) -> int:
    """Send the samples and print what happened.

    Returns:
        0 when everything succeeded, 1 otherwise.
    """
    started = time.perf_counter()
    style = Style.of(sys.stdout)
    samples = load_samples(events, stems)
    settings_file = settings_file or events / SETTINGS_FILE
    results: list[SampleResult] = []
    with SampleRunner(read_settings(settings_file), mail, fallback) as runner:
        for sample in samples:
            results.append(runner.run(sample))
            print(*format_result(results[-1], style, verbose=verbose), "", sep="\n", flush=True)
    print(*format_summary(results, time.perf_counter() - started, style), sep="\n")
    print(f"Delivered mail: {display_path(mail)}/*/<address>/new   Settings: {display_path(settings_file)}")
    print("Next: python -m local send FILE.eml --function rewrite   (your own mail; --verbose shows the log)")
    return int(any(result.problems for result in results))
