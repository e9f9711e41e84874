"""Masked language modelling over token shards, resumable bit for bit."""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import math
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from safetensors import SafetensorError
from torch.nn.functional import cross_entropy
from transformers import PreTrainedModel

from pybmfm.core import (
    Interrupted,
    OutOfMemory,
    UserError,
    digest_file,
    is_out_of_memory,
    progress,
    read_manifest,
    write_json,
)
from pybmfm.core.provenance import source_digest
from pybmfm.model import build_config, build_model, save_checkpoint
from pybmfm.training.batches import (
    MaskedBatch,
    Pieces,
    masked_batch,
    next_batch,
    pack,
    share_of_process,
)
from pybmfm.training.checkpoints import CheckpointFolder, TrainingState, restore
from pybmfm.training.evaluating import LN2, TokenFigures, evaluate, logits_at_masks
from pybmfm.training.lease import Lease
from pybmfm.training.masking import MaskPlan
from pybmfm.training.processes import Processes, launched_processes
from pybmfm.training.progress_log import ProgressLog
from pybmfm.training.schedule import learning_rate
from pybmfm.training.stopping import StopRequest, stop_request

if TYPE_CHECKING:
    from pybmfm.tokenizer import DnaTokenizer

log = logging.getLogger("pybmfm")

BETAS = (0.9, 0.98)
EPSILON = 1e-6  # this and the weight decay are lost in the paper: DNABERT-2's, which it follows
WEIGHT_DECAY = 1e-5
CLIP = 1.0
MAX_LENGTH = 2048  # context of the published models
MICRO_BATCH = "micro-batch.json"


@dataclass(frozen=True)
class PretrainSettings:
    """Settings of a pretraining run.

    Parameters
    ----------
    corpora
        Corpus folders; several are mixed window by window.
    weights
        How often each corpus is gone through in a pass over the training data, one per corpus;
        empty is once each. 0.5 takes half of its windows, drawn anew in every pass; 2 takes two
        copies with masks of their own. Evaluation reads every corpus once.
    tokenizer
        The tokenizer that the corpora were made with.
    out
        Where model, log and (without ``checkpoints``) checkpoints go.
    steps
        Optimizer steps; the learning rate falls to 0 there.
    tokens_per_batch
        Real tokens of one step, over all processes and micro-batches.
    micro_batch_tokens
        Most tokens computed at once; None is the whole of a process's share.
    warmup_steps
        None is a fifth of ``steps``, the published share (30,000 of 150,000).
    mask_share, keep_share
        Share of tokens predicted, and the share of those left visible.
    max_length
        Longest sequence in tokens; None is 2048, or ``tokens_per_batch`` where that is less.
    precision
        ``fp32``, ``bf16`` or ``auto`` (bf16 on GPUs that have it).
    checkpoint_every, checkpoint_minutes
        A checkpoint is due when either is reached; 0 steps is never.
    checkpoints
        A durable root: the run's checkpoints lie in a folder there that is named by all that
        shapes the result, so that a retry continues and a changed setting starts anew.
    keep
        Checkpoints kept.
    validate_every
        Steps between evaluations of the dev split; None is a tenth of ``steps``, 0 only at
        the end.
    max_validation_tokens
        At most so many tokens of dev and test are read.
    max_minutes
        Time budget, after which the run saves and ends with `Interrupted`.
    resume
        Continue where the folder's newest checkpoint stands, if there is one.
    """

    corpora: tuple[Path, ...]
    tokenizer: Path
    out: Path
    weights: tuple[float, ...] = ()
    architecture: str = "modernbert"
    preset: str = "tiny"
    steps: int = 1000
    tokens_per_batch: int = 32_768
    micro_batch_tokens: int | None = None
    learning_rate: float = 5e-4
    warmup_steps: int | None = None
    mask_share: float = 0.15
    keep_share: float = 0.1
    max_length: int | None = None
    precision: str = "auto"
    checkpoint_every: int = 500
    checkpoint_minutes: float = 30.0
    checkpoints: Path | None = None
    keep: int = 2
    validate_every: int | None = None
    max_validation_tokens: int = 500_000
    log_every: int = 1
    max_minutes: float | None = None
    resume: bool = False
    seed: int = 0
    threads: int = 1
    device: str = "auto"

    @property
    def corpus_weights(self) -> list[float]:
        """Weight of each corpus."""
        return [float(weight) for weight in self.weights] or [1.0] * len(self.corpora)

    @property
    def longest(self) -> int:
        """Longest sequence in tokens."""
        return (
            min(MAX_LENGTH, self.tokens_per_batch) if self.max_length is None else self.max_length
        )

    @property
    def warmup(self) -> int:
        """Steps of warm-up."""
        return self.steps // 5 if self.warmup_steps is None else self.warmup_steps

    @property
    def validation_interval(self) -> int:
        """Steps between evaluations of the dev split; 0 is only at the end."""
        return -(-self.steps // 10) if self.validate_every is None else self.validate_every


# Where and how long a run computes does not shape its result (beyond rounding).
NOT_SHAPING = {
    "corpora",
    "tokenizer",
    "out",
    "micro_batch_tokens",
    "checkpoint_every",
    "checkpoint_minutes",
    "checkpoints",
    "keep",
    "validate_every",
    "max_validation_tokens",
    "log_every",
    "max_minutes",
    "resume",
    "threads",
    "device",
}


def pretrain(settings: PretrainSettings) -> None:
    """Pretrain a model and write it to ``settings.out``.

    Writes ``progress.jsonl`` while running, checkpoints at intervals, and at the end a
    checkpoint folder that plain transformers loads, with ``metrics.json``.

    Raises
    ------
    UserError
        If inputs do not fit together, a checkpoint belongs to another run, or the loss is not
        finite any more.
    Interrupted
        On SIGTERM, SIGUSR1, SIGUSR2 or when the time budget is used up, after saving.
    OutOfMemory
        When memory ran out; a retry computes in halved micro-batches.
    """
    _check(settings)
    torch.set_num_threads(settings.threads)
    with stop_request(settings.max_minutes) as stop, launched_processes(settings.device) as world:
        run = _Run(settings, world, stop)
        with run.lease():
            _train(run)


def _train(run: _Run) -> None:
    """Read top to bottom: start or resume, step by step, evaluate, write the model."""
    run.start()
    steps = range(run.state.step, run.settings.steps)
    for step in progress(steps, "pretraining", unit="steps") if run.world.is_main else steps:
        began = time.monotonic()
        batches, state = run.take_batch()
        rate = run.set_learning_rate(step)
        with run.memory_guard():
            record = run.update(batches)
        run.state = replace(state, step=step + 1, tokens=state.tokens + record["tokens"])
        run.report(record, rate, time.monotonic() - began)
        if run.is_due(run.settings.validation_interval) and run.state.step < run.settings.steps:
            run.validate()
        run.save_or_stop()
    dev = run.validate()
    run.finish(dev)


class _Run:
    """The parts of a run and its named steps."""

    def __init__(self, settings: PretrainSettings, world: Processes, stop: StopRequest) -> None:
        from pybmfm.tokenizer import DnaTokenizer

        self.settings, self.world, self.stop = settings, world, stop
        self.tokenizer = DnaTokenizer.load(settings.tokenizer)
        self.manifests = [read_manifest(folder, "corpus") for folder in settings.corpora]
        for folder, manifest in zip(settings.corpora, self.manifests, strict=True):
            _check_tokenizer(folder, manifest, self.tokenizer)
        self.identity = _identity(settings, world, self.tokenizer)
        folder = _checkpoint_folder(settings, self.identity)
        self.checkpoints = CheckpointFolder(folder, settings.keep)
        # Shards are digested once, by one process, before the first step of a run.
        verify = world.is_main and not self.checkpoints.steps()
        self.train, self.dev, self.test = (
            _pieces(settings, self.manifests, split, verify) for split in ("train", "dev", "test")
        )
        if not len(self.train):
            raise UserError("has no training windows", file=settings.corpora[0])
        self.model = _model(settings, self.tokenizer).to(world.device)  # type: ignore[arg-type]
        self.parameters = list(self.model.parameters())
        self.names: dict[torch.Tensor, str] = {
            parameter: name for name, parameter in self.model.named_parameters()
        }
        self.optimizer = _optimizer(self.parameters, world.device)
        self.figures = TokenFigures(
            self.tokenizer.span_lengths, self.tokenizer.holds_variant, world.device
        )
        self.state = TrainingState(identity=self.identity)
        self.held: Lease | None = None
        self.saved_at = time.monotonic()

    # -- beginning ---------------------------------------------------------------------------

    @contextlib.contextmanager
    def lease(self) -> Iterator[None]:
        """Hold the checkpoint folder, if this is the process that writes."""
        if not self.world.is_main:
            self.world.wait()
            yield
            return
        with Lease(self.checkpoints.folder, should_stop=lambda: bool(self.stop)) as self.held:
            self.world.wait()
            yield

    def start(self) -> None:
        """Resume from the newest checkpoint, or begin."""
        if self.world.is_main and self.checkpoints.steps() and not self.settings.resume:
            raise UserError(
                "holds checkpoints of an earlier run",
                file=self.checkpoints.folder,
                remedy="continue it with --resume, or use another --out",
            )
        found = self.checkpoints.newest() if self.world.is_main else None
        path, state = self.world.from_main((None, None) if found is None else found)
        if path is not None:
            _check_identity(state.identity, self.identity, self.checkpoints.folder)
            restore(path, self.model, self.optimizer, self.names)
            self.state = replace(state, identity=self.identity)
            log.info("resumed at step %s from %s", f"{self.state.step:,}", path)
        self.micro_batch = self.world.from_main(self._micro_batch_tokens())
        if self.world.is_main:
            durable = [self.checkpoints.folder] if self.settings.checkpoints else []
            self.log = ProgressLog([*durable, self.settings.out], anew=not self.settings.resume)
        self.model.train()

    def _micro_batch_tokens(self) -> int:
        """The setting, or what an earlier attempt that ran out of memory left for us."""
        wanted = self.settings.micro_batch_tokens or self.settings.tokens_per_batch
        with contextlib.suppress(OSError, ValueError, KeyError):
            content = json.loads((self.checkpoints.folder / MICRO_BATCH).read_text())
            wanted = min(wanted, int(content["micro_batch_tokens"]))
        return wanted

    # -- one step ----------------------------------------------------------------------------

    def take_batch(self) -> tuple[list[MaskedBatch], TrainingState]:
        """Build this process's micro-batches of the next step, and the state after it."""
        members, position = next_batch(
            self.train, self.state.position, self.settings.tokens_per_batch, self.settings.seed
        )
        sizes = self.train.lengths[[member.piece for member in members]]
        share = members[share_of_process(sizes, self.world.rank, self.world.count)]
        groups = pack(share, lambda member: int(self.train.lengths[member.piece]), self.micro_batch)
        batches = [masked_batch(self.train, group, self._plan("train")) for group in groups]
        return batches, replace(self.state, position=position)

    def set_learning_rate(self, step: int) -> float:
        """Set and return the learning rate of a step."""
        settings = self.settings
        rate = learning_rate(
            step, peak=settings.learning_rate, warmup_steps=settings.warmup, steps=settings.steps
        )
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        return rate

    def update(self, batches: list[MaskedBatch]) -> dict[str, Any]:
        """Do one optimizer step: the loss is a sum over all masked tokens by their number."""
        spans = self.figures.spans
        masked, tokens, nucleotides = self.world.sum(
            sum(len(b.places) for b in batches),
            sum(len(b.batch.tokens) for b in batches),
            sum(float(spans[b.targets.to(spans.device)].sum()) for b in batches),
        )
        self.optimizer.zero_grad(set_to_none=True)
        total = torch.zeros((), dtype=torch.float64, device=self.world.device)
        for masked_one in batches:
            loss = self._loss_sum(masked_one.to(self.world.device))
            (loss / max(1.0, masked)).backward()  # type: ignore[no-untyped-call]
            total += loss.detach().double()
        self.world.sum_gradients(self.parameters)
        norm = float(torch.nn.utils.clip_grad_norm_(self.parameters, CLIP))
        loss_sum = self.world.sum(float(total))[0]
        self._refuse_nonfinite(loss_sum, norm)
        self.optimizer.step()
        return {
            "loss": loss_sum / max(1.0, masked),
            "gradient_norm": norm,
            "tokens": int(tokens),
            "masked_tokens": int(masked),
            "bits_per_nucleotide": loss_sum / LN2 / max(1.0, nucleotides),
        }

    def _loss_sum(self, masked: MaskedBatch) -> torch.Tensor:
        with self._autocast():
            logits = logits_at_masks(self.model, masked)
        return cross_entropy(logits, masked.targets, reduction="sum")

    def _refuse_nonfinite(self, loss: float, norm: float) -> None:
        if math.isfinite(loss) and math.isfinite(norm):
            return
        good = list(self.checkpoints.steps().values())
        where = f"the last good checkpoint is {good[-1]}" if good else "no checkpoint was made yet"
        raise UserError(
            f"the loss is not a finite number any more at step {self.state.step + 1:,}: {where}",
            remedy="start again with a lower --learning-rate or a longer --warmup-steps",
        )

    # -- between steps -----------------------------------------------------------------------

    def is_due(self, every: int) -> bool:
        """Whether something done every so many steps is due now."""
        return every > 0 and self.state.step % every == 0

    def report(self, record: dict[str, Any], rate: float, seconds: float) -> None:
        """Append the step to the log; speed counts real tokens and the making of batches too."""
        last = self.state.step == self.settings.steps
        if self.world.is_main and (last or self.is_due(self.settings.log_every)):
            speed = record["tokens"] / seconds
            self.log.write(
                step=self.state.step, learning_rate=rate, tokens_per_second=speed, **record
            )

    def validate(self) -> dict[str, Any]:
        """Evaluate the dev split and remember the best step."""
        with self.memory_guard():
            figures = self._evaluate(self.dev, "dev")
        if not figures:
            return {}
        if self.world.is_main:
            self.log.write(
                step=self.state.step, **{f"dev_{name}": value for name, value in figures.items()}
            )
        bits, best = figures["bits_per_nucleotide"], self.state.best_bits_per_nucleotide
        if bits is not None and (best is None or bits < best):
            self.state = replace(
                self.state, best_step=self.state.step, best_bits_per_nucleotide=bits
            )
        return figures

    def save_or_stop(self) -> None:
        """Save if a checkpoint is due, and end the run after saving if that was asked for."""
        settings = self.settings
        minutes = (time.monotonic() - self.saved_at) / 60
        due = self.is_due(settings.checkpoint_every) or minutes >= settings.checkpoint_minutes
        last = self.state.step == settings.steps
        # Signals and clocks differ between processes: all do what any of them wants.
        due_count, stop_count = self.world.sum(float(due), float(bool(self.stop)))
        if stop_count or last or due_count:
            self._save(must=bool(stop_count))
        if stop_count and not last:
            raise Interrupted(
                f"{self.stop.reason or 'another process was stopped'}: saved step "
                f"{self.state.step:,} of {settings.steps:,} in {self.checkpoints.folder}; "
                "run again with --resume to continue"
            )

    def _save(self, must: bool) -> None:
        self.saved_at = time.monotonic()
        if not self.world.is_main or self.held is None:
            return
        try:
            self.checkpoints.commit(
                self.state, self._write_model, self.optimizer, self.names, self.held.check
            )
        except (OSError, SafetensorError) as error:
            if must:
                raise UserError(
                    f"the checkpoint cannot be written ({error})",
                    file=self.checkpoints.folder,
                    remedy="make space and run again with --resume",
                ) from error
            log.warning("the checkpoint of step %s cannot be written (%s)", self.state.step, error)

    def _write_model(self, folder: Path, metrics: dict[str, Any] | None = None) -> None:
        last = self.state.step == self.settings.steps
        note = (
            "The weights are those of the last step, not of the best evaluation."
            if last
            else f"An intermediate checkpoint, after step {self.state.step:,}."
        )
        save_checkpoint(
            folder,
            self.model,
            self.tokenizer,
            {
                "settings": _shown_settings(self.settings),
                "inputs": [*self.settings.corpora, self.settings.tokenizer],
                "metrics": metrics or {},
                "counts": self._counts(),
                "encoding": _encoding(self.manifests, self.tokenizer),
                "notes": [note],
            },
        )

    def _counts(self) -> dict[str, int]:
        return {
            "steps": self.state.step,
            "tokens": self.state.tokens,
            "passes": self.state.position.pass_number,
            "train_pieces": len(self.train),
            "train_tokens": int(self.train.lengths.sum()),
        }

    # -- end ---------------------------------------------------------------------------------

    def finish(self, dev: dict[str, Any]) -> None:
        """Evaluate the test split, once, and write the final model."""
        with self.memory_guard():
            test = self._evaluate(self.test, "test")
        if not self.world.is_main or self.held is None:
            return
        self.held.check()
        shown = {
            **{f"dev_{k}": v for k, v in dev.items()},
            **{f"test_{k}": v for k, v in test.items()},
        }
        settings = self.settings
        metrics = {
            "steps": self.state.step,
            "counts": self._counts(),
            "dev": dev,
            "best_dev": {
                "step": self.state.best_step,
                "bits_per_nucleotide": self.state.best_bits_per_nucleotide,
            },
            "test": test,
        }
        write_json(settings.out / "metrics.json", metrics)
        self._write_model(settings.out, shown)
        log.info("wrote %s after %s steps", settings.out, f"{self.state.step:,}")

    def _evaluate(self, pieces: Pieces, split: str) -> dict[str, Any]:
        if not len(pieces):
            return {}
        return evaluate(
            self.model,
            pieces,
            self._plan(split),
            self.figures,
            self.world,
            budget=self.micro_batch,
            max_tokens=self.settings.max_validation_tokens,
            autocast=self._autocast,
        )

    # -- helpers -----------------------------------------------------------------------------

    def _plan(self, purpose: str) -> MaskPlan:
        tokenizer = self.tokenizer
        return MaskPlan(
            seed=self.settings.seed,
            purpose=purpose,
            mask_share=self.settings.mask_share,
            # Evaluation hides every token it asks for: a visible one would be no prediction.
            keep_share=self.settings.keep_share if purpose == "train" else 0.0,
            mask_id=tokenizer.mask,
            special_ids=(
                tokenizer.unk,
                tokenizer.sep,
                tokenizer.pad,
                tokenizer.cls,
                tokenizer.mask,
            ),
        )

    def _autocast(self) -> AbstractContextManager[Any]:
        if _precision(self.settings, self.world.device) == "fp32":
            return contextlib.nullcontext()
        return torch.autocast(self.world.device.type, dtype=torch.bfloat16)

    @contextlib.contextmanager
    def memory_guard(self) -> Iterator[None]:
        """Turn running out of memory into a halved micro-batch for the retry."""
        try:
            yield
        except (MemoryError, RuntimeError) as error:
            if not is_out_of_memory(error):
                raise
            halved = max(1, min(self.micro_batch, self._largest_share()) // 2)
            write_json(self.checkpoints.folder / MICRO_BATCH, {"micro_batch_tokens": halved})
            raise OutOfMemory(
                f"with {self.micro_batch:,} tokens at once at step {self.state.step + 1:,}; "
                f"run again with --resume to continue with {halved:,}"
            ) from error

    def _largest_share(self) -> int:
        return max(1, self.settings.tokens_per_batch // self.world.count)


def _check(settings: PretrainSettings) -> None:
    if not settings.corpora:
        raise UserError("no corpus is given", remedy="give --corpus")
    if settings.weights and len(settings.weights) != len(settings.corpora):
        raise UserError(
            f"--weight is given {len(settings.weights)} times for {len(settings.corpora)} corpora",
            remedy="give one per --corpus, in their order, or none",
        )
    if not all(0 < weight < math.inf for weight in settings.weights):
        raise UserError("a --weight is not above 0", remedy="leave the corpus out instead")
    if settings.longest > settings.tokens_per_batch:
        raise UserError(
            f"--tokens-per-batch {settings.tokens_per_batch:,} is smaller than "
            f"--max-length {settings.longest:,}",
            remedy="raise the one or lower the other",
        )
    if settings.longest < 3:
        raise UserError(
            "--max-length and --tokens-per-batch must be at least 3 tokens", remedy="raise them"
        )
    if settings.warmup > settings.steps:
        raise UserError(
            f"--warmup-steps {settings.warmup:,} is more than --steps {settings.steps:,}",
            remedy="lower it",
        )
    if settings.out.exists() and not settings.out.is_dir():
        raise UserError("is a file, not a folder", file=settings.out, remedy="use another --out")


def _pieces(
    settings: PretrainSettings, manifests: list[dict[str, Any]], split: str, verify: bool
) -> Pieces:
    """Windows of a split; weights mix the training data, evaluation reads every corpus once."""
    from pybmfm.corpus import TokenCorpus

    found = [
        (TokenCorpus(folder, split, verify=verify), weight)
        for folder, manifest, weight in zip(
            settings.corpora, manifests, settings.corpus_weights, strict=True
        )
        if any(shard["file"].startswith(f"{split}/") for shard in manifest["shards"])
    ]
    weights = [weight for _, weight in found] if split == "train" else None
    return Pieces([corpus for corpus, _ in found], settings.longest, weights)


def _check_tokenizer(folder: Path, manifest: dict[str, Any], tokenizer: DnaTokenizer) -> None:
    if manifest["tokenizer"]["sha256"] != digest_file(tokenizer.folder / "tokenizer.json"):
        raise UserError(
            f"was not built with the tokenizer {tokenizer.folder}",
            file=folder,
            remedy="give the tokenizer that the corpus was built with",
        )


def _model(settings: PretrainSettings, tokenizer: DnaTokenizer) -> PreTrainedModel:
    config = build_config(
        settings.architecture,
        settings.preset,
        vocab_size=tokenizer.vocab_size,
        pad_id=tokenizer.pad,
        cls_id=tokenizer.cls,
        sep_id=tokenizer.sep,
        max_length=settings.longest,
    )
    return build_model(config, settings.seed)


def _optimizer(parameters: list[torch.nn.Parameter], device: torch.device) -> torch.optim.Optimizer:
    """AdamW with weight decay on matrices only."""
    groups = [
        {"params": [p for p in parameters if p.ndim >= 2], "weight_decay": WEIGHT_DECAY},
        {"params": [p for p in parameters if p.ndim < 2], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=0.0, betas=BETAS, eps=EPSILON, fused=device.type == "cuda")


def _precision(settings: PretrainSettings, device: torch.device) -> str:
    if settings.precision != "auto":
        return settings.precision
    return "bf16" if device.type == "cuda" and torch.cuda.is_bf16_supported() else "fp32"


def _shown_settings(settings: PretrainSettings) -> dict[str, Any]:
    shown = {
        **asdict(settings),
        "max_length": settings.longest,
        "warmup_steps": settings.warmup,
    }
    paths = ("corpora", "tokenizer", "out", "checkpoints", "resume")
    return {name: value for name, value in shown.items() if name not in paths}


def _encoding(manifests: list[dict[str, Any]], tokenizer: DnaTokenizer) -> str:
    found = {str(manifest.get("encoding", tokenizer.encoding)) for manifest in manifests}
    return found.pop() if len(found) == 1 else "mixed"


def _identity(
    settings: PretrainSettings, world: Processes, tokenizer: DnaTokenizer
) -> dict[str, Any]:
    """All that shapes the result."""
    shaping = {k: v for k, v in asdict(settings).items() if k not in NOT_SHAPING}
    return {
        **shaping,
        "weights": settings.corpus_weights,
        "max_length": settings.longest,
        "warmup_steps": settings.warmup,
        "precision": _precision(settings, world.device),
        "corpora": [digest_file(folder / "manifest.json") for folder in settings.corpora],
        "tokenizer": digest_file(tokenizer.folder / "tokenizer.json"),
        "processes": world.count,
        "source": source_digest(),
    }


def _checkpoint_folder(settings: PretrainSettings, identity: dict[str, Any]) -> Path:
    if settings.checkpoints is None:
        return settings.out / "checkpoints"
    text = json.dumps(identity, sort_keys=True)
    return settings.checkpoints / hashlib.sha256(text.encode()).hexdigest()[:16]


def _check_identity(found: Any, wanted: dict[str, Any], folder: Path) -> None:
    """Refuse to continue another run; another number of processes or source is only told."""
    differing = [name for name in wanted if found.get(name) != wanted[name]]
    for name in ("processes", "source"):
        if name in differing:
            differing.remove(name)
            log.warning(
                "the checkpoint was made with another %s: losses may differ in the last digits",
                {"processes": "number of processes", "source": "version of pybmfm"}[name],
            )
    if differing:
        raise UserError(
            "belongs to a run with other settings: "
            + ", ".join(
                f"{name.replace('_', '-')} was {_short(found.get(name))}, is {_short(wanted[name])}"
                for name in differing
            ),
            file=folder,
            remedy="use the same settings, or another --out",
        )


def _short(value: Any) -> str:
    if isinstance(value, list):
        return "+".join(map(_short, value))
    return value[:8] if isinstance(value, str) and len(value) == 64 else str(value)
