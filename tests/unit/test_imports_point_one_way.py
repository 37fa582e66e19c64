"""Imports point one way: functions -> hooks -> what they are made of -> mime, contract. Read from the source, late imports included."""

import ast
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LIBRARY = ROOT / "layers/mailhooks"
AWS = {"boto3", "botocore", "aws_lambda_powertools", "aws_xray_sdk"}


def module_of(path: Path) -> str:
    name = ".".join(path.relative_to(LIBRARY).with_suffix("").parts)
    return name.removesuffix(".__init__")


MODULES = {module_of(path): path for path in sorted((LIBRARY / "mailhooks").rglob("*.py"))}


def imports(path: Path, module: str = "") -> Iterator[str]:
    """The modules that a file imports, by their full names; of `from x import y`, `x.y` where that is a module of the library."""
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            source = ".".join([*base, *([node.module] if node.module else [])])
            names = {f"{source}.{alias.name}" for alias in node.names}
            yield from (names & MODULES.keys()) or {source}


IMPORTS = {module: set(imports(path, module)) for module, path in MODULES.items()}


def own(module: str) -> set[str]:
    """What a module imports of the library."""
    return {name for name in IMPORTS[module] if name.split(".")[0] == "mailhooks"}


def part(module: str) -> str:
    """`contract` for all of the package `mailhooks.contract`, `hook` for the module `mailhooks.hook`."""
    return [*module.split("."), ""][1]


def of(package: str) -> list[str]:
    found = [module for module in MODULES if part(module) == package]
    assert len(found) > 2
    return found


def test_the_test_sees_imports_of_every_kind() -> None:
    assert {"mailhooks.contract", "mailhooks.deadline", "mailhooks.messageflow", "typing"} <= IMPORTS["mailhooks.hook"]
    assert {"mailhooks.errors", "mailhooks.aws", "boto3"} <= IMPORTS["mailhooks.messageflow"]
    assert {"mailhooks.errors", "botocore.config"} <= IMPORTS["mailhooks.aws"]
    assert {"mailhooks.contract.availability", "mailhooks.contract.verdict"} <= IMPORTS["mailhooks.contract"]


@pytest.mark.parametrize("package", ["contract", "mime"])
def test_contract_and_mime_import_nothing_of_the_library_but_themselves(package: str) -> None:
    for module in of(package):
        assert {part(name) for name in own(module)} <= {package}, module


@pytest.mark.parametrize("package", ["contract", "mime"])
def test_contract_and_mime_know_no_aws(package: str) -> None:
    for module in of(package):
        assert not {name.split(".")[0] for name in IMPORTS[module]} & AWS, module


def test_one_module_talks_to_each_service_of_aws() -> None:
    assert {module for module in MODULES if {"boto3", "botocore"} & {name.split(".")[0] for name in IMPORTS[module]}} == {
        "mailhooks.aws",
        "mailhooks.messageflow",
        "mailhooks.policy_store",
        "mailhooks.rates",
        "mailhooks.directory",
        "mailhooks.archive",
        "mailhooks.notify",
        "mailhooks.availability.secret",
        "mailhooks.availability.backends.workmail",
    }


def test_the_mail_path_and_the_availability_provider_know_nothing_of_each_other() -> None:
    shared = {"contract", "deadline", "errors", "mime", "patterns", "settings"}
    for module in of("availability"):
        assert {part(name) for name in own(module)} <= shared | {"availability"}, module
    assert not [module for module in MODULES if part(module) != "availability" and "availability" in map(part, own(module))]


def test_no_import_leads_back() -> None:
    graph = {part(module): set() for module in MODULES}
    for module in MODULES:
        graph[part(module)] |= {part(name) for name in own(module)} - {part(module)}
    tuple(TopologicalSorter(graph).static_order())  # raises CycleError, which names the circle


@pytest.mark.parametrize("package", ["contract", "mime"])
def test_no_import_leads_back_inside_a_package_either(package: str) -> None:
    # The package itself only gathers names; its modules import one another directly.
    graph = {module: own(module) for module in of(package) if module != f"mailhooks.{package}"}
    assert all(f"mailhooks.{package}" not in names for names in graph.values())
    tuple(TopologicalSorter(graph).static_order())


def test_the_shell_knows_no_hook() -> None:
    hooks = {part(module) for module in MODULES if {"mailhooks.mail", "mailhooks.mailflow"} & IMPORTS[module]} - {"hook"}
    assert {"bounce", "observe", "rewrite"} <= hooks
    for module in ("mailhooks.hook", "mailhooks.mail", "mailhooks.report", "mailhooks.aws", "mailhooks.messageflow", "mailhooks.settings"):
        assert not {part(name) for name in own(module)} & hooks, module


def test_the_library_knows_nothing_of_what_is_built_on_it() -> None:
    for module, names in IMPORTS.items():
        assert not {name.split(".")[0] for name in names} & {"functions", "local", "tests"}, module


@pytest.mark.parametrize("path", sorted(ROOT.glob("functions/*/app.py")), ids=lambda path: path.parent.name)
def test_a_function_imports_the_library_and_nothing_else_of_the_project_or_of_aws(path: Path) -> None:
    used = {name.split(".")[0] for name in imports(path)}
    assert "mailhooks" in used
    assert not used & ({"functions", "local", "tests"} | AWS)
