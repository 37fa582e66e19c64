"""Run `workmail-hooks serve`, and stop it when it is up: `python serve_once.py PROGRAM serve ...`. Its ports are free ones."""

import signal
import subprocess
import sys


def main(command: list[str]) -> int:
    """Return the exit status of the command, or 1 when it does not start."""
    ports = ["--smtp-port", "0", "--submission-port", "0", "--web-port", "0"]
    with subprocess.Popen([*command, *ports], stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout
        up = server.stdout.readline().startswith("Local WorkMail is up")
        server.send_signal(signal.SIGINT)
        server.communicate(timeout=60)
    return server.returncode if up else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
