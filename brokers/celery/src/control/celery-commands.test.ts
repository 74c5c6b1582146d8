/** Celery's commands in front of a worker's own. */
import { ConfigError, type ControlHandler, type WorkerEvent } from '@lovage/core'
import { describe, expect, test } from 'vitest'
import { builtinNames } from '../canvas/builtin-tasks.ts'
import { ToyCluster } from '../fixtures/toy-cluster.ts'
import { ToyWorker } from '../fixtures/toy-worker.ts'
import { celeryCommands } from './celery-commands.ts'

async function setUp(answers: Readonly<Record<string, unknown>> = {}) {
  const cluster = new ToyCluster({ task_queue_max_priority: 5 })
  const worker = await ToyWorker.open(cluster)
  const asked: unknown[] = []
  const told: WorkerEvent[] = []
  const handler: ControlHandler = (method, args) => {
    asked.push([method, args])
    if (!Object.hasOwn(answers, method)) throw new ConfigError('UNSUPPORTED', `no such command: ${method}`)
    return answers[method]
  }
  const { member } = cluster
  const surroundings = { member, worker: 'toy@test', handler, stamps: worker.stamps, builtInNames: builtinNames }
  const ask = celeryCommands({ ...surroundings, tell: (event) => told.push(event) })
  return { cluster, worker, asked, told, ask: async (method: string, args = {}) => ask(method, args) }
}

describe('commands', () => {
  test('of older versions have other names', async () => {
    const { ask, asked } = await setUp({ active: [], registered: [] })
    await ask('dump_active')
    await ask('dump_tasks')
    expect(asked).toEqual([
      ['active', {}],
      ['registered', {}],
    ])
  })

  test('that nobody has are refused by the worker', async () => {
    const { ask } = await setUp()
    await expect(ask('dance')).rejects.toThrow('no such command: dance')
    await expect(ask('constructor')).rejects.toThrow('no such command: constructor')
    await expect(ask('pool_restart')).rejects.toThrow('Pool restarts not enabled')
  })

  test('show tasks with what only their messages say', async () => {
    const { cluster, ask } = await setUp({ active: [{ id: 't1', args: [], hostname: 'toy@test' }, { id: 'gone' }] })
    cluster.arrive({ id: 't1', task: 'job', args: [1, 'a'], kwargs: { k: null }, shadow: 'shown', priority: 3 }, true)
    const delivery_info = { exchange: '', routing_key: 'celery', priority: 3, redelivered: true }
    const facts = { id: 't1', name: 'shown', hostname: 'toy@test', acknowledged: false, delivery_info }
    expect(await ask('active')).toEqual([{ ...facts, args: [1, 'a'], kwargs: { k: null } }, { id: 'gone' }])
    expect(await ask('active', { safe: true })).toMatchObject([{ args: "(1, 'a')", kwargs: "{'k': None}" }, { id: 'gone' }])
  })

  test('show queues with their exchange, and the built-in tasks when asked to', async () => {
    const { ask } = await setUp({ active_queues: [{ name: 'default', durable: true }], registered: ['job'] })
    expect(await ask('active_queues')).toMatchObject([
      { name: 'celery', exchange: { name: 'celery', type: 'direct' }, queue_arguments: { 'x-max-priority': 5 }, max_priority: 5 },
    ])
    expect(await ask('registered')).toEqual(['job'])
    expect(await ask('registered', { builtins: true })).toEqual([...builtinNames, 'job'].sort())
  })

  test('report the software, the broker and all settings, and where it is', async () => {
    const stats = { broker: { hostname: null }, load: { active: 1 } }
    const { ask } = await setUp({ report: { ok: 'lovage 1.2.3, node v24\n{ old }' }, conf: { concurrency: 4 }, stats })
    const { ok } = (await ask('report')) as { readonly ok: string }
    const [software, where, , ...rest] = ok.split('\n')
    expect(software).toBe('lovage 1.2.3, node v24')
    expect(where).toBe('settings -> transport:amqp results:redis broker:localhost:5672//')
    expect(rest.join('\n')).toMatch(/concurrency: 4,[\s\S]*task_queue_max_priority: 5,[\s\S]*hostname: 'localhost'/)
    expect(ok).not.toMatch(/null,?\s*port|old/)
  })

  test('revoke by what tasks are stamped with', async () => {
    const { cluster, worker, ask, asked } = await setUp({ revoke: { ok: '' } })
    cluster.arrive({ id: 't1', task: 'job', stampedHeaders: ['user'], stamps: { user: 7 } })
    expect(await ask('revoke_by_stamped_headers', { headers: { user: 7 }, terminate: true, signal: 'KILL' })).toEqual({
      ok: "headers {'user': [7]} revoked",
    })
    expect(asked).toEqual([['revoke', { task_id: ['t1'], terminate: true, signal: 'KILL' }]])
    expect(worker.stamps.matches({ stamps: { user: [8, 7] } })).toBe(true)
    expect(await ask('revoke_by_stamped_headers', { headers: ['user=a'] })).toEqual({
      ok: "headers {'user': ['a']} flagged as revoked, but not terminated",
    })
    await expect(ask('revoke_by_stamped_headers', { headers: 'user' })).rejects.toThrow('expected `headers` to be an object')
  })

  test('acknowledge an election when everybody else has stood for it', async () => {
    const { cluster, told, ask } = await setUp()
    expect(await ask('election', { id: 'e1', topic: 'task', action: {} })).toBeNull()
    expect(told).toEqual([])
    cluster.advance(1000)
    expect(told).toMatchObject([{ type: 'worker-elect-ack', id: 'e1', worker: 'toy@test' }])
  })
})
