/** Worker pools with real processes on one SQLite file: launched, killed with -9, drained, orphaned, rotated. */
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type Client, connect } from 'lovage'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { type LovageCommand, LovageFolder, tasksFile } from '../fixtures/lovage-command.ts'

const patience = { timeout: 45_000, interval: 50 }
let folder: LovageFolder
let broker: Client
beforeEach(async () => {
  folder = await LovageFolder.make()
  broker = await connect(`sqlite:${join(folder.path, 'lovage.db')}`)
})
afterEach(async () => {
  const pids = [...(await workers()).values()]
  await folder.close()
  await broker.close()
  // Workers end with their server; in a test that failed perhaps not.
  for (const pid of pids) signal(pid, 'SIGKILL')
})

/** Starts a server with a pool `tasks` of one handler in each worker. */
async function serve(...more: readonly string[]): Promise<LovageCommand> {
  const server = folder.start(['server', '--pool', tasksFile, '-c', '1', '--port', '0', ...more])
  await server.says(/server ready/)
  return server
}

/** The pool's live workers by name, as the queue knows them, with their pids. */
async function workers(): Promise<ReadonlyMap<string, number>> {
  return new Map((await broker.workers()).map(({ name, pid }) => [name.split('@')[0] as string, pid as number]))
}

/** Waits until so many workers take tasks. */
async function workersAre(count: number): Promise<ReadonlyMap<string, number>> {
  return vi.waitFor(async () => {
    const now = await workers()
    expect(now.size).toBe(count)
    return now
  }, patience)
}

/** Whether there was a process to be signalled. */
function signal(pid: number, name: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(pid, name)
  } catch {
    return false
  }
}

const isAlive = (pid: number): boolean => signal(pid, 0)

/** Sends a task that runs until its file is written. */
async function sendHeld(file: string): Promise<string> {
  return (await broker.send('holds', { file: join(folder.path, file) })).id
}

/** Waits until the task runs, and answers the id of its worker. */
async function runsOn(id: string, other?: string): Promise<string> {
  return vi.waitFor(async () => {
    const [task] = await broker.get([id])
    const worker = task?.worker?.split('@')[0]
    expect(task?.state).toBe('running')
    expect(worker).not.toBe(other)
    return worker as string
  }, patience)
}

const letGo = (file: string) => writeFile(join(folder.path, file), '')

describe('a pool of worker processes', { timeout: 120_000 }, () => {
  test('grows from nothing with the tasks that wait, and goes back when they are done', async () => {
    await serve('--workers', '0..2', '--idle-timeout', '1s')
    expect((await workers()).size).toBe(0)
    const ids = [await sendHeld('a'), await sendHeld('b'), await sendHeld('c')]
    const grown = await workersAre(2)
    await vi.waitFor(async () => {
      const found = (await broker.queues()).find(({ queue }) => queue === 'default')
      expect(found?.counts).toMatchObject({ pending: 1, running: 2 })
    }, patience)
    for (const file of ['a', 'b', 'c']) await letGo(file)
    for (const id of ids) expect(await broker.task(id).result({ timeout: '45s' })).toBe('let go')
    await workersAre(0)
    await vi.waitFor(() => expect([...grown.values()].filter(isAlive)).toEqual([]), patience)
  })

  test('a worker killed with -9 is replaced at once, and its task runs there', async () => {
    const server = await serve('--workers', '1')
    const id = await sendHeld('a')
    const first = await runsOn(id)
    process.kill((await workers()).get(first) as number, 'SIGKILL')
    const second = await runsOn(id, first)
    expect(second).not.toBe(first)
    await letGo('a')
    expect(await broker.task(id).result({ timeout: '45s' })).toBe('let go')
    expect((await broker.get([id]))[0]).toMatchObject({ run: 1, lost: 1 })
    await server.says(/worker launched.*tasks-2/)
  })

  test('a server that is told to stop lets its workers finish, and leaves none behind', async () => {
    const server = await serve('--workers', '0..2')
    const id = await sendHeld('a')
    await runsOn(id)
    const pids = [...(await workers()).values()]
    server.signal('SIGTERM')
    await server.says(/worker stopping.*provisioner-stopped/)
    await broker.send('math.add', { a: 1, b: 2 })
    expect((await broker.get([id]))[0]?.state).toBe('running')
    await letGo('a')
    expect(await server.ended).toMatchObject({ code: 0 })
    expect(await broker.task(id).state()).toMatchObject({ state: 'completed', result: 'let go' })
    expect(pids.filter(isAlive)).toEqual([])
  })

  test('a second Ctrl-C aborts what runs and gives it back', async () => {
    const server = await serve('--workers', '0..2')
    const id = await sendHeld('a')
    await runsOn(id)
    server.signal('SIGINT')
    await server.says(/worker stopping/)
    server.signal('SIGQUIT')
    expect(await server.ended).toMatchObject({ code: 0 })
    expect(await broker.task(id).state()).toMatchObject({ state: 'pending' })
  })

  test('a server killed with -9 leaves no orphans, only what still runs; another one takes over', async () => {
    const first = await serve('--workers', '2')
    const before = await workersAre(2)
    const id = await sendHeld('a')
    const busy = await runsOn(id)
    const [idle] = [...before.keys()].filter((name) => name !== busy)
    first.signal('SIGKILL')
    await vi.waitFor(() => expect(isAlive(before.get(idle as string) as number)).toBe(false), patience)
    expect((await broker.get([id]))[0]?.state).toBe('running')
    await serve('--workers', '2')
    // The one that drains still has a place of the two.
    await vi.waitFor(async () => expect([...(await workers()).keys()]).toContain('tasks-3'), patience)
    expect([...(await workersAre(2)).keys()].sort()).toEqual([busy, 'tasks-3'])
    await letGo('a')
    expect(await broker.task(id).result({ timeout: '45s' })).toBe('let go')
    expect((await broker.get([id]))[0]).toMatchObject({ run: 0, lost: 0 })
    await vi.waitFor(async () => expect([...(await workers()).keys()].sort()).toEqual(['tasks-3', 'tasks-4']), patience)
    await vi.waitFor(() => expect([...before.values()].filter(isAlive)).toEqual([]), patience)
  })

  test('a worker of great age is replaced, and finishes its task', async () => {
    await serve('--workers', '1..2', '--max-lifetime', '2s')
    const id = await sendHeld('a')
    const first = await runsOn(id)
    const pid = (await workers()).get(first) as number
    await vi.waitFor(async () => expect([...(await workers()).keys()].some((name) => name !== first)).toBe(true), patience)
    expect(isAlive(pid)).toBe(true)
    await letGo('a')
    expect(await broker.task(id).result({ timeout: '45s' })).toBe('let go')
    expect((await broker.get([id]))[0]).toMatchObject({ run: 0 })
    await vi.waitFor(() => expect(isAlive(pid)).toBe(false), patience)
  })

  test('workers that crash when they start put their pool into quarantine, which is shown and can be ended', async () => {
    await writeFile(join(folder.path, 'broken.ts'), 'console.error("no such thing"); process.exit(3)')
    await writeFile(
      join(folder.path, 'pools.json'),
      JSON.stringify({ frail: { files: ['broken.ts'], queues: ['frail'], min: 1 } }),
    )
    const server = folder.start(['server', '--pool', 'pools.json', '--port', '0'])
    await server.says(/in quarantine/)
    const listed = await folder.run(['pool', 'list'])
    expect(listed.stdout).toMatch(/^frail .*quarantined, .*3 launches failed: exit code 3: no such thing$/m)
    expect((await folder.run(['status'])).stdout).toContain('quarantined')
    expect((await folder.run(['pool', 'show', 'frail'])).stdout).toMatch(/Latest failures\n.*exit code 3: no such thing/)
    await writeFile(join(folder.path, 'broken.ts'), `export * from '${tasksFile}'`)
    expect(await folder.run(['pool', 'resume', 'frail'])).toMatchObject({ code: 0, stdout: 'frail resumed\n' })
    await workersAre(1)
    expect((await folder.run(['pool', 'list'])).stdout).not.toContain('quarantined')
  })

  test('up runs its files in worker processes, and the pool can be scaled, paused and removed meanwhile', async () => {
    const up = folder.start(['up', tasksFile, '--workers', '1..2', '-c', '1', '-n', 'crew', '--port', '0'])
    await up.says(/is up[\s\S]*pool crew +1\.\.2 workers of 1 on default, frail/)
    await workersAre(1)
    expect(await folder.run(['pool', 'scale', 'crew', '2'])).toMatchObject({
      code: 0,
      stdout: 'crew has 2 workers from now on\n',
    })
    expect([...(await workersAre(2)).keys()].sort()).toEqual(['crew-1', 'crew-2'])
    await folder.run(['pool', 'pause', 'crew'])
    expect((await folder.run(['pool', 'list'])).stdout).toMatch(/crew .* paused$/m)
    expect(await folder.run(['pool', 'remove', 'crew'])).toMatchObject({ code: 0 })
    await workersAre(0)
    up.signal('SIGINT')
    expect(await up.ended).toMatchObject({ code: 0 })
  })
})

test('a pause outlives the server, which says so; a pool that was removed begins anew', { timeout: 120_000 }, async () => {
  const first = await serve('--workers', '1')
  await workersAre(1)
  await folder.run(['pool', 'pause', 'tasks'])
  first.signal('SIGINT')
  expect(await first.ended).toMatchObject({ code: 0 })
  const second = await serve('--workers', '1')
  await second.says(/the pool is paused, nothing is launched; `lovage pool resume tasks` ends that/)
  await folder.run(['pool', 'remove', 'tasks'])
  second.signal('SIGINT')
  expect(await second.ended).toMatchObject({ code: 0 })
  await serve('--workers', '1')
  expect([...(await workersAre(1)).keys()]).toEqual(['tasks-2'])
})

describe('mistakes are told in one line', { timeout: 60_000 }, () => {
  beforeEach(async () => {
    await mkdir(join(folder.path, 'empty'))
    const files: Readonly<Record<string, string>> = {
      'empty.json': '{}',
      'typo.json': '{"a":{"files":["t.ts"],"maxx":3}}',
      'bounds.json': '{"a":{"files":["t.ts"],"queues":["q"],"min":3,"max":2}}',
      'time.json': '{"a":{"files":["t.ts"],"queues":["q"],"idleTimeout":"60"}}',
      'text.json': '{"a" }',
      'twice.json': '{"tasks":{"files":["t.ts"],"queues":["q"]}}',
    }
    for (const [name, text] of Object.entries(files)) await writeFile(join(folder.path, name), text)
  })

  test.each([
    [['server', '--pool', 'nowhere.json'], /^lovage: expected a pool file at nowhere\.json, got: no such file$/],
    [['server', '--pool', 'nowhere.ts'], /^lovage: expected a task file at nowhere\.ts, got: no such file; /],
    [['server', '--pool', 'threads'], /^lovage: expected --pool of a server to be a file, got: threads; /],
    [['server', '--pool', 'empty.json'], /^lovage: expected empty\.json to name at least one pool, as in .*, got: none$/],
    [
      ['server', '--pool', 'typo.json'],
      /^lovage: expected an option of pool "a" in typo\.json \(.*\), got: "maxx"; did you mean `max`\?$/,
    ],
    [
      ['server', '--pool', 'bounds.json'],
      /^lovage: expected the most workers of pool a to be at least 1 and the least \(3\), got: 2$/,
    ],
    [
      ['server', '--pool', 'time.json'],
      /^lovage: expected `idleTimeout` of pool "a" in time\.json to have a unit, got: 60; write "60s"/,
    ],
    [
      ['server', '--pool', tasksFile, '--pool', 'twice.json'],
      /^lovage: expected pools of different names, got: two named tasks; /,
    ],
    [['server', '--pool', 'text.json'], /^lovage: expected text\.json to be JSON, got: /],
    [['server', '--workers', '0..4'], /^lovage: expected the task file of a pool beside --workers, got: none; name one/],
    [['server', '-Q', 'images'], /^lovage: expected the task file of a pool beside --queues, got: none; /],
    [
      ['server', '--pool', 'bounds.json', '-c', '3'],
      /^lovage: expected the task file of a pool beside --concurrency, got: none; /,
    ],
    [
      ['up', tasksFile, '--idle-timeout', '5s'],
      /^lovage: expected the task file of a pool beside --idle-timeout, got: none; name one, .* `lovage up tasks\.ts --workers 0\.\.4`/,
    ],
    [
      ['server', '--pool', tasksFile, '--workers', '4..2'],
      /^lovage: expected --workers to be a range such as "0\.\.4", .*, got: "4\.\.2"$/,
    ],
    [
      ['server', '--pool', tasksFile, '-b', 'memory:'],
      /^lovage: expected a broker that worker processes can share, got: memory:; /,
    ],
    [
      ['up', tasksFile, '--pool', 'thread'],
      /^lovage: expected --pool to be inline, threads, processes or a file, got: "thread"$/,
    ],
    [['pool', 'scale', 'a', 'many'], /^lovage: expected MIN\.\.MAX to be a range such as "0\.\.4", .*, got: "many"$/],
  ])('lovage %s', async (args, line) => {
    const { code, stdout, stderr } = await folder.run(args)
    expect(stderr.trimEnd()).toMatch(line)
    expect([code, stdout]).toEqual([2, ''])
  })

  test('a pool that there is not', async () => {
    const { code, stderr } = await folder.run(['pool', 'pause', 'images'])
    expect([code, stderr]).toEqual([1, 'lovage: expected the name of a worker pool, got: "images"; there are none\n'])
  })
})
