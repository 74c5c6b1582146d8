/** The client of canvases, against a cluster in memory. */
import { LovageError, type TaskResult } from '@lovage/core'
import { describe, expect, it } from 'vitest'
import { CanvasRun, Raised } from '../fixtures/canvas-run.ts'
import { CanvasClient } from './canvas-client.ts'
import { chain, chord, group, signature } from './index.ts'

const add = (...args: readonly unknown[]) => signature<number>('add', { args })
const sum = signature<number>('sum')

function clusterOf() {
  const calls: unknown[] = []
  const cluster = new CanvasRun(({ task, args }) => {
    if (task === 'fail') return new Raised('boom')
    const numbers = (task === 'sum' ? args[0] : args) as readonly number[]
    return numbers.reduce((total, item) => total + item, 0)
  })
  const resultOf = (id: string): TaskResult => {
    const record = cluster.records.get(id)
    if (record?.state === 'FAILURE') return { id, state: 'failed', failure: { name: 'ValueError', message: 'boom' } }
    return record === undefined ? { id, state: 'unknown' } : { id, state: 'completed', result: record.result }
  }
  const client = new CanvasClient({
    sender: () => cluster.sender(),
    carryOut: async (orders) => void cluster.drain({ orders, result: [['all', null], null], children: [] }),
    cancel: async (ids) => ids.map((id) => !cluster.records.has(id)),
    results: { wait: async (id) => resultOf(id), get: async (ids) => ids.map(resultOf) },
    backend: {
      expect: async (ids) => void calls.push(['expect', ids, cluster.ran.length]),
      forget: async (ids) => void calls.push(['forget', ids]),
    },
  })
  return { client, cluster, calls }
}

describe('a canvas client', () => {
  it('answers with what a canvas comes to, nested as it is', async () => {
    const { client } = clusterOf()
    const [one, both] = [
      await client.apply(add(1), { args: [2] }),
      await client.apply(group(add(1, 1), chain(add(2), group(add(3), add(4))))),
    ]
    expect([await one.result(), await both.result()]).toEqual([3, [2, [5, 6]]])
    expect(await (await client.apply(chord([add(1, 2), add(3, 4)], sum))).result()).toBe(10)
  })

  it('expects answers before anything is sent, those of steps before the last included', async () => {
    const { client, calls, cluster } = clusterOf()
    const applied = await client.apply(chain(add(1), add(2)), { options: { task_id: 'end' } })
    expect(calls).toEqual([['expect', cluster.ran.map(({ id }) => id), 0]])
    expect([applied.id, applied.ids, await applied.result()]).toEqual(['end', ['end'], 3])
    await applied.forget()
    expect(calls[1]).toEqual(['forget', cluster.ran.map(({ id }) => id)])
  })

  it('tells which task failed, and of those that it kept from running', async () => {
    const { client } = clusterOf()
    const applied = await client.apply(chain(signature('fail'), add(2)))
    const error = await applied.result().catch((thrown: unknown) => thrown)
    expect(LovageError.is(error, 'TASK_FAILED') && error.message).toContain(`task ${applied.id} failed: ValueError: boom`)
    expect([(await applied.states()).map(({ state }) => state), await applied.cancel()]).toEqual([['failed'], false])
  })
})
