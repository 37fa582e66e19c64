"""One Postfix with a listener for each way to the gateway, and a recorder behind it all."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.support.postfix import Postfix, delivery_agent, smtp_server, start_postfix
from tests.support.servers.caldav.processes import find_port
from tests.support.smtp_sink import Received, Sink, run_sink
from tests.support.waiting import wait_until

FILTERS: Final = ("lmtp", "smtp", "proxy")
"""The ways of a message through `gateway serve`: the content filters lmtp and smtp after the queue, and smtpd_proxy_filter before it."""

WAYS: Final = ("milter", *FILTERS)

BEFORE_QUEUE: Final = frozenset({"milter", "proxy"})
"""The ways on which the sender's server reads the gateway's reply."""


@dataclass(frozen=True)
class MailPath:
    """A running Postfix in front of the gateway and behind it.

    Attributes:
        listeners: ports of Postfix: one for each way, `plain` without the gateway, `back` for mail that the gateway passes on, and `loop`,
            whose mail the gateway passes on to `loop` again.
        gateway: ports of the gateway's listeners, one for each way and `loop`.
        next_host: the port to which the gateway passes mail.
        sink: the mailbox host, which gets all mail that Postfix delivers, and bounces.
    """

    postfix: Postfix
    listeners: dict[str, int]
    gateway: dict[str, int]
    next_host: int
    sink: Sink

    def wait(self) -> None:
        """Wait until Postfix's queue is empty but for quarantined messages."""
        wait_until(lambda: not self.postfix.list_queue())

    def read_arrived(self, text: bytes) -> list[Received]:
        """Return the messages with a text that arrived, when Postfix's queue is empty."""
        self.wait()
        return self.sink.find(text)


@contextmanager
def run_mail_path(folder: Path, *, back: bool = True, smuggling: bool = False, script: Path | None = None) -> Iterator[MailPath]:
    """Run a Postfix for all ways. The gateway is not started.

    Args:
        back: whether the gateway passes mail to Postfix; otherwise it does to the sink.
        smuggling: whether the sink is open to SMTP smuggling, and Postfix in front of the gateway is not.
        script: a content filter that returns mail by sendmail(1), with a listener `script`.
    """
    listeners = {name: find_port() for name in ("plain", "back", "script", "loop", *WAYS)}
    gateway = {name: find_port() for name in ("loop", *WAYS)}
    with run_sink(Sink(lenient=smuggling)) as sink:
        main = {
            "relayhost": f"[127.0.0.1]:{sink.port}",
            # As for clients of other networks: to mail of its own, Postfix adds Date and Message-ID.
            "local_header_rewrite_clients": "",
            "smtpd_authorized_xforward_hosts": "127.0.0.0/8",
            "message_size_limit": "52428800",
        }
        if smuggling:
            # Postfix excepts its own networks by default, in which these clients are.
            main |= {"smtpd_forbid_bare_newline": "normalize", "smtpd_forbid_bare_newline_exclusions": ""}
        master = [
            smtp_server(listeners["plain"]),
            smtp_server(listeners["back"], receive_override_options="no_unknown_recipient_checks,no_header_body_checks,no_milters"),
            smtp_server(
                listeners["milter"],
                smtpd_milters=f"inet:127.0.0.1:{gateway['milter']}",
                milter_default_action="tempfail",
                cleanup_service_name="cleanup-milter",
            ),
            # Once a process of it has asked a milter, it cuts all headers at 60 KB, also of mail without a milter.
            "cleanup-milter unix n - n - 0 cleanup",
            smtp_server(listeners["lmtp"], content_filter=f"filter-lmtp:[127.0.0.1]:{gateway['lmtp']}"),
            smtp_server(listeners["smtp"], content_filter=f"filter-smtp:[127.0.0.1]:{gateway['smtp']}"),
            smtp_server(listeners["loop"], content_filter=f"filter-smtp:[127.0.0.1]:{gateway['loop']}"),
            smtp_server(listeners["proxy"], smtpd_proxy_filter=f"127.0.0.1:{gateway['proxy']}"),
            delivery_agent("filter-lmtp", "lmtp", lmtp_send_xforward_command="yes", lmtp_line_length_limit="0"),
            delivery_agent("filter-smtp", "smtp", smtp_send_xforward_command="yes", smtp_line_length_limit="0"),
        ]
        if script:
            master.append(smtp_server(listeners["script"], content_filter="script:"))
            master.append(f"script unix - n n - - pipe flags=Rq user=nobody argv={script} -f ${{sender}} -- ${{recipient}}")
        with start_postfix(folder, main, master) as postfix:
            yield MailPath(postfix, listeners, gateway, listeners["back"] if back else sink.port, sink)
