"""The command line: `python -m local run`, `serve`, `send`, `preview`, `check`, `try`, `replay`, `test-rule`,
`availability` and `connect-availability`."""

import argparse
import io
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from local.cli.policy.options import add_commands, add_envelope
from local.config.functions import ROOT
from local.errors import LocalError

if TYPE_CHECKING:
    from mailhooks.contract import Action

# The library is a Lambda layer, so nothing installs it; `make` sets PYTHONPATH, a bare `python -m local` need not.
sys.path.append(str(ROOT / "layers" / "mailhooks"))

_EVENTS = ROOT / "events"
_FALLBACKS = ("DEFAULT", "DROP", "BOUNCE")


def main(arguments: list[str] | None = None) -> int:
    """Runs one command.

    Returns:
        0 when all went well, 1 when a step failed, 2 when the command cannot be carried out, 130 after Ctrl-C.
    """
    if isinstance(sys.stdout, io.TextIOWrapper):
        # A subject may hold any character, and not every terminal can show it.
        sys.stdout.reconfigure(errors="backslashreplace")
    options = _parser().parse_args(arguments)
    try:
        code: int = options.carry_out(options)
    except (LocalError, OSError) as error:
        print(f"local {options.command}: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    return code


# Each command imports what it needs, so that `--help` answers at once.


def _run(options: argparse.Namespace) -> int:
    from local.cli.run import run

    return run(
        options.sample,
        events=options.events,
        mail=options.mail,
        settings_file=options.settings,
        fallback=_fallback(options),
        verbose=options.verbose,
    )


def _send(options: argparse.Namespace) -> int:
    from local.cli.send import send
    from local.mail.event_builder import EnvelopeOverrides
    from mailhooks.contract import FlowDirection

    direction = FlowDirection(options.direction.upper()) if options.direction else None
    return send(
        options.file,
        options.function,
        EnvelopeOverrides(direction, options.mail_from, options.to),
        asynchronous=options.asynchronous or None,
        settings_file=options.settings or _EVENTS / "env.json",
        mail=options.mail,
        fallback=_fallback(options),
        verbose=options.verbose,
    )


def _serve(options: argparse.Namespace) -> int:
    from local.cli.serve import Options, serve

    names = Options.__dataclass_fields__
    return serve(Options(**{name: value for name, value in vars(options).items() if name in names}))


def _preview(options: argparse.Namespace) -> int:
    from local.cli.preview import print_preview, read_disclaimer
    from local.viewer.preview import preview_disclaimer

    if options.policy:
        from local.cli.policy.options import read_options
        from local.policy_tools.preview import preview_policy

        return print_preview(options.file, preview_policy(options.policy, read_options(options)), out=options.out, page=options.html)
    disclaimer = read_disclaimer(
        options.disclaimer,
        options.text,
        position=options.position,
        on_unmodifiable=options.on_unmodifiable,
        on_no_text=options.on_no_text,
        images=options.images,
    )
    return print_preview(options.file, lambda name, raw: preview_disclaimer(name, raw, disclaimer), out=options.out, page=options.html)


def _test_rule(options: argparse.Namespace) -> int:
    from local.cli.rules import print_matching_rules
    from local.config.configuration import DEFAULT_FILE

    return print_matching_rules(
        options.author, options.sender, options.recipients, outbound=options.outbound, file=options.config or DEFAULT_FILE
    )


def _availability(options: argparse.Namespace) -> int:
    from local.cli.availability import availability, check
    from local.free_busy.question import Question

    if options.check:
        return check(options.config)
    question = Question(options.ask, options.requester, options.begin, options.end, options.zone)
    return availability(options.config, question, as_json=options.json)


def _connect_availability(options: argparse.Namespace) -> int:
    from local.cli.connect_availability import connect

    return connect(options.organization_id, options.domain, options.function_arn, region=options.region, replace=options.replace)


def _fallback(options: argparse.Namespace) -> "Action":
    from mailhooks.contract import Action, ActionType

    return Action(ActionType(options.fallback))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m local", description="WorkMail on a laptop (docs/local.md).")
    commands = parser.add_subparsers(dest="command", required=True)
    run = commands.add_parser("run", help="walk the sample messages through the functions")
    run.set_defaults(carry_out=_run)
    run.add_argument("sample", nargs="*", help="which, by name (such as rewrite-external); all when none is given")
    _add_events(run)
    _add_walking(run)
    send = commands.add_parser("send", help="walk a message of your own through a function")
    send.set_defaults(carry_out=_send)
    send.add_argument("file", type=Path, help="the message, an .eml file")
    send.add_argument("--function", required=True, help="a folder under functions/")
    send.add_argument("--direction", choices=["inbound", "outbound"], help="else: outbound when the sender is in the organization")
    send.add_argument("--from", dest="mail_from", metavar="ADDRESS", help="envelope sender; else the From header")
    send.add_argument("--to", nargs="+", default=[], metavar="ADDRESS", help="envelope recipients; else To, Cc, Bcc")
    send.add_argument("--async", dest="asynchronous", action="store_true", help="as an asynchronous rule would call it")
    _add_walking(send)
    _add_serving(commands.add_parser("serve", help="keep the servers up, for programs of your own"))
    _add_previewing(commands.add_parser("preview", help="show what a disclaimer or a policy would make of a message of yours"))
    add_commands(commands)
    _add_rule_testing(commands.add_parser("test-rule", help="show which flow rule each recipient of a message meets, and why"))
    _add_asking(commands.add_parser("availability", help="ask the availability provider for free/busy times"))
    _add_connecting(commands.add_parser("connect-availability", help="have WorkMail ask the deployed availability function"))
    return parser


def _add_rule_testing(test: argparse.ArgumentParser) -> None:
    test.set_defaults(carry_out=_test_rule)
    test.add_argument("--from", dest="author", required=True, metavar="ADDRESS", help="the address in From")
    test.add_argument("--sender", default="", metavar="ADDRESS", help="the address in Sender, when another person sends for the author")
    test.add_argument("--to", dest="recipients", required=True, nargs="+", metavar="ADDRESS", help="the recipients")
    test.add_argument("--outbound", action="store_true", help="match the outbound rules (default: the inbound rules)")
    test.add_argument("--config", type=Path, metavar="FILE", help="workmail.toml (default: local/workmail.toml of this project)")


def _add_asking(ask: argparse.ArgumentParser) -> None:
    ask.set_defaults(carry_out=_availability)
    ask.add_argument(
        "--config", required=True, metavar="FILE|secret:NAME", help="the configuration: a file, or a secret of Secrets Manager"
    )
    ask.add_argument("--ask", nargs="+", default=[], metavar="ADDRESS", help="whose free/busy times")
    ask.add_argument("--from", dest="begin", default="", metavar="TIME", help="today (default), 2026-05-04 or 2026-05-04T08:30")
    ask.add_argument("--to", dest="end", default="", metavar="TIME", help="likewise; a day counts in full; else the end of the first day")
    ask.add_argument("--as", dest="requester", default="somebody@example.invalid", metavar="ADDRESS", help="who asks: decides what is seen")
    ask.add_argument("--zone", default="", help="time zone of these times and of the picture; else this machine's")
    ask.add_argument("--json", action="store_true", help="print what WorkMail would get, and nothing else")
    ask.add_argument("--check", action="store_true", help="only check the configuration; asks nobody")


def _add_connecting(connect: argparse.ArgumentParser) -> None:
    connect.set_defaults(carry_out=_connect_availability)
    connect.add_argument("--organization-id", required=True, metavar="m-...", help="the WorkMail organization that asks")
    connect.add_argument("--domain", required=True, nargs="+", help="domains whose mailboxes are elsewhere")
    connect.add_argument("--function-arn", required=True, metavar="ARN", help="the stack's output AvailabilityFunctionArn")
    connect.add_argument("--region", help="WorkMail's region; else that of the environment")
    connect.add_argument("--replace", action="store_true", help="also for a domain that has another provider")


def _add_previewing(preview: argparse.ArgumentParser) -> None:
    preview.set_defaults(carry_out=_preview)
    preview.add_argument("file", type=Path, help="the message, an .eml file")
    what = preview.add_mutually_exclusive_group(required=True)
    what.add_argument("--disclaimer", metavar="FILE|TEXT", help="an .html file, a .txt file, or the text itself")
    what.add_argument("--policy", type=Path, metavar="FILE", help="a policy; the envelope comes from the headers or these options:")
    preview.add_argument("--text", metavar="FILE|TEXT", help="the plain text beside an .html file; else derived from it")
    preview.add_argument("--position", choices=["append", "prepend", "after-reply"], default="append")
    preview.add_argument("--on-unmodifiable", choices=["pass", "wrap"], default="pass", help="signed, encrypted and broken mail")
    preview.add_argument("--on-no-text", choices=["pass", "add-part"], default="pass", help="mail that shows no text")
    preview.add_argument("--images", type=Path, metavar="DIR", help="folder of the images that the HTML shows by cid:NAME")
    preview.add_argument("--out", type=Path, metavar="FILE.eml", help="where to write the changed message")
    preview.add_argument("--html", type=Path, metavar="PAGE.html", help="where to write a page that shows both, side by side")
    add_envelope(preview)


def _add_serving(serve: argparse.ArgumentParser) -> None:
    serve.set_defaults(carry_out=_serve)
    serve.add_argument("--config", type=Path, metavar="workmail.toml", help="organization, rules, functions (default: local/workmail.toml)")
    serve.add_argument("--folder", type=Path, default=ROOT / ".local" / "workmail", help="spool and mailboxes (default: .local/workmail)")
    serve.add_argument("--smtp-port", type=int, help="for mail from the world; else 1025, or any where that is taken")
    serve.add_argument("--submission-port", type=int, help="for mail that users send; else 1587, likewise")
    serve.add_argument("--web-port", type=int, help="of the web page; else 8025, likewise")
    serve.add_argument("--host", default="127.0.0.1", help="where SMTP and the web page listen; nothing is encrypted there")
    serve.add_argument("--port", type=int, default=0, help="of the Message Flow API; 0 (default): any free one")
    serve.add_argument("--s3-port", type=int, default=0, help="of S3; 0 (default): any free one")
    serve.add_argument("--lambda-endpoint", default="", metavar="URL", help="call functions there, as at `sam local start-lambda`")
    serve.add_argument("--containers", action="store_true", help="let functions in Lambda containers reach these servers (needs Docker)")
    serve.add_argument(
        "--speed", type=float, default=1.0, metavar="FACTOR", help="how much faster time goes while WorkMail waits to try again"
    )
    serve.add_argument("--export", action="store_true", help="print only `export` lines")
    serve.add_argument("--env-file", type=Path, help="write events/env.json with these servers' variables there, for --env-vars")
    _add_events(serve)


def _add_events(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--events", type=Path, default=_EVENTS, help="folder of the samples (default: events)")


def _add_walking(parser: argparse.ArgumentParser) -> None:
    mail = ROOT / ".local" / "mail"
    parser.add_argument("--settings", type=Path, help="environment variables by function (default: events/env.json)")
    parser.add_argument("--mail", type=Path, default=mail, help="where to deliver; emptied first (default: .local/mail)")
    parser.add_argument("--fallback", choices=_FALLBACKS, default="DEFAULT", help="the rule's fallback action")
    parser.add_argument("--verbose", action="store_true", help="show what the function logs")


if __name__ == "__main__":
    sys.exit(main())
