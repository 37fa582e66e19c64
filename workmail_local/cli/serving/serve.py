"""`workmail-hooks serve`: runs WorkMail on a laptop until Ctrl-C."""

import argparse
import json
import os
import shutil
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from mailhooks.contract import ContractError, FlowDirection, MailFlowEvent
from workmail_local.cli.serving.banner import banner_lines, container_lines
from workmail_local.cli.serving.export import print_export
from workmail_local.cli.serving.mail_lines import MailLines
from workmail_local.cli.serving.ports import check_folder, check_ports, name_option
from workmail_local.cli.serving.screen import Screen
from workmail_local.config.config_reload import ConfigReload
from workmail_local.config.configuration import find_file
from workmail_local.config.functions import SETTINGS_FILE, Settings, merge_variables, read_settings
from workmail_local.config.policy_reload import PolicyReload
from workmail_local.config.samples import Sample, load_samples
from workmail_local.config.web import read_names, read_path
from workmail_local.console.style import Style
from workmail_local.console.text_columns import escape_controls
from workmail_local.containers import sample_push, sample_ses
from workmail_local.containers.endpoint import ContainerEndpoint
from workmail_local.containers.sam_template import BUILT, FOR_ALL, write_local_template
from workmail_local.errors import InvalidArgument, InvalidSample, LocalError
from workmail_local.free_busy import sample_calendars
from workmail_local.lifecycle import Lifecycle
from workmail_local.mail.history import MessageTrace
from workmail_local.mail.job import DeliveryJob
from workmail_local.running_server import RunningServer, remove_running, write_running
from workmail_local.servers import HttpServer, raise_descriptor_limit
from workmail_local.storage.removal import remove_all
from workmail_local.web.actions import Actions
from workmail_local.web.app import create_app
from workmail_local.workmail import LocalWorkMail

BUCKET: Final = "rewritten-mail"

_EXPORT_BUCKET: Final = "local-export"
"""The bucket of exported mailboxes for functions in containers (events/env.json)."""

_POLL_S: Final = 0.2
"""Seconds between two checks for a signal and for saved files."""

_STOP_LIMIT_S: Final = 30.0
"""Seconds that the servers have to stop: a disk that does not answer, or a function that runs, must not keep them."""


def serve(options: argparse.Namespace) -> int:
    """Run the servers until SIGINT or SIGTERM, and print their addresses; return 0 after a signal.

    When the servers do not stop in time, or after a second signal, the process ends with the status 1. No accepted message is lost: each is
    on disk before the client gets its 250.

    With `--export`, start nothing, and print the variables of the server that runs already.

    Raises:
        LocalError: a server cannot start; none runs then.
        BrokenPipeError: the reader of the output has ended, and so have the servers.
    """
    if options.export:
        return print_export(options.folder, options.export)
    # A list and not a threading.Event: a signal handler may interrupt the main thread while that thread has the event's lock.
    received: list[int] = []

    def note(number: int, _frame: object) -> None:
        received.append(number)
        if len(received) > 1:
            _end_at_once()

    limit = threading.Timer(_STOP_LIMIT_S, _end_at_once)
    limit.daemon = True
    raise_descriptor_limit()
    previous = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        with _Servers(options) as servers:
            while not (received or servers.screen.is_gone):
                time.sleep(_POLL_S)
                servers.load_saved_files()
            limit.start()
        if servers.screen.is_gone:
            raise BrokenPipeError
    finally:
        limit.cancel()
        for number, handler in previous.items():
            signal.signal(number, handler)
    return 0


def _end_at_once() -> None:
    """End the process while a thread cannot be stopped. The processes of the functions end with it."""
    # Not print(): a signal may have interrupted the main thread within it.
    os.write(2, b"workmail-hooks serve: ended without waiting for all servers; accepted mail is in the spool, for the next start\n")
    os._exit(1)


class _Servers(Lifecycle):
    """All servers of the command, up while entered. `screen` prints what they do."""

    def __init__(self, options: argparse.Namespace) -> None:
        super().__init__()
        self.screen = Screen()
        self._options = options
        self._config = options.config or find_file()

    def _start(self) -> None:
        options = self._options
        check_folder(options.folder)
        check_ports(options)
        samples, settings = load_samples(options.events), read_settings(options.events / SETTINGS_FILE)
        configuration = self._load_configuration()
        if options.fresh:
            # After all that may fail: a server that does not start deletes no mail.
            remove_all(options.folder)
        wm = self._workmail = self._start_workmail(configuration)
        for sample in samples:
            _add_to_store(wm, sample)
        sample_calendars.publish(wm)
        containers = self._serve_containers(wm, settings) if options.containers else []
        if options.env_file is not None and not options.containers:
            _write_json(options.env_file, {name: merge_variables(own, wm.environment) for name, own in settings.items()})
        for direction, option, port in (
            (FlowDirection.INBOUND, "--smtp-port", options.smtp_port),
            (FlowDirection.OUTBOUND, "--submission-port", options.submission_port),
        ):
            with name_option(option):
                wm.smtp_port(direction, port, options.host)
        wm.start_push()
        page, elsewhere = self._start_web_page(wm, samples)
        self._stack.callback(remove_running, options.folder, os.getpid())
        inbound, outbound = (wm.smtp_address(direction) for direction in FlowDirection)
        write_running(options.folder, RunningServer(os.getpid(), page, inbound, outbound, wm.environment))
        banner = banner_lines(wm, page, elsewhere, samples, options.folder, self._config, options.policy)
        print(*banner, *containers, "\nMail:", sep="\n", flush=True)
        self._lines = MailLines(Style.of(sys.stdout), page, verbose=options.verbose)
        self._stack.callback(self.screen.stop)
        self.screen.start()

    def load_saved_files(self) -> None:
        """Load the configuration and the policy that were saved, so that an error is shown at once, and not at the next message."""
        # The next message has the same error.
        with suppress(LocalError, OSError):
            _ = self._workmail.configuration

    def _show(self, text: str) -> None:
        self.screen.show(lambda: [f"{time.strftime('%H:%M:%S')}  {escape_controls(text)}"])

    def _show_progress(self, job: DeliveryJob) -> None:
        """Show what a worker did with a message. The content is left out: lines may wait for the terminal."""
        trace = self._workmail.history.trace(job.number)
        if trace:
            self.screen.show(partial(self._format_progress, job._replace(content=None, event=None), trace, time.time()))

    def _format_progress(self, job: DeliveryJob, trace: MessageTrace, now: float) -> Iterator[str]:
        width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
        return self._lines.format(job, trace, now, width)

    def _start_workmail(self, configuration: ConfigReload) -> LocalWorkMail:
        options = self._options
        workmail = LocalWorkMail(
            configuration,
            folder=options.folder,
            speed=options.speed,
            lambda_endpoint=options.lambda_endpoint,
            retry_unloadable=True,
            port=options.port,
            s3_port=options.s3_port,
            bucket=BUCKET,
            listener=self._show if options.verbose else None,
            report=self._show,
            on_progress=self._show_progress,
        )
        with name_option("--port", {options.s3_port: "--s3-port"}):
            return self._stack.enter_context(workmail)

    def _load_configuration(self) -> ConfigReload:
        options = self._options
        if options.policy is None:
            return ConfigReload(self._config, self._show)
        if options.containers or options.lambda_endpoint:
            raise InvalidArgument("--policy runs mailflow in a process here: leave out --containers and --lambda-endpoint")
        # A folder of this process: the folder of the mail may be a project, with files of its own.
        copies = self._stack.enter_context(TemporaryDirectory(prefix="workmail-hooks-", ignore_cleanup_errors=True))
        return PolicyReload(self._config, options.policy, Path(copies), self._show)

    def _start_web_page(self, wm: LocalWorkMail, samples: list[Sample]) -> tuple[str, list[str]]:
        """Start the server of the web page; return its URL, and those for other machines."""
        provider = wm.configuration.functions.get(wm.configuration.availability)
        calendars = sample_calendars.ADDRESSES if provider and sample_calendars.SECRET in provider.environment.values() else ()
        actions = Actions(wm, {sample.stem: sample.raw for sample in samples}, calendars)
        options, web = self._options, wm.configuration.web
        prefix = web.path if options.web_path is None else read_path(options.web_path)
        app = create_app(wm.history, actions, [*web.names, *read_names(options.allow_host), options.host], prefix)
        with name_option("--web-port"):
            server = HttpServer(app, options.web_port, host=options.host, name="pages")
        self._stack.callback(server.stop)
        server.start()
        return f"{server.url}{prefix}", [f"{url}{prefix}" for url in server.find_urls_elsewhere()]

    def _serve_containers(self, wm: LocalWorkMail, settings: Settings) -> list[str]:
        """Start the server for functions in containers, and write the files for `sam local start-lambda`; return the commands to print."""
        options = self._options
        with name_option("--containers-port"):
            url = self._stack.enter_context(ContainerEndpoint(wm.make_one_endpoint(), options.containers_port)).url
        sample_calendars.publish_configuration(wm, url, sample_calendars.SECRET_IN_CONTAINERS)
        sample_push.publish(wm)
        sample_ses.publish(wm, options.events / "ses")
        wm.make_bucket(_EXPORT_BUCKET)
        if options.lambda_endpoint:
            # Rules call the function there, with the name of the secret in workmail.toml.
            sample_calendars.publish_configuration(wm, url, sample_calendars.SECRET)
        servers = {name: url if name.startswith("AWS_ENDPOINT_URL") else value for name, value in wm.environment.items()}
        environment = {name: merge_variables(own, servers) for name, own in {**settings, FOR_ALL: {}}.items()}
        for function in wm.configuration.functions.values():
            if name := function.at_endpoint:
                environment[name] = function.all_variables(servers)
        file = options.env_file or options.folder / "containers.json"
        file.parent.mkdir(parents=True, exist_ok=True)
        _write_json(file, environment)
        built = BUILT.is_file()
        if built:
            write_local_template(BUILT, environment)
        return list(container_lines(file, options.lambda_endpoint, built=built))


def _add_to_store(wm: LocalWorkMail, sample: Sample) -> None:
    try:
        event = MailFlowEvent.parse(sample.event)
    except ContractError as error:
        raise InvalidSample(f"{sample.stem}.json: {error}") from error
    wm.store.add(sample.raw, event.message_id, event.flow_direction)


def _write_json(file: Path, environment: Settings) -> None:
    file.write_text(json.dumps(environment, indent=2) + "\n", "utf-8")
