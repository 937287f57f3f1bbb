"""Makes tokenizer-small.json: small vocabularies, and what Hugging Face's tokenizers make of them.

    pip install tokenizers gguf
    python make_tokenizer_small.py tokenizer-small.json FOLDER
    node make_tokenizer_extra.mjs 120 3 tokenizer-small-llama.json FOLDER/*.gguf     (llama.cpp's ids)

FOLDER gets spm.gguf, a SentencePiece-style vocabulary, and for every name in PRE a file with one byte-level
vocabulary, whose merges were learnt across all word boundaries, and that `tokenizer.ggml.pre`.
Scores come in threes, so that equal ones meet. `folders` holds tokenizer.json in the styles of Llama 2 (legacy and not),
Mistral, GPT-2 and Gemma 3 (with tokens added that are runs of '▁'; without byte fallback too), each with texts, their
ids and what they decode to.
"""
import json
import sys

import gguf
from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

TEXT = """The quick brown fox jumps over the lazy dog. The dog sleeps; the fox runs away, and away, and away!
A tokenizer cuts words into pieces: token, tokens, tokenize, tokenization, retokenized. There is nothing there.
En un lugar de la Mancha, de cuyo nombre no quiero acordarme, no ha mucho tiempo que vivía un hidalgo.
O rato roeu a roupa do rei de Roma. São três pratos de trigo para três tigres tristes. Ação, não, pão.
aaaa aaaaaaaa bbbb ababab 1 2 3 12 123 2024 "quoted" 'single' (round) [square] {curly} don't we'll they've
    indented    code = [x for x in range(10) if x != 3]
"""
ODD = """it's IT'S we'll WE'LL iPhone XMLHttp  x =  12345 1234567 3.14 1,000 !!! ... ``x`` #tag $5 $$ ^^ ~~ || == <= >=
\n\n\n  \t\t  \r\n\r\n word(word)/path/ (a) -- __init__ été \u3000\u3000 かなカナ漢字漢字123 한글abc नमस्ते Привет мир “q” ١٢٣٤ ½½ 😀😀
""" * 3
PRE = ['default', 'gpt-2', 'smollm', 'llama-bpe', 'dbrx', 'qwen2', 'qwen35', 'deepseek-llm', 'deepseek-v3', 'deepseek-coder', 'falcon', 'tekken', 'gpt-4o']
SPECIAL = ['<unk>', '<s>', '</s>']
BYTES = [f'<0x{b:02X}>' for b in range(256)]
SAMPLES = [
    'Hello world', ' leading', '  two leading', 'trailing ', 'a  b   c', 'tokenization nothing\n\nnewlines\t', '', ' ',
    '<s> inside </s> text', 'text<s>', '<s>', 'São três ação ñandú', 'emoji 😀 中文', "don't we'll", 'aaaaaaa', '▁x▁',
    '1234 2024', 'the the\u00a0the', 'fox, fox; fox!', '\u0000\u001f', 'é e\u0301', '<unk>', '<0x41>',
]
ADDED = ['▁▁', '▁▁▁', '▁▁▁▁▁▁', '[x▁y]']
ADDED_SAMPLES = ['a▁▁b ▁▁▁▁▁▁c', '▁▁▁', '[x▁y][x y]', 'the [w] [w]. [w]x x[w]', ' [w] ', '   [w]\n[w]a']


def trained(byte_level):
    tok = Tokenizer(models.BPE())
    tok.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False) if byte_level else pre_tokenizers.Metaspace()
    alphabet = pre_tokenizers.ByteLevel.alphabet() if byte_level else []
    tok.train_from_iterator([TEXT], trainers.BpeTrainer(vocab_size=420, show_progress=False, initial_alphabet=alphabet))
    return json.loads(tok.to_str())['model']


def sentence_piece():
    model = trained(False)
    made = [''.join(m) for m in model['merges']]
    characters = [t for t in model['vocab'] if len(t) == 1]
    tokens = SPECIAL + BYTES + list(dict.fromkeys(made)) + characters
    return tokens, model['merges'], len(made)


def folder(style, tokens, merges):
    vocab = {t: i for i, t in enumerate(tokens)}
    if style == 'gpt2':
        model = trained(True)
        tok = Tokenizer(models.BPE(vocab=model['vocab'], merges=[tuple(m) for m in model['merges']]))
        tok.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=True)])
        tok.decoder = decoders.ByteLevel()
        tok.add_special_tokens(['<s>', '</s>'])
        return tok
    fallback = style != 'gemma-3-without-bytes'
    tok = Tokenizer(models.BPE(vocab=vocab, merges=[tuple(m) for m in merges], unk_token='<unk>', fuse_unk=True, byte_fallback=fallback))
    if style.startswith('gemma-3'):
        tok.normalizer = normalizers.Replace(' ', '▁')
        tok.decoder = decoders.Sequence([decoders.Replace('▁', ' '), decoders.ByteFallback(), decoders.Fuse()])
        tok.add_special_tokens(SPECIAL)
        tok.add_tokens([AddedToken(content, normalized=False) for content in ADDED])
        tok.add_tokens([AddedToken('[w]', single_word=True, lstrip=True, rstrip=True, normalized=False)])
        return tok
    if style == 'llama-2':
        tok.normalizer = normalizers.Sequence([normalizers.Prepend('▁'), normalizers.Replace(' ', '▁')])
    else:
        scheme = 'first' if style == 'llama-2-new' else 'always'
        tok.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme=scheme, split=style == 'mistral')
    tok.decoder = decoders.Sequence([decoders.Replace('▁', ' '), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(' ', 1, 0)])
    tok.add_special_tokens(SPECIAL)
    tok.post_processor = processors.TemplateProcessing(single='<s> $A', pair='<s> $A <s> $B', special_tokens=[('<s>', 1)])
    return tok


def cases(tok, samples):
    for text in samples:
        ids = tok.encode(text).ids
        yield {'text': text, 'ids': ids, 'decoded': tok.decode(ids, skip_special_tokens=False), 'skipped': tok.decode(ids)}


def byte_level(path):
    tok = Tokenizer(models.BPE())
    tok.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    trainer = trainers.BpeTrainer(vocab_size=700, show_progress=False, initial_alphabet=pre_tokenizers.ByteLevel.alphabet())
    tok.train_from_iterator([TEXT, ODD], trainer)
    model = json.loads(tok.to_str())['model']
    tokens = list(model['vocab'])
    merges = [' '.join(m) for m in model['merges']]
    for name in PRE:
        write_gguf(path.format(name), tokens, [1] * len(tokens), model='gpt2', pre=name, merges=merges)
    return {'tokens': tokens, 'merges': merges}


def write_gguf(path, tokens, types, *, model, pre='default', merges=None, scores=None):
    writer = gguf.GGUFWriter(path, 'llama')
    for add in ('block_count', 'context_length', 'embedding_length', 'feed_forward_length', 'head_count'):
        getattr(writer, f'add_{add}')(1)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_tokenizer_model(model)
    writer.add_tokenizer_pre(pre)
    writer.add_token_list(tokens)
    writer.add_token_types(types)
    if merges:
        writer.add_token_merges(merges)
    if scores:
        writer.add_token_scores(scores)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def main(out, directory):
    tokens, merges, made = sentence_piece()
    scores = [0.0] * (3 + 256) + [-float(i // 3) for i in range(len(tokens) - 259)]
    types = [2, 3, 3] + [6] * 256 + [1] * (len(tokens) - 259)
    write_gguf(f'{directory}/spm.gguf', tokens, types, model='llama', scores=scores)
    bytes_model = byte_level(f'{directory}/{{}}.gguf')
    folders = {}
    for style in ('llama-2', 'llama-2-new', 'mistral', 'gpt2'):
        tok = folder(style, tokens, merges)
        folders[style] = {'json': json.loads(tok.to_str()), 'cases': list(cases(tok, SAMPLES))}
    for style in ('gemma-3', 'gemma-3-without-bytes'):
        tok = folder(style, tokens, merges)
        folders[style] = {'json': json.loads(tok.to_str()), 'cases': list(cases(tok, SAMPLES + ADDED_SAMPLES))}
    import tokenizers
    golden = {'made_by': f'tokenizers {tokenizers.__version__}', 'tokens': tokens, 'scores': scores, 'types': types, 'byteLevel': bytes_model, 'folders': folders}
    with open(out, 'w', encoding='utf-8') as file:
        json.dump(golden, file, ensure_ascii=False, separators=(',', ':'))


main(*sys.argv[1:])
