"""The keys below `distill`."""

from typing import Literal, Self

from pydantic import Field, model_validator

from bitwright.config.part import Numbers, Part, Positives
from bitwright.config.train import FinalConfig

AUTO = "nowhere"  # what "auto" means: no measured budget gained by a teacher (docs/results.md)


class DistillConfig(Part):
    """Learning from a teacher besides the labels (M7.2)."""

    where: Literal["auto", "nowhere", "final", "everywhere"] = "auto"
    """final: the winner and the baseline learn from the teacher; everywhere: candidates too."""

    teacher: str = "study"
    """study: a full-precision network that the study trains; or an .onnx file or a teacher.pt."""

    weight: float = Field(default=0.5, ge=0, le=1)
    """The teacher's part of the loss; the labels have the rest."""

    temperature: float = Field(default=4.0, gt=0)
    """What logits are divided by before they are compared."""

    features: float = Field(default=0.0, ge=0)
    """The weight of learning which images the teacher finds alike; not from an .onnx file."""

    mean: Numbers | None = None
    """An .onnx teacher's input is (code / 255 - mean) / deviation; for all channels or for each."""

    deviation: Positives | None = None
    """See mean; an input of uint8 takes neither."""

    train: FinalConfig = FinalConfig()
    """The training of the study's own teacher."""

    @property
    def candidates(self) -> bool:
        """Whether candidates learn from the teacher, and what sensitivity is measured on."""
        return self._meant == "everywhere"

    @property
    def final(self) -> bool:
        """Whether the winner and the baseline do."""
        return self._meant != "nowhere"

    @property
    def _meant(self) -> str:
        return AUTO if self.where == "auto" else self.where

    @model_validator(mode="after")
    def _what_the_teacher_has(self) -> Self:
        onnx = self.teacher.endswith(".onnx")
        if self.features and onnx:
            raise ValueError(
                "'features' lie inside a network, where an .onnx file lets nobody look; "
                "set it to 0, or name a teacher.pt"
            )
        if (self.mean is None) != (self.deviation is None):
            raise ValueError("'mean' and 'deviation' go together; give both or neither")
        if self.mean is not None and not onnx:
            raise ValueError("'mean' and 'deviation' are an .onnx teacher's; leave them out")
        return self
