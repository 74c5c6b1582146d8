/** The parts of a worker through which a task goes, tied together: the intake, the runner, the settler, and the desk that tells of it. */
import type { EventEmitter } from 'node:events'
import { EventDesk } from './event-desk.ts'
import { handlerDesk } from './handler-desk.ts'
import { Intake } from './intake.ts'
import type { WorkerSurface } from './module.ts'
import { Runner } from './runner.ts'
import { Settler } from './settler.ts'
import type { WorkerEvents } from './worker-events.ts'
import type { WorkerSetup } from './worker-options.ts'

/** What the parts need of the worker before it is complete. */
export type PartsHome = EventEmitter<WorkerEvents> &
  Pick<WorkerSurface, 'broker' | 'lamport' | 'revoked' | 'concurrency' | 'report'>

/** What they tell the worker. */
export interface PartsWatch {
  /** A place has become free. */
  readonly onFree: () => void
  /** How many wait for a time of their own has changed. */
  readonly onHeld: () => void
  /** Deliveries of these names should not come for now. */
  readonly onSkip: (names: readonly string[]) => void
}

export interface WorkerParts {
  readonly events: EventDesk
  readonly settler: Settler
  readonly runner: Runner
  readonly intake: Intake
}

export function workerParts(worker: PartsHome, setup: WorkerSetup, watch: PartsWatch): WorkerParts {
  const { broker, lamport, revoked } = worker
  const { name, clock, random, logger, registry, newId, pool } = setup
  const report = (error: unknown): void => worker.report(error)
  const now = (): number => clock.now()
  const desk = new EventDesk({ worker: name, bus: broker.events, emitter: worker, lamport, now, report }, setup.events)
  const settler = new Settler({ clock, random, report })
  const graceMs = setup.settings.abortGraceMs
  const runner = new Runner({ worker: name, clock, random, pool, settler, revoked, desk, graceMs, report, onFree: watch.onFree })
  const intake = new Intake({
    clock,
    registry,
    revoked,
    runner,
    settler,
    desk,
    handlerDesk: handlerDesk({ broker, clock, logger, registry, desk, newId }),
    concurrency: () => worker.concurrency,
    report,
    onHeld: watch.onHeld,
    onSkip: watch.onSkip,
  })
  return { events: desk, settler, runner, intake }
}
