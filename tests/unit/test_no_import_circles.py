"""No two modules of the library or of `local` import each other, directly or by others: late and type-checking imports count too."""

from graphlib import CycleError, TopologicalSorter

import grimp
import pytest


def find_circle(package: str) -> list[str]:
    """Return the modules of one import circle of the package, or an empty list."""
    graph = grimp.build_graph(package, cache_dir=None)
    sorter = TopologicalSorter({module: graph.find_modules_directly_imported_by(module) for module in graph.modules})
    try:
        sorter.prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


@pytest.mark.parametrize("package", ["mailhooks", "mail_gateway", "workmail_local"])
def test_modules_import_each_other_in_one_direction(package):
    assert find_circle(package) == []


def test_a_circle_by_a_late_import_is_found(tmp_path, monkeypatch):
    folder = tmp_path / "circular_example"
    folder.mkdir()
    (folder / "__init__.py").touch()
    (folder / "first.py").write_text("import circular_example.second\n")
    (folder / "second.py").write_text("def load():\n    from circular_example import first\n    return first\n")
    monkeypatch.syspath_prepend(tmp_path)
    assert set(find_circle("circular_example")) == {"circular_example.first", "circular_example.second"}
