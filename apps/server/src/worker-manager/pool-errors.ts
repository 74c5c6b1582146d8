/** What went wrong with worker pools and their workers: reported, listed, counted. */

import type { z } from '@hono/zod-openapi'
import { keptPoolErrors, type WorkerPoolError } from '@lovage/core'
import { slugid } from '../auth/temporary-credentials.ts'
import { ContractError } from '../queue-api/contract-error.ts'
import { type Endpoint, endpoint } from '../queue-api/endpoint.ts'
import { pageOf } from './page.ts'
import { errorJson } from './pool-json.ts'
import {
  poolErrorListSchema,
  poolErrorQuery,
  poolErrorSchema,
  poolErrorStatsQuery,
  poolErrorStatsSchema,
  reportErrorBody,
} from './schemas.ts'
import { knownPool, type WorkerManager } from './worker-manager.ts'

/** In characters: all errors of a pool are one record. */
const mostExtra = 16_384
const hourMs = 3_600_000
const dayMs = 24 * hourMs

export function poolErrorEndpoints({ pools, authorize, now }: WorkerManager): readonly Endpoint[] {
  return [
    endpoint<z.infer<typeof reportErrorBody>>({
      ...{ name: 'reportWorkerError', method: 'post', path: '/worker-pool-errors/{workerPoolId}' },
      summary: `Keeps an error of a worker for the owner of its pool: the latest ${keptPoolErrors} of each pool`,
      ...{ body: reportErrorBody, answer: poolErrorSchema },
      async handle({ context, params: { workerPoolId = '' }, body }) {
        const { workerGroup, workerId, extra, ...error } = body
        const own = [`assume:worker-pool:${workerPoolId}`, `assume:worker-id:${workerGroup}/${workerId}`]
        await authorize(context, { AllOf: own })
        await knownPool(pools(), workerPoolId)
        checkSize(extra)
        const parts = { workerPoolId, errorId: slugid(), reported: now() }
        const reported: WorkerPoolError = { ...parts, ...error, extra: { ...extra, workerGroup, workerId } }
        await pools().report(reported)
        return errorJson(reported)
      },
    }),
    endpoint<undefined, z.infer<typeof poolErrorStatsQuery>>({
      ...{ name: 'workerPoolErrorStats', method: 'get', path: '/worker-pool-errors/stats' },
      summary: 'Counts the errors that are kept, of one pool or of all: seven days, the last 24 hours, and by what they are',
      ...{ query: poolErrorStatsQuery, answer: poolErrorStatsSchema },
      async handle({ context, query: { workerPoolId } }) {
        await authorize(context, `worker-manager:list-worker-pool-errors:${workerPoolId ?? ''}`)
        return { workerPoolId: workerPoolId ?? '', totals: totalsOf(await pools().errors(workerPoolId), now()) }
      },
    }),
    endpoint<undefined, z.infer<typeof poolErrorQuery>>({
      ...{ name: 'listWorkerPoolErrors', method: 'get', path: '/worker-pool-errors/{workerPoolId}' },
      summary: 'Lists the errors of a pool, the latest first',
      ...{ query: poolErrorQuery, answer: poolErrorListSchema },
      async handle({ context, params: { workerPoolId = '' }, query: { errorId, launchConfigId, ...query } }) {
        await authorize(context, `worker-manager:list-worker-pool-errors:${workerPoolId}`)
        const all = (await pools().errors(workerPoolId)).filter(
          (error) =>
            (errorId === undefined || error.errorId === errorId) &&
            (launchConfigId === undefined || error.launchConfigId === launchConfigId),
        )
        const { items, ...page } = pageOf(all, query)
        return { workerPoolErrors: items.map(errorJson), ...page }
      },
    }),
  ]
}

function checkSize(extra: Readonly<Record<string, unknown>>): void {
  const { length } = JSON.stringify(extra)
  if (length <= mostExtra) return
  throw new ContractError('InputTooLarge', `expected \`extra\` of at most ${mostExtra} characters as JSON, got: ${length}`)
}

/** Days and hours without errors are there with 0. */
function totalsOf(all: readonly WorkerPoolError[], now: number): z.infer<typeof poolErrorStatsSchema>['totals'] {
  const dayOf = (time: number) => new Date(time).toJSON().slice(0, 10)
  const hourOf = (time: number) => `${new Date(time).toJSON().slice(0, 13)}:00:00.000Z`
  const errors = all.filter(({ reported }) => reported > now - 7 * dayMs)
  const days = Array.from({ length: 7 }, (_, i) => dayOf(now - (6 - i) * dayMs))
  const hours = Array.from({ length: 24 }, (_, i) => hourOf(now - (23 - i) * hourMs))
  return {
    total: errors.length,
    daily: tally(errors, ({ reported }) => dayOf(reported), days),
    hourly: tally(
      errors.filter(({ reported }) => hours.includes(hourOf(reported))),
      ({ reported }) => hourOf(reported),
      hours,
    ),
    title: tally(errors, ({ title }) => title),
    code: tally(errors, ({ extra }) => (typeof extra.code === 'string' ? extra.code : undefined)),
    launchConfig: tally(errors, ({ launchConfigId }) => launchConfigId),
    workerPool: tally(errors, ({ workerPoolId }) => workerPoolId),
  }
}

function tally(
  errors: readonly WorkerPoolError[],
  wordOf: (error: WorkerPoolError) => string | undefined,
  words: readonly string[] = [],
): Record<string, number> {
  const counts = new Map(words.map((word) => [word, 0]))
  for (const error of errors) {
    const word = wordOf(error)
    if (word !== undefined) counts.set(word, (counts.get(word) ?? 0) + 1)
  }
  return Object.fromEntries(counts)
}
