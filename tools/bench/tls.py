"""Measure cold starts over TLS: no server of HTTP shows what the authorities and the handshakes cost."""

import dataclasses
import os
import shutil
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import certifi

from tests.support.servers.certificates import Authority
from tools.bench.copies import Copy
from tools.bench.functions import PROCESSES, Function, Server, serve_messages
from tools.bench.measure import find_ratio, measure_in_turn, print_heading, print_times
from tools.bench.tls_server import tls_server

_AMAZON_ROOTS = Path("mailhooks/aws/prepared/amazon-roots.pem")


def main(copies: Sequence[Copy], folder: Path) -> None:
    """Print the CPU time of cold starts whose calls use TLS, with all authorities and with Amazon's."""
    print_heading(f"Cold start over TLS: load the function, one message of 10 KB, end; CPU time of {PROCESSES} processes in turn")
    authority = Authority.new()
    trust = _write_certifi(folder / "certifi-of-the-benchmark", authority)
    with serve_messages(folder) as server, tls_server(server.port, authority.issue(folder / "tls")) as url:
        secure = dataclasses.replace(server, url=url)
        peer, *others = (
            _trust(each, trust) for each in (Function.peer(secure), *(Function.of_copy(copy, "rewrite", secure) for copy in copies))
        )
        functions = [peer, *others]
        if (copies[0].site / _AMAZON_ROOTS).exists():
            functions.append(_trust(_with_amazon_roots(copies[0], folder / "amazon", authority, secure), trust))
        times = measure_in_turn([partial(lambda each: each.run().process, each) for each in functions], PROCESSES)
        if (puts := server.count_puts()) != len(functions) * (PROCESSES + 1):
            raise RuntimeError(f"only {puts} messages were stored with the tag: the figures would be those of an error")
    for each, found in zip(functions, times, strict=True):
        print_times(each.name, found)
    for each, found in zip(functions[1:], times[1:], strict=True):
        print(f"  => {each.name}: {find_ratio(found, times[0]):.2f} of the peer's time")


def _write_certifi(folder: Path, authority: Authority) -> Path:
    """Write a package `certifi`, where botocore finds its authorities, with all real ones and that of the server."""
    package = folder / "certifi"
    package.mkdir(parents=True)
    bundle = package / "bundle.pem"
    bundle.write_text(Path(certifi.where()).read_text("utf-8") + authority.pem, "utf-8")
    (package / "__init__.py").write_text(f"def where():\n    return {str(bundle)!r}\n")
    return folder


def _trust(function: Function, folder: Path) -> Function:
    path = os.pathsep.join([str(folder), function.environment["PYTHONPATH"]])
    return dataclasses.replace(function, environment={**function.environment, "PYTHONPATH": path})


def _with_amazon_roots(copy: Copy, folder: Path, authority: Authority, server: Server) -> Function:
    """Return `rewrite` with TLS_ROOTS=amazon, in a copy whose file of Amazon's authorities has that of the server too."""
    shutil.copytree(copy.site, folder)
    roots = folder / _AMAZON_ROOTS
    roots.write_text(roots.read_text("utf-8") + authority.pem, "utf-8")
    function = Function.of_copy(dataclasses.replace(copy, site=folder), "rewrite", server)
    return dataclasses.replace(function, name="rewrite, TLS_ROOTS=amazon", environment={**function.environment, "TLS_ROOTS": "amazon"})
