"""The brain starts in a blink: no module outside of the body loads what computes."""

import pkgutil
import subprocess
import sys
from pathlib import Path

import bitwright

BODY = (
    "bitwright.control.lstm_policy",  # loaded when a recurrent controller is made
    "bitwright.control.optuna_sampler",  # loaded when a controller around a sampler is made
    "bitwright.export",
    "bitwright.measure",
    "bitwright.nets",
    "bitwright.quant.fake",
    "bitwright.quant.fused",
    "bitwright.quant.lattice",
    "bitwright.quant.norm",
    "bitwright.quant.transforms",
    "bitwright.targets",
    "bitwright.tasks.image_classification",
    "bitwright.testing.evaluators",
    "bitwright.testing.integer_models",
    "bitwright.testing.screens",
    "bitwright.testing.targets",
    "bitwright.testing.tasks",
    "bitwright.testing.transforms",
    "bitwright.testing.units",
    "bitwright.train",
)
HEAVY = ("torch", "onnx", "onnxruntime", "optuna", "plotly", "sklearn", "pandas")
KNOWN_LIGHT = frozenset({"bitwright.targets.base", "bitwright.targets.several"})

IMPORT_ALL = """
import importlib, sys
names, forbidden = sys.argv[1].split(), set(sys.argv[2].split())
for name in names:
    importlib.import_module(name)
    found = forbidden & set(sys.modules)
    if found:
        sys.exit(f"{name} loads {', '.join(sorted(found))}")
"""


def is_body(name: str) -> bool:
    return any(name == part or name.startswith(f"{part}.") for part in BODY)


def modules() -> list[str]:
    found = pkgutil.walk_packages(bitwright.__path__, "bitwright.")
    return ["bitwright", *(module.name for module in found if not module.name.endswith("__main__"))]


def python(*arguments: str) -> "subprocess.CompletedProcess[str]":
    root = Path(__file__).parent.parent
    return subprocess.run(
        [sys.executable, "-c", *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        cwd=root,
    )


def test_the_brain_loads_nothing_heavy() -> None:
    brain = [name for name in modules() if not is_body(name)]
    body = [name for name in modules() if is_body(name) and name not in KNOWN_LIGHT]
    assert {"bitwright.config", "bitwright.space.joint", "bitwright.study.loop"} <= set(brain)
    forbidden = {*HEAVY, *body} - {"bitwright.targets"}
    done = python(IMPORT_ALL, " ".join(brain), " ".join(forbidden))
    assert done.returncode == 0, done.stderr


def test_the_list_of_the_body_is_honest() -> None:
    """Every part that is named as body is there; else the test above would forbid nothing."""
    names = set(modules())
    assert set(BODY) <= names
    assert set(names) >= KNOWN_LIGHT


def test_asking_a_target_for_its_bits_loads_nothing_heavy() -> None:
    code = (
        "from bitwright.targets.base import TARGETS\n"
        "for name in TARGETS: TARGETS.get(name)\n" + IMPORT_ALL
    )
    done = python(code, "bitwright.targets.base", " ".join(HEAVY))
    assert done.returncode == 0, done.stderr


def test_export_and_measurement_need_no_torch() -> None:
    names = [
        name for name in modules() if name.startswith(("bitwright.export", "bitwright.measure"))
    ]
    done = python(IMPORT_ALL, " ".join(names), "torch optuna")
    assert done.returncode == 0, done.stderr


def test_the_import_contracts_are_kept() -> None:
    """The contracts in pyproject.toml, which count imports inside functions as well."""
    call = (
        "from importlinter.cli import lint_imports_command as run; run(['--no-cache', '--no-logo'])"
    )
    done = python(call)
    assert done.returncode == 0, done.stdout
    assert "3 kept, 0 broken" in done.stdout
