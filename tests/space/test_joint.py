"""The joint space: counted against an enumeration, and refused for a reason."""

import itertools
import random
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bitwright.config import SpaceConfig, StageConfig
from bitwright.errors import ConfigError, InvalidGenome, SpaceError
from bitwright.graph import GraphBuilder
from bitwright.quant.spec import Method, Role, Site
from bitwright.records import Blueprint, Choice, Genome, UnitSpec
from bitwright.space.joint import HEAD, JointSpace, MethodSpace, expand
from bitwright.space.templates import TEMPLATES, stages_of
from bitwright.space.units import UNITS, Methods, UnitKind

W2, W4, W8 = (Method.parse(f"lsq:{bits}") for bits in (2, 4, 8))
A4, A8 = (Method.parse(f"lsq:{bits}", "activation") for bits in (4, 8))
ONE = MethodSpace((W4,), (A4,))
TWO = MethodSpace((W2, W4), (A4, A8))


def stages(*parts: dict[str, Any]) -> tuple[StageConfig, ...]:
    return tuple(
        StageConfig.model_validate({"name": f"s{number}", **part})
        for number, part in enumerate(parts)
    )


def space(
    *parts: dict[str, Any], methods: MethodSpace = ONE, shape: tuple[int, ...] = (1, 8, 8)
) -> JointSpace:
    return JointSpace(stages(*parts), methods, input_shape=shape, classes=10)


def every_genome(of: JointSpace, genome: Genome) -> Iterator[Genome]:
    """Every whole genome, by asking; dead ends are left out."""
    try:
        choice = of.next_choice(genome)
    except InvalidGenome:
        return
    if choice is None:
        yield genome
        return
    for option in choice.options:
        yield from every_genome(of, genome.with_pick(choice.path, option))


def draw(of: JointSpace, rng: random.Random) -> Genome:
    return of.fill(lambda choice: rng.choice(choice.options))


CONV = {"kernel": [1, 3]}
HAND_MADE: dict[str, tuple[dict[str, Any], ...]] = {
    "one conv": ({},),
    "depth": ({"depth": [1, 2, 3], "width": [4, 8], "kernel": [1, 3]},),
    "stride and pools": (
        {"kinds": ["conv", "max_pool", "average_pool"], "stride": [1, 2], "depth": [1, 2]},
        {"kinds": ["conv", "identity", "max_pool"], "stride": [1, 2, 4]},
    ),
    "pools that run out of map": (
        {"kinds": ["max_pool"], "stride": 4},
        {"kinds": ["max_pool", "identity"], "stride": [1, 2]},
        {"kinds": ["average_pool", "conv"], "stride": [2, 4]},
    ),
    "vectors end the maps": (
        {"kinds": ["fully_connected", "conv"], "depth": [1, 2], "width": [4]},
        {"kinds": ["identity", "residual", "fully_connected"], "convs": [2, 3]},
    ),
    "dead ends": (
        {"kinds": ["fully_connected", "conv"]},
        {"kinds": ["conv"], "kernel": [1, 3]},
    ),
    "all fields": (
        {
            "kinds": ["inverted_bottleneck", "depthwise_separable", "residual"],
            "expansion": [1, 2],
            "squeeze_excite": [False, True],
            "convs": [2, 3],
            "kernel": [3, 5],
        },
    ),
}


@pytest.mark.parametrize("parts", HAND_MADE.values(), ids=list(HAND_MADE))
def test_the_size_is_exactly_what_an_enumeration_finds(parts: tuple[dict[str, Any], ...]) -> None:
    both = space(*parts, methods=TWO)
    genomes = list(every_genome(both, Genome(both.space_id)))
    assert len(set(genomes)) == len(genomes)
    alone = space(*parts, methods=ONE)
    structures = list(every_genome(alone, Genome(alone.space_id)))
    assert both.size().structures == alone.size().structures == len(structures)
    assert both.size().networks == len(genomes)
    assert alone.size().networks == len(structures)
    for genome in genomes[:: max(1, len(genomes) // 50)]:
        expand(both.decode(genome))


@pytest.mark.parametrize("name", list(TEMPLATES))
def test_a_templates_size_is_exact_when_its_lists_are_cut(name: str) -> None:
    full = stages_of(SpaceConfig(template=name))
    assert JointSpace(full, TWO, input_shape=(1, 28, 28), classes=10).size().structures > 10**3
    cut = tuple(
        part.model_copy(
            update={
                "width": part.width[:1],
                "kernel": part.kernel[:1],
                "kinds": part.kinds[-3:],
                "depth": part.depth[-1:],
                "squeeze_excite": part.squeeze_excite[:1],
                "expansion": part.expansion[:1],
                "convs": part.convs[-1:],
            }
        )
        for part in full
    )
    small = JointSpace(cut, ONE, input_shape=(3, 12, 12), classes=10)
    found = sum(1 for _ in every_genome(small, Genome(small.space_id)))
    assert small.size().structures == small.size().networks == found > 1


def templates_and_hand_made() -> list[JointSpace]:
    spaces = [
        JointSpace(stages_of(SpaceConfig(template=name)), TWO, input_shape=(3, 32, 32), classes=5)
        for name in TEMPLATES
    ]
    return spaces + [
        space(*parts, methods=TWO) for name, parts in HAND_MADE.items() if name != "dead ends"
    ]


SPACES = templates_and_hand_made()


@settings(deadline=None, max_examples=60)
@given(st.sampled_from(SPACES), st.randoms(use_true_random=False))
def test_random_genomes_decode_and_expand(of: JointSpace, rng: random.Random) -> None:
    genome = draw(of, rng)
    assert of.next_choice(genome) is None
    blueprint = of.decode(genome)
    graph = expand(blueprint)
    assert graph.output.shape == (of.classes,)
    assert blueprint.units[-1].path == HEAD
    sites = {
        Site(unit.path, role) for unit in blueprint.units for role in UNITS.get(unit.kind).roles
    }
    assert {site for site, _ in blueprint.policy} == sites
    for node in graph.nodes[1:]:
        for role, method in (("weight", node.weight), ("activation", node.activation)):
            if method is not None:
                assert method == blueprint.method(node.unit, role)  # type: ignore[arg-type]


@settings(deadline=None, max_examples=60)
@given(st.sampled_from(SPACES), st.randoms(use_true_random=False))
def test_every_question_that_comes_up_is_declared(of: JointSpace, rng: random.Random) -> None:
    declared = of.declared()
    options = {choice.path: choice.options for choice in declared}
    assert len(options) == len(declared)
    asked: list[str] = []

    def answer(choice: Choice) -> Any:
        assert set(choice.options) <= set(options[choice.path])
        assert len(set(choice.options)) == len(choice.options) > 1
        asked.append(choice.path)
        return rng.choice(choice.options)

    genome = of.fill(answer)
    assert [path for path, _ in genome.picks] == asked
    order = {choice.path: at for at, choice in enumerate(declared)}
    assert sorted(asked, key=order.__getitem__) == asked


def test_the_same_picks_stand_for_one_question_after_another() -> None:
    of = space({"depth": [1, 2], "width": [4, 8]}, methods=TWO)
    genome = draw(of, random.Random(1))
    for length in range(len(genome.picks)):
        part = Genome(of.space_id, genome.picks[:length])
        choice = of.next_choice(part)
        assert choice is not None
        assert choice.path == genome.picks[length][0]
        with pytest.raises(InvalidGenome, match=f"the genome ends before '{choice.path}'"):
            of.decode(part)


def test_a_genome_is_refused_with_the_reason() -> None:
    of = space({"depth": [1, 2], "width": [4, 8]})
    whole = Genome(of.space_id, (("s0/depth", 1), ("s0/width", 8)))
    assert of.next_choice(whole) is None
    with pytest.raises(InvalidGenome, match=f"of space other, this is space {of.space_id}"):
        of.next_choice(Genome("other", whole.picks))
    with pytest.raises(InvalidGenome, match="picks 's0/width' where 's0/depth' is asked"):
        of.next_choice(Genome(of.space_id, whole.picks[1:]))
    with pytest.raises(InvalidGenome, match=r"'s0/depth': 3 is none of \[1, 2\]"):
        of.next_choice(Genome(of.space_id, (("s0/depth", 3),)))
    with pytest.raises(InvalidGenome, match=r"'s0/depth': '1' is none of \[1, 2\]"):
        of.next_choice(Genome(of.space_id, (("s0/depth", "1"),)))
    with pytest.raises(InvalidGenome, match="the network is whole before the pick 's0/more'"):
        of.decode(whole.with_pick("s0/more", 1))


def test_a_pick_that_leads_nowhere_is_refused_with_the_reason() -> None:
    of = space({"kinds": ["conv", "fully_connected"]}, {"kinds": ["conv"]})
    assert of.size().structures == 1
    with pytest.raises(InvalidGenome, match=r"'s1/0': none of conv can stand on 16 with stride 1"):
        of.next_choice(Genome(of.space_id, (("s0/0/kind", "fully_connected"),)))


@pytest.mark.parametrize(
    ("parts", "said"),
    [
        (
            ({"kinds": ["max_pool"], "stride": 4}, {"kinds": ["average_pool"], "stride": 4}),
            "'s1/0': none of average_pool can stand on 1x2x2 with stride 4: "
            "average_pool: the 2x2 map is under 4x4",
        ),
        (({"kinds": ["max_pool"]},), "max_pool: pooling needs a map and a stride of 2 or more"),
        (({"kinds": ["identity"], "stride": 2},), "identity: identity cannot take a stride"),
        (
            ({"kinds": ["fully_connected"]}, {"kinds": ["residual", "max_pool"], "stride": 2}),
            "residual: it needs a map (C, H, W), the layer before gives a vector; max_pool: pool",
        ),
    ],
)
def test_an_impossible_space_says_why(parts: tuple[dict[str, Any], ...], said: str) -> None:
    with pytest.raises(SpaceError) as caught:
        space(*parts)
    assert str(caught.value).startswith("the space holds no network: ")
    assert said in str(caught.value)


def test_unknown_kinds_and_a_second_classifier_are_refused() -> None:
    with pytest.raises(ConfigError, match="unknown unit kind 'cnov'; did you mean 'conv'"):
        space({"kinds": ["cnov"]})
    with pytest.raises(SpaceError, match="stage 's0': a classifier ends every network by itself"):
        space({"kinds": ["conv", "classifier"]})


def test_identity_adds_no_layer_and_pools_take_the_stages_stride() -> None:
    of = space({}, {"kinds": ["identity"]}, {"kinds": ["max_pool"], "stride": 2})
    blueprint = of.decode(Genome(of.space_id))
    assert [unit.kind for unit in blueprint.units] == ["conv", "identity", "max_pool", "classifier"]
    assert [site.unit for site, _ in blueprint.policy] == ["s0/0", "s0/0", HEAD, HEAD]
    shapes = {node.name: node.shape for node in expand(blueprint).nodes}
    assert shapes == {
        "input": (1, 8, 8),
        "s0/0/conv": (16, 8, 8),
        "s2/0/pool": (16, 4, 4),
        "head/mean": (16,),
        "head/linear": (10,),
    }


def test_only_the_first_unit_of_a_stage_takes_its_stride() -> None:
    of = space({"depth": 3, "stride": 2})
    graph = expand(of.decode(Genome(of.space_id)))
    sizes = [node.shape[-1] for node in graph.nodes if node.weight]
    assert sizes == [4, 4, 4, 10]


def test_fully_connected_units_flatten_the_map() -> None:
    of = space({"kinds": ["fully_connected"], "width": 6, "depth": 2})
    graph = expand(of.decode(Genome(of.space_id)))
    assert [graph.weight_shape(node) for node in graph.nodes[1:]] == [(6, 64), (6, 6), (10, 6)]


def removed(*keys: tuple[str, Role, Method]) -> tuple[tuple[tuple[str, Role, Method], str], ...]:
    return tuple((key, "too lossy") for key in keys)


def test_a_method_that_was_filtered_out_is_no_option_for_that_kind_alone() -> None:
    methods = MethodSpace((W2, W4), (A4, A8), removed=removed(("conv", "weight", W2)))
    of = space({"kinds": ["conv", "residual"]}, methods=methods)
    policies = {
        str(of.decode(genome).units[0].kind): set() for genome in every_genome(of, start(of))
    }
    for genome in every_genome(of, start(of)):
        blueprint = of.decode(genome)
        policies[blueprint.units[0].kind].add(blueprint.method("s0/0", "weight"))
    assert policies == {"conv": {W4}, "residual": {W2, W4}}
    assert of.size().networks == sum(1 for _ in every_genome(of, start(of)))
    assert of.space_id != space({"kinds": ["conv", "residual"]}, methods=TWO).space_id


def start(of: JointSpace) -> Genome:
    return Genome(of.space_id)


def test_a_kind_without_any_method_left_cannot_stand() -> None:
    methods = MethodSpace((W2,), (A4,), removed=removed(("conv", "weight", W2)))
    of = space({"kinds": ["conv", "residual"]}, methods=methods)
    assert {of.decode(genome).units[0].kind for genome in every_genome(of, start(of))} == {
        "residual"
    }
    with pytest.raises(SpaceError, match="conv: no weight method passed the sensitivity filter"):
        space({"kinds": ["conv"]}, methods=methods)


def test_a_head_without_any_method_left_is_an_impossible_space() -> None:
    methods = MethodSpace((W2,), (A4,), removed=removed(("classifier", "weight", W2)))
    with pytest.raises(SpaceError, match="'head/weight': nothing is left to choose from"):
        space({}, methods=methods)


def test_the_first_unit_and_the_head_take_the_pinned_methods() -> None:
    pinned: tuple[tuple[Role, Method], ...] = (("weight", W8), ("activation", A8))
    of = space({"depth": 2}, {}, methods=MethodSpace((W2, W4), (A4,), pinned))
    for genome in every_genome(of, start(of)):
        blueprint = of.decode(genome)
        assert blueprint.method("s0/0", "weight") == blueprint.method(HEAD, "weight") == W8
        assert blueprint.method("s0/0", "activation") == blueprint.method(HEAD, "activation") == A8
        assert blueprint.method("s0/1", "weight") in (W2, W4)
        assert blueprint.method("s1/0", "activation") == A4
    assert of.size().networks == 4
    assert {choice.path for choice in of.declared()} == {"s0/1/weight", "s1/0/weight"}


def test_the_filter_does_not_reach_pinned_sites() -> None:
    pinned: tuple[tuple[Role, Method], ...] = (("weight", W8), ("activation", A8))
    gone = removed(("conv", "weight", W2), ("classifier", "weight", W2))
    methods = MethodSpace((W2,), (A4,), pinned, gone)
    of = space({}, {"kinds": ["residual", "conv"]}, methods=methods)
    blueprint = of.decode(start(of))
    assert [unit.kind for unit in blueprint.units] == ["conv", "residual", "classifier"]


def test_a_users_own_kind_takes_part_by_registering(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(UNITS, "_entries", dict(UNITS._entries))

    def expand_twice(build: GraphBuilder, spec: UnitSpec, methods: Methods) -> None:
        for number in range(2):
            build.conv(
                f"{spec.path}/conv{number}",
                build.last,
                unit=spec.path,
                width=spec.integer("width"),
                kernel=spec.integer("kernel"),
                stride=spec.integer("stride") if number == 0 else 1,
                weight=methods.weight,
                activation=methods.activation,
            )

    UNITS.register("twice", UnitKind("twice", expand_twice, ("kernel",)))
    of = space({"kinds": ["conv", "twice"], "kernel": [1, 3], "stride": 2}, methods=TWO)
    assert of.size().structures == 4
    genomes = list(every_genome(of, start(of)))
    assert of.size().networks == len(genomes) == 2 * 2 * 4 * 4
    graph = expand(of.decode(genomes[-1]))
    assert [node.name for node in graph.nodes[:3]] == ["input", "s0/0/conv0", "s0/0/conv1"]
    assert graph.nodes[2].shape == (16, 4, 4)


OWN = UnitKind("own", UNITS.get("conv").expand, ("kernel",))


def test_a_users_own_kind_may_be_named_by_its_import_path(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys
    import types

    module = types.ModuleType("my_units")
    module.OWN = OWN  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "my_units", module)
    of = space({"kinds": ["my_units:OWN"]}, methods=TWO)
    blueprint = of.decode(next(every_genome(of, start(of))))
    assert blueprint.units[0].kind == "my_units:OWN"
    assert expand(blueprint).nodes[1].op == "conv"


def test_the_id_follows_everything_that_changes_the_space() -> None:
    base = space({})
    assert base.space_id == space({}).space_id
    others = [
        space({"width": [8]}),
        space({}, {}),
        space({}, methods=TWO),
        space({}, shape=(3, 8, 8)),
        JointSpace(stages({}), ONE, input_shape=(1, 8, 8), classes=9),
        space({}, methods=MethodSpace((W4,), (A4,), (("weight", W8), ("activation", A8)))),
    ]
    for one, two in itertools.combinations([base, *others], 2):
        assert one.space_id != two.space_id


def test_large_spaces_are_counted_in_no_time() -> None:
    of = space(
        *(
            {
                "kinds": ["conv", "residual", "identity"],
                "depth": list(range(1, 17)),
                "kernel": [1, 3],
            }
            for _ in range(6)
        ),
        methods=TWO,
    )
    assert of.size().networks > 10**100


def test_a_blueprint_without_units_is_its_head() -> None:
    head = UnitSpec(HEAD, "classifier", (("width", 3),))
    policy = ((Site(HEAD, "weight"), W4), (Site(HEAD, "activation"), A4))
    graph = expand(Blueprint((2, 4, 4), 3, (head,), policy))
    assert [node.op for node in graph.nodes] == ["input", "global_average_pool", "linear"]
