"""The size of a bundle: what is uploaded of ours, and what is installed of everything."""

from __future__ import annotations

import zipfile
from pathlib import Path

from tools.locked.benchmarks.bundles import compressed_size, installed_size


def staged(folder: Path) -> Path:
    """A bundle as `nox -s bundle` makes it, with one wheel of ours."""
    made = folder / "staged"
    (made / "wheels").mkdir(parents=True)
    (made / "main.py").write_text("main = 1\n")
    (made / "requirements.txt").write_text("requests==1 --hash=sha256:0\n" * 10_000)
    with zipfile.ZipFile(made / "wheels" / "ours-1-py3-none-any.whl", "w") as wheel:
        wheel.writestr("ours/__init__.py", "# a comment\n" * 10_000)
        wheel.writestr("ours-1.dist-info/METADATA", "Name: ours\n")
    return made


def test_our_part_of_an_upload_is_compressed_and_without_others_names(tmp_path: Path) -> None:
    """Hashes of others' releases are most of a small bundle, and no size of ours."""
    size = compressed_size(staged(tmp_path))
    assert 100 < size < 10_000


def test_what_is_installed_has_our_wheel_and_all_compiled(tmp_path: Path) -> None:
    """As on Google's side; and nothing that this machine's environments are made with."""
    site = tmp_path / "site-packages"
    for name in ("requests", "requests-1.dist-info", "pip", "pip-1.dist-info"):
        (site / name).mkdir(parents=True)
    (site / "requests" / "__init__.py").write_text("answer = 42\n")
    (site / "pip" / "large.py").write_text("# " + "x" * 10_000_000)
    size, distributions = installed_size(staged(tmp_path), site, tmp_path / "function")
    assert distributions == 2
    installed = {
        file.relative_to(tmp_path / "function").as_posix() for file in (tmp_path / "function").rglob("*.py*")
    }
    assert {"main.py", "requests/__init__.py", "ours/__init__.py"} < installed
    assert sum("__pycache__" in name for name in installed) == 3
    assert 120_000 < size < 1_000_000
