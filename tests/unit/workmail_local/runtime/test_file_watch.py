"""How changed files are noticed."""

import os
from pathlib import Path

from workmail_local.runtime.file_watch import Sources, Watch


def test_without_a_change_the_state_stays(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text("x")
    watch = Watch(tmp_path, every_s=0.0)
    assert watch.state() is watch.state() is watch.state(now=True)


def test_a_change_of_time_size_or_inode_is_noticed(tmp_path: Path) -> None:
    file = tmp_path / "app.py"
    file.write_text("x")
    os.utime(file, ns=(1, 1))
    watch = Watch(tmp_path, every_s=0.0)
    seen = [watch.state()]
    os.utime(file, ns=(1, 2))
    seen.append(watch.state())
    file.write_text("xx")
    os.utime(file, ns=(1, 2))
    seen.append(watch.state())
    # Editors save by renaming a new file; here it has the same time and size.
    other = tmp_path.parent / f"{tmp_path.name}-other"
    other.write_text("yy")
    os.utime(other, ns=(1, 2))
    other.replace(file)
    seen.append(watch.state())
    file.unlink()
    seen.append(watch.state())
    assert len(set(seen)) == 5


def test_between_two_checks_a_change_is_noticed_only_with_now(tmp_path: Path) -> None:
    watch = Watch(tmp_path, every_s=3600.0)
    before = watch.state()
    (tmp_path / "app.py").touch()
    assert watch.state() == before
    assert watch.state(now=True) != before
    assert watch.state() != before


def test_a_missing_folder_is_an_empty_one(tmp_path: Path) -> None:
    watch = Watch(tmp_path / "later", every_s=0.0)
    before = watch.state()
    (tmp_path / "later").mkdir()
    (tmp_path / "later" / "app.py").touch()
    assert watch.state() != before


def test_circular_and_broken_links_are_ignored(tmp_path: Path) -> None:
    (tmp_path / "circle").symlink_to(tmp_path, target_is_directory=True)
    (tmp_path / "nothing").symlink_to(tmp_path / "gone")
    watch = Watch(tmp_path, every_s=0.0)
    before = watch.state()
    (tmp_path / "app.py").touch()
    assert watch.state() != before


def test_the_library_counts_only_for_functions_that_import_it(tmp_path: Path) -> None:
    (tmp_path / "library").mkdir()
    sources = Sources(tmp_path / "code", tmp_path / "library", every_s=0.0)
    mark = sources.mark()
    (tmp_path / "library" / "subject.py").touch()
    assert sources.has_changed(mark, library=True)
    assert not sources.has_changed(mark, library=False)
