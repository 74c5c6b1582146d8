/** Which declared queue a message should come to, as far as exchange and key say it. */
import type { Publication, TaskQueue } from '../transport.ts'
import type { Declaration } from './topology.ts'

export class Routes {
  readonly #declarations = new Map<string, Declaration>()

  add({ name, exchange, exchangeType, routingKey }: TaskQueue, declaration: Declaration): void {
    this.#declarations.set(routeOf('', name), declaration)
    if (exchangeType === 'direct') this.#declarations.set(routeOf(exchange, routingKey), declaration)
  }

  to({ exchange, routingKey }: Pick<Publication, 'exchange' | 'routingKey'>): Declaration | undefined {
    return this.#declarations.get(routeOf(exchange, routingKey))
  }
}

function routeOf(exchange: string, routingKey: string): string {
  return `${exchange}\0${routingKey}`
}
