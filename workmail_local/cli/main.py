"""Runs one command of `workmail-hooks`. `workmail_local.cli.options` has the options of all commands."""

import argparse
import io
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final

from workmail_local.cli.options import build_parser, read_domains
from workmail_local.errors import LocalError, explain_missing_package

if TYPE_CHECKING:
    from workmail_local.policy_tools.trial import TrialOptions


def main(arguments: list[str] | None = None) -> int:
    """Run one command.

    Returns:
        0 when everything succeeded, 1 when a step failed, 2 when the command cannot run, 130 after Ctrl-C.
    """
    if isinstance(sys.stdout, io.TextIOWrapper):
        # A subject may contain characters that the terminal's encoding lacks.
        sys.stdout.reconfigure(errors="backslashreplace")
    options = build_parser().parse_args(arguments)
    try:
        with explain_missing_package():
            return _COMMANDS[options.command](options)
    except (LocalError, OSError) as error:
        print(f"workmail-hooks {options.command}: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130


# Each function imports its command late, so that `--help` answers at once.


def _run(options: argparse.Namespace) -> int:
    from workmail_local.cli.run import run

    return run(options)


def _send(options: argparse.Namespace) -> int:
    from workmail_local.cli.run import send

    return send(options)


def _serve(options: argparse.Namespace) -> int:
    from workmail_local.cli.serve import serve

    return serve(options)


def _preview(options: argparse.Namespace) -> int:
    from workmail_local.cli.preview import print_preview, read_disclaimer
    from workmail_local.policy_tools.preview import preview_policy
    from workmail_local.viewer.preview import preview_disclaimer

    if options.policy:
        trial = _trial_options(options)
        return print_preview(
            options.file, lambda name, raw: preview_policy(name, raw, options.policy, trial), out=options.out, page=options.html
        )
    disclaimer = read_disclaimer(
        options.disclaimer,
        options.text,
        position=options.position,
        on_unmodifiable=options.on_unmodifiable,
        on_no_text=options.on_no_text,
        on_unknown_charset=options.on_unknown_charset,
        images=options.images,
    )
    return print_preview(options.file, lambda name, raw: preview_disclaimer(name, raw, disclaimer), out=options.out, page=options.html)


def _check(options: argparse.Namespace) -> int:
    from workmail_local.cli.policy.check import check

    return check(options.policy, domains=read_domains(options), as_json=options.json)


def _try(options: argparse.Namespace) -> int:
    from workmail_local.cli.policy.try_message import try_policy

    return try_policy(options.policy, options.file, _trial_options(options))


def _replay(options: argparse.Namespace) -> int:
    from workmail_local.cli.policy.replay import replay

    return replay(options.policy, options.folder, _trial_options(options), against=options.against, table=options.csv)


def _test_rule(options: argparse.Namespace) -> int:
    from workmail_local.cli.rules import print_matching_rules
    from workmail_local.config.configuration import find_file

    return print_matching_rules(
        options.author, options.sender, options.recipients, outbound=options.outbound, file=options.config or find_file()
    )


def _availability(options: argparse.Namespace) -> int:
    from workmail_local.cli.availability import ask, check
    from workmail_local.free_busy.question import Question

    if options.check:
        return check(options.config)
    question = Question(options.ask, options.requester, options.begin, options.end, options.zone)
    return ask(options.config, question, as_json=options.json)


def _connect_availability(options: argparse.Namespace) -> int:
    from workmail_local.cli.connect_availability import connect

    return connect(options)


def _examples(options: argparse.Namespace) -> int:
    from workmail_local.cli.examples import copy_examples

    return copy_examples(options.folder)


def _new(options: argparse.Namespace) -> int:
    from workmail_local.cli.new_hook import create_hook

    return create_hook(options.name, Path.cwd())


def _doctor(options: argparse.Namespace) -> int:
    from workmail_local.cli.doctor import doctor

    return doctor(options)


_COMMANDS: Final[dict[str, Callable[[argparse.Namespace], int]]] = {
    "run": _run,
    "send": _send,
    "serve": _serve,
    "preview": _preview,
    "check": _check,
    "try": _try,
    "replay": _replay,
    "test-rule": _test_rule,
    "availability": _availability,
    "connect-availability": _connect_availability,
    "examples": _examples,
    "doctor": _doctor,
    "new": _new,
}


def _trial_options(options: argparse.Namespace) -> "TrialOptions":
    """Return the conditions for a policy. A command may lack some of the options."""
    from mailhooks.contract import FlowDirection
    from workmail_local.mail.event_builder import EnvelopeOverrides
    from workmail_local.policy_tools.trial import TrialOptions

    given = vars(options)
    direction = FlowDirection(options.direction.upper()) if options.direction else None
    return TrialOptions(
        EnvelopeOverrides(direction, given.get("mail_from"), given.get("to") or ()),
        read_domains(options),
        given.get("at"),
        given.get("rates", 0),
        dict(given.get("group", ())),
        dict(given.get("person", ())),
        given.get("truncated", False),
        [address for addresses in given.get("known", ()) for address in addresses],
    )
