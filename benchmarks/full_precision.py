"""Judges structures in full precision, as those do who design first and quantize afterwards."""

import dataclasses

from bitwright.control.reward import ACCURACY
from bitwright.errors import InfeasibleError
from bitwright.execute.base import Evaluator, Job, Workbench
from bitwright.execute.place import Place
from bitwright.quant.spec import Method
from bitwright.records import Measurement, Outcome
from bitwright.train.trainer import Hooks

FULL = Method.parse("none:32")


class FullPrecision(Evaluator):
    """Trains every candidate in float32's precision, whatever its policy.

    The policy still decides what the candidate counts: its packed bytes are those that the network
    will have once it is quantized. The accuracy is the float network's on held-out images.
    """

    def __init__(self, bench: Workbench) -> None:
        self._bench = bench

    def evaluate(self, job: Job, place: Place) -> Outcome:
        """The candidate's outcome; one that breaks a limit is not trained."""
        shop, reward = self._bench.shop, self._bench.reward
        blueprint = self._bench.space.decode(job.genome)
        built = {"policy": blueprint.policy, "units": blueprint.units}
        values = shop.costs(blueprint)
        broken = reward.violations(values, only_known=True)
        if broken:
            reason = "; ".join(map(str, broken))
            return job.outcome("infeasible", reward.penalty(broken), reason=reason, **built)
        plain = dataclasses.replace(
            blueprint, policy=tuple((site, FULL) for site, _ in blueprint.policy)
        )
        hooks = Hooks(between=place.between_steps)
        try:
            net, curve = shop.trained(plain, self._bench.budget, job.seed, hooks)
        except InfeasibleError as error:
            return job.outcome("infeasible", -1.0, reason=str(error), **built)
        values[ACCURACY] = shop.score(net, shop.held)
        metrics = tuple((name, Measurement(value)) for name, value in values.items())
        return job.outcome("complete", reward.score(values), metrics=metrics, curve=curve, **built)
