"""`workmail-hooks run` and `send`: send the sample messages, or one of your own, each through its function."""

import argparse
import sys
import time
from dataclasses import replace

from mailhooks.contract import FlowDirection
from workmail_local.cli.mail_report import format_result, format_summary
from workmail_local.cli.options import read_domains
from workmail_local.cli.sample_runner import SampleResult, SampleRunner
from workmail_local.config.functions import SETTINGS_FILE, find_events, mail_function, read_settings
from workmail_local.config.samples import Sample, load_samples
from workmail_local.console.style import Style, display_path
from workmail_local.mail.event_builder import EnvelopeOverrides, event_for, with_crlf
from workmail_local.rules.rule import RuleAction


def run(options: argparse.Namespace) -> int:
    """Send the samples and print what happened; return 0 when everything succeeded, otherwise 1."""
    started = time.perf_counter()
    style = Style.of(sys.stdout)
    samples = load_samples(options.events, options.sample)
    settings_file = options.settings or options.events / SETTINGS_FILE
    results: list[SampleResult] = []
    with SampleRunner(read_settings(settings_file), options.mail, RuleAction(options.fallback)) as runner:
        for sample in samples:
            results.append(runner.run(sample))
            print(*format_result(results[-1], style, verbose=options.verbose), "", sep="\n", flush=True)
    print(*format_summary(results, time.perf_counter() - started, style), sep="\n")
    print(f"Delivered mail: {display_path(options.mail)}/*/<address>/new   Settings: {display_path(settings_file)}")
    print("Next: workmail-hooks send FILE.eml --function rewrite   (your own mail; --verbose shows the log)")
    return int(any(result.problems for result in results))


def send(options: argparse.Namespace) -> int:
    """Send one message and print what happened; return 0 when everything succeeded, otherwise 1."""
    settings = read_settings(options.settings or find_events() / SETTINGS_FILE)
    saved = options.file.read_bytes()
    raw = with_crlf(saved)
    mail_function(options.function, settings)
    direction = FlowDirection(options.direction.upper()) if options.direction else None
    domains = read_domains(options) or {"example.com"}
    event = event_for(raw, EnvelopeOverrides(direction, options.mail_from, options.to), domains)
    with SampleRunner(settings, options.mail, RuleAction(options.fallback), domains) as runner:
        result = runner.run(Sample(options.file.name, options.function, event, raw), asynchronous=options.asynchronous or None)
    if raw != saved:
        result = replace(result, notes=(*result.notes, "the file's line ends are LF; made CRLF, as SMTP transfers them"))
    print(*format_result(result, Style.of(sys.stdout), verbose=options.verbose), sep="\n")
    print(f"\nDelivered mail: {display_path(options.mail)}/*/<address>/new")
    return int(bool(result.problems))
