import { execFile } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { call } from '../command-line.ts';
import { temporaryFolder } from '../hostile.ts';
import { shippedModel } from '../shared.ts';
import { model, serving } from './serving.ts';

const python = process.env.CRIA_LM_EVAL; // a Python with lm_eval[api] and transformers
const reason = python ? '' : ' [skipped: CRIA_LM_EVAL names no Python with lm_eval[api] and transformers]';
const { listening } = serving();

test.skipIf(!python)(
  `lm-evaluation-harness finds the accuracy of cria evaluate${reason}`,
  { timeout: 300_000 },
  async () => {
    const folder = temporaryFolder();
    await call(['world', join(folder, 'world'), '--quiet']);
    const rows = readFileSync(join(folder, 'world', 'tasks', 'facts.jsonl'), 'utf8')
      .split('\n')
      .slice(0, 40);
    const file = join(folder, 'facts.jsonl');
    writeFileSync(file, rows.join('\n'));
    const own = JSON.parse((await call(['evaluate', 'cria-tiny', '--task', file, '--weights', 'f32', '--json'])).out);
    const task = {
      task: 'cria_facts',
      dataset_path: 'json',
      dataset_kwargs: { data_files: { test: file } },
      test_split: 'test',
      output_type: 'loglikelihood',
      doc_to_text: '{{prompt}}',
      doc_to_target: '{{completion}}',
      target_delimiter: '',
      metric_list: [{ metric: 'acc', aggregation: 'mean', higher_is_better: true }],
    };
    writeFileSync(join(folder, 'facts.yaml'), JSON.stringify(task)); // JSON is YAML
    const { url } = await listening();
    const settings = [
      `model=${model}`,
      `base_url=${url}/v1/completions`,
      `tokenizer=${shippedModel}`,
      'add_bos_token=True',
    ];
    const given = [
      '-m',
      'lm_eval',
      'run',
      '--model',
      'local-completions',
      '--model_args',
      settings.join(','),
      '--batch_size',
      '1',
    ];
    const { stdout } = await promisify(execFile)(
      python as string,
      [...given, '--tasks', 'cria_facts', '--include_path', folder],
      {
        env: { ...process.env, OPENAI_API_KEY: 'none', HF_HUB_OFFLINE: '1', HF_DATASETS_CACHE: join(folder, 'cache') },
      },
    );
    const [, accuracy] = /\|acc\s*\|[^|]*\|\s*([\d.]+)\|/.exec(stdout) ?? [];
    expect(own.accuracy).toBeGreaterThan(0.5);
    expect(Number(accuracy)).toBeCloseTo(own.accuracy, 4);
  },
);
