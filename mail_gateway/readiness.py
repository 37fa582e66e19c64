"""Reports to systemd that the process is ready (sd_notify(3)), so that `systemctl start` returns when clients can connect."""

import os
import socket


def notify_ready() -> None:
    """Report that clients can connect, if the unit has Type=notify.

    Raises:
        OSError: systemd does not listen.
    """
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notifications:
        # An abstract socket has a NUL first (unix(7)).
        notifications.sendto(b"READY=1", f"\0{address[1:]}" if address.startswith("@") else address)
