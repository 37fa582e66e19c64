"""Whether files have changed."""

import os
from pathlib import Path

from local.config.file_watch import Sources, Watch


def test_nothing_changed_is_the_same_number(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text("x")
    watch = Watch(tmp_path, every_s=0.0)
    assert watch.version() == watch.version() == watch.version(now=True)


def test_a_change_shows_by_its_time_its_size_or_its_file(tmp_path: Path) -> None:
    file = tmp_path / "app.py"
    file.write_text("x")
    os.utime(file, ns=(1, 1))
    watch = Watch(tmp_path, every_s=0.0)
    seen = [watch.version()]
    os.utime(file, ns=(1, 2))
    seen.append(watch.version())
    file.write_text("xx")
    os.utime(file, ns=(1, 2))
    seen.append(watch.version())
    # As editors save: a new file of the same time and size takes the old one's place.
    other = tmp_path.parent / f"{tmp_path.name}-other"
    other.write_text("yy")
    os.utime(other, ns=(1, 2))
    other.replace(file)
    seen.append(watch.version())
    file.unlink()
    seen.append(watch.version())
    assert len(set(seen)) == 5


def test_between_two_looks_nothing_shows_unless_it_is_asked_now(tmp_path: Path) -> None:
    watch = Watch(tmp_path, every_s=3600.0)
    before = watch.version()
    (tmp_path / "app.py").touch()
    assert watch.version() == before
    assert watch.version(now=True) != before
    assert watch.version() != before


def test_a_folder_that_is_not_there_is_an_empty_one(tmp_path: Path) -> None:
    watch = Watch(tmp_path / "later", every_s=0.0)
    before = watch.version()
    (tmp_path / "later").mkdir()
    (tmp_path / "later" / "app.py").touch()
    assert watch.version() != before


def test_links_in_a_circle_and_links_to_nothing_do_no_harm(tmp_path: Path) -> None:
    (tmp_path / "circle").symlink_to(tmp_path, target_is_directory=True)
    (tmp_path / "nothing").symlink_to(tmp_path / "gone")
    watch = Watch(tmp_path, every_s=0.0)
    before = watch.version()
    (tmp_path / "app.py").touch()
    assert watch.version() != before


def test_the_library_counts_only_for_those_who_use_it(tmp_path: Path) -> None:
    (tmp_path / "library").mkdir()
    sources = Sources(tmp_path / "code", tmp_path / "library", every_s=0.0)
    mark = sources.mark()
    (tmp_path / "library" / "subject.py").touch()
    assert sources.changed(mark, library=True)
    assert not sources.changed(mark, library=False)
