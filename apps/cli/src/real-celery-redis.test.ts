/** The command line in a Celery cluster on Redis. */
import { fileURLToPath } from 'node:url'
import { type PrivateRedis, startCeleryWorker, startRedis } from '@lovage/services'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { LovageFolder, tasksFile } from './fixtures/lovage-command.ts'

const python = fileURLToPath(new URL('../../../brokers/celery/src/fixtures/demo.py', import.meta.url))
let server: PrivateRedis
let folder: LovageFolder
beforeAll(async () => {
  server = await startRedis()
  folder = await LovageFolder.make()
}, 120_000)
afterAll(async () => {
  await folder?.close()
  await server?.stop()
})

/** Options of every command, for a database of its own and results in another. */
const cluster = (database: number) => ['-b', `${server.url}/${database}`, '--results', `${server.url}/${database + 1}`]

describe('the command line in a Celery cluster', { timeout: 90_000 }, () => {
  test('runs a worker, sends to it, sees and steers it', async () => {
    const place = cluster(0)
    const worker = folder.start([
      'worker',
      tasksFile,
      ...place,
      '-n',
      'w1@test',
      '-c',
      '8',
      '-Q',
      'default,extra',
      '-E',
      '--set',
      'task_track_started=true',
    ])
    await worker.says(/worker ready/)
    const sent = await folder.run(['send', 'math.add', '{"a":1,"b":2}', '--wait', '--timeout', '15s', ...place])
    expect([sent.code, sent.stdout.trim()]).toEqual([0, '3'])
    expect((await folder.run(['status', ...place])).stdout).toMatch(/w1@test .* celery,extra .* 0\/8/)
    const queues = await folder.run(['inspect', 'active_queues', '--json', ...place])
    const [{ value }] = JSON.parse(queues.stdout).replies
    expect(value.map(({ name }: { name: string }) => name)).toEqual(['celery', 'extra'])
    expect((await folder.run(['control', 'shutdown', '-d', 'w1@test', ...place])).code).toBe(0)
    expect(await worker.ended).toMatchObject({ code: 0 })
  })

  const refusals: readonly [readonly string[], number, RegExp][] = [
    [['tasks'], 1, /^lovage: expected a broker that keeps its tasks, got: celery; see its workers with `lovage inspect`$/m],
    [['show', 'x'], 1, /expected a broker that keeps its tasks, got: celery/],
    [['retry', 'x'], 1, /expected a broker that keeps its tasks, got: celery/],
    [['schedule', 'list'], 1, /expected a broker that keeps its tasks, got: celery/],
    [['migrate'], 2, /expected the URL of a store, got a Celery cluster/],
    [['result', 'x'], 1, /expected the result of a task on redis:.*, got none of: x; .* --wait waits$/m],
    [['send', 'add', '--key', 'k'], 1, /expected no `key` for a task of Celery/],
    [['status', '--set', 'task_acks_lat=true'], 2, /got: "task_acks_lat"; did you mean `task_acks_late`\?$/m],
    [['status', '--set', 'task_acks_late'], 2, /expected --set to be NAME=VALUE, got: "task_acks_late"$/m],
    [['status', '--lease', '3s'], 2, /expected no `lease` for a Celery cluster/],
  ]
  test.for(refusals)('refuses %o in one line', async ([args, code, line]) => {
    const ended = await folder.run([...args, ...cluster(2)])
    expect([ended.code, ended.stderr]).toEqual([code, expect.stringMatching(line)])
    expect(ended.stderr.trim().split('\n')).toHaveLength(1)
  })

  test('sends nothing that it would wait for in vain', async () => {
    const { code, stderr } = await folder.run(['send', 'add', '--wait', '-b', `${server.url}/4`])
    expect([code, stderr]).toEqual([1, expect.stringContaining('expected a result backend, got none')])
  })
})

describe('the command line and a Python worker', { timeout: 90_000 }, () => {
  test('sees, steers and sends to it', async () => {
    const place = cluster(6)
    const worker = await startCeleryWorker({
      file: python,
      broker: `${server.url}/6`,
      backend: `${server.url}/7`,
      name: 'py@test',
    })
    const sent = await folder.run(['send', 'demo.add', '--args', '[20, 22]', '--wait', '--timeout', '15s', ...place])
    expect([sent.code, sent.stdout.trim()]).toEqual([0, '42'])
    const failed = await folder.run(['send', 'demo.fail', '--wait', '--timeout', '15s', ...place])
    expect([failed.code, failed.stderr]).toEqual([
      1,
      expect.stringMatching(/demo\.fail.*failed: ValueError: \('boom', 42\)|failed: ValueError: \('boom', 42\)/),
    ])
    expect((await folder.run(['status', '--timeout', '3s', ...place])).stdout).toContain('py@test')
    const limited = await folder.run([
      'control',
      'rate_limit',
      'demo.limited',
      '5/m',
      '-d',
      'py@test',
      '--timeout',
      '10s',
      ...place,
    ])
    expect(limited.stdout).toContain('new rate limit set successfully')
    await worker.stop()
  })
})
