"""The options of every command of `workmail-hooks`."""

import argparse
import re
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Final

from mailhooks import __version__
from mailhooks.report_names import HoldState
from workmail_local.cli.parser import Parser
from workmail_local.config.functions import CONTAINERS_PORT, find_events
from workmail_local.config.numbers import MESSAGES, NUMBERS, PORT, RATIO, SECONDS, SPEED, NumberRange

DEFAULT_FOLDER: Final = Path(".local", "workmail")
_FALLBACKS: Final = ("DEFAULT", "DROP", "BOUNCE")
_URL: Final = re.compile(r"https?://(?:[\w.-]+|\[[0-9a-fA-F:.]+\])(?::\d{1,5})?(?:/[!-~]*)?", re.ASCII)
_ADDRESS: Final = re.compile(r"[^\s@<>,;]+@[^\s@<>,;]+")


DECISIONS: Final = {"approve": HoldState.APPROVED, "reject": HoldState.REJECTED, "timeout": HoldState.TIMED_OUT}
"""The decisions on held mail by their words on the command line."""

PLATFORM_NAMES: Final = ("workmail", "gateway", "milter", "ses")
"""The platforms that run policies."""

EXPORT_FORMS: Final = ("bash", "powershell", "dotenv")

INBOUND_PORT: Final = 1025
OUTBOUND_PORT: Final = 1587
WEB_PORT: Final = 8025
"""The ports of MailHog and Mailpit, which developers know."""


def build_parser() -> Parser:
    """Build the parser of the command line. The result has the parser of the command as `parser`."""
    parser = Parser(prog="workmail-hooks", description="WorkMail on a laptop (docs/local.md).")
    parser.add_argument("--version", action="version", version=f"workmail-hooks {__version__}")
    commands = parser.add_subparsers(dest="command", required=True)
    _add_run(commands.add_parser("run", help="send the sample messages, each through its function"))
    _add_send(commands.add_parser("send", help="send a message of your own through one function"))
    _add_serve(commands.add_parser("serve", help="run WorkMail until Ctrl-C: SMTP, rules, functions, mailboxes, a web page"))
    _add_wait(commands.add_parser("wait", help="wait until a message is there and done at a running server"))
    _add_preview(commands.add_parser("preview", help="show how a disclaimer or a policy changes a message"))
    _add_check(commands.add_parser("check", help="report the errors, warnings and needs of a policy"))
    _add_try(commands.add_parser("try", help="show the outcome of a policy for a message, and why"))
    _add_replay(commands.add_parser("replay", help="evaluate a policy for a folder of mail, or compare two policies"))
    _add_test_rule(commands.add_parser("test-rule", help="show which flow rule each recipient of a message meets, and why"))
    _add_availability(commands.add_parser("availability", help="ask the availability provider for free/busy times"))
    _add_connect_availability(commands.add_parser("connect-availability", help="make the deployed function the provider of a domain"))
    _add_examples(commands.add_parser("examples", help="copy the samples, functions and recipes of the documentation into a folder"))
    _add_new(commands.add_parser("new", help="make a folder with a hook of your own: code, tests, template"))
    _add_doctor(commands.add_parser("doctor", help="check the deployed stack and its organization in AWS; changes nothing"))
    _add_import(commands.add_parser("import", help="import the zip file of a mailbox export into any IMAP server"))
    _add_export(commands.add_parser("export", help="export all mailboxes of the organization by a deployed stack, to leave WorkMail"))
    _add_gateway(commands.add_parser("gateway", help="apply a policy on other mail paths: an SMTP gateway or a milter"))
    for command in commands.choices.values():
        command.set_defaults(parser=command)
    return parser


def _add_run(run: argparse.ArgumentParser) -> None:
    run.add_argument("sample", nargs="*", help="names of samples, such as rewrite-external (default: all)")
    _add_events(run)
    _add_function_options(run)


def _add_send(send: argparse.ArgumentParser) -> None:
    send.add_argument("file", type=Path, help="the message, an .eml file")
    send.add_argument("--function", required=True, help="a folder under functions/")
    send.add_argument("--direction", choices=["inbound", "outbound"], help="default: outbound when the sender is in the organization")
    send.add_argument("--from", dest="mail_from", type=_optional_address, metavar="ADDRESS", help="the sender (default: the From header)")
    send.add_argument("--to", nargs="+", default=[], type=_address, metavar="ADDRESS", help="the recipients (default: To, Cc, Bcc)")
    send.add_argument("--async", dest="asynchronous", action="store_true", help="call the function by an asynchronous rule")
    _add_domains(send, "the organization's domains (default: example.com)")
    _add_function_options(send)


def _add_serve(serve: argparse.ArgumentParser) -> None:
    serve.add_argument(
        "--config", type=Path, metavar="workmail.toml", help="organization, rules, functions (default: workmail.toml here, or a sample)"
    )
    serve.add_argument(
        "--policy", type=Path, metavar="FILE", help="the policy of the function mailflow for all mail, in place of the rules"
    )
    serve.add_argument("--folder", type=Path, default=DEFAULT_FOLDER, help="spool and mailboxes (default: .local/workmail)")
    serve.add_argument("--fresh", action="store_true", help="delete all mail in the folder first, also mail that is not delivered yet")
    for option, usual, text in (
        ("--smtp-port", INBOUND_PORT, "inbound SMTP"),
        ("--submission-port", OUTBOUND_PORT, "SMTP for users of the organization"),
        ("--web-port", WEB_PORT, "the web page"),
        ("--port", 0, "the Message Flow API"),
        ("--s3-port", 0, "S3 and other services"),
        ("--containers-port", CONTAINERS_PORT, "all services for functions in containers"),
    ):
        shown = f"default: {usual}; 0: any free port" if usual else "default: any free port"
        serve.add_argument(option, type=_in(PORT), default=usual, metavar="PORT", help=f"{text} ({shown})")
    serve.add_argument("--host", default="127.0.0.1", help="address of SMTP and the web page, which are not encrypted (default: 127.0.0.1)")
    serve.add_argument("--allow-host", action="append", default=[], metavar="NAME", help="a name by which the web page may be opened, too")
    serve.add_argument("--web-path", metavar="PATH", help="path of the web page behind a proxy, such as /mail/")
    serve.add_argument(
        "--lambda-endpoint", default="", type=_url, metavar="URL", help="call functions there, as at `sam local start-lambda`"
    )
    serve.add_argument("--containers", action="store_true", help="let functions in Lambda containers reach these servers (needs Docker)")
    serve.add_argument("--speed", type=_in(SPEED), default=1.0, metavar="FACTOR", help="divide the pauses between attempts by this")
    serve.add_argument("--verbose", action="store_true", help="print the calls of functions too, with their IDs")
    serve.add_argument(
        "--export",
        nargs="?",
        choices=EXPORT_FORMS,
        const=EXPORT_FORMS[0],
        help="start nothing: print the variables that lead boto3 and the AWS CLI to the running server of this --folder (default: bash)",
    )
    serve.add_argument("--env-file", type=Path, help="write events/env.json with the servers' variables to this file, for --env-vars")
    _add_events(serve)


def _add_wait(wait: argparse.ArgumentParser) -> None:
    wait.add_argument("--from", dest="mail_from", default="", metavar="TEXT", help="text in the sender, such as an address")
    wait.add_argument("--to", default="", metavar="TEXT", help="text in a recipient")
    wait.add_argument("--subject", default="", metavar="TEXT", help="text in the subject")
    wait.add_argument("--search", default="", metavar="QUERY", help="a search as in the page, such as 'rule:Tag is:changed'")
    wait.add_argument("--timeout", type=_in(SECONDS), default=30, metavar="SECONDS", help="exit with the status 1 after this (default: 30)")
    later = wait.add_mutually_exclusive_group()
    later.add_argument("--since", type=_in(NUMBERS), default=0, metavar="NUMBER", help="only messages with a higher number")
    later.add_argument("--new", action="store_true", help="only messages that arrive from now on (default: also earlier ones)")
    server = wait.add_mutually_exclusive_group()
    server.add_argument("--folder", type=Path, default=DEFAULT_FOLDER, help="that of the server (default: .local/workmail)")
    server.add_argument("--url", type=_url, default="", help="the web page of the server (default: of the one that runs in --folder)")
    wait.add_argument("--json", action="store_true", help="print the message as JSON")


def _add_preview(preview: argparse.ArgumentParser) -> None:
    preview.add_argument("file", type=Path, help="the message, an .eml file")
    change = preview.add_mutually_exclusive_group(required=True)
    change.add_argument("--disclaimer", metavar="FILE|TEXT", help="an .html file, a .txt file, or the text itself")
    change.add_argument("--policy", type=Path, metavar="FILE", help="a policy; the envelope comes from the headers or these options:")
    preview.add_argument("--text", metavar="FILE|TEXT", help="the plain text for an .html file (default: derived from it)")
    preview.add_argument("--position", choices=["append", "prepend", "after-reply"], default="append")
    preview.add_argument("--on-unmodifiable", choices=["pass", "wrap"], default="pass", help="for signed, encrypted and broken mail")
    preview.add_argument("--on-no-text", choices=["pass", "add-part"], default="pass", help="for mail that shows no text")
    charsets = ["transliterate", "omit-lines", "none"]
    preview.add_argument("--on-unknown-charset", choices=charsets, default="transliterate", help="for plain text in an unknown charset")
    preview.add_argument("--images", type=Path, metavar="DIR", help="folder of the images that the HTML shows by cid:NAME")
    preview.add_argument("--out", type=Path, metavar="FILE.eml", help="write the changed message to this file")
    preview.add_argument("--html", type=Path, metavar="PAGE.html", help="write a page with the message before and after to this file")
    _add_envelope(preview)
    _add_decision(preview)


def _add_check(check: argparse.ArgumentParser) -> None:
    _add_policy(check)
    check.add_argument(
        "--platform",
        choices=PLATFORM_NAMES,
        action="append",
        default=[],
        help="also report what this one cannot do; once for each (default: workmail)",
    )
    check.add_argument("--json", action="store_true", help="print the report as JSON")
    _add_domains(check)


def _add_try(trial: argparse.ArgumentParser) -> None:
    _add_policy(trial)
    trial.add_argument("file", type=Path, help="the message, an .eml file")
    _add_envelope(trial)
    trial.add_argument("--truncated", action="store_true", help="evaluate as if the event omitted recipients")
    _add_conditions(trial)
    _add_decision(trial)
    trial.add_argument("--json", action="store_true", help="print the outcome as JSON")


def _add_replay(replay: argparse.ArgumentParser) -> None:
    _add_policy(replay)
    replay.add_argument("folder", type=Path, help="a folder with .eml files, Maildirs or archived messages, also in its subfolders")
    replay.add_argument("--against", type=Path, metavar="OLD", help="compare with this policy; shows only messages with another outcome")
    replay.add_argument("--csv", type=Path, metavar="FILE", help="write all rows to this file, uncut")
    _add_envelope(replay)
    _add_conditions(replay)


def _add_test_rule(test: argparse.ArgumentParser) -> None:
    test.add_argument("--from", dest="author", required=True, type=_address, metavar="ADDRESS", help="the address in From")
    sender = "the address in Sender, when another person sends for the author"
    test.add_argument("--sender", default="", type=_optional_address, metavar="ADDRESS", help=sender)

    test.add_argument("--to", dest="recipients", required=True, nargs="+", type=_address, metavar="ADDRESS", help="the recipients")
    test.add_argument("--outbound", action="store_true", help="match the outbound rules (default: the inbound rules)")
    test.add_argument("--config", type=Path, metavar="FILE", help="the rules (default: workmail.toml here, or a sample)")


def _add_availability(ask: argparse.ArgumentParser) -> None:
    ask.add_argument("--config", required=True, metavar="FILE|secret:NAME", help="the configuration: a file, or a Secrets Manager secret")
    ask.add_argument("--ask", nargs="+", default=[], metavar="ADDRESS", help="the mailboxes")
    ask.add_argument("--from", dest="begin", default="", metavar="TIME", help="today (default), 2026-05-04 or 2026-05-04T08:30")
    ask.add_argument("--to", dest="end", default="", metavar="TIME", help="the same; a day is included (default: the end of the first day)")
    ask.add_argument("--as", dest="requester", default="requester@example.invalid", metavar="ADDRESS", help="the user who asks")
    ask.add_argument("--zone", default="", help="time zone of these times and of the picture (default: this machine's)")
    ask.add_argument("--json", action="store_true", help="print only the response that WorkMail would get")
    ask.add_argument("--check", action="store_true", help="only check the configuration; calls no server")


def _add_connect_availability(connect: argparse.ArgumentParser) -> None:
    connect.add_argument("--organization-id", required=True, metavar="m-...", help="the WorkMail organization whose users ask")
    connect.add_argument("--domain", required=True, nargs="+", help="domains whose mailboxes are outside of WorkMail")
    connect.add_argument("--function-arn", required=True, metavar="ARN", help="the stack's output AvailabilityFunctionArn")
    connect.add_argument("--region", help="WorkMail's region (default: that of the environment)")
    connect.add_argument("--replace", action="store_true", help="replace another provider of a domain")


def _add_examples(examples: argparse.ArgumentParser) -> None:
    examples.add_argument("folder", nargs="?", type=Path, default=Path(), help="default: the current folder")


def _add_new(new: argparse.ArgumentParser) -> None:
    new.add_argument("name", metavar="NAME", help="of the folder, the function and the stack: letters, digits and -")


def _add_doctor(doctor: argparse.ArgumentParser) -> None:
    doctor.add_argument("--stack", default="workmail-hooks", metavar="NAME", help="the stack (default: workmail-hooks)")
    doctor.add_argument("--function", action="append", default=[], metavar="ARN", help="check this function instead of a stack's functions")
    doctor.add_argument("--organization-id", default="", metavar="m-...", help="the organization (default: the stack's), or its ARN")
    doctor.add_argument("--region", help="the stack's region (default: that of the environment)")
    doctor.add_argument("--test-availability", action="store_true", help="run WorkMail's test of the availability provider, which calls it")
    doctor.add_argument("--json", action="store_true", help="print the report as JSON")


def _add_import(importer: argparse.ArgumentParser) -> None:
    importer.add_argument("zip", nargs="+", type=Path, metavar="ZIP", help="the zip file of an export, or several of one mailbox")
    importer.add_argument("--host", metavar="HOST", help="the IMAP server (needed unless --dry-run)")
    importer.add_argument("--port", type=_in(PORT), default=0, metavar="PORT", help="default: 993 for tls, 143 otherwise")
    importer.add_argument(
        "--security", choices=["tls", "starttls", "none"], default="tls", help="none only for this machine (default: tls)"
    )
    importer.add_argument("--ca", type=Path, metavar="FILE.pem", help="the server's certificate authority, if the system does not trust it")
    importer.add_argument("--user", metavar="NAME", help="the mailbox to import into (needed unless --dry-run)")
    importer.add_argument("--auth-user", default="", metavar="NAME", help="an administrator who logs in for the user (SASL PLAIN)")
    importer.add_argument("--oauth2", action="store_true", help="log in with an OAuth 2.0 access token instead of a password (XOAUTH2)")
    secret = importer.add_mutually_exclusive_group()
    from_file = "the password, or the token, in its first line (default: IMAP_PASSWORD or IMAP_TOKEN of the environment, or a prompt)"
    secret.add_argument("--password-file", type=Path, metavar="FILE", help=from_file)
    secret.add_argument("--token-command", metavar="COMMAND", help="a command that prints a new token, for each login")
    importer.add_argument("--dry-run", action="store_true", help="check the zip file and show the target of each folder; imports nothing")
    renamed = "import a folder to another one; repeat it for others"
    importer.add_argument("--folder", type=_renamed, action="append", default=[], metavar="OLD=NEW", help=renamed)
    importer.add_argument(
        "--skip", type=_folder, action="append", default=[], metavar="FOLDER", help="do not import a folder of the zip file"
    )
    importer.add_argument("--into", type=_folder, metavar="FOLDER", help="create all folders in this one, instead of in the mailbox")
    calendar = importer.add_mutually_exclusive_group()
    calendar_folder = "the folder for calendar items, which stay messages (default: WorkMail calendar)"
    calendar.add_argument("--calendar", type=_folder, metavar="FOLDER", help=calendar_folder)
    calendar.add_argument("--no-calendar", action="store_true", help="do not import calendar items")
    seen = "which messages become read (default: auto: as in the export, and all without a status)"
    importer.add_argument("--seen", choices=["auto", "all", "none"], default="auto", help=seen)
    ratio = "skip a large message that is compressed more than N to 1 (default: 200; 0: never)"
    importer.add_argument("--max-ratio", type=_in(RATIO), metavar="N", help=ratio)
    journal = "the file that makes a second run continue (default: next to the zip file)"
    importer.add_argument("--journal", type=Path, metavar="FILE", help=journal)
    importer.add_argument("--report", type=Path, metavar="FILE.json", help="write the result, with each message that was not imported")


def _add_export(export: argparse.ArgumentParser) -> None:
    export.add_argument(
        "--stack", default="workmail-export", metavar="NAME", help="the stack of export/template.yaml (default: workmail-export)"
    )
    export.add_argument("--region", help="the stack's region (default: that of the environment)")
    export.add_argument("--mailbox", nargs="+", default=[], metavar="ADDRESS", help="only these mailboxes (default: all)")
    export.add_argument("--again", action="store_true", help="export also mailboxes that are exported already")
    action = export.add_mutually_exclusive_group()
    action.add_argument("--dry-run", action="store_true", help="show what would be exported, in which order; starts nothing")
    action.add_argument("--status", action="store_true", help="show the progress of each mailbox and an estimate of the end")
    action.add_argument("--verify", action="store_true", help="read each exported file and compare its SHA-384")
    action.add_argument("--download", type=Path, metavar="FOLDER", help="download the exported files, for `workmail-hooks import`")


def _add_gateway(gateway: argparse.ArgumentParser) -> None:
    actions = {
        "serve": "run the SMTP and LMTP listeners until SIGTERM or Ctrl-C",
        "milter": "run the milters until SIGTERM or Ctrl-C",
        "check": "report the errors of the configuration and the policy; listens nowhere",
        "health": "ask [health] of the running gateway; the exit status is 0 while it accepts mail",
    }
    gateway.add_argument("action", choices=list(actions), help="; ".join(f"{name}: {does}" for name, does in actions.items()))
    gateway.add_argument("file", type=Path, nargs="?", default=Path("gateway.toml"), help="the configuration (default: gateway.toml)")


def _add_events(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--events", type=Path, default=find_events(), help="folder of the samples (default: events here, or a copy)")


def _add_function_options(parser: argparse.ArgumentParser) -> None:
    mail = Path(".local", "mail")
    parser.add_argument("--settings", type=Path, help="environment variables by function (default: events/env.json)")
    parser.add_argument("--mail", type=Path, default=mail, help="folder of the delivered mail, emptied first (default: .local/mail)")
    parser.add_argument(
        "--fallback",
        choices=_FALLBACKS,
        default="DEFAULT",
        help="action when the function fails: it is retried as by `serve`, with a rule timeout of one minute (default: DEFAULT)",
    )
    parser.add_argument("--verbose", action="store_true", help="print the function's log")


def _add_policy(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("policy", type=Path, help="the policy, a .yaml or .json file")


def _add_envelope(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--from", dest="mail_from", type=_address, metavar="ADDRESS", help="envelope sender (default: the From header)")
    parser.add_argument("--to", nargs="+", default=[], type=_address, metavar="ADDRESS", help="envelope recipients (default: To, Cc, Bcc)")
    directions = parser.add_mutually_exclusive_group()
    for word, text in (
        ("inbound", "the message comes from outside of the organization"),
        ("outbound", "the organization sends the message (default: decided by the sender's domain)"),
    ):
        directions.add_argument(f"--{word}", dest="direction", action="store_const", const=word, help=text)
    _add_domains(parser)


def _add_domains(parser: argparse.ArgumentParser, text: str = "the organization's domains, if the policy has none") -> None:
    parser.add_argument("--domains", nargs="+", default=[], metavar="DOMAIN", help=text)


def read_domains(options: argparse.Namespace) -> frozenset[str]:
    """Return the domains of the option `--domains`, which may be separated by commas too."""
    return frozenset(name.strip().lower() for names in options.domains for name in names.split(",") if name.strip())


def _add_conditions(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--at", type=_time, metavar="TIME", help="the time of the evaluation, such as 2026-11-24T18:00+01:00")
    parser.add_argument("--rates", type=_in(MESSAGES), default=0, metavar="N", help="earlier messages that every rate counts")
    known = "addresses whose mail is no first contact (default: all mail is one)"
    parser.add_argument("--known", type=_address, nargs="+", action="append", default=[], metavar="ADDRESS", help=known)
    parser.add_argument("--group", type=_group, action="append", default=[], metavar="GROUP=MEMBER,...", help="a group and its members")
    parser.add_argument(
        "--person", type=_person, action="append", default=[], metavar="NAME=ADDRESS,...", help="one of the organization's people"
    )


def _add_decision(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--decision", choices=DECISIONS, help="decide on held mail (default: show the result of an approval)")
    parser.add_argument("--reason", default="", metavar="TEXT", help="the reason of --decision reject, for the bounce")


def _time(text: str) -> datetime:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a time such as 2026-11-24T18:00+01:00") from None
    return found if found.tzinfo else found.astimezone()


def _folder(text: str) -> str:
    if not text.strip("/ "):
        raise argparse.ArgumentTypeError(f"{text!r} is not a folder such as Projects/2026")
    return text


def _renamed(text: str) -> tuple[str, str]:
    old, equals, new = text.partition("=")
    if not (equals and old.strip("/ ") and new.strip("/ ")):
        raise argparse.ArgumentTypeError(f"{text!r} does not have the form 'Sent Items=Sent'")
    return old, new


def _address(text: str) -> str:
    if not _ADDRESS.fullmatch(text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a mail address")
    return text


def _optional_address(text: str) -> str:
    """Return an address, or "" for none, such as the null reverse-path of a bounce."""
    return _address(text) if text else ""


def _url(text: str) -> str:
    if text and not _URL.fullmatch(text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a URL such as http://127.0.0.1:3001")
    return text


def _in(numbers: NumberRange) -> Callable[[str], float]:
    """Return the type of an option for a number in a range."""

    def parse(text: str) -> float:
        try:
            return numbers.parse(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from None

    return parse


def _person(text: str) -> tuple[str, list[str]]:
    name, _, listed = text.partition("=")
    addresses = [address.strip() for address in listed.split(",")]
    if not name.strip() or not all(map(_ADDRESS.fullmatch, addresses)):
        raise argparse.ArgumentTypeError(f"{text!r} does not have the form 'Ana Silva=ana@example.com,a.silva@example.com'")
    return name.strip(), addresses


def _group(text: str) -> tuple[str, list[str]]:
    group, equals, members = text.partition("=")
    if not equals or "@" not in group:
        raise argparse.ArgumentTypeError(f"{text!r} does not have the form group@example.com=a@example.com,b@example.com")
    return group.strip(), [member.strip() for member in members.split(",") if member.strip()]
