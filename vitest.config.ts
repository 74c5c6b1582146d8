/** One test run for all rooms; tests stand beside the source. */
import { availableParallelism } from 'node:os'
import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['**/*.test.ts'],
    exclude: ['**/node_modules/**', '**/dist/**'],
    testTimeout: 20_000,
    hookTimeout: 20_000,
    pool: 'forks',
    // Most of the time of a file goes to waiting for servers and processes of its own; by itself vitest leaves one core out.
    maxWorkers: availableParallelism() + 1,
  },
})
