"""YAML text to plain values; a key that stands twice is refused, where YAML takes the last."""

from collections.abc import Hashable
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
