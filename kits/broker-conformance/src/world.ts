/** The connections of one case, all closed after it. */
import type { Broker } from '@lovage/core'
import type { BrokerCase, BrokerPowers, BrokerTools } from './broker-case.ts'

/** What a case works with. */
export interface World {
  readonly tools: BrokerTools
  /** The first connection. */
  readonly broker: Broker
  /** Another connection to the same world. */
  another(): Promise<Broker>
}

/** Makes a case that has its first connection open and closes every one after it. */
export function brokerCase(
  name: string,
  run: (world: World) => Promise<void>,
  needs: readonly (keyof BrokerPowers)[] = [],
): BrokerCase {
  return {
    name,
    needs,
    async run(tools) {
      const opened: Broker[] = []
      const another = async () => {
        const broker = await tools.open()
        opened.push(broker)
        return broker
      }
      try {
        await run({ tools, broker: await another(), another })
      } finally {
        for (const broker of opened.reverse()) await broker.close()
      }
    },
  }
}
