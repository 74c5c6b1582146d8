/** `lovage pool`: sees worker pools, changes their size, pauses them and ends their quarantine. */
import type { Client } from '@lovage/client'
import { type Admin, nearest, type PoolStanding, TaskError, type WorkerPool, withoutFailures } from '@lovage/core'
import { adminOf } from '../admin-of.ts'
import { withBroker } from '../connection.ts'
import { type ExitCode, exitCodes } from '../exit-code.ts'
import { type Action, argument, type Invocation } from '../invocation.ts'
import { workerRange } from '../provisioning/pool-flags.ts'
import { capacityOf, type PoolStatus, readPools } from '../provisioning/read-pools.ts'
import { painter } from '../render/paint.ts'
import { poolDetail, poolRows } from '../render/pool-rows.ts'
import { print, printJson } from '../terminal.ts'

export const poolList: Action = async (invocation) => {
  const { terminal, settings } = invocation
  const pools = await withBroker(invocation, (broker) => readPools(adminOf(broker)))
  if (settings.json) printJson(terminal, { pools: pools.map(poolDocument) })
  else if (pools.length === 0)
    print(terminal.out, `no worker pools on ${settings.broker}; begin one with \`lovage server --pool\``)
  else for (const line of poolRows(pools, painter(terminal.out), Date.now(), terminal.out.columns)) print(terminal.out, line)
  return exitCodes.done
}

export const poolShow: Action = async (invocation) => {
  const { terminal, settings } = invocation
  const name = argument(invocation, 0)
  const { status, errors } = await withBroker(invocation, async (broker) => {
    const admin = adminOf(broker)
    const found = (await readPools(admin)).find(({ pool }) => pool.workerPoolId === name)
    return { status: found ?? (await unknownPool(admin, name)), errors: await admin.pools.errors(name) }
  })
  if (settings.json) printJson(terminal, { ...poolDocument(status), errors })
  else for (const line of poolDetail(status, errors, painter(terminal.out), Date.now())) print(terminal.out, line)
  return exitCodes.done
}

export const poolPause: Action = (invocation) => change(invocation, 'paused', (standing) => ({ ...standing, paused: true }))

/** Ends a quarantine, too: who resumes a pool says that it is mended. */
export const poolResume: Action = (invocation) => change(invocation, 'resumed', resumed)

const resumed = (standing: PoolStanding): PoolStanding => ({ ...withoutFailures(standing), paused: false })

export const poolScale: Action = async (invocation) => {
  const { terminal, settings } = invocation
  const name = argument(invocation, 0)
  const { min, max } = workerRange('MIN..MAX')(argument(invocation, 1))
  const scaled = (pool: WorkerPool): WorkerPool => {
    const each = capacityOf(pool)
    return { ...pool, config: { ...pool.config, minCapacity: min * each, maxCapacity: max * each }, lastModified: Date.now() }
  }
  await withKnown(invocation, name, (admin) => admin.pools.change(name, (known) => known && scaled(known)))
  if (settings.json) printJson(terminal, { pool: name, min, max })
  else print(terminal.out, `${name} has ${min === max ? max : `${min} to ${max}`} workers from now on`)
  return exitCodes.done
}

export const poolRemove: Action = async (invocation) => {
  const { terminal, settings } = invocation
  const name = argument(invocation, 0)
  await withKnown(invocation, name, async ({ pools }) => {
    await pools.change(name, () => undefined)
    // One that is begun anew under this name is neither paused nor in quarantine; its workers' numbers go on.
    await pools.changeStanding(name, resumed)
  })
  if (settings.json) printJson(terminal, { pool: name, removed: true })
  else print(terminal.out, `${name} removed; its workers finish what they run and end`)
  return exitCodes.done
}

async function change(invocation: Invocation, did: string, verb: (standing: PoolStanding) => PoolStanding): Promise<ExitCode> {
  const { terminal, settings } = invocation
  const name = argument(invocation, 0)
  await withKnown(invocation, name, (admin) => admin.pools.changeStanding(name, verb))
  if (settings.json) printJson(terminal, { pool: name, [did]: true })
  else print(terminal.out, `${name} ${did}`)
  return exitCodes.done
}

async function withKnown(invocation: Invocation, name: string, work: (admin: Admin) => Promise<unknown>): Promise<void> {
  await withBroker(invocation, async (broker: Client) => {
    const admin = adminOf(broker)
    if ((await admin.pools.get(name)) === undefined) await unknownPool(admin, name)
    await work(admin)
  })
}

/** @throws {TaskError} POOL_UNKNOWN */
async function unknownPool({ pools }: Admin, name: string): Promise<never> {
  const names = (await pools.list()).map(({ workerPoolId }) => workerPoolId)
  const close = nearest(name, names)
  const known = names.length === 0 ? 'there are none' : `there ${names.length === 1 ? 'is' : 'are'} ${names.join(', ')}`
  const cure = close === undefined ? known : `did you mean ${close}?`
  throw new TaskError('POOL_UNKNOWN', `expected the name of a worker pool, got: ${JSON.stringify(name)}; ${cure}`, {
    subject: name,
  })
}

function poolDocument({ pool, standing, quarantined, queues, workers }: PoolStatus): object {
  return { ...pool, queues, standing, quarantined, workers }
}
