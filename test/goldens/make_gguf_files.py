"""Makes tiny GGUF files with gguf-py, laid out as llama.cpp's converter lays them out, into the folder OUT.

    python make_gguf_files.py OUT

Needs `pip install gguf numpy`. In the Hugging Face order, which the reader has to restore,
- llama.gguf: row r of the query and key projections is 127, r, r, ... (exact in Q8_0), their biases are r;
  rope_freqs are those of Llama 3.1 (factor 8) for heads of 8, theta 500000.
- gemma3.gguf: every norm weight i is i / 8 - 1.5, stored with 1 added; sliding window 16.
All other weights are 0. One layer, 4 query heads and 2 key/value heads of 8, width 32, 8 tokens.
"""

import math
import sys
from pathlib import Path

import gguf
import numpy as np
from gguf.quants import quantize

WIDTH, HEADS, KEY_HEADS, HEAD, VOCABULARY = 32, 4, 2, 8, 8
Q8_0 = gguf.GGMLQuantizationType.Q8_0


def interleaved(rows: np.ndarray, heads: int) -> np.ndarray:
    """What llama.cpp's converter does to the query and key projections of the llama architecture."""
    halves = rows.reshape(heads, 2, rows.shape[0] // heads // 2, *rows.shape[1:])
    return halves.swapaxes(1, 2).reshape(rows.shape)


def llama3_factors(base: float) -> np.ndarray:
    factors = []
    for i in range(HEAD // 2):
        wavelength = 2 * math.pi * base ** (2 * i / HEAD)
        smooth = (8192 / wavelength - 1) / (4 - 1)
        factors.append(1 if smooth > 1 else 8 if smooth < 0 else 1 / ((1 - smooth) / 8 + smooth))
    return np.array(factors, dtype=np.float32)


def writer(path: Path, architecture: str, base: float) -> gguf.GGUFWriter:
    file = gguf.GGUFWriter(path, architecture)
    file.add_block_count(1)
    file.add_context_length(64)
    file.add_embedding_length(WIDTH)
    file.add_feed_forward_length(WIDTH)
    file.add_head_count(HEADS)
    file.add_head_count_kv(KEY_HEADS)
    file.add_key_length(HEAD)
    file.add_layer_norm_rms_eps(1e-5)
    file.add_rope_freq_base(base)
    file.add_bos_token_id(1)
    file.add_eos_token_id(2)
    file.add_eot_token_id(3)
    file.add_token_list([f"<{i}>" for i in range(VOCABULARY)])
    file.add_token_types([1] * VOCABULARY)
    for name, rows, columns in [
        ("token_embd", VOCABULARY, WIDTH),
        ("blk.0.attn_v", KEY_HEADS * HEAD, WIDTH),
        ("blk.0.attn_output", WIDTH, HEADS * HEAD),
        ("blk.0.ffn_gate", WIDTH, WIDTH),
        ("blk.0.ffn_up", WIDTH, WIDTH),
        ("blk.0.ffn_down", WIDTH, WIDTH),
    ]:
        file.add_tensor(f"{name}.weight", np.zeros((rows, columns), dtype=np.float16))
    return file


def finish(file: gguf.GGUFWriter) -> None:
    file.write_header_to_file()
    file.write_kv_data_to_file()
    file.write_tensors_to_file()
    file.close()


def projection(heads: int) -> np.ndarray:
    rows = np.repeat(np.arange(heads * HEAD, dtype=np.float32)[:, None], WIDTH, axis=1)
    rows[:, 0] = 127
    return rows


def main(out: Path) -> None:
    out.mkdir(parents=True, exist_ok=True)

    llama = writer(out / "llama.gguf", "llama", 500_000.0)
    for name, heads in [("attn_q", HEADS), ("attn_k", KEY_HEADS)]:
        llama.add_tensor(f"blk.0.{name}.weight", quantize(interleaved(projection(heads), heads), Q8_0), raw_dtype=Q8_0)
        llama.add_tensor(f"blk.0.{name}.bias", interleaved(np.arange(heads * HEAD, dtype=np.float32), heads))
    for name in ["output_norm", "blk.0.attn_norm", "blk.0.ffn_norm"]:
        llama.add_tensor(f"{name}.weight", np.ones(WIDTH, dtype=np.float32))
    llama.add_tensor("output.weight", np.zeros((VOCABULARY, WIDTH), dtype=np.float16))
    llama.add_tensor("rope_freqs.weight", llama3_factors(500_000.0))
    finish(llama)

    gemma = writer(out / "gemma3.gguf", "gemma3", 1_000_000.0)
    gemma.add_sliding_window(16)
    for name, heads in [("attn_q", HEADS), ("attn_k", KEY_HEADS)]:
        gemma.add_tensor(f"blk.0.{name}.weight", projection(heads))
        gemma.add_tensor(f"blk.0.{name}_norm.weight", np.arange(HEAD, dtype=np.float32) / 8 - 1.5 + 1)
    for name in ["output_norm", "blk.0.attn_norm", "blk.0.post_attention_norm", "blk.0.ffn_norm", "blk.0.post_ffw_norm"]:
        gemma.add_tensor(f"{name}.weight", np.arange(WIDTH, dtype=np.float32) / 8 - 1.5 + 1)
    finish(gemma)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
