"""The commands `check`, `try` and `replay`, and their options."""

import argparse
import re
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from local.policy_tools.trial import TrialOptions

_ADDRESS = re.compile(r"[^\s@<>,;]+@[^\s@<>,;]+")


def add_commands(commands: Any) -> None:
    """Add the commands to the parser's."""
    check = commands.add_parser("check", help="report the errors, warnings and needs of a policy")
    check.set_defaults(carry_out=_check)
    check.add_argument("policy", type=Path, help="the policy, a .yaml or .json file")
    check.add_argument("--json", action="store_true", help="print the report as JSON")
    _add_domains(check)
    trial = commands.add_parser("try", help="show the outcome of a policy for a message, and why")
    trial.set_defaults(carry_out=_try)
    trial.add_argument("policy", type=Path, help="the policy, a .yaml or .json file")
    trial.add_argument("file", type=Path, help="the message, an .eml file")
    add_envelope(trial)
    trial.add_argument("--truncated", action="store_true", help="evaluate as if the event omitted recipients")
    _add_conditions(trial)
    replay = commands.add_parser("replay", help="evaluate a policy for a folder of mail, or compare two policies")
    replay.set_defaults(carry_out=_replay)
    replay.add_argument("policy", type=Path, help="the policy, a .yaml or .json file")
    replay.add_argument("folder", type=Path, help="a folder with .eml files, Maildirs or archived messages, also in its subfolders")
    replay.add_argument("--against", type=Path, metavar="OLD", help="compare with this policy; shows only messages with another outcome")
    replay.add_argument("--csv", type=Path, metavar="FILE", help="write all rows to this file, uncut")
    add_envelope(replay)
    _add_conditions(replay)


def add_envelope(parser: argparse.ArgumentParser) -> None:
    """Add the options for the envelope of a message's event."""
    parser.add_argument("--from", dest="mail_from", type=_address, metavar="ADDRESS", help="envelope sender (default: the From header)")
    parser.add_argument("--to", nargs="+", default=[], type=_address, metavar="ADDRESS", help="envelope recipients (default: To, Cc, Bcc)")
    directions = parser.add_mutually_exclusive_group()
    for word, text in (
        ("inbound", "the message comes from outside of the organization"),
        ("outbound", "the organization sends the message (default: decided by the sender's domain)"),
    ):
        directions.add_argument(f"--{word}", dest="direction", action="store_const", const=word, help=text)
    _add_domains(parser)


def _add_domains(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--domains", nargs="+", default=[], metavar="DOMAIN", help="the organization's domains, if the policy has none")


def _add_conditions(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--at", type=_time, metavar="TIME", help="the time of the evaluation, such as 2026-11-24T18:00+01:00")
    parser.add_argument("--rates", type=_number, default=0, metavar="N", help="earlier messages that every rate counts")
    parser.add_argument("--group", type=_group, action="append", default=[], metavar="GROUP=MEMBER,...", help="a group and its members")


def read_options(options: argparse.Namespace) -> "TrialOptions":
    """Return the conditions that the options describe. A command may lack some of the options."""
    from local.mail.event_builder import EnvelopeOverrides
    from local.policy_tools.trial import TrialOptions
    from mailhooks.contract import FlowDirection

    given = vars(options)
    direction = FlowDirection(options.direction.upper()) if options.direction else None
    return TrialOptions(
        EnvelopeOverrides(direction, given.get("mail_from"), given.get("to") or ()),
        _domains(options),
        given.get("at"),
        given.get("rates", 0),
        dict(given.get("group", ())),
        given.get("truncated", False),
    )


def _domains(options: argparse.Namespace) -> frozenset[str]:
    return frozenset(name.strip().lower() for given in options.domains for name in given.split(",") if name.strip())


# The commands are imported when they run, so that `--help` answers at once.


def _check(options: argparse.Namespace) -> int:
    from local.cli.policy.check import check

    return check(options.policy, domains=_domains(options), as_json=options.json)


def _try(options: argparse.Namespace) -> int:
    from local.cli.policy.try_message import try_policy

    return try_policy(options.policy, options.file, read_options(options))


def _replay(options: argparse.Namespace) -> int:
    from local.cli.policy.replay import replay

    return replay(options.policy, options.folder, read_options(options), against=options.against, table=options.csv)


def _time(text: str) -> datetime:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a time such as 2026-11-24T18:00+01:00") from None
    return found if found.tzinfo else found.astimezone()


def _address(text: str) -> str:
    if not _ADDRESS.fullmatch(text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a mail address")
    return text


def _number(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of messages")
    return int(text)


def _group(text: str) -> tuple[str, list[str]]:
    group, equals, members = text.partition("=")
    if not equals or "@" not in group:
        raise argparse.ArgumentTypeError(f"{text!r} does not have the form group@example.com=a@example.com,b@example.com")
    return group.strip(), [member.strip() for member in members.split(",") if member.strip()]
