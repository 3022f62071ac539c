from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCES = ROOT / "src" / "recoup" / "web" / "assets"
"""What the portal's bundle is made of; the bundle itself is in the wheel."""


def run(*command: str | Path, cwd: Path) -> str:
    environ = {
        key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "PIP_", "RECOUP_"))
    }
    done = subprocess.run(
        command, cwd=cwd, env=environ, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("wheel")
    run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", out, ROOT, cwd=out)
    (built,) = out.glob("recoup-*.whl")
    return built


def test_the_wheel_holds_every_file_of_the_package(wheel: Path) -> None:
    package = ROOT / "src" / "recoup"
    wanted = {
        f"recoup/{path.relative_to(package).as_posix()}"
        for path in package.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts and SOURCES not in path.parents
    }
    packed = set(zipfile.ZipFile(wheel).namelist())
    assert wanted <= packed
    assert {name.partition("/")[0].partition("-")[0] for name in packed} == {"recoup"}
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in packed)


def test_the_wheel_runs_in_an_empty_environment(wheel: Path, tmp_path: Path) -> None:
    """Its dependencies come from ours, by path: a path adds no package of the checkout."""
    home = tmp_path / "venv"
    venv.create(home, symlinks=True)
    run(
        sys.executable,
        "-m",
        "pip",
        "--python",
        home,
        "install",
        "--no-deps",
        "--no-index",
        wheel,
        cwd=tmp_path,
    )
    (site,) = home.glob("lib/python*/site-packages")
    (site / "dependencies.pth").write_text(
        f"{sysconfig.get_path('purelib')}\n{sysconfig.get_path('platlib')}\n"
    )
    found = run(home / "bin" / "python", "-c", "import recoup; print(recoup.__file__)", cwd=tmp_path)
    assert Path(found.strip()).is_relative_to(home)
    assert "settings" in run(home / "bin" / "recoup", "--help", cwd=tmp_path)
