/**
 * This process among those that hold or watch: each is a member of a ring, in which it waits for the lock of the next.
 *
 * Nothing is kept in a table, so a crash leaves nothing behind: who is here is read from the locks, and after that the members
 * tell one another. Everybody hears everything in the same order, which is that of the commits.
 */
import { randomInt } from 'node:crypto'
import { LovageError } from '@lovage/core'
import { lockClass, type Place, placeOf, signed, unsigned } from './channel-name.ts'
import type { Query } from './line.ts'
import { Lookout } from './lookout.ts'
import { type Holder, holderLock, newMember } from './member-id.ts'
import type { Lodger, PostgresSession } from './postgres-session.ts'
import { Pulse } from './pulse.ts'
import { Roster } from './roster.ts'

export class Membership implements Lodger {
  readonly #session: PostgresSession
  readonly #onLost: (holder: string) => void
  readonly #place: Place
  readonly #lockClass: number
  readonly #lookout: Lookout
  readonly #pulse: Pulse
  readonly #roster = new Roster()
  readonly #holds = new Set<number>()
  /** Who was here before the server was restarted, and has not come back yet. */
  readonly #awaited = new Roster()
  #member: number | undefined
  #numbers = 0
  #life: string | undefined
  /** What is heard while the roster is being read. */
  #unread: string[] | undefined
  #timer: NodeJS.Timeout | undefined
  #closed: Promise<void> | undefined

  constructor(session: PostgresSession, onLost: (holder: string) => void) {
    this.#session = session
    this.#onLost = onLost
    this.#place = placeOf(session.schema, 'members')
    this.#lockClass = lockClass(session.schema, 'member')
    this.#lookout = new Lookout({
      line: session.lineOptions,
      lockClass: this.#lockClass,
      channel: this.#place.name,
      cancel: (pid) => session.run('select pg_cancel_backend($1)', [pid]),
    })
    this.#pulse = new Pulse({ heartbeatMs: session.heartbeatMs, beat: () => session.run('select') })
  }

  get isClosed(): boolean {
    return this.#closed !== undefined
  }

  holds({ member, number }: Holder): boolean {
    return member === this.#member && this.#holds.has(number)
  }

  /** Holds one more, once the session is there; it moves with the session. */
  async hold(): Promise<Holder> {
    for (;;) {
      const holder = { member: this.#member as number, number: ++this.#numbers }
      this.#holds.add(holder.number)
      try {
        const [row] = await this.#session.run(`select pg_try_advisory_lock(${holderLock(holder)}) as got`)
        if (row?.got === true) {
          await this.#pulse.start(this.#session.run)
          await this.#session.run(this.#telling('hold', holder.number))
          return holder
        }
        this.#holds.delete(holder.number)
      } catch (error) {
        await this.#rejoin(holder.number, error)
        return holder
      }
    }
  }

  async release(number: number): Promise<void> {
    if (!this.#holds.delete(number) || !this.#session.isUp) return
    const lock = holderLock({ member: this.#member as number, number })
    const words = [this.#telling('release', number), `select pg_advisory_unlock(${lock})`]
    // Without a session the lock is free already.
    await this.#session.run(words.join('; ')).catch(() => {})
    if (this.#holds.size === 0) await this.#pulse.stop(this.#session.run).catch(() => {})
  }

  close(): Promise<void> {
    this.#closed ??= this.#close()
    return this.#closed
  }

  async enter(run: Query): Promise<void> {
    const unread: string[] = []
    this.#unread = unread
    try {
      const [row] = await run('select extract(epoch from pg_postmaster_start_time())::text as life')
      const life = row?.life as string
      await this.#takeLocks(run, life)
      const missing = this.#roster.replace(await this.#seen(run))
      this.#mourn(missing, this.#life !== undefined && this.#life !== life)
      this.#life = life
    } finally {
      this.#unread = undefined
    }
    for (const payload of unread) this.#takeIn(payload)
    this.#aim()
  }

  hear(channel: string, payload: string): void {
    if (channel !== this.#place.name) return
    if (this.#unread !== undefined) {
      this.#unread.push(payload)
      return
    }
    this.#takeIn(payload)
    this.#aim()
  }

  leave(): void {
    // The locks of all others may be free for a moment too, when it is the server that went.
    this.#lookout.aim(undefined)
    this.#pulse.pause()
  }

  /** A process that came back takes the locks that it had, also from a session of its own that the server believes alive. */
  async #takeLocks(run: Query, life: string): Promise<void> {
    if (this.#member === undefined) this.#member = await this.#newMember(run, life)
    else {
      await run(
        `select pg_terminate_backend(pid) from pg_locks
         where locktype = 'advisory' and objsubid = 2 and classid = ${unsigned(this.#lockClass)} and objid = ${this.#member}
           and granted and mode = 'ExclusiveLock' and pid <> pg_backend_pid()
           and database = (select oid from pg_database where datname = current_database())`,
      )
      await run(`select pg_advisory_lock(${this.#lockClass}, ${signed(this.#member)})`)
    }
    const locks = [...this.#holds].map((number) => holderLock({ member: this.#member as number, number }))
    if (this.#holds.size > 0) await this.#pulse.start(run)
    await run(
      [
        `listen ${this.#place.name}`,
        ...locks.map((lock) => `select pg_advisory_lock(${lock})`),
        this.#telling('join'),
        ...this.#tellingHolds(),
      ].join('; '),
    )
  }

  /** Whoever enters the next connection takes all that is to be held. */
  async #rejoin(number: number, cause: unknown): Promise<void> {
    try {
      if (!LovageError.is(cause, 'STORE_UNAVAILABLE')) throw cause
      await this.#session.join()
    } catch (error) {
      this.#holds.delete(number)
      throw error
    }
  }

  async #newMember(run: Query, life: string): Promise<number> {
    for (;;) {
      const member = newMember(life, randomInt(2 ** 24))
      const [row] = await run(`select pg_try_advisory_lock(${this.#lockClass}, ${signed(member)}) as got`)
      if (row?.got === true) return member
    }
  }

  async #seen(run: Query): Promise<ReadonlyMap<number, readonly number[]>> {
    const rows = await run(
      `with locks as materialized (
         select classid::bigint as first, objid::bigint as second, objsubid as kind, mode from pg_locks
         where locktype = 'advisory' and granted
           and database = (select oid from pg_database where datname = current_database())
       )
       select member.second::text as member,
              coalesce((select string_agg(holder.second::text, ' ') from locks holder
                        where holder.kind = 1 and holder.first = member.second), '') as holders
       from locks member
       where member.kind = 2 and member.first = ${unsigned(this.#lockClass)} and member.mode = 'ExclusiveLock'`,
    )
    const seen = rows.map(({ member, holders }) => [Number(member), numbersOf(holders as string)] as const)
    return new Map(seen.filter(([member]) => member !== this.#member))
  }

  #takeIn(payload: string): void {
    const [verb, ...words] = payload.split(' ')
    const [member, ...numbers] = words.map(Number)
    if (member === undefined || member === this.#member) return
    this.#awaited.remove(member)
    if (verb === 'join') this.#roster.join(member, [])
    else if (verb === 'leave') this.#roster.remove(member)
    else if (verb === 'gone') for (const id of this.#roster.remove(member)) this.#onLost(id)
    for (const number of numbers) {
      if (verb === 'hold') this.#roster.hold({ member, number })
      if (verb === 'release') this.#roster.release({ member, number })
    }
  }

  /** Those who went while this process could not hear; after a restart of the server they may still come back. */
  #mourn(missing: Roster, hasRestarted: boolean): void {
    if (!hasRestarted) {
      for (const member of missing.members()) for (const id of missing.remove(member)) this.#onLost(id)
      return
    }
    for (const member of missing.members()) this.#awaited.join(member, missing.holdersOf(member))
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => {
      for (const member of this.#awaited.members()) {
        const ids = this.#awaited.remove(member)
        if (!this.#roster.has(member)) for (const id of ids) this.#onLost(id)
      }
    }, this.#session.graceMs).unref()
  }

  #aim(): void {
    const next = this.#closed === undefined && this.#member !== undefined ? this.#roster.after(this.#member) : undefined
    this.#lookout.aim(next)
  }

  /** A payload is shorter than 8000 bytes. */
  #tellingHolds(): readonly string[] {
    const numbers = [...this.#holds]
    const parts = Array.from({ length: Math.ceil(numbers.length / 500) }, (_, index) =>
      numbers.slice(index * 500, index * 500 + 500),
    )
    return parts.map((part) => this.#telling('hold', ...part))
  }

  #telling(verb: string, ...numbers: readonly number[]): string {
    return `select pg_notify('${this.#place.name}', '${[verb, this.#member, ...numbers].join(' ')}')`
  }

  async #close(): Promise<void> {
    clearTimeout(this.#timer)
    this.#pulse.pause()
    this.#session.dislodge(this)
    await this.#lookout.close()
    if (this.#member === undefined || !this.#session.isUp) return
    const member = this.#member
    const locks = [...this.#holds].map((number) => `select pg_advisory_unlock(${holderLock({ member, number })})`)
    const end = `select pg_advisory_unlock(${this.#lockClass}, ${signed(member)}); unlisten ${this.#place.name}`
    try {
      // Who leaves with nothing in hand is no loss; otherwise whoever watches finds the lock free, as after a crash.
      if (locks.length === 0) await this.#session.run(this.#telling('leave'))
      await this.#session.run([...locks, end].join('; '))
    } catch {
      // The session is gone, and all of this with it.
    }
  }
}

function numbersOf(words: string): readonly number[] {
  return words === '' ? [] : words.split(' ').map(Number)
}
