/** The records of worker pools, and the secrets of a queue, when several change them at once. */
import { type Admin, BugError, type PoolWorker, type WorkerPool } from '@lovage/core'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type World, world } from './fixtures/world.ts'

let here: World
let admins: readonly Admin[]
beforeEach(async () => {
  here = await world()
  admins = [here.broker, await here.another()].map(({ admin }) => {
    if (admin === undefined) throw new BugError('BUG', 'the queue has an admin')
    return admin
  })
})
afterEach(() => here.close())

const pool = (over: Partial<WorkerPool> = {}): WorkerPool => ({
  workerPoolId: 'images/small',
  providerId: 'static',
  description: '',
  owner: 'me@example.com',
  emailOnError: false,
  config: { minCapacity: 0, maxCapacity: 5, launchConfigs: [] },
  created: 1,
  lastModified: 1,
  ...over,
})

const worker = (workerPoolId: string, workerId: string): PoolWorker => ({
  workerPoolId,
  workerGroup: 'here',
  workerId,
  providerId: 'static',
  state: 'requested',
  capacity: 1,
  created: 1,
  lastModified: 1,
  lastChecked: 1,
  expires: 2,
})

test('a pool is made, changed and removed, and watched', async () => {
  const [{ pools: ours }, { pools: theirs }] = admins as [Admin, Admin]
  let told = 0
  const end = await theirs.watch(() => told++)
  expect(await ours.change('images/small', () => pool())).toEqual(pool())
  expect(told).toBe(1)
  expect(await theirs.change('images/small', (known) => known && { ...known, description: 'x' })).toEqual(
    pool({ description: 'x' }),
  )
  expect(await ours.list()).toEqual([pool({ description: 'x' })])
  expect(await ours.change('images/small', () => undefined)).toBeUndefined()
  expect(await theirs.get('images/small')).toBeUndefined()
  expect(told).toBe(3)
  expect(await ours.change('images/small', (known) => known)).toBeUndefined()
  expect(told).toBe(3)
  end()
})

test('changes of several at once are all kept', async () => {
  await admins[0]?.pools.change('images/small', () => pool())
  const grow = (known: WorkerPool | undefined) => known && { ...known, lastModified: known.lastModified + 1 }
  await Promise.all(Array.from({ length: 10 }, (_, i) => admins[i % 2]?.pools.change('images/small', grow)))
  expect(await admins[1]?.pools.get('images/small')).toMatchObject({ lastModified: 11 })
})

test('errors that a whole fleet reports at once are all kept, and none that fails holds the next up', async () => {
  const parts = { workerPoolId: 'images/small', reported: 1, kind: 'worker-error', title: '', description: '', extra: {} }
  const reports = Array.from({ length: 90 }, (_, i) => admins[i % 2]?.pools.report({ ...parts, errorId: `e${i}` }))
  const torn = admins[0]?.pools.report({ ...parts, errorId: 'torn', extra: { count: 1n } })
  const last = admins[0]?.pools.report({ ...parts, errorId: 'last' })
  await expect(torn).rejects.toThrow(TypeError)
  await Promise.all([...reports, last])
  expect(await admins[1]?.pools.errors('images/small')).toHaveLength(91)
})

test('a change that throws changes nothing', async () => {
  const { pools } = admins[0] as Admin
  await pools.change('images/small', () => pool())
  const refuse = () => {
    throw new RangeError('no')
  }
  await expect(pools.change('images/small', refuse)).rejects.toThrow(RangeError)
  expect(await pools.get('images/small')).toEqual(pool())
})

test('workers are listed by pool', async () => {
  const { pools } = admins[0] as Admin
  for (const one of [worker('b', '1'), worker('a', '2'), worker('a', '1')]) await pools.changeWorker(one, () => one)
  expect((await pools.workers()).map((one) => `${one.workerPoolId}${one.workerId}`)).toEqual(['a1', 'a2', 'b1'])
  expect((await pools.workers('a')).map((one) => one.workerId)).toEqual(['1', '2'])
  expect(await pools.worker({ workerPoolId: 'b', workerGroup: 'here', workerId: '1' })).toEqual(worker('b', '1'))
})

test('of each pool the latest hundred errors are kept', async () => {
  const { pools } = admins[0] as Admin
  const error = (workerPoolId: string, reported: number) => ({
    ...{ workerPoolId, reported, errorId: `${workerPoolId}${reported}`, kind: 'worker-error', title: 't' },
    ...{ description: 'd', extra: {} },
  })
  for (let at = 0; at < 105; at++) await pools.report(error('a', at))
  await pools.report(error('b', 50))
  expect((await pools.errors('a')).map(({ reported }) => reported)).toEqual(Array.from({ length: 100 }, (_, i) => 104 - i))
  expect((await pools.errors()).filter(({ reported }) => reported === 50)).toHaveLength(2)
  expect(await pools.errors('c')).toEqual([])
})

test('a secret is one for all processes, and another by another name', async () => {
  const [first, ...others] = await Promise.all([...admins, ...admins].map((admin) => admin.secret('issuer')))
  expect(first).toMatch(/^[\w-]{43}$/)
  expect(new Set(others)).toEqual(new Set([first]))
  expect(await admins[1]?.secret('other')).not.toBe(first)
})
