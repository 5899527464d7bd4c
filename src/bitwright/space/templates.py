"""Named starting points for a space, one per kind of data; a study overrides what it likes."""

from typing import Any

from pydantic import ValidationError

from bitwright.config import SpaceConfig, StageConfig, explain
from bitwright.errors import ConfigError
from bitwright.registry import Registry

Template = tuple[dict[str, Any], ...]

TEMPLATES: Registry[Template] = Registry("space template", group="bitwright.templates")

TEMPLATES.register(
    "tiny",  # 8x8 to 16x16 images: one stem, two stages
    (
        {"name": "stem", "kinds": ["conv"], "width": [8, 16, 24], "kernel": [3]},
        {
            "name": "body1",
            "kinds": ["conv", "depthwise_separable", "residual"],
            "depth": [1, 2],
            "width": [16, 24, 32],
            "kernel": [3],
        },
        {
            "name": "body2",
            "kinds": ["conv", "depthwise_separable", "inverted_bottleneck"],
            "depth": [1, 2],
            "width": [24, 32, 48],
            "stride": [2],
            "kernel": [3],
            "expansion": [2, 3],
        },
    ),
)

TEMPLATES.register(
    "compact",  # 24x24 to 40x40 images: a stem and three stages, halving the map at each
    (
        {"name": "stem", "kinds": ["conv"], "width": [8, 12, 16], "kernel": [3, 5], "stride": [2]},
        {
            "name": "body1",
            "kinds": ["conv", "depthwise_separable", "inverted_bottleneck", "residual"],
            "depth": [1, 2],
            "width": [16, 24, 32],
            "kernel": [3, 5],
            "expansion": [2, 4],
            "squeeze_excite": [False, True],
            "convs": [2, 3],
        },
        {
            "name": "body2",
            "kinds": ["conv", "depthwise_separable", "inverted_bottleneck", "residual"],
            "depth": [1, 2, 3],
            "width": [32, 48, 64],
            "stride": [2],
            "kernel": [3, 5],
            "expansion": [2, 4],
            "squeeze_excite": [False, True],
            "convs": [2, 3],
        },
        {
            "name": "body3",
            "kinds": ["depthwise_separable", "inverted_bottleneck", "identity"],
            "depth": [1, 2],
            "width": [48, 64, 96],
            "stride": [1, 2],
            "kernel": [3, 5],
            "expansion": [2],
            "squeeze_excite": [False, True],
        },
    ),
)


def stages_of(config: SpaceConfig) -> tuple[StageConfig, ...]:
    """The stages a study declares: its own, or its template's with the overrides applied."""
    if config.stages is not None:
        return config.stages
    assert config.template is not None  # SpaceConfig holds one of the two
    stages = {str(stage["name"]): dict(stage) for stage in TEMPLATES.get(config.template)}
    for name, change in config.override.items():
        if name not in stages:
            raise ConfigError(
                f"space.override: template '{config.template}' has no stage '{name}'; "
                f"it has {', '.join(stages)}"
            )
        stages[name].update(change)
    try:
        return SpaceConfig.model_validate({"stages": list(stages.values())}).stages or ()
    except ValidationError as error:
        raise ConfigError(f"space.override: {explain(error, SpaceConfig)}") from error
