/** The names of holders, from which everybody can tell the lock that proves them alive. */
import { hash } from 'node:crypto'

/**
 * A process that holds: 32 bits, of which the first eight tell the server's life in which it began. All sessions end with the
 * server, so of those that began in an earlier life nothing is certain until they had time to come back.
 */
export interface Holder {
  readonly member: number
  /** From 1 in each process. */
  readonly number: number
}

const pattern = /^([0-9a-f]{8})\.([1-9]\d{0,8})$/

export function holderId({ member, number }: Holder): string {
  return `${member.toString(16).padStart(8, '0')}.${number}`
}

/** Undefined for what is no holder's id, or one that never had a lock. */
export function holderOf(id: string): Holder | undefined {
  const [, member, number] = pattern.exec(id) ?? []
  return member === undefined ? undefined : { member: Number.parseInt(member, 16), number: Number(number) }
}

/** The id of a holder that no lock proves alive: nobody ever calls it lost, its leases end. */
export function unprovenId(random: number): string {
  return `${holderId({ member: random, number: 1 })}.unproven`
}

/** A number for a new process; `random` has 24 bits. */
export function newMember(serverLife: string, random: number): number {
  return lifeByte(serverLife) * 2 ** 24 + random
}

export function isOfLife(member: number, serverLife: string): boolean {
  return member >>> 24 === lifeByte(serverLife)
}

function lifeByte(serverLife: string): number {
  return Number.parseInt(hash('sha256', serverLife).slice(0, 2), 16)
}

/** The 64 bits of the holder's advisory lock. */
export function holderLock({ member, number }: Holder): bigint {
  return BigInt.asIntN(64, (BigInt(member) << 32n) | BigInt(number))
}
