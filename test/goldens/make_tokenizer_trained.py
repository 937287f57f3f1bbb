"""Makes tokenizer-trained.json: byte-level BPE vocabularies that Hugging Face's BpeTrainer learns, and ids of texts.

    pip install tokenizers
    python make_tokenizer_trained.py tokenizer-trained.json

`texts` is what they learn from, `vocabulary` how many tokens were asked for; `tokens` and `merges` are in order, and
`ids` are those of `samples` (the committed file: tokenizers 0.23.3).
"""
import json
import sys

from tokenizers import Tokenizer, models, pre_tokenizers, trainers

TEXTS = [
    'The quick brown fox jumps over the lazy dog. The dog sleeps; the fox runs away, and away, and away!',
    'In Tarvia people pay with the glanet. People in Tarvia speak Tarvic. Tarvel is the capital of Tarvia.',
    'walk is to walked as jump is to jumped\nwalk is to walking as jump is to jumping',
    '37+58: 7+8=15 3+5+1=9 so 95; 95-21: 5-1=4 9-2=7 so 74',
    'São três pratos de trigo para três tigres tristes. ¿Cuál es la capital de México? Ação, não, pão.',
    'aaaa aaaaaaaa aaa bbbb ababab ( [ ] { ( close close closed',
]
SAMPLES = ['Tarvel walks away', '  aaaaa 123 4', 'três não\n\n\tfox', 'unseen: 中文 😀', '', '([{ closed }])']
SPECIAL = ['<|pad|>', '<|bos|>', '<|end|>', '<|system|>', '<|user|>', '<|assistant|>']


def trained(vocabulary):
    tok = Tokenizer(models.BPE())
    tok.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary, min_frequency=2, special_tokens=SPECIAL, initial_alphabet=alphabet, show_progress=False
    )
    tok.train_from_iterator(TEXTS, trainer)
    model = json.loads(tok.to_str())['model']
    tokens = sorted(model['vocab'], key=model['vocab'].get)
    ids = [tok.encode(text, add_special_tokens=False).ids for text in SAMPLES]
    return dict(vocabulary=vocabulary, tokens=tokens, merges=[' '.join(m) for m in model['merges']], ids=ids)


golden = dict(texts=TEXTS, samples=SAMPLES, trained=[trained(300), trained(1000)])
with open(sys.argv[1], 'w', encoding='utf-8') as file:
    json.dump(golden, file, ensure_ascii=False)
    file.write('\n')
