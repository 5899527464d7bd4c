"""Sensitivity of a study's space, measured and judged: the rows of the filter and the heat map."""

from collections.abc import Callable

from bitwright.config import QuantizationConfig, StudyConfig
from bitwright.quant.sensitivity import judge
from bitwright.quant.spec import Method, Role
from bitwright.space.joint import JointSpace
from bitwright.study.view import SensitivityRow
from bitwright.train.sensitivity_probe import Prober
from bitwright.train.shop import Shop


def measure(
    shop: Shop, space: JointSpace, config: StudyConfig, progress: Callable[[int, int], None]
) -> tuple[SensitivityRow, ...]:
    """Every (kind of unit, role, method) with its loss and whether it stays."""
    policy = fixed_policy(config.quantization)
    return judge(prober(shop, space, config, progress).probes(), config.sensitivity, policy=policy)


def prober(
    shop: Shop,
    space: JointSpace,
    config: StudyConfig,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Prober:
    """What asks every kind of unit about every method of the study."""
    quantization = config.quantization
    policy = fixed_policy(quantization)
    methods: dict[Role, tuple[Method, ...]] = {
        "weight": tuple(Method.parse(text, "weight") for text in quantization.weights),
        "activation": tuple(Method.parse(text, "activation") for text in quantization.activations),
    }
    if policy is not None:
        methods = {role: tuple(dict.fromkeys((policy[role], *methods[role]))) for role in methods}
    return Prober(
        shop,
        space,
        config.sensitivity,
        config.train,
        methods,
        config.search.seed,
        progress,
    )


def fixed_policy(quantization: QuantizationConfig) -> dict[Role, Method] | None:
    """The method of each role in fixed-policy mode, None in joint mode."""
    if quantization.policy is None:
        return None
    return {
        "weight": Method.parse(quantization.policy.weights, "weight"),
        "activation": Method.parse(quantization.policy.activations, "activation"),
    }
