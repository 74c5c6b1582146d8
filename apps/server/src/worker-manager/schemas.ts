/** What the worker manager takes and gives, as its contract says. */
import { z } from '@hono/zod-openapi'
import { poolWorkerStates } from '@lovage/core'

/** @see https://docs.taskcluster.net/docs/reference/core/worker-manager/api */
const identifier = z.string().regex(/^[a-zA-Z0-9-_]{1,38}$/, 'expected 1 to 38 letters, digits, - and _')
/** Native pools may have names without a slash, like their queues. A `*` would give its workers the scopes of other pools. */
const workerPoolId = z
  .string()
  .regex(
    /^(?:[a-zA-Z0-9-_]{1,38}\/[a-z](?:[-a-z0-9]{0,36}[a-z0-9])?|[^\s\p{C}/*]{1,200})$/u,
    'expected a worker pool such as images/small',
  )
  .openapi({ example: 'images/small' })
const time = z.iso.datetime({ offset: true, error: 'expected a date such as 2027-01-31T09:00:00.000Z' })
const count = z.number().int().min(0)
const seconds = count.optional()
const secret = z.string().regex(/^[a-zA-Z0-9_-]{44}$/, 'expected 44 letters, digits, - and _')
const open = z.record(z.string(), z.unknown())

export type PageQuery = z.infer<typeof pageQuery>
export const pageQuery = z.object({
  limit: z.coerce.number({ error: 'expected a whole number' }).int().min(1).max(1000).optional(),
  continuationToken: z.string().regex(/^\d+$/, 'expected what the page before gave').optional(),
})
const continuationToken = z.string().optional().openapi({ description: 'There is more; give it with the next request.' })

const lifecycle = z.looseObject({
  registrationTimeout: seconds,
  reregistrationTimeout: seconds.openapi({ description: 'Seconds that credentials of a registration last. Default 345600.' }),
  queueInactivityTimeout: seconds,
  idleTimeout: seconds,
  maxLifetime: seconds,
  drainTimeout: seconds,
  claimTimeout: z.number().int().min(1).max(432_000).optional().openapi({
    description: 'Seconds that a worker has a task of the queue of this name without reclaiming it. Default: the server says.',
  }),
})

/** What there is beyond this is between a pool and its provider. */
const config = z.looseObject({
  minCapacity: count.optional(),
  maxCapacity: count.optional(),
  scalingRatio: z.number().min(0).max(1).optional(),
  launchConfigs: z.array(open).optional(),
  lifecycle: lifecycle.optional(),
})

const definition = {
  providerId: identifier,
  description: z.string().max(10_240),
  config,
  owner: z.email(),
  emailOnError: z.boolean().openapi({ description: 'Kept, and answered; no mail is sent.' }),
}

export type PoolDefinition = z.infer<typeof createPoolBody>
export const createPoolBody = z.strictObject(definition).openapi('CreateWorkerPool')
/** An answer may be sent back as it came; what cannot be changed is passed over. */
export const updatePoolBody = z.looseObject({ ...definition, workerPoolId: workerPoolId.optional() }).openapi('UpdateWorkerPool')

const figures = {
  currentCapacity: count,
  ...{ requestedCount: count, runningCount: count, stoppingCount: count, stoppedCount: count },
  ...{ requestedCapacity: count, runningCapacity: count, stoppingCapacity: count, stoppedCapacity: count },
}
/** By state: how many workers, and how many tasks they run at once. */
export type Figures = z.infer<typeof figuresSchema>
const figuresSchema = z.object(figures)

export type PoolJson = z.infer<typeof poolSchema>
export const poolSchema = z
  .object({ workerPoolId, ...definition, config: open, created: time, lastModified: time, ...figures })
  .openapi('WorkerPool')
export const poolListSchema = z.object({ workerPools: z.array(poolSchema), continuationToken })
export const poolStatsSchema = z
  .object({ launchConfigStats: z.array(z.object({ workerPoolId, launchConfigId: z.string(), ...figures })) })
  .openapi('WorkerPoolStats')
export const poolListStatsSchema = z.object({
  workerPoolsStats: z.array(z.object({ workerPoolId, ...figures })),
  continuationToken,
})
export const launchConfigQuery = pageQuery.extend({ includeArchived: z.enum(['true', 'false']).optional() })
export const launchConfigListSchema = z.object({
  workerPoolLaunchConfigs: z.array(
    z.object({
      ...{ launchConfigId: z.string(), workerPoolId, isArchived: z.boolean(), created: time, lastModified: time },
      configuration: open,
    }),
  ),
  continuationToken,
})
export const providerListSchema = z.object({
  providers: z.array(z.object({ providerId: z.string(), providerType: z.string() })),
  continuationToken,
})

export type WorkerBody = z.infer<typeof workerBody>
export const workerBody = z
  .strictObject({
    expires: time,
    capacity: z.number().int().min(1).optional().openapi({ description: 'Tasks at once. Default 1.' }),
    providerInfo: z.strictObject({ staticSecret: secret.optional() }).optional(),
  })
  .openapi('CreateWorker')

export type WorkerJson = z.infer<typeof workerSchema>
export const workerSchema = z
  .object({
    ...{ workerPoolId, workerGroup: identifier, workerId: identifier, providerId: identifier },
    ...{ created: time, expires: time, lastModified: time, lastChecked: time },
    state: z.enum(poolWorkerStates),
    capacity: z.number().int().min(1),
    launchConfigId: z.string().optional(),
  })
  .openapi('PoolWorker')
export const workerListSchema = z.object({ workers: z.array(workerSchema), continuationToken })
export type WorkerQuery = z.infer<typeof workerQuery>
export const workerQuery = pageQuery.extend({
  launchConfigId: z.string().optional(),
  state: z.enum(poolWorkerStates).optional(),
})
export const shouldTerminateSchema = z.object({ terminate: z.boolean(), reason: z.string().min(1) }).openapi('ShouldTerminate')

const address = { workerPoolId, workerGroup: identifier, workerId: identifier }
/** What a pool and a worker may be called once they are to register. */
export const poolName = z.object({ workerPoolId })
export const workerName = z.object(address)
export const registerBody = z
  .strictObject({
    ...address,
    providerId: identifier,
    workerIdentityProof: z.strictObject({ staticSecret: secret }),
    systemBootTime: time.optional(),
  })
  .openapi('RegisterWorker')
export const reregisterBody = z.strictObject({ ...address, secret }).openapi('ReregisterWorker')
const credentialsSchema = z
  .object({ clientId: z.string(), accessToken: z.string(), certificate: z.string().optional() })
  .openapi('TemporaryCredentials')
export const reregisteredSchema = z.object({ expires: time, credentials: credentialsSchema, secret }).openapi('Reregistered')
export const registeredSchema = reregisteredSchema.extend({ workerConfig: open }).openapi('Registered')

const errorParts = {
  kind: z
    .string()
    .max(128)
    .regex(/^[-a-z0-9]+$/),
  title: z.string().max(128),
  description: z.string().max(10_240),
  extra: open,
}
export const reportErrorBody = z
  .strictObject({ workerGroup: identifier, workerId: identifier, ...errorParts })
  .openapi('ReportWorkerError')
export type PoolErrorJson = z.infer<typeof poolErrorSchema>
export const poolErrorSchema = z
  .object({ workerPoolId, errorId: z.string(), reported: time, ...errorParts, launchConfigId: z.string().optional() })
  .openapi('WorkerPoolError')
export const poolErrorListSchema = z.object({ workerPoolErrors: z.array(poolErrorSchema), continuationToken })
export const poolErrorQuery = pageQuery.extend({ errorId: z.string().optional(), launchConfigId: z.string().optional() })
const tally = z.record(z.string(), z.number())
export const poolErrorStatsQuery = z.object({ workerPoolId: workerPoolId.optional() })
export const poolErrorStatsSchema = z
  .object({
    workerPoolId: z.string(),
    totals: z.object({
      total: z.number(),
      ...{ daily: tally, hourly: tally, title: tally, code: tally, launchConfig: tally, workerPool: tally },
    }),
  })
  .openapi('WorkerPoolErrorStats')

const taskRun = z.object({ taskId: z.string(), runId: z.number().int() })
const seen = {
  ...{ workerPoolId, workerGroup: z.string(), workerId: z.string(), firstClaim: time, lastDateActive: time.optional() },
  quarantineUntil: time.optional(),
  state: z.enum([...poolWorkerStates, 'standalone']),
  ...{ capacity: count, providerId: z.string() },
}
export const seenWorkerQuery = pageQuery.extend({
  quarantined: z.enum(['true', 'false']).optional(),
  workerState: z.enum(poolWorkerStates).optional(),
  launchConfigId: z.string().optional(),
})
export const seenWorkerListSchema = z.object({
  workers: z.array(z.object({ ...seen, latestTask: taskRun.optional() })),
  continuationToken,
})
export const seenWorkerSchema = z
  .object({ provisionerId: z.string(), workerType: z.string(), ...seen, expires: time })
  .extend({ recentTasks: z.array(taskRun), actions: z.array(z.unknown()) })
  .openapi('SeenWorker')
