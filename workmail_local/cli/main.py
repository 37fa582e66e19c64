"""Runs one command of `workmail-hooks`. `workmail_local.cli.options` has the options of all commands."""

import argparse
import io
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

from mail_gateway.errors import CommandError
from workmail_local.cli.options import DECISIONS, build_parser, read_domains
from workmail_local.console.plain_errors import describe_os_error
from workmail_local.errors import explain_missing_package

if TYPE_CHECKING:
    from workmail_local.policy_tools.trial import TrialOptions

TRACEBACK: Final = "WORKMAIL_HOOKS_TRACEBACK"
"""The environment variable with which an unexpected error shows its traceback."""

_CLOSED_PIPE: Final = 128 + 13
"""The status of a program that SIGPIPE ends, as it ends others whose reader is gone."""


def main(arguments: list[str] | None = None) -> int:
    """Run one command.

    Returns:
        0 when everything succeeded, 1 when a step failed, 2 when the command cannot run, 3 when an import stopped before its end,
        130 after Ctrl-C, 141 when the reader of the output, such as `head`, has ended.
    """
    _prepare_output()
    try:
        try:
            return _run_command(build_parser().parse_command(arguments))
        finally:
            sys.stdout.flush()
    except BrokenPipeError:
        # Python flushes the output again at its end, and would print that this fails.
        with suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _CLOSED_PIPE
    except OSError as error:
        return _fail("", describe_os_error(error))
    except KeyboardInterrupt:
        return 130


def _run_command(options: argparse.Namespace) -> int:
    try:
        with explain_missing_package("gateway" if options.command == "gateway" else "local"):
            return _COMMANDS[options.command](options)
    except BrokenPipeError:
        raise
    except OSError as error:
        return _fail(options.command, describe_os_error(error))
    except CommandError as error:
        return _fail(options.command, str(error))
    except Exception as error:
        if os.environ.get(TRACEBACK):
            raise
        return _fail(options.command, f"{_describe_defect(error)}. Please report it with the output of this command after {TRACEBACK}=1")


def _fail(command: str, text: str) -> int:
    print(f"{f'workmail-hooks {command}'.rstrip()}: {text}", file=sys.stderr)
    return 2


def _describe_defect(error: Exception) -> str:
    """Describe an error that no command expects: its kind and its place. Its text may contain a part of a mail."""
    frame = error.__traceback__
    while frame and frame.tb_next:
        frame = frame.tb_next
    place = f" in {Path(frame.tb_frame.f_code.co_filename).name}, line {frame.tb_lineno}" if frame else ""
    return f"this is a defect of workmail-hooks: {type(error).__name__}{place}"


def _prepare_output() -> None:
    """Make printing safe: a subject may contain characters that the terminal's encoding lacks, and a stream may be closed."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, os.fdopen(os.open(os.devnull, os.O_WRONLY), "w", encoding="utf-8"))
        elif isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


# Each function imports its command late, so that `--help` answers at once.


def _run(options: argparse.Namespace) -> int:
    from workmail_local.cli.run import run

    return run(options)


def _send(options: argparse.Namespace) -> int:
    from workmail_local.cli.run import send

    return send(options)


def _serve(options: argparse.Namespace) -> int:
    from workmail_local.cli.serving.serve import serve

    return serve(options)


def _wait(options: argparse.Namespace) -> int:
    from workmail_local.cli.wait import wait

    return wait(options)


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

    return check(options.policy, options.platform, domains=read_domains(options), as_json=options.json)


def _try(options: argparse.Namespace) -> int:
    from workmail_local.cli.policy.try_message import try_policy

    return try_policy(options.policy, options.file, _trial_options(options), as_json=options.json)


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


def _import(options: argparse.Namespace) -> int:
    from workmail_local.cli.import_mailbox import import_mailbox

    return import_mailbox(options)


def _export(options: argparse.Namespace) -> int:
    from workmail_local.cli.export import export

    return export(options)


def _gateway(options: argparse.Namespace) -> int:
    from workmail_local.cli.gateway import run_gateway

    return run_gateway(options)


_COMMANDS: Final[dict[str, Callable[[argparse.Namespace], int]]] = {
    "run": _run,
    "send": _send,
    "serve": _serve,
    "wait": _wait,
    "preview": _preview,
    "check": _check,
    "try": _try,
    "replay": _replay,
    "test-rule": _test_rule,
    "availability": _availability,
    "connect-availability": _connect_availability,
    "examples": _examples,
    "doctor": _doctor,
    "export": _export,
    "new": _new,
    "import": _import,
    "gateway": _gateway,
}


def _trial_options(options: argparse.Namespace) -> "TrialOptions":
    """Return the conditions for a policy. A command may lack some of the options."""
    from mailhooks.contract import FlowDirection
    from mailhooks.report_names import HoldState
    from workmail_local.mail.event_builder import EnvelopeOverrides
    from workmail_local.policy_tools.trial import TrialOptions

    given = vars(options)
    if given.get("reason") and options.decision != "reject":
        options.parser.error("--reason is for --decision reject")
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
        DECISIONS.get(given.get("decision") or "", HoldState.PENDING),
        given.get("reason", ""),
    )
