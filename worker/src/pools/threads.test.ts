import { expect, it, onTestFinished } from 'vitest'
import { hooksInto, jobFor } from './fixtures/job.ts'
import { threadPool } from './threads.ts'

it('ends a thread that eats more memory than it is given, and the run that it has', async () => {
  const modules = [new URL('./fixtures/tasks.ts', import.meta.url).pathname]
  const pool = threadPool({ modules, size: 1, resourceLimits: { maxOldGenerationSizeMb: 32 } })
  onTestFinished(() => pool.close())
  const run = (name: string, input?: unknown) => pool.run(jobFor(name, input), hooksInto()).end
  expect(await run('eat-memory')).toMatchObject({
    type: 'died',
    failure: { name: 'ThreadDied', message: expect.stringContaining('memory'), cause: { code: 'ERR_WORKER_OUT_OF_MEMORY' } },
  })
  expect(await run('echo', 'next')).toEqual({ type: 'returned', value: 'next' })
})
