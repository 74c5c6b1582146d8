/** The worker manager under `/api/worker-manager/v1`: pools, their workers, and what goes wrong with them. */
import { ConfigError, type Logger } from '@lovage/core'
import { type Access, authorize } from '../auth/access.ts'
import { addEndpoints, type Endpoint, endpoint } from '../queue-api/endpoint.ts'
import { WorkerBook } from '../queue-api/worker-book.ts'
import type { Surroundings } from '../routes/surroundings.ts'
import { endClaims } from './end-claims.ts'
import { poolErrorEndpoints } from './pool-errors.ts'
import { poolStatsEndpoints } from './pool-stats.ts'
import { poolEndpoints } from './pools.ts'
import { registrationEndpoints } from './registration.ts'
import { seenWorkerEndpoints } from './seen-workers.ts'
import type { WorkerManager } from './worker-manager.ts'
import { workerEndpoints } from './workers.ts'

export interface WorkerManagerOptions extends Pick<Surroundings, 'app' | 'client'> {
  readonly access: Pick<Access, 'issuer'>
  readonly logger: Logger
}

export function workerManagerRoutes({ app, client, access, logger }: WorkerManagerOptions): void {
  const now = () => client.desk?.now() ?? Date.now()
  const manager: WorkerManager = {
    ...{ authorize, now },
    pools: () => client.admin?.pools ?? refuse(client.name),
    issuer: () => access.issuer ?? refuse(client.name),
    endClaims: (worker) => endClaims(client, worker, now()),
  }
  const groups = [poolStatsEndpoints, poolErrorEndpoints, poolEndpoints, registrationEndpoints, workerEndpoints]
  const seen = client.desk === undefined ? [] : seenWorkerEndpoints(manager, new WorkerBook(client.desk))
  const endpoints = [...healthEndpoints(client), ...groups.flatMap((group) => group(manager)), ...seen]
  addEndpoints({ app, prefix: '/api/worker-manager/v1', tag: 'worker-manager', logger }, endpoints)
}

/** For load balancers: the store is asked by `__heartbeat__` alone. */
function healthEndpoints(client: WorkerManagerOptions['client']): readonly Endpoint[] {
  return [
    endpoint({
      ...{ name: 'ping', method: 'get', path: '/ping', summary: 'Answers' },
      handle: async () => ({ alive: true }),
    }),
    endpoint({
      ...{ name: 'lbheartbeat', method: 'get', path: '/__lbheartbeat__', summary: 'Answers' },
      handle: async () => ({}),
    }),
    endpoint({
      ...{ name: 'heartbeat', method: 'get', path: '/__heartbeat__', summary: 'Answers when the store does' },
      async handle() {
        await client.results.get(['health'])
        return {}
      },
    }),
    endpoint({
      ...{ name: 'version', method: 'get', path: '/__version__', summary: 'Answers what this is' },
      handle: async () => ({ source: 'lovage', version: '0.1.0' }),
    }),
  ]
}

function refuse(broker: string): never {
  throw new ConfigError('UNSUPPORTED', `expected a broker that keeps worker pools, got: ${broker}`)
}
