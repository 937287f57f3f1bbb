import { defineConfig } from 'vitest/config';
import { tally } from './test/tally.ts';

export default defineConfig({
  test: {
    include: ['src/**/*.test.ts', 'test/**/*.test.ts'],
    // Processes, because a native addon is not safe to unload in a thread; two, because each uses every core.
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 30_000,
    hookTimeout: 60_000,
    reporters: ['default', tally],
  },
});
