import { pathToFileURL } from 'node:url'
import { ConfigError, type Failure, TaskError } from '@lovage/core'
import { afterEach, describe, expect, it } from 'vitest'
import type { JobEnd, JobHooks, Pool, Running } from '../pool.ts'
import { hooksInto, jobFor } from './fixtures/job.ts'
import type { LanePoolOptions } from './lane-pool.ts'
import { processPool } from './processes.ts'
import { threadPool } from './threads.ts'

const fixture = (name: string) => new URL(`./fixtures/${name}.ts`, import.meta.url).pathname
const tasks = fixture('tasks')
const returned = (value: unknown): JobEnd => ({ type: 'returned', value })
const stop = new TaskError('TIMEOUT', 'too long')

const open: Pool[] = []
afterEach(async () => {
  await Promise.all(open.splice(0).map((pool) => pool.close()))
})

/** Starts a run and waits until its handler has logged something: it is running then. */
async function begun(pool: Pool, name: string, input?: unknown): Promise<Running> {
  let running: Running | undefined
  await new Promise((resolve) => {
    running = pool.run(jobFor(name, input), hooksInto({ log: resolve }))
  })
  return running!
}

describe.each([
  { kind: 'threads', noun: 'thread', make: threadPool },
  { kind: 'processes', noun: 'process', make: processPool },
])('a pool of $kind', ({ kind, noun, make }) => {
  const died = (message: RegExp, more: Partial<Failure> = {}) => ({
    type: 'died',
    failure: {
      name: noun === 'thread' ? 'ThreadDied' : 'ProcessDied',
      message: expect.stringMatching(message),
      ...more,
    },
  })
  async function started(options: Partial<LanePoolOptions> = {}): Promise<Pool> {
    const pool = make({ modules: [tasks], size: 1, ...options })
    open.push(pool)
    await pool.start()
    return pool
  }
  const run = (pool: Pool, name: string, input?: unknown, hooks: Partial<JobHooks> = {}) =>
    pool.run(jobFor(name, input), hooksInto(hooks)).end

  describe('runs handlers', () => {
    it('of TypeScript modules, given as paths or URLs', async () => {
      const pool = await started({ modules: [tasks, pathToFileURL(fixture('other-tasks')).href] })
      expect(await run(pool, 'echo', { text: 'ä€😀', list: [1, null] })).toEqual(returned({ text: 'ä€😀', list: [1, null] }))
      expect(await run(pool, 'second')).toEqual(returned('from the second module'))
      expect(await run(pool, 'echo')).toEqual({ type: 'returned' })
    })

    it('one at a time in each child, and no more children than the size', async () => {
      const pool = await started({ size: 2 })
      const ends = await Promise.all(Array.from({ length: 50 }, () => run(pool, 'whoami')))
      const ids = ends.map((end) => end.type === 'returned' && end.value)
      expect(pool.describe()).toMatchObject({ 'max-concurrency': 2, busy: 0, waiting: 0 })
      const { processes } = pool.describe()
      expect(processes).toEqual(expect.arrayContaining([...new Set(ids)]))
      expect(processes).toHaveLength(2)
    })

    it('and tells a throw from a return, with name, message, code and cause', async () => {
      const pool = await started()
      expect(await run(pool, 'fail')).toMatchObject({
        type: 'threw',
        failure: {
          name: 'TypeError',
          message: 'no such luck',
          code: 'E_LUCK',
          stack: expect.stringContaining('tasks.ts'),
          cause: { name: 'RangeError', message: 'the cause' },
        },
      })
    })

    it('and carries what they say and ask to the hooks', async () => {
      const pool = await started()
      const heard: unknown[] = []
      const end = await run(pool, 'talk', undefined, {
        progress: (value, detail) => void heard.push([value, detail]),
        log: (level, text) => void heard.push([level, text]),
        send: async (...sent) => `sent-${heard.push(sent)}`,
        dependencies: async () => [{ id: 'first', state: 'completed', result: 1 }],
      })
      const epoch = '1970-01-01T00:00:00.000Z'
      expect(heard).toEqual([
        [0.5, { at: epoch }],
        ...['debug', 'info', 'warn', 'error'].map((level) => [level, `as ${level}`]),
        ['other', { n: 1 }, { at: epoch }],
      ])
      expect(end).toEqual(returned({ id: 'sent-6', dependencies: [{ id: 'first', state: 'completed', result: 1 }] }))
    })

    it('and tells them why a task of theirs was refused', async () => {
      const pool = await started()
      const send = () => Promise.reject(new TaskError('KEY_CONFLICT', 'taken'))
      expect(await run(pool, 'send-refused', undefined, { send })).toEqual(
        returned({ class: 'TaskError', name: 'TaskError', code: 'KEY_CONFLICT', message: '[key conflict] taken' }),
      )
    })

    it('and refuses what they send after the end of their run', async () => {
      const pool = await started()
      expect(await run(pool, 'send-late')).toEqual(returned('early'))
      expect(await run(pool, 'send-late')).toEqual(returned(expect.stringContaining('before the end of the run')))
    })

    it('and encodes results as JSON does', async () => {
      const pool = await started()
      expect(await run(pool, 'rich-result')).toEqual(returned({ at: '1970-01-01T00:00:00.000Z', money: '3.50' }))
    })

    it('and fails those whose result or progress is no JSON value', async () => {
      const pool = await started()
      for (const [name, input] of [['bad-result', 'bigint'], ['bad-result', 'circle'], ['bad-progress']] as const) {
        expect(await run(pool, name, input)).toMatchObject({
          type: 'threw',
          failure: {
            code: 'INPUT_UNSERIALIZABLE',
            message: expect.stringMatching(/to be a JSON value, got: .*(BigInt|circular)/),
          },
        })
      }
      expect(await run(pool, 'echo', 1)).toEqual(returned(1))
    })

    it('and refuses an input that is no JSON value', async () => {
      const pool = await started()
      expect(await run(pool, 'echo', 1n)).toMatchObject({ type: 'invalid', failure: { code: 'INPUT_UNSERIALIZABLE' } })
    })

    it('and says which task no module has', async () => {
      const pool = await started()
      expect(await run(pool, 'nobody')).toMatchObject({ type: 'threw', failure: { message: expect.stringContaining('nobody') } })
    })

    it('and is not disturbed by what they write into its channel', async () => {
      const pool = await started()
      expect(await run(pool, 'intrude')).toEqual(returned('still here'))
    })

    it('with the given execArgv', async () => {
      const pool = make({ modules: [tasks], size: 1, execArgv: ['--no-warnings'] })
      open.push(pool)
      expect(await run(pool, 'options')).toEqual(returned(['--no-warnings']))
    })
  })

  describe('aborts', () => {
    it('a handler with the same error', async () => {
      const pool = await started()
      const running = await begun(pool, 'obey')
      running.abort(stop)
      expect(await running.end).toEqual(returned({ name: 'TaskError', message: '[timeout] too long', code: 'TIMEOUT' }))
    })

    it('a handler whose child was not there yet', async () => {
      const pool = make({ modules: [tasks], size: 1 })
      open.push(pool)
      const running = pool.run(jobFor('obey'), hooksInto())
      running.abort(new DOMException('by hand', 'AbortError'))
      expect(await running.end).toEqual(returned({ name: 'AbortError', message: 'by hand', code: null }))
    })

    it('only the run that it is asked to', async () => {
      const pool = await started({ size: 2 })
      const [first, second] = await Promise.all([begun(pool, 'obey'), begun(pool, 'obey')])
      first.abort(stop)
      await first.end
      first.abort(stop)
      second.abort(new ConfigError('OPTION_INVALID', 'other'))
      expect(await second.end).toMatchObject({ value: { name: 'ConfigError' } })
    })
  })

  describe('kills', () => {
    it('a handler that hangs, while others run on', async () => {
      const pool = await started({ size: 2 })
      const hung = await begun(pool, 'hang')
      expect(await run(pool, 'echo', 'meanwhile')).toEqual(returned('meanwhile'))
      hung.abort(stop)
      expect(hung.kill(stop)).toBe(true)
      expect(await hung.end).toEqual({ type: 'died', failure: expect.objectContaining({ name: 'TaskError', code: 'TIMEOUT' }) })
      expect(await Promise.all([run(pool, 'echo', 1), run(pool, 'echo', 2)])).toEqual([returned(1), returned(2)])
    })

    it('a run that has no child yet, and none when it has ended', async () => {
      const pool = await started()
      const first = await begun(pool, 'wait')
      const second = pool.run(jobFor('echo'), hooksInto())
      second.kill(stop)
      expect(await second.end).toMatchObject({ type: 'unbegun' })
      first.kill(stop)
      first.kill(stop)
      second.kill(stop)
      expect(await run(pool, 'echo', 'next')).toEqual(returned('next'))
      expect(pool.describe()).toMatchObject({ spawned: 2 })
    })

    it('what still runs when it is closed, and takes no more', async () => {
      const pool = await started({ size: 2 })
      const hung = await begun(pool, 'hang')
      const waiting = await begun(pool, 'wait')
      const queued = pool.run(jobFor('echo'), hooksInto())
      const closing = pool.close()
      for (const { end } of [hung, waiting]) expect(await end).toMatchObject({ type: 'died', failure: { name: 'PoolClosed' } })
      expect(await queued.end).toMatchObject({ type: 'unbegun', failure: { name: 'PoolClosed' } })
      await Promise.all([closing, pool.close()])
      expect(await run(pool, 'echo')).toMatchObject({ type: 'unbegun' })
      pool.resize(4)
      expect(pool.describe()).toMatchObject({ processes: [] })
    })
  })

  describe('survives a child', () => {
    it('that exits in a handler, and names the exit code', async () => {
      const pool = await started({ size: 2 })
      const other = await begun(pool, 'obey')
      expect(await run(pool, 'exit', 3)).toEqual(died(/^expected (thread|process) \d+ to live .* got: exit code 3$/))
      expect(await run(pool, 'echo', 'next')).toEqual(returned('next'))
      other.abort(stop)
      expect(await other.end, 'other runs do not notice').toMatchObject({ type: 'returned' })
    })

    it('that throws outside of a handler, and names the error', async () => {
      const pool = await started()
      expect(await run(pool, 'throw-outside')).toEqual(
        died(/got: an uncaught RangeError: thrown outside \(exit code 1\)$/, {
          cause: expect.objectContaining({ name: 'RangeError', message: 'thrown outside' }),
        }),
      )
      expect(await run(pool, 'echo', 'next')).toEqual(returned('next'))
    })
  })

  describe('starts', () => {
    it('only when its modules load', async () => {
      const cases: [string, RegExp][] = [
        ['no-tasks', /no-tasks\.ts to export a task definition/],
        ['throws-at-load', /throws-at-load\.ts to load as a task module, got: ConfigError: .*expected luck/],
        ['missing', /missing\.ts to load as a task module, got: Error: Cannot find module/],
        ['exits-at-load', /expected (thread|process) \d+ to start and load .*tasks\.ts, .*exits-at-load\.ts, got: exit code 7/],
      ]
      for (const [name, message] of cases) {
        const error = await started({ modules: [tasks, fixture(name)] }).catch((thrown: unknown) => thrown)
        expect(error).toBeInstanceOf(ConfigError)
        expect(error).toMatchObject({ code: 'MODULE_INVALID', message: expect.stringMatching(message) })
      }
      const twins = started({ modules: [tasks, fixture('twin-tasks')] })
      await expect(twins).rejects.toMatchObject({
        code: 'DEFINITION_DUPLICATE',
        message: expect.stringContaining('twin-tasks.ts'),
      })
    })

    it('not with options that make no sense', () => {
      expect(() => make({ modules: [] })).toThrow('at least one file')
      expect(() => make({ modules: ['tasks.ts'] })).toThrow('absolute path or file: URL, got: tasks.ts')
      for (const size of [0, -1, 1.5, Number.NaN]) expect(() => make({ modules: [tasks], size })).toThrow('`size`')
      expect(() => make({ modules: [tasks], maxTasksPerChild: 0 })).toThrow('`maxTasksPerChild`')
    })

    it('not when it is closed meanwhile, even if a module hangs', async () => {
      const pool = make({ modules: [fixture('hangs-at-load')], size: 1 })
      const starting = pool.start()
      await Promise.all([expect(starting).rejects.toThrow('the pool was closed'), pool.close()])
    })

    it('without a child that it cannot start, and says why', async () => {
      const pool = make({ modules: [tasks], size: 1, execArgv: ['--no-such-option'] })
      open.push(pool)
      await expect(pool.start()).rejects.toMatchObject({ code: 'MODULE_INVALID' })
    })
  })

  describe('changes', () => {
    it('its size: up when jobs wait, down when they have ended', async () => {
      const pool = await started()
      expect(pool.describe()).toMatchObject({ implementation: kind, 'max-concurrency': 1, spawned: 1 })
      pool.resize(3)
      const runs = await Promise.all([begun(pool, 'obey'), begun(pool, 'obey'), begun(pool, 'obey')])
      expect(pool.describe()).toMatchObject({ 'max-concurrency': 3, busy: 3, spawned: 3 })
      pool.resize(1)
      expect(pool.describe()).toMatchObject({ busy: 3 })
      for (const running of runs) running.abort(stop)
      await Promise.all(runs.map(({ end }) => end))
      expect(pool.describe()).toMatchObject({ 'max-concurrency': 1, busy: 0, spawned: 3 })
      expect(pool.describe().processes).toHaveLength(1)
      expect(await run(pool, 'echo', 'next')).toEqual(returned('next'))
      expect(() => pool.resize(-1)).toThrow('`size`')
    })

    it('its children after their share of tasks', async () => {
      const pool = await started({ maxTasksPerChild: 2 })
      const ids: unknown[] = []
      for (let task = 0; task < 6; task++) ids.push(((await run(pool, 'whoami')) as { value: unknown }).value)
      expect(new Set(ids).size).toBe(3)
      expect([ids[0], ids[2], ids[4]]).toEqual([ids[1], ids[3], ids[5]])
      expect(pool.describe()).toMatchObject({ 'max-tasks-per-child': 2 })
    })
  })
})
