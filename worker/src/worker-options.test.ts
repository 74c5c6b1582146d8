/** The names of options: a worker takes what it knows. */
import { silentLogger } from '@lovage/core'
import { describe, expect, it } from 'vitest'
import { ToyBroker } from './fixtures/toy-broker.ts'
import { processPool } from './pools/processes.ts'
import { threadPool } from './pools/threads.ts'
import { type WorkerOptions, workerSetup } from './worker-options.ts'

const setup = (options: object) => () =>
  workerSetup({ broker: new ToyBroker(), tasks: [], logger: silentLogger, ...options } as WorkerOptions)

describe('a worker refuses', () => {
  it.each<[object, string]>([
    [{ concurency: 1 }, 'expected an option of a worker (broker, tasks, name, '],
    [{ concurency: 1 }, 'got: "concurency"; did you mean `concurrency`?'],
    [{ task: [] }, 'did you mean `tasks`?'],
    [{ autoscale: { min: 1, max: 2, mx: 3 } }, 'expected an option of `autoscale` (min, max), got: "mx"; did you mean `max`?'],
    [{ autoscale: 5 }, 'expected the options of `autoscale` to be an object, got: 5'],
  ])('%o', (options, message) => {
    expect(setup(options)).toThrow(message)
    expect(setup(options)).toThrow(expect.objectContaining({ code: 'OPTION_INVALID' }))
  })

  it.each([
    [threadPool, 'expected an option of threadPool (modules, size, maxTasksPerChild, execArgv, resourceLimits), got: "sise"'],
    [processPool, 'expected an option of processPool (modules, size, maxTasksPerChild, execArgv), got: "sise"'],
  ] as const)('what is no option of %o', (pool, message) => {
    const options = { modules: ['/tasks.ts'], sise: 3 }
    expect(() => pool(options)).toThrow(`${message}; did you mean \`size\`?`)
  })

  it('no option that it has, given or not', () => {
    const all = { name: 'w', queues: ['q'], concurrency: 1, prefetch: 5, pool: 'inline', files: [], modules: [], events: true }
    const rest = { abortGrace: 1, coldGrace: 1, clock: undefined, random: undefined, newId: undefined, autoscale: undefined }
    expect(setup({ ...all, ...rest })().concurrency).toBe(1)
  })
})
