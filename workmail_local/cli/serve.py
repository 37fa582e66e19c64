"""`workmail-hooks serve`: runs WorkMail on a laptop until Ctrl-C."""

import argparse
import json
import os
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from mailhooks.contract import ContractError, FlowDirection, MailFlowEvent
from workmail_local.cli.serve_banner import banner_lines, container_lines, export_lines
from workmail_local.config.config_reload import ConfigReload
from workmail_local.config.configuration import find_file
from workmail_local.config.functions import SETTINGS_FILE, Settings, merge_variables, read_settings
from workmail_local.config.policy_reload import PolicyReload
from workmail_local.config.samples import Sample, load_samples
from workmail_local.config.web import read_names, read_path
from workmail_local.containers.endpoint import ContainerEndpoint
from workmail_local.containers.sam_template import BUILT, FOR_ALL, write_local_template
from workmail_local.errors import InvalidArgument, InvalidSample
from workmail_local.free_busy import sample_calendars
from workmail_local.lifecycle import Lifecycle
from workmail_local.running_server import RunningServer, remove_running, write_running
from workmail_local.servers import HttpServer, free_port, raise_descriptor_limit
from workmail_local.storage.removal import remove_all
from workmail_local.web.actions import Actions
from workmail_local.web.app import create_app
from workmail_local.workmail import LocalWorkMail

BUCKET: Final = "rewritten-mail"

_POLL_S: Final = 0.2
"""Seconds between two checks for a signal."""

_INBOUND_PORT: Final = 1025
_OUTBOUND_PORT: Final = 1587
_WEB_PORT: Final = 8025
"""The ports of MailHog and Mailpit, which developers know. When another program uses one, a free port replaces it."""


_STOP_LIMIT_S: Final = 30.0
"""Seconds that the servers have to stop: a disk that does not answer, or a function that runs, must not keep them."""


def serve(options: argparse.Namespace) -> int:
    """Run the servers until SIGINT or SIGTERM, and print their addresses; return 0 after a signal.

    When the servers do not stop in time, or after a second signal, the process ends with the status 1. No accepted message is lost: each is
    on disk before the client gets its 250.

    Raises:
        LocalError: a server cannot start; none runs then.
    """
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
            print(*servers.lines, sep="\n", flush=True)
            while not received:
                time.sleep(_POLL_S)
            limit.start()
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
    """All servers of the command, up while entered. `lines` is the text to print."""

    def __init__(self, options: argparse.Namespace) -> None:
        super().__init__()
        self.lines: list[str] = []
        self._options = options
        self._config = options.config or find_file()
        self._print: Callable[[str], None] = (lambda _: None) if options.export else _print_with_time

    def _start(self) -> None:
        options = self._options
        samples, settings = load_samples(options.events), read_settings(options.events / SETTINGS_FILE)
        if options.fresh:
            remove_all(options.folder)
        wm = self._start_workmail()
        for sample in samples:
            _add_to_store(wm, sample)
        sample_calendars.publish(wm)
        containers = self._serve_containers(wm, settings) if options.containers else []
        if options.env_file is not None and not options.containers:
            _write_json(options.env_file, {name: merge_variables(own, wm.environment) for name, own in settings.items()})
        wm.smtp_port(FlowDirection.INBOUND, self._port(options.smtp_port, _INBOUND_PORT), options.host)
        wm.smtp_port(FlowDirection.OUTBOUND, self._port(options.submission_port, _OUTBOUND_PORT), options.host)
        page, elsewhere = self._start_web_page(wm, samples)
        self._stack.callback(remove_running, options.folder, os.getpid())
        inbound, outbound = (wm.smtp_address(direction) for direction in FlowDirection)
        write_running(options.folder, RunningServer(os.getpid(), page, inbound, outbound, wm.environment))
        if options.export:
            self.lines = list(export_lines(wm.environment))
        else:
            self.lines = [
                *banner_lines(wm, page, elsewhere, samples, options.folder, self._config, options.policy),
                *containers,
                "\nCalls:",
            ]

    def _start_workmail(self) -> LocalWorkMail:
        options = self._options
        return self._stack.enter_context(
            LocalWorkMail(
                self._load_configuration(),
                folder=options.folder,
                speed=options.speed,
                lambda_endpoint=options.lambda_endpoint,
                retry_unloadable=True,
                port=options.port,
                s3_port=options.s3_port,
                bucket=BUCKET,
                listener=None if options.export else self._print,
            )
        )

    def _load_configuration(self) -> ConfigReload:
        options = self._options
        if options.policy is None:
            return ConfigReload(self._config, self._print)
        if options.containers or options.lambda_endpoint:
            raise InvalidArgument("--policy runs mailflow in a process here: leave out --containers and --lambda-endpoint")
        return PolicyReload(self._config, options.policy, options.folder / "policy", self._print)

    def _start_web_page(self, wm: LocalWorkMail, samples: list[Sample]) -> tuple[str, list[str]]:
        """Start the server of the web page; return its URL, and those for other machines."""
        provider = wm.configuration.functions.get(wm.configuration.availability)
        calendars = sample_calendars.ADDRESSES if provider and sample_calendars.SECRET in provider.environment.values() else ()
        actions = Actions(wm, {sample.stem: sample.raw for sample in samples}, calendars)
        options, web = self._options, wm.configuration.web
        prefix = web.path if options.web_path is None else read_path(options.web_path)
        app = create_app(wm.history, actions, [*web.names, *read_names(options.allow_host), options.host], prefix)
        server = HttpServer(app, self._port(options.web_port, _WEB_PORT), host=options.host, name="pages")
        self._stack.callback(server.stop)
        server.start()
        return f"{server.url}{prefix}", [f"{url}{prefix}" for url in server.find_urls_elsewhere()]

    def _serve_containers(self, wm: LocalWorkMail, settings: Settings) -> list[str]:
        """Start the server for functions in containers, and write the files for `sam local start-lambda`; return the commands to print."""
        options = self._options
        url = self._stack.enter_context(ContainerEndpoint(wm.make_one_endpoint(), options.containers_port)).url
        sample_calendars.publish_configuration(wm, url, sample_calendars.SECRET_IN_CONTAINERS)
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

    def _port(self, given: int | None, usual: int) -> int:
        return free_port(usual, self._options.host) if given is None else given


def _add_to_store(wm: LocalWorkMail, sample: Sample) -> None:
    try:
        event = MailFlowEvent.parse(sample.event)
    except ContractError as error:
        raise InvalidSample(f"{sample.stem}.json: {error}") from error
    wm.store.add(sample.raw, event.message_id, event.flow_direction)


def _write_json(file: Path, environment: Settings) -> None:
    file.write_text(json.dumps(environment, indent=2) + "\n", "utf-8")


def _print_with_time(line: str) -> None:
    print(f"  {time.strftime('%H:%M:%S')}  {line}", flush=True)
