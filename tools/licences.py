"""Write the tables of docs/licences.md: the packages in each layer and in the gateway's image, with their licences.

They are from the pins and the installed packages.

    python -m tools.licences

Run it after `make requirements`.
"""

import re
from collections.abc import Iterator
from importlib.metadata import Distribution, distribution
from pathlib import Path, PurePosixPath
from typing import Final, NamedTuple

from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression
from packaging.utils import canonicalize_name

ROOT: Final = Path(__file__).parents[1]
PAGE: Final = ROOT / "docs/licences.md"
PINS: Final = {
    "mailhooks": ROOT / "layers/mailhooks/requirements.txt",
    "availability": ROOT / "layers/availability/requirements.txt",
    "gateway": ROOT / "requirements-gateway.txt",
}
"""The pins of the layers and of the gateway's image. The layer of all functions is first: the others list no package that it contains."""

BUILD_TOOLS: Final = frozenset({"hatchling", "packaging", "pathspec", "pluggy", "tomlkit", "trove-classifiers"})
"""The packages that build the wheel in gateway/Dockerfile, which removes them."""

_READ_FROM_THE_TEXT: Final = {
    "aws-lambda-powertools": "MIT-0",
    "aws-xray-sdk": "Apache-2.0",
    "cached-property": "BSD-3-Clause",
    "defusedxml": "PSF-2.0",
    "google-auth": "Apache-2.0",
    "google-re2": "BSD-3-Clause",
    "isodate": "BSD-3-Clause",
    "pyasn1-modules": "BSD-2-Clause",
    "python-dateutil": "Apache-2.0 OR BSD-3-Clause",
    "python-stdnum": "LGPL-2.1-or-later",
    "requests-oauthlib": "ISC",
    "s3transfer": "Apache-2.0",
}
"""Licences of packages whose metadata name none in SPDX's form, or another than their licence file, which a person has read."""

_LICENCE_FILE: Final = re.compile(r"[^/]+\.dist-info/.*(?:licen[cs]e|copying|notice)[^/]*", re.IGNORECASE)
_TABLE: Final = re.compile(r"(<!-- packages of (\w+) -->\n).*?(?=<!-- end -->)", re.DOTALL)


class Package(NamedTuple):
    """A package in a layer, or in the gateway's image.

    Attributes:
        name: its name in the package index.
        version: the pinned version.
        licence: an SPDX expression.
        files: its licence files, relative to the folder of packages.
    """

    name: str
    version: str
    licence: str
    files: tuple[PurePosixPath, ...]


def main() -> int:
    """Write the page again."""
    PAGE.write_text(render(PAGE.read_text("utf-8")), "utf-8")
    return 0


def render(page: str) -> str:
    """Return the page with new tables."""
    return _TABLE.sub(lambda found: "".join([found[1], *_rows(found[2])]), page)


def packages(place: str) -> list[Package]:
    """Return the packages in a layer, or in the gateway's image: those that it pins, without those in the layer of all functions.

    Raises:
        PackageNotFoundError: a package is not installed: `make requirements` pins each one for the development environment too.
        SystemExit: another version is installed, or its metadata name no licence.
    """
    first = next(iter(PINS))
    left_out = BUILD_TOOLS | (_read_pins(first).keys() if place != first else set())
    return [_package(name, version) for name, version in _read_pins(place).items() if name not in left_out]


def _read_pins(place: str) -> dict[str, str]:
    return dict(re.findall(r"^([\w.-]+)==(\S+)", PINS[place].read_text("utf-8"), re.MULTILINE))


def _package(name: str, version: str) -> Package:
    installed = distribution(name)
    if installed.version != version:
        raise SystemExit(f"{name} {version} is pinned and {installed.version} installed: make .venv/.ready-dev")
    files = sorted(PurePosixPath(file) for file in installed.files or () if _LICENCE_FILE.fullmatch(str(file)))
    return Package(name, version, _licence(name, installed), tuple(files))


def _licence(name: str, installed: Distribution) -> str:
    if read := _READ_FROM_THE_TEXT.get(canonicalize_name(name)):
        return read
    named = installed.metadata.get("License-Expression") or installed.metadata.get("License") or ""
    try:
        return canonicalize_license_expression(named)
    except InvalidLicenseExpression:
        raise SystemExit(f"{name} names no licence in SPDX's form: read its licence file and add it to tools/licences.py") from None


def _rows(place: str) -> Iterator[str]:
    folder = "in the image, below `site-packages/`" if place == "gateway" else "in the layer, below `/opt/python/`"
    yield f"\n| package | version | licence | its text {folder} |\n|---|---|---|---|\n"
    for package in packages(place):
        yield f"| {package.name} | {package.version} | {package.licence} | {', '.join(f'`{file}`' for file in package.files)} |\n"
    yield "\n"


if __name__ == "__main__":
    raise SystemExit(main())
