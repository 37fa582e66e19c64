"""What the commands share: a local WorkMail, sandboxes and mailboxes, set up for one walk or many."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from local.cli.transit import Transit
from local.config.functions import Function, Settings
from local.runtime.sandbox import Sandbox, Sandboxes
from local.storage.mailboxes import Mailboxes
from local.workmail import LocalWorkMail
from mailhooks.contract import Action


def organization_domains(settings: Settings) -> frozenset[str]:
    """Every domain that any function's ORGANIZATION_DOMAINS lists, lower-case."""
    lists = [variables.get("ORGANIZATION_DOMAINS", "") for variables in settings.values()]
    return frozenset(name.strip().lower() for names in lists for name in names.split(",") if name.strip())


@contextmanager
def transit(settings: Settings, mail_folder: Path, fallback: Action) -> Iterator[tuple[Transit, Mailboxes]]:
    """Everything up and ready to walk messages; all of it down afterwards, but for the delivered mail.

    Raises:
        NotOurs: `mail_folder` holds something else.
        ServerTrouble: a server did not start.
    """
    mailboxes = Mailboxes(mail_folder)
    with LocalWorkMail() as wm, Sandboxes() as sandboxes:

        def sandbox(function: Function) -> Sandbox:
            return sandboxes.of(function, {**function.variables(settings), **wm.environment})

        yield Transit(wm.store, mailboxes, sandbox, fallback, organization_domains(settings)), mailboxes
