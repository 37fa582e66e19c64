"""The gateway and the milter for Postfix's listeners, with a policy that the subject's first word selects from."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from tests.e2e.postfix.mail_path import FILTERS, MailPath
from tests.support.gateway_process import GatewayProcess, Settings, run_gateway, write_gateway_config

POLICY: Final = """\
version: 1
organization: { domains: [example.com] }
defaults: { mixed: all }
rules:
  - name: Tag
    when: { subject: { words: Tag } }
    do: [{ subject_tag: "[EXTERNAL]" }]
  - name: Disclaimer
    when: { subject: { words: Disclaimer } }
    do: [{ disclaimer: { text: "Confidential." } }]
  - name: Programs
    when: { subject: { words: Programs } }
    do: [{ strip_attachments: { extensions: [exe], notice: "Removed: %%Name%%" } }]
  - name: Bounce
    when: { subject: { words: Bounce } }
    do: [{ bounce: "We accept no offers." }]
  - name: Bounce for Bo
    when: { subject: { words: Three }, recipient: bo@example.com }
    do: [{ bounce: "Bo has left." }]
  - name: Drop
    when: { subject: { words: Drop } }
    do: [drop]
  - name: Drop for Bo
    when: { subject: { words: Leave }, recipient: bo@example.com }
    do: [drop]
  - name: Junk
    when: { subject: { words: Junk } }
    do: [junk]
  - name: Copy
    when: { subject: { words: Copy } }
    do: [{ add_recipients: [archive@example.com] }]
  - name: Archive
    when: { subject: { words: Archive } }
    do: [{ archive: { bucket: example-saved-mail } }]
  - name: Odd
    when: { recipient: odd@example.com }
    do:
      - subject_tag: "[ODD]"
      - headers: { set: { X-Odd: "yes" } }
      - disclaimer: { text: "Confidential." }
"""

_HOLD: Final = """\
  - name: Hold
    when: { subject: { words: Hold } }
    do: [{ hold: { approvers: [boss@example.com], timeout: 90m, on_timeout: bounce } }]
"""


@contextmanager
def run_gateways(path: MailPath, folder: Path, environment: Mapping[str, str] | None = None) -> Iterator[dict[str, GatewayProcess]]:
    """Run `gateway serve` with a listener for each filter, and `gateway milter`. Yields the processes by way; the filters have one."""
    filters = [_make_listener(path, way, path.next_host, protocol="lmtp" if way == "lmtp" else "smtp") for way in FILTERS]
    # Postfix sends the mail that comes back from it to it again.
    filters.append(_make_listener(path, "loop", path.listeners["loop"], protocol="smtp"))
    serve = write_gateway_config(folder / "serve", POLICY, filters)
    milter = write_gateway_config(folder / "milter", POLICY + _HOLD, [_make_listener(path, "milter", path.next_host, protocol="milter")])
    with (
        run_gateway("serve", serve, [path.gateway[way] for way in FILTERS], environment) as filtering,
        run_gateway("milter", milter, [path.gateway["milter"]], environment) as milters,
    ):
        yield {"milter": milters} | dict.fromkeys(FILTERS, filtering)


def _make_listener(path: MailPath, way: str, next_host: int, *, protocol: str) -> Settings:
    return {
        "name": way,
        "protocol": protocol,
        "listen": f"127.0.0.1:{path.gateway[way]}",
        "direction": "inbound",
        "networks": ["127.0.0.0/8"],
        "next_host": f"127.0.0.1:{next_host}",
        "junk_header": "X-Spam-Flag: YES",
    }
