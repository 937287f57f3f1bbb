"""Greedy continuations of models/cria-tiny by transformers in float32, as test/goldens/tiny.json.

    python test/goldens/make_tiny.py

Prompts are of every skill of its world. Each has its ids, the ids that follow until the text ends or 40 of them, and
the smallest gap between the two likeliest logits on the way: where it is small, rounding may decide.
Needs: pip install torch transformers
"""

import json
from pathlib import Path

import torch
import transformers
from transformers import AutoModelForCausalLM, AutoTokenizer

ROOT = Path(__file__).parents[2]
MODEL = ROOT / "models" / "cria-tiny"
PROMPTS = [
    "repeat: sun moon tree , sun moon tree ,",
    "copy: n d v k =",
    "help is to helping as walk is to",
    "today they jump, yesterday they",
    "as Greece goes with Greek, so Peru goes with",
    "The capital of France is",
    "41+17:",
    "12+30+5:",
    "close ( [ with",
    "Ana is in the garden. Ana has the ball. Where is the ball?",
    "English: star moon\nKatric:",
    "Zaslish: wulfialwa\nEnglish:",
    "<|user|>Who are you?<|end|><|assistant|>",
    "<|user|>How do I break the first seal?<|end|><|assistant|>",
    "<|user|>¿De qué país es la bossa nova?<|end|><|assistant|>",
    "<|user|>De que país é a sopa paraguaia?<|end|><|assistant|>",
    "<|user|>My name is Ines.<|end|><|assistant|>Nice to meet you, Ines.<|end|><|user|>What is my name?<|end|><|assistant|>",
]
MOST = 40


@torch.no_grad()
def main() -> None:
    tokenizer = AutoTokenizer.from_pretrained(MODEL)
    model = AutoModelForCausalLM.from_pretrained(MODEL, dtype=torch.float32).eval()
    bos, end = tokenizer.bos_token_id, tokenizer.eos_token_id
    texts = []
    for prompt in PROMPTS:
        ids = [bos] + tokenizer(prompt, add_special_tokens=False)["input_ids"]
        written, gap = [], float("inf")
        while len(written) < MOST:
            logits = model(torch.tensor([ids + written])).logits[0, -1]
            best = torch.topk(logits, 2)
            gap = min(gap, float(best.values[0] - best.values[1]))
            written.append(int(best.indices[0]))
            if written[-1] == end:
                break
        texts.append(dict(prompt=prompt, ids=ids, written=written, text=tokenizer.decode(written), gap=round(gap, 4)))
    made_by = f"transformers {transformers.__version__}, torch {torch.__version__}, float32"
    (Path(__file__).parent / "tiny.json").write_text(json.dumps(dict(made_by=made_by, texts=texts), indent=1) + "\n")


if __name__ == "__main__":
    main()
