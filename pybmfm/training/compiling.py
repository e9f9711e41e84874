"""``torch.compile`` of the encoder's layers."""

from __future__ import annotations

import os
import shutil

import torch
from transformers import AttentionInterface, PreTrainedModel
from transformers.modeling_layers import GradientCheckpointingLayer

from pybmfm.core import UserError
from pybmfm.model.attention import FLAT_ATTENTION, flat_attention

BACKEND = "inductor"
COMPILERS = ("g++", "c++", "clang++")


def compile_layers(model: PreTrainedModel) -> None:
    """Compile every layer of the encoder, in place, for any number of tokens.

    Attention over flat batches stays as it is: it takes the sequences' lengths as numbers, and
    would be compiled anew for every batch.

    Raises
    ------
    UserError
        If there is no compiler for what torch generates.
    """
    compiler = os.environ.get("CXX") or next(filter(shutil.which, COMPILERS), None)
    if compiler is None or shutil.which(compiler) is None:
        raise UserError(
            "--compile needs a C++ compiler, and there is none here",
            remedy="install g++, set CXX, or leave --compile out",
        )
    uncompiled = torch.compiler.disable(flat_attention)  # type: ignore[no-untyped-call]
    AttentionInterface.register(FLAT_ATTENTION, uncompiled)
    for layer in model.base_model.modules():
        if isinstance(layer, GradientCheckpointingLayer):
            layer.compile(dynamic=True, backend=BACKEND)
