import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { type Client, connect } from './index.ts'

let directory: string
let broker: Client
const children = new Set<ChildProcess>()

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'lovage-crash-'))
  writeFileSync(join(directory, 'ran'), '')
  broker = await connect(`sqlite:${join(directory, 'queue.db')}`)
})

afterEach(async () => {
  for (const child of children) child.kill('SIGKILL')
  children.clear()
  await broker.close()
  rmSync(directory, { recursive: true, force: true })
})

async function startWorker(name: string, lease = '30s', ...more: readonly string[]): Promise<ChildProcess> {
  const file = fileURLToPath(new URL('./fixtures/worker-process.ts', import.meta.url))
  const child = fork(file, [`sqlite:${join(directory, 'queue.db')}`, join(directory, 'ran'), name, lease, ...more], {
    execArgv: [],
  })
  children.add(child)
  await Promise.race([once(child, 'message'), once(child, 'exit')])
  return child
}

interface Line {
  readonly what: string
  readonly worker: string
  readonly at: number
}

function lines(): readonly Line[] {
  const text = readFileSync(join(directory, 'ran'), 'utf8').trim()
  return text === ''
    ? []
    : text.split('\n').map((line) => {
        const [what = '', worker = '', at = ''] = line.split(' ')
        return { what, worker, at: Number(at) }
      })
}

/** Waits until the file has a line like this. */
function line(matches: (line: Line) => boolean): Promise<Line> {
  return vi.waitFor(
    () => {
      const found = lines().find(matches)
      if (found === undefined) throw new TypeError('no such line yet')
      return found
    },
    { timeout: 15_000, interval: 5 },
  )
}

async function exited(child: ChildProcess): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
}

test('the task of a worker killed with -9 runs elsewhere at once, long before its lease ends', async () => {
  const first = await startWorker('first@host')
  const task = await broker.send('hang', { n: 1 })
  await line(({ worker }) => worker === 'first@host')
  await startWorker('second@host')
  const killed = Date.now()
  first.kill('SIGKILL')
  const again = await line(({ worker }) => worker === 'second@host')
  // The lease is 30 s: whatever the load of this machine, only the dead-man's switch can have told.
  expect(again.at - killed).toBeLessThan(10_000)
  const [record] = (await broker.admin?.get([task.id])) ?? []
  expect(record).toMatchObject({ state: 'running', run: 1, lost: 1 })
  expect(record?.runs).toMatchObject([{ outcome: 'lost', worker: 'first@host' }])
})

test('what was running when every process died runs when the next one starts', async () => {
  const only = await startWorker('only@host')
  const task = await broker.send('hang', { n: 1 })
  await line(({ worker }) => worker === 'only@host')
  only.kill('SIGKILL')
  await exited(only)
  await startWorker('next@host')
  await line(({ worker }) => worker === 'next@host')
  expect((await broker.admin?.get([task.id]))?.[0]).toMatchObject({ run: 1, lost: 1 })
})

test('a frozen worker loses its task when its lease ends, and its late outcome does not count', async () => {
  const frozen = await startWorker('frozen@host', '2s')
  const task = await broker.send('hang', { n: 1 })
  await line(({ worker }) => worker === 'frozen@host')
  frozen.kill('SIGSTOP')
  await startWorker('other@host', '2s')
  await line(({ worker }) => worker === 'other@host')
  frozen.kill('SIGCONT')
  await line(({ what, worker }) => what === 'aborted' && worker === 'frozen@host')
  expect((await broker.admin?.get([task.id]))?.[0]).toMatchObject({ state: 'running', run: 1, worker: 'other@host' })
})

test('a blocked event loop does not lose its lease', async () => {
  await startWorker('busy@host', '1s')
  await startWorker('idle@host', '1s')
  const task = await broker.send('block', { ms: 4_000 })
  expect(await task.result()).toBe('done')
  expect((await broker.admin?.get([task.id]))?.[0]).toMatchObject({ run: 0, lost: 0 })
})

test('cancelling reaches the handler in another process', async () => {
  await startWorker('worker@host')
  const task = await broker.send('hang', { n: 1 })
  await line(({ worker }) => worker === 'worker@host')
  await task.cancel('enough')
  await line(({ what }) => what === 'aborted')
  expect(await task.state()).toMatchObject({ state: 'exception', reason: 'cancelled' })
})

test('5,000 tasks by three workers, one killed in the middle: nothing missing, every task resolved once', {
  timeout: 90_000,
}, async () => {
  const count = 5_000
  const workers = [await startWorker('a@host'), await startWorker('b@host'), await startWorker('c@host')]
  const sent = Promise.all(Array.from({ length: count }, (_, n) => broker.send('mark', { n })))
  await vi.waitFor(() => expect(lines().length).toBeGreaterThan(500), { timeout: 30_000, interval: 1 })
  workers[1]?.kill('SIGKILL')
  const tasks = await sent
  await Promise.all(tasks.map((task) => task.result({ timeout: '60s' })))
  const ran = lines()
  expect(new Set(ran.map(({ what }) => what)).size).toBe(count)
  const records = await broker.admin?.get(tasks.map(({ id }) => id))
  expect(records?.every((record) => record?.state === 'completed')).toBe(true)
  // Only what the killed worker held can have run twice.
  const twice = ran.length - count
  const lost = records?.filter((record) => (record?.lost ?? 0) > 0).length ?? 0
  expect(twice).toBeLessThanOrEqual(lost)
})

test('a task that kills its workers takes along what runs beside it, not what waits', async () => {
  const poison = await broker.send('kill', null, { priority: 'highest', lostLimit: 2 })
  const count = 100
  const others = await broker.sendMany(
    Array.from({ length: count }, (_, n) => ({ task: 'mark', input: { n }, options: { lostLimit: 2 } })),
  )
  for (let crash = 0; crash < 3; crash++) await exited(await startWorker(`worker${crash}@host`, '30s', '200'))
  await startWorker('last@host')
  await expect(poison.result({ timeout: '30s' })).rejects.toMatchObject({ code: 'TASK_EXCEPTION' })
  await Promise.allSettled(others.map((task) => task.result({ timeout: '30s' })))
  const records = (await broker.admin?.get(others.map(({ id }) => id))) ?? []
  const completed = records.filter((record) => record?.state === 'completed')
  // Ten run at once, and one of them is the poison.
  expect(completed.length).toBeGreaterThanOrEqual(count - 9)
  for (const record of completed) expect(record?.lost).toBeLessThanOrEqual(1)
})

test('a plain program lives as long as it awaits, and not longer', async () => {
  await startWorker('worker@host')
  const file = fileURLToPath(new URL('./fixtures/client-process.ts', import.meta.url))
  for (const what of ['result', 'ping', 'send', 'close']) {
    const child = fork(file, [join(directory, 'queue.db'), what], { execArgv: [], silent: true })
    children.add(child)
    const [code] = await once(child, 'exit')
    expect([what, code]).toEqual([what, 0])
  }
})
