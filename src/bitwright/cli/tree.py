"""A search space as a tree for the terminal."""

from rich.tree import Tree

from bitwright.config import StageConfig
from bitwright.quant.spec import Method
from bitwright.space.joint import JointSpace
from bitwright.space.units import UNITS


def tree(space: JointSpace, name: str) -> Tree:
    """Stages, their choices, and how many networks there are."""
    size = space.size()
    shape = "x".join(map(str, space.input_shape))
    root = Tree(f"[bold]{name}[/]: {shape} images, {space.classes} classes")
    for stage in space.stages:
        _add_stage(root.add(f"[bold]{stage.name}[/]"), stage)
    root.add(f"[bold]head[/]: mean over the map, fully connected to {space.classes} classes")
    methods = root.add("[bold]quantization[/] of each unit")
    methods.add(f"weights: {_methods(space.methods.weights)}")
    methods.add(f"activations: {_methods(space.methods.activations)}")
    for role, method in space.methods.pinned:
        methods.add(f"first and last {role}: {method}")
    sizes = root.add("[bold]size[/]")
    sizes.add(f"structures: {size.structures:,}")
    sizes.add(f"networks, with every policy: {size.networks:,} ({float(size.networks):.3g})")
    return root


def _add_stage(branch: Tree, stage: StageConfig) -> None:
    branch.add(f"units: {_options(stage.depth)}")
    branch.add(f"width: {_options(stage.width)}; stride of the first: {_options(stage.stride)}")
    kinds = branch.add("kind of each unit")
    for kind in stage.kinds:
        fields = UNITS.get(kind).fields
        choices = [
            f"{field.replace('_', '-')} {_options(getattr(stage, field))}" for field in fields
        ]
        kinds.add(kind.replace("_", " ") + (f": {', '.join(choices)}" if choices else ""))


def _options(values: tuple[object, ...]) -> str:
    words = ["yes" if value is True else "no" if value is False else str(value) for value in values]
    return "|".join(words)


def _methods(methods: tuple[Method, ...]) -> str:
    return ", ".join(map(str, methods))
