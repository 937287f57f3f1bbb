"""Makes the small adapters and golden values of test/goldens/adapters with PEFT.

    python make_adapters.py ARCHITECTURES OUT

For each entry of ADAPTERS: an adapter with random values on one of the checkpoints that make_architectures.py makes
(OUT/<name>/adapter_config.json and adapter_model.safetensors, as save_pretrained writes them), and OUT/<name>/golden.json,
computed from the folder as it stands on disk, in float32 on the CPU with eager attention.

golden.json holds
  peft, transformers, torch   the versions that made it (the committed files: peft 0.21.2, transformers 5.24.0, torch 2.15.0)
  checkpoint                  the checkpoint's name
  sequences[]                 ids; logits [position][vocabulary] of a text's own positions
  greedy                      the 8 most likely tokens after sequences[0], every step a full forward pass (with a
                              prompt or a prefix generate() of these versions gives others than forward())

Needs: pip install torch transformers peft safetensors
"""

import json
import shutil
import sys
from pathlib import Path

import peft
import torch
import transformers
from make_architectures import load, rounded
from peft import LoraConfig, PeftModel, PrefixTuningConfig, PromptTuningConfig, get_peft_model

LENGTHS = [20, 7]
GENERATED = 8
MOST_BYTES = 500_000
ATTENTION = ["q_proj", "k_proj", "v_proj", "o_proj"]
ALL = [*ATTENTION, "gate_proj", "up_proj", "down_proj"]

# name: (checkpoint, configuration, dtype of the file)
ADAPTERS = {
    "lora": ("llama-gqa", LoraConfig(r=4, lora_alpha=8, target_modules=ALL), torch.float32),
    "lora-patterns": (
        "llama-gqa",
        LoraConfig(
            r=3,
            lora_alpha=6,
            target_modules=["q_proj", "v_proj", "down_proj", "lm_head"],
            rank_pattern={"layers.0.self_attn.q_proj": 5, "down_proj": 2},
            alpha_pattern={r"layers\.1\..*_proj": 9, "lm_head": 2},
        ),
        torch.float32,
    ),
    "lora-rslora": ("llama-tied", LoraConfig(r=4, lora_alpha=4, target_modules=ATTENTION, use_rslora=True), torch.bfloat16),
    "lora-qwen": ("qwen2", LoraConfig(r=2, lora_alpha=4, target_modules=["q_proj", "up_proj"]), torch.float16),
    "prompt": ("llama-gqa", PromptTuningConfig(num_virtual_tokens=5), torch.float32),
    "prompt-gemma": ("gemma3", PromptTuningConfig(num_virtual_tokens=5), torch.float32),
    "prompt-dynamic": ("llama-dynamic", PromptTuningConfig(num_virtual_tokens=5), torch.float32),
    "prefix": ("llama-gqa", PrefixTuningConfig(num_virtual_tokens=5), torch.float32),
    "prefix-mistral": ("mistral", PrefixTuningConfig(num_virtual_tokens=5), torch.float32),
    "prefix-gemma": ("gemma3", PrefixTuningConfig(num_virtual_tokens=5), torch.float32),
    "lora-dora": ("llama-gqa", LoraConfig(r=4, lora_alpha=8, target_modules=ALL, use_dora=True), torch.float32),
    "lora-saved": (
        "llama-tied",
        LoraConfig(r=2, lora_alpha=4, target_modules=["q_proj"], modules_to_save=["lm_head", "mlp.down_proj"]),
        torch.float32,
    ),
    "lora-biases": ("qwen2", LoraConfig(r=2, lora_alpha=4, target_modules=["q_proj", "k_proj"], bias="lora_only"), torch.float32),
    "lora-saved-embedding": (
        "llama-tied",
        LoraConfig(r=2, lora_alpha=4, target_modules=["q_proj"], modules_to_save=["embed_tokens", "norm"]),
        torch.float32,
    ),
}


def main(architectures: Path, out: Path) -> None:
    for seed, (name, (checkpoint, config, dtype)) in enumerate(ADAPTERS.items()):
        folder = out / name
        shutil.rmtree(folder, ignore_errors=True)
        make(architectures / checkpoint, config, dtype, folder, seed)
        golden = measure(architectures / checkpoint, folder, seed)
        (folder / "golden.json").write_text(json.dumps(golden, separators=(",", ":")) + "\n")
        print(name, golden["greedy"], "largest logit", max(map(max, golden["sequences"][0]["logits"])))
    total = sum(file.stat().st_size for file in out.rglob("*") if file.is_file())
    print(f"{total} bytes in all")
    assert total <= MOST_BYTES


def make(checkpoint: Path, config, dtype: torch.dtype, folder: Path, seed: int) -> None:
    torch.manual_seed(seed)
    config.task_type = "CAUSAL_LM"
    model = get_peft_model(load(checkpoint), config)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.requires_grad:
                parameter.normal_(0, 0.3 if "lora" in name else 1.0)
    model.to(dtype)
    model.peft_config["default"].base_model_name_or_path = checkpoint.name
    model.save_pretrained(folder)
    (folder / "README.md").unlink(missing_ok=True)
    sort_targets(folder / "adapter_config.json")


def sort_targets(path: Path) -> None:
    """PEFT keeps the targets as a set, which is written in another order by every process."""
    config = json.loads(path.read_text())
    if isinstance(config.get("target_modules"), list):
        config["target_modules"].sort()
    path.write_text(json.dumps(config, indent=2, sort_keys=True))


def measure(checkpoint: Path, folder: Path, seed: int) -> dict:
    generator = torch.Generator().manual_seed(seed)
    vocabulary = load(checkpoint).config.vocab_size
    sequences = [torch.randint(3, vocabulary, (1, length), generator=generator) for length in LENGTHS]
    return dict(
        peft=peft.__version__,
        transformers=transformers.__version__,
        torch=torch.__version__,
        checkpoint=checkpoint.name,
        sequences=[logits_of(adapted(checkpoint, folder), ids) for ids in sequences],
        greedy=greedy(adapted(checkpoint, folder), sequences[0]),
    )


def adapted(checkpoint: Path, folder: Path) -> PeftModel:
    return PeftModel.from_pretrained(load(checkpoint), folder).eval()


@torch.no_grad()
def logits_of(model: PeftModel, ids: torch.Tensor) -> dict:
    logits = model(input_ids=ids, attention_mask=torch.ones_like(ids)).logits[0, -ids.shape[1] :]
    return dict(ids=ids[0].tolist(), logits=rounded(logits))


@torch.no_grad()
def greedy(model: PeftModel, ids: torch.Tensor) -> list:
    length = ids.shape[1]
    for _ in range(GENERATED):
        best = model(input_ids=ids, attention_mask=torch.ones_like(ids)).logits[:, -1:].argmax(-1)
        ids = torch.cat([ids, best], dim=1)
    return ids[0, length:].tolist()


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
