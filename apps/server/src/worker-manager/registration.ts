/** Registration: a worker proves who it is, and gets credentials for its work and the secret for the next time. */
import type { z } from '@hono/zod-openapi'
import type { PoolWorker, WorkerPool } from '@lovage/core'
import { ContractError } from '../queue-api/contract-error.ts'
import { type Endpoint, endpoint } from '../queue-api/endpoint.ts'
import { launchConfigIdOf, timeText } from './pool-json.ts'
import { registerBody, registeredSchema, reregisterBody, reregisteredSchema } from './schemas.ts'
import { hashOf, isSecretOf, newSecret } from './secrets.ts'
import { knownPool, refuseUnknownWorker, type WorkerManager } from './worker-manager.ts'

/** Four days, in seconds. */
const defaultTimeout = 345_600
/** Temporary credentials last at most 31 days; the margin before their start counts among them. In milliseconds. */
const longestMs = 30 * 86_400_000

export function registrationEndpoints(manager: WorkerManager): readonly Endpoint[] {
  const { pools, authorize } = manager
  return [
    endpoint<z.infer<typeof registerBody>>({
      ...{ name: 'registerWorker', method: 'post', path: '/worker/register', body: registerBody, secretive: true },
      summary: 'Takes a worker in that proves who it is by its secret; needs no credentials, it gives them',
      answer: registeredSchema,
      async handle({ body }) {
        const { workerPoolId, providerId, workerIdentityProof } = body
        const pool = await knownPool(pools(), workerPoolId)
        const { worker, ...answer } = await registered(manager, pool, body, (known) => {
          if (known.providerId !== providerId)
            throw refused(body, `to register with its provider ${known.providerId}, got: ${providerId}`)
          return isSecretOf(workerIdentityProof.staticSecret, known.proofHash)
        })
        return { ...answer, workerConfig: workerConfigOf(pool, worker) }
      },
    }),
    endpoint<z.infer<typeof reregisterBody>>({
      ...{ name: 'reregisterWorker', method: 'post', path: '/worker/reregister', body: reregisterBody, secretive: true },
      summary: 'Gives a registered worker new credentials, and another secret for the next time',
      answer: reregisteredSchema,
      async handle({ context, body }) {
        const { workerPoolId, workerGroup, workerId, secret } = body
        await authorize(context, `worker-manager:reregister-worker:${workerPoolId}/${workerGroup}/${workerId}`)
        const pool = await knownPool(pools(), workerPoolId)
        const { worker: _, ...answer } = await registered(manager, pool, body, (known) => isSecretOf(secret, known.secretHash))
        return answer
      },
    }),
  ]
}

type Body = z.infer<typeof registerBody> | z.infer<typeof reregisterBody>

/** Takes a worker in whose proof holds, in one step with the change of its secret: one secret is good for one registration. */
async function registered(
  { pools, issuer, now }: WorkerManager,
  pool: WorkerPool,
  body: Body,
  isProven: (known: PoolWorker) => boolean,
) {
  const { workerPoolId, workerGroup, workerId } = body
  const secret = newSecret()
  const timeout = Math.min(longestMs, 1000 * (pool.config.lifecycle?.reregistrationTimeout ?? defaultTimeout))
  const worker = await pools().changeWorker({ workerPoolId, workerGroup, workerId }, (known) => {
    if (known === undefined) return undefined
    const time = now()
    if (!isProven(known)) throw refused(body, 'to show its secret, got another one')
    if (known.expires <= time) throw refused(body, `to last longer, got: it expired at ${timeText(known.expires)}`)
    if (known.state === 'stopping' || known.state === 'stopped')
      throw refused(body, `to be one that may run, got: it is ${known.state}`)
    const seen = {
      state: 'running' as const,
      lastChecked: time,
      lastModified: known.state === 'running' ? known.lastModified : time,
    }
    return { ...known, ...seen, registeredUntil: Math.min(known.expires, time + timeout), secretHash: hashOf(secret) }
  })
  if (worker === undefined) return refuseUnknownWorker(body)
  const expires = worker.registeredUntil ?? now()
  return { worker, expires: timeText(expires), credentials: await issuer().forWorker(worker, expires), secret }
}

/** What a pool tells its workers: all the same, or each what it was launched with. */
function workerConfigOf({ config }: WorkerPool, { launchConfigId }: PoolWorker): Record<string, unknown> {
  const { workerConfig, launchConfigs = [] } = config as Partial<WorkerPool['config']> & { readonly workerConfig?: unknown }
  const own = workerConfig ?? launchConfigs.find((each) => launchConfigIdOf(each) === launchConfigId)?.workerConfig
  return typeof own === 'object' && own !== null ? { ...own } : {}
}

function refused({ workerGroup, workerId }: Body, expected: string): ContractError {
  return new ContractError('InputError', `expected worker ${workerGroup}/${workerId} ${expected}`)
}
