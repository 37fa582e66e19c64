"""The commands about policies, `check`, `try` and `replay`, as the command line has them."""

import argparse
import re
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from local.policy_tools.trial import Setting

_ADDRESS = re.compile(r"[^\s@<>,;]+@[^\s@<>,;]+")


def add_commands(commands: Any) -> None:
    """Adds them to the parser's."""
    check = commands.add_parser("check", help="say what is wrong or odd about a policy, and what it needs")
    check.set_defaults(carry_out=_check)
    check.add_argument("policy", type=Path, help="the policy, a .yaml or .json file")
    check.add_argument("--json", action="store_true", help="print all of it as JSON")
    _add_domains(check)
    tried = commands.add_parser("try", help="show what a policy makes of a message of yours, and why")
    tried.set_defaults(carry_out=_try)
    tried.add_argument("policy", type=Path, help="the policy, a .yaml or .json file")
    tried.add_argument("file", type=Path, help="the message, an .eml file")
    add_envelope(tried)
    tried.add_argument("--truncated", action="store_true", help="as if the event left recipients out")
    _add_world(tried)
    replay = commands.add_parser("replay", help="run a policy over a folder of mail, or compare two")
    replay.set_defaults(carry_out=_replay)
    replay.add_argument("policy", type=Path, help="the policy, a .yaml or .json file")
    replay.add_argument("folder", type=Path, help="with .eml files, Maildirs or what `archive` has kept, also in folders of it")
    replay.add_argument("--against", type=Path, metavar="OLD", help="the policy to compare with: shows only what differs")
    replay.add_argument("--csv", type=Path, metavar="FILE", help="write all rows there, uncut")
    add_envelope(replay)
    _add_world(replay)


def add_envelope(parser: argparse.ArgumentParser) -> None:
    """Adds the options that make a message's event."""
    parser.add_argument("--from", dest="mail_from", type=_address, metavar="ADDRESS", help="envelope sender; else the From header")
    parser.add_argument("--to", nargs="+", default=[], type=_address, metavar="ADDRESS", help="envelope recipients; else To, Cc, Bcc")
    _add_direction(parser)
    _add_domains(parser)


def _add_direction(parser: argparse.ArgumentParser) -> None:
    either = parser.add_mutually_exclusive_group()
    for word in ("inbound", "outbound"):
        text = "as if it came from outside" if word == "inbound" else "as if the organization sent it; else told by the sender's domain"
        either.add_argument(f"--{word}", dest="direction", action="store_const", const=word, help=text)


def _add_domains(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--domains", nargs="+", default=[], metavar="DOMAIN", help="the organization's, where the policy does not say")


def _add_world(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--at", type=_moment, metavar="TIME", help="the moment that counts, such as 2026-11-24T18:00+01:00")
    parser.add_argument("--rates", type=_number, default=0, metavar="N", help="messages that every count (rate) has had before")
    parser.add_argument("--group", type=_group, action="append", default=[], metavar="GROUP=MEMBER,...", help="a group and its members")


def setting_of(options: argparse.Namespace) -> "Setting":
    """What the options say of the world and the envelope; what a command has no option for is as if not given."""
    from local.mail.event_builder import EnvelopeOverrides
    from local.policy_tools.trial import Setting
    from mailhooks.contract import FlowDirection

    given = vars(options)
    direction = FlowDirection(options.direction.upper()) if options.direction else None
    return Setting(
        EnvelopeOverrides(direction, given.get("mail_from"), given.get("to") or ()),
        domains_of(options),
        given.get("at"),
        given.get("rates", 0),
        dict(given.get("group", ())),
        given.get("truncated", False),
    )


def domains_of(options: argparse.Namespace) -> frozenset[str]:
    return frozenset(name.strip().lower() for given in options.domains for name in given.split(",") if name.strip())


def _check(options: argparse.Namespace) -> int:
    from local.cli.policy.check import check

    return check(options.policy, domains=domains_of(options), as_json=options.json)


def _try(options: argparse.Namespace) -> int:
    from local.cli.policy.try_message import try_policy

    return try_policy(options.policy, options.file, setting_of(options))


def _replay(options: argparse.Namespace) -> int:
    from local.cli.policy.replay import replay

    return replay(options.policy, options.folder, setting_of(options), against=options.against, table=options.csv)


def _moment(text: str) -> datetime:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no moment such as 2026-11-24T18:00+01:00") from None
    return found if found.tzinfo else found.astimezone()


def _address(text: str) -> str:
    if not _ADDRESS.fullmatch(text):
        raise argparse.ArgumentTypeError(f"{text!r} is no mail address")
    return text


def _number(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is no number of messages")
    return int(text)


def _group(text: str) -> tuple[str, list[str]]:
    group, equals, members = text.partition("=")
    if not equals or "@" not in group:
        raise argparse.ArgumentTypeError(f"{text!r} is not of the form group@example.com=a@example.com,b@example.com")
    return group.strip(), [member.strip() for member in members.split(",") if member.strip()]
