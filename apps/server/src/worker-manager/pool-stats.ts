/** Figures of worker pools: workers by state, for each pool and each way to launch them. */
import type { WorkerPool } from '@lovage/core'
import { type Endpoint, endpoint } from '../queue-api/endpoint.ts'
import { pageOf } from './page.ts'
import { figuresOf, launchConfigIdOf, timeText } from './pool-json.ts'
import {
  launchConfigListSchema,
  launchConfigQuery,
  type PageQuery,
  pageQuery,
  poolListStatsSchema,
  poolStatsSchema,
} from './schemas.ts'
import { knownPool, type WorkerManager } from './worker-manager.ts'

export function poolStatsEndpoints({ pools, authorize }: WorkerManager): readonly Endpoint[] {
  return [
    endpoint<undefined, PageQuery>({
      ...{
        name: 'listWorkerPoolsStats',
        method: 'get',
        path: '/worker-pools/stats',
        query: pageQuery,
        answer: poolListStatsSchema,
      },
      summary: 'Counts the workers of all pools by state',
      async handle({ context, query }) {
        await authorize(context, 'worker-manager:list-worker-pools')
        const [all, workers] = await Promise.all([pools().list(), pools().workers()])
        const { items, ...page } = pageOf(all, query)
        const statsOf = ({ workerPoolId }: WorkerPool) => {
          return { workerPoolId, ...figuresOf(workers.filter((worker) => worker.workerPoolId === workerPoolId)) }
        }
        return { workerPoolsStats: items.map(statsOf), ...page }
      },
    }),
    endpoint({
      ...{ name: 'workerPoolStats', method: 'get', path: '/worker-pool/{workerPoolId}/stats', answer: poolStatsSchema },
      summary: 'Counts the workers of a pool by state and launch config',
      async handle({ context, params: { workerPoolId = '' } }) {
        await authorize(context, `worker-manager:get-worker-pool:${workerPoolId}`)
        const pool = await knownPool(pools(), workerPoolId)
        const workers = await pools().workers(workerPoolId)
        const used = workers.flatMap(({ launchConfigId }) => launchConfigId ?? [])
        const ids = new Set([...launchConfigsOf(pool).map(launchConfigIdOf), ...used])
        const statsOf = (launchConfigId: string) => {
          const figures = figuresOf(workers.filter((worker) => worker.launchConfigId === launchConfigId))
          return { workerPoolId, launchConfigId, ...figures }
        }
        return { launchConfigStats: [...ids].map(statsOf) }
      },
    }),
    endpoint<undefined, PageQuery>({
      ...{ name: 'listWorkerPoolLaunchConfigs', method: 'get', path: '/worker-pool/{workerPoolId}/launch-configs' },
      summary: 'Lists the ways to launch workers of a pool; none is archived, what a pool no longer has is gone',
      ...{ query: launchConfigQuery, answer: launchConfigListSchema },
      async handle({ context, params: { workerPoolId = '' }, query }) {
        await authorize(context, `worker-manager:get-worker-pool:${workerPoolId}`)
        const pool = await knownPool(pools(), workerPoolId)
        const times = { created: timeText(pool.created), lastModified: timeText(pool.lastModified) }
        const { items, ...page } = pageOf(launchConfigsOf(pool), query)
        const workerPoolLaunchConfigs = items.map((configuration) => {
          return { launchConfigId: launchConfigIdOf(configuration), workerPoolId, isArchived: false, configuration, ...times }
        })
        return { workerPoolLaunchConfigs, ...page }
      },
    }),
  ]
}

/** A pool by hand may have none. */
function launchConfigsOf({ config }: WorkerPool) {
  return (config as Partial<WorkerPool['config']>).launchConfigs ?? []
}
