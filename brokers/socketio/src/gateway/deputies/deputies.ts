/** All deputies of a gateway: one for each start of a Worker that has come here. */
import type { Socket } from 'socket.io'
import type { Pass } from '../../tokens/pass.ts'
import { protocolVersion, type Registration, type RegistrationAnswer } from '../../wire/registration.ts'
import { instanceHolder } from '../identity.ts'
import type { SessionInfo } from '../session-info.ts'
import { insist, type Surroundings } from '../surroundings.ts'
import { heartbeatMs } from '../task-frame.ts'
import { Deputy, type WorkRegistration } from './deputy.ts'
import { hear } from './deputy-ear.ts'

/** Whether a worker is a whole Worker, with a broker of its own over the socket. */
export function isWork(registration: Registration): registration is WorkRegistration {
  return registration.work !== undefined
}

/** A Worker that was let in; `begin` once it knows. */
export interface DeputyWelcome {
  readonly answer: RegistrationAnswer & { readonly ok: true }
  begin(): void
}

export class Deputies {
  readonly #around: Surroundings
  readonly #settled: () => void
  readonly #byHolder = new Map<string, Deputy>()

  /** @param settled hears that runs of some worker are over */
  constructor(around: Surroundings, settled: () => void) {
    this.#around = around
    this.#settled = settled
  }

  all(): readonly Deputy[] {
    return [...this.#byHolder.values()]
  }

  /** A Worker comes, or comes back. Several of one name are several workers. */
  async admit(socket: Socket, registration: WorkRegistration, pass: Pass): Promise<DeputyWelcome> {
    const { id, resume, instance = '' } = registration
    const deputy = await this.#of(instanceHolder(id, instance), registration)
    const older = deputy.socket
    deputy.attach(socket, registration)
    older?.conn.close()
    hear({ socket, deputy, pass, around: this.#around, settled: this.#settled })
    socket.on('disconnect', (reason) => this.#left(deputy, socket, reason))
    const resumed = await insist(this.#around, `taking up the tasks of worker ${id}`, () => deputy.takeUp(resume))
    if (!socket.connected) this.#left(deputy, socket, 'transport close')
    const { leaseMs } = this.#around.settings
    const lost = resume.map((task) => task.id).filter((task) => !resumed.includes(task))
    const times = { heartbeatMs: heartbeatMs(leaseMs), leaseMs }
    const who = { protocol: protocolVersion, session: socket.id }
    return {
      answer: { ok: true, ...who, ...times, resumed, lost, paused: null, features: ['broker'] },
      begin: () => deputy.welcome(),
    }
  }

  sessions(tokenOf: (socket: Socket) => string | undefined): readonly SessionInfo[] {
    return this.all().map(({ socket, registration, holder, name, inflow, runs }) => {
      const token = socket && tokenOf(socket)
      return {
        ...{ id: name, level: 1, holder, worker: name, queues: inflow.queues, labels: registration.labels },
        capacity: inflow.prefetch,
        running: runs.ids,
        connected: socket !== undefined,
        draining: inflow.paused,
        ...(token === undefined ? {} : { token }),
      }
    })
  }

  async close(): Promise<void> {
    await Promise.all(this.all().map((deputy) => deputy.close()))
  }

  async #of(holder: string, registration: WorkRegistration): Promise<Deputy> {
    const known = this.#byHolder.get(holder)
    if (known !== undefined && known.losing === undefined) return known
    await known?.losing
    const deputy = new Deputy(holder, registration, this.#around, () => {
      if (this.#byHolder.get(holder) === deputy) this.#byHolder.delete(holder)
      this.#settled()
    })
    this.#byHolder.set(holder, deputy)
    await insist(this.#around, `registering worker ${registration.id}`, () => deputy.open())
    return deputy
  }

  #left(deputy: Deputy, socket: Socket, reason: string): void {
    // It may have come back on another socket before this one was seen to be closed.
    if (deputy.socket !== socket || this.#around.closing.aborted) return
    deputy.detach(reason === 'client namespace disconnect' || reason === 'server namespace disconnect')
  }
}
