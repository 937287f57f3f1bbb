import type { Reporter, SerializedError, TestModule } from 'vitest/node';

/**
 * Ends a run with the plain line `N passed, N failed`, and `, N skipped` where there were some. A file that could
 * not be loaded and an error outside of any test count as failed: they fail the run too.
 */
export const tally: Reporter = {
  onTestRunEnd(modules, unhandledErrors) {
    process.stdout.write(`${tallyLine(modules, unhandledErrors)}\n`);
  },
};

function tallyLine(modules: readonly TestModule[], unhandledErrors: readonly SerializedError[]): string {
  const count = { passed: 0, failed: unhandledErrors.length, skipped: 0, pending: 0 };
  for (const module of modules) {
    count.failed += module.errors().length;
    for (const test of module.children.allTests()) count[test.result().state]++;
    for (const suite of module.children.allSuites()) count.failed += suite.errors().length;
  }
  const skipped = count.skipped + count.pending;
  return `${count.passed} passed, ${count.failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`;
}
