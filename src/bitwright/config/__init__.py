"""A study file as a value: every key, its default and its law; one file for each part of it."""

from bitwright.config.data import AugmentConfig, DataConfig
from bitwright.config.distill import DistillConfig
from bitwright.config.mistakes import explain
from bitwright.config.quantization import PolicyConfig, QuantizationConfig
from bitwright.config.reward import MetricConfig, RewardConfig
from bitwright.config.search import ConvergenceConfig, HalvingConfig, ScreenConfig, SearchConfig
from bitwright.config.sensitivity import SensitivityConfig
from bitwright.config.space import SpaceConfig, StageConfig
from bitwright.config.study import StudyConfig
from bitwright.config.supernet import SupernetConfig
from bitwright.config.train import FinalConfig, TrainConfig

__all__ = [
    "AugmentConfig",
    "ConvergenceConfig",
    "DataConfig",
    "DistillConfig",
    "FinalConfig",
    "HalvingConfig",
    "MetricConfig",
    "PolicyConfig",
    "QuantizationConfig",
    "RewardConfig",
    "ScreenConfig",
    "SearchConfig",
    "SensitivityConfig",
    "SpaceConfig",
    "StageConfig",
    "StudyConfig",
    "SupernetConfig",
    "TrainConfig",
    "explain",
]
