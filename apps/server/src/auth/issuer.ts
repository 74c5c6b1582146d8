/** The issuer: the name under which every server process of one store signs temporary credentials. */
import type { PoolWorkerAddress } from '@lovage/core'
import type { AccessClient } from './access-client.ts'
import { type Credentials, temporaryCredentials } from './temporary-credentials.ts'

/** No client may have this name. */
export const issuerId = 'lovage-issuer'

/** Credentials begin a little before now: clocks differ. In milliseconds. */
const marginMs = 900_000

/** What credentials stand for. */
export interface Grant {
  readonly clientId: string
  readonly scopes: readonly string[]
  /** Epoch milliseconds. */
  readonly expires: number
}

export interface SignedWorker extends PoolWorkerAddress {
  readonly providerId: string
}

export interface Issuer {
  /** The issuer as a client: it has all scopes, and signs nothing but certificates. */
  client(): Promise<AccessClient>
  /** Credentials of that name. @param expires epoch milliseconds. @throws {StoreError} */
  issue(grant: Grant): Promise<Credentials>
  /** For a registered worker to claim and to manage itself. @param expires epoch milliseconds. @throws {StoreError} */
  forWorker(worker: SignedWorker, expires: number): Promise<Credentials>
}

/** @param secret the key that the processes share; asked for once, and again after it could not be had */
export function createIssuer(secret: () => Promise<string>, now: () => number): Issuer {
  let known: Promise<AccessClient> | undefined
  const client = (): Promise<AccessClient> => {
    known ??= secret().then((accessToken) => ({ clientId: issuerId, accessToken, scopes: ['*'] }))
    known.catch(() => {
      known = undefined
    })
    return known
  }
  const issue = async ({ clientId, scopes, expires }: Grant): Promise<Credentials> =>
    temporaryCredentials(await client(), { clientId, scopes, start: now() - marginMs, expiry: expires })
  return {
    client,
    issue,
    forWorker: ({ providerId, workerPoolId, workerGroup, workerId }, expires) => {
      const worker = `${workerGroup}/${workerId}`
      const scopes = [
        `assume:worker-pool:${workerPoolId}`,
        `assume:worker-id:${worker}`,
        `queue:worker-id:${worker}`,
        `queue:claim-work:${workerPoolId}`,
        `secrets:get:worker-pool:${workerPoolId}`,
        ...['remove-worker', 'reregister-worker', 'should-worker-terminate'].map(
          (verb) => `worker-manager:${verb}:${workerPoolId}/${worker}`,
        ),
      ]
      return issue({ clientId: `worker/${providerId}/${workerPoolId}/${worker}`, scopes, expires })
    },
  }
}
