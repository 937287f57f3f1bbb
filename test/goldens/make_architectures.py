"""Makes the tiny checkpoints and golden values of test/goldens/architectures with transformers.

    python make_architectures.py OUT

For every architecture and RoPE scaling that cria reads: a random checkpoint in the Hugging Face layout
(OUT/<name>/config.json, generation_config.json, model*.safetensors) and OUT/<name>/golden.json, computed
from the checkpoint as it stands on disk, in float32 on the CPU with eager attention, each sequence on its own
and by a freshly loaded model (the dynamic RoPE of transformers remembers the longest sequence it has seen).

golden.json holds
  transformers, torch   the versions that made it (the committed files: transformers 5.23.0, torch 2.15.0)
  seed                  the first one whose greedy tokens are varied, no ties and not the end of the text
  sequences[]           ids; logits [position][vocabulary]; hiddenStates [layers + 1][hidden] at the last
                        position: what enters layer 0, 1, ..., and last the output of the final norm
  greedy                ids: the 12 most likely tokens after sequences[0], every step a full forward pass;
                        gaps: the distance between the two best logits at each step;
                        idsWithCache: the same with a key/value cache (may differ where the rotation of the
                        cached keys depends on the length at which they were computed: dynamic RoPE)

Hub checkpoints spell the RoPE in three ways (rope_parameters; rope_scaling with rope_type; rope_scaling with
type), so config.json is written in all three here: see `spelling`.
Needs: pip install torch transformers safetensors
"""

import itertools
import json
import shutil
import sys
from copy import deepcopy
from pathlib import Path

import torch
import transformers
from transformers import AutoConfig, AutoModelForCausalLM

VOCABULARY = 64
BEGIN, END = 1, 2
LENGTHS = [40, 23, 9]  # original contexts below are 16 or 32: both sides of the switch are seen
GENERATED = 12
SMALLEST_GAP = 0.05  # between the two best logits of a generated token
LEAST_VARIED = 6  # different ids among the generated ones
SIGNIFICANT_DIGITS = 6
MOST_BYTES = 2_500_000

WIDE = dict(hidden_size=64, intermediate_size=64)  # head size 16 follows from hidden size and heads
NARROW = dict(hidden_size=32, intermediate_size=48, head_dim=16)  # head size 16 is stated: heads are wider than hidden


def rope(rope_type="default", theta=10000.0, **parameters):
    return dict(rope_type=rope_type, rope_theta=theta, **parameters)


# name: model_type, what differs from COMMON, and optionally how it is saved: `dtype`, size of a `shard`,
# `spelling` of the RoPE in config.json.
COMMON = dict(
    vocab_size=VOCABULARY,
    num_hidden_layers=2,
    num_attention_heads=4,
    num_key_value_heads=2,
    max_position_embeddings=64,
    tie_word_embeddings=False,
    bos_token_id=BEGIN,
    eos_token_id=END,
    rope_parameters=rope(),
)
ARCHITECTURES = {
    "llama": dict(type="llama", spelling="rope_type", config=dict(WIDE, num_key_value_heads=4, rms_norm_eps=1e-6)),
    "llama-gqa": dict(
        type="llama",
        spelling="rope_type",
        shard="80KB",
        config=dict(
            WIDE,
            rms_norm_eps=1e-5,
            # wavelengths 6.3 to 353 lie below, between and above the bounds 32/4 and 32/1
            rope_parameters=rope(
                "llama3", 100.0, factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0,
                original_max_position_embeddings=32,
            ),
        ),
    ),
    "llama-tied": dict(
        type="llama",
        dtype=torch.bfloat16,
        config=dict(WIDE, rms_norm_eps=1e-5, tie_word_embeddings=True, rope_parameters=rope(theta=100000.0)),
    ),
    "llama-linear": dict(
        type="llama", spelling="type", config=dict(NARROW, rope_parameters=rope("linear", factor=4.0))
    ),
    "llama-dynamic": dict(
        type="llama",
        config=dict(NARROW, max_position_embeddings=16, rope_parameters=rope("dynamic", factor=4.0)),
    ),
    "llama-yarn": dict(
        type="llama",
        # rotations over 32 positions at theta 100 are 5.1 to 0.09: the betas put the ramp inside the head
        config=dict(
            NARROW,
            rope_parameters=rope(
                "yarn", 100.0, factor=4.0, original_max_position_embeddings=32, beta_fast=4.0, beta_slow=0.5
            ),
        ),
    ),
    "llama-longrope": dict(
        type="llama",
        config=dict(
            NARROW,
            rope_parameters=rope(
                "longrope",
                original_max_position_embeddings=16,
                short_factor=[1.0, 1.05, 1.1, 1.2, 1.3, 1.5, 1.7, 2.0],
                long_factor=[1.0, 1.2, 1.5, 2.0, 2.7, 3.5, 4.5, 6.0],
            ),
        ),
    ),
    "mistral": dict(type="mistral", config=dict(NARROW, sliding_window=8)),
    "qwen2": dict(
        type="qwen2", spelling="rope_type", config=dict(WIDE, tie_word_embeddings=True, rope_parameters=rope(theta=1e6))
    ),
    "qwen3": dict(type="qwen3", config=dict(NARROW, rope_parameters=rope(theta=1e6))),
    "gemma3": dict(
        type="gemma3_text",
        spelling="rope_type",
        config=dict(
            NARROW,
            num_hidden_layers=4,
            tie_word_embeddings=True,
            query_pre_attn_scalar=24,
            sliding_window=8,
            layer_types=["sliding_attention"] * 3 + ["full_attention"],
            rope_parameters=dict(sliding_attention=rope(theta=10000.0), full_attention=rope(theta=1e6)),
        ),
    ),
}


def main(out: Path) -> None:
    for name, architecture in ARCHITECTURES.items():
        golden = next(filter(usable, (make(architecture, out / name, seed) for seed in itertools.count())))
        (out / name / "golden.json").write_text(json.dumps(golden, separators=(",", ":")) + "\n")
        report(name, golden)
    total = sum(file.stat().st_size for file in out.rglob("*") if file.is_file())
    print(f"{total} bytes in all")
    assert total <= MOST_BYTES


def make(architecture: dict, folder: Path, seed: int) -> dict:
    """Writes the checkpoint of one seed and returns its golden values."""
    shutil.rmtree(folder, ignore_errors=True)
    dtype = architecture.get("dtype", torch.float32)
    model = random_model(architecture, seed, dtype)
    deepcopy(model).to(dtype).save_pretrained(folder, max_shard_size=architecture.get("shard", "1GB"))
    spell_rope(folder / "config.json", architecture.get("spelling", "rope_parameters"))
    golden = measure(folder, seed)
    check_spelling(model, golden["sequences"][0])
    return golden


def usable(golden: dict) -> bool:
    """Greedy generation neither ends early, nor hangs on rounding, nor repeats itself."""
    made = golden["greedy"]
    ended = END in made["ids"] + made["idsWithCache"]
    return not ended and min(made["gaps"]) >= SMALLEST_GAP and len(set(made["ids"])) >= LEAST_VARIED


def random_model(architecture: dict, seed: int, dtype: torch.dtype) -> torch.nn.Module:
    """A model whose every parameter matters: logits of order 1 to 10, norms away from 1, biases away from 0.

    It computes in float32; its values fit `dtype`.
    """
    torch.manual_seed(seed)
    config = AutoConfig.for_model(architecture["type"], **{**COMMON, **architecture["config"]})
    model = AutoModelForCausalLM.from_config(config, dtype=torch.float32)
    gemma = config.model_type.startswith("gemma")  # whose norms multiply by 1 + weight
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "norm" in name:
                parameter.uniform_(0.5, 1.5).sub_(1.0 if gemma else 0.0)
                if "post_" in name and gemma:
                    parameter.add_(1.5)  # else the scaled embedding drowns the blocks: every token predicts itself
            elif name.endswith("bias"):
                parameter.normal_(0, 0.5)
            elif "embed_tokens" in name or "lm_head" in name:
                parameter.normal_(0, 0.3)
            else:
                parameter.normal_(0, 1.5 * parameter.shape[1] ** -0.5)
            parameter.copy_(parameter.to(dtype))
    return model


def spell_rope(path: Path, spelling: str) -> None:
    """Rewrites rope_parameters (transformers 5) as rope_theta and rope_scaling (before), keyed rope_type or type."""
    if spelling == "rope_parameters":
        return
    config = json.loads(path.read_text())
    parameters = config.pop("rope_parameters")
    if "full_attention" in parameters:
        config["rope_local_base_freq"] = parameters["sliding_attention"]["rope_theta"]
        parameters = parameters["full_attention"]
    config["rope_theta"] = parameters.pop("rope_theta")
    kind = parameters.pop("rope_type")
    config["rope_scaling"] = None if kind == "default" else {spelling: kind, **parameters}
    config["torch_dtype"] = config.pop("dtype")
    path.write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")


def measure(folder: Path, seed: int) -> dict:
    generator = torch.Generator().manual_seed(seed)
    sequences = [torch.randint(END + 1, VOCABULARY, (1, length), generator=generator) for length in LENGTHS]
    return dict(
        transformers=transformers.__version__,
        torch=torch.__version__,
        seed=seed,
        sequences=[forward(load(folder), ids) for ids in sequences],
        greedy=greedy(folder, sequences[0]),
    )


def load(folder: Path) -> torch.nn.Module:
    return AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager").eval()


@torch.no_grad()
def forward(model: torch.nn.Module, ids: torch.Tensor) -> dict:
    out = model(ids, output_hidden_states=True, use_cache=False)
    torch.testing.assert_close(model.lm_head(out.hidden_states[-1]), out.logits)
    return dict(
        ids=ids[0].tolist(),
        logits=rounded(out.logits[0]),
        hiddenStates=rounded(torch.stack([hidden[0, -1] for hidden in out.hidden_states])),
    )


@torch.no_grad()
def greedy(folder: Path, prompt: torch.Tensor) -> dict:
    model, ids, gaps = load(folder), prompt, []
    for _ in range(GENERATED):
        best = model(ids, use_cache=False).logits[0, -1].topk(2)
        gaps.append(float(best.values[0] - best.values[1]))
        ids = torch.cat([ids, best.indices[:1, None]], dim=1)

    model, new, cache, cached = load(folder), prompt, None, []
    for _ in range(GENERATED):
        out = model(new, past_key_values=cache, use_cache=True)
        cache, new = out.past_key_values, out.logits[:, -1:].argmax(-1)
        cached.append(int(new))

    return dict(ids=ids[0, prompt.shape[1] :].tolist(), gaps=rounded(torch.tensor(gaps)), idsWithCache=cached)


@torch.no_grad()
def check_spelling(model: torch.nn.Module, sequence: dict) -> None:
    """The checkpoint on disk says what the model in memory is."""
    model.config._attn_implementation = "eager"
    logits = model.eval()(torch.tensor([sequence["ids"]]), use_cache=False).logits[0]
    torch.testing.assert_close(logits, torch.tensor(sequence["logits"]), rtol=1e-4, atol=1e-4)


def rounded(values: torch.Tensor) -> list:
    if values.dim() > 1:
        return [rounded(row) for row in values]
    return [float(f"{value:.{SIGNIFICANT_DIGITS}g}") for value in values.tolist()]


def report(name: str, golden: dict) -> None:
    logits = torch.tensor(golden["sequences"][0]["logits"])
    made = golden["greedy"]
    same = made["ids"] == made["idsWithCache"]
    print(
        f"{name}: logits up to {logits.abs().max():.1f} (deviation {logits.std():.2f}), "
        f"smallest greedy gap {min(made['gaps']):.3f}, cache {'agrees' if same else 'differs'}, {made['ids']}"
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
