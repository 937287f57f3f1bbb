"""PEFT's EVA initialisation of a Llama GGUF file on the CPU, as one line of JSON.

    python peft_eva.py MODEL.gguf --ids ids.json [--rank 16] [--batch 4] [--sequence 256] [--batches N] [--threads 2]

The weights are dequantised to float32 as in torch_bench.py. ids.json holds a list of ids, which is cut into batches;
rho is 2, tau 0.99, all seven linears of a layer are targets. Seconds are those of initialize_lora_eva_weights alone,
to the end, or to the end of the Nth batch.
Needs: pip install torch transformers peft gguf
"""

import argparse
import json
import time

import peft
import torch
from peft import EvaConfig, LoraConfig, get_peft_model, initialize_lora_eva_weights

from torch_bench import LINEARS, load, peak_rss_mb


class Enough(Exception):
    pass


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("model")
    parser.add_argument("--ids", required=True)
    parser.add_argument("--rank", type=int, default=16)
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--sequence", type=int, default=256)
    parser.add_argument("--batches", type=int)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()

    torch.set_num_threads(options.threads)
    with open(options.ids) as file:
        ids = torch.tensor(json.load(file)["ids"])
    size = options.batch * options.sequence
    count = len(ids) // size
    batches = [dict(input_ids=ids[i * size : (i + 1) * size].view(options.batch, -1)) for i in range(count)]
    config = LoraConfig(
        r=options.rank, lora_alpha=1, target_modules=LINEARS, init_lora_weights="eva", eva_config=EvaConfig(rho=2.0)
    )
    model = get_peft_model(load(options.model), config)
    forwards = 0

    def forward(model, inputs):
        nonlocal forwards
        if options.batches is not None and forwards > options.batches:
            raise Enough
        forwards += 1  # the first only tells which layers read the same
        model(**inputs)

    start = time.perf_counter()
    try:
        initialize_lora_eva_weights(model, batches, forward_fn=forward, show_progress_bar=False)
    except Enough:
        pass
    seconds = time.perf_counter() - start
    print(
        json.dumps(
            dict(
                peft=peft.__version__,
                torch=torch.__version__,
                batches=forwards - 1,
                seconds=round(seconds, 2),
                rankPattern=dict(model.peft_config["default"].rank_pattern),
                peakRssMb=round(peak_rss_mb(), 1),
            )
        )
    )


if __name__ == "__main__":
    main()
