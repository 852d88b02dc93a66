"""`python -m alignment` in a process that takes its CPU for an accelerator, so that accelerate shards on it.

accelerate offers FSDP on accelerators alone; torch shards over gloo as well.
"""

import sys
from typing import Any

from accelerate import state
from accelerate.utils import DistributedType

from alignment.__main__ import main

set_up = state.PartialState.__init__


def pretend(self: state.PartialState, *args: Any, **options: Any) -> None:
    set_up(self, *args, **options)
    if self.distributed_type is DistributedType.MULTI_CPU:
        self.distributed_type = DistributedType.MULTI_GPU


if __name__ == "__main__":
    state.PartialState.__init__ = pretend
    sys.exit(main())
