/** The register: which attendant a worker gets as it comes, and what becomes of those that it had before. */
import type { Socket } from 'socket.io'
import type { Registration } from '../wire/registration.ts'
import { Attendant, type AttendantHome } from './attendant.ts'
import { connectionHolder, instanceHolder } from './identity.ts'
import { type CommandsHome, serveItem } from './item-commands.ts'
import { insist, type Surroundings } from './surroundings.ts'

export class Register {
  readonly #around: Surroundings
  readonly #home: AttendantHome & CommandsHome
  readonly #byHolder = new Map<string, Attendant>()
  readonly #byId = new Map<string, Set<Attendant>>()
  /** Ends of the commands that are served. */
  readonly #served = new Map<Attendant, () => Promise<void>>()

  constructor(around: Surroundings, home: AttendantHome & CommandsHome) {
    this.#around = around
    this.#home = home
  }

  all(): readonly Attendant[] {
    return [...this.#byHolder.values()]
  }

  /** Those of one worker: several of L0, or one of L1 and starts of it that are on their way out. */
  of(id: string): readonly Attendant[] {
    return [...(this.#byId.get(id) ?? [])]
  }

  /** The attendant of a worker that registers: its own from before, or a new one. Not attached yet. */
  async admit(registration: Registration, host: string): Promise<Attendant> {
    const { id, level, instance } = registration
    if (level === 0 || instance === undefined) {
      const mute = this.of(id).find((one) => one.who.registration.level === 0 && one.wentMute && one.losing === undefined)
      return mute ?? this.#add(registration, connectionHolder(id, this.#around.newId()), host)
    }
    const holder = instanceHolder(id, instance)
    this.#replace(id, holder)
    const known = this.#byHolder.get(holder)
    // What it served and does not name any more it may not be allowed to see.
    const servesMore = known?.who.registration.queues.some((queue) => !registration.queues.includes(queue)) === true
    if (known !== undefined && known.losing === undefined && !servesMore) return known
    if (servesMore) known?.lose()
    await known?.losing
    return this.#add(registration, holder, host)
  }

  remove(attendant: Attendant): void {
    const { holder, registration } = attendant.who
    this.#byHolder.delete(holder)
    const others = this.#byId.get(registration.id)
    others?.delete(attendant)
    if (others?.size === 0) this.#byId.delete(registration.id)
    void this.#unserve(attendant)
  }

  /** Nothing is claimed, and no command is served, any more. */
  async close(): Promise<void> {
    await Promise.all(this.all().map((attendant) => Promise.all([attendant.close(), this.#unserve(attendant)])))
  }

  async #unserve(attendant: Attendant): Promise<void> {
    const end = this.#served.get(attendant)
    this.#served.delete(attendant)
    await end?.()
  }

  async #add(registration: Registration, holder: string, host: string): Promise<Attendant> {
    const who = { registration, holder, worker: `${registration.id}@${host}` }
    const attendant = new Attendant(who, this.#around, this.#home)
    await insist(this.#around, `registering worker ${registration.id}`, () => attendant.open())
    this.#served.set(attendant, await serveItem(this.#around, attendant, this.#home))
    this.#byHolder.set(holder, attendant)
    const others = this.#byId.get(registration.id) ?? new Set()
    this.#byId.set(registration.id, others.add(attendant))
    return attendant
  }

  /** Of one worker of L1 the newest start counts: an older one that is gone is not waited for, one that is there is sent away. */
  #replace(id: string, holder: string): void {
    for (const older of this.of(id)) {
      if (older.who.registration.level === 0 || older.who.holder === holder) continue
      if (older.socket === undefined) older.lose()
      else {
        older.say('replaced by a newer instance')
        older.socket.disconnect()
      }
    }
  }
}

/** Where a worker is, as the name of a worker tells it. */
export function hostOf({ handshake }: Socket): string {
  return handshake.address.replace(/^::ffff:/, '')
}
