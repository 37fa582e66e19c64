"""`python -m local serve`: WorkMail on a laptop, until Ctrl-C."""

import json
import signal
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from local.cli.serve_banner import Containers, Screen, exports
from local.config.config_reload import ConfigReload
from local.config.configuration import DEFAULT_FILE
from local.config.functions import ROOT, Settings, read_settings
from local.config.samples import SETTINGS_FILE, Sample, load
from local.containers.relay import IMAGE, Relay
from local.containers.sam_template import BUILT, FOR_ALL, write_local_template
from local.errors import InvalidSample
from local.free_busy import sample_calendars
from local.servers import HOST, HttpServer, free_port
from local.workmail import LocalWorkMail
from mailhooks.contract import ContractError, FlowDirection, MailFlowEvent

BUCKET: Final = "rewritten-mail"
FOLDER: Final = ROOT / ".local" / "workmail"

_LOOK_S: Final = 0.2
"""Between two looks at whether it was asked to stop."""

_INBOUND_PORT: Final = 1025
_OUTBOUND_PORT: Final = 1587
_WEB_PORT: Final = 8025
"""Those of MailHog and Mailpit, which people know; where another program has one, any free one is taken."""


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line says.

    Attributes:
        config: the `workmail.toml`; None for the one that comes with the project.
        folder: of the spool and the mailboxes.
        port, s3_port: of the Message Flow API, and of S3; 0 for any.
        smtp_port, submission_port, web_port: None for the usual one, or any where that is taken.
        host: where SMTP and the pages listen.
        events: folder of the samples whose content is served.
        env_file: where to write `events/env.json` with these servers' variables; None for nowhere, or with `containers` in the folder.
        export: print nothing but lines for a shell.
        lambda_endpoint: "" for none.
        containers: whether functions in Lambda containers shall reach the servers; what `sam local` takes for that is written then.
        speed: see `LocalWorkMail`.
    """

    config: Path | None
    folder: Path
    port: int
    s3_port: int
    smtp_port: int | None
    submission_port: int | None
    web_port: int | None
    host: str
    events: Path
    env_file: Path | None
    export: bool
    lambda_endpoint: str
    containers: bool
    speed: float


def serve(options: Options) -> int:
    """Serves, and says on one screen what is there and what to do with it.

    Returns:
        0, when it was asked to stop.

    Raises:
        LocalError: something is not as it should be; nothing is served then.
    """
    # Not a threading.Event: a handler runs in the main thread between any two steps of it, and would wait for ever for the event's lock
    # where that thread holds it.
    asked: list[int] = []
    previous = {number: signal.signal(number, lambda n, _f: asked.append(n)) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        with ExitStack() as stack:
            lines = _start(options, stack)
            print(*lines, sep="\n", flush=True)
            while not asked:
                time.sleep(_LOOK_S)
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
    return 0


def _start(options: Options, stack: ExitStack) -> list[str]:
    """Starts everything, and returns what is to be said about it."""
    told: Callable[[str], None] = (lambda _: None) if options.export else _say
    samples, settings = load(options.events), read_settings(options.events / SETTINGS_FILE)
    configuration = ConfigReload(options.config or DEFAULT_FILE, told)
    wm = stack.enter_context(
        LocalWorkMail(
            configuration,
            folder=options.folder,
            speed=options.speed,
            lambda_endpoint=options.lambda_endpoint,
            port=options.port,
            s3_port=options.s3_port,
            bucket=BUCKET,
            listener=None if options.export else _say,
        )
    )
    for sample in samples:
        _add(wm, sample)
    relay = _relay(wm, stack) if options.containers else None
    # The availability function has to reach the calendars from where it runs.
    sample_calendars.publish(wm, relay.address if relay and options.lambda_endpoint else HOST)
    containers = _containers(wm, settings, options, relay) if relay else None
    if options.env_file is not None and containers is None:
        _write(options.env_file, wm.sam_environment(settings))
    wm.smtp_port(FlowDirection.INBOUND, _port(options.smtp_port, _INBOUND_PORT, options.host), options.host)
    wm.smtp_port(FlowDirection.OUTBOUND, _port(options.submission_port, _OUTBOUND_PORT, options.host), options.host)
    page = _pages(wm, samples, options, stack)
    if options.export:
        return list(exports(wm.environment))
    return list(Screen(wm, page, samples, options.folder, options.config or DEFAULT_FILE, containers).lines())


def _pages(wm: LocalWorkMail, samples: list[Sample], options: Options, stack: ExitStack) -> str:
    """Serves the pages, and returns their address."""
    from local.web.app import HOSTS, create_app
    from local.web.backend import WebBackend

    own = wm.configuration.functions.get(wm.configuration.availability)
    calendars = sample_calendars.ADDRESSES if own and sample_calendars.SECRET in own.environment.values() else ()
    backend = WebBackend(wm, {sample.stem: sample.raw for sample in samples}, calendars)
    app = create_app(wm.history, backend, [*HOSTS, options.host])
    server = HttpServer(app, _port(options.web_port, _WEB_PORT, options.host), host=options.host, name="pages")
    stack.callback(server.stop)
    server.start()
    return server.url


def _port(wanted: int | None, usual: int, host: str) -> int:
    return free_port(usual, host) if wanted is None else wanted


def _relay(wm: LocalWorkMail, stack: ExitStack) -> Relay:
    """Lets containers reach the servers."""
    urls = {url for name, url in wm.environment.items() if name.startswith("AWS_ENDPOINT_URL_")}
    return stack.enter_context(Relay(IMAGE, [port for url in urls if (port := urlsplit(url).port)]))


def _containers(wm: LocalWorkMail, settings: Settings, options: Options, relay: Relay) -> Containers:
    """Writes what `sam local start-lambda` is to be given."""
    servers = {name: value.replace(HOST, relay.address) for name, value in wm.environment.items()}
    environment = {name: {**variables, **servers} for name, variables in {FOR_ALL: {}, **settings}.items()}
    for function in wm.configuration.functions.values():
        if at := function.at_endpoint:
            environment[at] = {**function.variables(servers), **servers}
    file = options.env_file or options.folder / "containers.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    _write(file, environment)
    built = BUILT.is_file()
    if built:
        write_local_template(BUILT, environment)
    return Containers(relay.network, file, options.lambda_endpoint, built)


def _write(file: Path, environment: Settings) -> None:
    file.write_text(json.dumps(environment, indent=2) + "\n", "utf-8")


def _add(wm: LocalWorkMail, sample: Sample) -> None:
    try:
        event = MailFlowEvent.parse(sample.event)
    except ContractError as error:
        raise InvalidSample(f"{sample.stem}.json: {error}") from error
    wm.store.add(sample.raw, event.message_id, event.flow_direction)


def _say(line: str) -> None:
    print(f"  {time.strftime('%H:%M:%S')}  {line}", flush=True)
