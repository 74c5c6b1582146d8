import { existsSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest'
import type { JobEnd, Pool } from '../pool.ts'
import { hooksInto, jobFor } from './fixtures/job.ts'
import { processPool } from './processes.ts'
import { threadPool } from './threads.ts'

describe('a pool whose children crash at their start', () => {
  let folder = ''
  let trouble = ''
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'lovage-pool-'))
    trouble = join(folder, 'trouble')
  })

  /** A pool of one thread, whose module does not load while there is trouble. */
  async function startedPool(): Promise<Pool> {
    const module = join(folder, 'flaky.mjs')
    await writeFile(
      module,
      `import { existsSync } from 'node:fs'
      if (existsSync(${JSON.stringify(trouble)})) throw new RangeError('trouble')
      export const run = { kind: 'lovage.task', name: 'run', run: (code) => code === undefined ? 'ran' : process.exit(code) }`,
    )
    const pool = threadPool({ modules: [module], size: 1 })
    onTestFinished(async () => {
      await pool.close()
      await rm(folder, { recursive: true })
    })
    await pool.start()
    return pool
  }
  const run = (pool: Pool, code?: number): Promise<JobEnd> => pool.run(jobFor('run', code), hooksInto()).end

  it('ends the runs that wait for them as never begun, one for each start, and recovers by itself', async () => {
    const pool = await startedPool()
    await writeFile(trouble, '')
    expect(await run(pool, 1)).toMatchObject({ type: 'died', failure: { name: 'ThreadDied' } })
    const broken = {
      type: 'unbegun',
      failure: { code: 'MODULE_INVALID', message: expect.stringContaining('RangeError: trouble') },
    }
    expect(await Promise.all([run(pool), run(pool)])).toMatchObject([broken, broken])
    await rm(trouble)
    expect(await run(pool)).toEqual({ type: 'returned', value: 'ran' })
  })

  it('ends a run that waits when it is closed or the run is killed', async () => {
    const pool = await startedPool()
    await writeFile(trouble, '')
    await run(pool, 1)
    await run(pool)
    const [killed, closed] = [pool.run(jobFor('run'), hooksInto()), pool.run(jobFor('run'), hooksInto())]
    killed.kill(new DOMException('enough', 'AbortError'))
    expect(await killed.end).toMatchObject({ type: 'unbegun', failure: { message: 'enough' } })
    await pool.close()
    expect(await closed.end).toMatchObject({ type: 'unbegun', failure: { name: 'PoolClosed' } })
  })
})

it.each([threadPool, processPool])('a pool lets idle children exit by themselves: %o', async (make) => {
  const folder = await mkdtemp(join(tmpdir(), 'lovage-pool-'))
  onTestFinished(() => rm(folder, { recursive: true }))
  const left = join(folder, 'left')
  await writeFile(
    join(folder, 'tidy.mjs'),
    `import { writeFileSync } from 'node:fs'
    process.on('exit', () => writeFileSync(${JSON.stringify(left)}, ''))
    export const run = { kind: 'lovage.task', name: 'run', run: () => 'ran' }`,
  )
  const pool = make({ modules: [join(folder, 'tidy.mjs')], size: 1 })
  await pool.start()
  await pool.close()
  expect(existsSync(left)).toBe(true)
})
