"""Makes Docker images of Debian with some packages, also on machines without a container registry. Needs the standard library alone."""

import os
import shutil
import subprocess
from collections.abc import Sequence
from tempfile import TemporaryDirectory
from typing import Final

SUITE: Final = "trixie"
"""The Debian release whose Python is Lambda's, which `sam build` needs."""


def make_debian_image(image: str, packages: Sequence[str]) -> None:
    """Make an image unless it exists: by debootstrap where that is possible, else from Debian's own image.

    Raises:
        subprocess.CalledProcessError: Docker, debootstrap or the download failed.
    """
    if subprocess.run(["docker", "image", "inspect", image], capture_output=True).returncode == 0:
        return
    print(f"making the image {image} (once; about a minute)", flush=True)
    if os.geteuid() != 0 or shutil.which("debootstrap") is None:
        dockerfile = f"""FROM debian:{SUITE}-slim
RUN apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends {" ".join(packages)}
"""
        subprocess.run(["docker", "build", "--quiet", "--tag", image, "-"], input=dockerfile.encode(), check=True)
        return
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    with TemporaryDirectory() as root:
        debootstrap = ["debootstrap", "--variant=minbase", f"--include={','.join(packages)}", SUITE, root]
        subprocess.run(debootstrap, env=environment, check=True, capture_output=True)
        with subprocess.Popen(["tar", "-C", root, "--exclude=./var/cache/apt", "-c", "."], stdout=subprocess.PIPE) as tar:
            subprocess.run(["docker", "import", "-", image], stdin=tar.stdout, stdout=subprocess.DEVNULL, check=True)
