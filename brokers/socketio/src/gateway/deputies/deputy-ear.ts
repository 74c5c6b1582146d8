/** Hears what a Worker says on its socket, and answers it. */
import type { Socket } from 'socket.io'
import { forbidsQueues, type Pass } from '../../tokens/pass.ts'
import { decodeEvents } from '../../wire/buses.ts'
import { decodeBegun, decodeNotes } from '../../wire/delivered.ts'
import { decodeInflow, type InflowAnswer } from '../../wire/inflow.ts'
import { eventNames } from '../../wire/names.ts'
import { decodeOutcomes } from '../../wire/outcomes.ts'
import type { Decoded } from '../../wire/reader.ts'
import { complainer } from '../complaints.ts'
import type { Surroundings } from '../surroundings.ts'
import type { Deputy } from './deputy.ts'

type Answer = (answer: unknown) => void

/** Events of gateways themselves, which workers do not tell. */
const reserved = /^(token|pause)-/

/** What is heard on one socket. */
export interface Ear {
  readonly socket: Socket
  readonly deputy: Deputy
  readonly pass: Pass
  readonly around: Surroundings
  /** Runs of the worker are over. */
  settled(): void
}

export function hear({ socket, deputy, pass, around, settled }: Ear): void {
  const complain = complainer(socket, around.clock)
  const on = <Frame>(
    event: string,
    decode: (args: readonly unknown[]) => Decoded<Frame>,
    use: (frame: Frame, answer: Answer) => void,
  ) => {
    socket.on(event, (...args: unknown[]) => {
      const last = args.at(-1)
      const decoded = decode(args)
      const answer: Answer = typeof last === 'function' ? (said) => void last(said) : () => {}
      if (decoded.ok) return use(decoded.frame, answer)
      complain(`${event}: ${decoded.reason}`)
      answer({ ok: false, code: 'invalid', message: decoded.reason })
    })
  }
  on(eventNames.outcomes, decodeOutcomes, (entries, answer) => {
    const answers = entries.map((entry) => {
      return entry.ok ? deputy.settle(entry.frame) : { ok: false, code: 'invalid', message: entry.reason }
    })
    // Without an answer all are told again, at another gateway.
    Promise.all(answers).then(
      (said) => {
        answer(said)
        settled()
      },
      () => {},
    )
  })
  on(eventNames.begin, decodeBegun, (runs, answer) => {
    Promise.all(runs.map((run) => deputy.begin(run))).then(answer, (error: unknown) => {
      around.logger.warn({ err: error, worker: deputy.name }, 'runs of a worker could not be begun')
      answer({ ok: false })
    })
  })
  on(eventNames.log, decodeNotes, (notes) => {
    for (const note of notes)
      if (note.ok) deputy.note(note.frame)
      else complain(`${eventNames.log}: ${note.reason}`)
  })
  on(eventNames.inflow, decodeInflow, (inflow, answer) => {
    const message = forbidsQueues(pass, inflow.queues)
    if (message === undefined) {
      deputy.setInflow(inflow)
      deputy.pump()
    }
    answer((message === undefined ? { ok: true } : { ok: false, code: 'forbidden', message }) satisfies InflowAnswer)
  })
  on(eventNames.events, decodeEvents, (events) => {
    for (const event of events) {
      if (!reserved.test(event.type)) around.buses.events?.emit({ ...event, worker: deputy.name })
    }
  })
}
