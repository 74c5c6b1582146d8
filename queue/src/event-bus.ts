/** The event bus over the Signal: events of one tick travel together, and none is built when nobody listens. */
import { type EventBus, matchesPattern, type WorkerEvent } from '@lovage/core'
import { eventChannel } from './channels.ts'
import type { Engine } from './engine.ts'

export class SignalEventBus implements EventBus {
  readonly #engine: Engine
  #gathered: WorkerEvent[] = []

  constructor(engine: Engine) {
    this.#engine = engine
  }

  emit(event: WorkerEvent): void {
    if (!this.wanted()) return
    this.#gathered.push(event)
    if (this.#gathered.length === 1) setImmediate(() => this.flush())
  }

  wanted(): boolean {
    return this.#engine.signal.heard(eventChannel)
  }

  /** Publishes what was gathered in this tick. */
  flush(): void {
    if (this.#gathered.length === 0) return
    const events = this.#gathered
    this.#gathered = []
    this.#engine.signal.publish(eventChannel, JSON.stringify(events))
  }

  async capture(patterns: readonly string[], handler: (event: WorkerEvent) => void): Promise<() => Promise<void>> {
    const end = await this.#engine.signal.subscribe(eventChannel, (message) => {
      for (const event of JSON.parse(message) as WorkerEvent[]) {
        if (patterns.some((pattern) => matchesPattern(pattern, event.type))) handler(event)
      }
    })
    return async () => end()
  }
}
