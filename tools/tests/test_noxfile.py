from __future__ import annotations

import ast
import subprocess
import sys

from small_repository import ROOT

from tools.locked.checks.imports import imports_of


def test_an_older_python_can_read_the_noxfile() -> None:
    """A SyntaxError would be all it says; so the file keeps to what Python 3.6 parses."""
    text = (ROOT / "noxfile.py").read_text("utf-8")
    ast.parse(text, feature_version=(3, 6))
    assert "from __future__ import annotations" not in text


def test_an_older_python_gets_one_sentence() -> None:
    """It says what is needed and what to type, and nothing else is printed."""
    program = "import sys, runpy; sys.version_info = (3, 9, 18); runpy.run_path('noxfile.py')"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.startswith("This repository needs Python 3.11 or newer, and this nox runs on 3.9:")
    assert done.stderr.count("\n") == 1


def test_the_noxfile_needs_nothing_installed_but_nox() -> None:
    """Listing the sessions works before any environment exists: standard library only, all the way down."""
    waiting, seen = ["noxfile"], set()
    while waiting:
        name = waiting.pop()
        seen.add(name)
        path = ROOT / (name.replace(".", "/") + ".py")
        for one in imports_of(path):
            within = [one.module, *_imported_from_tools(path)]
            waiting += [
                module
                for module in within
                if (ROOT / (module.replace(".", "/") + ".py")).is_file() and module not in seen
            ]
            assert one.top in {"nox", "tools", "uv"} or one.top in sys.stdlib_module_names, (
                f"{path}:{one.line}: {one.module}"
            )
    assert {"tools.environments.locks", "tools.local.syncing", "tools.local.processes"} <= seen
    assert not [module for module in seen if module.startswith("tools.locked")]


def _imported_from_tools(path: object) -> list[str]:
    tree = ast.parse((ROOT / str(path)).read_text("utf-8"))
    nodes = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module]
    return [f"{node.module}.{alias.name}" for node in nodes for alias in node.names]
