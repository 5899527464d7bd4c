"""`bitwright space`: the search space as a tree."""

from bitwright.cli.options import Overrides, Study, read


def space(study: Study, set_: Overrides = None) -> None:
    """Print the search space as a tree, with its exact size."""
    from rich.console import Console

    from bitwright.cli.tree import tree
    from bitwright.study.parts import declared_space

    console, found = Console(), declared_space(read(study, set_))
    console.print(tree(found.space, study.stem))
    for line in found.left_out:
        console.print(f"left out: {line}", markup=False, highlight=False, soft_wrap=True)
