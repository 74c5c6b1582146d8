/** Gateways in processes of their own that are replaced and killed under load, behind a load balancer, on a store in a file. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Broker } from '@lovage/core'
import { createQueueBroker } from '@lovage/queue'
import { sqliteBackend } from '@lovage/store-sqlite'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { Balancer } from './fixtures/balancer.ts'
import { job, within } from './fixtures/gateway-world.ts'
import { Program } from './fixtures/program.ts'

const workers = 20
const capacity = 3
/** Sent before each step. */
const wave = 300
const longMs = 120_000

let directory: string
let balancer: Balancer
let broker: Broker
const programs: Program[] = []
const ids: string[] = []
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'lovage-rolling-'))
  balancer = await Balancer.open()
  broker = await createQueueBroker(await sqliteBackend(join(directory, 'lovage.db')))
  ids.length = 0
})
afterEach(async () => {
  for (const one of programs.splice(0)) one.kill('SIGKILL')
  balancer.close()
  await broker.close()
  await rm(directory, { recursive: true })
})

function program(name: string, ...args: readonly string[]): Program {
  const started = new Program(name, ...args)
  programs.push(started)
  return started
}

interface Gateway {
  readonly process: Program
  readonly url: string
}

async function gateway(): Promise<Gateway> {
  const process = program('gateway-process.ts', join(directory, 'lovage.db'))
  return { process, url: await process.line(longMs) }
}

async function crowd(): Promise<Program> {
  const started = program('crowd-process.ts', balancer.url, String(workers), String(capacity), 'w', '200')
  expect(await started.line(longMs)).toBe('connected')
  return started
}

async function sendWave(): Promise<void> {
  const next = Array.from({ length: wave }, (_, n) => `t${ids.length + n}`)
  ids.push(...next)
  await broker.tasks.send(next.map((id) => job(id)))
}

/** Waits for all that was sent, each completed with its own result. Answers how runs ended that did not. */
async function allDone(): Promise<readonly string[]> {
  const last = Promise.all(ids.map((id) => broker.results.wait(id)))
  await within(last, 'all results', longMs)
  const tasks = (await broker.admin?.get(ids)) ?? []
  expect(tasks.map((task) => task?.result)).toEqual(ids.map((id) => `"${id}"`))
  // Runs that ended before the last one.
  return tasks.flatMap((task) => task?.runs.map(({ outcome }) => outcome) ?? [])
}

test('two gateways are replaced under load: workers move over, nothing is lost, nothing runs twice', {
  timeout: longMs,
}, async () => {
  let [here, there] = [await gateway(), await gateway()]
  balancer.to(here.url, there.url)
  const all = await crowd()
  for (let step = 0; step < 3; step++) {
    const next = await gateway()
    balancer.to(there.url, next.url)
    await sendWave()
    here.process.kill('SIGTERM')
    expect(await here.process.exit()).toBe(0)
    ;[here, there] = [there, next]
  }
  expect(await allDone()).toEqual([])
  all.kill('SIGTERM')
  expect(JSON.parse(await all.line(longMs))).toMatchObject({ starts: ids.length, tasks: ids.length })
})

test('a gateway that is killed under load takes nothing along: its workers go on at the other', { timeout: longMs }, async () => {
  const [here, there] = [await gateway(), await gateway()]
  balancer.to(here.url, there.url)
  const all = await crowd()
  await sendWave()
  await within(broker.results.wait('t50'), 'a part of the results')
  balancer.to(there.url)
  here.process.kill('SIGKILL')
  await sendWave()
  // What it had taken for its workers and not handed over goes back.
  expect((await allDone()).filter((outcome) => outcome !== 'released')).toEqual([])
  all.kill('SIGTERM')
  const { tasks, most } = JSON.parse(await all.line(longMs))
  expect([tasks, most]).toEqual([ids.length, capacity])
})

test('a gateway that is killed with its worker costs no lease: another one notices, and waits for the worker no longer than a grace', async () => {
  const [here, there] = [await gateway(), await gateway()]
  const lost = program('worker-process.ts', here.url, 'lost', 'w')
  expect(await lost.line()).toBe('connected')
  await broker.tasks.send([job('a')])
  expect(await lost.line()).toBe('begins a')
  const other = program('worker-process.ts', there.url, 'other', 'w')
  expect(await other.line()).toBe('connected')
  here.process.kill('SIGKILL')
  lost.kill('SIGKILL')
  expect(await other.line(longMs)).toBe('begins a')
  // Not by its lease, which nobody renews.
  expect((await broker.admin?.get(['a']))?.[0]).toMatchObject({ run: 1, lost: 1, runs: [{ outcome: 'lost' }] })
})
