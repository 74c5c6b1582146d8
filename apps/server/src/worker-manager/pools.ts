/** Worker pools: made, changed, removed, and looked at. */
import { isDeepStrictEqual } from 'node:util'
import { nullProvider, staticProvider, type WorkerPool, type WorkerPoolConfig } from '@lovage/core'
import { ContractError } from '../queue-api/contract-error.ts'
import { type Endpoint, endpoint } from '../queue-api/endpoint.ts'
import { pageOf } from './page.ts'
import { poolJson } from './pool-json.ts'
import {
  createPoolBody,
  type PageQuery,
  type PoolDefinition,
  pageQuery,
  poolListSchema,
  poolName,
  poolSchema,
  providerListSchema,
  updatePoolBody,
} from './schemas.ts'
import { checkName, knownPool, refuseUnknownPool, tidyPool, type WorkerManager } from './worker-manager.ts'

export function poolEndpoints(manager: WorkerManager): readonly Endpoint[] {
  return [...definingEndpoints(manager), ...showingEndpoints(manager)]
}

function definingEndpoints({ pools, authorize, now }: WorkerManager): readonly Endpoint[] {
  const shown = async (pool: WorkerPool) => poolJson(pool, await pools().workers(pool.workerPoolId))
  return [
    endpoint<PoolDefinition>({
      ...{ name: 'createWorkerPool', method: 'put', path: '/worker-pool/{workerPoolId}' },
      summary: 'Makes a worker pool; the same one again is no conflict',
      ...{ body: createPoolBody, answer: poolSchema },
      async handle({ context, params: { workerPoolId = '' }, body }) {
        await authorize(context, managing(workerPoolId, body.providerId))
        checkName(poolName, { workerPoolId })
        const made = { workerPoolId, ...definitionOf(body), created: now(), lastModified: now() }
        const pool = await pools().change(workerPoolId, (known) => {
          if (known === undefined || isSame(known, made)) return known ?? made
          const message = `expected a new worker pool, got: ${workerPoolId}, which is there with another definition`
          throw new ContractError('RequestConflict', message)
        })
        return shown(pool ?? made)
      },
    }),
    endpoint<PoolDefinition & { readonly workerPoolId?: string | undefined }>({
      ...{ name: 'updateWorkerPool', method: 'post', path: '/worker-pool/{workerPoolId}' },
      summary: 'Changes a worker pool',
      ...{ body: updatePoolBody, answer: poolSchema },
      async handle({ context, params: { workerPoolId = '' }, body }) {
        await authorize(context, managing(workerPoolId, body.providerId))
        const named = body.workerPoolId ?? workerPoolId
        if (named !== workerPoolId) {
          throw new ContractError('InputError', `expected the pool of the address, ${workerPoolId}, in the body, got: ${named}`)
        }
        const definition = definitionOf(body)
        const pool = await pools().change(workerPoolId, (known) => known && { ...known, ...definition, lastModified: now() })
        return shown(pool ?? refuseUnknownPool(workerPoolId))
      },
    }),
    endpoint({
      ...{ name: 'deleteWorkerPool', method: 'delete', path: '/worker-pool/{workerPoolId}', answer: poolSchema },
      summary: 'Removes a worker pool as soon as none of its workers is left; until then its provider is `null-provider`',
      async handle({ context, params: { workerPoolId = '' } }) {
        await authorize(context, `worker-manager:manage-worker-pool:${workerPoolId}`)
        const leaving = (known?: WorkerPool) => known && { ...known, providerId: nullProvider, lastModified: now() }
        const answer = await shown((await pools().change(workerPoolId, leaving)) ?? refuseUnknownPool(workerPoolId))
        await tidyPool(pools(), workerPoolId, now())
        return answer
      },
    }),
  ]
}

function showingEndpoints({ pools, authorize, now }: WorkerManager): readonly Endpoint[] {
  return [
    endpoint({
      ...{ name: 'workerPool', method: 'get', path: '/worker-pool/{workerPoolId}', answer: poolSchema },
      summary: 'Shows a worker pool with counts of its workers',
      async handle({ context, params: { workerPoolId = '' } }) {
        await authorize(context, `worker-manager:get-worker-pool:${workerPoolId}`)
        await tidyPool(pools(), workerPoolId, now())
        const pool = await knownPool(pools(), workerPoolId)
        return poolJson(pool, await pools().workers(workerPoolId))
      },
    }),
    endpoint<undefined, PageQuery>({
      ...{ name: 'listWorkerPools', method: 'get', path: '/worker-pools', query: pageQuery, answer: poolListSchema },
      summary: 'Lists the worker pools',
      async handle({ context, query }) {
        await authorize(context, 'worker-manager:list-worker-pools')
        for (const { workerPoolId, providerId } of await pools().list()) {
          if (providerId === nullProvider) await tidyPool(pools(), workerPoolId, now())
        }
        const [all, workers] = await Promise.all([pools().list(), pools().workers()])
        const { items, ...page } = pageOf(all, query)
        return { workerPools: items.map((pool) => poolJson(pool, workers)), ...page }
      },
    }),
    endpoint<undefined, PageQuery>({
      ...{ name: 'listProviders', method: 'get', path: '/providers', query: pageQuery, answer: providerListSchema },
      summary: 'Lists `static`, and the providers that pools have',
      async handle({ context, query }) {
        await authorize(context, 'worker-manager:list-providers')
        const used = (await pools().list()).map(({ providerId }) => providerId)
        const { items, ...page } = pageOf([...new Set([staticProvider, ...used])], query)
        return { providers: items.map((providerId) => ({ providerId, providerType: providerTypeOf(providerId) })), ...page }
      },
    }),
  ]
}

function managing(workerPoolId: string, providerId: string) {
  return { AllOf: [`worker-manager:manage-worker-pool:${workerPoolId}`, `worker-manager:provider:${providerId}`] }
}

function providerTypeOf(providerId: string): string {
  if (providerId === staticProvider) return 'static'
  return providerId === nullProvider ? 'null' : 'launcher'
}

/** What a pool is, from a request. One whose workers are launched needs bounds; one by hand, or one that goes, needs nothing. */
function definitionOf({ providerId, description, config, owner, emailOnError }: PoolDefinition) {
  const { minCapacity = 0, maxCapacity, launchConfigs } = config
  const definition = { providerId, description, owner, emailOnError }
  // Kept as it came, for tools that compare: nobody looks for bounds in it.
  if (providerId === staticProvider || providerId === nullProvider) return { ...definition, config: config as WorkerPoolConfig }
  if (maxCapacity === undefined || launchConfigs === undefined) {
    const message = `expected the config of a pool of ${providerId} to have maxCapacity and launchConfigs`
    throw new ContractError('InputValidationError', message)
  }
  if (minCapacity > maxCapacity) {
    const message = `expected minCapacity to be at most maxCapacity (${maxCapacity}), got: ${minCapacity}`
    throw new ContractError('InputValidationError', message)
  }
  return { ...definition, config: { ...config, minCapacity, maxCapacity, launchConfigs } }
}

function isSame(known: WorkerPool, made: WorkerPool): boolean {
  const parts = ({ providerId, description, owner, emailOnError, config }: WorkerPool) =>
    JSON.parse(JSON.stringify([providerId, description, owner, emailOnError, config]))
  return isDeepStrictEqual(parts(known), parts(made))
}
