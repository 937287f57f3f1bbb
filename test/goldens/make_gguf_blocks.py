"""Makes gguf-blocks.json: what ggml and gguf-py make of GGUF's quantized blocks.

    python make_gguf_blocks.py LIBGGML_BASE OUT

LIBGGML_BASE is ggml's base library (libggml-base.so of any llama.cpp build). Needs `pip install gguf numpy`.
- dequantize: random bytes (with finite scales) of every block type, and their values by gguf-py.
- quantize: rows with zero, one-sided, tiny, huge and uneven groups, and their bytes by ggml's reference quantizers.
Bytes and little-endian float32 values are written as hexadecimal text.
"""

import ctypes
import importlib.metadata
import json
import sys

import gguf
import numpy as np
from gguf.quants import dequantize

# The offsets of the half-precision numbers in a block.
HALVES = {
    "Q4_0": [0], "Q4_1": [0, 2], "Q5_0": [0], "Q5_1": [0, 2], "Q8_0": [0], "IQ4_NL": [0],
    "Q2_K": [80, 82], "Q3_K": [108], "Q4_K": [0, 2], "Q5_K": [0, 2], "Q6_K": [208],
}  # fmt: skip


def random_blocks(name: str, rng: np.random.Generator) -> np.ndarray:
    elements, size = gguf.GGML_QUANT_SIZES[gguf.GGMLQuantizationType[name]]
    blocks = rng.integers(0, 256, (256 // elements, size), dtype=np.uint8)
    for offset in HALVES[name]:
        scales = rng.normal(0, 0.02, len(blocks)).astype("<f2")
        blocks[:, offset : offset + 2] = scales.view(np.uint8).reshape(-1, 2)
    return blocks


def hard_rows(rng: np.random.Generator) -> np.ndarray:
    rows = rng.normal(0, 1, (8, 256)).astype(np.float32)
    rows[1, 32:96] = 0  # whole groups of zero
    rows[2] = np.abs(rows[2]) + 0.5  # one-sided
    rows[3] *= 1e-6  # below half precision's normal numbers
    rows[4, ::37] *= 50  # outliers
    rows[5] *= np.repeat(np.float32(4.0) ** np.arange(-8, 8, dtype=np.float32), 16)  # uneven groups
    rows[6] = 0
    rows[7, :128] = np.float32(-0.25)  # constant groups
    return rows


def quantize(ggml: ctypes.CDLL, name: str, rows: np.ndarray, importance: np.ndarray | None = None) -> np.ndarray:
    kind = gguf.GGMLQuantizationType[name]
    elements, size = gguf.GGML_QUANT_SIZES[kind]
    out = np.zeros(rows.size // elements * size, dtype=np.uint8)
    written = ggml.ggml_quantize_chunk(
        ctypes.c_int(kind), rows.ctypes.data_as(ctypes.c_void_p), out.ctypes.data_as(ctypes.c_void_p),
        ctypes.c_int64(0), ctypes.c_int64(rows.shape[0]), ctypes.c_int64(rows.shape[1]),
        None if importance is None else importance.ctypes.data_as(ctypes.c_void_p),
    )  # fmt: skip
    assert written == len(out)
    return out


def main(library: str, out: str) -> None:
    ggml = ctypes.CDLL(library)
    ggml.ggml_quantize_chunk.restype = ctypes.c_size_t
    rng = np.random.default_rng(0)
    golden = {"made_by": f"gguf-py {importlib.metadata.version('gguf')}, ggml", "dequantize": {}}
    for name in HALVES:
        blocks = random_blocks(name, rng)
        values = dequantize(blocks, gguf.GGMLQuantizationType[name]).astype("<f4")
        golden["dequantize"][name] = {"bytes": blocks.tobytes().hex(), "values": values.tobytes().hex()}
    rows = hard_rows(rng)
    golden["quantize"] = {"values": rows.astype("<f4").tobytes().hex(), "bytes": {}}
    for name in ["Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0", "Q4_K", "Q6_K"]:
        golden["quantize"]["bytes"][name] = quantize(ggml, name, rows).tobytes().hex()
    wide = hard_rows(rng).reshape(4, 512)  # rows of two blocks: each has its part of the importance
    importance = np.exp(rng.normal(0, 2, 512)).astype(np.float32)
    golden["weighted"] = {
        "values": wide.astype("<f4").tobytes().hex(),
        "importance": importance.astype("<f4").tobytes().hex(),
        "bytes": {"Q4_K": quantize(ggml, "Q4_K", wide, importance).tobytes().hex()},
    }
    with open(out, "w") as file:
        json.dump(golden, file, indent=1)
        file.write("\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
