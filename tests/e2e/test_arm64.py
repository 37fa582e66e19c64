"""The layers on the processor of arm64 functions, emulated: their native modules, and a message that the library changes."""

import json
import re
from pathlib import Path

import pytest

from tests.e2e.arm64 import Arm64, find_arm64
from tests.e2e.containers import LAYERS, Containers
from tests.e2e.test_containers import DELIVER_TO_ALL, MESSAGE, event_for
from tests.e2e.toolchain import ROOT, Missing
from tests.support.hooks import without_stamp
from workmail_local.workmail import LocalWorkMail

_SUFFIX = ".cpython-313-aarch64-linux-gnu.so"
_IMPORT = """
import importlib, platform, sys
for name in sys.argv[1:]:
    print(platform.machine(), name, importlib.import_module(name).__file__)
"""
_HANDLE = "import app, json, sys; print(json.dumps(app.handler(json.load(sys.stdin), None)))"
_LAMBDAS_GLIBC = 34
"""The minor version of the C library in Lambda's runtime for Python 3.13, which is that of Amazon Linux 2023."""


@pytest.fixture(scope="module")
def arm64() -> Arm64:
    try:
        return find_arm64()
    except Missing as missing:
        pytest.skip(str(missing))


def find_native_modules(site: Path) -> dict[str, Path]:
    """Return the native modules for arm64 in a folder of packages, by their names for an import."""
    files = sorted(site.rglob(f"*{_SUFFIX}"))
    return {".".join([*file.relative_to(site).parent.parts, file.name.removesuffix(_SUFFIX)]): file for file in files}


def test_python_for_arm64_imports_each_native_module_of_the_layers(containers: Containers, arm64: Arm64) -> None:
    sites = [containers.layer(name) / "python" for name in LAYERS]
    modules = {name: file for site in sites for name, file in find_native_modules(site).items()}

    output = arm64.run_python(_IMPORT, list(modules), {"PYTHONPATH": ":".join(map(str, sites))})

    assert output.splitlines() == [f"aarch64 {name} {file}" for name, file in modules.items()]
    assert {"yaml._yaml", "lxml.etree", "cryptography.hazmat.bindings._rust"} <= modules.keys()


def test_python_for_arm64_changes_a_message(containers: Containers, arm64: Arm64) -> None:
    with LocalWorkMail() as wm:
        message_id = wm.store.add(MESSAGE)
        path = f"{containers.layer('MailhooksLayer')}/python:{ROOT}/functions/rewrite"
        variables = {**wm.environment, "PYTHONPATH": path, "SUBJECT_TAG": "[EXTERNAL]"}

        *_, response = arm64.run_python(_HANDLE, [], variables, json.dumps(event_for(message_id))).splitlines()

        assert json.loads(response) == DELIVER_TO_ALL
        assert without_stamp(wm.store.content(message_id)) == MESSAGE.replace(b"Subject: ", b"Subject: [EXTERNAL] ")


@pytest.mark.parametrize("processor", ["x86_64", "aarch64"])
def test_native_modules_need_no_newer_c_library_than_lambdas(processor: str, containers: Containers) -> None:
    files = [file for name in LAYERS for file in containers.layer(name).rglob(f"*{processor}*.so")]
    needed = {file.name: max(map(int, re.findall(rb"GLIBC_2\.(\d+)", file.read_bytes()))) for file in files}

    assert {name: minor for name, minor in needed.items() if minor > _LAMBDAS_GLIBC} == {}
    assert needed
