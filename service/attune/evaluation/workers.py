"""Who does the work of a sweep: this process, several processes of this machine, or a cluster, through joblib.

Everything else of a sweep is the same: a batch goes out, a report comes back, in whatever order they are done.
"""

import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from importlib import import_module
from types import ModuleType
from typing import Any, Literal, Protocol, TypeAlias

from attune.errors import SettingError
from attune.evaluation.grid import Candidate
from attune.reports.report import EvaluationReport

Backend: TypeAlias = Literal["local", "dask", "ray"]

Evaluate: TypeAlias = Callable[[Sequence[Candidate]], EvaluationReport]
"""Evaluates a batch of candidates in one pass over the log. To be sent to another process, it has to be picklable."""


class Workers(Protocol):
    """Somebody who evaluates batches."""

    @property
    def jobs(self) -> int:
        """How many batches are evaluated at once."""
        ...

    def map(self, evaluate: Evaluate, batches: Sequence[Sequence[Candidate]]) -> Iterator[EvaluationReport]:
        """Yield the report of each batch as soon as it is there.

        Args:
            evaluate: Evaluates a batch.
            batches: What is to be done.
        """
        ...


class InProcess:
    """This process, one batch after the other."""

    jobs = 1

    def map(self, evaluate: Evaluate, batches: Sequence[Sequence[Candidate]]) -> Iterator[EvaluationReport]:
        """Evaluate each batch when its report is asked for."""
        return map(evaluate, batches)


@dataclass(frozen=True, slots=True)
class Joblib:
    """Processes of this machine, or a cluster.

    Attributes:
        jobs: How many batches are evaluated at once.
        backend: `local`: processes of this machine; `dask` and `ray`: clusters, which have to see the same files.
        cluster: Address of the cluster; empty to start one on this machine.
    """

    jobs: int
    backend: Backend = "local"
    cluster: str = ""

    def map(self, evaluate: Evaluate, batches: Sequence[Sequence[Candidate]]) -> Iterator[EvaluationReport]:
        """Send batches out and yield reports in the order they come back.

        Raises:
            SettingError: A library is missing.
        """
        joblib = _library("joblib", "sweep")
        with self._connected(), joblib.parallel_config(backend=_JOBLIB_NAMES[self.backend], n_jobs=self.jobs):
            task, form = joblib.delayed(_quietly), "list" if self.backend == "ray" else "generator_unordered"
            parallel = joblib.Parallel(return_as=form, pre_dispatch="all", batch_size=1)
            for some in self._rounds(batches):
                yield from parallel(task(evaluate, batch) for batch in some)

    def _rounds(self, batches: Sequence[Sequence[Candidate]]) -> Iterator[Sequence[Sequence[Candidate]]]:
        """Yield what goes out at once: everything, but with Ray, which gives reports back all together, a few."""
        most = self.jobs if self.backend == "ray" else max(1, len(batches))
        yield from (batches[first : first + most] for first in range(0, len(batches), most))

    def _connected(self) -> AbstractContextManager[Any]:
        match self.backend:
            case "dask":
                return _dask(self.jobs, self.cluster)
            case "ray":
                return _ray(self.jobs, self.cluster)
            case _:
                return nullcontext()


_JOBLIB_NAMES = {"local": "loky", "dask": "dask", "ray": "ray"}


def _quietly(evaluate: Evaluate, batch: Sequence[Candidate]) -> EvaluationReport:
    """Evaluate a batch in a worker. Ctrl-C is for whoever started it, who then ends its workers."""
    if threading.current_thread() is threading.main_thread():  # Dask works in threads, and sees to signals itself
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    return evaluate(batch)


@contextmanager
def _dask(jobs: int, address: str) -> Iterator[None]:
    distributed = _library("distributed", "dask")
    started = (
        {"address": address} if address else {"n_workers": jobs, "threads_per_worker": 1, "dashboard_address": None}
    )
    with distributed.Client(**started):
        yield


@contextmanager
def _ray(jobs: int, address: str) -> Iterator[None]:
    ray = _library("ray", "ray")
    ray.init(address=address or None, num_cpus=None if address else jobs, log_to_driver=False)
    try:
        _library("ray.util.joblib", "ray").register_ray()
        yield
    finally:
        ray.shutdown()


def _library(name: str, extra: str) -> ModuleType:
    try:
        return import_module(name)
    except ImportError as error:
        raise SettingError(f"{name} is not installed: pip install 'attune[{extra}]'") from error
