"""What the processes of one training must do together: begin, stop, and leave the rest to the first.

Each function does nothing but its work where there is only one process.
"""

from collections.abc import Callable
from typing import Any, TypeVar

import torch
from accelerate import PartialState  # type: ignore[import-untyped]
from torch import nn
from transformers import Trainer

from alignment.members import LeftToFirstError, is_first, num_processes

Result = TypeVar("Result")
Network = TypeVar("Network", bound=nn.Module)


def first_alone(work: Callable[[], Result]) -> Result:
    """What the first process gets from `work`, in all of them; none goes on before it is done."""
    if num_processes() == 1:
        return work()
    _meet()
    result = [work() if is_first() else None]
    torch.distributed.broadcast_object_list(result, src=0)
    return result[0]  # type: ignore[return-value]  # of the first


def any_of_us(flag: bool) -> bool:
    """Whether the flag is raised in any of the processes."""
    return sum_of_all(float(flag)) > 0


def sum_of_all(value: float) -> float:
    """The sum over the processes."""
    if num_processes() == 1:
        return value
    total = torch.tensor(value, dtype=torch.float64, device=_meet().device)
    torch.distributed.all_reduce(total)
    return float(total.item())


def leave_to_first() -> None:
    """Raises LeftToFirstError in all processes but the first."""
    if not is_first():
        raise LeftToFirstError


def whole_network(trainer: Trainer, network: Network, again: Callable[[], Network]) -> Network:
    """The trained network with all its weights in the first process; the others leave.

    again: makes the network once more; called where the trained one was sharded among the processes.
    """
    state = _gathered(trainer)
    leave_to_first()
    if state is None:
        return network
    whole = again()
    whole.load_state_dict(state)
    return whole


def _gathered(trainer: Trainer) -> dict[str, Any] | None:
    """All weights on the CPU of the first process; None where each process has them anyhow."""
    if not trainer.is_fsdp_enabled:
        return None
    state: dict[str, Any] = trainer.accelerator.get_state_dict(trainer.model)
    return state


def _meet() -> PartialState:
    """Join the others, the first time."""
    return PartialState(cpu=not torch.cuda.is_available())
