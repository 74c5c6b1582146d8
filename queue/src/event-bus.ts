/** The event bus over the Signal: events of one tick travel together, and none is built when nobody listens. */
import { type EventBus, matchesPattern, type WorkerEvent } from '@lovage/core'
import { type EventFamily, eventChannel, eventFamilies } from './channels.ts'
import type { Engine } from './engine.ts'

/** Events travel by family, so that workers which watch each other do not make everybody build task events. */
export class SignalEventBus implements EventBus {
  readonly knowsListeners = true
  readonly #engine: Engine
  readonly #gathered = new Map<EventFamily, string[]>()
  readonly #captures = new Set<() => void>()
  #closed: Error | undefined

  constructor(engine: Engine) {
    this.#engine = engine
  }

  emit(event: WorkerEvent): void {
    if (!this.wanted(event.type)) return
    const text = this.#textOf(event)
    if (text === undefined) return
    if (this.#gathered.size === 0) setImmediate(() => this.flush())
    const family = familyOf(event.type)
    const gathered = this.#gathered.get(family)
    if (gathered === undefined) this.#gathered.set(family, [text])
    else gathered.push(text)
  }

  wanted(type?: string): boolean {
    const { signal } = this.#engine
    if (type !== undefined) return signal.heard(eventChannel(familyOf(type)))
    return eventFamilies.some((family) => signal.heard(eventChannel(family)))
  }

  /** Publishes what was gathered in this tick. */
  flush(): void {
    const gathered = [...this.#gathered]
    this.#gathered.clear()
    for (const [family, texts] of gathered) this.#engine.signal.publish(eventChannel(family), `[${texts.join()}]`)
  }

  /** Undefined for an event that cannot be written: its loss is told, the others go on. */
  #textOf(event: WorkerEvent): string | undefined {
    try {
      return JSON.stringify(event)
    } catch (error) {
      this.#engine.logger.warn({ err: error, type: event.type }, `an event of type ${event.type} was dropped: it is not JSON`)
      return undefined
    }
  }

  /** Ends what is captured; captures after it are refused with the error. */
  close(error: Error): void {
    this.flush()
    this.#closed = error
    for (const end of this.#captures) end()
  }

  async capture(patterns: readonly string[], handler: (event: WorkerEvent) => void): Promise<() => Promise<void>> {
    const hear = (message: string): void => {
      for (const event of JSON.parse(message) as WorkerEvent[]) {
        if (patterns.some((pattern) => matchesPattern(pattern, event.type))) handler(event)
      }
    }
    const families = eventFamilies.filter((family) => patterns.some((pattern) => mayMatch(pattern, family)))
    const ends = await Promise.all(families.map((family) => this.#engine.signal.subscribe(eventChannel(family), hear)))
    const letGo = this.#engine.keepAlive.hold()
    const endAll = (): void => {
      this.#captures.delete(endAll)
      letGo()
      for (const end of ends) end()
    }
    this.#captures.add(endAll)
    if (this.#closed !== undefined) {
      endAll()
      throw this.#closed
    }
    return async () => endAll()
  }
}

function familyOf(type: string): EventFamily {
  return type.startsWith('task-') ? 'task' : type.startsWith('worker-') ? 'worker' : 'other'
}

/** Whether a pattern can match types of the family, by what it says before its first wildcard. */
function mayMatch(pattern: string, family: EventFamily): boolean {
  const said = /^[^*?]*/.exec(pattern)?.[0] ?? ''
  if (family !== 'other') return said.startsWith(`${family}-`) || (`${family}-`.startsWith(said) && said !== pattern)
  return familyOf(said) === 'other'
}
