"""The parser of the command line: short errors, with the command or option that was probably meant."""

import argparse
import re
import sys
from collections.abc import Sequence
from typing import Any, Final, NoReturn

from mailhooks.suggestions import suggest
from workmail_local.console.text_columns import escape_controls

_CHOICE: Final = re.compile(r"invalid choice: '(?P<given>.*)' \(choose from (?P<known>.*)\)", re.DOTALL)
_WORD: Final = re.compile(r"[\w-]+")
_OPTION: Final = re.compile(r"--[\w-]+")
_MAX_SHOWN: Final = 300
"""Characters of an error: a wrong value may be a whole file."""


class Parser(argparse.ArgumentParser):
    """A parser whose errors are one line, and whose options cannot be abbreviated: an abbreviation could get another meaning later."""

    def __init__(self, **options: Any) -> None:
        super().__init__(allow_abbrev=False, **options)

    def parse_command(self, arguments: Sequence[str] | None) -> argparse.Namespace:
        """Parse a command line. Prints what is wrong, and exits with 2, unless it can be parsed."""
        options, unknown = self.parse_known_args(arguments)
        if unknown:
            command: Parser = options.parser
            [first, *_] = [each for each in unknown if each.startswith("-")] or unknown
            name = first.partition("=")[0]
            known = _OPTION.findall(command.format_usage()) if name.startswith("-") else ()
            command.error(f"{'no such option' if name.startswith('-') else 'one argument too many'}: {name}{suggest(name, known)}")
        return options

    def error(self, message: str) -> NoReturn:
        """Print an error, and exit with 2."""
        if found := _CHOICE.search(message):
            message += suggest(found["given"], _WORD.findall(found["known"]))
        elif missing := re.fullmatch(r"the following arguments are required: (.*)", message):
            if missing[1] == "command":
                self.print_help(sys.stderr)
                sys.exit(2)
            message = f"required, but missing: {missing[1]}"
        if len(message) > _MAX_SHOWN:
            message = f"{message[:_MAX_SHOWN]}..."
        print(f"{self.prog}: {escape_controls(message)} (see {self.prog} --help)", file=sys.stderr)
        sys.exit(2)
