"""ARCHITECTURE.md draws the house as it is: every place is told, and the import rule holds."""

import importlib.util
import pkgutil
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src/bitwright"
HEAVY = ("torch", "onnx", "onnxruntime", "optuna", "sqlalchemy", "plotly")
BODY = re.compile(
    r"bitwright\.(nets|train|export|measure|tasks|testing)\b"
    r"|bitwright\.quant\.(fake|fused|lattice|norm|transforms)\b|bitwright\.control\.(lstm_policy|optuna_sampler)"
)


def test_every_place_has_its_row(papers):
    told = papers["ARCHITECTURE.md"].section("## Places")
    folders = [path.name for path in SOURCE.iterdir() if (path / "__init__.py").exists()]
    files = [path.name for path in SOURCE.glob("*.py") if path.stem != "_version"]
    places = [*(f"`{name}/`" for name in folders), *(f"`{name}`" for name in files)]
    assert [place for place in places if place not in told] == []


def test_the_brain_loads_no_heavy_library():
    brain = [
        module.name
        for module in pkgutil.walk_packages([str(SOURCE)], "bitwright.")
        if not BODY.match(module.name)
    ]
    assert len(brain) > 40
    program = (
        f"import importlib, sys\nfor name in {brain!r}:\n"
        f"    importlib.import_module(name)\n"
        f"    loaded = [heavy for heavy in {HEAVY!r} if heavy in sys.modules]\n"
        f"    assert not loaded, (name, loaded)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_what_the_tables_name_exists(papers):
    for name in ("ARCHITECTURE.md", "CONTRIBUTING.md"):
        for path in re.findall(r"`((?:[a-z_]+/)+[a-z_.]*)`", papers[name].text):
            assert any((base / path).exists() for base in (ROOT, SOURCE)), f"{name}: {path}"
        for module in re.findall(r"`(bitwright\.[a-z_.]+)`", papers[name].text):
            assert importlib.util.find_spec(module), f"{name}: {module}"
