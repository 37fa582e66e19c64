"""Sends sample messages through the local WorkMail, each with one flow rule that runs the sample's function."""

import uuid
from collections.abc import Collection
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Final

from mailhooks.address_patterns import ascii_domain
from mailhooks.contract import ContractError, FlowDirection, MailFlowEvent
from workmail_local.config.configuration import ORGANIZATION_ID, Configuration
from workmail_local.config.directory import Directory
from workmail_local.config.functions import ASYNCHRONOUS, Function, Settings, mail_function
from workmail_local.config.samples import Sample
from workmail_local.errors import ForeignFolder
from workmail_local.lifecycle import Lifecycle
from workmail_local.mail.addresses import domain_of
from workmail_local.mail.history import RuleRun
from workmail_local.mail.submission import Submission
from workmail_local.rules.rule import Rule, RuleAction
from workmail_local.storage.removal import remove_all
from workmail_local.workmail import LocalWorkMail

TIMEOUT_MINUTES: Final = 1
"""The rules' timeout. A failing function is called up to seven times."""

SPEED: Final = 600.0
"""Pauses between attempts are this many times shorter."""

_WAIT_S: Final = 600.0
_MARK: Final = ".local-workmail"
_MARK_TEXT: Final = "Mail delivered by the local WorkMail. It is removed at each run.\n"


@dataclass(frozen=True, slots=True)
class SampleResult:
    """A sample after its run through an asynchronous or a synchronous rule. It failed when there are problems.

    Attributes:
        event: the parsed event; None when it breaks the contract.
        run: the message's run through the rule; None when the event breaks the contract.
        content: the delivered bytes.
        notes: hints for the author of the hook.
    """

    sample: Sample
    asynchronous: bool
    event: MailFlowEvent | None = None
    run: RuleRun | None = None
    content: bytes = b""
    problems: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def log(self) -> str:
        """The function's output in all attempts."""
        return "".join(attempt.log for attempt in self.run.attempts) if self.run else ""


class SampleRunner(Lifecycle):
    """Runs samples through a local WorkMail that is up while entered. Delivered mail stays in the folder.

    Args:
        settings: the functions' variables.
        folder: where mail is delivered; mail of earlier runs is removed first.
        fallback: the rules' fallback action.
        domains: the organization's domains. It also has those of its own addresses in each sample.

    Raises:
        ForeignFolder: the folder contains other files.
        ServerError: a server does not start.
    """

    def __init__(self, settings: Settings, folder: Path, fallback: RuleAction, domains: Collection[str] = ()) -> None:
        super().__init__()
        self._settings = settings
        self._fallback = fallback
        self._message_ids: set[str] = set()
        self._domains = domains
        self._configuration = Configuration("generated", ORGANIZATION_ID, (), Directory(()))
        empty_mail_folder(folder)
        self._workmail = LocalWorkMail(lambda: self._configuration, folder=folder, speed=SPEED)

    def _start(self) -> None:
        self._stack.enter_context(self._workmail)

    def run(self, sample: Sample, *, asynchronous: bool | None = None) -> SampleResult:
        """Run one sample and wait until it is done.

        Args:
            asynchronous: whether the rule is asynchronous; None for the way the function is written for.

        Raises:
            UnknownFunction: the sample's function does not exist.
        """
        asynchronous = sample.function in ASYNCHRONOUS if asynchronous is None else asynchronous
        function = mail_function(sample.function, self._settings)
        sample, notes = self._with_own_id(sample)
        try:
            event = MailFlowEvent.parse(sample.event)
        except ContractError as error:
            return SampleResult(sample, asynchronous, problems=(f"contract broken, in the event: {error}",))
        self._configuration = self._generate(event, function, asynchronous=asynchronous)
        submission = Submission(event.flow_direction, event.mail_from, event.recipients, sample.raw)
        [run] = self._workmail.wait_for(self._workmail.accept(submission, event=sample.event), _WAIT_S).rule_runs
        content = self._workmail.history.content(run.message_id) or b""
        return SampleResult(sample, asynchronous, event, run, content, run.problems, (*notes, *run.notes))

    def _with_own_id(self, sample: Sample) -> tuple[Sample, tuple[str, ...]]:
        """Return the sample with a messageId that no earlier sample has: the ID opens the content."""
        message_id = str(sample.event.get("messageId"))
        if message_id in self._message_ids:
            sample = replace(sample, event={**sample.event, "messageId": str(uuid.uuid4())})
            return sample, ("another sample has the same messageId: this one gets a new one",)
        self._message_ids.add(message_id)
        return sample, ()

    def _generate(self, event: MailFlowEvent, function: Function, *, asynchronous: bool) -> Configuration:
        """Return a configuration whose only rule runs the function. Every address of its domains has a mailbox."""
        own = event.recipients if event.flow_direction is FlowDirection.INBOUND else (event.mail_from,)
        domains = tuple(dict.fromkeys((*map(ascii_domain, self._domains), *filter(None, map(domain_of, own))))) or ("example.com",)
        rule = Rule(
            f"Run {function.name}",
            event.flow_direction,
            RuleAction.LAMBDA,
            ("*",),
            function=function.name,
            synchronous=not asynchronous,
            fallback=self._fallback,
            timeout_minutes=TIMEOUT_MINUTES,
        )
        functions = MappingProxyType({function.name: function})
        return replace(self._configuration, domains=domains, directory=Directory(domains), rules=(rule,), functions=functions)


def empty_mail_folder(folder: Path) -> None:
    """Create a folder for delivered mail, or remove the mail of an earlier run from it. Files of other programs stay.

    Raises:
        ForeignFolder: the folder was not made by this function, is a link, or has other files between the mail.
        SpoolError: a server runs in the folder.
    """
    is_ours = folder.is_dir() and ((folder / _MARK).is_file() or not any(folder.iterdir()))
    if folder.is_symlink() or (folder.exists() and not is_ours):
        raise ForeignFolder(f"{folder} contains other files than delivered mail; it is left as it is: give another folder with --mail")
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    remove_all(folder)
    (folder / _MARK).write_text(_MARK_TEXT)
