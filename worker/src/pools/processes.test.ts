import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { promisify } from 'node:util'
import { afterEach, describe, expect, it } from 'vitest'
import { hooksInto, jobFor } from './fixtures/job.ts'
import { processPool } from './processes.ts'

const fixture = (name: string) => new URL(`./fixtures/${name}.ts`, import.meta.url).pathname
const run = (pool: ReturnType<typeof processPool>, name: string, input?: unknown) =>
  pool.run(jobFor(name, input), hooksInto()).end

const closers: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closers.splice(0)) await close()
})

function pool(options: Partial<Parameters<typeof processPool>[0]> = {}) {
  const made = processPool({ modules: [fixture('tasks')], size: 1, ...options })
  closers.push(() => made.close())
  return made
}

/** A parent with a pool, and whatever it and its children write. Its output ends when the last of them is dead. */
function parent(
  module: string,
  task: string,
  detached = false,
): { process: ChildProcess; heard(text: string): Promise<void>; end: Promise<unknown> } {
  const child = spawn(process.execPath, [fixture('parent'), fixture(module), task], {
    stdio: ['ignore', 'pipe', 'inherit'],
    detached,
  })
  closers.push(() => child.kill('SIGKILL'))
  const lines: string[] = []
  const reader = createInterface({ input: child.stdout })
  reader.on('line', (line) => {
    lines.push(line)
    const children: number[] = line.startsWith('{"children"') ? JSON.parse(line).children : []
    for (const pid of children) {
      closers.push(() => {
        if (!over) process.kill(pid, 'SIGKILL')
      })
    }
  })
  let over = false
  const end = once(child.stdout, 'close').then(() => {
    over = true
  })
  const heard = async (text: string) => {
    while (!lines.some((line) => line.includes(text))) await once(reader, 'line')
  }
  return { process: child, heard, end }
}

describe('processes of a pool', () => {
  for (const { when, module, task, sign } of [
    { when: 'when idle between tasks', module: 'tasks', task: 'echo', sign: 'started' },
    { when: 'while a handler holds the event loop', module: 'tasks', task: 'hang', sign: 'hanging' },
    { when: 'while a module holds the event loop', module: 'hangs-at-load', task: 'echo', sign: 'loading' },
  ]) {
    it(`die with a parent that is killed with -9, ${when}`, async () => {
      const { process: killed, heard, end } = parent(module, task)
      await heard(sign)
      killed.kill('SIGKILL')
      await end
    })
  }

  it('leave signals of the terminal to their parent', async () => {
    const made = pool()
    const heard = Promise.withResolvers<void>()
    const obeying = made.run(jobFor('obey'), hooksInto({ log: () => heard.resolve() }))
    await heard.promise
    const [pid] = made.describe().processes as number[]
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGQUIT', 'SIGHUP'] as const) process.kill(pid as number, signal)
    obeying.abort(new DOMException('by the worker', 'AbortError'))
    expect(await obeying.end).toMatchObject({ type: 'returned', value: { message: 'by the worker' } })
  })

  for (const signal of ['SIGKILL', 'SIGSEGV'] as const) {
    it(`are replaced when one dies of ${signal}`, async () => {
      const made = pool()
      expect(await run(made, 'signalled', signal)).toEqual({
        type: 'died',
        failure: { name: 'ProcessDied', message: expect.stringContaining(`got: signal ${signal}`), code: signal },
      })
      expect(await run(made, 'echo', 'next')).toEqual({ type: 'returned', value: 'next' })
    })
  }

  it('that cannot be started for want of file descriptors cost their runs nothing, and their parent neither', async () => {
    const script = `ulimit -n 60; exec '${process.execPath}' '${fixture('out-of-files')}'`
    const { stdout } = await promisify(execFile)('sh', ['-c', script])
    expect(JSON.parse(stdout)).toEqual([
      {
        type: 'unbegun',
        failure: { name: 'ProcessDied', message: expect.stringMatching(/start and load .* got: spawn .* EMFILE$/) },
      },
      { type: 'returned', value: 'room again' },
      { type: 'returned', value: expect.objectContaining({ message: 'enough' }) },
    ])
  })

  it('write to the output of their parent', async () => {
    const { heard, process: writer } = parent('hangs-at-load', 'echo')
    await heard('loading')
    writer.kill('SIGKILL')
  })
})
