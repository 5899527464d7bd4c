"""The reference networks that speed is measured on, as blueprints and as plain torch modules."""

from collections.abc import Mapping

from torch import Tensor, nn

from bitwright.graph import Graph, Node, Shape
from bitwright.quant.spec import ROLES, Method, Site
from bitwright.records import Blueprint, Pick, UnitSpec
from bitwright.space.baseline import baseline
from bitwright.space.joint import HEAD
from bitwright.space.units import UNITS

Unit = tuple[str, Mapping[str, Pick]]


def resnet8(weight: str, activation: str) -> Blueprint:
    """The ResNet-8 of MLPerf Tiny (arXiv 2106.07597) for 32x32 colour images; 12.5 million MACs."""
    units: list[Unit] = [("conv", {"width": 16})]
    for width, stride in ((16, 1), (32, 2), (64, 2)):
        units.append(("residual", {"width": width, "stride": stride, "convs": 2}))
    return stack(units, (3, 32, 32), 10, weight, activation)


def mobilenet(weight: str, activation: str, *, width: float = 0.25) -> Blueprint:
    """MobileNetV1 (arXiv 1704.04861) for two classes at 96x96; x 0.25 is that of MLPerf Tiny."""
    units: list[Unit] = [("conv", {"width": int(32 * width), "stride": 2})]
    for index, full in enumerate((64, 128, 128, 256, 256, *(512,) * 6, 1024, 1024)):
        stride = 2 if index in (1, 3, 5, 11) else 1
        units.append(("depthwise_separable", {"width": int(full * width), "stride": stride}))
    return stack(units, (3, 96, 96), 2, weight, activation)


def ds_cnn(weight: str, activation: str, *, width: int = 64) -> Blueprint:
    """DS-CNN (arXiv 1711.07128), its 49x10 spectrogram as a 22x22 image.

    64 channels are the small one, that of MLPerf Tiny; 172 the medium one.
    """
    units: list[Unit] = [("conv", {"width": width, "stride": 2, "kernel": 7})]
    units += [("depthwise_separable", {"width": width})] * 4
    return stack(units, (1, 22, 22), 12, weight, activation)


def hand_made(weight: str, activation: str) -> Blueprint:
    """The product's own baseline for 28x28 grey images."""
    return baseline((1, 28, 28), 10, Method.parse(weight), Method.parse(activation, "activation"))


def digits(weight: str, activation: str) -> Blueprint:
    """A network of the size that 8x8 digits ask for."""
    units: list[Unit] = [
        ("conv", {"width": 16}),
        ("residual", {"width": 24, "convs": 2}),
        ("inverted_bottleneck", {"width": 32, "stride": 2, "expansion": 2}),
    ]
    return stack(units, (1, 8, 8), 10, weight, activation)


def squeezed(weight: str, activation: str) -> Blueprint:
    """Inverted bottlenecks with sums and squeeze-excite gates for 28x28 grey images."""
    units: list[Unit] = [("conv", {"width": 16, "stride": 2})]
    for width, stride in ((24, 1), (24, 1), (48, 2), (48, 1)):
        params = {"width": width, "stride": stride, "expansion": 4, "squeeze_excite": 1}
        units.append(("inverted_bottleneck", params))
    return stack(units, (1, 28, 28), 10, weight, activation)


def pooled(weight: str, activation: str) -> Blueprint:
    """Convolutions with max and average pooling between, for 32x32 colour images."""
    units: list[Unit] = [
        ("conv", {"width": 16}),
        ("max_pool", {"stride": 2}),
        ("conv", {"width": 32}),
        ("average_pool", {"stride": 2}),
        ("conv", {"width": 64}),
        ("max_pool", {"stride": 2}),
        ("fully_connected", {"width": 64}),
    ]
    return stack(units, (3, 32, 32), 10, weight, activation)


def stack(units: list[Unit], shape: Shape, classes: int, weight: str, activation: str) -> Blueprint:
    """The units one after the other and a classifier, all under the same two methods."""
    chosen = {"weight": Method.parse(weight), "activation": Method.parse(activation, "activation")}
    specs = [_spec(f"body/{at}", kind, params) for at, (kind, params) in enumerate(units)]
    specs.append(_spec(HEAD, "classifier", {"width": classes}))
    policy = tuple(
        (Site(spec.path, role), chosen[role])
        for spec in specs
        for role in ROLES
        if role in UNITS.get(spec.kind).roles
    )
    return Blueprint(shape, classes, tuple(specs), policy)


def _spec(path: str, kind: str, params: Mapping[str, Pick]) -> UnitSpec:
    return UnitSpec(path, kind, tuple({"stride": 1, "kernel": 3, **params}.items()))


class PlainNet(nn.Module):
    """A graph's network as torch is used without quantization: float layers and nothing else."""

    def __init__(self, graph: Graph) -> None:
        super().__init__()
        self.graph = graph
        self.layers = nn.ModuleDict({node.name: _plain(node, graph) for node in graph.nodes[1:]})

    def forward(self, images: Tensor) -> Tensor:
        """Logits (N, classes) of normalised images (N, C, H, W)."""
        values = {"input": images}
        for node in self.graph.nodes[1:]:
            inputs = [values[name] for name in node.inputs]
            total = sum(inputs[1:], inputs[0]) if node.op == "add" else inputs[0]
            values[node.name] = self.layers[node.name](total)
        return values[self.graph.output.name]


def _plain(node: Node, graph: Graph) -> nn.Module:
    """Convolution, batch norm and ReLU; linear; sum and ReLU; pooling."""
    ends = [] if node.signed or node.activation is None else [nn.ReLU(inplace=True)]
    match node.op:
        case "conv":
            out, per_group, kernel, _ = graph.weight_shape(node)
            conv = nn.Conv2d(
                per_group * node.groups,
                out,
                kernel,
                node.stride,
                kernel // 2,
                groups=node.groups,
                bias=False,
            )
            return nn.Sequential(conv, nn.BatchNorm2d(out), *ends)
        case "linear":
            out, inputs = graph.weight_shape(node)
            return nn.Sequential(nn.Flatten(), nn.Linear(inputs, out), *ends)
        case "add":
            return nn.Sequential(*ends)
        case "global_average_pool":
            return nn.AdaptiveAvgPool2d(1)
        case _:
            raise ValueError(f"'{node.name}': no plain layer for '{node.op}'")
