"""The `learner` section of a configuration."""

from typing import Annotated, Literal

from pydantic import Field, ValidationInfo, field_validator

from townlet.settings import ANY_PORT, Address, Count, Device, Fraction, Positive, Settings


class PolyakSettings(Settings):
    """The target network moves by `tau` towards the online network at each update."""

    kind: Literal["polyak"] = "polyak"
    tau: Annotated[float, Field(gt=0.0, le=1.0)] = 0.005


class CopySettings(Settings):
    """The target network becomes a copy of the online network every `period_updates`."""

    kind: Literal["copy"] = "copy"
    period_updates: Count = 2_500


class SequenceSettings(Settings):
    """What a recurrent network is trained on: windows of burn_in + unroll steps (Kapturowski et al. 2019, R2D2).

    burn_in: steps that only warm up the recurrent state, from the one that was stored.
    unroll: steps that are learned from.
    period: windows start at every so many steps of an episode; it divides burn_in.
    priority_eta: priority of a window = eta * largest + (1 - eta) * mean of its absolute TD errors.
    """

    burn_in: Annotated[int, Field(ge=0)] = 8
    unroll: Count = 16
    period: Count = 8
    priority_eta: Fraction = 0.9


class LearnerSettings(Settings):
    """Double, dueling, n-step Q-learning, and the head of the run.

    address: what the others dial. listen: where the learner listens, when that is elsewhere; null: at `address`.
    precision: of the products of matrices in both passes of an update. bfloat16 is for GPUs, and on CPUs that have
    avx512_bf16 or AMX for networks with convolutions or an LSTM. Parameters, values, losses and the optimiser are
    float32 all the same.
    compile: let torch make code for these networks and batches (torch.compile) at the first update, which takes up to a
    minute. It pays for feed-forward networks; on a CPU it needs a C++ compiler.
    ranks: processes on this machine that share each batch evenly, each with a GPU of its own where device is cuda.
    reward_scale: applied to the extrinsic reward when a batch is assembled, never to what is stored or shown.
    averaging: decay an update of the averaged network, the one that is evaluated.
    importance_exponent: beta of prioritized replay; without effect on uniform sampling.
    value_rescaling: learn h(Q) in place of Q, for rewards of very different sizes (Pohlen et al. 2018).
    sequence: of a recurrent network; without one null, and then batches are of single transitions.
    batches_per_request: batches drawn in one call to the replay service.
    prefetch_requests: calls answered ahead of the update that uses them.
    """

    address: Address = f"127.0.0.1:{ANY_PORT}"
    listen: Address | None = None
    device: Device = "cpu"
    threads: Count = 1
    precision: Literal["float32", "bfloat16"] = "float32"
    compile: bool = False
    batch_size: Count = 64
    ranks: Annotated[Count, Field(le=64)] = 1
    learning_rate: Positive = 2.5e-4
    adam_epsilon: Positive = 1e-8
    gamma: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.99
    n_step: Count = 5
    huber_delta: Positive = 1.0
    max_gradient_norm: Positive = 10.0
    target: Annotated[PolyakSettings | CopySettings, Field(discriminator="kind")] = PolyakSettings()
    averaging: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.999
    reward_scale: Positive = 1.0
    value_rescaling: bool = False
    sequence: SequenceSettings | None = None
    importance_exponent: Fraction = 0.4
    max_updates: Count | None = None
    publish_period_updates: Count = 50
    save_period_s: Positive = 30.0
    batches_per_request: Count = 8
    prefetch_requests: Count = 2

    @field_validator("ranks")
    @classmethod
    def _shares_are_even(cls, ranks: int, others: ValidationInfo) -> int:
        batch_size = others.data.get("batch_size", ranks)
        if batch_size % ranks:
            raise ValueError(f"expected a divisor of the batch_size of {batch_size}, found {ranks}")
        return ranks
