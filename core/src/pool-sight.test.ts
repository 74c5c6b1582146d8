/** What becomes of a pool's worker by what is seen of it. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  isSilent,
  presentWorkers,
  rememberedMs,
  sightedWorker,
  stoppingWorker,
  takeBackMs,
  type WorkerSight,
} from './pool-sight.ts'
import { type PoolWorker, poolWorkerStates } from './worker-pool.ts'

const startMs = 60_000
const worker = (over: Partial<PoolWorker> = {}): PoolWorker => ({
  ...{ workerPoolId: 'p', workerGroup: 'g', workerId: 'p-1', providerId: 'local', capacity: 1 },
  ...{ state: 'requested', created: 1000, lastModified: 1000, lastChecked: 1000, expires: 9e15, launchedBy: 'h' },
  ...over,
})
const look = (known: PoolWorker, sight: Partial<WorkerSight>, now = 2000): PoolWorker =>
  sightedWorker(known, { orphaned: false, ...sight }, startMs, now)

test('it runs when it takes tasks, and then costs no writes', () => {
  const running = look(worker(), { holder: 'w', launched: true })
  expect(running).toMatchObject({ state: 'running', incarnation: 'w', lastModified: 2000 })
  expect(look(running, { holder: 'w', launched: true }, 20_000)).toBe(running)
  expect(look(running, { holder: 'w', launched: true }, 40_000)).toMatchObject({ lastChecked: 40_000, lastModified: 2000 })
})

describe('it has ended', () => {
  test.each([
    ['ours, when its launcher says so', worker({ state: 'running' }), { holder: 'w', launched: false }, true],
    ['ours, not while its launcher has it', worker({ state: 'running' }), { launched: true }, false],
    ['of others, when nobody sees it any more and its launcher is gone', worker({ state: 'running' }), { orphaned: true }, true],
    ['of others, not while its launcher is there to say so', worker({ state: 'running' }), {}, false],
    ['of nobody, when nobody sees it any more', worker({ state: 'running', launchedBy: undefined }), {}, true],
    ['of others, not while it is on its way', worker(), {}, false],
    ['of others, when it was on its way and its launcher is gone', worker(), { orphaned: true }, true],
  ] as const)('%s', (_name, known, sight, ended) => {
    expect(look(known, sight).state === 'stopped').toBe(ended)
  })

  test.each(['requested', 'running', 'stopping'] as const)('of others that is %s and out of sight, in the end', (state) => {
    expect(look(worker({ state }), {}, 1000 + 2 * startMs - 1).state).toBe(state)
    const now = 1000 + 2 * startMs
    expect(look(worker({ state }), {}, now)).toMatchObject({ state: 'stopped', expires: now + rememberedMs })
  })
})

describe('a process that others take for gone', () => {
  test('its workers stop, and are taken back when it is not', () => {
    const lost = look(worker({ state: 'running' }), { holder: 'w', orphaned: true })
    expect(lost).toMatchObject({ state: 'stopping', terminate: { reason: 'provisioner-lost' } })
    expect(look(lost, { holder: 'w', launched: true }, 2000 + takeBackMs - 1)).toBe(lost)
    expect(look(lost, { holder: 'w', launched: true, orphaned: true }, 2000 + takeBackMs)).toBe(lost)
    expect(look(lost, { holder: 'w', launched: true }, 2000 + takeBackMs)).toMatchObject({
      state: 'running',
      terminate: undefined,
    })
  })

  test('does not stop its own', () => {
    const known = worker({ state: 'running' })
    expect(look(known, { holder: 'w', launched: true, orphaned: true })).toBe(known)
  })

  test('finds a worker again that was taken for ended', () => {
    expect(look(worker({ state: 'stopped' }), { holder: 'w', launched: true })).toMatchObject({ state: 'running' })
    expect(look(worker({ state: 'stopped' }), { holder: 'w' }).state).toBe('stopped')
  })
})

test('silent is who is there and takes no tasks for too long', () => {
  const silent = (known: PoolWorker, sight: Partial<WorkerSight>, now: number) =>
    isSilent(known, { orphaned: false, ...sight }, startMs, now)
  const unseen = { launched: true, unseenSince: 1000 }
  expect(silent(worker(), unseen, 1000 + startMs - 1)).toBe(false)
  expect(silent(worker(), unseen, 1000 + startMs)).toBe(true)
  expect(silent(worker({ state: 'running' }), unseen, 1000 + startMs)).toBe(true)
  expect(silent(worker({ state: 'running' }), { launched: true }, 9e9)).toBe(false)
  expect(silent(worker(), { ...unseen, holder: 'w' }, 1000 + startMs)).toBe(false)
  expect(silent(worker({ state: 'stopping' }), unseen, 1000 + startMs)).toBe(false)
  expect(silent(worker({ state: 'stopping' }), { launched: true, lostSince: 1000 }, 6000)).toBe(true)
  expect(silent(worker({ state: 'running' }), { launched: true, lostSince: 1000 }, 5999)).toBe(false)
  expect(silent(worker({ state: 'running' }), { lostSince: 1000 }, 6000)).toBe(false)
})

test('whatever is seen, a state is left only as the states allow, and a second look changes nothing', () => {
  const steps = { requested: 0, running: 1, stopping: 2, stopped: 3 }
  const sights = fc.record({
    holder: fc.option(fc.constant('w'), { nil: undefined }),
    launched: fc.option(fc.boolean(), { nil: undefined }),
    orphaned: fc.boolean(),
  })
  fc.assert(
    fc.property(fc.constantFrom(...poolWorkerStates), sights, fc.nat(300_000), (state, sight, later) => {
      const before = worker({ state })
      const now = 1000 + later
      const after = sightedWorker(before, sight, startMs, now)
      const isTakenBack = sight.launched === true && sight.holder !== undefined && state === 'stopped'
      if (!isTakenBack) expect(steps[after.state]).toBeGreaterThanOrEqual(steps[state])
      expect(sightedWorker(after, sight, startMs, now)).toBe(after)
    }),
  )
})

test('who stops already keeps the reason', () => {
  const stopping = stoppingWorker(worker(), 'idle', 5)
  expect(stopping).toMatchObject({ state: 'stopping', terminate: { reason: 'idle' }, lastModified: 5 })
  expect(stoppingWorker(stopping, 'max-lifetime', 6)).toBe(stopping)
})

test('for those who only look, workers of a provisioner that is gone are not there', () => {
  const named = (workerId: string, over: Partial<PoolWorker>) => worker({ workerId, ...over })
  const all = [
    named('p-1', { state: 'running' }),
    named('p-2', { state: 'running' }),
    named('p-3', { state: 'stopping' }),
    named('p-4', { lastChecked: 0 }),
    named('p-5', { lastChecked: 999_000 }),
    named('p-6', { state: 'stopped' }),
    named('by-hand', { state: 'running', launchedBy: undefined }),
  ]
  const ids = presentWorkers(all, new Set(['p-1@g', 'p-3@g']), 1_000_000).map(({ workerId }) => workerId)
  expect(ids).toEqual(['p-1', 'p-3', 'p-5', 'by-hand'])
})
