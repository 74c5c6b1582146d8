/** One test run for all rooms; tests stand beside the source. */
import { availableParallelism } from 'node:os'
import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['**/*.test.ts'],
    exclude: ['**/node_modules/**', '**/dist/**'],
    // Files run side by side on whatever machine: what hangs is told late rather than what is slow.
    testTimeout: 60_000,
    hookTimeout: 60_000,
    pool: 'forks',
    // Most of the time of a file goes to waiting for servers and processes of its own; by itself vitest leaves one core out.
    maxWorkers: Math.max(2, availableParallelism()),
  },
})
