/** What `context.retry` and `context.cancel` throw: not failures, but orders that travel up to `execute`. */

const brand = Symbol.for('lovage.control-throw')

/** What a control throw asks for. */
export type ControlOrder =
  | { readonly type: 'retry'; readonly delayMs: number | undefined; readonly cause: unknown }
  | { readonly type: 'cancel'; readonly message: string | undefined }

/** Let it pass when you catch errors in a handler. */
export class ControlThrow extends Error {
  readonly order: ControlOrder

  constructor(order: ControlOrder) {
    super(`the handler called context.${order.type}(); this throw ends the run and must not be swallowed`)
    this.name = 'ControlThrow'
    this.order = order
    Object.defineProperty(this, brand, { value: true })
  }

  /** By brand, so that two copies of the package agree. */
  static is(value: unknown): value is ControlThrow {
    return typeof value === 'object' && value !== null && (value as Record<symbol, unknown>)[brand] === true
  }
}
