import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { Slots } from '../generate/index.ts';

/** What /metrics reports; the gauges are sums over `slots`. */
export function openMetrics(slots: () => readonly Slots[]) {
  const registry = new Registry();
  const registers = [registry];
  const buckets = [0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60];
  const gauge = (name: string, help: string, read: () => number) =>
    new Gauge({
      name,
      help,
      registers,
      collect() {
        this.set(read());
      },
    });
  gauge('cria_requests_active', 'sequences that have a slot', () =>
    slots().reduce((sum, { active }) => sum + active, 0),
  );
  gauge('cria_requests_queued', 'sequences that wait for a slot', () =>
    slots().reduce((sum, { waiting }) => sum + waiting, 0),
  );
  return {
    registry,
    requests: new Counter({
      name: 'cria_requests_total',
      help: 'requests answered',
      labelNames: ['endpoint', 'status'],
      registers,
    }),
    tokens: new Counter({ name: 'cria_tokens_generated_total', help: 'tokens generated', registers }),
    firstToken: new Histogram({
      name: 'cria_time_to_first_token_seconds',
      help: 'from the request to its first token',
      buckets,
      registers,
    }),
    betweenTokens: new Histogram({
      name: 'cria_time_between_tokens_seconds',
      help: 'between two pieces of a text',
      buckets,
      registers,
    }),
  };
}

export type Metrics = ReturnType<typeof openMetrics>;
