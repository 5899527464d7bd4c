"""YAML text to plain values; a key that stands twice is refused, where YAML takes the last."""

from collections.abc import Hashable, Sequence
from typing import Any

import yaml

MERGE = "tag:yaml.org,2002:merge"  # "<<": what it brings in may be given again


class _Loader(yaml.SafeLoader):
    """PyYAML's safe loader, strict about keys."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        """The mapping; ConstructorError for a key that it has twice."""
        seen = set()
        for key_node, _ in node.value:
            key = (key_node.tag, str(key_node.value))
            if key in seen and key_node.tag != MERGE:
                raise yaml.constructor.ConstructorError(
                    None, None, f"key '{key_node.value}' stands twice", key_node.start_mark
                )
            seen.add(key)
        return super().construct_mapping(node, deep)


def parsed(text: str) -> Any:
    """What the YAML text says; yaml.YAMLError where it is not valid."""
    return yaml.load(text, _Loader)


def line_of(text: str, place: Sequence[str | int]) -> int:
    r"""The line, from 1, of a key or item of a YAML text; of a missing one, its group's line.

    >>> line_of("a: 1\nb:\n- {c: 2}\n- {c: 3}", ("b", 1, "c"))
    4
    """
    node = yaml.compose(text, _Loader)
    mark = None if node is None else node.start_mark
    for part in place:
        found = _within(node, part)
        if found is None:
            break
        mark, node = found
    return 1 if mark is None else int(mark.line) + 1


def _within(node: yaml.Node | None, part: str | int) -> tuple[Any, yaml.Node] | None:
    """Where a part of a node begins, and the part; None where the node has none such."""
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if str(key.value) == str(part):
                return key.start_mark, value
    elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
        return node.value[part].start_mark, node.value[part]
    return None
