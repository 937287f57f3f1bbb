"""What PyTorch with transformers and PEFT makes of a Llama GGUF file on the CPU, as one line of JSON.

    python torch_bench.py MODEL.gguf [--threads 2] [--prompt 256] [--tokens 32] [--repeats 5]
    python torch_bench.py MODEL.gguf --train lora|full [--batch 1] [--sequence 256] [--repeats 5]
    python torch_bench.py MODEL.gguf --check logits.json

The weights are dequantised to float32 by gguf-py. Ids are fixed and arbitrary; generation is greedy with a cache.
A training step is forward, backward and AdamW: LoRA of rank 16 on all seven linears of a layer, or every weight.
Medians over the repeats, after one that is not counted. --check compares with values made before (a list
`completions` of ids, last_top20_ids and last_top20_logits) and exits with 1 when a logit is off by 2e-3.
Needs: pip install torch transformers peft gguf
"""

import argparse
import json
import resource
import statistics
import sys
import time

import gguf
import torch
import transformers
from transformers import LlamaConfig, LlamaForCausalLM

LINEARS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
RANK = 16
TOLERANCE = 2e-3

# The tensors of a block: the GGUF name, the name in transformers.
BLOCK_NAMES = {
    "attn_norm": "input_layernorm",
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_norm": "post_attention_layernorm",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}
OTHER_NAMES = {"token_embd": "model.embed_tokens", "output_norm": "model.norm", "output": "lm_head"}


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("model")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--prompt", type=int, default=256)
    parser.add_argument("--tokens", type=int, default=32)
    parser.add_argument("--train", choices=["lora", "full"])
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--sequence", type=int, default=256)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--check", metavar="GOLDEN")
    options = parser.parse_args()

    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    model = load(options.model)
    if options.check:
        return check(model, options.check)
    measured = measure_training(model, options) if options.train else measure_inference(model, options)
    about = dict(
        peer="torch", torch=torch.__version__, transformers=transformers.__version__,
        threads=options.threads, repeats=options.repeats,
    )
    print(json.dumps({**about, **measured, "peakRssMb": round(peak_rss_mb(), 1)}))
    return 0


@torch.no_grad()
def load(path: str) -> LlamaForCausalLM:
    reader = gguf.GGUFReader(path)
    config = config_of(reader)
    model = LlamaForCausalLM(config)
    missing = dict(model.named_parameters())  # a tied lm_head is not among them
    for tensor in reader.tensors:  # one at a time: the peak of memory shall be the work's, not the loading's
        values = torch.tensor(gguf.quants.dequantize(tensor.data, tensor.tensor_type))
        name = tensor.name.removesuffix(".weight")
        if name.endswith("attn_q"):
            values = unpermuted(values, config.num_attention_heads)
        if name.endswith("attn_k"):
            values = unpermuted(values, config.num_key_value_heads)
        missing.pop(transformers_name(name)).copy_(values)
    assert not missing, f"not in {path}: {list(missing)}"
    return model.eval()


def config_of(reader: gguf.GGUFReader) -> LlamaConfig:
    def field(name: str):
        return reader.get_field(name).contents()

    assert field("general.architecture") == "llama"
    return LlamaConfig(
        vocab_size=field("llama.vocab_size"),
        hidden_size=field("llama.embedding_length"),
        intermediate_size=field("llama.feed_forward_length"),
        num_hidden_layers=field("llama.block_count"),
        num_attention_heads=field("llama.attention.head_count"),
        num_key_value_heads=field("llama.attention.head_count_kv"),
        max_position_embeddings=field("llama.context_length"),
        rms_norm_eps=field("llama.attention.layer_norm_rms_epsilon"),
        rope_parameters=dict(rope_type="default", rope_theta=field("llama.rope.freq_base")),
        tie_word_embeddings=not any(tensor.name == "output.weight" for tensor in reader.tensors),
    )


def transformers_name(name: str) -> str:
    if name in OTHER_NAMES:
        return f"{OTHER_NAMES[name]}.weight"
    _, block, part = name.split(".")
    return f"model.layers.{block}.{BLOCK_NAMES[part]}.weight"


def unpermuted(weight: torch.Tensor, heads: int) -> torch.Tensor:
    """Rows of each head from GGUF's interleaved pairs to the two halves that transformers rotates."""
    rows, columns = weight.shape
    return weight.view(heads, rows // heads // 2, 2, columns).transpose(1, 2).reshape(rows, columns)


def arbitrary_ids(batch: int, length: int) -> torch.Tensor:
    return 1000 + (torch.arange(batch * length) * 7919 % 20000).view(batch, length)


@torch.no_grad()
def measure_inference(model: LlamaForCausalLM, options: argparse.Namespace) -> dict:
    prompt = arbitrary_ids(1, options.prompt)

    def generate() -> tuple[float, float]:
        start = time.perf_counter()
        out = model(prompt, use_cache=True, logits_to_keep=1)
        ids = out.logits.argmax(-1)
        first = time.perf_counter()
        for _ in range(options.tokens - 1):
            out = model(ids, past_key_values=out.past_key_values, use_cache=True)
            ids = out.logits.argmax(-1)
        return first - start, time.perf_counter() - first

    prefill, decode = zip(*timed_runs(generate, options.repeats))
    return dict(
        prompt=options.prompt,
        tokens=options.tokens,
        prefillTokensPerSecond=round(options.prompt / statistics.median(prefill), 1),
        decodeTokensPerSecond=round((options.tokens - 1) / statistics.median(decode), 1),
    )


def measure_training(model: torch.nn.Module, options: argparse.Namespace) -> dict:
    if options.train == "lora":
        from peft import LoraConfig, get_peft_model

        model = get_peft_model(model, LoraConfig(r=RANK, lora_alpha=RANK, target_modules=LINEARS))
    model.train()
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(parameters, lr=1e-4)
    ids = arbitrary_ids(options.batch, options.sequence)

    def step() -> float:
        start = time.perf_counter()
        model(input_ids=ids, labels=ids, use_cache=False).loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        return time.perf_counter() - start

    seconds = statistics.median(timed_runs(step, options.repeats))
    return dict(
        train=options.train,
        batch=options.batch,
        sequence=options.sequence,
        trained=sum(parameter.numel() for parameter in parameters),
        tokensPerSecond=round(ids.numel() / seconds, 1),
    )


def timed_runs(run, repeats: int) -> list:
    run()
    return [run() for _ in range(repeats)]


@torch.no_grad()
def check(model: LlamaForCausalLM, path: str) -> int:
    with open(path) as file:
        completions = json.load(file)["completions"]
    worst = 0.0
    for completion in completions:
        logits = model(torch.tensor([completion["ids"]])).logits[0, -1]
        expected = torch.tensor(completion["last_top20_logits"])
        worst = max(worst, float((logits[completion["last_top20_ids"]] - expected).abs().max()))
    print(json.dumps(dict(checked=len(completions), largestLogitError=worst)))
    return 0 if worst <= TOLERANCE else 1


def peak_rss_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    sys.exit(main())
