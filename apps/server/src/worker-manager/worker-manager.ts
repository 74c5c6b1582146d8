/** What the methods of the worker manager share: the records, who may call, and what becomes of the claims of a worker that goes. */
import {
  nullProvider,
  type PoolWorker,
  type PoolWorkerAddress,
  staticProvider,
  type WorkerPool,
  type WorkerPools,
} from '@lovage/core'
import type { Context } from 'hono'
import type { ZodType } from 'zod'
import type { Issuer } from '../auth/issuer.ts'
import type { Scopes } from '../queue-api/authority.ts'
import { ContractError } from '../queue-api/contract-error.ts'
import type { Call } from '../queue-api/endpoint.ts'

export interface WorkerManager {
  /** @throws {ConfigError} UNSUPPORTED where the broker keeps none */
  pools(): WorkerPools
  /** @throws {ConfigError} UNSUPPORTED */
  issuer(): Issuer
  /** @throws {LovageError} AUTHENTICATION_FAILED, SCOPES_INSUFFICIENT */
  authorize(context: Context, scopes: Scopes): Promise<unknown>
  /** Resolves what this worker runs as `worker-shutdown`: it goes elsewhere at once. */
  endClaims(worker: PoolWorker): Promise<void>
  now(): number
}

/** The parts of a path that name a worker. */
export function addressOf({ params }: Pick<Call, 'params'>): PoolWorkerAddress {
  const { workerPoolId = '', workerGroup = '', workerId = '' } = params
  return { workerPoolId, workerGroup, workerId }
}

/** Refuses a new pool or worker whose name no registration takes. @throws {ContractError} InvalidRequestArguments */
export function checkName(schema: ZodType, params: Call['params']): void {
  const { error } = schema.safeParse(params)
  if (error === undefined) return
  const issues = error.issues.map(({ path, message }) => `${message} as \`${path.join('.')}\`, got: ${params[String(path[0])]}`)
  throw new ContractError('InvalidRequestArguments', issues.join('; '))
}

export async function knownPool(pools: WorkerPools, workerPoolId: string): Promise<WorkerPool> {
  return (await pools.get(workerPoolId)) ?? refuseUnknownPool(workerPoolId)
}

export async function knownWorker(pools: WorkerPools, address: PoolWorkerAddress): Promise<PoolWorker> {
  return (await pools.worker(address)) ?? refuseUnknownWorker(address)
}

export function refuseUnknownPool(workerPoolId: string): never {
  throw new ContractError('ResourceNotFound', `expected a worker pool that is there, got: ${workerPoolId}`)
}

export function refuseUnknownWorker({ workerPoolId, workerGroup, workerId }: PoolWorkerAddress): never {
  const message = `expected a worker of the pool ${workerPoolId} that is there, got: ${workerGroup}/${workerId}`
  throw new ContractError('ResourceNotFound', message)
}

/** Whether workers of this provider are made, changed and removed by those who call, and by nobody else. */
export function isByHand(providerId: string): boolean {
  return providerId === staticProvider || providerId === nullProvider
}

/** Removes what is over: workers past their time, and a pool that shall go once none of its workers is left. */
export async function tidyPool(pools: WorkerPools, workerPoolId: string, now: number): Promise<void> {
  // In this order: a worker that is made before the pool is one that goes is among its workers.
  const pool = await pools.get(workerPoolId)
  const workers = await pools.workers(workerPoolId)
  const isOver = ({ providerId, expires }: PoolWorker) => isByHand(providerId) && expires <= now
  for (const worker of workers.filter(isOver)) {
    await pools.changeWorker(worker, (known) => (known !== undefined && isOver(known) ? undefined : known))
  }
  if (pool?.providerId !== nullProvider) return
  if (workers.some((worker) => worker.state !== 'stopped' && !isOver(worker))) return
  await pools.change(workerPoolId, (known) => (known?.providerId === nullProvider ? undefined : known))
}
