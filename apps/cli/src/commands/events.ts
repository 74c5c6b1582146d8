/** `lovage events`: what happens, as it happens. */
import { withBroker } from '../connection.ts'
import { exitCodes } from '../exit-code.ts'
import type { Action, Invocation } from '../invocation.ts'
import { eventLine } from '../render/event-line.ts'
import { painter } from '../render/paint.ts'
import { print, printJson } from '../terminal.ts'

interface EventsFlags {
  readonly types?: readonly string[]
  /** Milliseconds. */
  readonly for?: number
  readonly limit?: number
}

export const events: Action<EventsFlags> = async (invocation) => {
  await withBroker(invocation, (broker) => showEvents(invocation, (types, handler) => broker.events.capture(types, handler)))
  return exitCodes.done
}

type Capture = (
  types: readonly string[],
  handler: (event: Parameters<typeof eventLine>[0]) => void,
) => Promise<() => Promise<void>>

/** Resolves when there were enough, the time is over, or someone pressed Ctrl-C. */
function showEvents({ terminal, settings, options }: Invocation<EventsFlags>, capture: Capture): Promise<void> {
  const types = options.types ?? ['*']
  const paint = painter(terminal.out)
  return new Promise((resolve, reject) => {
    let left = options.limit ?? Number.POSITIVE_INFINITY
    const captured = capture(types, (event) => {
      if (left <= 0) return
      if (settings.json) printJson(terminal, event, 'line')
      else print(terminal.out, eventLine(event, paint))
      left--
      if (left <= 0) end()
    })
    const timer = options.for === undefined ? undefined : setTimeout(() => end(), options.for)
    const stopListening = terminal.onInterrupt(() => end())
    const end = () => {
      clearTimeout(timer)
      stopListening()
      captured.then((release) => release()).then(resolve, reject)
    }
    captured.then(() => {
      if (!settings.json) print(terminal.err, `capturing ${types.join(', ')} on ${settings.broker}; Ctrl-C ends it`)
    }, reject)
  })
}
