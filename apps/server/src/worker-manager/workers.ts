/** Workers of pools: made and changed where that is done by hand, removed, looked at, and told when to end. */
import { nullProvider, type PoolWorker, type PoolWorkerAddress, type WorkerPool } from '@lovage/core'
import { ContractError } from '../queue-api/contract-error.ts'
import { type Endpoint, endpoint } from '../queue-api/endpoint.ts'
import { pageOf } from './page.ts'
import { workerJson } from './pool-json.ts'
import {
  shouldTerminateSchema,
  type WorkerBody,
  type WorkerQuery,
  workerBody,
  workerListSchema,
  workerName,
  workerQuery,
  workerSchema,
} from './schemas.ts'
import { hashOf } from './secrets.ts'
import {
  addressOf,
  checkName,
  isByHand,
  knownPool,
  knownWorker,
  refuseUnknownWorker,
  tidyPool,
  type WorkerManager,
} from './worker-manager.ts'

const path = '/workers/{workerPoolId}/{workerGroup}/{workerId}'

export function workerEndpoints(manager: WorkerManager): readonly Endpoint[] {
  return [...changingEndpoints(manager), ...listingEndpoints(manager)]
}

function changingEndpoints(manager: WorkerManager): readonly Endpoint[] {
  const { pools, authorize, now } = manager
  return [
    endpoint<WorkerBody>({
      ...{ name: 'createWorker', method: 'put', path, body: workerBody, answer: workerSchema, secretive: true },
      summary: 'Makes a worker of a static pool, which proves who it is by its secret; the same one again is no conflict',
      async handle({ context, params, body }) {
        const address = addressOf({ params })
        await authorize(context, `worker-manager:create-worker:${nameOf(address)}`)
        checkName(workerName, params)
        const pool = await knownPool(pools(), address.workerPoolId)
        checkByHand(pool, 'create')
        if (pool.providerId === nullProvider) throw poolGoes(address)
        const made = madeWorker(address, body, now())
        await tidyPool(pools(), address.workerPoolId, now())
        const worker = await pools().changeWorker(address, (known) => known ?? made)
        if (worker === made) await checkStays(manager, made)
        if (worker === undefined || isSame(worker, made)) return workerJson(worker ?? made)
        throw new ContractError(
          'RequestConflict',
          `expected a new worker, got: ${nameOf(address)}, which is there with other content`,
        )
      },
    }),
    endpoint<WorkerBody>({
      ...{ name: 'updateWorker', method: 'post', path, body: workerBody, answer: workerSchema, secretive: true },
      summary: 'Changes when a worker of a static pool expires, its capacity and its secret',
      async handle({ context, params, body }) {
        const address = addressOf({ params })
        await authorize(context, `worker-manager:update-worker:${nameOf(address)}`)
        checkByHand(await knownPool(pools(), address.workerPoolId), 'update')
        const worker = await pools().changeWorker(
          address,
          (known) => known && { ...known, ...changesOf(body), lastModified: now() },
        )
        return workerJson(worker ?? refuseUnknownWorker(address))
      },
    }),
    endpoint({
      ...{ name: 'removeWorker', method: 'delete', path },
      summary: 'Ends a worker: what it runs goes elsewhere at once; one that was launched is told to stop',
      async handle({ context, params }) {
        const address = addressOf({ params })
        await authorize(context, `worker-manager:remove-worker:${nameOf(address)}`)
        await removeWorker(manager, address)
        return {}
      },
    }),
  ]
}

function listingEndpoints({ pools, authorize, now }: WorkerManager): readonly Endpoint[] {
  const listed = async (workerPoolId: string, { state, launchConfigId, ...query }: WorkerQuery, workerGroup?: string) => {
    await tidyPool(pools(), workerPoolId, now())
    const all = (await pools().workers(workerPoolId)).filter(
      (worker) =>
        (workerGroup === undefined || worker.workerGroup === workerGroup) &&
        (state === undefined || worker.state === state) &&
        (launchConfigId === undefined || worker.launchConfigId === launchConfigId),
    )
    const { items, ...page } = pageOf(all, query)
    return { workers: items.map(workerJson), ...page }
  }
  return [
    endpoint({
      ...{ name: 'shouldWorkerTerminate', method: 'get', path: `${path}/should-terminate`, answer: shouldTerminateSchema },
      summary: 'Says to a worker whether it had better end, and why',
      async handle({ context, params }) {
        const address = addressOf({ params })
        await authorize(context, `worker-manager:should-worker-terminate:${nameOf(address)}`)
        const worker = await knownWorker(pools(), address)
        const reason = endReason(worker, await pools().get(address.workerPoolId), now())
        return { terminate: reason !== undefined, reason: reason ?? 'it is needed' }
      },
    }),
    endpoint({
      ...{ name: 'worker', method: 'get', path, answer: workerSchema },
      summary: 'Shows a worker',
      async handle({ context, params }) {
        const address = addressOf({ params })
        await authorize(context, `worker-manager:get-worker:${nameOf(address)}`)
        await tidyPool(pools(), address.workerPoolId, now())
        return workerJson(await knownWorker(pools(), address))
      },
    }),
    endpoint<undefined, WorkerQuery>({
      ...{ name: 'listWorkersForWorkerGroup', method: 'get', path: '/workers/{workerPoolId}/{workerGroup}' },
      summary: 'Lists the workers of one group of a pool',
      ...{ query: workerQuery, answer: workerListSchema },
      async handle({ context, params: { workerPoolId = '', workerGroup = '' }, query }) {
        const both = `${workerPoolId}/${workerGroup}`
        await authorize(context, `worker-manager:list-workers:${both}`)
        // Typed by hand it may be one pool, whose scope reads the same.
        const isPool = (await pools().get(workerPoolId)) === undefined && (await pools().get(both)) !== undefined
        return isPool ? listed(both, query) : listed(workerPoolId, query, workerGroup)
      },
    }),
    endpoint<undefined, WorkerQuery>({
      ...{ name: 'listWorkersForWorkerPool', method: 'get', path: '/workers/{workerPoolId}' },
      summary: 'Lists the workers of a pool',
      ...{ query: workerQuery, answer: workerListSchema },
      async handle({ context, params: { workerPoolId = '' }, query }) {
        await authorize(context, `worker-manager:list-workers:${workerPoolId}`)
        await knownPool(pools(), workerPoolId)
        return listed(workerPoolId, query)
      },
    }),
  ]
}

function nameOf({ workerPoolId, workerGroup, workerId }: PoolWorkerAddress): string {
  return `${workerPoolId}/${workerGroup}/${workerId}`
}

function checkByHand({ workerPoolId, providerId }: WorkerPool, verb: string): void {
  if (isByHand(providerId)) return
  throw new ContractError(
    'InputError',
    `expected a static pool to ${verb} a worker of, got: ${workerPoolId}, whose provider ${providerId} launches them`,
  )
}

function poolGoes({ workerPoolId }: Pick<PoolWorkerAddress, 'workerPoolId'>): ContractError {
  return new ContractError('InputError', `expected a pool that stays, got: ${workerPoolId}, which is removed`)
}

/** A pool that went meanwhile has not seen its new worker, who could register to the next pool of that name. */
async function checkStays({ pools, now }: WorkerManager, made: PoolWorker): Promise<void> {
  const pool = await pools().get(made.workerPoolId)
  if (pool !== undefined && pool.providerId !== nullProvider) return
  await pools().changeWorker(made, (known) => (known !== undefined && isSame(known, made) ? undefined : known))
  await tidyPool(pools(), made.workerPoolId, now())
  throw poolGoes(made)
}

function madeWorker(address: PoolWorkerAddress, body: WorkerBody, now: number): PoolWorker {
  const changes = changesOf(body)
  if (changes.expires <= now) throw new ContractError('InputError', `expected \`expires\` to be ahead, got: ${body.expires}`)
  if (changes.proofHash === undefined) {
    throw new ContractError(
      'InputError',
      'expected providerInfo.staticSecret, by which the worker will prove who it is, got none',
    )
  }
  const times = { created: now, lastModified: now, lastChecked: now }
  return { ...address, providerId: 'static', state: 'running', ...times, ...changes }
}

function changesOf({ expires, capacity = 1, providerInfo }: WorkerBody) {
  const proof = providerInfo?.staticSecret
  return { expires: Date.parse(expires), capacity, ...(proof === undefined ? {} : { proofHash: hashOf(proof) }) }
}

function isSame(known: PoolWorker, made: PoolWorker): boolean {
  return known.expires === made.expires && known.capacity === made.capacity && known.proofHash === made.proofHash
}

/** The record first: from then on the worker cannot register again, and so claims nothing more with new credentials. */
async function removeWorker({ pools, endClaims, now }: WorkerManager, address: PoolWorkerAddress): Promise<void> {
  const removed = await pools().changeWorker(address, (known) => {
    if (known === undefined || known.state === 'stopped') return known
    const state = isByHand(known.providerId) ? ('stopped' as const) : ('stopping' as const)
    const { secretHash: _, ...rest } = known
    return { ...rest, state, lastModified: now(), terminate: { reason: 'removed' } }
  })
  await endClaims(removed ?? refuseUnknownWorker(address))
  await tidyPool(pools(), address.workerPoolId, now())
}

/** Why a worker had better end; undefined while it is needed. */
function endReason(worker: PoolWorker, pool: WorkerPool | undefined, now: number): string | undefined {
  if (worker.terminate !== undefined) return worker.terminate.reason
  if (worker.state === 'stopping' || worker.state === 'stopped') return `it is ${worker.state}`
  if (pool === undefined || pool.providerId === nullProvider) return 'its worker pool is removed'
  return worker.expires <= now ? 'it has expired' : undefined
}
