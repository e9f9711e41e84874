"""Start the processes of one run as ``torchrun`` does, and exit as the first that failed.

torchrun itself exits 1 whatever happened to them, so that a queue could not tell a run that
stopped on request (143) or ran out of memory (137), and is to be started again, from one that is
broken.

Example: ``python3 -m pybmfm.training.launch --standalone --nproc-per-node 4 -m pybmfm pretrain``
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from torch.distributed.elastic.multiprocessing.api import SignalException
from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
from torch.distributed.run import parse_args, run


def launch(arguments: Sequence[str]) -> int:
    """Run ``torchrun`` with these arguments; return the exit code of the whole run.

    A process that a signal ended counts as in a shell: 128 and the signal's number.
    """
    try:
        run(parse_args(list(arguments)))  # type: ignore[no-untyped-call]
    except ChildFailedError as error:
        _, failure = error.get_first_failure()
        return failure.exitcode if failure.exitcode >= 0 else 128 - failure.exitcode
    except SignalException as stop:
        return 128 + int(stop.sigval)
    return 0


if __name__ == "__main__":
    sys.exit(launch(sys.argv[1:]))
