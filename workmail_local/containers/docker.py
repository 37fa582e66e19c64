"""Runs the commands of Docker."""

import subprocess

from workmail_local.errors import ServerError

TIMEOUT_S = 60.0


def run_docker(*arguments: str) -> str:
    """Run a Docker command and return its output.

    Raises:
        ServerError: Docker is not installed, its daemon does not answer, or the command failed.
    """
    try:
        command = ["docker", *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True, timeout=TIMEOUT_S).stdout  # noqa: S603 - our own
    except FileNotFoundError as error:
        raise ServerError("docker is not on PATH: install Docker and start it") from error
    except OSError as error:
        raise ServerError(f"docker cannot be run: {error.strerror}") from error
    except subprocess.TimeoutExpired as error:
        raise ServerError(f"the Docker daemon does not answer `docker {arguments[0]}` within {TIMEOUT_S:g} s") from error
    except subprocess.CalledProcessError as error:
        raise ServerError(f"`docker {arguments[0]}` failed: {error.stderr.strip() or error.returncode}") from error
