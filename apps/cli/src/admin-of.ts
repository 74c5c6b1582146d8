/** The Admin port of a broker, or a refusal that says what to do. */
import { type Admin, type Broker, ConfigError } from '@lovage/core'

/** @throws {ConfigError} UNSUPPORTED where the broker does not keep its tasks */
export function adminOf(broker: Pick<Broker, 'admin' | 'name'>): Admin {
  if (broker.admin !== undefined) return broker.admin
  throw new ConfigError(
    'UNSUPPORTED',
    `expected a broker that keeps its tasks, got: ${broker.name}; see its workers with \`lovage inspect\``,
  )
}
