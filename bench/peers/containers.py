"""GPTQ and AWQ folders opened by the packages that they were made for, beside the decoded folder of the same options.

    TORCHDYNAMO_DISABLE=1 python containers.py FOLDER DECODED [FOLDER DECODED ...]

DECODED is what `cria quantize --format hf --dtype f32` writes with the options of FOLDER. Weights: GPTQModel's, or of AWQ
AutoAWQ's own unpacking; logits of 16 tokens: GPTQModel's in half precision beside transformers' of DECODED in float32.
Needs gptqmodel and, for AWQ, autoawq; both run on the CPU (BUILD_CUDA_EXT=0 pip install --no-build-isolation gptqmodel).
"""

import json
import sys

import torch
from gptqmodel import BACKEND, GPTQModel
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM

ids = torch.tensor([[1, 5, 9, 200, 33, 7, 800, 1500, 44, 61, 1023, 12, 90, 7, 300, 2]])


def unpacked(folder, model, settings):
    """The weights by name, [out, in]."""
    if settings["quant_method"] == "gptq":
        modules = {name: module for name, module in model.named_modules() if hasattr(module, "qweight")}
        return {name: module.dequantize_weight().float().T for name, module in modules.items()}
    from awq.utils.packing_utils import dequantize_gemm

    stored = load_file(f"{folder}/model.safetensors")
    bits, group = settings["bits"], settings["group_size"]
    return {
        name.removesuffix(".qweight"): dequantize_gemm(
            *(stored[f"{name.removesuffix('qweight')}{part}"] for part in ("qweight", "qzeros")),
            stored[f"{name.removesuffix('qweight')}scales"].float(),
            bits,
            group,
        ).T
        for name in stored
        if name.endswith(".qweight")
    }


def compare(folder, decoded):
    with open(f"{folder}/config.json") as file:
        settings = json.load(file)["quantization_config"]
    model = GPTQModel.load(folder, device="cpu", backend=BACKEND.TORCH, dtype=torch.float16).model
    expected = load_file(f"{decoded}/model.safetensors")
    weights = unpacked(folder, model, settings)
    apart = max(
        ((own - expected[f"{name}.weight"]).abs().max() / expected[f"{name}.weight"].abs().max()).item()
        for name, own in weights.items()
    )
    whole = AutoModelForCausalLM.from_pretrained(decoded, dtype=torch.float32)
    with torch.no_grad():
        logits, own = whole(ids).logits, model(ids).logits.float()
    return {
        "folder": folder,
        "matrices": len(weights),
        "weightsApart": apart,  # of the largest of the matrix
        "logitsApart": (own - logits).abs().max().item(),
        "logitsDeviation": logits.std().item(),
    }


pairs = sys.argv[1:]
for at in range(0, len(pairs), 2):
    print(json.dumps(compare(pairs[at], pairs[at + 1])), flush=True)
