"""`bitwright space`: the search space as a tree."""

from bitwright.cli.options import Overrides, StudyFile


def space(study: StudyFile, set_: Overrides = None) -> None:
    """Print the search space as a tree, with its exact size."""
    from rich.console import Console

    from bitwright.cli.tree import tree
    from bitwright.config import StudyConfig
    from bitwright.study.parts import declared_space

    Console().print(tree(declared_space(StudyConfig.read(study, set_ or ())), study.stem))
